# SPDX-License-Identifier: GPL-2.0-or-later
"""What the system tests need built: the probe kernel, and the demo guest. Made once, kept in the build folder."""
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
SRC = os.path.abspath(os.path.join(HERE, '..', '..'))


class Skip(Exception):
    """Why a test cannot run on this host."""


def run_tool(command, failure):
    r = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if r.returncode:
        raise failure(f'"{" ".join(command)}" failed: {r.stdout.decode("utf-8", "replace").strip()}')


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


def boot_sector(build, name):
    """Path of kernels/NAME.S as a disk of one sector."""
    folder = os.path.join(build, 'tests', 'system')
    obj, out = os.path.join(folder, name + '.o'), os.path.join(folder, name + '.img')
    os.makedirs(folder, exist_ok=True)
    run_tool(os.environ.get('CC', 'gcc').split() + ['-c', '-o', obj, os.path.join(HERE, 'kernels', name + '.S')],
             RuntimeError)
    run_tool(['ld', '-e', '0', '-Ttext=0x7c00', '--oformat', 'binary', '-o', out, obj], RuntimeError)
    return out


no_guest = None     # why there is no demo guest; asked once


def demo_guest(build):
    """(kernel, initrd) of scripts/make-demo-guest; Skip when its packages are out of reach."""
    global no_guest     # pylint: disable=global-statement
    folder = os.path.join(build, 'demo')
    paths = os.path.join(folder, 'vmlinuz'), os.path.join(folder, 'initrd.gz')
    script = os.path.join(SRC, 'scripts', 'make-demo-guest')
    if all(os.path.exists(p) and os.stat(p).st_mtime > os.stat(script).st_mtime for p in paths):
        return paths
    if no_guest is None:
        try:
            run_tool([script, folder], Skip)
            no_guest = ''
        except Skip as e:
            no_guest = 'no demo guest: ' + ' '.join(str(e).split())
    if no_guest:
        raise Skip(no_guest)
    return paths


def on_both_back_ends(test):
    """Marks a test that is worth repeating with the interpreter."""
    test.on_both_back_ends = True
    return test
