# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's kernel with a shell: booted, looked at, rebooted, switched off. Several tests talk to one guest."""
import math
import os
import re
import signal
import subprocess
import time

import build
from build import on_both_back_ends
from cases_firmware import expect_status
from vm import PROMPT, Failure, shell

BOOT = 60       # seconds to the prompt, before the factor of slow machines and back ends


def start(ctx, args=(), append='console=ttyS0'):
    kernel, initrd = build.demo_guest(ctx.build)
    return ctx.vm(['-m', '256', '-nographic', '-kernel', kernel, '-initrd', initrd, '-append', append, *args])


def guest(ctx):
    """The guest that is kept between tests, at its prompt; booted when there is none, or when it has died."""
    if ctx.linux and ctx.linux.process.poll() is None:
        return ctx.linux
    ctx.close()
    ctx.linux = start(ctx, ['-no-reboot'])
    ctx.linux.expect(PROMPT, BOOT)
    return ctx.linux


def check(ctx, command, pattern, limit=30):
    out = shell(guest(ctx), command, limit)
    found = re.search(pattern, out, re.M)
    if not found:
        raise Failure(f'{command}: wanted /{pattern}/ in\n{out}')
    return found


@on_both_back_ends
def test_a_shell_prompt_comes(ctx):
    guest(ctx)


@on_both_back_ends
def test_uname_and_cpuinfo(ctx):
    check(ctx, 'uname -a', r'^Linux demo 6\.\d+\.\S+ .* x86_64 GNU/Linux$')
    check(ctx, 'cat /proc/cpuinfo', r'^processor\s*: 0$')
    check(ctx, 'cat /proc/cpuinfo', r'^flags\s*:(?=.* fpu )(?=.* apic )(?=.* sse2 )(?=.* nx )(?=.* lm )')
    check(ctx, 'cat /proc/cpuinfo', r'^bogomips\s*: [1-9]')
    check(ctx, 'grep MemTotal /proc/meminfo', r'MemTotal: +(19|20|21|22|23|24)\d{4} kB')


@on_both_back_ends
def test_the_kernel_finds_its_devices(ctx):
    check(ctx, 'cat /sys/bus/pci/devices/0000:00:00.0/vendor /sys/bus/pci/devices/0000:00:01.0/device',
          r'^0x8086\n0x7000$')
    check(ctx, 'cat /proc/interrupts', r'^ *4: .*IO-APIC +4-edge +ttyS0')
    check(ctx, 'ls /sys/firmware/acpi/tables', r'(?s)APIC.*DSDT.*FACP')
    check(ctx, 'dmesg', r'Run /init as init process')
    check(ctx, 'cat /sys/devices/system/clocksource/clocksource0/current_clocksource', r'^(tsc(-early)?|acpi_pm|hpet)$')


def check_log(log):
    bad = re.findall(r'^.*(?:\bBUG\b|Oops|Call Trace|WARNING: CPU|soft lockup|rcu.*stall|general protection|segfault|'
                     r'Marking clocksource|nobody cared|spurious|timed out|TIMER NOT|out of sync).*$', log, re.M)
    if bad:
        raise Failure('the kernel complains:\n' + '\n'.join(bad))


@on_both_back_ends
def test_the_kernel_log_has_nothing_to_be_afraid_of(ctx):
    check_log(shell(guest(ctx), 'dmesg'))


def test_the_kernel_log_has_no_warning_that_a_peer_does_not_cause(ctx):
    peer = '/usr/bin/qemu-system-x86_64'
    if not ctx.long or not os.access(peer, os.X_OK):
        raise build.Skip('needs SLOW=1 and an installed QEMU')
    for args in ('-cpu qemu64', '-cpu qemu64 -smp 4', '-smp 4', '-32 -smp 2', '-32 -cpu pentium3 -smp 4'):
        r = subprocess.run([os.path.join(os.path.dirname(os.path.abspath(__file__)), 'compare-dmesg'), *args.split()],
                           env=dict(os.environ, QEMU=ctx.qemu, BUILD=ctx.build), stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300, check=False)
        if r.returncode:
            raise Failure(f'{args}: {r.stdout.decode()}')


@on_both_back_ends
def test_programs_and_pipes_work(ctx):
    check(ctx, 'seq 1 20000 | sort -rn | md5sum', r'^d29c9b2130d81144350e794f0423148c', 60)
    check(ctx, 'dd if=/dev/urandom of=/tmp/x bs=64k count=64 2> /dev/null; gzip -c /tmp/x | gunzip | cmp - /tmp/x && '
               'echo same', r'^same$', 60)
    check(ctx, "awk 'BEGIN { for (i = 1; i < 50; i++) s += 1 / i; printf \"%.15f\\n\", s }'",
          r'^4\.479205338329423$')
    check(ctx, 'for i in $(seq 50); do sh -c "exit $i" & done; wait; echo done', r'^done$', 60)


