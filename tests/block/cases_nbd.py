# SPDX-License-Identifier: GPL-2.0-or-later
"""The nbd client against the distribution's qemu-nbd, and against servers that misbehave."""
import os
import select
import socket
import struct
import subprocess
import threading

from tools import IMG, IO, contents, img, io, need, new_rng, other, run, same

OTHER_NBD = other("qemu-nbd")


class Server:
    """qemu-nbd of the distribution on a socket; it has bound it when --fork returns."""

    def __init__(self, image, *args, fmt="raw"):
        self.path = os.path.abspath("nbd.sock")
        pid = os.path.abspath("nbd.pid")
        subprocess.run([OTHER_NBD, "--fork", "--pid-file", pid, "-k", self.path, "-f", fmt, "-t", *args, image],
                       check=True, timeout=30, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(pid, encoding="ascii") as f:
            self.pid = int(f.read())

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        """It is gone, and its lock with it, when this returns: not our child, so not for waitpid()."""
        fd = os.pidfd_open(self.pid)
        os.kill(self.pid, 15)
        select.select([fd], [], [], 60)
        os.close(fd)


def test_an_export_reads_and_writes(seed):
    need(OTHER_NBD, "qemu-nbd")
    rng = new_rng(seed)
    img("create", "-q", "-f", "raw", "d.raw", "8M")
    model = bytearray(8 << 20)
    with Server("d.raw", "-x", "disk") as s:
        names = (f"nbd+unix:///disk?socket={s.path}", f"nbd:unix:{s.path}:exportname=disk",
                 "json:" + '{"driver":"raw","file":{"driver":"nbd","server":{"type":"unix","path":"%s"},'
                 '"export":"disk"}}' % s.path)
        for name in names:
            commands = []
            for _ in range(10):
                at, length = rng.randrange(0, 15000) * 512, rng.randrange(1, 600) * 512
                byte = rng.randrange(0, 256)
                commands.append(f"write -q {f'-P {byte}' if byte else '-z'} {at} {length}")
                model[at:at + length] = bytes([byte]) * length
            io(name, *commands, "flush", "discard 0 64k", f"read -q -P {model[1 << 20]} 1M 512", fmt="raw")
            with open("d.raw", "rb") as f:
                data = f.read()
            model[:65536] = data[:65536]        # what a discard leaves is the server's affair
            same(data, bytes(model), f"seed {seed}: {name}")
        run(IMG, "convert", "-f", "raw", "-O", "qcow2", names[0], "copy.qcow2")
        same(contents("copy.qcow2", "qcow2"), bytes(model), "copied")
        assert "virtual size: 8 MiB (8388608 bytes)" in img("info", names[0])
        out = img("info", f"nbd+unix:///other?socket={s.path}", status=1)
        assert "refuses export 'other'" in out, out
    with Server("d.raw", "-r") as s:
        out = io(f"nbd+unix:///?socket={s.path}", "write 0 512", fmt="raw", status=1)
        assert "read-only" in out, out
        run(IO, "-r", "-f", "raw", "-c", "read 0 512", f"nbd:unix:{s.path}")


def test_qcow2_stands_on_an_export():
    need(OTHER_NBD, "qemu-nbd")
    img("create", "-q", "-f", "qcow2", "d.qcow2", "64M")
    with open("d.qcow2", "ab") as f:
        f.truncate(16 << 20)
    with Server("d.qcow2") as s:
        io(f"nbd+unix:///?socket={s.path}", "write -q -P 7 1M 3M", "write -q -P 8 60M 64k", "flush",
           "read -q -P 7 1M 3M")
    io("d.qcow2", "read -q -P 7 1M 3M", "read -q -P 8 60M 64k", "read -q -P 0 5M 1M")


def serve(answer):
    """A server that sends these bytes to whoever comes, reads what comes meanwhile, and hangs up."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1)

    def work():
        connection, _ = listener.accept()
        with connection:
            try:
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except OSError:
                pass            # it left first
        listener.close()
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return listener.getsockname()[1]


HELLO = b"NBDMAGIC" + b"IHAVEOPT" + struct.pack(">H", 3)
REPLY = 0x3e889045565a9


def reply(kind, data=b"", option=7):
    return struct.pack(">QIII", REPLY, option, kind, len(data)) + data


EXPORT = reply(3, struct.pack(">HQH", 0, 1 << 20, 1)) + reply(1)


def test_servers_that_misbehave_are_one_error():
    whole = HELLO + EXPORT
    cases = [(whole[:n], None) for n in range(0, len(whole), 3)]
    cases += [(b"\0" * 64, "newstyle"), (HELLO + reply(0x80000006, b"go\naway"), "go away"),
              (HELLO + reply(1), "refuses"), (HELLO + struct.pack(">QIII", REPLY, 7, 3, 0xffffffff), "makes no sense"),
              (HELLO + reply(3, b"x" * 5) * 70, "does not end"), (HELLO + reply(7, option=3), "makes no sense"),
              (HELLO + reply(3, struct.pack(">HQH", 0, 1 << 63, 1)) + reply(1), "too large"),
              (HELLO + reply(3, struct.pack(">HIII", 3, 3, 4, 5)) + EXPORT, "requests of 3 bytes")]
    for answer, text in cases:
        out = img("info", "-f", "raw", f"nbd://127.0.0.1:{serve(answer)}/x", status=1, timeout=20)
        assert len(out.splitlines()) == 1 and (not text or text in out), (answer, out)
    # Replies that answer nothing: the request fails, and so does everything after it.
    for tail in (b"", b"\0" * 16, struct.pack(">IIQ", 0x67446698, 0, 99)):
        out = run(IO, "-r", "-f", "raw", "-c", "read 0 512", "-c", "read 512 512",
                  f"nbd://127.0.0.1:{serve(whole + tail)}", status=1)
        assert out.count("read failed: Input/output error") == 2, out
    out = run(IO, "-r", "-f", "raw", "-c", "read 0 512", f"nbd:127.0.0.1:{serve(whole + reply_to(1, 28))}", status=1)
    assert "No space left on device" in out, out


def reply_to(handle, error):
    return struct.pack(">IIQ", 0x67446698, error, handle)


def test_addresses_are_checked():
    for name, text in (("nbd:", "host and port"), ("nbd:host", "host and port"), ("nbd+unix:///x", "socket=PATH"),
                       ("nbd://", "named by host"), ("nbd://h:99999/", "Invalid URI"), ("nbd:unix:", "named by host"),
                       ("nbd:unix:/no/such/socket", "Failed to connect"), ("nbd://h/?tls=1", "unknown parameter"),
                       ("nbd:unix:/" + "x" * 200, "too long")):
        out = img("info", "-f", "raw", name, status=1)
        assert text in out, (name, out)
    out = run(IMG, "info", "--image-opts", "driver=nbd,server.host=localhost,server.path=/x", status=1)
    assert "named by host" in out, out
