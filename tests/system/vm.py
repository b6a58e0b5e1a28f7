# SPDX-License-Identifier: GPL-2.0-or-later
"""
An emulator as a child process: started on a terminal or on pipes, waited for with deadlines, never with sleeps.

Standard library only. Used by tests/system/run, tests/system/compare-dmesg and scripts/bench.
"""
import codecs
import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import tempfile
import termios
import time


class Failure(Exception):
    """What was seen and what was wanted instead."""


def visible(text, limit=1200):
    """The end of what was seen, on lines that begin with a bar."""
    return ''.join(f'\n    | {line}' for line in text[-limit:].splitlines())


def own_session():
    """In the child: and its signals, of which nohup or a job in the background may have had some ignored."""
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(sig, signal.SIG_DFL)
    os.setsid()


def own_terminal():
    """The same with standard input as the session's terminal."""
    own_session()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Vm:
    """
    One run of an emulator. Output is collected in `text` (everything) and consumed by expect(); what goes to standard
    error is kept apart, in errors(). Use it as a context manager: the process never outlives the block.

    tty=True puts it on a pseudo terminal, whose other side is this object (and which controls the process, so that
    Ctrl-C makes a signal, unless controlling=False); False on pipes. slow multiplies all limits.
    """

    def __init__(self, argv, tty=True, slow=1.0, cwd=None, controlling=True):
        self.argv, self.slow, self.tty = argv, slow, tty
        self.text, self.seen = '', 0
        self.decoder = codecs.getincrementaldecoder('utf-8')('replace')     # reads may end amid a character
        self.arrival = self.started = time.monotonic()
        self.stderr = tempfile.TemporaryFile()
        self.status = None
        self.at_end = False
        if tty:
            self.out, slave = pty.openpty()
            self.inp = self.out
            self.terminal_before = termios.tcgetattr(self.out)
            self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=self.stderr, cwd=cwd,
                                            preexec_fn=own_terminal if controlling else own_session)
            os.close(slave)
        else:
            self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.stderr,
                                            cwd=cwd, preexec_fn=own_session)
            self.out, self.inp = self.process.stdout.fileno(), self.process.stdin.fileno()
        os.set_blocking(self.out, False)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.out is not None:
            if self.tty:
                os.close(self.out)
            else:
                self.process.stdin.close()
                self.process.stdout.close()
            self.out = None
        self.stderr.close()

    # ---- output ----

    @staticmethod
    def clock():
        return time.monotonic()

    def read_some(self, deadline):
        """Waits for output, False at the deadline or the end of output."""
        if self.at_end:
            return False
        ready, _, _ = select.select([self.out], [], [], max(0.0, deadline - time.monotonic()))
        if not ready:
            return False
        try:
            data = os.read(self.out, 65536)
        except OSError:         # EIO: nobody has the terminal's other side any more
            data = b''
        if not data:
            self.at_end = True
            return False
        self.arrival = time.monotonic()
        self.text += self.decoder.decode(data)
        return True

    def expect(self, pattern, limit=30):
        """The match of a regular expression in what has not been consumed yet; its end is where the next begins."""
        deadline = time.monotonic() + limit * self.slow
        rx = re.compile(pattern, re.S | re.M)
        while True:
            found = rx.search(self.text, self.seen)
            if found:
                self.seen = found.end()
                return found
            if not self.read_some(deadline):
                why = 'the program closed its output' if self.at_end else f'nothing for {limit * self.slow:g} s'
                raise Failure(f'wanted /{pattern}/, {why}; the last output:{visible(self.text)}{self.error_note()}')

    def send(self, text):
        data = text.encode()
        while data:
            data = data[os.write(self.inp, data):]

    def errors(self):
        self.stderr.seek(0)
        return self.stderr.read().decode('utf-8', 'replace')

    def error_note(self):
        errors = self.errors()
        return f'\n  standard error:{visible(errors)}' if errors else ''

    # ---- the process ----

    def wait(self, limit=10):
        """Exit status, negative for a signal; reads what is still coming meanwhile."""
        deadline = time.monotonic() + limit * self.slow
        while self.read_some(deadline):
            pass
        try:
            self.status = self.process.wait(max(0.05, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise Failure(f'still running after {limit * self.slow:g} s; the last output:{visible(self.text)}'
                          f'{self.error_note()}') from None
        return self.status

    def kill(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)

    def terminal_changed(self):
        """The terminal's mode against the one it had before; '' when they are the same."""
        now = termios.tcgetattr(self.out)
        names = ('iflag', 'oflag', 'cflag', 'lflag', 'ispeed', 'ospeed', 'cc')
        return ', '.join(f'{n} {b!r} -> {a!r}' for n, b, a in zip(names, self.terminal_before, now) if a != b)

    def cpu_seconds(self):
        """CPU time of all its threads so far, to the nanosecond; the number is clock_getcpuclockid() of it."""
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def peak_memory(self):
        """Bytes of memory it has had at most (VmHWM)."""
        with open(f'/proc/{self.process.pid}/status', encoding='ascii') as f:
            for line in f:
                if line.startswith('VmHWM:'):
                    return int(line.split()[1]) * 1024
        raise Failure('no VmHWM in /proc/PID/status')


PROMPT = r'~ # (?:\x1b\[6n)?$'


def shell(vm, command, limit=30):
    """What a command prints in the demo guest's shell; the guest has shown its prompt, and shows it again."""
    # The quotes keep the echo of what was typed (which the shell's line editor may wrap) apart from its result.
    vm.send(f"echo :beg''in:; {command}; echo :e''nd$?:\n")
    body = vm.expect(r':begin:\r*\n(.*?):end(\d+):', limit)
    vm.expect(PROMPT, limit)
    return body.group(1).replace('\r', '')
