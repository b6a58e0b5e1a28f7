# SPDX-License-Identifier: GPL-2.0-or-later
"""Several processors under Debian's kernel: how many start, a program that strains them all, reboots in a row."""
import re
import subprocess
import time

import build
from build import on_both_back_ends
from cases_firmware import expect_status
from cases_linux import BOOT, check_log, start
from vm import PROMPT, Failure, shell

ROUNDS = 100        # a few seconds in the guest


def sums(text):
    return dict(re.findall(r'^TORTURE (\w+) ([0-9a-f]{16})$', text, re.M))


def torture_once(vm, rounds, wanted):
    out = shell(vm, f'torture {rounds}', 300)
    if not re.search(r'^TORTURE done$', out, re.M) or sums(out) != wanted:
        raise Failure(f'the host says {wanted}, the guest:\n{out}')


def torture(ctx, rounds, seconds, args=()):
    program = build.torture_program(ctx.build)
    host = subprocess.run([program, str(rounds)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True,
                          timeout=120 * ctx.slow)
    wanted = sums(host.stdout.decode())
    kernel, _ = build.demo_guest(ctx.build)
    initrd = build.initrd_with(ctx.build, program, 'torture', ctx.tmp)
    with ctx.vm(['-m', '256', '-smp', '4', '-nographic', '-no-reboot', '-kernel', kernel, '-initrd', initrd,
                 '-append', 'console=ttyS0', *args]) as vm:
        vm.expect(PROMPT, BOOT * 2)
        end = time.monotonic() + seconds
        while True:
            torture_once(vm, rounds, wanted)
            if time.monotonic() > end:
                break
        check_log(shell(vm, 'dmesg'))
        vm.send('poweroff -f\n')
        expect_status(vm, 0, 60)


def test_many_threads_and_processes_on_four_processors_come_to_the_hosts_results(ctx):
    torture(ctx, ROUNDS, 600 if ctx.long else 0)


def test_code_is_evicted_while_other_processors_run_it(ctx):
    """A code buffer that does not even hold the kernel."""
    torture(ctx, 10, 60 if ctx.long else 0, ['-accel', 'tcg,tb-size=1'])


def test_four_processors_reboot_again_and_again(ctx):
    with start(ctx, ['-smp', '4']) as vm:
        for _ in range(20 if ctx.long else 3):
            vm.expect('Linux version', BOOT)
            vm.expect(PROMPT, BOOT * 2)
            online = shell(vm, 'cat /sys/devices/system/cpu/online')
            if online != '0-3\n':
                raise Failure(f'processors that are online: {online}')
            vm.send('reboot -f\n')
        vm.expect('Linux version', BOOT)


@on_both_back_ends
def test_two_processors_start(ctx):
    with start(ctx, ['-smp', '2', '-no-reboot']) as vm:
        vm.expect(PROMPT, BOOT * 2)
        online = shell(vm, 'cat /sys/devices/system/cpu/online')
        if online != '0-1\n':
            raise Failure(f'processors that are online: {online}')


def test_sockets_cores_and_threads_are_as_asked(ctx):
    rows = [('6,sockets=6', '0-5', 6, 1), ('8,sockets=2,cores=2,threads=2', '0-7', 2, 2)]
    if ctx.long:
        rows += [('1', '0', 1, 1), ('8', '0-7', None, None), ('64', '0-63', None, None)]
    for smp, online, packages, siblings in rows:
        with start(ctx, ['-smp', smp, '-no-reboot', '-m', '512']) as vm:
            vm.expect(PROMPT, BOOT * 4)
            seen = shell(vm, 'cat /sys/devices/system/cpu/online').strip()
            if seen != online:
                raise Failure(f'-smp {smp}: online are {seen}')
            found = shell(vm, 'sort -u /sys/devices/system/cpu/cpu*/topology/physical_package_id | wc -l; '
                              'cat /sys/devices/system/cpu/cpu0/topology/thread_siblings_list').split()
            if packages and (int(found[0]) != packages or len(re.findall(r'\d+', found[1])) != siblings):
                raise Failure(f'-smp {smp}: packages, threads of the first core: {found}')
            check_log(shell(vm, 'dmesg'))
