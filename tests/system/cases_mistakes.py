# SPDX-License-Identifier: GPL-2.0-or-later
"""Mistakes of users and of the host: one clear line on standard error, status 1, nothing on standard output."""
import os
import re
import struct
import subprocess

import build
from vm import Failure


def refuse(ctx, args, pattern):
    """The program refuses args with a message that matches; a second line may show the way out."""
    try:
        r = subprocess.run([ctx.qemu] + args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           timeout=10 * ctx.slow, cwd=ctx.tmp, check=False)
    except subprocess.TimeoutExpired:
        raise Failure(f'{" ".join(args)}: accepted') from None
    out, err = r.stdout.decode(), r.stderr.decode()
    lines = err.splitlines()
    what = ' '.join(args)
    if r.returncode != 1:
        raise Failure(f'{what}: status {r.returncode} instead of 1\n{err}')
    if out:
        raise Failure(f'{what}: something on standard output: {out!r}')
    if not 1 <= len(lines) <= 2 or not lines[0].startswith(os.path.basename(ctx.qemu) + ': '):
        raise Failure(f'{what}: not one message after the program\'s name:\n{err}')
    if not re.search(pattern, err, re.S):
        raise Failure(f'{what}: wanted /{pattern}/, got:\n{err}')


def refuse_all(ctx, rows):
    problems = []
    for args, pattern in rows:
        try:
            refuse(ctx, args, pattern)
        except Failure as e:
            problems.append(str(e))
    if problems:
        raise Failure('\n'.join(problems))


def linux_head(size):
    """The start of something that claims to be a bzImage of boot protocol 2.15 with 30 setup sectors."""
    image = bytearray(size)
    image[0x1f1] = 30
    image[0x1fe:0x200] = b'\x55\xaa'
    image[0x202:0x208] = b'HdrS' + struct.pack('<H', 0x020f)
    return bytes(image)


def test_a_kernel_that_is_none_is_refused(ctx):
    folder = os.path.join(ctx.tmp, 'folder')
    os.mkdir(folder)
    refuse_all(ctx, [
        (['-kernel', 'nosuch'], r"'nosuch'.*No such file"),
        (['-kernel', ctx.file('empty')], r'empty'),
        (['-kernel', ctx.file('text', b'This is no kernel.\n' * 1000)], r'neither .*Linux.* nor .*Multiboot'),
        (['-kernel', ctx.file('zeros', bytes(100000))], r'neither .*Linux.* nor .*Multiboot'),
        (['-kernel', ctx.file('cut', linux_head(4000))], r'truncated'),
        (['-kernel', ctx.file('cut-early', linux_head(0x300))], r'truncated|neither'),
        (['-kernel', folder], r'not a regular file|directory'),
        (['-kernel', '/dev/null'], r'not a regular file|empty'),
    ])


def test_a_truncated_real_kernel_is_refused(ctx):
    kernel, _ = build.demo_guest(ctx.build)
    with open(kernel, 'rb') as f:
        head = f.read(10000)
    refuse(ctx, ['-m', '256', '-kernel', ctx.file('vmlinuz', head)], r'truncated')


def test_a_damaged_multiboot_kernel_is_refused(ctx):
    with open(build.probe_kernel(ctx.build), 'rb') as f:
        image = bytearray(f.read())
    refuse(ctx, ['-kernel', ctx.file('cut', bytes(image[:1000]))], r'truncated|damaged')
    image[4] = 2        # ELFCLASS64 in a 32-bit file
    refuse(ctx, ['-kernel', ctx.file('class', bytes(image))], r'32-bit|Multiboot')


def test_an_initrd_that_does_not_fit_is_refused(ctx):
    kernel, _ = build.demo_guest(ctx.build)
    big = ctx.file('big')
    os.truncate(big, 300 << 20)
    refuse_all(ctx, [
        (['-m', '256', '-kernel', kernel, '-initrd', big], r'initrd .*does not fit'),
        (['-m', '256', '-kernel', kernel, '-initrd', 'nosuch'], r"'nosuch'.*No such file"),
        (['-m', '256', '-kernel', kernel, '-initrd', ctx.file('empty')], r'empty'),
        (['-m', '4', '-kernel', kernel], r'does not fit'),
        (['-initrd', big], r'-kernel'),
        (['-append', 'x'], r'-kernel'),
    ])


def test_memory_sizes_that_cannot_be_are_refused(ctx):
    refuse_all(ctx, [
        (['-m', '0'], r'-m 0: .*too small|at least'),
        (['-m', '1'], r'-m 1: .*too small|at least'),
        (['-m', '999T'], r'too large|can address|outside .* to '),
        (['-m', '99999999999T'], r'-m .*'),
        (['-m', 'abc'], r"'abc' is not a size"),
        (['-m', '-5'], r'-m -5: .*'),
    ])


