# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the system tests need built: the probe kernel, and the demo guest. Made once, kept in the build folder, for whoever
else runs tests there at the same time: one makes it and the others wait, and a file is there when it is complete.
"""
import fcntl
import functools
import gzip
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.path.abspath(os.path.join(HERE, '..', '..'))


class Skip(Exception):
    """Why a test cannot run on this host."""


def run_tool(command, failure):
    r = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if r.returncode:
        raise failure(f'"{" ".join(command)}" failed: {r.stdout.decode("utf-8", "replace").strip()}')


def one_at_a_time(make):
    """Marks what makes files in the build folder, its first argument: who comes second waits, and finds them."""
    @functools.wraps(make)
    def wrapper(build, *args, **kw):
        folder = os.path.join(build, 'tests', 'system')
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, make.__name__ + '.lock'), 'w', encoding='ascii') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return make(build, *args, **kw)
    return wrapper


def compiled(out, sources, args):
    """A program of the host's compiler, kept until a source changes."""
    if not os.path.exists(out) or any(os.stat(s).st_mtime > os.stat(out).st_mtime for s in sources):
        os.makedirs(os.path.dirname(out), exist_ok=True)
        run_tool(os.environ.get('CC', 'gcc').split() + ['-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror', '-static']
                 + args + ['-o', out + '.tmp'] + [s for s in sources if s.endswith('.c')], RuntimeError)
        os.rename(out + '.tmp', out)
    return out


@one_at_a_time
def probe_kernel(build):
    """Path of kernels/probe.c as a Multiboot kernel."""
    src = os.path.join(HERE, 'kernels')
    folder = os.path.join(build, 'tests', 'system')
    out = os.path.join(folder, 'probe.elf')
    sources = [os.path.join(src, f) for f in ('start.S', 'probe.c')]
    if os.path.exists(out) and all(os.stat(s).st_mtime < os.stat(out).st_mtime for s in sources):
        return out
    os.makedirs(folder, exist_ok=True)
    cc = os.environ.get('CC', 'gcc').split()
    objects = [os.path.join(folder, os.path.basename(s) + '.o') for s in sources]
    for s, o in zip(sources, objects):
        run_tool(cc + ['-m32', '-O2', '-Wall', '-Wextra', '-Werror', '-ffreestanding', '-fno-pie',
                       '-fno-stack-protector', '-fcf-protection=none', '-fno-asynchronous-unwind-tables',
                       '-mgeneral-regs-only', '-c', '-o', o, s], RuntimeError)
    run_tool(['ld', '-m', 'elf_i386', '-N', '-Ttext=0x100000', '-z', 'noexecstack', '-e', 'start', '-o', out + '.tmp']
             + objects, RuntimeError)
    os.rename(out + '.tmp', out)
    return out


def boot_sector(folder, name):
    """Path of kernels/NAME.S as a disk of one sector in folder."""
    obj, out = os.path.join(folder, name + '.o'), os.path.join(folder, name + '.img')
    run_tool(os.environ.get('CC', 'gcc').split() + ['-c', '-o', obj, os.path.join(HERE, 'kernels', name + '.S')],
             RuntimeError)
    run_tool(['ld', '-e', '0', '-Ttext=0x7c00', '--oformat', 'binary', '-o', out, obj], RuntimeError)
    return out


out_of_reach = {}   # what could not be had, and why; asked once


def fetch(what, command):
    if what not in out_of_reach:
        try:
            run_tool(command, Skip)
            return
        except Skip as e:
            out_of_reach[what] = f'no {what}: ' + ' '.join(str(e).split())
    raise Skip(out_of_reach[what])


@one_at_a_time
def demo_guest(build, arch='amd64'):
    """(kernel, initrd) of scripts/make-demo-guest; Skip when its packages are out of reach."""
    folder = os.path.join(build, 'demo' if arch == 'amd64' else f'demo-{arch}')
    paths = os.path.join(folder, 'vmlinuz'), os.path.join(folder, 'initrd.gz')
    script = os.path.join(SRC, 'scripts', 'make-demo-guest')
    if not all(os.path.exists(p) and os.stat(p).st_mtime > os.stat(script).st_mtime for p in paths):
        fetch(f'demo guest ({arch})', [script, '-a', arch, folder])
    return paths


def cpio_entry(name, mode, data, inode):
    """One file of a "newc" archive (Linux, Documentation/driver-api/early-userspace/buffer-format.rst)."""
    name = name.encode() + b'\0'
    head = '070701' + ''.join(f'{v:08x}' for v in (inode, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name), 0))
    text = head.encode() + name
    text += b'\0' * (-len(text) % 4) + data
    return text + b'\0' * (-len(text) % 4)


# Modules in the order in which they are loaded: what an IDE disk needs, and a linear framebuffer.
DISK_MODULES = ('scsi_common', 'scsi_mod', 'libata', 'ata_piix', 'crc64', 'crc64_rocksoft_generic', 'crc64-rocksoft',
                'crct10dif_common', 'crct10dif_generic', 'crc-t10dif', 't10-pi', 'sd_mod')
SCREEN_MODULES = ('drm', 'drm_kms_helper', 'ttm', 'drm_ttm_helper', 'drm_vram_helper', 'bochs')


