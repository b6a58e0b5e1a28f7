# SPDX-License-Identifier: GPL-2.0-or-later
"""What the block tests share: the tools under test, the distribution's as a second opinion, images with a model."""
import os
import random
import shutil
import subprocess

BUILD = os.environ.get("BUILD", "build")
IMG = os.path.join(BUILD, "qemu-img")
IO = os.path.join(BUILD, "qemu-io")


def other(name):
    """The distribution's program of that name, never ours."""
    for path in os.environ.get("PATH", "").split(":") + ["/usr/bin"]:
        full = os.path.join(path, name)
        if os.access(full, os.X_OK) and os.path.realpath(full) != os.path.realpath(os.path.join(BUILD, name)):
            return full
    return None


OTHER_IMG, OTHER_IO = other("qemu-img"), other("qemu-io")


class Skip(Exception):
    """The test needs something that is not here."""


def need(*programs):
    for program, name in ((p, n) for p, n in zip(programs[::2], programs[1::2]) if not p):
        raise Skip(f"{name} of the distribution is not installed (package qemu-utils)")


def run(*args, status=0, timeout=60, **kw):
    """Output (both streams) of a program that has to end with that status (None: any but a signal)."""
    p = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                       stdin=subprocess.DEVNULL, check=False, **kw)
    out = p.stdout.decode(errors="replace")
    wanted = p.returncode >= 0 if status is None else p.returncode == status
    if not wanted or "Sanitizer" in out or "runtime error" in out:
        raise AssertionError(f"{' '.join(map(str, args))}\nstatus {p.returncode}, wanted {status}:\n{out}")
    return out


def img(*args, **kw):
    return run(IMG, *args, **kw)


def io(path, *commands, program=None, status=0, **kw):
    args = [program or IO, "-f", kw.pop("fmt", "qcow2")]
    for c in commands:
        args += ["-c", c]
    return run(*args, path, status=status, **kw)


def contents(path, fmt, program=None, snapshot=None):
    """All bytes of the disk, as the program (ours) converts them."""
    raw = path + ".raw"
    args = [program or IMG, "convert", "-f", fmt, "-O", "raw"]
    if snapshot:
        args += ["-l", snapshot]
    run(*args, path, raw)
    with open(raw, "rb") as f:
        data = f.read()
    os.unlink(raw)
    return data


def first_difference(a, b):
    if len(a) != len(b):
        return f"sizes {len(a)} and {len(b)}"
    for i in range(0, len(a), 512):
        if a[i:i + 512] != b[i:i + 512]:
            j = next(k for k in range(i, min(i + 512, len(a))) if a[k] != b[k])
            return f"byte {j} ({j:#x}): {a[j]:#x} and {b[j]:#x}"
    return None


def same(got, wanted, what):
    diff = first_difference(got, wanted)
    if diff:
        raise AssertionError(f"{what}: got and wanted differ: {diff}")


