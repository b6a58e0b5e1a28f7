# SPDX-License-Identifier: GPL-2.0-or-later
"""Firmware and small Multiboot kernels: what a guest sees before there is an operating system."""
import os
import re
import select
import socket
import time
import tty

import build
from build import on_both_back_ends
from hmp import Hmp
from vm import Failure

EXIT = ['-device', 'isa-debug-exit,iobase=0xf4,iosize=4']
CONSOLE = ['-debugcon', 'stdio']


def expect_status(vm, wanted, limit=10):
    status = vm.wait(limit)
    if status != wanted:
        raise Failure(f'status {status}, wanted {wanted}{vm.error_note()}')


@on_both_back_ends
def test_seabios_speaks_on_the_debug_console(ctx):
    with ctx.vm(['-display', 'none', '-vga', 'none', '-nodefaults', '-chardev', 'stdio,id=c', '-device',
                 'isa-debugcon,iobase=0x402,chardev=c'], tty=False) as vm:
        vm.expect(r'SeaBIOS \(version [^)]+\)', 20)
        vm.expect(r'No bootable device', 60)
        vm.kill()
        expect_status(vm, 0)


def boot_sector(text):
    """Says it on the first serial port, waits for the timer's next tick, and ends the program with status 1."""
    code = bytes.fromhex(
        'fa 31c0 8ed8 8ed0 bc007c fb be0000'        # cli; ds = ss = 0; sp = 7c00; sti; si = text
        'ac 84c0 7406 baf803 ee ebf5'               # until 0: out 3f8, [si++]
        'a16c04 39066c04 74fa'                      # the BIOS's count of ticks moves
        '31c0 e6f4 f4 ebfd'.replace(' ', ''))       # out f4, 0; hlt
    code = code.replace(bytes.fromhex('be0000'), b'\xbe' + (0x7c00 + len(code)).to_bytes(2, 'little'), 1)
    return (code + text + b'\0').ljust(510, b'\0') + b'\x55\xaa'


def test_machines_boot_from_floppy_and_disk(ctx):
    """Those without PCI, and with a processor without local APIC, where interrupts come by the oldest way."""
    image = ctx.file('boot.img', boot_sector(b'sector runs\r\n').ljust(1474560, b'\0'))
    for machine in (['-M', 'isapc'], ['-M', 'isapc', '-cpu', 'qemu64'], ['-M', 'pc', '-cpu', '486']):
        for drive in ('floppy', 'ide'):
            args = ['-display', 'none', '-serial', 'stdio', '-boot', 'a' if drive == 'floppy' else 'c',
                    '-drive', f'if={drive},format=raw,file={image},snapshot=on']
            with ctx.vm(machine + EXIT + args, tty=False) as vm:
                vm.expect(r'sector runs', 30)
                expect_status(vm, 1)


@on_both_back_ends
def test_the_status_is_what_the_guest_wrote(ctx):
    for value in (0, 1, 21, 127):
        with ctx.probe(f'exit {value}', EXIT, tty=False) as vm:
            expect_status(vm, (value << 1 | 1) & 0xff, 20)


@on_both_back_ends
def test_a_multiboot_kernel_gets_command_line_modules_and_memory(ctx):
    one, two = b'first module\n' * 999, bytes(range(256)) * 17
    ctx.file('one', one)
    ctx.file('two', two)

    def checksum(data):
        total = 0
        for b in data:
            total = (total * 31 + b) & 0xffffffff
        return f'{total:08x}'

    with ctx.probe('some words info', CONSOLE + EXIT + ['-initrd', 'one with args,two'], tty=False) as vm:
        kernel = re.escape(build.probe_kernel(ctx.build))
        text = vm.expect(r'.*end\n', 20).group()
        for wanted in ('magic=2badb002', f'cmdline={kernel} some words info\n',
                       f'module length={len(one):08x} aligned sum={checksum(one)} string=one with args\n',
                       f'module length={len(two):08x} aligned sum={checksum(two)} string=two\n',
                       r'lower=0000027[0-9a-f]', 'memory base=0{16} length=0{11}9[0-9a-f]{4} type=1',
                       'memory base=0{10}100000 length=0{9}1[0-9a-f]{6} type=1'):
            if not re.search(wanted, text):
                raise Failure(f'no /{wanted}/ in\n{text}')
        expect_status(vm, 1)


