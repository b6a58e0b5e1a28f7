# SPDX-License-Identifier: GPL-2.0-or-later
"""
A Debian that boots from its own disk: SeaBIOS, GRUB, kernel, systemd, login. With SLOW=1 only; the disk is made once by
scripts/make-debian-disk, which needs root.
"""
import hashlib
import os
import re
import signal
import subprocess

import build
from cases_firmware import expect_status
from cases_images import follow, screen_machine, typed
from hmp import Hmp
from vm import Failure

BOOT = 240      # seconds to the login prompt, before the factor of slow hosts
PROMPT = r'root@debian:~# $'
PARTITION_OFFSET = 1 << 20
SECOND = '/dev/disk/by-id/ata-QEMU_HARDDISK_QM00002'    # sda and sdb are whichever answered first


def disk(ctx, arch='amd64'):
    """A copy of the image that the test may write to."""
    if not ctx.long:
        raise build.Skip('slow: SLOW=1 runs it')
    folder = os.path.join(ctx.build, 'debian')
    if not os.path.exists(os.path.join(folder, f'debian-{arch}.img')) and os.geteuid():
        raise build.Skip('scripts/make-debian-disk needs root')
    build.fetch(f'Debian disk ({arch})', [os.path.join(build.SRC, 'scripts', 'make-debian-disk'), '-a', arch, folder])
    path = os.path.join(ctx.tmp, 'disk.img')
    subprocess.run(['cp', '--sparse=always', os.path.join(folder, f'debian-{arch}.img'), path], check=True)
    return path


def log_in(vm):
    vm.expect(r'SeaBIOS \(version', 30)
    vm.expect(r'Debian, VGA text mode', 60)     # GRUB's menu, on the serial port too
    vm.expect(r'Linux version 6\.1', 60)
    vm.expect(r'debian login: ', BOOT)
    vm.send('root\n')
    vm.expect(PROMPT, 60)
    run(vm, 'stty -echo cols 200; bind "set enable-bracketed-paste off" 2>/dev/null')


def run(vm, command, limit=60):
    """What the command prints; its status has to be 0."""
    vm.send(f"{command}; echo en''d:$?:\n")
    found = vm.expect(r'(.*?)end:(\d+):\r*\n', limit)
    vm.expect(PROMPT, 30)
    text = found.group(1).replace('\r', '')
    if found.group(2) != '0':
        raise Failure(f'{command}: status {found.group(2)}: {text}')
    return text


def check(vm, command, pattern, limit=60):
    text = run(vm, command, limit)
    if not re.search(pattern, text, re.M):
        raise Failure(f'{command}: wanted /{pattern}/ in\n{text}')


def power_off(vm):
    vm.send('poweroff\n')
    expect_status(vm, 0, 120)


def output_of(*args, allowed=(0,)):
    r = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = r.stdout.decode('utf-8', 'replace')
    if r.returncode not in allowed:
        raise Failure(f'{" ".join(args)}: status {r.returncode}:\n{text}')
    return text


def partition(path):
    """A copy of the first one."""
    part = path + '.part'
    subprocess.run(['dd', f'if={path}', f'of={part}', 'bs=1M', f'skip={PARTITION_OFFSET >> 20}', 'conv=sparse',
                    'status=none'], check=True)
    return part


def check_clean(path):
    """The file system on the first partition, as the host sees it."""
    output_of('e2fsck', '-f', '-n', partition(path))


def check_framebuffer(ctx, vm, hmp):
    """A screen dump shows what the guest has drawn, pixel by pixel: a login prompt on black, 1280x800."""
    path = os.path.join(ctx.tmp, 'screen.ppm')
    run(vm, 'echo 0 > /sys/class/graphics/fbcon/cursor_blink')
    check(vm, 'head -n 5 /dev/vcs1', r'Debian GNU/Linux 12 debian tty1.*debian login:')
    check(vm, 'cat /sys/class/graphics/fb0/{virtual_size,stride,bits_per_pixel}', r'^1280,800\n5120\n32\n')
    guest = run(vm, f'head -c {1280 * 800 * 4} /dev/fb0 | sha256sum')[:64]
    hmp.expect(f'screendump {path}', r'\A\s*\Z', 30)
    with open(path, 'rb') as f:
        head, rgb = f.read().split(b'\n255\n', 1)
    if head != b'P6\n1280 800':
        raise Failure(f'the screen dump begins with {head!r}')
    pixels = bytearray(1280 * 800 * 4)      # blue, green, red, 0: as the guest's memory has them
    pixels[0::4], pixels[1::4], pixels[2::4] = rgb[2::3], rgb[1::3], rgb[0::3]
    if not any(rgb) or hashlib.sha256(pixels).hexdigest() != guest:
        raise Failure('the screen dump is not what /dev/fb0 holds')


def boots(ctx, arch, args):
    path = disk(ctx, arch)
    with Hmp(os.path.join(ctx.tmp, 'monitor'), ctx.slow) as hmp, \
            ctx.vm(['-m', '1G', '-nographic', '-hda', path, *args, *hmp.args()]) as vm:
        hmp.accept()
        log_in(vm)
        check(vm, 'systemctl is-system-running --wait', r'^running$', 120)
        check(vm, 'uname -m', r'^x86_64$' if arch == 'amd64' else r'^i686$')
        check(vm, 'cat /proc/mounts', r'^/dev/sda1 / ext4 rw')
        check_framebuffer(ctx, vm, hmp)
        run(vm, 'dd if=/dev/urandom of=/root/file bs=1M count=50 status=none; sha256sum /root/file > /root/sum; sync')
        vm.send('reboot\n')
        log_in(vm)
        check(vm, 'sha256sum -c /root/sum', r'OK$')
        power_off(vm)
    check_clean(path)