@one_at_a_time
def kernel_modules(build, names):
    """Files of the demo guest's kernel package, in the order of the names."""
    demo_guest(build)
    folder = os.path.join(build, 'demo', 'modules')
    paths = [os.path.join(folder, f'{name}.ko') for name in names]
    if not all(os.path.exists(p) for p in paths):
        os.makedirs(folder, exist_ok=True)
        fetch('kernel modules', ['sh', '-ec', 'p=$(ls "$0"/packages/linux-image-[0-9]*.deb); f=$1; shift; '
                                 'dpkg-deb --fsys-tarfile "$p" | '
                                 'tar -x -C "$f" --wildcards --transform="s,.*/,," "$@"', os.path.join(build, 'demo'),
                                 folder, *(f'*/{name}.ko' for name in names)])
    return paths


@one_at_a_time
def kernel_headers(build):
    """The folder in which modules for the demo guest's kernel are built: Debian's packages, unpacked below build."""
    demo_guest(build)
    folder = os.path.join(build, 'demo', 'headers')
    made = os.path.join(folder, 'made')
    if not os.path.exists(made):
        os.makedirs(folder, exist_ok=True)
        # What the packages put below /usr/src is elsewhere here; only one Makefile says so.
        fetch('kernel headers', ['sh', '-ec', 'cd "$0"; v=$(ls ../packages/linux-image-[0-9]*.deb); '
                                 'v=${v##*/linux-image-}; v=${v%%-amd64_*}; '
                                 'apt-get -q download "linux-headers-$v-amd64" "linux-headers-$v-common" '
                                 '"linux-kbuild-${v%.*}"; for p in ./*.deb; do dpkg-deb -x "$p" .; done; '
                                 'echo "include $0/usr/src/linux-headers-$v-common/Makefile" > '
                                 '"usr/src/linux-headers-$v-amd64/Makefile"; '
                                 'ln -sfn "usr/src/linux-headers-$v-amd64" made', folder])
    return made


def kernel_module(build, name, folder):
    """drivers/NAME.c as a module for the demo guest's kernel, made in folder."""
    shutil.copy(os.path.join(HERE, 'drivers', f'{name}.c'), folder)
    with open(os.path.join(folder, 'Makefile'), 'w', encoding='ascii') as f:
        f.write(f'obj-m := {name}.o\n')
    if not shutil.which('gcc-12'):
        raise Skip('no gcc-12, which Debian 12 builds its kernel with')
    # Without what a make that runs the tests has put into the environment.
    run_tool(['env', '-i', f'PATH={os.environ["PATH"]}', 'make', '-s', '-C', kernel_headers(build), f'M={folder}',
              'modules'], RuntimeError)
    return os.path.join(folder, f'{name}.ko')


def initrd_with_files(build, files, name, folder):
    """The demo guest's initrd with (path, mode, file of ours) as a second archive behind it: a file in folder."""
    _, initrd = demo_guest(build)
    out = os.path.join(folder, f'{name}-initrd.gz')
    archive = b''
    for inode, (path, mode, source) in enumerate(files):
        with open(source, 'rb') as f:
            archive += cpio_entry(path, 0o100000 | mode, f.read(), inode + 1)
    archive += cpio_entry('TRAILER!!!', 0, b'', 0)
    with open(initrd, 'rb') as f, open(out, 'wb') as to:
        base = f.read()
        to.write(base + b'\0' * (-len(base) % 4) + gzip.compress(archive, 9, mtime=0))
    return out


def initrd_with(build, program, name, folder):
    """The same with a program in its /bin."""
    return initrd_with_files(build, [(f'bin/{name}', 0o755, program)], name, folder)


def initrd_with_modules(build, names, name, folder):
    """The same with kernel modules; load_modules() is what the guest's shell does with them."""
    files = [(os.path.basename(path), 0o644, path) for path in kernel_modules(build, names)]
    return initrd_with_files(build, files, name, folder)


def load_modules(names, device):
    """A shell command: loads them and ends when there is the device."""
    return f'for m in {" ".join(names)}; do insmod /$m.ko; done; until test -e {device}; do :; done'


@one_at_a_time
def torture_program(build):
    """torture/*.c as a static program, for the guest and for the host."""
    src = os.path.join(HERE, 'torture')
    # One association of floating point and no instructions that only some processors have: one result everywhere.
    return compiled(os.path.join(build, 'tests', 'system', 'torture'),
                    [os.path.join(src, f) for f in sorted(os.listdir(src))],
                    ['-pthread', '-mcx16', '-ffp-contract=off'])


@one_at_a_time
def fdtool_program(build):
    """drives/fdtool.c as a static program for the guest."""
    return compiled(os.path.join(build, 'tests', 'system', 'fdtool'), [os.path.join(HERE, 'drives', 'fdtool.c')], [])


@one_at_a_time
def packaged(build, package, path):
    """A file out of a Debian package, which is downloaded when it has not been; Skip when that cannot be."""
    folder = os.path.join(build, 'packages', package)
    found = os.path.join(folder, path)
    if not os.path.exists(found):
        os.makedirs(folder, exist_ok=True)
        # In a folder of its own: apt's name for the file is not foreseeable.
        fetch(f'package {package}', ['sh', '-c', 'cd "$0" && apt-get -q download "$1" && dpkg-deb -x ./*.deb .',
                                     folder, package])
    return found


def on_both_back_ends(test):
    """Marks a test that is worth repeating with the interpreter."""
    test.on_both_back_ends = True
    return test
