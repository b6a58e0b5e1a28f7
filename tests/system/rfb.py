# SPDX-License-Identifier: GPL-2.0-or-later
"""
A VNC client: enough of the remote framebuffer protocol (RFC 6143) to look, to type and to misbehave.

Standard library only; the password's DES is libvncserver's.
"""
import ctypes
import os
import socket
import struct
import time

from vm import Failure

NONE, VNC_AUTH = 1, 2
RAW, DESKTOP_SIZE = 0, -223
# 32 bits, little endian, true colour, 8 bits each; red in the lowest byte.
PIXELS = struct.pack('>BBBBHHHBBBxxx', 32, 24, 0, 1, 255, 255, 255, 0, 8, 16)


# A loopback address of our own: nobody takes a port between our look and the server's start.
HOST = '127.{}.{}.{}'.format(64 | os.getpid() >> 16 & 63, os.getpid() >> 8 & 255, os.getpid() & 255)


def free_display():
    """A display whose port nobody has at the moment (who listens at all addresses has it here too)."""
    for display in range(40, 1000):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((HOST, 5900 + display))
            except OSError:
                continue
            return display
    raise Failure('no free port for a VNC server')


class Rfb:
    """A connection up to the choice of security; then log_in()."""

    def __init__(self, display, limit=20, buffer=0):
        """buffer: bytes that may wait for us, about; 0: as many as the host likes."""
        self.sock = socket.socket()
        if buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.sock.settimeout(limit)
        self.sock.connect((HOST, 5900 + display))
        self.picture = bytearray()
        version = self.read(12)
        if version != b'RFB 003.008\n':
            raise Failure(f'the VNC server says {version!r}')
        self.sock.sendall(version)
        self.security = list(self.read(self.read(1)[0]))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    def read(self, n):
        data = bytearray()
        while len(data) < n:
            part = self.sock.recv(n - len(data))
            if not part:
                raise Failure(f'the VNC server hangs up, {n - len(data)} bytes early')
            data += part
        return bytes(data)

    def unpack(self, form):
        return struct.unpack(form, self.read(struct.calcsize(form)))

    def log_in(self, password=None):
        """False: refused."""
        kind = NONE if password is None else VNC_AUTH
        if kind not in self.security:
            raise Failure(f'security {self.security}, wanted {kind}')
        self.sock.sendall(bytes([kind]))
        if kind == VNC_AUTH:
            response = ctypes.create_string_buffer(self.read(16), 16)
            ctypes.CDLL('libvncserver.so.1').rfbEncryptBytes(response, password.encode())
            self.sock.sendall(response.raw)
        if self.unpack('>I')[0]:
            return False
        self.sock.sendall(b'\1')
        self.width, self.height, _, length = self.unpack('>HH16sI')
        self.name = self.read(length).decode()
        self.sock.sendall(b'\0\0\0\0' + PIXELS + struct.pack('>BxHii', 2, 2, RAW, DESKTOP_SIZE))
        self.picture = bytearray(self.width * self.height * 4)
        return True

    def key(self, keysym):
        for down in (1, 0):
            self.sock.sendall(struct.pack('>BBHI', 4, down, 0, keysym))

    def pointer(self, x, y, buttons=0):
        self.sock.sendall(struct.pack('>BBHH', 5, buttons, x, y))

    def ask(self, incremental):
        self.sock.sendall(struct.pack('>BBHHHH', 3, incremental, 0, 0, self.width, self.height))

    def rectangle(self):
        x, y, w, h, encoding = self.unpack('>HHHHi')
        if encoding == DESKTOP_SIZE:
            self.width, self.height = w, h
            self.picture = bytearray(w * h * 4)
            return True
        if encoding != RAW:
            raise Failure(f'encoding {encoding}')
        data = self.read(w * h * 4)
        for row in range(h):
            at = ((y + row) * self.width + x) * 4
            self.picture[at:at + w * 4] = data[row * w * 4:(row + 1) * w * 4]
        return False

    def update(self, incremental=1):
        """One message with rectangles."""
        self.ask(incremental)
        while True:
            kind = self.read(1)[0]
            if kind == 3:
                self.read(self.unpack('>xxxI')[0])
            elif kind == 0:
                break
            elif kind != 2:
                raise Failure(f'message {kind}')
        if any([self.rectangle() for _ in range(self.unpack('>xH')[0])]):
            self.ask(0)

    def ppm(self):
        pixels = bytearray(self.width * self.height * 3)
        for i in range(3):
            pixels[i::3] = self.picture[i::4]
        return f'P6\n{self.width} {self.height}\n255\n'.encode() + pixels

    def wait_for(self, picture, limit):
        """Until it is what the PPM file shows."""
        deadline = time.monotonic() + limit
        self.update(0)
        while self.ppm() != picture():
            if time.monotonic() > deadline:
                raise Failure('the client does not see what a screen dump shows')
            self.update()