def offset(vm):
    """
    Bounds of the host's clock minus the guest's. The guest looked between our question and its answer's arrival, and
    says hundredths; both may be far apart on a busy host, so it is asked until they were not, but not for ever.
    """
    low, high = -math.inf, math.inf
    for n in range(30):
        asked = vm.clock()
        vm.send('read up idle < /proc/uptime; echo $up\n')
        uptime = float(vm.expect(r'^(\d+\.\d\d)\r*$', 30).group(1))
        low, high = max(low, asked - uptime - 0.01), min(high, vm.arrival - uptime)
        vm.expect(PROMPT, 30)
        if n >= 7 and high - low < 0.05:
            break
    return low, high


def check_drift(before, after, seconds):
    """Wrong is only what no delay explains."""
    slow, fast = after[0] - before[1], before[0] - after[1]
    if max(slow, fast) > 0.1:
        raise Failure(f'the guest is at least {max(slow, fast):.3f} s {"slow" if slow > fast else "fast"} after '
                      f'{seconds} s: {before}, {after}')


@on_both_back_ends
def test_the_guests_clock_runs_with_the_hosts(ctx):
    vm = guest(ctx)
    seconds = 60 if ctx.long else 20
    asked = time.time()
    date = int(check(ctx, 'date +%s', r'^(\d+)$').group(1))
    if not asked - 2.5 < date < time.time() + 2.5:
        raise Failure(f'the guest\'s date is {date}, ours {asked:.1f} to {time.time():.1f}')
    before = offset(vm)
    shell(vm, f'sleep {seconds}', seconds + 30)
    check_drift(before, offset(vm), seconds)


def test_a_busy_guest_keeps_its_clock(ctx):
    """The same with a processor that never idles: ticks must not be lost."""
    vm = guest(ctx)
    before = offset(vm)
    shell(vm, "e=$(($(cut -d. -f1 /proc/uptime) + 6)); while [ $(cut -d. -f1 /proc/uptime) -lt $e ]; do :; done", 60)
    check_drift(before, offset(vm), 6)


@on_both_back_ends
def test_ctrl_a_h_and_ctrl_c_at_the_prompt(ctx):
    vm = guest(ctx)
    vm.send('\x01h')
    vm.expect(r'C-a x', 10)
    vm.send("\nsh -c \"echo run''ning; cat\"\n")
    vm.expect(r'^running\r*\n', 10)
    vm.send('\x03')
    vm.expect(PROMPT, 10)


@on_both_back_ends
def test_poweroff_ends_the_program_with_status_0(ctx):
    vm = guest(ctx)
    vm.send('poweroff -f\n')
    expect_status(vm, 0, 30)
    changed = vm.terminal_changed()
    ctx.close()
    if changed:
        raise Failure(f'the terminal is not as it was: {changed}')


@on_both_back_ends
def test_reboot_starts_the_machine_again(ctx):
    with start(ctx) as vm:
        for _ in range(1 if ctx.interpreter else 2):
            vm.expect('Linux version', BOOT)
            vm.expect(PROMPT, BOOT)
            vm.send('reboot -f\n')
        vm.expect('Linux version', BOOT)
        vm.send('\x01x')
        expect_status(vm, 0, 10)


def test_no_reboot_leaves_instead(ctx):
    with start(ctx, ['-no-reboot']) as vm:
        vm.expect(PROMPT, BOOT)
        vm.send('reboot -f\n')
        expect_status(vm, 0, 30)


def test_no_shutdown_keeps_the_program(ctx):
    with start(ctx, ['-no-shutdown']) as vm:
        vm.expect(PROMPT, BOOT)
        vm.send('poweroff -f\n')
        vm.expect('Power down', 30)         # it says so before it does
        vm.send('\x01c')
        deadline, status = vm.clock() + 30 * vm.slow, ''
        while status != 'paused (shutdown)':
            vm.send('info status\r')
            status = vm.expect(r'VM status: ([^\r\n]*)[\r\n]', 10).group(1)
            if vm.clock() > deadline:
                raise Failure(f'the machine is {status}')
        vm.send('quit\r')
        expect_status(vm, 0, 10)


def test_four_processors_work(ctx):
    with start(ctx, ['-smp', '4', '-no-reboot']) as vm:
        vm.expect(PROMPT, BOOT * 2)
        out = shell(vm, 'grep -c ^processor /proc/cpuinfo; cat /sys/devices/system/cpu/online')
        if out != '4\n0-3\n':
            raise Failure(f'processors: {out!r}')
        out = shell(vm, 'for c in 1 2 4 8; do taskset $c sh -c "seq 1 3000 | md5sum" & done; wait', 120)
        sums = re.findall(r'^([0-9a-f]{32})  -$', out, re.M)
        if len(sums) != 4 or set(sums) != {'ee9762749fc5338b6c9b0948d14219c7'}:
            raise Failure(f'four processors, and their results: {out}')
        check_log(shell(vm, 'dmesg'))
        vm.send('poweroff -f\n')
        expect_status(vm, 0, 60)


