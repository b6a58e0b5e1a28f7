# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a terminal shows after all that a program has sent it.

Curses sends what has changed since it last looked, so a line that comes while it looks arrives in pieces, with
movements and attributes between them: where it is cut is for the scheduler to say. The screen is the same in the end.
Standard library only. Follows: ECMA-48, and what terminfo's "xterm" has besides.
"""
import re
import time

from vm import Failure

PIECE = re.compile(r'\x1b\[([?>]?)([\d;]*)([@-~])|\x1b[()*+].|\x1b[^\[()*+]|[^\x1b]', re.S)


class Screen:
    """The terminal of a Vm. expect() waits until the screen, lines with a newline between them, has a pattern."""

    def __init__(self, vm, lines=30, columns=100):
        self.vm, self.lines, self.columns = vm, lines, columns
        self.taken = self.y = self.x = 0
        self.cells = [self.empty() for _ in range(lines)]
        self.top, self.bottom = 0, lines        # the lines that scroll

    def text(self):
        return '\n'.join(''.join(line).rstrip() for line in self.cells)

    def expect(self, pattern, limit=30):
        deadline = time.monotonic() + limit * self.vm.slow
        while True:
            self.take()
            found = re.search(pattern, self.text(), re.M)
            if found:
                return found
            if not self.vm.read_some(deadline):
                why = 'the program closed its output' if self.vm.at_end else f'for {limit * self.vm.slow:g} s'
                raise Failure(f'wanted /{pattern}/ on the screen, {why}:\n{self.text()}{self.vm.error_note()}')

    def take(self):
        """What has come since the last time; a sequence that is not complete stays where it is."""
        while True:
            found = PIECE.match(self.vm.text, self.taken)
            if not found:
                return
            self.taken = found.end()
            kind = found.group(3)
            if kind:
                self.control(found.group(1), [int(n or 0) for n in found.group(2).split(';')], kind)
            elif found.group() == '\x1bM':
                self.up()
            elif len(found.group()) == 1:
                self.put(found.group())

    def move(self, y, x):
        self.y, self.x = max(0, min(y, self.lines - 1)), max(0, min(x, self.columns - 1))

    def put(self, c):
        if c == '\n':
            self.down()
        elif c in '\r\b':
            self.move(self.y, 0 if c == '\r' else self.x - 1)
        elif c >= ' ':
            self.cells[self.y][self.x] = c
            self.move(self.y, self.x + 1)

    def empty(self):
        return [' '] * self.columns

    def down(self):
        if self.y + 1 == self.bottom:
            self.scroll(self.top, 1)
        else:
            self.move(self.y + 1, self.x)

    def up(self):
        if self.y == self.top:
            self.scroll(self.top, -1)
        else:
            self.move(self.y - 1, self.x)

    def scroll(self, top, n):
        """Lines from top on, n of them up; n < 0: down."""
        kept = self.cells[top:self.bottom]
        kept = kept[n:] + [self.empty() for _ in range(n)] if n > 0 else [self.empty() for _ in range(-n)] + kept[:n]
        self.cells[top:self.bottom] = kept

    def set_region(self, top, bottom=0):
        self.top, self.bottom = max(top, 1) - 1, bottom or self.lines
        self.move(0, 0)

    def blank(self, y, start, end):
        self.cells[y][start:end] = [' '] * (min(end, self.columns) - start)

    def erase_display(self, n):
        """n: 0 from the cursor on, 1 up to it, 2 all."""
        for y in range(self.lines):
            if n == 2 or (y > self.y if n == 0 else y < self.y):
                self.blank(y, 0, self.columns)
        if n < 2:
            self.erase_line(n)

    def erase_line(self, n):
        self.blank(self.y, self.x if n == 0 else 0, self.x + 1 if n == 1 else self.columns)

    def shift_line(self, n):
        """n > 0: that many blanks before the cursor; n < 0: that many characters less."""
        line = self.cells[self.y]
        line[self.x:] = ([' '] * n + line[self.x - min(n, 0):] + [' '] * -n)[:self.columns - self.x]

    def repeat(self, n):
        for _ in range(n):
            self.put(self.cells[self.y][self.x - 1])

    CONTROLS = {        # with the parameters; a movement of 0 is one of 1
        'A': lambda s, n, *_: s.move(s.y - max(n, 1), s.x), 'B': lambda s, n, *_: s.move(s.y + max(n, 1), s.x),
        'C': lambda s, n, *_: s.move(s.y, s.x + max(n, 1)), 'D': lambda s, n, *_: s.move(s.y, s.x - max(n, 1)),
        'G': lambda s, n, *_: s.move(s.y, n - 1), 'd': lambda s, n, *_: s.move(n - 1, s.x),
        'H': lambda s, y, x=1, *_: s.move(y - 1, x - 1),
        'J': lambda s, n, *_: s.erase_display(n), 'K': lambda s, n, *_: s.erase_line(n),
        'X': lambda s, n, *_: s.blank(s.y, s.x, s.x + max(n, 1)),
        '@': lambda s, n, *_: s.shift_line(max(n, 1)), 'P': lambda s, n, *_: s.shift_line(-max(n, 1)),
        'L': lambda s, n, *_: s.scroll(s.y, -max(n, 1)), 'M': lambda s, n, *_: s.scroll(s.y, max(n, 1)),
        'S': lambda s, n, *_: s.scroll(s.top, max(n, 1)), 'T': lambda s, n, *_: s.scroll(s.top, -max(n, 1)),
        'b': lambda s, n, *_: s.repeat(n), 'r': set_region,
        **dict.fromkeys('mhlt', lambda s, *_: None),        # attributes, modes, the window
    }

    def control(self, prefix, parameters, kind):
        if kind not in self.CONTROLS or (prefix and kind not in 'hlm'):
            raise Failure(f'screen.py does not know ESC [ {prefix}{parameters} {kind}')
        self.CONTROLS[kind](self, *parameters)
