# SPDX-License-Identifier: GPL-2.0-or-later
"""Random operations on images of all shapes, made by our tools and the distribution's by turns, against a model."""
import os

from disk import Disk, Layer
from tools import IMG, IO, OTHER_IMG, OTHER_IO, check, contents, img, io, new_rng, run, same

SHAPES = [
    "", "cluster_size=512", "cluster_size=4k,refcount_bits=1", "cluster_size=2M", "compat=0.10",
    "compat=0.10,cluster_size=1k", "lazy_refcounts=on", "refcount_bits=2,cluster_size=512", "refcount_bits=64",
    "extended_l2=on", "extended_l2=on,cluster_size=16k", "compression_type=zstd", "preallocation=metadata",
    "preallocation=full,cluster_size=8k", "refcount_bits=8,cluster_size=1k",
]


def walk(name, options, seed, backing, rounds=10):
    rng = new_rng(seed)
    below = None
    args = ["create", "-q", "-f", "qcow2"]
    if options:
        args += ["-o", options]
    top = Layer(f"{name}.qcow2", bytearray(), options)
    size = 2 << 20 if top.cluster < (1 << 20) else 16 << 20
    if backing:
        stripe = bytes(rng.randrange(256) for _ in range(4096))
        below = Layer(f"{name}-below.raw", bytearray(stripe * (size // 8192)), fmt="raw")
        with open(below.path, "wb") as f:
            f.write(below.data)
        args += ["-b", below.path, "-F", "raw"]
    img(*args, top.path, size)
    top.data, top.below = bytearray(size), below
    if below:
        top.overwrite(below.data)
    disk = Disk(top, rng)
    trail = []
    try:
        for _ in range(rounds):
            use_io, use_img = (IO, IMG) if rng.random() < 0.6 or not OTHER_IO else (OTHER_IO, OTHER_IMG)
            disk.ops(rng.randrange(5, 25), use_io)
            what = rng.choice((disk.discard, disk.snapshot, disk.apply, disk.delete, disk.resize, disk.overlay,
                               disk.commit, disk.commit, disk.rebase, disk.rebase, disk.convert))
            trail.append(f"{what.__name__} by {use_img}")
            what(use_img, use_io)
            disk.verify()
    except AssertionError as e:
        raise AssertionError(f"options '{options}', backing {backing}, seed {seed}: {', '.join(trail)}: {e}") from e


def test_random_operations(seed):
    for turn in range(10 if os.environ.get("LONG") else 1):
        for i, options in enumerate(SHAPES):
            for backing in (False, True):
                if backing and "preallocation" in options:
                    continue
                walk(f"r{turn}-{i}{'b' if backing else ''}", options, (seed + turn) * 1000 + i * 2 + backing, backing)


def test_convert_keeps_contents(seed):
    rng = new_rng(seed)
    disk = Disk(Layer("c.qcow2", bytearray(4 << 20)), rng)
    img("create", "-q", "-f", "qcow2", "c.qcow2", disk.size)
    disk.ops(60)
    noise = bytes(rng.randrange(256) for _ in range(65536))
    with open("noise", "wb") as f:
        f.write(noise)
    io("c.qcow2", "write -q -s noise 1M 64k")
    disk.top.data[1 << 20:(1 << 20) + 65536] = noise
    for program in filter(None, (IMG, OTHER_IMG)):
        for args in ([], ["-c"], ["-o", "compression_type=zstd", "-c"], ["-W", "-m", "16"], ["-S", "0"],
                     ["-o", "cluster_size=4k", "-c"], ["-o", "extended_l2=on"], ["-o", "compat=0.10", "-c"],
                     ["-o", "cluster_size=2M", "-c"], ["-o", "preallocation=metadata"]):
            if program == OTHER_IMG and not OTHER_IMG:
                continue
            img("convert", "-f", "qcow2", "-O", "qcow2", *args, "c.qcow2", "d.qcow2") if program == IMG else \
                run(program, "convert", "-f", "qcow2", "-O", "qcow2", *args, "c.qcow2", "d.qcow2")
            check("d.qcow2")
            for reader in filter(None, (IMG, OTHER_IMG)):
                same(contents("d.qcow2", "qcow2", reader), disk.top.data, f"{program} {args}, read by {reader}")
            # A compressed cluster is written over.
            io("d.qcow2", "write -q -P 77 1M 1536", "read -q -P 77 1M 1536")
            check("d.qcow2")


def test_convert_copies_everything_when_tables_come_from_the_disk(seed):
    """Past the page cache every look at a table gives way to the other coroutines."""
    rng = new_rng(seed)
    img("create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", "a.qcow2", "64M")
    for _ in range(60):
        io("a.qcow2", f"write -q -P {rng.randrange(1, 256)} {rng.randrange(0, 60 << 8) * 4096} 256k")
    data = contents("a.qcow2", "qcow2", OTHER_IMG or IMG)
    for options in ((), ("-W",), ("-m", "16")):
        for fmt in ("raw", "qcow2"):
            img("convert", "-T", "none", *options, "-f", "qcow2", "-O", fmt, "a.qcow2", "b")
            same(contents("b", fmt), data, f"seed {seed}: {options} {fmt}")
