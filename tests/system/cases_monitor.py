# SPDX-License-Identifier: GPL-2.0-or-later
"""The human monitor: its line editor on sockets and terminals, and what its commands print and do."""
import os
import re
import select
import signal
import subprocess

from cases_firmware import CONSOLE, expect_status
from hmp import Hmp
from vm import Failure, Vm

QUIET = ['-display', 'none', '-m', '32M']


def monitored(ctx, args, hmp, tty=True):
    """A machine whose monitor is hmp; it has greeted."""
    vm = ctx.vm(args + hmp.args(), tty)
    hmp.greeting = hmp.accept()
    return vm


def check_commands(hmp, pairs):
    for line, pattern in pairs:
        hmp.expect(line, pattern)


def test_a_socket_gets_a_greeting_and_an_echo(ctx):
    with Hmp(os.path.join(ctx.tmp, 'm'), ctx.slow) as hmp, monitored(ctx, QUIET + ['-S'], hmp) as vm:
        if not re.fullmatch(r"QEMU \S+ monitor - type 'help' for more information\r\n\(qemu\) ", hmp.greeting):
            raise Failure(f'greeting: {hmp.greeting!r}')
        hmp.send('info\n')
        echo = hmp.until_prompt().split('\r\n')[0]
        wanted = 'i\x1b[K\x1b[Din\x1b[K\x1b[D\x1b[Dinf\x1b[K\x1b[D\x1b[D\x1b[Dinfo\x1b[K'
        if echo != wanted:
            raise Failure(f'echo {echo!r}, wanted {wanted!r}')
        hmp.send('info sta\t\n')
        if 'VM status: paused (prelaunch)' not in hmp.until_prompt():
            raise Failure('completion has not made "info sta" a command')
        hmp.send('quit\n')
        hmp.until_prompt()
        expect_status(vm, 0)


def test_mistakes_are_answered_with_the_texts_users_know(ctx):
    with Hmp(os.path.join(ctx.tmp, 'm'), ctx.slow) as hmp, monitored(ctx, QUIET + ['-S'], hmp):
        check_commands(hmp, (
            ('foo', r"^unknown command: 'foo'$"),
            ('info foo', r"^unknown command: 'info foo'$"),
            ('help foo', r"^unknown command: 'foo'$"),
            ('eject', r'^eject: block device name expected\nTry "help eject" for more information$'),
            ('eject nosuch', r"^Error: Device 'nosuch' not found$"),
            ('change ide1-cd0 nofile', r"^Error: Could not open 'nofile'"),
            ('x', r'^unexpected end of expression\nTry "help x"'),
            ('x /q 0', r"^invalid char in format: 'q'\n"),
            ('p $nosuch', r'^unknown register\n'),
            ('p 1<<4', r'^print\|p: extraneous characters at the end of line\nTry "help p"'),
            ('cont x', r'^cont\|c: extraneous characters'),
            ('info qtree x', r'^qtree: extraneous characters at the end of line\nTry "help info qtree"'),
            ('sendkey foo', r'^invalid parameter: foo$'),
            ('cpu 1', r'^invalid CPU index$'),
            ('info registers 5', r'^CPU#5 not available$'),
            ('info lapic 5', r'^No CPU available$'),
            ('device_add', r"^Error: Parameter 'driver' is missing$"),
            ('device_add nosuch', r"^Error: 'nosuch' is not a valid device model name$"),
            ('device_add isa-serial', r"^Error: Bus 'isa.0' does not support hotplugging$"),
            ('device_add i440FX', r"^Error: Parameter 'driver' expects a pluggable device type$"),
            ('device_add edu,help', r'^edu options:\n.*dma_mask'),
            ('device_del nosuch', r"^Error: Device 'nosuch' not found$"),
            ('screendump /nodir/x', r"^Error: failed to open file '/nodir/x': No such file or directory$"),
            ('screendump x nosuch', r"^Error: Device 'nosuch' not found$"),
            ('screendump x -f png nosuch 0', r"^Error: Device 'nosuch' not found$"),
            ('screendump x -f gif', r"^Error: picture format 'gif' is unknown"),
            ('screendump x -f', r'^Error: option -f needs a format'),
            ('chardev-remove nosuch', r"^Error: Chardev 'nosuch' not found$"),
            ('chardev-remove compat_monitor0', r'busy$'),
            ('chardev-add help', r'^Available chardev backend types:\n.*  socket\n'),
            ('chardev-add ringbuf,id=r', r'^$'), ('ringbuf_read r 0', r'^Error: size must be greater than zero$'),
            ('ringbuf_read nosuch 1', r"^Error: Device 'nosuch' not found$"),
            ('ringbuf_write compat_monitor0 x', r'^Error: compat_monitor0 is not a ringbuf device$'),
            ('trace-event foo on', r'^unknown event "foo"$'),
            ('log foo', r'^Log items'),
            ('system_wakeup', r'^Error: Unable to wake up: guest is not in suspended state$'),
            ('watchdog_action bark', r"^Error: Parameter 'watchdog' does not accept value 'bark'"),
            ('print "', r'invalid char'),
            ('logfile "x', r'unterminated string'),
            ('eject -z ide1-cd0', r'unsupported option -z'),
        ))


