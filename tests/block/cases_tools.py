# SPDX-License-Identifier: GPL-2.0-or-later
"""qemu-img's commands: what they print, and that the distribution's print the same."""
import json
import os
import re
import signal
import subprocess
import time

from tools import (IMG, IO, OTHER_IMG, OTHER_IO, SLOW, check, contents, first_difference, img, io, need, run, same,
                   settle)


def both(*args, status=0, ignore=None):
    """The same output from both programs."""
    need(OTHER_IMG, "qemu-img")
    ours, theirs = (run(p, *args, status=status) for p in (IMG, OTHER_IMG))
    for pattern in ignore or ():
        ours, theirs = re.sub(pattern, "", ours), re.sub(pattern, "", theirs)
    assert ours.strip() == theirs.strip(), f"{args}\nours:\n{ours}\ntheirs:\n{theirs}"
    return ours


def chain():
    img("create", "-q", "-f", "raw", "base.raw", "1M")
    io("base.raw", "write -q -P 1 0 64k", fmt="raw")
    img("create", "-q", "-f", "qcow2", "-b", "base.raw", "-F", "raw", "mid.qcow2")
    io("mid.qcow2", "write -q -P 2 64k 64k")
    img("create", "-q", "-f", "qcow2", "-b", "mid.qcow2", "-F", "qcow2", "top.qcow2")
    io("top.qcow2", "write -q -P 3 128k 64k", "write -q -z 256k 64k")


def test_info_is_as_users_know_it():
    chain()
    settle("base.raw", "mid.qcow2", "top.qcow2")
    for name in ("base.raw", "mid.qcow2", "top.qcow2"):
        both("info", name)
        ours, theirs = (json.loads(run(p, "info", "--output=json", name)) for p in (IMG, OTHER_IMG))
        assert ours == theirs, f"{ours}\n{theirs}"
    both("info", "--backing-chain", "top.qcow2")
    os.mkdir("d")
    img("create", "-q", "-f", "qcow2", "-u", "-b", "b.raw", "-F", "raw", "d/o.qcow2", "1M")
    assert "backing file: b.raw (actual path: d/b.raw)" in both("info", "d/o.qcow2")
    for size in (0, 512, 1536, 999 << 10, 1000 << 10, 1023 << 10, 10 << 20, 1001 << 20, 5 << 30):
        img("create", "-q", "s.raw", size)
        both("info", "-f", "raw", "s.raw")
    both("info", "nofile", status=1)
    both("info", "-f", "foo", "base.raw", status=1)
    both("info", "-f", "qcow2", "base.raw", status=1)
    both("info", "foo:bar", status=1)
    both("info", "json:{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":\"base.raw\"}}")


def test_map_is_as_users_know_it():
    chain()
    img("create", "-q", "-f", "qcow2", "m.qcow2", "1M")
    io("m.qcow2", "write -q 0 64k", "write -q -z 64k 64k", "write -q 256k 128k")
    img("convert", "-c", "-O", "qcow2", "m.qcow2", "mc.qcow2")
    for name in ("base.raw", "m.qcow2", "top.qcow2", "mc.qcow2"):
        both("map", "--output=json", name)
    for name in ("base.raw", "m.qcow2", "top.qcow2"):
        both("map", name)
    both("map", "--output=json", "--start-offset=64k", "--max-length=128k", "top.qcow2")


