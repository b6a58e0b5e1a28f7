# SPDX-License-Identifier: GPL-2.0-or-later
"""Drives under Linux' own drivers: floppy disks of all formats (one without SLOW=1), large disks, CDs that change, a
host that is full."""
import contextlib
import hashlib
import os
import random
import subprocess

import build
from cases_linux import BOOT
from cases_snapshots import NOTHING, check_clean, drive, image, leave, machine, wait_for_state
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


CD_MODULES = build.DISK_MODULES + ('cdrom', 'sr_mod')
LAST = (3 << 40) // SECTOR - 1


def sparse(ctx, name, size):
    path = ctx.file(name)
    os.truncate(path, size)
    return path


def test_linux_reaches_the_end_of_large_disks(ctx):
    """3 TiB and 5 GiB, whatever the geometry; a DVD of 4.3 GiB."""
    kernel, _ = build.demo_guest(ctx.build)
    initrd = build.initrd_with_modules(ctx.build, CD_MODULES, 'disks', ctx.tmp)
    small, cd, dvd = (sparse(ctx, *f) for f in (('5G', 5 << 30), ('cd', 3 << 20), ('dvd', 4400 << 20)))
    args = ['-display', 'none', '-serial', 'stdio', '-m', '256', '-nodefaults', '-kernel', kernel, '-initrd', initrd,
            '-append', 'console=ttyS0', '-drive', f'file={image(ctx, "large", "3T")},if=none,id=a,format=qcow2',
            '-device', 'ide-hd,drive=a,cyls=1000,heads=16,secs=63,bus=ide.0,unit=0', '-drive',
            f'file={small},format=raw,index=3', '-drive', f'id=cd,index=2,media=cdrom,format=raw,file={dvd}']
    with machine(ctx, args) as (vm, hmp):
        vm.expect(PROMPT, BOOT)
        shell(vm, 'dmesg -n 1; ' + build.load_modules(CD_MODULES, '/dev/sr0') +
              '; until test -e /dev/sda -a -e /dev/sdb; do :; done', 60)
        seen = shell(vm, 'cat /sys/block/sd?/size /sys/block/sr0/size').split()
        wanted = {str(n // SECTOR) for n in (3 << 40, 5 << 30, 4400 << 20)}
        if set(seen) != wanted:
            raise Failure(f'sizes: {seen}')
        seen = shell(vm, f'd=/dev/sda; test {seen[0]} = {LAST + 1} || d=/dev/sdb; '
                         f'echo end | dd of=$d seek={LAST} conv=fsync 2>/dev/null; echo 3 > /proc/sys/vm/drop_caches; '
                         f'dd if=$d skip={LAST} 2>/dev/null | head -c 3; echo; '
                         'dd if=/dev/sr0 bs=2048 skip=2252799 2>/dev/null | md5sum', 60).split()
        if seen[:2] != ['end', digest(bytes(2048))]:
            raise Failure(f'the ends: {seen}')
        hmp.expect('eject -f cd', NOTHING)
        shell(vm, 'head -c 1 /dev/sr0')
        hmp.expect(f'change cd {cd} raw', NOTHING)
        check_read(vm, '/dev/sr0', bytes(3 << 20))
        leave(vm, hmp)


@contextlib.contextmanager
def small_file_system(ctx):
    """A folder that holds 4 MiB, and what makes it larger."""
    path = os.path.join(ctx.tmp, 'small')
    os.makedirs(path, exist_ok=True)
    done = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'none', path], check=False, capture_output=True)
    if done.returncode:
        raise build.Skip('needs to mount a tmpfs')
    try:
        yield path, lambda: subprocess.run(['mount', '-o', 'remount,size=64m', path], check=True)
    finally:
        subprocess.run(['umount', path], check=True)


def test_a_full_host_stops_the_machine_until_there_is_room(ctx):
    kernel, _ = build.demo_guest(ctx.build)
    initrd = build.initrd_with_modules(ctx.build, build.DISK_MODULES, 'disks', ctx.tmp)
    linux = ['-display', 'none', '-serial', 'stdio', '-m', '256', '-kernel', kernel, '-initrd', initrd, '-append',
             'console=ttyS0']
    for fmt in ('qcow2', 'raw'):
        with small_file_system(ctx) as (folder, enlarge):
            disk = image(ctx, os.path.join(folder, fmt), '1G', fmt)
            with machine(ctx, linux + drive(disk, fmt), fmt) as (vm, hmp):
                vm.expect(PROMPT, BOOT)
                shell(vm, 'dmesg -n 1; ' + build.load_modules(build.DISK_MODULES, '/dev/sda') +
                      '; dd if=/dev/urandom of=/tmp/noise bs=64k count=160 2>/dev/null')
                vm.send('dd if=/tmp/noise of=/dev/sda bs=64k seek=99 conv=fsync\n')
                wait_for_state(vm, hmp, 'paused (io-error)', 60)
                hmp.expect('cont', NOTHING)             # as full as before
                wait_for_state(vm, hmp, 'paused (io-error)', 60)
                enlarge()
                hmp.expect('cont', NOTHING)
                vm.expect('160[+]0 records out', 60)
                vm.expect(PROMPT, 60)
                seen = shell(vm, 'echo 3 > /proc/sys/vm/drop_caches; md5sum < /tmp/noise; '
                                 'dd if=/dev/sda bs=64k skip=99 count=160 2>/dev/null | md5sum; dmesg | grep -i error')
                if len(seen.split()) != 4 or seen.split()[0] != seen.split()[2]:
                    raise Failure(f'{fmt}: {seen}')
                leave(vm, hmp)
            if fmt == 'qcow2':
                check_clean(ctx, disk)