@on_both_back_ends
def test_a_triple_fault_is_reported_and_resets(ctx):
    with ctx.probe('triple', CONSOLE, tty=False) as vm:
        vm.expect('here\n.*here\n.*here\n', 30)
        vm.kill()
        expect_status(vm, 0)
        report = vm.errors()
        if report.count('triple fault') != 1 or not re.search(r'^EIP=[0-9a-f]{8}', report, re.M):
            raise Failure(f'wanted one report with registers, got:\n{report}')
    with ctx.probe('triple', CONSOLE + ['-no-reboot'], tty=False) as vm:
        expect_status(vm, 0, 20)
        if vm.text.count('here') != 1:
            raise Failure(f'-no-reboot, and still: {vm.text!r}')


@on_both_back_ends
def test_every_way_to_reset_starts_the_machine_again(ctx):
    for way in ('kbc', 'cf9', 'port92'):
        with ctx.probe(way, CONSOLE, tty=False) as vm:
            vm.expect('here\n.*here\n', 30)
        with ctx.probe(way, CONSOLE + ['-no-reboot'], tty=False) as vm:
            expect_status(vm, 0, 20)


@on_both_back_ends
def test_a_serial_port_can_be_a_file(ctx):
    with ctx.probe('echo', EXIT + ['-serial', 'file:out', '-serial', 'null'], tty=False) as vm:
        path = os.path.join(ctx.tmp, 'out')
        wait_for(lambda: os.path.exists(path) and open(path, 'rb').read() == b'ready\r\n', vm, 20)
        vm.kill()
        expect_status(vm, 0)


def wait_for(is_true, vm, limit):
    """For what has no file to wait on: asks again and again, until the deadline."""
    end = time.monotonic() + limit * vm.slow
    while not is_true():
        if time.monotonic() > end or vm.process.poll() is not None:
            raise Failure(f'not so after {limit * vm.slow:g} s{vm.error_note()}')
        select.select([], [], [], 0.01)


def talk(read, write, limit):
    """
    Bytes to the echo kernel and back. It may have said "ready" before anybody was there, and loses what comes before;
    so it is first asked until it answers. Its last answer is not read: closing a pty takes that away.
    """
    data, end = b'', time.monotonic() + limit
    while b'<3f>' not in data and time.monotonic() < end:
        write(b'?')
        data += read()
    write(b'\x00\x7f\xff\r\n!')
    while not data.endswith(b'<21>') and time.monotonic() < end:
        data += read()
    if not data.endswith(b'<00><7f><ff><0d><0a><21>'):
        raise Failure(f'the guest answered {data!r}')
    write(b'q')


def read_soon(fd):
    """What there is after a moment, perhaps nothing."""
    return os.read(fd, 1000) if select.select([fd], [], [], 0.2)[0] else b''


def test_a_serial_port_can_be_a_pty(ctx):
    with ctx.probe('echo', EXIT + ['-serial', 'pty'], tty=False) as vm:
        name = vm.expect(r'char device redirected to (/dev/pts/\d+) \(label serial0\)', 20).group(1)
        fd = os.open(name, os.O_RDWR | os.O_NOCTTY)
        try:
            tty.setraw(fd)
            talk(lambda: read_soon(fd), lambda data: os.write(fd, data), 20 * ctx.slow)
        finally:
            os.close(fd)
        expect_status(vm, 1)


def test_a_serial_port_can_be_a_socket(ctx):
    path = os.path.join(ctx.tmp, 's')
    with ctx.probe('echo', EXIT + ['-serial', f'unix:{path},server=on,wait=off'], tty=False) as vm:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20 * ctx.slow)
            wait_for(lambda: s.connect_ex(path) == 0, vm, 20)
            talk(lambda: read_soon(s.fileno()), s.sendall, 20 * ctx.slow)
        expect_status(vm, 1)
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        listener.listen(1)
        listener.settimeout(20 * ctx.slow)
        port = listener.getsockname()[1]
        with ctx.probe('echo', EXIT + ['-serial', f'tcp:127.0.0.1:{port}'], tty=False) as vm:
            s, _ = listener.accept()
            with s:
                s.settimeout(20 * ctx.slow)
                talk(lambda: read_soon(s.fileno()), s.sendall, 20 * ctx.slow)
            expect_status(vm, 1)


