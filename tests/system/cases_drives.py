# SPDX-License-Identifier: GPL-2.0-or-later
"""Drives under Linux' own drivers: floppy disks of all formats (one without SLOW=1)."""
import hashlib
import os
import random

import build
from cases_linux import BOOT
from cases_snapshots import NOTHING, leave, machine
from vm import PROMPT, Failure, shell

# KiB and what Linux calls floppy_struct: size, sectors, heads, tracks, stretch, gap, rate, spec1, gap to format with
FIVE_INCHES = (
    (360, '720 9 2 40 1 0x23 0x01 0xdf 0x50'), (160, '320 8 1 40 1 0x2a 0x01 0xdf 0x50'),
    (180, '360 9 1 40 1 0x2a 0x01 0xdf 0x50'), (320, '640 8 2 40 1 0x2a 0x01 0xdf 0x50'),
    (1200, '2400 15 2 80 0 0x1b 0x00 0xdf 0x54'),
)
THREE_INCHES = (
    (1440, '2880 18 2 80 0 0x1b 0x00 0xcf 0x6c'), (720, '1440 9 2 80 0 0x2a 0x02 0xdf 0x50'),
    (1680, '3360 21 2 80 0 0x1c 0x00 0xcf 0x0c'), (1722, '3444 21 2 82 0 0x25 0x00 0xdf 0x0c'),
    (2880, '5760 36 2 80 0 0x1b 0x43 0xaf 0x54'),
)
MODULE = 'floppy'
FILL = b'\xf6'          # what Linux formats with
SECTOR = 512


def read_file(path):
    with open(path, 'rb') as f:
        return f.read()


def digest(data):
    return hashlib.md5(data).hexdigest()


def check_read(vm, device, data):
    seen = shell(vm, f'md5sum < {device}', 60).split()
    if seen[:1] != [digest(data)]:
        raise Failure(f'{device}: wanted {digest(data)}, the guest reads {seen}')


def check_disk(vm, hmp, name, device, image, geometry):
    """The guest reads all of it, writes a part, formats a track; the image has it all."""
    data = bytearray(read_file(image))
    _, secs, heads, tracks = (int(n) for n in geometry.split()[:4])
    side, formatted, last = secs * SECTOR, (5 * heads + heads - 1) * secs * SECTOR, (tracks - 1) * heads * secs * SECTOR
    length = min(side + 2 * SECTOR, side * heads)       # into the other side
    hmp.expect(f'change {name} {image} raw', NOTHING)
    # The driver forgets what it was told when it first meets a new disk.
    out = shell(vm, f'head -c 512 {device} > /dev/null 2>&1; fdtool set {device} {geometry}', 60)
    if 'fdtool' in out:
        raise Failure(out)
    check_read(vm, device, data)
    shell(vm, f'dd if=/bin/busybox of={device} bs=512 seek={last // SECTOR} count={length // SECTOR} '
              'conv=notrunc,fsync 2>/dev/null', 60)
    seen = shell(vm, f'head -c {length} /bin/busybox | md5sum; fdtool format {device} 5 {heads - 1}', 60)
    written = read_file(image)[last:last + length]
    data[formatted:formatted + side] = FILL * side
    data[last:last + length] = written
    if seen.split() != [digest(written), '-'] or read_file(image) != data:
        raise Failure(f'{image} is not what the guest wrote and formatted: {seen}')
    shell(vm, 'echo 3 > /proc/sys/vm/drop_caches')
    check_read(vm, device, data)
    hmp.expect(f'eject {name}', NOTHING)


def test_linux_reads_writes_and_formats_floppies_of_all_formats(ctx):
    kernel, _ = build.demo_guest(ctx.build)
    files = [(f'{MODULE}.ko', 0o644, build.kernel_modules(ctx.build, (MODULE,))[0]),
             ('bin/fdtool', 0o755, build.fdtool_program(ctx.build))]
    initrd = build.initrd_with_files(ctx.build, files, 'floppy', ctx.tmp)
    noise = random.Random(82078)
    args = ['-display', 'none', '-serial', 'stdio', '-m', '256', '-nodefaults', '-kernel', kernel, '-initrd', initrd,
            '-append', 'console=ttyS0', '-drive', 'if=none,id=a', '-drive', 'if=none,id=b',
            '-device', 'floppy,drive=a,drive-type=120', '-device', 'floppy,drive=b']
    with machine(ctx, args) as (vm, hmp):
        vm.expect(PROMPT, BOOT)
        seen = shell(vm, f'dmesg -n 1; insmod /{MODULE}.ko; until test -e /dev/fd1; do :; done; '
                         'cat /sys/block/fd?/device/cmos')
        if seen.split()[-2:] != ['2', '5']:
            raise Failure(f'types of drives: {seen}')
        disks = [('a', '/dev/fd0', f) for f in FIVE_INCHES] + [('b', '/dev/fd1', f) for f in THREE_INCHES]
        for name, device, (kib, geometry) in disks if ctx.long else disks[:1]:
            image = ctx.file(f'{kib}.img', noise.randbytes(kib << 10))
            check_disk(vm, hmp, name, device, image, geometry)
        leave(vm, hmp)
