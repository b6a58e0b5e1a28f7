# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's 32-bit kernel (686-pae) on old and new processors."""
import os
import re

import build
from cases_firmware import expect_status
from cases_linux import BOOT, look_at, run_model
from vm import PROMPT, Failure, shell

I686 = 'fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov mmx fxsr sse hypervisor'
# model, flags of /proc/cpuinfo that must be there, flags that must not, clock source (None: what calibration gives)
MODELS = {
    'max': (I686 + ' sse2 nx lm pni ssse3 sse4_2 constant_tsc nonstop_tsc cpuid', 'syscall svm 3dnow', 'tsc'),
    'qemu64': ('fpu pae sse2 nx lm syscall pni cx16 hypervisor extd_apicid constant_tsc', 'vme ssse3 avx', 'tsc'),
    'pentium3': (I686, 'sse2 nx lm pni syscall constant_tsc', None),
    'qemu32': ('fpu pae sse2 pni hypervisor', 'vme nx lm ssse3', None),
}


def boot(ctx, model, smp, program=None):
    kernel, initrd = build.demo_guest(ctx.build, 'i386')
    args = ['-m', '256', '-nographic', '-no-reboot', '-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyS0',
            '-smp', str(smp), *(['-cpu', model] if model else [])]
    return ctx.vm(args, program=program)


def check_model(ctx, model, smp):
    run_model(boot(ctx, model, smp), 'i686', smp, *MODELS[model])


def test_a_32_bit_kernel_runs_on_max_with_four_processors(ctx):
    check_model(ctx, 'max', 4)


def test_a_32_bit_kernel_runs_on_qemu64_with_two_processors(ctx):
    check_model(ctx, 'qemu64', 2)


def test_a_32_bit_kernel_runs_on_pentium3(ctx):
    check_model(ctx, 'pentium3', 1)


def test_a_32_bit_kernel_runs_on_each_model_with_one_two_and_four_processors(ctx):
    if not ctx.long:
        raise build.Skip('slow: SLOW=1 runs it')
    for model in ('max', 'qemu64', 'pentium3'):
        for smp in (1, 2, 4):
            check_model(ctx, model, smp)


def test_a_kernel_without_pae_runs_on_a_machine_without_pci(ctx):
    """Without an APIC: the firmware's MP table would promise an I/O APIC, and there is none."""
    if not ctx.long:
        raise build.Skip('slow: SLOW=1 runs it')
    kernel, initrd = build.demo_guest(ctx.build, 'i686')
    with ctx.vm(['-M', 'isapc', '-cpu', 'pentium3,-apic', '-m', '128', '-nographic', '-no-reboot', '-kernel', kernel,
                 '-initrd', initrd, '-append', 'console=ttyS0']) as vm:
        vm.expect(PROMPT, BOOT * 2)
        seen = shell(vm, 'uname -r; cat /proc/interrupts; cat /proc/ioports')
        for wanted in (r'-686$', r'XT-PIC +timer', r'XT-PIC +ttyS0', r'03c0-03df : vga'):
            if not re.search(wanted, seen, re.M):
                raise Failure(f'wanted /{wanted}/ in\n{seen}')
        vm.send('reboot -f\n')
        expect_status(vm, 0, 60)


def test_the_program_for_32_bits_runs_it_with_its_default_processor(ctx):
    program = os.path.join(os.path.dirname(ctx.qemu), 'qemu-system-i386')
    if not os.access(program, os.X_OK):
        raise build.Skip(f'there is no {program}')
    with boot(ctx, None, 2, program) as vm:
        vm.expect(PROMPT, BOOT * 2)
        look_at(vm, 'i686', 2, *MODELS['qemu32'])