def test_debian_boots_from_its_disk_and_stays_clean(ctx):
    boots(ctx, 'amd64', [])


def test_debian_boots_on_four_processors(ctx):
    boots(ctx, 'amd64', ['-smp', '4'])


def test_debian_boots_with_a_32_bit_kernel(ctx):
    boots(ctx, 'i386', [])


def test_debian_of_32_bits_boots_on_four_processors(ctx):
    boots(ctx, 'i386', ['-smp', '4'])


def test_debian_is_used_with_screen_and_keyboard_alone(ctx):
    """VGA text mode: a line of GRUB's menu is chosen, root logs in and turns the machine off, all by key presses."""
    path = disk(ctx)
    with screen_machine(ctx, ['-m', '1G', '-hda', path]) as (vm, hmp):
        follow(ctx, vm, hmp, [(r'Debian, VGA text mode', ['down', 'ret']), *typed('debian login:', 'root'),
                              *typed('root@debian:~#', 'echo 17'), (r'^17$', []),
                              *typed('root@debian:~#', 'poweroff')], BOOT)
        expect_status(vm, 0, 120)
    check_clean(path)


def test_an_empty_disk_shows_its_whole_size_and_keeps_what_is_written(ctx):
    path, empty = disk(ctx), os.path.join(ctx.tmp, 'empty.img')
    with open(empty, 'wb') as f:
        f.truncate(5 << 30)
    with ctx.vm(['-m', '1G', '-smp', '4', '-nographic', '-hda', path,
                 '-drive', f'file={empty},format=raw,if=ide,index=1']) as vm:
        log_in(vm)
        check(vm, f'fdisk -l {SECOND}', r'5 GiB, 5368709120 bytes, 10485760 sectors')
        run(vm, f"echo 'start=2048, type=83' | sfdisk -q {SECOND} && udevadm settle")
        run(vm, f'mkfs.ext4 -q {SECOND}-part1 && mount {SECOND}-part1 /mnt', 120)
        run(vm, 'for i in 1 2 3 4; do dd if=/dev/urandom of=/mnt/$i bs=1M count=64 status=none; done', 300)
        run(vm, 'sha256sum /mnt/[1-4] > /root/sums && umount /mnt && echo 3 > /proc/sys/vm/drop_caches', 120)
        run(vm, f'fsck.ext4 -f -n {SECOND}-part1', 120)
        run(vm, f'mount {SECOND}-part1 /mnt && sha256sum -c /root/sums', 120)
        power_off(vm)
    check_clean(path)


def check_after_power_loss(ctx, path):
    """The image has lost clusters at most; the file system wants its journal replayed, and is whole then."""
    img, raw = os.path.join(ctx.build, 'qemu-img'), path + '.raw'
    output_of(img, 'check', path, allowed=(0, 3))
    output_of(img, 'convert', '-O', 'raw', path, raw)
    part = partition(raw)
    replayed = output_of('e2fsck', '-p', part, allowed=(0, 1))
    for line in replayed.splitlines():
        if not re.search(r': (recovering journal|Clearing orphaned inode .*|clean, .* files, .* blocks)$', line):
            raise Failure(f'e2fsck says more than that it replayed the journal:\n{replayed}')
    if 'recovering journal' not in replayed:
        raise Failure(f'the file system was not in use:\n{replayed}')
    output_of('e2fsck', '-f', '-n', part)


def test_a_power_loss_while_files_are_installed_costs_a_journal_replay(ctx):
    """Three times on one qcow2 with the disk below it: killed while it writes, checked on the host, booted again."""
    base, path = disk(ctx), os.path.join(ctx.tmp, 'overlay.qcow2')
    output_of(os.path.join(ctx.build, 'qemu-img'), 'create', '-q', '-f', 'qcow2', '-b', base, '-F', 'raw', path)
    for i in range(3):
        with ctx.vm(['-m', '1G', '-nographic', '-drive', f'file={path},format=qcow2,if=ide,index=0']) as vm:
            log_in(vm)
            if i:
                check(vm, 'dmesg', r'EXT4-fs \(sda1\): recovery complete')
                run(vm, f'sha256sum -c --quiet /root/sums{i - 1}', 120)
            run(vm, f'mkdir -p /root/{i} && cp -a /usr/lib/systemd /root/{i}/safe && sync', 120)
            run(vm, f'find /root/{i}/safe -type f | xargs -d "\\n" sha256sum > /root/sums{i} && sync', 120)
            # Copies that are written back and flushed, and removed again, all the time; the power goes in the middle.
            vm.send(f'mkdir /root/{i}/n; for n in 1 2 3 4 5 6 7 8 9; do cp -a /usr/lib/systemd /usr/bin /root/{i}/n; '
                    f'sync & echo round $n; rm -rf /root/{i}/n/bin; done\n')
            vm.expect(rf'round {2 + i}\r', 300)
            vm.kill(signal.SIGKILL)
            vm.wait()
        check_after_power_loss(ctx, path)
    with ctx.vm(['-m', '1G', '-nographic', '-drive', f'file={path},format=qcow2,if=ide,index=0']) as vm:
        log_in(vm)
        run(vm, 'sha256sum -c --quiet /root/sums2', 120)
        power_off(vm)
    output_of(os.path.join(ctx.build, 'qemu-img'), 'convert', '-O', 'raw', path, path + '.raw')
    check_clean(path + '.raw')
