# SPDX-License-Identifier: GPL-2.0-or-later
"""A qcow2 image on a chain of others, and what each must hold: operations by either side's tools, and their model."""
import shutil
from dataclasses import dataclass, field

from tools import IMG, OTHER_IMG, check, contents, io, run, same

DEEPEST = 3


@dataclass
class Layer:
    """One image of the chain. `data` is what a guest sees in it, what shines through from below included."""
    path: str
    data: bytearray
    options: str = ""
    fmt: str = "qcow2"
    below: "Layer" = None
    snapshots: dict = field(default_factory=dict)

    @property
    def v2(self):
        return "compat=0.10" in self.options

    def option(self, name, default=""):
        return dict(o.split("=") for o in self.options.split(",") if o).get(name, default)

    @property
    def cluster(self):
        v = self.option("cluster_size", "64k")
        return int(v.rstrip("kM")) * {"k": 1024, "M": 1 << 20}.get(v[-1], 1)

    def overwrite(self, data):
        """As a commit does: what is longer than its overlay keeps its end."""
        self.data = data[:] + self.data[len(data):]

    def depth(self):
        return 1 + (self.below.depth() if self.below else 0)


class Disk:
    """The image on top. Each operation takes the program to make it with, and is left out where it has no sense."""

    def __init__(self, top, rng):
        self.top, self.rng = top, rng
        self.stem = top.path.rsplit(".", 1)[0]
        self.n_names = 0

    @property
    def size(self):
        return len(self.top.data)

    def new_name(self, suffix):
        self.n_names += 1
        return f"{self.stem}-{self.n_names}{suffix}"

    def random_op(self):
        """A qemu-io command, and its effect on the model."""
        rng, data = self.rng, self.top.data
        unit = rng.choice((512, 512, 4096, 65536))
        off = rng.randrange(0, max(self.size // unit, 1)) * unit
        length = min(rng.choice((512, 1024, 4096, 20480, 65536, 131072, 300 * 512)), self.size - off)
        kind = rng.choice(("write", "write", "write", "zero", "unmap", "read", "read"))
        byte = rng.randrange(1, 256)
        if kind == "read":
            want = data[off:off + length]
            return f"read -q -P {want[0]} {off} {length}" if want == want[:1] * length else f"read -q {off} {length}"
        if kind == "write":
            data[off:off + length] = bytes([byte]) * length
            return f"write -q -P {byte} {off} {length}"
        data[off:off + length] = bytes(length)
        return f"write -q -z {'-u ' if kind == 'unmap' else ''}{off} {length}"

    def ops(self, count, program=None):
        commands = [self.random_op() for _ in range(count)]
        out = io(self.top.path, *commands, program=program)
        if "failed" in out:
            raise AssertionError(f"{commands}\n{out}")

    def discard(self, _, program):
        # Version 2 has no mark for zeros: over another image what is given back lets that shine through.
        unit = max(self.top.cluster, 4096)
        off = self.rng.randrange(0, max(self.size // unit, 1)) * unit
        length = min(self.rng.randrange(1, 5) * unit, (self.size - off) // unit * unit)
        if length and not (self.top.v2 and self.top.below):
            io(self.top.path, f"discard -q {off} {length}", program=program)
            self.top.data[off:off + length] = bytes(length)

    # ---- snapshots ----

    def snapshot(self, use_img, _):
        bits = self.top.option("refcount_bits", "16")
        if bits != "1" and len(self.top.snapshots) < (2 if bits == "2" else 5):
            name = self.new_name("")
            run(use_img, "snapshot", "-c", name, self.top.path)
            self.top.snapshots[name] = bytes(self.top.data)

    def apply(self, use_img, _):
        if self.top.snapshots:
            name = self.rng.choice(sorted(self.top.snapshots))
            run(use_img, "snapshot", "-a", name, self.top.path)
            self.top.data = bytearray(self.top.snapshots[name])

    def delete(self, use_img, _):
        if self.top.snapshots:
            name = self.rng.choice(sorted(self.top.snapshots))
            run(use_img, "snapshot", "-d", name, self.top.path)
            del self.top.snapshots[name]

    # ---- size ----

    def resize(self, use_img, _):
        top = self.top
        if (top.snapshots and top.v2) or "preallocation" in top.options:
            return
        size = self.rng.randrange(1, 64) * 65536 + self.rng.choice((0, 512, 4096))
        if top.v2 and top.below:
            use_img = IMG           # theirs cannot hide what is below where version 2 has no mark for zeros
        if size < self.size and (size % 65536 or top.cluster > 65536):
            use_img = IMG           # theirs leaves what is behind the end in the cluster, and shows it when it grows
        run(use_img, "resize", "-q", "--shrink", "-f", "qcow2", top.path, size)
        top.data = top.data[:size] + bytes(max(0, size - len(top.data)))

    # ---- the chain ----

    def overlay(self, use_img, _):
        if self.top.depth() < DEEPEST:
            options = self.rng.choice(("", "cluster_size=4k", "compat=0.10"))
            new = Layer(self.new_name(".qcow2"), self.top.data[:], options, below=self.top)
            run(use_img, "create", "-q", "-f", "qcow2", *(("-o", new.options) if new.options else ()),
                "-b", self.top.path, "-F", "qcow2", new.path)
            self.top = new

    def commit(self, use_img, _):
        """Into the next below, or by way of all: the top is emptied, or left as it was, or thrown away."""
        top, base = self.top, self.top.below
        if not base or top.snapshots:       # what shines through in a snapshot would change
            return
        if base.below and self.rng.random() < 0.3:
            base = base.below
        if len(top.data) > len(base.data) and base.v2 and (base.snapshots or base.below):
            return                          # has to grow, and cannot
        if base is top.below:
            how = self.rng.choice(((), ("-d",)))
        else:
            how = ("-b", base.path)         # what lies between is worth nothing afterwards
        run(use_img, "commit", "-q", "-f", "qcow2", *how, top.path)
        base.overwrite(top.data)
        if base.fmt == "qcow2" and (how[:1] == ("-b",) or self.rng.random() < 0.5):
            self.top = base
        elif how[:1] == ("-b",):
            self.rebase_to(use_img, base, "-u")

    def rebase_to(self, use_img, base, *how):
        to = ("-b", base.path, "-F", base.fmt) if base else ("-b", "")
        run(use_img, "rebase", "-q", "-f", "qcow2", *how, *to, self.top.path)
        self.top.below = base

    def rebase(self, use_img, _):
        """To nothing, past the next below, to a stranger of any size, or without a look to a copy of the next below."""
        top, below = self.top, self.top.below
        if top.snapshots:
            return
        if top.v2:
            use_img = IMG           # theirs: zeros of version 2 turn into what the new one below holds
        what = self.rng.choice(("alone", "past", "stranger", "copy"))
        if what == "alone" and below:
            self.rebase_to(use_img, None)
        elif what == "past" and below and below.below:
            self.rebase_to(use_img, below.below)
        elif what == "stranger":
            stripe = bytes([0] * 512 + [self.rng.randrange(256)] * 1536)
            stranger = Layer(self.new_name(".raw"), bytearray(stripe * self.rng.randrange(1, 2048)), fmt="raw")
            with open(stranger.path, "wb") as f:
                f.write(stranger.data)
            self.rebase_to(use_img, stranger)
        elif what == "copy" and below:
            copy = Layer(self.new_name("." + below.fmt), below.data[:], below.options, below.fmt, below.below)
            shutil.copyfile(below.path, copy.path)
            copy.snapshots = dict(below.snapshots)
            self.rebase_to(use_img, copy, "-u")

    def convert(self, use_img, _):
        """The copy goes on in its place: alone, or over the same image below."""
        below = self.top.below if self.rng.random() < 0.5 else None
        options = self.rng.choice(("", "cluster_size=2M", "cluster_size=4k", "compat=0.10", "extended_l2=on"))
        new = Layer(self.new_name(".qcow2"), self.top.data[:], options, below=below)
        args = ["-o", options] if options else []
        args += self.rng.choice(([], [], ["-c"], ["-W"], ["-m", "3"]))
        if below:
            args += ["-B", below.path, "-F", below.fmt]
        run(use_img, "convert", "-f", "qcow2", "-O", "qcow2", *args, self.top.path, new.path)
        self.top = new

    def verify(self):
        layer = self.top
        while layer and layer.fmt == "qcow2":
            check(layer.path)
            for program in filter(None, (IMG, OTHER_IMG)):
                same(contents(layer.path, "qcow2", program), layer.data, f"{program} of {layer.path}")
                for name, data in layer.snapshots.items():
                    got = contents(layer.path, "qcow2", program, name)
                    both = len(data) if program == IMG else min(len(got), len(data))    # theirs has the size of today
                    same(got[:both] if program != IMG else got, data[:both], f"{program}, snapshot {name}")
            layer = layer.below
        if layer:
            with open(layer.path, "rb") as f:
                same(f.read(), layer.data, layer.path)