def test_memory_and_expressions_are_shown_as_users_know_them(ctx):
    with Hmp(os.path.join(ctx.tmp, 'm'), ctx.slow) as hmp, monitored(ctx, QUIET + ['-S'], hmp):
        check_commands(hmp, (
            ('xp /4xb 0xffff0', r'^00000000000ffff0: 0xea 0x5b 0xe0 0x00$'),
            ('xp /1i 0xffff0', r'^0x000ffff0:  ea 5b e0 00 f0           ljmpw    \$0xf000:\$0xe05b$'),
            ('x/1i 0xfffffff0', r'^0xfffffff0:  ea 5b e0 00 f0 '),
            ('x/1i $pc', r'^0xfffffff0:  ea 5b e0 00 f0 '),
            ('x /2xg 0', r'^0000000000000000: 0x0{16} 0x0{16}$'),
            ('p 1+2*3', r'^0x7$'), ('p $eip', r'^0xfff0$'), ('print/d 0x10', r'^16$'), ('print/c 65', r"^'A'$"),
            ('print/o 8', r'^010$'), ('p 9', r'^011$'), ('p/o 0', r'^0$'), ('p/c 10', r"^'\\n'$"),
            ('p/c 0x12c', r"^'\\x12c'$"),
            ('xp /9xb 0xffff0', r'^00000000000ffff0:( 0x..){8}\n00000000000ffff8: 0x32$'),
            ('xp /4ob 0xffff0', r'^00000000000ffff0: 0352 0133 0340   0$'),
            ('xp /3dw 0xffff0', r'^00000000000ffff0:   14703594  792080624  959394610$'),
            ('p 5', r'^5$'), ('p/x 0', r'^0$'), ('sum 0 16', r'^00000$'), ('gva2gpa 0', r'^gpa: 0$'),
            ('info mem', r'^PG disabled$'), ('info tlb', r'^PG disabled$'),
            ('i /b 0x60', r'^portb\[0x0060\] = 0x[0-9a-f]{2}$'),
            ('i /w 0xcf8', r'^portl\[0x0cf8\] = 0x00000000$'),
            ('o /w 0xcf8 0x80000000', r'^$'),
            ('i /w 0xcfc', r'^portl\[0x0cfc\] = 0x12378086$'),
        ))
        path = os.path.join(ctx.tmp, 'dump')
        for command in ('memsave', 'pmemsave'):
            hmp.expect(f'{command} 0xffff0 5 {path}', r'^$')
            with open(path, 'rb') as f:
                if f.read() != b'\xea\x5b\xe0\x00\xf0':
                    raise Failure(f'{command} has saved something else')
            os.unlink(path)


def test_the_process_has_the_name_it_was_given(ctx):
    with Hmp(os.path.join(ctx.tmp, 'm'), ctx.slow) as hmp, \
            monitored(ctx, QUIET + ['-S', '-name', 'guest,process=vm-of-mine'], hmp) as vm:
        with open(f'/proc/{vm.process.pid}/comm', encoding='ascii') as f:
            if f.read() != 'vm-of-mine\n':
                raise Failure('ps shows another name')
        hmp.expect('info name', r'^guest$')


def wait_for_end(pid, limit):
    """Of a process that is nobody's child here."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    ended, _, _ = select.select([fd], [], [], limit)
    os.close(fd)
    if not ended:
        raise Failure(f'process {pid} is still there after {limit:g} s')


def test_daemonize_ends_when_the_machine_is_there(ctx):
    """The command's own output ends with it, too: nothing in the background holds the pipes."""
    pidfile = os.path.join(ctx.tmp, 'pid')
    pid = 0
    with Hmp(os.path.join(ctx.tmp, 'm'), ctx.slow) as hmp:
        r = subprocess.run([ctx.qemu] + QUIET + ['-daemonize', '-pidfile', 'pid'] + hmp.args(), cwd=ctx.tmp,
                           stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           timeout=30 * ctx.slow, check=False)
        try:
            with open(pidfile, encoding='ascii') as f:
                pid = int(f.read())
            if r.returncode or r.stdout:
                raise Failure(f'status {r.returncode}, says {r.stdout!r}')
            if os.getsid(pid) != pid:
                raise Failure('no session of its own')
            hmp.accept()
            hmp.expect('info status', r'^VM status: running$')
            hmp.send('quit\n')
            wait_for_end(pid, 10 * ctx.slow)
            if os.path.exists(pidfile):
                raise Failure('the pid file has been left behind')
            pid = 0
        finally:
            if pid:
                os.kill(pid, signal.SIGKILL)


