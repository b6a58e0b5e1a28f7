# SPDX-License-Identifier: GPL-2.0-or-later
"""What scripts/bench measures of qemu-img: conversions, checks and new images, on files in the host's cache."""
import os
import random
import resource
import shutil
import subprocess
import time

from vm import Failure

MIB = 1 << 20
ROWS = (
    ('raw to qcow2', ('convert', '-O', 'qcow2', 'half.raw', 'out')),
    ('qcow2 to raw', ('convert', '-O', 'raw', 'half.qcow2', 'out')),
    ('qcow2 -c', ('convert', '-c', '-O', 'qcow2', 'half.qcow2', 'out')),
    ('check 1 TiB', ('check', 'sparse.qcow2')),
    ('create 1 TiB', ('create', '-q', '-f', 'qcow2', 'out', '1T')),
)


def tool(command):
    """qemu-img beside the emulator of that command line; None when there is none."""
    path = os.path.join(os.path.dirname(os.path.realpath(shutil.which(command[0]))), 'qemu-img')
    return path if os.access(path, os.X_OK) else None


def text_like(rng, words):
    """A MiB of words, some of them often, that shrinks to less than half, as programs and texts do."""
    out = b' '.join(words[int(len(words) ** rng.random()) - 1] for _ in range(MIB // 5))
    return out[:MIB]


def make(img, work, mib):
    """half.raw and half.qcow2: every other MiB has data; sparse.qcow2: 1 TiB with 3000 clusters all over it."""
    rng = random.Random(1)
    letters = b'eeeeetttaaooiinnsshhrrdlucmfwygpbvk'
    words = [bytes(rng.choices(letters, k=rng.randrange(2, 12))) for _ in range(20000)]
    with open(os.path.join(work, 'half.raw'), 'wb') as f:
        f.truncate(mib * MIB)
        for at in range(0, mib, 2):
            f.seek(at * MIB)
            f.write(text_like(rng, words))
    subprocess.run([img, 'convert', '-O', 'qcow2', 'half.raw', 'half.qcow2'], cwd=work, check=True)
    subprocess.run([img, 'create', '-q', '-f', 'qcow2', 'sparse.qcow2', '1T'], cwd=work, check=True)
    commands = [c for _ in range(3000) for c in ('-c', f'write -q {rng.randrange(0, MIB)}M 64k')]
    subprocess.run([os.path.join(os.path.dirname(img), 'qemu-io'), '-f', 'qcow2', *commands, 'sparse.qcow2'], cwd=work,
                   check=True)


def run(img, work, args):
    """Elapsed and CPU seconds."""
    out = os.path.join(work, 'out')
    if os.path.exists(out):
        os.unlink(out)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    p = subprocess.run([img, *args], cwd=work, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    elapsed, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if p.returncode:
        raise Failure(f'{img} {" ".join(args)}: {p.stderr.decode(errors="replace")}')
    return elapsed, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
