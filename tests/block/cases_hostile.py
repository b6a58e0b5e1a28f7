# SPDX-License-Identifier: GPL-2.0-or-later
"""Images that lie. Whatever is in them, the tools end by themselves, soon, with an error or a result."""
import os
import struct

from tools import IMG, OTHER_IMG, img, io, new_rng, run


def survives(path, fmt, write=False):
    """No signal, no endless loop; the status may be anything."""
    for args in (["info", "-f", fmt, path], ["check", "-f", fmt, path], ["map", "-f", fmt, "--output=json", path]):
        img(*args, status=None, timeout=20)
    run(IMG, "convert", "-f", fmt, "-O", "raw", path, "out.raw", status=None, timeout=30)
    if write and fmt == "qcow2":
        io(path, "write -q 0 64k", "write -q 1M 4k", "discard 0 1M", "flush", status=None, timeout=20)
        img("check", "-r", "all", path, status=None, timeout=20)


def test_headers_cut_at_every_byte():
    img("create", "-q", "-f", "qcow2", "-o", "cluster_size=512", "a.qcow2", "64k")
    io("a.qcow2", "write -q -P 1 0 4k")
    img("create", "-q", "-f", "qcow2", "-o", "compat=0.10,cluster_size=512", "-b", "nothing", "-F", "raw", "-u",
        "b.qcow2", "64k")
    for name in ("a.qcow2", "b.qcow2"):
        with open(name, "rb") as f:
            whole = f.read()
        for n in list(range(0, 140)) + list(range(140, min(len(whole), 1600), 37)):
            with open("cut", "wb") as f:
                f.write(whole[:n])
            img("info", "-f", "qcow2", "cut", status=None, timeout=10)
            img("check", "-f", "qcow2", "cut", status=None, timeout=10)


def patched(name, offset, data):
    with open("good.qcow2", "rb") as f:
        whole = bytearray(f.read())
    whole[offset:offset + len(data)] = data
    with open(name, "wb") as f:
        f.write(whole)


def test_header_fields_out_of_range_are_named():
    img("create", "-q", "-f", "qcow2", "good.qcow2", "1M")
    rows = (
        (4, ">I", 4, "Unsupported qcow2 version 4"), (20, ">I", 8, "Unsupported cluster size: 2^8"),
        (20, ">I", 22, "Unsupported cluster size: 2^22"), (32, ">I", 3, "Unsupported encryption method 3"),
        (24, ">Q", 1 << 63, "Image is too big"), (24, ">Q", 1 << 50, "L1 table is too small"),
        (36, ">I", 0, "L1 table is too small"), (36, ">I", 0x500000, "Active L1 table too large"),
        (40, ">Q", 0x30001, "Active L1 table offset invalid"),
        (56, ">I", 0, "Image does not contain a reference count table"),
        (56, ">I", 0x7fffffff, "Reference count table too large"),
        (48, ">Q", 0x10001, "Reference count table offset invalid"),
        (48, ">Q", 1 << 63, "Reference count table offset invalid"),
        (96, ">I", 7, "may not exceed 64 bits"), (100, ">I", 103, "qcow2 header too short"),
        (100, ">I", 0x20000, "qcow2 header exceeds cluster size"),
        (72, ">Q", 1 << 63, "Unknown incompatible feature: 8000000000000000"),
        (72, ">Q", 0x60, "Unknown incompatible feature: 60"), (72, ">Q", 4, "external data file"),
        (72, ">Q", 8, "must not be set"), (104, ">B", 1, "must be set"), (60, ">I", 65537, "Snapshot table too large"),
        (16, ">I", 1024, None), (8, ">Q", 0x20000, "Invalid backing file offset"),
        (32, ">I", 1, "encryption method 'aes'"), (32, ">I", 2, "encryption method 'luks'"),
    )
    for offset, fmt, value, text in rows:
        patched("bad.qcow2", offset, struct.pack(fmt, value))
        out = img("info", "-f", "qcow2", "bad.qcow2", status=1 if text else None)
        assert not text or text in out, f"offset {offset} := {value:#x} says {out!r}, wanted {text!r}"


