# SPDX-License-Identifier: GPL-2.0-or-later
"""The terminal, its escape keys, and signals: how a program that owns a terminal behaves."""
import os
import re
import signal
import subprocess
import termios

from build import Skip, on_both_back_ends, probe_kernel
from cases_firmware import CONSOLE, EXIT, expect_status, wait_for
from hmp import Hmp
from screen import Screen
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
        # As a shell does: who is told to go on before it has stopped stops for good.
        wait_for(lambda: os.waitid(os.P_PID, vm.process.pid, os.WSTOPPED | os.WNOHANG), vm, 5)
        check_terminal(vm)
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


# ---- -display curses ----

# Reads keys from the BIOS and prints their characters (jmp to itself for ever): what the firmware does with them is
# what a guest sees.
ECHO_KEYS = bytes.fromhex('31c0 cd16 b40e cd10 ebf6')


def curses(ctx, args=(), boot=None):
    """The machine with its screen on a terminal of 30 lines."""
    argv = ['env', 'TERM=xterm', 'LC_ALL=C.UTF-8', 'LINES=30', 'COLUMNS=100', ctx.qemu, '-display', 'curses', '-net',
            'none', *args]
    if boot:
        disk = ctx.file('boot.img', boot + bytes(510 - len(boot)) + b'\x55\xaa' + bytes(1 << 20))
        argv += ['-drive', f'format=raw,file={disk}']
    return Vm(argv, slow=ctx.slow)


def has_curses(ctx):
    shown = subprocess.run([ctx.qemu, '-display', 'help'], stdout=subprocess.PIPE, check=False).stdout.decode()
    return 'curses' in shown.split()


def test_curses_shows_text_screens_and_has_a_monitor(ctx):
    if not has_curses(ctx):
        raise Skip('built without curses')
    with curses(ctx) as vm:
        screen = Screen(vm)
        for keys, patterns in (
                ('', ('No bootable device',)),
                ('\x1b2', ('^ *compat_monitor0 console', r'\(qemu\)')), ('info status\r', ('VM status: running',)),
                ('\x1b3', ('^ *serial0 console',)), ('\x1b1', ('No bootable device',))):
            vm.send(keys)
            for pattern in patterns:
                screen.expect(pattern)
        vm.send('\x1b2quit\r')
        expect_status(vm, 0, 10)
        check_terminal(vm)


def test_curses_types_into_the_guest_and_tells_the_size_of_pictures(ctx):
    if not has_curses(ctx):
        raise Skip('built without curses')
    with curses(ctx, boot=ECHO_KEYS) as vm:
        screen, typed = Screen(vm), ''
        screen.expect('Booting from Hard Disk')
        for keys in 'Ab1', '!~', '\\':           # a keyboard holds few: each after the echo of those before
            vm.send(keys)
            typed += keys
            screen.expect(f'^ *{re.escape(typed)}$')
    with curses(ctx, boot=bytes.fromhex('b81300 cd10 ebfe')) as vm:
        Screen(vm).expect('640 x 400 Graphic mode')


def test_curses_may_have_nothing_to_show(ctx):
    if not has_curses(ctx):
        raise Skip('built without curses')
    with curses(ctx, ['-S', '-nodefaults']) as vm:
        Screen(vm).expect('nothing to show')
        vm.send('a\x1b1')
        vm.kill(signal.SIGTERM)
        expect_status(vm, 0, 10)
        check_terminal(vm)
    with Hmp(os.path.join(ctx.tmp, 'm'), ctx.slow) as hmp, \
            curses(ctx, ['-S', '-nodefaults', '-device', 'secondary-vga,id=v', *hmp.args()]) as vm:
        hmp.accept()
        vm.expect(r'\x1b\[\?1049h', 10)
        hmp.command('device_del v')
        hmp.command('system_reset')     # a guest that has never run gives a card back then
        Screen(vm).expect('nothing to show')


def test_curses_leaves_the_terminal_as_it_was_whatever_ends_it(ctx):
    if not has_curses(ctx):
        raise Skip('built without curses')
    for sig in (signal.SIGTERM, signal.SIGSEGV):
        with curses(ctx, ['-S']) as vm:
            vm.expect(r'\x1b\[\?1049h', 10)         # the terminal's other screen
            vm.kill(sig)
            expect_status(vm, 0 if sig == signal.SIGTERM else -sig, 10)
            check_terminal(vm)
            if '\x1b[?1049l' not in vm.text:
                raise Failure(f'signal {int(sig)}: the terminal has not been told')


def test_curses_wants_a_terminal_of_its_own(ctx):
    if not has_curses(ctx):
        raise Skip('built without curses')
    for args, wanted in ((['-serial', 'stdio'], 'stdio is in use by another character device'),
                         (['-nographic'], '-nographic and -display curses both want this terminal')):
        with curses(ctx, args) as vm:
            expect_status(vm, 1, 10)
            if wanted not in vm.errors():
                raise Failure(f'{args}: not refused:{vm.error_note()}')
    with Vm([ctx.qemu, '-display', 'curses'], tty=False, slow=ctx.slow) as vm:
        expect_status(vm, 1, 10)
        if 'are not a terminal' not in vm.errors():
            raise Failure(f'pipes are not refused:{vm.error_note()}')