def test_create_says_what_users_know():
    chain()
    for args in (["x.raw", "64M"], ["-f", "qcow2", "x.qcow2", "64M"], ["-f", "qcow2", "-o", "size=3M", "x.qcow2"],
                 ["-f", "qcow2", "-b", "base.raw", "-F", "raw", "x.qcow2"],
                 ["-f", "qcow2", "-o", "compat=0.10", "x.qcow2", "8M"],
                 ["-f", "qcow2", "-o", "preallocation=metadata,cluster_size=4k,refcount_bits=1,lazy_refcounts=on",
                  "x.qcow2", "8M"], ["-f", "raw", "-o", "preallocation=full", "x.raw", "64k"]):
        both("create", *args)
    for args in (["-f", "qcow2", "x", "foo"], ["-f", "qcow2", "x"], ["-f", "foo", "x", "1M"],
                 ["-f", "qcow2", "x", "9E"], ["-f", "qcow2", "-o", "cluster_size=1000", "x", "1M"],
                 ["-f", "qcow2", "-o", "refcount_bits=3", "x", "1M"], ["-f", "qcow2", "-o", "foo=1", "x", "1M"],
                 ["-f", "qcow2", "-o", "compat=0.10,extended_l2=on", "x", "1M"],
                 ["-f", "qcow2", "-o", "lazy_refcounts=maybe", "x", "1M"], ["-f", "qcow2", "nodir/x", "1M"],
                 ["-f", "raw", "-b", "base.raw", "-F", "raw", "x"], ["-f", "qcow2", "-b", "base.raw", "x"],
                 ["-f", "qcow2", "-b", "nofile", "-F", "raw", "x"], ["-f", "qcow2", "x", "1M", "2M"],
                 ["-f", "qcow2", "x", "8191P"]):
        both("create", *args, status=1)


def test_new_images_are_laid_out_alike():
    need(OTHER_IMG, "qemu-img")
    for options in ("cluster_size=64k", "cluster_size=512", "cluster_size=2M", "refcount_bits=64", "compat=0.10"):
        for size in ("1M", "1G", "100G" if "512" not in options else "10G"):
            for p, name in ((IMG, "a"), (OTHER_IMG, "b")):
                run(p, "create", "-q", "-f", "qcow2", "-o", options, name, size)
            a, b = (run(p, "check", n).splitlines()[-1] for p, n in ((OTHER_IMG, "a"), (OTHER_IMG, "b")))
            check("a")
            assert a == b or options == "cluster_size=512", f"{options} {size}: {a}, {b}"


def test_measure_is_as_users_know_it():
    img("create", "-q", "-f", "qcow2", "m.qcow2", "1M")
    io("m.qcow2", "write -q 0 64k", "write -q 256k 128k")
    for args in (["--size", "1G"], ["--size", "1G", "-O", "qcow2"], ["--size", "1T", "-O", "qcow2"],
                 ["--size", "1G", "-O", "qcow2", "-o", "cluster_size=4k,refcount_bits=64"],
                 ["--size", "1G", "-O", "qcow2", "-o", "preallocation=full"], ["-O", "qcow2", "m.qcow2"],
                 ["-O", "raw", "m.qcow2"]):
        both("measure", *args)


def test_compare_tells_by_its_status():
    chain()
    img("convert", "-O", "raw", "base.raw", "same.raw")
    both("compare", "base.raw", "same.raw")
    io("same.raw", "write -q -P 9 512k 512", fmt="raw")
    both("compare", "base.raw", "same.raw", status=1)
    img("resize", "-q", "-f", "raw", "same.raw", "2M")
    both("compare", "-s", "base.raw", "same.raw", status=1)
    both("compare", "base.raw", "nofile", status=2)
    both("compare", "base.raw", "mid.qcow2", status=1)


def test_rebase_onto_something_hides_it():
    """What read as zeros, as nothing was below, must not become what is below now. Version 3 has a mark for that."""
    with open("below", "wb") as f:
        f.write(b"below" * 40000)
    for options in ("compat=1.1", "compat=0.10", "cluster_size=512", "extended_l2=on"):
        for size in (1 << 20, 1000 << 10, 100 << 10):
            img("create", "-q", "-f", "qcow2", "-o", options, "r.qcow2", size)
            io("r.qcow2", "write -q -P 3 20k 5k")
            want = contents("r.qcow2", "qcow2")
            before = os.path.getsize("r.qcow2")
            img("rebase", "-f", "qcow2", "-b", "below", "-F", "raw", "r.qcow2")
            same(contents("r.qcow2", "qcow2"), want, options)
            check("r.qcow2")
            if options != "compat=0.10":
                assert os.path.getsize("r.qcow2") - before < 100000, options


