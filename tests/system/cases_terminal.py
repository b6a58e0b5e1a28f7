# SPDX-License-Identifier: GPL-2.0-or-later
"""The terminal, its escape keys, and signals: how a program that owns a terminal behaves."""
import os
import signal
import termios

from build import on_both_back_ends, probe_kernel
from cases_firmware import CONSOLE, EXIT, expect_status, wait_for
from vm import Failure, Vm

NOGRAPHIC = ['-serial', 'mon:stdio']


def check_terminal(vm):
    changed = vm.terminal_changed()
    if changed:
        raise Failure(f'the terminal is not as it was: {changed}')


def test_ctrl_a_x_leaves_and_restores_the_terminal(ctx):
    with ctx.probe('echo', NOGRAPHIC) as vm:
        vm.expect('ready', 20)
        if termios.tcgetattr(vm.out)[3] & (termios.ICANON | termios.ECHO):
            raise Failure('the terminal is not raw while the guest has it')
        vm.send('\x01x')
        vm.expect('Terminated', 5)
        expect_status(vm, 0, 5)
        check_terminal(vm)


@on_both_back_ends
def test_ctrl_a_x_leaves_a_guest_that_does_not_listen(ctx):
    for words in ('spin', 'halt'):
        with ctx.probe(words, NOGRAPHIC + ['-debugcon', 'file:console']) as vm:
            vm.send('filling the receiver\x01x')
            expect_status(vm, 0, 10)
            check_terminal(vm)


def test_ctrl_a_h_prints_the_keys(ctx):
    with ctx.probe('echo', NOGRAPHIC) as vm:
        vm.expect('ready', 20)
        vm.send('\x01h')
        vm.expect(r'C-a h .*C-a x .*exit.*C-a C-a ', 5)
        vm.send('\x01\x01')
        vm.expect('<01>', 5)
        vm.send('\x01x')
        expect_status(vm, 0, 5)


def test_another_escape_key_can_be_chosen(ctx):
    with ctx.probe('echo', NOGRAPHIC + ['-echr', '0x14']) as vm:
        vm.expect('ready', 20)
        vm.send('\x01')
        vm.expect('<01>', 5)
        vm.send('\x14x')
        expect_status(vm, 0, 5)
        check_terminal(vm)


def test_a_terminal_that_controls_no_process_will_do(ctx):
    """As for programs that were started by a script with a session of their own."""
    with Vm([ctx.qemu, '-nodefaults', '-nographic', '-serial', 'mon:stdio', '-kernel', probe_kernel(ctx.build),
             '-append', 'echo'], slow=ctx.slow, controlling=False) as vm:
        vm.expect('ready', 20)
        vm.send('\x03')
        vm.expect('<03>', 5)
        vm.send('\x01x')
        expect_status(vm, 0, 5)
        check_terminal(vm)


def test_ctrl_z_gives_the_terminal_back_until_it_goes_on(ctx):
    with ctx.probe('echo', ['-serial', 'stdio']) as vm:
        vm.expect('ready', 20)
        raw = termios.tcgetattr(vm.out)
        vm.send('\x1a')
        wait_for(lambda: not vm.terminal_changed(), vm, 5)
        vm.kill(signal.SIGCONT)
        wait_for(lambda: termios.tcgetattr(vm.out) == raw, vm, 5)
        vm.send('a')
        vm.expect('<61>', 5)
        vm.send('\x03')
        expect_status(vm, 0, 5)
        check_terminal(vm)


def test_ctrl_c_goes_to_the_guest(ctx):
    with ctx.probe('echo', NOGRAPHIC) as vm:
        vm.expect('ready', 20)
        vm.send('\x03\x1a\x1c\x04')
        vm.expect('<03><1a><1c><04>', 5)
        vm.send('\x01x')
        expect_status(vm, 0, 5)


def test_ctrl_c_ends_the_program_without_escape_keys(ctx):
    with ctx.probe('echo', ['-serial', 'stdio']) as vm:
        vm.expect('ready', 20)
        vm.send('\x03')
        expect_status(vm, 0, 5)
        check_terminal(vm)


@on_both_back_ends
def test_signals_end_the_program_in_order(ctx):
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        for words in ('spin', 'halt'):
            with ctx.probe(words, CONSOLE + ['-pidfile', 'pid']) as vm:
                vm.expect('here', 20)
                vm.kill(sig)
                expect_status(vm, 0, 5)
                check_terminal(vm)
                if f'terminating on signal {int(sig)} from pid ' not in vm.errors():
                    raise Failure(f'signal {int(sig)} is not mentioned:{vm.error_note()}')


def test_a_signal_ends_a_machine_that_has_not_started(ctx):
    with ctx.probe('spin', CONSOLE + ['-S', '-pidfile', 'pid']) as vm:
        wait_for(lambda: os.path.exists(os.path.join(ctx.tmp, 'pid')), vm, 10)
        vm.kill()
        expect_status(vm, 0, 5)
        if 'here' in vm.text or os.path.exists(os.path.join(ctx.tmp, 'pid')):
            raise Failure('-S has run the guest, or the pid file is still there')


def test_a_closed_terminal_ends_nothing_but_input(ctx):
    """The reader of standard output goes away: the guest goes on, and signals still work."""
    with ctx.probe('echo', EXIT + ['-serial', 'stdio'], tty=False) as vm:
        vm.expect('ready', 20)
        vm.process.stdout.close()
        vm.at_end = True
        vm.send('abcq')
        expect_status(vm, 1, 10)
