# SPDX-License-Identifier: GPL-2.0-or-later
"""What scripts read is the same as what the distribution's qemu-img prints: standard output and status."""
import os
import re
import subprocess

from tools import IMG, OTHER_IMG, SLOW, fresh_dir, img, io, need, run

VARIES = ((r"disk size: .*", "disk size:"), (r'"actual-size": \d+', ""), (r'"date-n?sec": \d+', ""),
          (r"cid(\"?): \d+", "cid:"), (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "DATE"))


def make_images():
    img("create", "-q", "-f", "raw", "b.raw", "64M")
    io("b.raw", "write -q -P 1 0 1M", "write -q -P 2 10M 3M", fmt="raw")
    img("create", "-q", "-f", "qcow2", "-b", "b.raw", "-F", "raw", "t.qcow2")
    io("t.qcow2", "write -q -P 3 1M 64k", "write -q -z 2M 128k", "write -q -P 4 10M 4096")
    img("create", "-q", "-f", "qcow2", "s.qcow2", "64M")
    for byte, name in ((9, "snap1"), (8, "two")):
        io("s.qcow2", f"write -q -P {byte} {byte}00k 200k")
        run(OTHER_IMG, "snapshot", "-c", name, "s.qcow2")
    img("create", "-q", "-f", "qcow2", "-b", "t.qcow2", "-F", "qcow2", "u.qcow2", "80M")
    img("convert", "-c", "-O", "qcow2", "b.raw", "c.qcow2")
    for name, options in (("m.vmdk", ""), ("so.vmdk", "subformat=streamOptimized"), ("v.vdi", ""), ("v.vpc", ""),
                          ("ts.vmdk", "subformat=twoGbMaxExtentSparse"), ("mf.vmdk", "subformat=monolithicFlat")):
        img("convert", "-O", name.split(".")[1], *(("-o", options) if options else ()), "b.raw", name)
    img("create", "-q", "-f", "qcow2", "-o", "compat=0.10", "v2.qcow2", "10M")
    img("create", "-q", "-f", "qcow2", "-o", "preallocation=metadata", "p.qcow2", "10M")
    img("create", "-q", "-f", "qcow2", "-o", "extended_l2=on,lazy_refcounts=on,cluster_size=128k,compression_type=zstd",
        "x.qcow2", "10M")


def answer(program, words):
    p = subprocess.run([program, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                       check=False, timeout=60 * SLOW)
    text = p.stdout.decode(errors="replace")
    for pattern, instead in VARIES:
        text = re.sub(pattern, instead, text)
    return text, p.returncode


def check_same(words):
    ours, theirs = answer(IMG, words), answer(OTHER_IMG, words)
    assert ours == theirs, f"{words}:\nours, status {ours[1]}:\n{ours[0]}\ntheirs, status {theirs[1]}:\n{theirs[0]}"


def test_looking_at_images_prints_the_same():
    need(OTHER_IMG, "qemu-img")
    make_images()
    for name in [name for name in sorted(os.listdir(".")) if "-s00" not in name] + ["nofile"]:
        for words in ("info", "info --output=json", "info --backing-chain --output=json", "check",
                      "check --output=json", "map", "map --output=json", "snapshot -l", "measure -O qcow2",
                      "measure -O qcow2 --output=json", "measure -O raw"):
            if words.split()[0] != "map" or name != "s.qcow2":      # which holes are shown is a guess there
                check_same((*words.split(), name))
    for words in ("map --start-offset=1M --max-length=2M t.qcow2", "measure --size 1T -O qcow2 --output=json",
                  "measure --size 1G -O raw", "measure -O qcow2 -o cluster_size=4k b.raw", "compare b.raw c.qcow2",
                  "compare b.raw t.qcow2", "compare b.raw u.qcow2", "compare -s b.raw u.qcow2", "compare b.raw nofile",
                  "compare -q b.raw t.qcow2", "compare t.qcow2 u.qcow2",
                  "info --image-opts driver=qcow2,file.filename=c.qcow2",
                  "create -f vdi -o help", "create -f vpc -o help", "convert -O vdi -o help", "amend -f raw -o help",
                  "check -r nonsense s.qcow2", "info --output=xml b.raw", "snapshot -d none s.qcow2", "nonsense", ""):
        check_same(words.split())


# Each in a folder of its own, made anew; "/" separates the commands.
CHANGES = (
    "create -f qcow2 n 1G", "create -f raw n 1G", "create -f vmdk n 1G", "create -f vdi n 1G", "create -f vpc n 1G",
    "create -f qcow2 -o preallocation=metadata,lazy_refcounts=on,cluster_size=128k,refcount_bits=8 n 1G",
    "create -f qcow2 -b b.raw -F raw n", "create -f qcow2 -o compat=0.10 n 10M", "create -f qcow2 n -5",
    "create -f qcow2 -o compression_type=zstd,extended_l2=on n 10M", "create -f qcow2 n 1.5G",
    "convert -O qcow2 b.raw o / map --output=json o / check o", "convert -O raw u.qcow2 o / map --output=json o",
    "convert -O qcow2 -B b.raw -F raw t.qcow2 o / map --output=json o",
    "convert -O qcow2 -l snapshot.name=snap1 s.qcow2 o / info o / map --output=json o",
    "convert -S 0 -O raw b.raw o / map --output=json o", "convert b.raw b.raw o / info o",
    "commit t.qcow2 / map --output=json t.qcow2", "commit -b b.raw u.qcow2 / map --output=json u.qcow2",
    "rebase -b  t.qcow2 / info t.qcow2 / map --output=json t.qcow2", "rebase -u -b x -F raw t.qcow2",
    "rebase -b b.raw -F raw u.qcow2 / map --output=json u.qcow2", "resize t.qcow2 +10M / info t.qcow2",
    "resize t.qcow2 10M", "resize --shrink t.qcow2 10M / info t.qcow2", "resize -f raw b.raw 100M",
    "resize m.vmdk 100M", "snapshot -d 1 s.qcow2 / snapshot -l s.qcow2",
    "snapshot -c 2 t.qcow2 / snapshot -c 1 t.qcow2 / snapshot -d 1 t.qcow2 / snapshot -l t.qcow2",
    "snapshot -c a t.qcow2 / snapshot -l t.qcow2", "snapshot -a snap1 s.qcow2 / map --output=json s.qcow2",
    "snapshot -d snap1 s.qcow2 / snapshot -l s.qcow2", "amend -o compat=0.10 s.qcow2 / info s.qcow2",
    "amend -o lazy_refcounts=on c.qcow2 / info c.qcow2", "amend -o refcount_bits=64 c.qcow2 / info c.qcow2",
    "amend -o compat=1.1 v2.qcow2 / info v2.qcow2", "amend -o compat=0.10 x.qcow2",
    "amend -o size=100M c.qcow2 / info c.qcow2",
    "dd if=b.raw of=o bs=1M count=2 / info o",
)


def test_changing_images_prints_the_same():
    need(OTHER_IMG, "qemu-img")
    top = os.getcwd()
    fresh_dir(os.path.join(top, "images"))
    make_images()
    for change in CHANGES:
        seen = []
        for program in (IMG, OTHER_IMG):
            os.chdir(top)
            subprocess.run(["rm", "-rf", "work"], check=True)
            subprocess.run(["cp", "-a", "--sparse=always", "images", "work"], check=True)
            os.chdir("work")
            seen.append([answer(program, step.split(" ")) for step in change.split(" / ")])
        assert seen[0] == seen[1], f"{change}:\nours: {seen[0]}\ntheirs: {seen[1]}"