def test_unknown_names_are_answered_with_what_there_is(ctx):
    refuse_all(ctx, [
        (['-kernle', 'x'], r"did you mean '-kernel'"),
        (['-nographics'], r"did you mean '-nographic'"),
        (['-M', 'nosuch'], r"'nosuch'.*-machine help"),
        (['-cpu', 'nosuch'], r"'nosuch'.*-cpu help"),
        (['-cpu', 'qemu64,+nosuch'], r'nosuch'),
        (['-accel', 'nosuch'], r'nosuch.*-accel help'),
        (['-device', 'nosuch'], r'nosuch.*-device help'),
        (['-device', 'isa-debug-exit,nosuch=1'], r'nosuch'),
        (['-device', 'i440FX'], r"expects a pluggable device type\n'i440FX' belongs to the board"),
        (['-device', 'edu,id=a', '-device', 'edu,id=a'], r"Duplicate device ID 'a'"),
        (['-device', 'edu,id=1a'], r"'id' expects an identifier"),
        (['-device', 'edu,addr=5', '-device', 'edu,addr=5.1'], r"single function device can't be populated"),
        (['-device', 'isa-debug-exit,iobase=x'], r'iobase'),
        (['-d', 'nosuch'], r'nosuch'),
        (['-serial', 'nosuch'], r'nosuch'),
        (['-smp', '0'], r'-smp'),
        (['-smp', '3,cores=2'], r'-smp'),
        (['-smp', '250,sockets=50,cores=5'], r'-smp.*APIC IDs'),
        (['-smp', '100000'], r'-smp|max'),
        (['-boot', 'cc'], r'twice'),
        (['-rtc', 'base=yesterday'], r'yesterday'),
        (['disk.img'], r'disk'),
        (['-vnc', 'here'], r'no vnc port specified'),
    ])


def test_help_lists_what_there_is(ctx):
    for args, wanted in ((['-machine', 'help'], 'pc'), (['-cpu', 'help'], 'qemu64'), (['-accel', 'help'], 'tcg'),
                         (['-device', 'help'], 'isa-debug-exit'), (['-d', 'help'], 'in_asm'),
                         (['-help'], '-nographic'), (['--version'], 'version')):
        r = subprocess.run([ctx.qemu] + args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           timeout=20 * ctx.slow, check=False)
        if r.returncode != 0 or r.stderr or wanted not in r.stdout.decode():
            raise Failure(f'{" ".join(args)}: status {r.returncode}, wanted "{wanted}" in:\n{r.stdout.decode()}'
                          f'{r.stderr.decode()}')


def test_missing_firmware_names_the_package(ctx):
    refuse_all(ctx, [
        (['-bios', 'nosuch.bin'], r"'nosuch.bin'.*seabios"),
        (['-bios', '/nonexistent/bios.bin'], r"'/nonexistent/bios.bin'.*seabios"),
        (['-bios', ctx.file('odd.bin', bytes(12345))], r'multiple of 64 KiB|odd.bin'),
        (['-bios', ctx.file('empty.bin')], r'empty.bin'),
    ])


def test_disk_images_that_cannot_be_opened_are_refused(ctx):
    refuse_all(ctx, [
        (['nosuch.img'], r'nosuch.img.*No such file'),
        (['-hda', 'nosuch.img'], r'nosuch.img.*No such file'),
        (['-hda', ctx.tmp], r'directory|regular'),
    ])


def test_files_that_cannot_be_written_are_refused(ctx):
    refuse_all(ctx, [
        (['-d', 'int', '-D', '/nonexistent/log'], r"/nonexistent/log.*No such file"),
        (['-D', ctx.tmp], r'Is a directory'),
        (['-nodefaults', '-serial', 'file:/nonexistent/out'], r'/nonexistent/out.*No such file'),
        (['-nodefaults', '-serial', 'pipe:/nonexistent/p'], r'/nonexistent/p'),
        (['-nodefaults', '-serial', 'unix:/nonexistent/s,server=on,wait=off'], r'/nonexistent/s'),
        (['-nodefaults', '-serial', 'unix:/nonexistent/s'], r'/nonexistent/s'),
        (['-nodefaults', '-pidfile', '/nonexistent/pid'], r'/nonexistent/pid'),
    ])


def test_only_one_can_have_the_terminal(ctx):
    refuse_all(ctx, [
        (['-nodefaults', '-serial', 'stdio', '-serial', 'stdio'], r'stdio is in use'),
        (['-nodefaults', '-serial', 'mon:stdio', '-debugcon', 'stdio'], r'stdio is in use'),
        (['-nographic', '-debugcon', 'stdio'], r'stdio is in use'),
        (['-daemonize', '-nographic'], r'-nographic cannot be used with -daemonize'),
        (['-daemonize', '-display', 'none', '-serial', 'stdio'],
         r'-serial stdio: stdio cannot be used with -daemonize$'),
        (['-daemonize', '-display', 'none', '-device', 'edu,addr=99'], r'-device edu: .*addr'),
    ])


def test_a_character_device_has_one_user(ctx):
    in_use = r"character device 'x' is in use"
    refuse_all(ctx, [
        (['-chardev', 'null,id=x', '-serial', 'chardev:x', '-serial', 'chardev:x'], in_use),
        (['-chardev', 'null,id=x', '-serial', 'chardev:x', '-mon', 'x'], '-mon x: ' + in_use),
        (['-chardev', 'null,id=x', '-monitor', 'chardev:x', '-monitor', 'chardev:x'], '-monitor chardev:x: ' + in_use),
        (['-chardev', 'null,id=x', '-debugcon', 'chardev:x', '-parallel', 'chardev:x'], in_use),
        (['-nodefaults', '-chardev', 'null,id=x', '-device', 'isa-serial,chardev=x',
          '-device', 'isa-serial,chardev=x'], '-device isa-serial: ' + in_use),
    ])


def test_a_mistake_leaves_the_terminal_as_it_was(ctx):
    with ctx.vm(['-nographic', '-kernel', 'nosuch']) as vm:
        status = vm.wait(20)
        if status != 1 or vm.terminal_changed():
            raise Failure(f'status {status}, terminal: {vm.terminal_changed() or "unchanged"}')
