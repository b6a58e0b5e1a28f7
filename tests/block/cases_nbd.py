# SPDX-License-Identifier: GPL-2.0-or-later
"""The nbd client against the distribution's qemu-nbd, and against servers that misbehave."""
import os
import select
import socket
import struct
import subprocess
import threading

from tools import IMG, IO, OTHER_IMG, SLOW, contents, img, io, need, new_rng, other, run, same

OTHER_NBD = other("qemu-nbd")


class Server:
    """qemu-nbd of the distribution on a socket; it has bound it when --fork returns."""

    def __init__(self, image, *args, fmt="raw"):
        self.path = os.path.abspath("nbd.sock")
        pid = os.path.abspath("nbd.pid")
        subprocess.run([OTHER_NBD, "--fork", "--pid-file", pid, "-k", self.path, "-f", fmt, "-t", *args, image],
                       check=True, timeout=30 * SLOW, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with open(pid, encoding="ascii") as f:
            self.pid = int(f.read())

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        """It is gone, and its lock with it, when this returns: not our child, so not for waitpid()."""
        fd = os.pidfd_open(self.pid)
        os.kill(self.pid, 15)
        select.select([fd], [], [], 60 * SLOW)
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
        img("convert", "-f", "qcow2", "-O", "raw", "copy.qcow2", names[0])     # what is there is large enough
        with open("d.raw", "rb") as f:
            same(f.read(), bytes(model), "copied back")
        out = img("create", "-f", "raw", names[0], "9M", status=1)
        assert "less than 9437184" in out, out
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


REPLY = 0x3e889045565a9
GREETING = b"NBDMAGIC" + b"IHAVEOPT" + struct.pack(">H", 3)


def reply(kind, data=b"", option=7):
    return struct.pack(">QIII", REPLY, option, kind, len(data)) + data


HELLO = GREETING + reply(0x80000001, option=8)      # no structured replies
CONTEXT = struct.pack(">I", 7) + b"base:allocation"
STRUCTURED = GREETING + reply(1, option=8) + reply(4, CONTEXT, option=10) + reply(1, option=10)
EXPORT = reply(3, struct.pack(">HQH", 0, 1 << 20, 1)) + reply(1)


def test_servers_that_misbehave_are_one_error():
    whole = HELLO + EXPORT
    modern = STRUCTURED + EXPORT
    cases = [(w[:n], None) for w in (whole, modern) for n in range(0, len(w), 5)]
    cases += [(b"\0" * 64, "newstyle"), (HELLO + reply(0x80000006, b"go\naway"), "go away"),
              (HELLO + reply(1), "refuses"), (HELLO + struct.pack(">QIII", REPLY, 7, 3, 0xffffffff), "makes no sense"),
              (HELLO + reply(3, b"x" * 5) * 70, "does not end"), (HELLO + reply(7, option=3), "makes no sense"),
              (HELLO + reply(3, struct.pack(">HQH", 0, 1 << 63, 1)) + reply(1), "too large"),
              (HELLO + reply(3, struct.pack(">HIII", 3, 3, 4, 5)) + EXPORT, "requests of 3 bytes"),
              (HELLO + reply(3, struct.pack(">HIII", 3, 1, 1, 511)) + EXPORT, "no requests of 512 bytes"),
              (GREETING + reply(0x80000005, option=8), "TLS, which is not supported"),
              (b"NBDMAGIC" + struct.pack(">QQ", 0x420281861253, 1 << 20), "before 2007"),
              (GREETING + reply(1, option=8) + reply(4, CONTEXT, option=10) * 70, "does not end")]
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


def chunk(kind, data=b"", done=True, handle=1):
    return struct.pack(">IHHQI", 0x668e33ef, int(done), kind, handle, len(data)) + data


def data_at(offset, data):
    return struct.pack(">Q", offset) + data


def test_chunks_that_make_no_sense_end_the_connection():
    half, hole = bytes([5]) * 256, struct.pack(">QI", 256, 256)
    good = chunk(1, data_at(256, half), False) + chunk(1, data_at(0, half))
    for tail, text in ((good, "512/512"), (chunk(1, data_at(0, half), False) + chunk(2, hole), "512/512"),
                       (chunk(0x8001, struct.pack(">IH", 28, 2) + b"no"), "No space left"),
                       (chunk(1, data_at(0, half)), "Input/output error"),                      # not all of it
                       (chunk(1, data_at(0, half), False) * 2 + chunk(0), None),                # one part twice
                       (chunk(1, data_at(1 << 40, half)), "Input/output error"),
                       (chunk(1, data_at(300, half)), "Input/output error"),
                       (chunk(1, data_at((1 << 64) - 256, half * 2)), "Input/output error"),
                       (chunk(2, struct.pack(">QI", 0, 0), False) * 9, "Input/output error"),
                       (chunk(2, struct.pack(">QI", 0, 0xffffffff)), "Input/output error"),
                       (chunk(0, done=False), "Input/output error"), (chunk(99), "Input/output error"),
                       (chunk(5, struct.pack(">III", 7, 512, 3)), "Input/output error"),        # not asked for
                       (chunk(0x8001, struct.pack(">IH", 0, 0)), "Input/output error"),
                       (struct.pack(">IHHQI", 0x668e33ef, 1, 1, 1, 0xffffffff), "Input/output error"),
                       (struct.pack(">IHHQI", 0x668e33ef, 1, 0x8001, 1, 0xffffffff), "Input/output error"),
                       (reply_to(1, 0) + half * 2, "Input/output error")):                      # a simple one
        port = serve(STRUCTURED + EXPORT + tail)
        out = run(IO, "-r", "-f", "raw", "-c", "read -v 0 512", f"nbd://127.0.0.1:{port}", status=None, timeout=20)
        assert not text or text in out, (tail, out)
        if tail == good:
            assert out.count("05 05 05 05 05 05 05 05 05 05 05 05 05 05 05 05") == 32, out
    for tail in (chunk(5, struct.pack(">III", 8, 512, 3)), chunk(5, struct.pack(">III", 7, 0, 3)), chunk(0),
                 chunk(5, b"x" * 13), chunk(5, struct.pack(">IIIII", 7, 1 << 20, 3, 9, 9) * 9000), b""):
        out = img("map", "-f", "raw", f"nbd://127.0.0.1:{serve(STRUCTURED + EXPORT + tail)}", status=1, timeout=20)
        assert "Input/output error" in out, (tail, out)
    port = serve(STRUCTURED + EXPORT + chunk(5, struct.pack(">III", 7, 0xffffffff, 3)))
    out = img("map", "--output=json", "-f", "raw", f"nbd://127.0.0.1:{port}", timeout=20)
    assert '"length": 1048576' in out and '"data": false' in out, out


class Scripted:
    """A server that is made of answers: answer(connection number, [requests so far unanswered]) gives bytes, or None
    to hang up. A request is (command, flags, handle, offset, length)."""

    def __init__(self, answer, flags=0x65):
        self.answer, self.flags, self.seen = answer, flags, []
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(4)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        for number in range(1000):
            connection, _ = self.listener.accept()
            with connection:
                try:
                    self.talk(connection, number)
                except (OSError, struct.error):
                    pass            # it left

    def talk(self, connection, number):
        stream = connection.makefile("rwb")
        export = reply(3, struct.pack(">HQH", 0, 1 << 20, self.flags)) + reply(1)
        stream.write(HELLO + export)
        stream.flush()
        stream.read(4)
        for _ in range(2):
            stream.read(struct.unpack(">QII", stream.read(16))[2])
        waiting = []
        while True:
            _, flags, command, handle, offset, length = struct.unpack(">IHHQQI", stream.read(28))
            if command == 1:
                stream.read(length)
            if command == 2:
                return
            waiting.append((command, flags, handle, offset, length))
            self.seen.append((command, flags))
            out = self.answer(number, waiting)
            if out is None:
                return
            stream.write(out)
            stream.flush()


def read_answer(request):
    """Of a disk whose bytes are the numbers of their 4 KiB."""
    return reply_to(request[2], 0) + bytes([request[3] >> 12]) * request[4]


def test_requests_are_under_way_at_the_same_time():
    def backwards(_, waiting):
        if waiting[-1][0] == 3:
            return reply_to(waiting.pop()[2], 0)
        if len(waiting) < 4:
            return b""
        out = b"".join(read_answer(r) for r in reversed(waiting))
        waiting.clear()
        return out
    port = Scripted(backwards).port
    commands = [w for n in range(8) for w in ("-c", f"aio_read -P {n} {n * 4}k 4k")]
    out = run(IO, "-r", "-f", "raw", *commands, "-c", "aio_flush", f"nbd://127.0.0.1:{port}", timeout=30)
    assert "failed" not in out and out.count("read 4096/4096") == 8, out


def test_a_lost_connection_is_made_anew():
    def dies_twice(number, waiting):
        r = waiting.pop()
        return None if number < 2 else read_answer(r)
    options = "driver=raw,file.driver=nbd,file.server.host=127.0.0.1,file.server.port=%d,file.reconnect-delay=%d"
    out = run(IO, "-r", "--image-opts", "-c", "read -P 3 12k 4k", options % (Scripted(dies_twice).port, 60))
    assert "read 4096/4096" in out, out
    out = run(IO, "-r", "--image-opts", "-c", "read 12k 4k", options % (Scripted(dies_twice).port, 0), status=1)
    assert "read failed: Input/output error" in out, out
    # Without a delay the next request may find the server again.
    port = Scripted(lambda number, waiting: None if not number else read_answer(waiting.pop())).port
    out = run(IO, "-r", "--image-opts", "-c", "read 12k 4k", "-c", "read -P 4 16k 4k", options % (port, 0), status=1)
    assert out.count("failed") == 1 and out.count("read 4096/4096") == 1, out
    out = run(IMG, "info", "--image-opts", options % (port, 0) + ",file.tls-creds=t", status=1)
    assert "TLS is not supported" in out, out


def test_what_a_write_needs_is_asked_for():
    def fine(_, waiting):
        return reply_to(waiting.pop()[2], 0)
    s = Scripted(fine, flags=1 | 4 | 8 | 32 | 64 | 2048)
    run(IO, "-f", "raw", "-d", "unmap", "-c", "write -f 0 4k", "-c", "write -z 4k 4k", "-c", "write -z -u 8k 4k",
        "-c", "discard 12k 4k", "-c", "flush", f"nbd://127.0.0.1:{s.port}")
    assert s.seen[:5] == [(1, 1), (6, 2), (6, 0), (4, 0), (3, 0)], s.seen
    s = Scripted(fine, flags=1 | 4)         # knows no FUA, no zeros
    run(IO, "-f", "raw", "-d", "unmap", "-c", "write -f 0 4k", "-c", "write -z 4k 4k", "-c", "discard 12k 4k",
        f"nbd://127.0.0.1:{s.port}")
    assert s.seen[:3] == [(1, 0), (3, 0), (1, 0)], s.seen


def test_holes_are_seen_through_a_server():
    need(OTHER_NBD, "qemu-nbd")
    img("create", "-q", "-f", "raw", "d.raw", "64M")
    io("d.raw", "write -q -P 7 1M 64k", "write -q -P 8 40M 1M", fmt="raw")
    with Server("d.raw", "-r") as s:
        name = f"nbd+unix:///?socket={s.path}"
        ours, theirs = (run(p, "map", "--output=json", "-f", "raw", name) for p in (IMG, OTHER_IMG))
        assert ours == theirs and '"data": false' in ours, f"{ours}\n{theirs}"
        out = img("map", "-f", "raw", name)
        assert out == run(OTHER_IMG, "map", "-f", "raw", name), out
        args = ("measure", "-f", "raw", "-O", "qcow2", name)
        assert img(*args) == run(OTHER_IMG, *args), img(*args)
        for output in ("human", "json"):
            ours, theirs = (run(p, "info", f"--output={output}", name) for p in (IMG, OTHER_IMG))
            assert ours == theirs, f"{ours}\n{theirs}"
    img("create", "-q", "-f", "qcow2", "d.qcow2", "64M")
    io("d.qcow2", "write -q -P 7 1M 64k")
    with Server("d.qcow2", fmt="qcow2") as s:
        img("convert", "-f", "raw", "-O", "qcow2", f"nbd+unix:///?socket={s.path}", "copy.qcow2")
    assert contents("copy.qcow2", "qcow2") == contents("d.qcow2", "qcow2")


def test_addresses_are_checked():
    for name, text in (("nbd:", "host and port"), ("nbd:host", "host and port"), ("nbd+unix:///x", "socket=PATH"),
                       ("nbd://", "named by host"), ("nbd://h:99999/", "Invalid URI"), ("nbd:unix:", "named by host"),
                       ("nbd:unix:/no/such/socket", "Failed to connect"), ("nbd://h/?tls=1", "unknown parameter"),
                       ("nbd:unix:/" + "x" * 200, "too long")):
        out = img("info", "-f", "raw", name, status=1)
        assert text in out, (name, out)
    out = run(IMG, "info", "--image-opts", "driver=nbd,server.host=localhost,server.path=/x", status=1)
    assert "named by host" in out, out