def check(path, fmt="qcow2", leaks=False):
    """Ours and the distribution's find nothing (leaks: nothing worse than those)."""
    for program in filter(None, (IMG, OTHER_IMG)):
        p = subprocess.run([program, "check", "-f", fmt, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           check=False, timeout=120)
        if p.returncode not in ((0, 3) if leaks else (0,)):
            raise AssertionError(f"{program} check {path}: status {p.returncode}\n{p.stdout.decode()[:2000]}")


class Disk:
    """A qcow2 image and what it must hold. Operations are made with either side's tools."""

    def __init__(self, path, size, options, rng, backing=None):
        self.options = options
        self.path, self.rng, self.size = path, rng, size
        self.data = bytearray(backing or b"")
        self.data = self.data[:size] + bytes(max(0, size - len(self.data)))
        self.snapshots = {}
        self.n_snapshots = 0
        self.v2 = "compat=0.10" in options
        self.backed = backing is not None

    def random_op(self):
        """A qemu-io command and its effect on the model."""
        rng = self.rng
        unit = rng.choice((512, 512, 4096, 65536))
        off = rng.randrange(0, self.size // unit) * unit
        length = min(rng.choice((512, 1024, 4096, 20480, 65536, 131072, 300 * 512)), self.size - off)
        kind = rng.choice(("write", "write", "write", "zero", "unmap", "discard", "packed", "read", "read"))
        if kind == "packed":
            off = off // 65536 * 65536
            length = min(65536, self.size - off)
            kind = "packed" if length == 65536 else "write"
        byte = rng.randrange(1, 256)
        if kind == "read":
            want = self.data[off:off + length]
            return f"read -q -P {want[0]} {off} {length}" if want == want[:1] * length else f"read -q {off} {length}"
        if kind in ("write", "packed"):
            self.data[off:off + length] = bytes([byte]) * length
            return f"write -q {'-c ' if kind == 'packed' else ''}-P {byte} {off} {length}"
        if kind == "discard":
            # Without a backing file, or with version 3, what was given back reads as zeros; the rest is advice.
            return None
        self.data[off:off + length] = bytes(length)
        return f"write -q -z {'-u ' if kind == 'unmap' else ''}{off} {length}"

    def ops(self, count, program=None):
        commands = [c for c in (self.random_op() for _ in range(count)) if c]
        # Compressed writes of other cluster sizes have other boundaries; they are left to a test of their own.
        commands = [c.replace("-c ", "") for c in commands]
        out = io(self.path, *commands, program=program)
        if "failed" in out:
            raise AssertionError(f"{commands}\n{out}")

    def discard_clusters(self, cluster, program=None):
        off = self.rng.randrange(0, max(self.size // cluster, 1)) * cluster
        length = min(self.rng.randrange(1, 5) * cluster, (self.size - off) // cluster * cluster)
        if length and not (self.v2 and self.backed):
            io(self.path, f"discard -q {off} {length}", program=program)
            self.data[off:off + length] = bytes(length)

    def snapshot(self, program=None):
        name = f"s{self.n_snapshots}"
        self.n_snapshots += 1
        run(program or IMG, "snapshot", "-c", name, self.path)
        self.snapshots[name] = bytes(self.data)

    def apply(self, program=None):
        if self.snapshots:
            name = self.rng.choice(sorted(self.snapshots))
            run(program or IMG, "snapshot", "-a", name, self.path)
            self.data = bytearray(self.snapshots[name])
            self.size = len(self.data)

    def delete(self, program=None):
        if self.snapshots:
            name = self.rng.choice(sorted(self.snapshots))
            run(program or IMG, "snapshot", "-d", name, self.path)
            del self.snapshots[name]

    def resize(self, program=None):
        if self.snapshots and self.v2:
            return
        size = self.rng.randrange(1, 64) * 65536 + self.rng.choice((0, 512, 4096))
        if self.v2 and self.backed:
            program = None      # theirs cannot hide what is below where version 2 has no mark for zeros
        if size < self.size and (size % 65536 or "cluster_size=2M" in self.options):
            program = None      # theirs leaves what is behind the end in the last cluster, and shows it when it grows
        run(program or IMG, "resize", "-q", "--shrink", "-f", "qcow2", self.path, size)
        self.data = self.data[:size] + bytes(max(0, size - len(self.data)))
        self.size = size

    def verify(self):
        check(self.path)
        for program in filter(None, (IMG, OTHER_IMG)):
            same(contents(self.path, "qcow2", program), self.data, f"{program} of {self.path}")
            for name, data in self.snapshots.items():
                got = contents(self.path, "qcow2", program, name)
                both = len(data) if program == IMG else min(len(got), len(data))    # theirs has the size of today
                same(got[:both] if program != IMG else got, data[:both], f"{program}, snapshot {name}")


def new_rng(seed):
    return random.Random(seed)


def fresh_dir(path):
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    os.chdir(path)
