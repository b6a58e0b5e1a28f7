# SPDX-License-Identifier: GPL-2.0-or-later
"""The VNC server: what clients see, what they may do, and that nothing they do is our end."""
import os
import socket
import subprocess

import build
from build import Skip
from cases_pictures import dump
from hmp import Hmp
from rfb import HOST, NONE, VNC_AUTH, Rfb, free_display
from vm import Failure


def has_vnc(ctx):
    listed = subprocess.run([ctx.qemu, '-display', 'help'], capture_output=True, text=True, timeout=30 * ctx.slow,
                            check=False)
    return 'vnc' in listed.stdout.split()


def served(ctx, hmp, display, more='', args=()):
    if not has_vnc(ctx):
        raise Skip('built without VNC')
    vm = ctx.vm(['-vnc', f'{HOST}:{display}{more}', '-net', 'none', '-m', '32', *args, *hmp.args()])
    hmp.accept()
    hmp.expect('info vnc', 'Clients: 0')        # the machine runs, so the server listens
    return vm


def test_a_vnc_client_sees_the_screen_and_types(ctx):
    """Modes of different sizes; each waits for a key, which the client presses."""
    display = free_display()
    sector = build.boot_sector(ctx.tmp, 'modes')
    modes = ['-debugcon', 'stdio', '-name', 'modes', '-drive', 'format=raw,file=' + sector]
    with Hmp(os.path.join(ctx.tmp, 'm'), ctx.slow) as hmp, served(ctx, hmp, display, args=modes) as vm, \
            Rfb(display, 30 * ctx.slow) as client:
        if not client.log_in() or client.name != 'QEMU (modes)' or client.security != [NONE]:
            raise Failure(f'title {client.name!r}, security {client.security}')
        for _ in range(3):
            vm.expect('D', 60)
            client.wait_for(lambda: dump(ctx, hmp), 30 * ctx.slow)
            client.key(ord('a'))
        vm.expect('D', 60)
        hmp.expect('info vnc', rf'(?s)Server: {HOST}:.*Auth: none.*Clients: 1')


def test_vnc_clients_need_the_password(ctx):
    display = free_display()
    with Hmp(os.path.join(ctx.tmp, 'm'), ctx.slow) as hmp, served(ctx, hmp, display, ',password=on', ['-S']):
        for command, tries in (
                ('', (('', False), ('secret', False))),
                ('set_password vnc secret', (('wrong', False), ('secret', True))),
                ('change vnc password other', (('secret', False), ('other', True)))):
            if command:
                hmp.expect(command, r'\A\s*\Z')
            for password, wanted in tries:
                with Rfb(display, 30 * ctx.slow) as client:
                    if client.security != [VNC_AUTH] or client.log_in(password) != wanted:
                        raise Failure(f'after {command!r}: {password!r}, security {client.security}')
        hmp.expect('set_password vnc 123456789', r'at most 8 characters')
        hmp.expect('set_password spice x', r"does not accept value 'spice'")


def test_rude_vnc_clients_hurt_only_themselves(ctx):
    display = free_display()
    with Hmp(os.path.join(ctx.tmp, 'm'), ctx.slow) as hmp, served(ctx, hmp, display) as vm:
        rude = []
        start = b'RFB 003.008\n\1\1'
        for noise in (b'', b'GET / HTTP/1.0\r\n\r\n', start[:-2], start + b'\6\0\0\0\xff\xff\xff\xff',
                      start + b'\2\0\xff\xff' + bytes(64), start + bytes(range(256)) * 64):
            s = socket.create_connection((HOST, 5900 + display), 30 * ctx.slow)
            s.sendall(noise)
            rude.append(s)
        deaf = Rfb(display, 30 * ctx.slow)      # asks for all it can get and reads nothing
        deaf.log_in()
        for _ in range(200):
            deaf.ask(0)
        with Rfb(display, 30 * ctx.slow) as client:
            if not client.log_in():
                raise Failure('refused')
            client.update(0)
            for x in range(100):
                client.pointer(x, 2 * x, x & 31)
                client.key(0xffe1 + x)
            hmp.expect('info status', 'running')
        for s in rude:
            s.close()
        deaf.sock.close()
        hmp.expect('info vnc', 'Server')
        hmp.send('quit\n')
        vm.wait(30)
        if vm.process.returncode:
            raise Failure(f'status {vm.process.returncode}')


