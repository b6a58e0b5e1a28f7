# SPDX-License-Identifier: GPL-2.0-or-later
"""Formats other than qcow2: the distribution writes them and we read the same bytes, and the other way round."""
import os
import struct
import zlib

from tools import IMG, OTHER_IMG, contents, img, io, need, new_rng, run, same


def source(seed):
    """3 MiB with zeros, repeated bytes and noise."""
    rng = new_rng(seed)
    parts = [bytes(300 * 1024), b"A" * 65536, bytes(rng.randrange(256) for _ in range(70000)), bytes(1 << 20),
             b"xyz!" * 50000, b"\1" * 512]
    data = b"".join(parts)
    data += bytes((3 << 20) - len(data))
    with open("src.raw", "wb") as f:
        f.write(data)
    return data


def read_back(name, fmt, data, *args):
    run(OTHER_IMG, "convert", "-f", "raw", "-O", fmt, *args, "src.raw", name)
    got = contents(name, fmt, IMG)
    same(got[:len(data)], data, f"{fmt} {args}")
    assert not any(got[len(data):]), f"{fmt} {args}: not zero behind the end"
    if fmt != "vpc" or "subformat=fixed" not in args:
        found = img("info", name).splitlines()[1]
        assert found == f"file format: {fmt}", f"taken for {found}"


def test_other_formats_are_read(seed):
    need(OTHER_IMG, "qemu-img")
    data = source(seed)
    for i, (fmt, *args) in enumerate((
            ("qcow",), ("vdi",), ("vdi", "-o", "static=on"), ("vpc",), ("vpc", "-o", "force_size=on"),
            ("vpc", "-o", "subformat=fixed"), ("vmdk",), ("vmdk", "-o", "subformat=streamOptimized"),
            ("vmdk", "-o", "subformat=monolithicFlat"), ("vmdk", "-o", "subformat=twoGbMaxExtentSparse"),
            ("vmdk", "-o", "subformat=twoGbMaxExtentFlat"), ("vmdk", "-o", "zeroed_grain=on"))):
        read_back(f"f{i}.{fmt}", fmt, data, *args)


def test_packed_qcow_images_are_read():
    data = bytearray(1 << 20)
    image = bytearray(12288)
    image[:48] = struct.pack(">4sIQIIQBBHIQ", b"QFI\xfb", 1, 0, 0, 0, 1 << 20, 12, 9, 0, 0, 48)
    image[48:56] = (4096).to_bytes(8, "big")
    at = 8192 + 5
    for cluster, text in ((0, b"abc" * 1366), (7, b"Q" * 4096)):
        pack = zlib.compressobj(9, zlib.DEFLATED, -12)
        packed = pack.compress(text[:4096]) + pack.flush()
        image[at:at + len(packed)] = packed
        image[4096 + cluster * 8:4104 + cluster * 8] = (1 << 63 | len(packed) << 51 | at).to_bytes(8, "big")
        data[cluster * 4096:cluster * 4096 + 4096] = text[:4096]
        at += len(packed)
    with open("packed.qcow", "wb") as f:
        f.write(image)
    for program in filter(None, (IMG, OTHER_IMG)):
        same(contents("packed.qcow", "qcow", program), data, program)


def test_images_that_stand_on_others_are_read(seed):
    need(OTHER_IMG, "qemu-img")
    data = source(seed)
    for fmt in ("qcow", "vmdk"):
        run(OTHER_IMG, "convert", "-f", "raw", "-O", fmt, "src.raw", f"base.{fmt}")
        run(OTHER_IMG, "create", "-q", "-f", fmt, "-b", f"base.{fmt}", "-F", fmt, f"top.{fmt}")
        run(OTHER_IMG.replace("qemu-img", "qemu-io"), "-f", fmt, "-c", "write -q -P 5 1M 64k", f"top.{fmt}")
        want = data[:1 << 20] + b"\5" * 65536 + data[(1 << 20) + 65536:]
        same(contents(f"top.{fmt}", fmt, IMG), want, fmt)