def test_every_info_command_answers_on_a_machine_that_runs(ctx):
    with Hmp(os.path.join(ctx.tmp, 'm'), ctx.slow) as hmp, \
            monitored(ctx, QUIET + ['-smp', '2', '-debugcon', 'stdio',
                                    '-device', '{"driver": "edu", "id": "e", "dma_mask": 4095}'], hmp):
        names = re.findall(r'^info (\S+) ', hmp.command('help info'), re.M)
        if len(names) < 25:
            raise Failure(f'only {len(names)} info commands')
        for name in names:
            if 'unknown' in hmp.command(f'info {name}') or 'Error' in hmp.command(f'info {name}'):
                raise Failure(f'info {name} fails')
        check_commands(hmp, (
            ('info status', r'^VM status: running$'),
            ('info cpus', r'^\* CPU #0: thread_id=\d+\n  CPU #1: thread_id=\d+$'),
            ('cpu 1', r'^$'), ('info cpus', r'^  CPU #0.*\n\* CPU #1'),
            ('info registers', r'^CPU#1\nE?R?AX='), ('info registers -a', r'CPU#0\n.*CPU#1\n'),
            ('info pci', r'Host bridge: PCI device 8086:1237.*device +\d+, function 0:\n    Class 0255: PCI device '
                         r'1234:11e8.*id "e"'),
            ('info qtree', r'dev: edu, id "e"\n.*dma_mask = 4095 '),
            ('info qtree', r'dev: isa-serial.*chardev = "serial0"\n.*dev: ide-cd.*unit = 0 '),
            ('device_add {"driver": "edu", "id": "f"}', r'^$'), ('info qtree', r'dev: edu, id "f"'),
            ('info mtree', r'address-space: memory\n'),
            ('info mtree -f', r'FlatView #\d'), ('info pic', r'^ioapic0: ver=0x20.*^pic1: irr=.*^pic0: irr='),
            ('info irq', r'^IRQ statistics for ioapic:\n.*IRQ statistics for isa-i8259:'),
            ('info lapic', r'^dumping local APIC state for CPU 1 \n\nLVT0\t 0x'),
            ('info roms', r'name="bios-256k\.bin"'), ('info chardev', r'^compat_monitor0: filename=unix:'),
            ('info history', r"^0: 'help info'$"),
        ))


def test_stop_cont_reset_and_quit(ctx):
    with Hmp(os.path.join(ctx.tmp, 'm'), ctx.slow) as hmp, \
            ctx.probe('spin', CONSOLE + hmp.args()) as vm:
        hmp.accept()
        vm.expect('here', 20)
        check_commands(hmp, (('stop', '^$'), ('info status', r'^VM status: paused$')))
        before = hmp.command('info registers')
        if before != hmp.command('info registers'):
            raise Failure('registers change while the machine is stopped')
        check_commands(hmp, (('system_reset', '^$'), ('info status', r'^VM status: paused$'), ('c', '^$')))
        vm.expect('here', 20)
        check_commands(hmp, (('info status', r'^VM status: running$'), ('nmi', '^$'), ('system_powerdown', '^$')))
        hmp.send('q\n')
        hmp.until_prompt()
        expect_status(vm, 0)


def test_no_shutdown_wants_a_reset_before_it_goes_on(ctx):
    """The PM1a control register of the board's firmware at its usual place would need SeaBIOS: a port does it."""
    with Hmp(os.path.join(ctx.tmp, 'm'), ctx.slow) as hmp, \
            monitored(ctx, QUIET + ['-S', '-no-shutdown'], hmp) as vm:
        check_commands(hmp, (
            ('o /w 0xcf8 0x80000b40', '^$'), ('o /w 0xcfc 0xb001', '^$'),           # PMBASE
            ('o /w 0xcf8 0x80000b80', '^$'), ('o /b 0xcfc 1', '^$'),                # PMREGMISC: decode it
            ('o /h 0xb004 0x2000', '^$'),                                           # SLP_EN, type of S5
            ('info status', r'^VM status: paused \(shutdown\)$'),
            ('cont', r'^Error: Resetting the Virtual Machine is required$'),
            ('system_reset', '^$'), ('info status', r'^VM status: paused$'), ('cont', '^$'),
            ('info status', r'^VM status: running$'),
        ))
        vm.kill()
        expect_status(vm, 0)


