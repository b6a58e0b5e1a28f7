# SPDX-License-Identifier: GPL-2.0-or-later
"""
A Debian that boots from its own disk: SeaBIOS, GRUB, kernel, systemd, login. With SLOW=1 only; the disk is made once by
scripts/make-debian-disk, which needs root.
"""
import os
import re
import subprocess

import build
from cases_firmware import expect_status
from vm import Failure

BOOT = 240      # seconds to the login prompt, before the factor of slow hosts
PROMPT = r'root@debian:~# $'
PARTITION_OFFSET = 1 << 20


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
    vm.expect(r'Debian, quiet', 60)             # GRUB's menu, on the serial port too
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


def check_clean(path):
    """The file system on the first partition, as the host sees it."""
    part = path + '.part'
    subprocess.run(['dd', f'if={path}', f'of={part}', 'bs=1M', f'skip={PARTITION_OFFSET >> 20}', 'conv=sparse',
                    'status=none'], check=True)
    r = subprocess.run(['e2fsck', '-f', '-n', part], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if r.returncode:
        raise Failure(f'e2fsck: {r.stdout.decode("utf-8", "replace")}')


def boots(ctx, arch, args):
    path = disk(ctx, arch)
    with ctx.vm(['-m', '1G', '-nographic', '-hda', path, *args]) as vm:
        log_in(vm)
        check(vm, 'systemctl is-system-running --wait', r'^running$', 120)
        check(vm, 'uname -m', r'^x86_64$' if arch == 'amd64' else r'^i686$')
        check(vm, 'cat /proc/mounts', r'^/dev/sda1 / ext4 rw')
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


def test_an_empty_disk_shows_its_whole_size_and_keeps_what_is_written(ctx):
    path, empty = disk(ctx), os.path.join(ctx.tmp, 'empty.img')
    with open(empty, 'wb') as f:
        f.truncate(5 << 30)
    with ctx.vm(['-m', '1G', '-nographic', '-hda', path, '-drive', f'file={empty},format=raw,if=ide,index=1']) as vm:
        log_in(vm)
        check(vm, 'fdisk -l /dev/sdb', r'5 GiB, 5368709120 bytes, 10485760 sectors')
        run(vm, "echo 'start=2048, type=83' | sfdisk -q /dev/sdb")
        run(vm, 'mkfs.ext4 -q /dev/sdb1 && mount /dev/sdb1 /mnt', 120)
        run(vm, 'for i in 1 2 3 4; do dd if=/dev/urandom of=/mnt/$i bs=1M count=64 status=none; done', 300)
        run(vm, 'sha256sum /mnt/[1-4] > /root/sums && umount /mnt && echo 3 > /proc/sys/vm/drop_caches', 120)
        run(vm, 'fsck.ext4 -f -n /dev/sdb1', 120)
        run(vm, 'mount /dev/sdb1 /mnt && sha256sum -c /root/sums', 120)
        power_off(vm)
    check_clean(path)