def look_at(vm, machine, smp, present, absent, clock):
    online = shell(vm, 'cat /sys/devices/system/cpu/online').strip()
    if online != (f'0-{smp - 1}' if smp > 1 else '0'):
        raise Failure(f'online are {online}')
    if shell(vm, 'uname -m').strip() != machine:
        raise Failure(f'that is no kernel for {machine}')
    flags = re.search(r'^flags\s*: (.*)$', shell(vm, 'cat /proc/cpuinfo'), re.M).group(1).split()
    missing, wrong = set(present.split()) - set(flags), set(absent.split()) & set(flags)
    if missing or wrong:
        raise Failure(f'flags that are missing: {missing}, that should not be there: {wrong}; all: {" ".join(flags)}')
    source = shell(vm, 'cat /sys/devices/system/clocksource/clocksource0/current_clocksource').strip()
    if clock and source.removesuffix('-early') != clock:        # until calibration has ended
        raise Failure(f'the clock source is {source}')
    check_log(shell(vm, 'dmesg'))


def run_model(vm, machine, smp, present, absent, clock):
    """Boots, looks, and powers off."""
    with vm:
        vm.expect(PROMPT, BOOT * 2)
        look_at(vm, machine, smp, present, absent, clock)
        vm.send('poweroff -f\n')
        expect_status(vm, 0, 60)


# As in cases_linux32.
LOWEST_64 = 'fpu de pse tsc msr pae mce cx8 apic sep pge cmov pat clflush mmx fxsr sse sse2 nx lm pni cx16 hypervisor'
MODELS = {
    'max': (LOWEST_64 + ' vme pclmulqdq monitor ssse3 fma pcid sse4_1 sse4_2 x2apic movbe popcnt tsc_deadline_timer '
            'aes xsave avx f16c rdrand syscall pdpe1gb rdtscp lahf_lm abm 3dnowprefetch fsgsbase tsc_adjust bmi1 avx2 '
            'smep bmi2 erms invpcid rdseed adx smap clflushopt clwb sha_ni umip pku ospke rdpid xsaveopt xsavec '
            'xgetbv1 arat constant_tsc nonstop_tsc', 'vmx svm 3dnow mpx hle rtm xop fma4 tbm avx512f', 'tsc'),
    'qemu64': (LOWEST_64 + ' syscall lahf_lm 3dnowprefetch extd_apicid constant_tsc nonstop_tsc',
               'vme ssse3 avx monitor svm rdtscp', 'tsc'),
}


def check_model(ctx, model, smp):
    run_model(start(ctx, ['-cpu', model, '-smp', str(smp), '-no-reboot']), 'x86_64', smp, *MODELS[model])


def test_the_default_processor_is_what_is_emulated(ctx):
    check_model(ctx, 'max', 4)


def test_qemu64_with_two_processors(ctx):
    check_model(ctx, 'qemu64', 2)


def test_each_model_with_one_two_and_four_processors(ctx):
    if not ctx.long:
        raise build.Skip('slow: SLOW=1 runs it')
    for model in MODELS:
        for smp in (1, 2, 4):
            check_model(ctx, model, smp)


def test_other_processors_and_memory_sizes_boot(ctx):
    rows = [['-m', '128'], ['-m', '5G'], ['-machine', 'acpi=off'],
            ['-smp', '8,cores=2,threads=2,sockets=2']]
    if ctx.long:
        rows += [['-cpu', 'core2duo'], ['-smp', '2,sockets=2'], ['-smp', '8'], ['-accel', 'tcg,tb-size=1']]
    for args in rows:
        with start(ctx, args + ['-no-reboot']) as vm:
            try:
                vm.expect(PROMPT, BOOT * 2)
                if args == ['-m', '5G']:
                    total = int(re.search(r'(\d+)', shell(vm, 'grep MemTotal /proc/meminfo')).group())
                    if not 4_700_000 < total < 5_250_000:
                        raise Failure(f'{total} kB of 5 GiB')
                vm.send('reboot -f\n')
                expect_status(vm, 0, 60)
            except Failure as e:
                raise Failure(f'{" ".join(args)}: {e}') from None


def test_a_panic_reboots(ctx):
    kernel, _ = build.demo_guest(ctx.build)
    with ctx.vm(['-m', '256', '-nographic', '-no-reboot', '-kernel', kernel,
                 '-append', 'console=ttyS0 panic=-1']) as vm:
        vm.expect('Kernel panic - not syncing: VFS', BOOT)
        expect_status(vm, 0, 30)


def test_a_signal_ends_a_running_guest(ctx):
    with start(ctx) as vm:
        vm.expect('Linux version', BOOT)
        vm.kill(signal.SIGTERM)
        expect_status(vm, 0, 10)