def test_bochs_growing_images_are_read():
    def le32(v):
        return v.to_bytes(4, "little")

    extent, bitmap = 16384, 4
    head = b"Bochs Virtual HD Image".ljust(32, b"\0") + b"Redolog".ljust(16, b"\0") + b"Growing".ljust(16, b"\0")
    head += le32(0x20000) + le32(512) + le32(64) + le32(bitmap) + le32(extent) + le32(0)
    head += (1 << 20).to_bytes(8, "little")
    catalog = [0xffffffff] * 64
    catalog[3] = 0
    data = bytearray(1 << 20)
    body = bytearray(512 + extent)
    body[0] = 0b101
    for sector, byte in ((0, 0x11), (2, 0x22)):
        body[512 + sector * 512:512 + sector * 512 + 512] = bytes([byte]) * 512
        data[3 * extent + sector * 512:3 * extent + sector * 512 + 512] = bytes([byte]) * 512
    with open("g.img", "wb") as f:
        f.write(head.ljust(512, b"\0") + b"".join(le32(c) for c in catalog) + body)
    for program in filter(None, (IMG, OTHER_IMG)):
        same(contents("g.img", "bochs", program), data, program)
    out = img("info", "g.img")
    assert "file format: bochs" in out, out
    os.chmod("g.img", 0o600)


WRITTEN = (("vmdk", ""), ("vmdk", "subformat=monolithicFlat"), ("vmdk", "subformat=streamOptimized"),
           ("vmdk", "subformat=twoGbMaxExtentFlat"), ("vmdk", "subformat=twoGbMaxExtentSparse"),
           ("vmdk", "adapter_type=lsilogic,hwversion=7,toolsversion=99"), ("vdi", ""), ("vdi", "static=on"),
           ("vpc", ""), ("vpc", "subformat=fixed"), ("vpc", "force_size=on"),
           ("vpc", "subformat=fixed,force_size=on"))


def options_of(text):
    return ("-o", text) if text else ()


