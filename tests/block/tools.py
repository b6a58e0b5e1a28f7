# SPDX-License-Identifier: GPL-2.0-or-later
"""What the block tests share: the tools under test, the distribution's as a second opinion, images with a model."""
import os
import random
import shutil
import subprocess

BUILD = os.environ.get("BUILD", "build")
IMG = os.path.join(BUILD, "qemu-img")
IO = os.path.join(BUILD, "qemu-io")


def other(name):
    """The distribution's program of that name, never ours."""
    for path in os.environ.get("PATH", "").split(":") + ["/usr/bin"]:
        full = os.path.join(path, name)
        if os.access(full, os.X_OK) and os.path.realpath(full) != os.path.realpath(os.path.join(BUILD, name)):
            return full
    return None


SLOW = float(os.environ.get("DEADLINE_FACTOR", "6"))     # limits are for what hangs, on hosts of any speed
OTHER_IMG, OTHER_IO = other("qemu-img"), other("qemu-io")


class Skip(Exception):
    """The test needs something that is not here."""


def need(*programs):
    for program, name in ((p, n) for p, n in zip(programs[::2], programs[1::2]) if not p):
        raise Skip(f"{name} of the distribution is not installed (package qemu-utils)")


def run(*args, status=0, timeout=60, **kw):
    """Output (both streams) of a program that has to end with that status (None: any but a signal)."""
    p = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout * SLOW,
                       stdin=subprocess.DEVNULL, check=False, **kw)
    out = p.stdout.decode(errors="replace")
    wanted = p.returncode >= 0 if status is None else p.returncode == status
    if not wanted or "Sanitizer" in out or "runtime error" in out:
        raise AssertionError(f"{' '.join(map(str, args))}\nstatus {p.returncode}, wanted {status}:\n{out}")
    return out


def img(*args, **kw):
    return run(IMG, *args, **kw)


def io(path, *commands, program=None, status=0, **kw):
    args = [program or IO, "-f", kw.pop("fmt", "qcow2")]
    for c in commands:
        args += ["-c", c]
    return run(*args, path, status=status, **kw)


def contents(path, fmt, program=None, snapshot=None):
    """All bytes of the disk, as the program (ours) converts them."""
    raw = path + ".raw"
    args = [program or IMG, "convert", "-f", fmt, "-O", "raw"]
    if snapshot:
        args += ["-l", snapshot]
    run(*args, path, raw)
    with open(raw, "rb") as f:
        data = f.read()
    os.unlink(raw)
    return data


def first_difference(a, b):
    if len(a) != len(b):
        return f"sizes {len(a)} and {len(b)}"
    for i in range(0, len(a), 512):
        if a[i:i + 512] != b[i:i + 512]:
            j = next(k for k in range(i, min(i + 512, len(a))) if a[k] != b[k])
            return f"byte {j} ({j:#x}): {a[j]:#x} and {b[j]:#x}"
    return None


def same(got, wanted, what):
    diff = first_difference(got, wanted)
    if diff:
        raise AssertionError(f"{what}: got and wanted differ: {diff}")


def check(path, fmt="qcow2", leaks=False):
    """Ours and the distribution's find nothing (leaks: nothing worse than those)."""
    for program in filter(None, (IMG, OTHER_IMG)):
        p = subprocess.run([program, "check", "-f", fmt, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           check=False, timeout=120 * SLOW)
        if p.returncode not in ((0, 3) if leaks else (0,)):
            raise AssertionError(f"{program} check {path}: status {p.returncode}\n{p.stdout.decode()[:2000]}")


def new_rng(seed):
    return random.Random(seed)


def settle(*paths):
    """What a file takes on the disk is final: file systems choose its blocks when they write them."""
    for path in paths:
        with open(path, "rb") as f:
            os.fsync(f.fileno())


def fresh_dir(path):
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    os.chdir(path)