def test_a_socket_that_waits_starts_with_its_peer(ctx):
    path = os.path.join(ctx.tmp, 's')
    with ctx.probe('echo', EXIT + ['-serial', f'unix:{path},server=on,wait=on'], tty=False) as vm:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(20 * ctx.slow)
            wait_for(lambda: s.connect_ex(path) == 0, vm, 20)
            data, more = b'', b'-'
            while b'ready' not in data and more:
                more = s.recv(100)
                data += more
            if b'ready' not in data:
                raise Failure(f'the connection ended after {data!r}{vm.error_note()}')
            talk(lambda: read_soon(s.fileno()), s.sendall, 20 * ctx.slow)
        expect_status(vm, 1)


@on_both_back_ends
def test_pipes_are_enough_for_standard_input_and_output(ctx):
    with ctx.probe('echo', EXIT + ['-serial', 'stdio'], tty=False) as vm:
        vm.expect('ready', 20)
        vm.send('a\nq')
        vm.expect('<61><0a><71>', 10)
        expect_status(vm, 1)


def test_the_end_of_standard_input_ends_nothing(ctx):
    with ctx.probe('echo', EXIT + ['-serial', 'stdio'], tty=False) as vm:
        vm.process.stdin.close()
        vm.expect('ready', 20)
        vm.kill()
        expect_status(vm, 0)


def test_the_log_goes_where_it_is_told(ctx):
    with ctx.probe('exit 0', EXIT + ['-d', 'in_asm,int,cpu_reset', '-D', 'log'], tty=False) as vm:
        expect_status(vm, 1, 60)
        with open(os.path.join(ctx.tmp, 'log'), encoding='utf-8', errors='replace') as f:
            log = f.read()
        if 'CPU Reset' not in log or not re.search(r'^0x0*100[0-9a-f]{3}:', log, re.M) or vm.errors():
            raise Failure(f'{len(log)} bytes of log, which begin:\n{log[:600]}{vm.error_note()}')


def blocks_of_page(section):
    """Indented blocks of a section of docs/tcg.md, each a list of lines."""
    with open(os.path.join(build.SRC, 'docs', 'tcg.md'), encoding='utf-8') as f:
        text = f.read().split(f'\n## {section}\n')[1].split('\n## ')[0]
    return [[line[4:].rstrip() for line in m.group().splitlines()]
            for m in re.finditer(r'(?:^    .*\n)+', text, re.M)]


def same_lines(what, wanted, seen):
    if wanted != seen:
        n = next((i for i, (w, s) in enumerate(zip(wanted, seen)) if w != s), min(len(wanted), len(seen)))
        raise Failure(f'docs/tcg.md, {what}, line {n + 1}: the page says {wanted[n:n + 1]}, the log {seen[n:n + 1]}')


@on_both_back_ends
def test_the_walk_in_the_manual_is_what_is_logged(ctx):
    """Guest code and IR line by line; of the host code the instructions of the main path."""
    pages = blocks_of_page('A walk')
    image = build.boot_sector(ctx.tmp, 'walk')
    with Hmp(os.path.join(ctx.tmp, 'm'), ctx.slow) as hmp, \
            ctx.vm(['-m', '16M', '-drive', f'file={image},format=raw', '-display', 'none', '-d',
                    'in_asm,op,op_opt,out_asm', '-dfilter', '0x7c90+0x1', '-D', 'walk.log', *hmp.args()]) as vm:
        hmp.accept()
        hmp.wait_until('info registers', r'^RIP=0*7c9c .* HLT=1')
        vm.kill()
        expect_status(vm, 0)
    with open(os.path.join(ctx.tmp, 'walk.log'), encoding='utf-8') as f:
        log = re.split(r'^(?:IN|OP|OP after [^:]*|OUT):.*\n', f.read(), flags=re.M)[1:5]
    code, ops, optimised, host = ([line.rstrip() for line in part.splitlines() if line.strip(' -')] for part in log)
    same_lines('guest code', pages[0][1:], code)
    same_lines('IR', pages[1], ops)
    if '.i64' in host[0]:
        same_lines('interpreter', [line.split()[0] for line in pages[-1]], [line.split()[1] for line in host])
    else:
        same_lines('optimised IR', pages[2], optimised)
        main_path = [line[31:].split()[0] for line in pages[3]]
        same_lines('host code', main_path, [line[51:].split()[0] for line in host[:len(main_path)]])
