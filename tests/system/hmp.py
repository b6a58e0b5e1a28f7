# SPDX-License-Identifier: GPL-2.0-or-later
"""
The other end of a human monitor: the emulator connects to a socket of ours, so nobody waits for files to appear.

Standard library only.
"""
import os
import re
import socket
import time

from vm import Failure, visible

PROMPT = '(qemu) '
ESCAPES = re.compile(r'\x1b\[[0-9;]*[A-Za-z]')


class Hmp:
    """command() types a line and returns what it printed, without the echo."""

    def __init__(self, path, slow=1.0):
        self.slow, self.path = slow, path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(1)
        self.sock = None
        self.text = ''

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.listener.close()
        os.unlink(self.path)
        if self.sock:
            self.sock.close()

    def args(self):
        return ['-monitor', f'unix:{self.path}']

    def accept(self, limit=10):
        self.listener.settimeout(limit * self.slow)
        self.sock = self.listener.accept()[0]
        return self.until_prompt()

    def receive(self, limit):
        self.sock.settimeout(max(0.05, limit))
        try:
            data = self.sock.recv(65536)
        except socket.timeout:
            raise Failure(f'the monitor says nothing more after:{visible(self.text)}') from None
        self.text += data.decode('utf-8', 'replace')
        return bool(data)

    def until_prompt(self, limit=10):
        """Everything up to the next prompt, raw."""
        deadline = time.monotonic() + limit * self.slow
        while not self.text.endswith(PROMPT):
            if not self.receive(deadline - time.monotonic()):
                break
        text, self.text = self.text, ''
        return text

    def send(self, text):
        self.sock.sendall(text.encode())

    def command(self, line, limit=10):
        self.send(line + '\n')
        text = self.until_prompt(limit)
        echo, _, rest = text.partition('\r\n')
        if not ESCAPES.sub('', echo).endswith(line):
            raise Failure(f'wanted the echo of {line!r}, got {echo!r}')
        return rest.removesuffix(PROMPT).replace('\r\n', '\n')

    def catch_up(self, limit=10):
        """After lines that may have been answered with any number of prompts: reads up to the last of them."""
        deadline = time.monotonic() + limit * self.slow
        self.send('\nprint/d 0x7eadbeef\n')
        while not self.text.endswith(f'\r\n{0x7eadbeef}\r\n{PROMPT}'):
            if not self.receive(deadline - time.monotonic()):
                raise Failure(f'the monitor hangs up after:{visible(self.text)}')
        self.text = ''

    def expect(self, line, pattern, limit=10):
        """The match of what a command prints with a regular expression."""
        text = self.command(line, limit)
        found = re.search(pattern, text, re.S | re.M)
        if not found:
            raise Failure(f'{line!r}: wanted /{pattern}/, got:{visible(text)}')
        return found

    def wait_until(self, line, pattern, limit=30):
        """Asks again until the answer has the regular expression: for what comes about a moment after its cause."""
        deadline = time.monotonic() + limit * self.slow
        while not (found := re.search(pattern, text := self.command(line), re.S | re.M)):
            if time.monotonic() > deadline:
                raise Failure(f'{line!r}: waited for /{pattern}/, got:{visible(text)}')
        return found