def test_other_formats_are_written(seed):
    """Converted by us, read by both; converted by them, read by us; the same sizes."""
    need(OTHER_IMG, "qemu-img")
    for size in ("10M", "33553920", "512"):
        img("create", "-q", "-f", "qcow2", "src.qcow2", size)
        rng = new_rng(seed)
        limit = int(img("info", "--output=json", "src.qcow2").split('"virtual-size": ')[1].split(",")[0])
        for _ in range(12):
            at = rng.randrange(0, limit // 512) * 512
            io("src.qcow2", f"write -q -P {rng.randrange(1, 255)} {at} {min(rng.randrange(1, 600) * 512, limit - at)}")
        for fmt, options in WRITTEN:
            img("convert", "-O", fmt, *options_of(options), "src.qcow2", f"ours.{fmt}")
            run(OTHER_IMG, "convert", "-O", fmt, *options_of(options), "src.qcow2", f"theirs.{fmt}")
            for program in (IMG, OTHER_IMG):
                for name in ("ours", "theirs"):
                    run(program, "compare", "-f", "qcow2", "-F", fmt, "src.qcow2", f"{name}.{fmt}")
            sizes = [run(OTHER_IMG, "info", "-f", fmt, f"{name}.{fmt}").split("virtual size: ")[1].split("\n")[0]
                     for name in ("ours", "theirs")]
            assert sizes[0] == sizes[1], (fmt, options, size, sizes)
            for program in (IMG, OTHER_IMG):
                run(program, "check", "-f", fmt, f"ours.{fmt}", status=0 if fmt in ("vdi", "vmdk") else 63)
    img("convert", "-c", "-O", "vmdk", "-o", "subformat=streamOptimized", "src.qcow2", "c.vmdk")
    for fmt in ("vdi", "vmdk"):
        out = img("convert", "-c", "-O", fmt, "src.qcow2", f"c.{fmt}", status=1)
        assert "Compression not supported for this file format" in out, out


def test_other_formats_are_written_in_place(seed):
    need(OTHER_IMG, "qemu-img")
    rng = new_rng(seed)
    for fmt, options in WRITTEN:
        if "stream" in options:
            continue
        for creator in (IMG, OTHER_IMG):
            run(creator, "create", "-q", "-f", fmt, *options_of(options), "d", "12M")
            model = bytearray(12 << 20)
            for _ in range(2):
                commands = []
                for _ in range(9):
                    at = rng.randrange(0, 12 << 11) * 512
                    length = min(rng.choice((512, 4096, 65536, 1 << 20, 3 << 20)), len(model) - at)
                    byte = rng.randrange(0, 256)
                    commands.append(f"write -q {f'-P {byte}' if byte else '-z'} {at} {length}")
                    model[at:at + length] = bytes([byte]) * length
                io("d", *commands, fmt=fmt, program=rng.choice((None, OTHER_IMG.replace("qemu-img", "qemu-io"))))
            for program in (IMG, OTHER_IMG):
                got = contents("d", fmt, program)
                same(got[:len(model)], bytes(model), f"seed {seed}: {program} of {fmt} {options}")
                assert not any(got[len(model):])
            if fmt in ("vdi", "vmdk"):
                run(OTHER_IMG, "check", "-f", fmt, "d")


def test_vmdk_of_several_files_has_as_many_as_it_takes():
    need(OTHER_IMG, "qemu-img")
    for shape, letter in (("Sparse", "s"), ("Flat", "f")):
        img("create", "-q", "-f", "vmdk", "-o", f"subformat=twoGbMaxExtent{shape}", "big.vmdk", "5G")
        with open("big.vmdk", encoding="ascii") as f:
            lines = [line.split()[1:4] for line in f if line.startswith("RW ")]
        assert lines == [[n, shape.upper(), f'"big-{letter}00{i}.vmdk"'] for i, n in
                         enumerate(("4194304", "4194304", "2097152"), 1)], lines
        io("big.vmdk", "write -q -P 5 2047M 2M", "write -q -P 6 4095M 3M", fmt="vmdk")
        for program in (IMG, OTHER_IMG):
            run(program, "check", "big.vmdk")
            out = run(program.replace("qemu-img", "qemu-io"), "-r", "-f", "vmdk", "-c", "read -P 5 2047M 2M", "-c",
                      "read -P 6 4095M 3M", "-c", "read -P 0 4098M 10M", "big.vmdk")
            assert "Pattern verification failed" not in out, out


def test_check_finds_what_is_wrong_with_tables():
    for fmt, table, entry in (("vdi", 512, struct.Struct("<I")), ("vmdk", None, struct.Struct("<I"))):
        img("create", "-q", "-f", fmt, "t", "10M")
        io("t", "write -q -P 1 0 5M", fmt=fmt)
        img("check", "-f", fmt, "t")
        with open("t", "r+b") as f:
            if not table:
                f.seek(56)
                f.seek(struct.unpack("<Q", f.read(8))[0] * 512)
                table = struct.unpack("<I", f.read(4))[0] * 512
            f.seek(table)
            first = f.read(4)
            f.seek(table + 4)
            f.write(first)
            f.seek(table + 8)
            f.write(entry.pack(0x7fffffff))
        out = img("check", "-f", fmt, "t", status=2)
        assert "share bytes" in out and "behind the end" in out and "\n2 errors were found" in out, out
        assert "not repaired" in img("check", "-r", "all", "-f", fmt, "t", status=1)


def test_create_of_other_formats_says_what_users_know():
    need(OTHER_IMG, "qemu-img")
    for fmt, size, options in (("vdi", "1T", ""), ("vdi", "1000T", ""), ("vpc", "200G", ""), ("vpc", "3000G", ""),
                               ("vpc", "1000", ""), ("vpc", "5G", "subformat=dream"), ("vmdk", "2T", ""),
                               ("vmdk", "1M", "adapter_type=lsilogic")):
        outs = [run(p, "create", "-f", fmt, *options_of(options), "d", size, status=None) for p in (IMG, OTHER_IMG)]
        assert outs[0] == outs[1], outs
    for options, text in (("subformat=twoGb", "does not accept value"), ("backing_file=x", "backing_file"),
                          ("adapter_type=scsi", "adapter_type"), ("hwversion=x", "are numbers"),
                          ("compat6=on,hwversion=7", "cannot be enabled with hwversion")):
        out = img("create", "-f", "vmdk", "-o", options, "d", "1M", status=1)
        assert text in out, out
    img("create", "-f", "vmdk", "-b", "x", "-F", "raw", "d", status=1)