def test_commit_leaves_an_image_alone_that_others_use():
    """Who reads it as the base of something else would see it change."""
    chain()
    img("create", "-q", "-f", "qcow2", "-b", "mid.qcow2", "-F", "qcow2", "user.qcow2")
    before = contents("mid.qcow2", "qcow2")
    for program in filter(None, (IO, OTHER_IO)):
        user = subprocess.Popen([program, "-f", "qcow2", "user.qcow2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        user.stdout.read(len("qemu-io> "))
        assert 'Failed to get "write" lock' in img("commit", "top.qcow2", status=1)
        same(contents("mid.qcow2", "qcow2"), before, "the base")
        user.communicate(b"quit\n")
    img("commit", "top.qcow2")


def test_commit_and_rebase_keep_contents():
    chain()
    want = contents("top.qcow2", "qcow2")
    img("rebase", "-b", "base.raw", "-F", "raw", "top.qcow2")
    same(contents("top.qcow2", "qcow2"), want, "rebased")
    check("top.qcow2")
    img("rebase", "-b", "", "top.qcow2")
    same(contents("top.qcow2", "qcow2"), want, "made independent")
    img("create", "-q", "-f", "qcow2", "-b", "mid.qcow2", "-F", "qcow2", "t2.qcow2")
    io("t2.qcow2", "write -q -P 7 0 100k", "write -q -z 64k 64k")
    want = contents("t2.qcow2", "qcow2")
    assert img("commit", "t2.qcow2") == "Image committed.\n"
    same(contents("mid.qcow2", "qcow2"), want, "committed")
    check("mid.qcow2")
    check("t2.qcow2")
    assert "allocated" not in img("check", "t2.qcow2")
    img("commit", "-b", "base.raw", "t2.qcow2")
    same(contents("t2.qcow2", "qcow2"), want, "committed deeper")


def test_check_repairs_what_it_can():
    def damage(name, offset, data):
        with open(name, "r+b") as f:
            f.seek(offset)
            f.write(data)

    for what, offset, data, status in (("leak", 0x40000, bytes(8), 3), ("count", 0x2000a, bytes(2), 2),
                                       ("copied", 0x40000, bytes.fromhex("0000000000050000"), 2),
                                       ("shared", 0x40008, bytes.fromhex("8000000000050000"), 2),
                                       ("no block", 0x10000, bytes(8), 2),
                                       ("bad block", 0x10000, bytes.fromhex("0000000000020200"), 2)):
        img("create", "-q", "-f", "qcow2", "k.qcow2", "1M")
        io("k.qcow2", "write -q -P 5 0 128k")
        damage("k.qcow2", offset, data)
        img("check", "k.qcow2", status=status)
        img("check", "-r", "all", "k.qcow2", status=0)
        check("k.qcow2")
        if what not in ("leak", "shared"):
            io("k.qcow2", "read -q -P 5 0 128k")


def test_amend_changes_what_it_may():
    img("create", "-q", "-f", "qcow2", "a.qcow2", "1M")
    io("a.qcow2", "write -q -P 3 0 100k", "write -q -z 64k 64k")
    want = contents("a.qcow2", "qcow2")
    for option, text in (("compat=0.10", "compat: 0.10"), ("compat=1.1,lazy_refcounts=on", "lazy refcounts: true"),
                         ("refcount_bits=8", "refcount bits: 8"), ("refcount_bits=64", "refcount bits: 64"),
                         ("refcount_bits=1", "refcount bits: 1")):
        img("amend", "-o", option, "a.qcow2")
        assert text in img("info", "a.qcow2"), option
        check("a.qcow2")
        same(contents("a.qcow2", "qcow2"), want, option)
    assert "only supported for image creation" in img("amend", "-o", "cluster_size=4k", "a.qcow2", status=1)


def test_extensions_of_others_are_kept():
    img("create", "-q", "-f", "qcow2", "-u", "-b", "x", "-F", "raw", "e.qcow2", "1M")
    with open("e.qcow2", "r+b") as f:
        head = bytearray(f.read(4096))
        name_at = int.from_bytes(head[8:16], "big")
        ext = bytes.fromhex("12345678 00000005") + b"hello\0\0\0"
        head[112 + 16 + len(ext):4096] = head[112 + 16:4096 - len(ext)]
        head[128:128 + len(ext)] = ext
        head[8:16] = (name_at + len(ext)).to_bytes(8, "big")
        f.seek(0)
        f.write(head)
    img("rebase", "-u", "-b", "a-longer-name", "-F", "qcow2", "e.qcow2")
    with open("e.qcow2", "rb") as f:
        assert ext in f.read(4096)
    assert "backing file: a-longer-name" in img("info", "e.qcow2")


def test_an_image_in_use_is_locked():
    img("create", "-q", "-f", "qcow2", "l.qcow2", "1M")
    p = subprocess.Popen([IO, "-f", "qcow2", "l.qcow2"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert p.stdout.read(9) == b"qemu-io> "
        for program in filter(None, (IMG, OTHER_IMG)):
            for args, lock in ((["info", "l.qcow2"], 'shared "write" lock'),
                               (["resize", "l.qcow2", "2M"], '"write" lock')):
                out = run(program, *args, status=1)
                assert lock in out and "Is another process using the image [l.qcow2]?" in out, out
        img("info", "-U", "l.qcow2")
    finally:
        p.stdin.close()
        p.wait()
    img("info", "l.qcow2")


def test_ctrl_c_says_that_the_target_is_incomplete():
    img("create", "-q", "-f", "raw", "big.raw", "20G")      # for hours, at that rate
    p = subprocess.Popen([IMG, "convert", "-r", "1M", "-S", "0", "-O", "qcow2", "-p", "big.raw", "t.qcow2"],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    p.stdout.read(1)
    p.send_signal(signal.SIGINT)
    _, err = p.communicate(timeout=60 * SLOW)
    os.unlink("t.qcow2")
    assert p.returncode == 1 and b"incomplete" in err, (p.returncode, err)


def emulator(*args, commands="info block\nquit\n"):
    """What the monitor of a machine that does not run says."""
    program = os.environ.get("QEMU", os.path.join(os.path.dirname(IMG), "qemu-system-x86_64"))
    p = subprocess.run([program, "-nodefaults", "-display", "none", "-S", "-monitor", "stdio", *args],
                       timeout=60 * SLOW, input=commands.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       check=False)
    assert p.returncode == 0, p.stdout.decode(errors="replace")
    return p.stdout.decode(errors="replace")


def test_the_emulator_opens_nodes_and_snapshots():
    img("create", "-q", "-f", "qcow2", "d.qcow2", "64M")
    img("create", "-q", "-f", "raw", "d.raw", "64M")
    out = emulator("-blockdev", '{"driver":"qcow2","node-name":"n0","file":{"driver":"file","filename":"d.qcow2"}}',
                   "-blockdev", "driver=file,node-name=f1,filename=d.raw",
                   "-blockdev", "driver=raw,node-name=r1,file=f1",
                   "-device", "ide-hd,drive=n0,bus=ide.0,unit=0", "-device", "ide-hd,drive=r1,bus=ide.0,unit=1")
    assert "n0: d.qcow2 (qcow2)" in out and "r1: d.raw (raw)" in out, out
    with open("d.qcow2", "rb") as f:
        before = f.read()
    out = emulator("-hda", "d.qcow2", "-snapshot")
    assert "vl." in out and "(qcow2)" in out, out
    emulator("-drive", "file=d.qcow2,format=qcow2,snapshot=on,werror=stop,rerror=stop")
    with open("d.qcow2", "rb") as f:
        assert f.read() == before


def test_images_are_the_same_whoever_waits_for_the_file():
    commands = [w for n in range(40) for w in ("-c", f"aio_write -q -P {n + 1} {n * 37 % 40 * 100}k 100k")]
    commands += ["-c", "aio_flush", "-c", "flush", "-c", "discard 1M 1M", "-c", "write -q -z 2M 1M"]
    commands += [w for n in range(8) for w in ("-c", f"aio_read -q {n * 500}k 500k")] + ["-c", "aio_flush"]
    seen = {}
    for aio, cache in (("threads", "writeback"), ("io_uring", "writeback"), ("io_uring", "none"), ("native", "none"),
                       ("native", "directsync")):
        for fmt in ("raw", "qcow2"):
            img("create", "-q", "-f", fmt, "a", "5M")
            out = run(IO, "-f", fmt, "-i", aio, "-t", cache, *commands, "a", status=None)
            if "aio=io_uring is not possible" in out or "without the host's cache" in out:
                continue        # this host, or its file system, cannot
            assert "fail" not in out, out
            if fmt == "qcow2":
                check("a")
            seen[aio, cache, fmt] = contents("a", fmt)
            img("bench", "-q", "-w", "-f", fmt, "-i", aio, "-t", cache, "-c", "200", "a")
            emulator("-drive", f"file=a,format={fmt},aio={aio},cache={cache}")
    first = seen["threads", "writeback", "raw"]
    for key, data in seen.items():
        assert data == first, (key, first_difference(data, first))


def test_one_tebibyte_is_created_at_once():
    img("create", "-q", "-f", "qcow2", "t.qcow2", "1T")
    assert os.stat("t.qcow2").st_blocks * 512 < 1 << 20
    io("t.qcow2", "write -q -P 9 1023G 64k", "read -q -P 9 1023G 64k", "read -q -P 0 512G 1M")
    check("t.qcow2")


def test_options_without_an_effect_are_refused():
    img("create", "-q", "-f", "qcow2", "a.qcow2", "1M")
    for args, text in ((("create", "-U", "x.raw", "1M"), "unrecognized option '-U'"),
                       (("create", "--image-opts", "x.raw", "1M"), "unrecognized option '--image-opts'"),
                       (("commit", "-U", "a.qcow2"), "unrecognized option '-U'"),
                       (("resize", "--force-share", "a.qcow2", "2M"), "unrecognized option '--force-share'"),
                       (("amend", "--force", "-o", "compat=v3", "a.qcow2"), "--force is for encrypted images"),
                       (("bench", "-i", "fast", "a.qcow2"), "Invalid aio option: fast"),
                       (("bench", "-i", "native", "a.qcow2"), "aio=native was specified, but it requires cache.direct"),
                       (("convert", "-r", "fast", "a.qcow2", "x.raw"), "Invalid rate limit"),
                       (("convert", "-C", "-S", "4k", "a.qcow2", "x.raw"), "copy offloading when -S"),
                       (("rebase", "-T", "never", "-b", "", "a.qcow2"), "Invalid source cache option: never"),
                       (("-T", "no_such_event", "info", "a.qcow2"), "no_such_event")):
        out = img(*args, status=1)
        assert text in out, (args, out)
    run(IO, "-k", "a.qcow2", status=1)
    run(IO, "-i", "fast", "a.qcow2", status=1)


def test_mistakes_are_told_as_users_know_it():
    chain()
    suffixes = " You may use k, M, G, T, P or E suffixes for\n"
    for args, text in (("create -f raw a 99999P", "image size specified. Must be between 0 and 9223372036854775807."),
                       ("create -f vdi -F raw a 1M", "a: Backing file format not supported for file format 'vdi'"),
                       ("info --image-opts x=1", "Could not open 'x=1': Must specify either driver or file"),
                       ("info none", "Could not open 'none': Could not open 'none': No such file or directory"),
                       ("convert -S abc base.raw a", "Invalid buffer size for sparse output specified." + suffixes),
                       ("convert -l snapshot.foo=1 mid.qcow2 a", "Invalid parameter 'snapshot.foo'\n"),
                       ("convert -B base.raw base.raw a", "Backing file not supported for file format 'raw'"),
                       ("convert -F raw base.raw a", "Backing file format not supported for file format 'raw'"),
                       ("convert -B none -F raw -O qcow2 base.raw a", "backing file: Could not open 'none': No such"),
                       ("convert -o foo=1 base.raw a", "qemu-img: Invalid parameter 'foo'"),
                       ("convert base.raw nowhere/a", "nowhere/a: error while converting raw: Could not create"),
                       ("dd if=base.raw of=nowhere/a", "nowhere/a: error while creating output image: Could not cre"),
                       ("rebase -b none mid.qcow2", "Could not open new backing file 'none': Could not open 'none'"),
                       ("rebase -u -b none -F foo mid.qcow2", "qemu-img: Invalid format name: 'foo'"),
                       ("resize -f raw base.raw 99999P", "Value '99999P' is out of range for parameter 'size'"),
                       ("measure --size 1M -f raw", "--image-opts, -f, and -l require a filename argument."),
                       ("bench -s abc -f raw base.raw", "Invalid buffer size specified." + suffixes),
                       ("bench -S 9G -f raw base.raw", "Invalid step_size specified. Must be between 0 and 21474836"),
                       ("bench -t foo -f raw base.raw", "qemu-img: Invalid cache mode")):
        out = img(*args.split(), status=1)
        assert text in out, (args, out)
        if OTHER_IMG:
            both(*args.split(), status=1)
    both("convert", "-B", "base.raw", "-F", "raw", "-o", "backing_file=none", "-O", "qcow2", "base.raw", "a")


def test_the_host_copies_what_stands_in_files():
    img("create", "-q", "-f", "raw", "a.raw", "8M")
    io("a.raw", "write -q -P 1 1M 1M", "write -q -P 2 7M 1M", fmt="raw")
    img("create", "-q", "-f", "qcow2", "a.qcow2", "8M")
    io("a.qcow2", "write -q -P 3 0 3M", "write -q -P 4 5M 100k", "write -q -c -P 5 6M 64k")
    for name, fmt in (("a.raw", "raw"), ("a.qcow2", "qcow2")):
        for target in ("raw", "qcow2"):
            out = img("-T", "block_copy_range", "convert", "-C", "-f", fmt, "-O", target, name, "copy")
            assert (" ret 0" in out) == (target == "raw"), out
            img("compare", "-f", fmt, "-F", target, name, "copy")


def test_a_rate_limit_is_kept():
    """Only that it takes at least as long as it must: the rest is up to the host."""
    img("create", "-q", "-f", "raw", "a.raw", "6M")
    io("a.raw", "write -q -P 1 0 6M", fmt="raw")
    start = time.monotonic()
    img("convert", "-r", "4M", "-f", "raw", "-O", "raw", "a.raw", "b.raw")
    assert time.monotonic() - start > 0.85
    img("compare", "a.raw", "b.raw")
    img("create", "-q", "-f", "qcow2", "-b", "a.raw", "-F", "raw", "c.qcow2")
    io("c.qcow2", "write -q -P 2 0 4M")
    start = time.monotonic()
    img("commit", "-q", "-r", "4M", "c.qcow2")
    assert time.monotonic() - start > 0.6
    io("a.raw", "read -q -P 2 0 4M", fmt="raw")


def test_options_of_the_file_go_to_the_file():
    """Whether the file system knows them is its affair; the image is made."""
    for fmt in ("raw", "qcow2"):
        out = img("create", "-q", "-f", fmt, "-o", "nocow=on,extent_size_hint=1M", "a", "1M")
        assert not out or "has no effect on this file system" in out, out
        img("info", "-f", fmt, "a")
        img("create", "-q", "-f", fmt, "-o", "nocow=maybe", "a", "1M", status=1)


def test_options_are_known_or_refused_by_name():
    """What the distribution's tool takes: the same, or a message that names what is not there."""
    chain()
    for args in (["-f", "qcow2", "-o", "size=8M", "x", "4M"], ["-f", "qcow2", "-b", "", "x", "1M"], ["-f"],
                 ["-f", "raw", "nbd://127.0.0.1:1/x", "1M"]):
        both("create", *args, status=1)
    for args in (["-f", "vpc", "-o", "force_size,subformat=fixed", "x", "4M"], ["-f", "vdi", "-o", "help"],
                 ["-f", "vpc", "-o", "help"], ["-f", "raw", "-o", "help"], ["-f", "raw", "-o", "help,foo", "x"],
                 ["-f", "qcow2", "-o", "extent_size_hint=0", "x", "4M"]):
        both("create", *args)
    for name, option in (("encryption", "encryption=on"), ("encryption", "encrypt.format=luks"),
                         ("data files", "data_file=d"), ("data files", "data_file_raw=on")):
        out = img("create", "-f", "qcow2", "-o", option, "x", "4M", status=1)
        assert option.split("=", maxsplit=1)[0] in out and f"{name} " in out and "not supported" in out, out
    assert "bitmaps are not supported" in img("convert", "--bitmaps", "base.raw", "x", status=1)
    img("create", "-q", "-f", "file", "x", "4M")
    assert os.path.getsize("x") == 4 << 20
    both("measure", "-O", "qcow2", "-o", "foo=1", "-f", "raw", "base.raw", status=1)
    for args in (["info", "--image-opts", "-f", "raw", "driver=raw,file.filename=base.raw"],
                 ["check", "-r", "leaks", "-U", "mid.qcow2"], ["bench", "-w", "-U", "-f", "raw", "base.raw"],
                 ["resize", "-f", "raw", "--preallocation=full", "--shrink", "base.raw", "64k"],
                 ["convert", "--salvage", "-C", "-f", "raw", "base.raw", "x"],
                 ["convert", "-n", "-o", "size=1", "-f", "raw", "base.raw", "x"],
                 ["convert", "--target-image-opts", "-f", "raw", "base.raw", "driver=raw,file.filename=x"]):
        both(*args, status=1)
    assert img("convert", "-q", "-p", "-f", "raw", "base.raw", "y") == ""


def test_qemu_io_takes_or_refuses_what_opens_an_image():
    img("create", "-q", "-f", "qcow2", "a.qcow2", "1M")
    out = run(IO, "-c", "open -o driver=qcow2 a.qcow2", "-c", "length", "-c", "close",
              "-c", "open -o driver=null-co,size=3M", "-c", "length", "-c", "reopen -r -c none",
              "-c", "write 0 512", status=1)
    assert out.startswith("1 MiB\n3 MiB\n") and "read-only" in out, out
    for command in ("open -s a.qcow2", "open -C a.qcow2", "open -t foo a.qcow2", "open -d foo a.qcow2"):
        out = run(IO, "-c", command, status=1)
        assert "not in this version" in out or "Invalid" in out, out
    options = "driver=throttle,throttle-group=g,file.driver=qcow2,file.file.driver=file,file.file.filename=a.qcow2"
    out = run(IO, "--object", "throttle-group,id=g,limits.iops-total=1000", "--image-opts", "-c", "write -P 5 0 64k",
              "-c", "read -P 5 0 64k", options)
    assert "read 65536/65536" in out, out
    out = run(IO, "--image-opts", "-c", "length", options, status=1)
    assert "Throttle group 'g' does not exist" in out, out
    assert "encrypted images" in img("info", "--object", "secret,id=s,file=x", "a.qcow2", status=1)