def test_damaged_tables_do_no_harm(seed):
    rng = new_rng(seed)
    img("create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", "good.qcow2", "8M")
    io("good.qcow2", "write -q -P 1 0 64k", "write -q -c -P 2 1M 4k", "write -q -z 2M 64k")
    img("snapshot", "-c", "one", "good.qcow2")
    io("good.qcow2", "write -q -P 3 0 8k")
    size = os.path.getsize("good.qcow2")
    values = (0, 1, 0x200, 0x1000, 1 << 62, 1 << 63, (1 << 64) - 1, 0x00fffffffffff000, 0x8000000000000200)
    for i in range(120):
        where = rng.randrange(0, size // 8) * 8
        if rng.random() < 0.5:
            where = rng.choice((0x1000, 0x2000, 0x3000, 0x4000, 0x5000)) + rng.randrange(0, 64) * 8
        patched("bad.qcow2", where, struct.pack(">Q", rng.choice(values)))
        try:
            survives("bad.qcow2", "qcow2", write=True)
        except Exception as e:
            raise AssertionError(f"seed {seed}, round {i}, offset {where:#x}: {e}") from e


def test_random_bytes_in_other_formats_do_no_harm(seed):
    rng = new_rng(seed)
    heads = {"qcow": struct.pack(">4sI", b"QFI\xfb", 1), "vmdk": b"KDMV\1\0\0\0", "vpc": b"conectix",
             "vdi": bytes(64) + struct.pack("<II", 0xbeda107f, 0x10001),
             "bochs": b"Bochs Virtual HD Image".ljust(32, b"\0") + b"Redolog".ljust(16, b"\0") +
                      b"Growing".ljust(16, b"\0") + struct.pack("<I", 0x20000)}
    for fmt, head in heads.items():
        for i in range(25):
            body = bytes(rng.choice((0, 0, 0, rng.randrange(256))) for _ in range(4096 - len(head)))
            with open("x", "wb") as f:
                f.write(head + body)
            img("info", "-f", fmt, "x", status=None, timeout=10)
            img("map", "-f", fmt, "--max-length=1M", "x", status=None, timeout=10)
        if OTHER_IMG and fmt != "bochs":
            run(OTHER_IMG, "create", "-q", "-f", fmt, "good", "4M")
            run(OTHER_IMG.replace("qemu-img", "qemu-io"), "-f", fmt, "-c", "write -q 0 100k", "good")
            with open("good", "rb") as f:
                whole = f.read()
            for i in range(40):
                bad = bytearray(whole)
                at = rng.randrange(0, min(len(bad), 4096) - 4)
                bad[at:at + 4] = rng.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x80\0\0\0", b"\0\0\0\x80"))
                with open("x", "wb") as f:
                    f.write(bad)
                img("info", "-f", fmt, "x", status=None, timeout=10)
                img("compare", "-f", fmt, "-F", fmt, "x", "good", status=None, timeout=60)


def test_loops_of_backing_files_end():
    img("create", "-q", "-f", "qcow2", "-u", "-b", "b.qcow2", "-F", "qcow2", "a.qcow2", "1M")
    img("create", "-q", "-f", "qcow2", "-u", "-b", "a.qcow2", "-F", "qcow2", "b.qcow2", "1M")
    out = img("map", "a.qcow2", status=1)
    assert "infinite loop" in out, out
    out = img("info", "--backing-chain", "a.qcow2", status=1)
    assert "creates an infinite loop" in out, out


def test_a_corrupt_image_is_marked_and_repaired():
    img("create", "-q", "-f", "qcow2", "good.qcow2", "1M")
    io("good.qcow2", "write -q -P 1 0 64k")
    patched("bad.qcow2", 0x40000, struct.pack(">Q", 0x8000000000030000))    # data onto the L1 table
    out = io("bad.qcow2", "write -q 0 64k", status=1)
    assert "corrupt" in out, out
    assert "corrupt: true" in img("info", "bad.qcow2")
    out = io("bad.qcow2", "read -q 0 512", status=1)
    assert "cannot be opened read/write" in out, out


CORPUS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "corpus")
FORMATS = ("qcow2", "qcow", "vdi", "vpc", "vmdk", "bochs")      # as test-image-fuzz.c numbers them


def test_what_fuzzing_has_kept_does_no_harm():
    """Inputs of make fuzz-image: a byte that chooses the format, then the image."""
    names = sorted(os.listdir(CORPUS))
    assert len(names) > 20, names
    for name in names:
        with open(os.path.join(CORPUS, name), "rb") as f:
            data = f.read()
        with open("input", "wb") as f:
            f.write(data[1:])
        fmt = FORMATS[data[0] % len(FORMATS)]
        survives("input", fmt, write=True)
        if fmt == "qcow2":
            for args in (("-c", "f"), ("-a", "1"), ("-d", "f")):
                img("snapshot", *args, "input", status=None, timeout=20)