def three_modes(ctx, hmp, vm):
    """How long they take."""
    start = vm.clock()
    for _ in range(3):
        hmp.expect('sendkey a', r'\A\s*\Z')
        vm.expect('D', 60)
        dump(ctx, hmp)                  # looks at the mode
    return vm.clock() - start


def outlives_modes(ctx, hmp, vm, display):
    """Whether a client in the middle of an update is still that after three modes, and how long they took."""
    with Rfb(display, 30 * ctx.slow, 4096) as slow:
        slow.log_in()
        with Rfb(display, 30 * ctx.slow) as client:
            client.log_in()
            for _ in range(20):             # more megabytes than there are buffers for
                slow.ask(0)
                client.update(0)
        seconds = three_modes(ctx, hmp, vm)
        return 'Clients: 0' not in hmp.command('info vnc'), seconds


def test_a_slow_vnc_client_does_not_hold_up_a_new_mode(ctx):
    """
    Who takes nothing is dropped in two seconds; a machine that waits for that sees it gone. So does a host that takes
    longer for the modes, which modes without that client tell.
    """
    display = free_display()
    sector = build.boot_sector(ctx.tmp, 'modes')
    modes = ['-debugcon', 'stdio', '-drive', 'format=raw,file=' + sector]
    for _ in range(5):
        with Hmp(os.path.join(ctx.tmp, 'm'), ctx.slow) as hmp, served(ctx, hmp, display, args=modes) as vm:
            vm.expect('D', 60)
            outlived, seconds = outlives_modes(ctx, hmp, vm, display)
            with Rfb(display, 30 * ctx.slow) as client:
                client.log_in()
                client.wait_for(lambda: dump(ctx, hmp), 30 * ctx.slow)  # pylint: disable=cell-var-from-loop
            if outlived:
                return
            alone = three_modes(ctx, hmp, vm)
            if alone > seconds / 4:
                raise Skip(f'a busy host: three modes take {seconds:.1f} s, and {alone:.1f} s without the slow client')
    raise Failure('the machine waits for a slow client')


def test_vnc_clients_outlive_the_card(ctx):
    display = free_display()
    with Hmp(os.path.join(ctx.tmp, 'm'), ctx.slow) as hmp, \
            served(ctx, hmp, display, args=['-vga', 'none', '-device', 'secondary-vga,id=v', '-S']) as vm:
        with Rfb(display, 30 * ctx.slow) as client:
            client.log_in()
            client.update(0)
            hmp.expect('device_del v', r'\A\s*\Z')
            hmp.expect('system_reset', r'\A\s*\Z')      # is taken for the guest's agreement
            hmp.expect('info pci', r'\A(?s:(?!1234:1111).)*\Z')
            client.update(0)
        with Rfb(display, 30 * ctx.slow) as client:
            client.log_in()
            client.update(0)
        hmp.send('quit\n')
        vm.wait(30)
        if vm.process.returncode:
            raise Failure(f'status {vm.process.returncode}')


def test_vnc_mistakes_are_named(ctx):
    if not has_vnc(ctx):
        raise Skip('built without VNC')
    taken = socket.socket()
    taken.bind(('127.0.0.1', 0))
    taken.listen(1)
    port = taken.getsockname()[1]
    for arg, message in (
            ('foo', 'no vnc port specified'), (':x', "can't convert to a number: x"),
            (':99999', 'port 99999 out of range'),
            (':1,foo=1', "invalid parameter 'foo'"), ('unix:/x', 'unix sockets are not supported'),
            (f'127.0.0.1:{port - 5900}', 'Failed to listen on port')):
        run = subprocess.run([ctx.qemu, '-vnc', arg, '-S', '-m', '32'], capture_output=True, text=True,
                             timeout=60 * ctx.slow, check=False)
        if run.returncode != 1 or f'-vnc {arg}: ' not in run.stderr or message not in run.stderr:
            raise Failure(f'-vnc {arg}: status {run.returncode}, {run.stderr!r}')
    taken.close()
