# SPDX-License-Identifier: GPL-2.0-or-later
"""PCI as Debian's kernel sees it: bridges, and cards that come and go while it runs."""
import re

import build
from cases_linux import BOOT
from cases_snapshots import LINUX, machine
from vm import PROMPT, Failure, shell

DEVICES = '/sys/bus/pci/devices'
BRIDGE = ['-device', 'pci-bridge,chassis_nr=1,id=br1,addr=5', '-device', 'edu,bus=br1,addr=2,id=old']


def linux_with_bridge(ctx, more=()):
    kernel, initrd = build.demo_guest(ctx.build)
    return LINUX + BRIDGE + ['-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyS0 quiet', *more]


def wait_for(vm, path):
    """A card with its resources assigned: the kernel makes the file of a BAR after that, the folder before."""
    shell(vm, f'until test -e {DEVICES}/{path}/resource0; do :; done')


def wait_for_end(vm, hmp, name, path):
    """The kernel has let go of a card (its folder goes first) and has ejected it."""
    shell(vm, f'while test -e {DEVICES}/{path}; do :; done')
    hmp.wait_until('info qtree', rf'\A(?!.*id "{name}")')


def check(vm, command, pattern):
    out = shell(vm, command)
    if not re.search(pattern, out, re.S | re.M):
        raise Failure(f'{command}: wanted /{pattern}/ in\n{out}')


def nothing(hmp, line):
    """A command that has nothing to say."""
    hmp.expect(line, r'\A\s*\Z')


def check_gone(hmp, name):
    """Neither the bus nor the memory map nor the tree has a trace of it."""
    hmp.expect(f'device_del {name}', f"^Error: Device '{name}' not found")
    for command in 'info pci', 'info qtree':
        if f'"{name}"' in hmp.command(command):
            raise Failure(f'{command} still shows {name}')


def check_mapped(hmp, n):
    """So many edu cards answer in the memory map."""
    found = set(re.findall(r'^  [0-9a-f]{16}-[0-9a-f]{16} .*edu-mmio', hmp.command('info mtree -f'), re.M))
    if len(found) != n:
        raise Failure(f'wanted {n} edu cards in the memory map, got {found}')


def test_linux_finds_what_is_behind_a_bridge(ctx):
    with machine(ctx, linux_with_bridge(ctx)) as (vm, hmp):
        vm.expect(PROMPT, BOOT)
        check(vm, f'cat {DEVICES}/0000:00:05.0/class', '^0x060400$')
        check(vm, f'cat {DEVICES}/0000:01:02.0/vendor', '^0x1234$')
        check(vm, f'head -1 {DEVICES}/0000:01:02.0/resource', r'^0x0000[0-9a-f]{8}[0-9a-f]{4} 0x')
        check(vm, 'dmesg', r'acpiphp: Slot \[3\] registered.*pci 0000:01:02.0: \[1234:11e8\]')
        hmp.expect('info pci', r'^  Bus  1, device   2, function 0:.*id "old"')
        check_mapped(hmp, 1)


def test_cards_come_and_go_while_linux_runs(ctx):
    with machine(ctx, linux_with_bridge(ctx, ['-smp', '2'])) as (vm, hmp):
        vm.expect(PROMPT, BOOT)
        for props, path in ('id=new,addr=7', '0000:00:07.0'), ('id=new,bus=br1,addr=4', '0000:01:04.0'):
            for _ in range(2):
                nothing(hmp, f'device_add edu,{props}')
                wait_for(vm, path)
                check(vm, f'cat {DEVICES}/{path}/device; head -1 {DEVICES}/{path}/resource',
                      r'^0x11e8\n0x00000000[1-9a-f]')
                nothing(hmp, 'device_del new')
                wait_for_end(vm, hmp, 'new', path)
                check_gone(hmp, 'new')
                check_mapped(hmp, 1)
        nothing(hmp, 'device_del old')      # was there from the start
        wait_for_end(vm, hmp, 'old', '0000:01:02.0')
        check_gone(hmp, 'old')
        check_mapped(hmp, 0)
        nothing(hmp, 'device_add edu,id=new,addr=7')
        wait_for(vm, '0000:00:07.0')
        shell(vm, 'echo 0 > /sys/bus/pci/slots/7/power')    # nobody has asked
        check_gone(hmp, 'new')


def test_a_bridge_that_came_while_linux_runs_takes_cards(ctx):
    """No table describes its bus: the guest looks everywhere, and misses what is gone when it does so again."""
    with machine(ctx, linux_with_bridge(ctx)) as (vm, hmp):
        vm.expect(PROMPT, BOOT)
        nothing(hmp, 'device_add pci-bridge,id=late,chassis_nr=2,addr=8')
        shell(vm, f'until grep 2 {DEVICES}/0000:00:08.0/secondary_bus_number; do :; done')
        for _ in range(2):
            nothing(hmp, 'device_add edu,id=new,bus=late,addr=3')
            wait_for(vm, '0000:02:03.0')
            check(vm, f'head -1 {DEVICES}/0000:02:03.0/resource', r'^0x00000000[1-9a-f]')
            check_mapped(hmp, 1)                # the other one: no driver has switched this one on
            nothing(hmp, 'device_del new')
            check_gone(hmp, 'new')
            shell(vm, f'while test -e {DEVICES}/0000:02:03.0; do :; done')
        nothing(hmp, 'device_add edu,id=new,bus=late,addr=4')
        wait_for(vm, '0000:02:04.0')
        nothing(hmp, 'device_del late')         # with the card
        wait_for_end(vm, hmp, 'late', '0000:00:08.0')
        check_gone(hmp, 'new')


def check_driver(vm, path, kind, line):
    """The driver has bound; what it tried worked, with four interrupts that the kernel has counted as well."""
    shell(vm, f'until dmesg | grep -q "{path}: edu_test: id"; do :; done')
    check(vm, 'dmesg', rf'{path}: edu_test: id 010000ed, computes 1, copies 1, interrupts 1, 4 by {kind}$')
    check(vm, 'cat /proc/interrupts', rf'^ *\d+: +4 +{line} .*edu_test')


def test_a_driver_computes_copies_and_is_interrupted(ctx):
    module = build.kernel_module(ctx.build, 'edu_test', ctx.tmp)
    initrd = build.initrd_with_files(ctx.build, [('edu_test.ko', 0o644, module)], 'edu', ctx.tmp)
    with machine(ctx, linux_with_bridge(ctx) + ['-initrd', initrd]) as (vm, hmp):
        vm.expect(PROMPT, BOOT)
        shell(vm, 'insmod /edu_test.ko')
        check_driver(vm, '0000:01:02.0', 'messages', 'PCI-MSI')
        nothing(hmp, 'device_del old')          # the driver lets go of it
        wait_for_end(vm, hmp, 'old', '0000:01:02.0')
        check(vm, 'dmesg', '0000:01:02.0: edu_test: card is gone')
        check_gone(hmp, 'old')
        nothing(hmp, 'device_add edu,id=new,addr=7')
        check_driver(vm, '0000:00:07.0', 'messages', 'PCI-MSI')
        shell(vm, 'rmmod edu_test; dmesg -c > /dev/null; insmod /edu_test.ko messages=0')
        check_driver(vm, '0000:00:07.0', 'INTx', 'IO-APIC')
        nothing(hmp, 'device_del new')
        wait_for_end(vm, hmp, 'new', '0000:00:07.0')
        nothing(hmp, 'device_add edu,id=again,bus=br1,addr=3')
        check_driver(vm, '0000:01:03.0', 'INTx', 'IO-APIC')
