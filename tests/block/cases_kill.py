# SPDX-License-Identifier: GPL-2.0-or-later
"""Killed in the middle of work: the image opens, checks (lost clusters aside) and holds what was flushed.

When exactly the signal comes is up to the host; what has to hold does not depend on it.
"""
import os
import subprocess

from tools import IMG, IO, OTHER_IMG, check, contents, img, io, new_rng, run, same

SIZE = 8 << 20
SECTOR = 512
SHAPES = ("", "cluster_size=512", "cluster_size=4k,refcount_bits=64", "compat=0.10,cluster_size=4k",
          "lazy_refcounts=on", "extended_l2=on,cluster_size=16k")
ROUNDS = 250 if os.environ.get("LONG") else 4       # of each shape


class Expected:
    """What each sector may hold: bytes that fill it."""

    def __init__(self, data):
        self.may = [{data[i]} for i in range(0, len(data), SECTOR)]
        self.now = [data[i] for i in range(0, len(data), SECTOR)]

    def write(self, at, length, byte):
        for i in range(at // SECTOR, (at + length) // SECTOR):
            self.may[i].add(byte)
            self.now[i] = byte

    def flush(self):
        self.may = [{b} for b in self.now]

    def verify(self, data, what):
        for i, allowed in enumerate(self.may):
            sector = data[i * SECTOR:(i + 1) * SECTOR]
            assert sector == sector[:1] * SECTOR and sector[0] in allowed, \
                f"{what}: sector {i} holds {sector[:4].hex()}..., may be {sorted(allowed)}"


def random_command(rng):
    """A command of qemu-io, and (at, length, byte) or None for a flush."""
    if rng.random() < 0.2:
        return "flush", None
    packed = rng.random() < 0.15
    unit = 65536 if packed else 512
    at = rng.randrange(0, SIZE // unit) * unit
    length = unit if packed else min(rng.randrange(1, 400) * 512, SIZE - at)
    if rng.random() < 0.15:
        return f"write -z {'-u ' if rng.random() < 0.5 else ''}{at} {length}", (at, length, 0)
    byte = rng.randrange(1, 256)
    return f"write {'-c ' if packed else ''}-P {byte} {at} {length}", (at, length, byte)


def answers(text):
    """How many commands were answered. A flush says nothing, so each is followed by a command that does."""
    return text.count("wrote ") + text.count("8 MiB\n")


def killed_run(path, rng, before):
    """What the image may hold after the process was killed somewhere in a list of commands."""
    commands = [random_command(rng) for _ in range(60)]
    lines = []
    for text, effect in commands:
        lines += [text] if effect else [text, "length"]
    with subprocess.Popen([IO, "-f", "qcow2", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as p:
        p.stdin.write(("\n".join(lines) + "\n").encode())
        p.stdin.flush()
        stop, seen = rng.randrange(0, len(commands)), b""
        while answers(seen.decode()) < stop:
            chunk = os.read(p.stdout.fileno(), 4096)
            assert chunk, f"ended early: {seen[-500:]}"
            seen += chunk
        p.kill()
        seen += p.stdout.read()
    done = answers(seen.decode())
    for i, (_, effect) in enumerate(commands):
        if effect:
            before.write(*effect)
        elif i < done:
            before.flush()


def test_a_killed_writer_loses_nothing_flushed(seed):
    rng = new_rng(seed)
    for shape in SHAPES:
        img("create", "-q", "-f", "qcow2", *(("-o", shape) if shape else ()), "k.qcow2", SIZE)
        expected = Expected(bytes(SIZE))
        for i in range(ROUNDS):
            what = f"seed {seed}, shape '{shape}', round {i}"
            killed_run("k.qcow2", rng, expected)
            if "lazy" in shape:
                io("k.qcow2", "length")         # whoever opens it for writing repairs what a flag says is open
            check("k.qcow2", leaks=True)
            data = contents("k.qcow2", "qcow2", IMG)
            expected.verify(data, what)
            expected = Expected(data)


def killed_img(rng, *args):
    """True: it got to its end."""
    with subprocess.Popen([IMG, *args], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as p:
        try:
            p.wait(timeout=rng.random() * 0.03)
            return p.returncode == 0
        except subprocess.TimeoutExpired:
            p.kill()
            return False


def base_of(rng, name, fmt, *args):
    img("create", "-q", "-f", fmt, *args, name, *(() if "-b" in args else (SIZE,)))
    for _ in range(10):
        text, _ = random_command(rng)
        if not text.startswith("flush") and "-c" not in text:
            io(name, text, fmt=fmt)


def test_killed_snapshot_commands_leave_the_contents(seed):
    rng = new_rng(seed)
    for shape in ("cluster_size=4k", "compat=0.10,cluster_size=4k", "extended_l2=on,cluster_size=16k"):
        killed_snapshots(rng, seed, shape)


def killed_snapshots(rng, seed, shape):
    base_of(rng, "k.qcow2", "qcow2", "-o", shape)
    data = contents("k.qcow2", "qcow2", IMG)
    img("snapshot", "-c", "same", "k.qcow2")
    for i in range(ROUNDS * 2):
        args = rng.choice((("-c", f"s{i}"), ("-d", f"s{rng.randrange(0, i + 1)}"), ("-a", "same")))
        killed_img(rng, "snapshot", *args, "k.qcow2")
        check("k.qcow2", leaks=True)
        for snapshot in (None, "same"):
            same(contents("k.qcow2", "qcow2", IMG, snapshot), data, f"seed {seed}, round {i}: {args}, {snapshot}")


def test_killed_commits_and_rebases_can_be_repeated(seed):
    rng = new_rng(seed)
    for i in range(ROUNDS * 2):
        base_of(rng, "base.qcow2", "qcow2")
        base_of(rng, "other.qcow2", "qcow2")
        base_of(rng, "top.qcow2", "qcow2", "-b", "base.qcow2", "-F", "qcow2")
        data = contents("top.qcow2", "qcow2", IMG)
        args = rng.choice((["commit", "-q", "top.qcow2"], ["rebase", "-b", "other.qcow2", "-F", "qcow2", "top.qcow2"],
                           ["rebase", "-b", "", "top.qcow2"]))
        killed_img(rng, *args)
        for name in ("base.qcow2", "top.qcow2"):
            check(name, leaks=True)
        assert contents("top.qcow2", "qcow2", IMG) == data, f"seed {seed}, round {i}: {args}"
        run(IMG, *args)
        assert contents("top.qcow2", "qcow2", IMG) == data, f"seed {seed}, round {i}: {args}, once more"
        if OTHER_IMG:
            assert contents("top.qcow2", "qcow2", OTHER_IMG) == data


def test_killed_resizes_and_amendments_leave_the_contents(seed):
    """Also over a backing file, which must not show through where the disk was longer once."""
    rng = new_rng(seed)
    base_of(rng, "base.qcow2", "qcow2")
    for i in range(ROUNDS):
        shape = rng.choice(SHAPES)
        options = ("-o", shape) if shape else ()
        options += ("-b", "base.qcow2", "-F", "qcow2") if rng.random() < 0.5 else ()
        base_of(rng, "k.qcow2", "qcow2", *options)
        data = contents("k.qcow2", "qcow2", IMG)
        for _ in range(8):
            size = rng.randrange(1, 2 * SIZE // 65536) * 65536
            args = rng.choice((["resize", "-q", "--shrink", "k.qcow2", str(size)],
                               ["amend", "-o", "compat=1.1", "k.qcow2"],
                               ["amend", "-o", f"refcount_bits={rng.choice((8, 16, 64))}", "k.qcow2"]))
            what = f"seed {seed}, round {i}, shape '{shape}': {args}"
            finished = killed_img(rng, *args)
            check("k.qcow2", leaks=True)
            got = contents("k.qcow2", "qcow2", IMG)
            sizes = (len(data),) if args[0] != "resize" else (size,) if finished else (len(data), size)
            assert len(got) in sizes, f"{what}: {len(got)} bytes"
            same(got[:len(data)], data[:len(got)], what)
            assert not any(got[len(data):]), what
            data = got
