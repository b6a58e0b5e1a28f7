# SPDX-License-Identifier: GPL-2.0-or-later
"""blkdebug: requests that fail when they are told to, below qcow2 and below a guest's disk."""
from tools import IO, OTHER_IO, check, contents, img, io, need, run, same


def debug_io(config, image, *commands, program=IO, status=None):
    with open("rules", "w", encoding="ascii") as f:
        f.write(config)
    args = [program, "-f", "qcow2"]
    for c in commands:
        args += ["-c", c]
    return run(*args, f"blkdebug:rules:{image}", status=status)


def rule(event, errno, once="on", **more):
    rows = {"event": event, "errno": errno, "once": once, "immediately": "off", **more}
    return "[inject-error]\n" + "".join(f"{k} = \"{v}\"\n" for k, v in rows.items())


EVENTS = ("l1_update", "l1_grow_write_table", "l1_grow_activate_table", "l2_load", "l2_update", "l2_alloc_write",
          "read_aio", "write_aio", "cow_read", "cow_write", "read_compressed", "write_compressed", "reftable_update",
          "refblock_load", "refblock_update", "refblock_alloc", "refblock_alloc_write_blocks",
          "refblock_alloc_write_table", "refblock_alloc_switch_table", "cluster_alloc", "cluster_alloc_bytes",
          "cluster_free", "flush_to_disk", "pwritev", "pwritev_zero")


def test_an_error_at_any_event_leaves_a_sound_image():
    """What was written and flushed before is there afterwards, and the image has lost clusters at most."""
    for errno in (5, 28):
        for event in EVENTS:
            img("create", "-q", "-f", "qcow2", "-o", "cluster_size=1k,refcount_bits=64", "d.qcow2", "24M")
            io("d.qcow2", "write -q -P 1 0 100k", "write -q -c -P 2 1M 1k", "write -q -P 3 2M 64k")
            out = debug_io(rule(event, errno, once="off" if event == "pwritev" else "on"), "d.qcow2",
                           "write -P 4 64k 128k", "write -P 5 3M 18M", "write -c -P 6 22M 1k", "write -z 2M 40k",
                           f"write -P 7 {2**20 + 512} 512", "read 0 512", "read 1M 512", "discard 128k 64k", "flush")
            wanted = "Input/output error" if errno == 5 else "No space left"
            # qcow2 writes zeros, and moves compressed data, in its tables: not each event comes in each run.
            assert wanted in out or event in ("l1_grow_write_table", "l1_grow_activate_table", "read_aio",
                                              "reftable_update", "pwritev_zero"), (event, out)
            check("d.qcow2", leaks=True)
            io("d.qcow2", "read -q -P 1 0 64k", "read -q -P 2 1M 512")


def test_rules_come_from_options_too():
    img("create", "-q", "-f", "qcow2", "d.qcow2", "1M")
    io("d.qcow2", "write -q -P 1 0 64k")
    node = ('{"driver":"qcow2","file":{"driver":"blkdebug","image":{"driver":"file","filename":"d.qcow2"},'
            '"inject-error":[{"event":"read_aio","errno":5,"once":true}]}}')
    out = run(IO, "-c", "read 0 512", "-c", "read -P 1 0 512", "json:" + node, status=1)
    assert "read failed: Input/output error" in out and "read 512/512 bytes" in out, out
    dotted = ("driver=qcow2,file.driver=blkdebug,file.image.driver=file,file.image.filename=d.qcow2,"
              "file.inject-error.0.event=none,file.inject-error.0.iotype=flush,file.inject-error.0.errno=28")
    out = run(IO, "--image-opts", "-c", "write -P 2 0 512", "-c", "flush", dotted, status=1)
    assert "flush failed: No space left on device" in out, out
    for bad, text in (("file.inject-error.0.event=nothing", "Invalid event 'nothing'"),
                      ("file.inject-error.0.colour=red", "colour"), ("file.set-state.0.state=1", "Missing event"),
                      ("file.inject-error.0.iotype=dream", "Invalid iotype 'dream'"), ("file.x=1", "'x'")):
        out = run(IO, "--image-opts", "-c", "quit", dotted.rsplit(",file.inject", 3)[0] + "," + bad, status=1)
        assert text in out, (bad, out)
    run(IO, "-c", "quit", "blkdebug:nofile:d.qcow2", status=1)
    for text in ("event = \"none\"\n", "[dream]\n", "[inject-error]\nevent = none\n"):
        debug_io(text, "d.qcow2", "quit", status=1)


def test_states_and_sectors_choose_the_request():
    img("create", "-q", "-f", "qcow2", "d.qcow2", "1M")
    io("d.qcow2", "write -q -P 1 0 128k")
    states = "[set-state]\nevent = \"read_aio\"\nstate = \"1\"\nnew_state = \"2\"\n\n" + \
             rule("read_aio", 5, state="2")
    for program in filter(None, (IO, OTHER_IO)):
        out = debug_io(states, "d.qcow2", "read 0 512", "read 512 512", "read 1024 512", program=program)
        lines = [line for line in out.splitlines() if line.startswith("read")]
        assert [("failed" in line) for line in lines] == [False, True, False], (program, out)
    # The second sector of the disk, by its place in the file.
    first = contents_offset("d.qcow2")
    out = debug_io(rule("none", 5, once="off", sector=first // 512 + 1), "d.qcow2", "read 0 512", "read 512 512",
                   "read 1024 512", "write 0 4k")
    assert [("failed" in line) for line in out.splitlines() if line.startswith(("read", "write"))] == \
        [False, True, False, True], out


def contents_offset(path):
    """Where the file has the first byte of the disk."""
    line = next(line for line in img("map", path).splitlines() if line.startswith("0 "))
    return int(line.split()[2], 16)


def test_the_same_rules_give_the_same_answers_as_theirs():
    need(OTHER_IO, "qemu-io")
    for event in ("write_aio", "read_aio", "cluster_alloc"):
        outs = []
        for program in (IO, OTHER_IO):
            img("create", "-q", "-f", "qcow2", "d.qcow2", "1M")
            io("d.qcow2", "write -q -P 1 0 64k")
            out = debug_io(rule(event, 5), "d.qcow2", "write -P 2 0 4k", "read 0 512", "write -P 3 512k 64k", "flush",
                           program=program)
            outs.append([line for line in out.splitlines() if "failed" in line])
            check("d.qcow2", leaks=True)
        assert outs[0] == outs[1], (event, outs)


def test_contents_survive_errors_in_reading():
    img("create", "-q", "-f", "qcow2", "d.qcow2", "4M")
    io("d.qcow2", "write -q -P 1 0 1M", "write -q -P 2 2M 1M")
    before = contents("d.qcow2", "qcow2")
    for event in ("l2_load", "read_aio"):
        out = debug_io(rule(event, 5), "d.qcow2", "read 0 4M")
        assert "read failed: Input/output error" in out, out
    same(contents("d.qcow2", "qcow2"), before, "after failed reads")