def test_media_are_changed_and_taken_out(ctx):
    iso, other = ctx.file('one.iso', bytes(65536)), ctx.file('two, really.iso', bytes(131072))
    with Hmp(os.path.join(ctx.tmp, 'm'), ctx.slow) as hmp, \
            monitored(ctx, QUIET + ['-S', '-hda', ctx.file('disk', bytes(1 << 20)), '-cdrom', iso], hmp):
        check_commands(hmp, (
            ('info block', r'^ide0-hd0.*disk \(raw\)\n.*^ide1-cd0.*one\.iso \(raw, read-only\)\n.*'
                           r'    Removable device: not locked, tray closed\n'),
            ('eject ide0-hd0', r"^Error: Device 'ide0-hd0' is not removable$"),
            ('eject ide1-cd0', '^$'), ('info block', r'^ide1-cd0: \[not inserted\]$'),
            ('eject ide1-cd0', '^$'),
            (f'change ide1-cd0 "{other}"', '^$'), ('info block ide1-cd0', r'^ide1-cd0.*two, really\.iso \(raw'),
            (f'change ide1-cd0 {iso} raw', '^$'), ('info block ide1-cd0', r'^ide1-cd0.*one\.iso \(raw'),
        ))


def test_the_first_switch_to_the_monitor_greets(ctx):
    with ctx.probe('echo', ['-serial', 'mon:stdio']) as vm:
        vm.expect('ready', 20)
        if '(qemu)' in vm.text:
            raise Failure('the monitor speaks though nobody has switched to it')
        vm.send('\x01c')
        vm.expect(r"monitor - type 'help' for more information\r\r?\n\(qemu\) ", 5)
        vm.send('info status\r')
        vm.expect(r'VM status: running\r\r?\n\(qemu\) ', 5)
        vm.send('\x01c')
        vm.send('a')
        vm.expect('<61>', 5)
        vm.send('\x01c')
        vm.expect(r'\(qemu\) ', 5)
        vm.send('quit\r')
        expect_status(vm, 0, 5)


def test_mon_takes_a_character_device(ctx):
    with Vm([ctx.qemu] + QUIET + ['-S', '-chardev', 'stdio,id=c,signal=off', '-mon', 'c'], tty=True, slow=ctx.slow,
            cwd=ctx.tmp) as vm:
        vm.expect(r'\(qemu\) ', 10)
        vm.send('info chardev\r')
        vm.expect(r'^c: filename=stdio', 5)
        vm.send('quit\r')
        expect_status(vm, 0, 5)


def test_bytes_that_mean_nothing_do_no_harm(ctx):
    with Hmp(os.path.join(ctx.tmp, 'm'), ctx.slow) as hmp, monitored(ctx, QUIET + ['-S'], hmp):
        for text in ('\x00\x01\x02', '\x1b[999999999999D\x1b[', '"' * 100, '\\' * 100, 'p ' + '(' * 3000,
                     'x /99999999999999999999xb 0', 'info ' * 300, '\t' * 20, 'help ' * 50 + '\t'):
            hmp.send(text + '\n')
            hmp.catch_up()
        hmp.expect('info status', 'VM status')


def test_a_saved_machine_goes_on_in_another_process(ctx):
    path = os.path.join(ctx.tmp, 'state')
    with Hmp(os.path.join(ctx.tmp, 'm'), ctx.slow) as hmp, ctx.probe('echo', ['-serial', 'stdio'] + hmp.args()) as vm:
        hmp.accept()
        vm.expect('ready', 20)
        check_commands(hmp, (
            (f'migrate {path}', r"^Error: Parameter 'uri' expects a valid migration protocol$"),
            ('migrate file:/nodir/x', r"^Error: cannot write saved state to '/nodir/x'"),
            ('info status', r'running'), (f'migrate "file:{path}"', '^$'), ('info status', r'paused'),
        ))
    with ctx.probe('echo', ['-serial', 'stdio', '-incoming', f'file:{path}',
                            '-monitor', f'unix:{ctx.tmp}/none,server=on,wait=off']) as vm:
        vm.send('a')
        vm.expect('<61>', 10)
        if 'ready' in vm.text:
            raise Failure('the guest has started anew')


def test_a_sleeping_machine_wakes_up(ctx):
    suspend = (('o /w 0xcf8 0x80000b40', '^$'), ('o /w 0xcfc 0xb001', '^$'), ('o /w 0xcf8 0x80000b80', '^$'),
               ('o /b 0xcfc 1', '^$'), ('o /h 0xb004 0x2400', '^$'),
               ('info status', r'^VM status: paused \(suspended\)$'), ('cont', '^$'),
               ('info status', r'^VM status: paused \(suspended\)$'))
    for wake in ('system_wakeup', 'system_powerdown', 'sendkey a'):
        with Hmp(os.path.join(ctx.tmp, f'm{len(wake)}'), ctx.slow) as hmp, \
                ctx.probe('spin', CONSOLE + hmp.args()) as vm:
            hmp.accept()
            vm.expect('here', 20)       # the firmware uses the same ports
            check_commands(hmp, suspend + ((wake, '^$'), ('info status', r'^VM status: running$')))
