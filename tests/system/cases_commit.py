# SPDX-License-Identifier: GPL-2.0-or-later
"""What a machine with temporary disks has written is kept, when its user says so: "commit" and Ctrl-A s."""
import build
from cases_linux import BOOT
from cases_snapshots import NOTHING, check_clean, drive, image, img, leave, machine
from vm import PROMPT, Failure, shell

OFFSET = 300            # KiB


def held(ctx, path, fmt):
    raw = ctx.file('held.raw')
    img(ctx, 'convert', '-f', fmt, '-O', 'raw', path, raw)
    with open(raw, 'rb') as f:
        f.seek(OFFSET << 10)
        return f.read(6).decode('latin-1').strip('\0')


def put(vm, word):
    shell(vm, f'for d in a b; do echo {word} | dd of=/dev/sd$d bs=1k seek={OFFSET} conv=fsync,notrunc 2>/dev/null; '
              'done; echo 3 > /proc/sys/vm/drop_caches')


def check_guest(vm, word):
    seen = shell(vm, f'for d in a b; do dd if=/dev/sd$d bs=1k skip={OFFSET} count=1 2>/dev/null | head -c 6; done')
    if seen.split() != [word, word]:
        raise Failure(f'the guest sees {seen}')


def check_images(ctx, disks, word):
    for path, fmt in disks:
        if held(ctx, path, fmt) != word:
            raise Failure(f'{path} holds {held(ctx, path, fmt)}, not {word}')


def test_temporary_disks_are_kept_on_demand(ctx):
    kernel, _ = build.demo_guest(ctx.build)
    initrd = build.initrd_with_modules(ctx.build, build.DISK_MODULES, 'disks', ctx.tmp)
    disks = ((image(ctx, 'a.qcow2', '16M'), 'qcow2'), (image(ctx, 'b.raw', '16M', 'raw'), 'raw'))
    linux = ['-display', 'none', '-serial', 'mon:stdio', '-m', '256', '-snapshot', '-kernel', kernel, '-initrd', initrd,
             '-append', 'console=ttyS0'] + drive(*disks[0]) + drive(*disks[1])
    with machine(ctx, linux) as (vm, hmp):
        vm.expect(PROMPT, BOOT)
        shell(vm, build.load_modules(build.DISK_MODULES, '/dev/sdb'))
        put(vm, 'first')
        check_images(ctx, disks, '')
        hmp.expect('commit all', NOTHING, 60)
        check_images(ctx, disks, 'first\n')
        check_guest(vm, 'first')
        put(vm, 'other')
        check_images(ctx, disks, 'first\n')
        hmp.expect('commit ide0-hd1', NOTHING, 60)
        check_images(ctx, disks[:1], 'first\n')
        check_images(ctx, disks[1:], 'other\n')
        check_guest(vm, 'other')
        put(vm, 'third')
        vm.send('\x01s')
        check_guest(vm, 'third')            # when the machine goes on, it is done
        check_images(ctx, disks, 'third\n')
        put(vm, 'never')
        leave(vm, hmp)
    check_images(ctx, disks, 'third\n')
    check_clean(ctx, disks[0][0])


def test_what_cannot_be_kept_is_said(ctx):
    base, other = image(ctx, 'base.qcow2', '1M'), image(ctx, 'other.raw', '1M', 'raw')
    top, second = ctx.file('top.qcow2'), ctx.file('second.qcow2')
    for path in (top, second):
        img(ctx, 'create', '-q', '-f', 'qcow2', '-b', base, '-F', 'qcow2', path)
    small = ['-display', 'none', '-net', 'none', '-m', '32', '-S']
    with machine(ctx, small + drive(top) + drive(other, 'raw')) as (vm, hmp):
        for line, pattern in (
            ('commit ide0-hd0', NOTHING), ('commit all', NOTHING),
            ('commit nosuch', "^Error: Device 'nosuch' not found$"),
            ('commit ide1-cd0', "^Error: Device 'ide1-cd0' has no medium$"),
            ('commit ide0-hd1', "^Error: Device 'ide0-hd1' has no image below it that could be written back to$"),
        ):
            hmp.expect(line, pattern, 30)
        with machine(ctx, small + drive(second), 'm2') as (vm2, hmp2):
            hmp.expect('commit ide0-hd0', '^Error: Failed to get "write" lock')
            leave(vm2, hmp2)
        hmp.expect('commit ide0-hd0', NOTHING)
        hmp.expect('info status', r'^VM status: paused \(prelaunch\)$')
        leave(vm, hmp)
    with machine(ctx, small + drive(top)) as (vm, hmp):
        hmp.expect('savevm s', NOTHING, 30)
        hmp.expect('commit all', "^Error: Device 'ide0-hd0' has snapshots, whose contents would change$")
        leave(vm, hmp)
