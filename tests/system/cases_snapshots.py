# SPDX-License-Identifier: GPL-2.0-or-later
"""savevm, loadvm, delvm: a guest and its disks go back to what they were, and others can read the images."""
import contextlib
import os
import re
import shutil
import subprocess

import build
from cases_firmware import expect_status
from cases_linux import BOOT
from hmp import Hmp
from vm import PROMPT, Failure, shell, visible

NOTHING = r'\A\s*\Z'
SMALL = ['-display', 'none', '-net', 'none', '-m', '32']
LINUX = ['-display', 'none', '-serial', 'stdio', '-m', '256']
DATE = r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \d\d:\d\d:\d\d\.\d{3}'


def run(*argv):
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
    if done.returncode:
        raise Failure(f'{" ".join(argv)}: status {done.returncode}:\n{done.stdout}')
    return done.stdout


def img(ctx, *args):
    return run(os.path.join(os.path.dirname(ctx.qemu), 'qemu-img'), *args)


def image(ctx, name, size='16M', fmt='qcow2', options=''):
    path = os.path.join(ctx.tmp, name)
    img(ctx, 'create', '-q', '-f', fmt, *(['-o', options] if options else []), path, size)
    return path


def drive(path, fmt='qcow2', more=''):
    return ['-drive', f'file={path},format={fmt}{more}']


@contextlib.contextmanager
def machine(ctx, args, name='m'):
    """(machine, monitor), which has greeted."""
    with Hmp(os.path.join(ctx.tmp, name), ctx.slow) as hmp, ctx.vm(args + hmp.args(), tty=False) as vm:
        hmp.accept()
        yield vm, hmp


def leave(vm, hmp):
    hmp.send('quit\n')
    hmp.until_prompt()
    expect_status(vm, 0)


def check_clean(ctx, path):
    """No error and no lost cluster, by our reader and by the distribution's when it is installed."""
    for program in (os.path.join(os.path.dirname(ctx.qemu), 'qemu-img'), shutil.which('qemu-img')):
        if program:
            out = run(program, 'check', '-f', 'qcow2', path)
            if 'No errors were found' not in out:
                raise Failure(f'{program} check:\n{out}')


def tags(ctx, path):
    """(id, tag, size of the state) of each snapshot, the same by both readers."""
    lists = [re.findall(rf'^(\d+) +(\S+) +([\d.]+ \w+) +{DATE} *$', run(program, 'snapshot', '-l', path), re.M)
             for program in (os.path.join(os.path.dirname(ctx.qemu), 'qemu-img'), shutil.which('qemu-img')) if program]
    if lists[0] != lists[-1]:
        raise Failure(f'qemu-img lists {lists[0]}, the distribution\'s {lists[-1]}')
    return lists[0]


def write(vm, word, n):
    """A variable of the shell, a file in memory and both disks tell which time it is."""
    shell(vm, f'n={n}; echo {word} > /tmp/f; for d in a b; do echo {word} | dd of=/dev/sd$d conv=fsync,notrunc '
              '2>/dev/null; done; echo 3 > /proc/sys/vm/drop_caches')


def expect(vm, word, n):
    seen = shell(vm, 'echo $n; head -c 6 /dev/sda; head -c 6 /dev/sdb; cat /tmp/f').split()
    if seen != [str(n), word, word, word]:
        raise Failure(f'wanted {word} {n}, got {seen}')


def wait_for_state(vm, hmp, word, limit=30):
    deadline = vm.clock() + limit * vm.slow
    while not hmp.command('info status').endswith(f': {word}\n'):
        vm.read_some(vm.clock() + 0.1)
        if vm.clock() > deadline:
            raise Failure(f'the machine is not {word}: {hmp.command("info status")}{hmp.command("info blockstats")}'
                          f'the last output:{visible(vm.text)}{vm.error_note()}')


def test_a_linux_guest_goes_back_with_its_disk(ctx):
    """The second run starts from the snapshot; its second disk fails once and stops the machine."""
    kernel, _ = build.demo_guest(ctx.build)
    initrd = build.initrd_with_modules(ctx.build, build.DISK_MODULES, 'disks', ctx.tmp)
    disk, second = image(ctx, 'disk.qcow2'), image(ctx, 'second.qcow2', '4M')
    linux = LINUX + drive(disk) + ['-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyS0']
    rules = ctx.file('rules', b'[inject-error]\nevent = "write_aio"\nerrno = "5"\nonce = "on"\n')
    failing = drive(f'blkdebug:{rules}:{second}', more=',werror=stop')

    with machine(ctx, linux + drive(second)) as (vm, hmp):
        vm.expect(PROMPT, BOOT)
        seen = shell(vm, build.load_modules(build.DISK_MODULES, '/dev/sdb'))
        if 'insmod' in seen:
            raise Failure(seen)
        write(vm, 'first', 1)
        hmp.expect('savevm here', NOTHING, 60)
        hmp.expect('info status', '^VM status: running$')
        write(vm, 'other', 2)
        expect(vm, 'other', 2)
        hmp.expect('loadvm here', NOTHING, 60)
        hmp.expect('info status', '^VM status: running$')
        expect(vm, 'first', 1)
        hmp.expect('stop', NOTHING)
        hmp.expect('loadvm here', NOTHING, 60)
        hmp.expect('info status', '^VM status: paused$')
        hmp.expect('cont', NOTHING)
        expect(vm, 'first', 1)
        write(vm, 'third', 3)
        leave(vm, hmp)
    check_clean(ctx, disk)
    check_clean(ctx, second)
    with machine(ctx, linux + failing + ['-loadvm', 'here'], 'm2') as (vm, hmp):
        wait_for_state(vm, hmp, 'running')
        vm.send('\n')
        vm.expect(PROMPT, 30)
        expect(vm, 'first', 1)
        vm.send('n=4; for d in a b; do echo fails > /dev/sd$d; done; sync\n')     # either may be the one that fails
        wait_for_state(vm, hmp, r'paused (io-error)')
        waiting = r"^Error: drive 'ide0-hd1' has failed requests that wait for the machine to go on"
        hmp.expect('savevm never', waiting)
        kept = ctx.file('kept', b'an older state')
        hmp.expect(f'migrate file:{kept}', waiting)
        with open(kept, 'rb') as f:
            if f.read() != b'an older state' or os.path.exists(kept + '.partial'):
                raise Failure('a refused migrate has written to its file')
        hmp.expect('loadvm here', NOTHING, 60)
        hmp.expect('info status', '^VM status: paused$')
        hmp.expect('cont', NOTHING)
        vm.send('\n')
        vm.expect(PROMPT, 30)
        expect(vm, 'first', 1)
        hmp.expect('delvm here', NOTHING)
        hmp.expect('info snapshots', r'^There is no snapshot available\.$')
        expect(vm, 'first', 1)
        leave(vm, hmp)
    check_clean(ctx, disk)
    check_clean(ctx, second)


def test_lists_and_messages_are_those_users_know(ctx):
    disk, raw = image(ctx, 'a.qcow2'), image(ctx, 'b.raw', fmt='raw')
    unable = "^Error: Device 'ide0-hd1' is writable but does not support snapshots$"
    row = r'--        %s +[\d.]+ [KM]iB ' + DATE + ' +\n'
    head = r'\AList of snapshots present on all disks:\nID        TAG               VM SIZE                DATE' \
           r'     VM CLOCK     ICOUNT\n'
    with machine(ctx, SMALL + drive(disk)) as (vm, hmp):
        for line, pattern in (
            ('info snapshots', r'^There is no snapshot available\.$'),
            ('loadvm nosuch', r"^Error: Snapshot 'nosuch' does not exist in one or more devices$"),
            ('delvm nosuch', NOTHING), ('savevm one', NOTHING), ('savevm two', NOTHING),
            ('info snapshots', head + row % 'one' + row % 'two' + r'\Z'),
            ('savevm one', NOTHING),
            ('info snapshots', head + row % 'two' + row % 'one' + r'\Z'),
            ('savevm', NOTHING),
            ('info snapshots', row % 'one' + row % r'vm-\d{14}' + r'\Z'),
            ('delvm two', NOTHING), ('loadvm two', "^Error: Snapshot 'two' does not exist"),
            ('loadvm one', NOTHING), ('info status', '^VM status: running$'),
        ):
            hmp.expect(line, pattern, 30)
        leave(vm, hmp)
    check_clean(ctx, disk)
    listed = tags(ctx, disk)
    if [t[1] for t in listed][:1] != ['one'] or len(listed) != 2 or not all('iB' in t[2] for t in listed):
        raise Failure(f'listed: {listed}')
    with machine(ctx, SMALL + drive(disk) + drive(raw, 'raw'), 'm2') as (vm, hmp):
        for line in ('savevm x', 'loadvm one', 'delvm one'):
            hmp.expect(line, unable)
        hmp.expect('info snapshots', r"\AList of snapshots present on all disks:\nNone\n\nList of partial "
                   r"\(non-loadable\) snapshots on 'ide0-hd0':\nID .*\n\d+ +one ")
        leave(vm, hmp)
    with machine(ctx, SMALL + ['-cdrom', raw], 'm3') as (vm, hmp):
        for line in ('savevm x', 'loadvm x', 'delvm x'):
            hmp.expect(line, '^Error: no block device can store vmstate for snapshot$')
        hmp.expect('info snapshots', '^no block device can store vmstate for snapshot$')
        leave(vm, hmp)
    if tags(ctx, disk) != listed:
        raise Failure('a refused command has changed the list')


def test_drives_that_are_not_written_do_not_matter(ctx):
    """Read-only ones, what other nodes stand on, and images that -snapshot protects."""
    disk, raw = image(ctx, 'a.qcow2'), image(ctx, 'b.raw', fmt='raw')
    nodes = ['-blockdev', f'driver=file,node-name=f,filename={disk}', '-blockdev', 'driver=qcow2,node-name=q,file=f',
             '-device', 'ide-hd,drive=q', '-cdrom', raw]
    with machine(ctx, SMALL + nodes) as (vm, hmp):
        for line in ('savevm x', 'loadvm x'):
            hmp.expect(line, NOTHING)
        leave(vm, hmp)
    with open(raw, 'rb') as f:
        before = f.read()
    with machine(ctx, SMALL + drive(raw, 'raw') + ['-snapshot'], 'm2') as (vm, hmp):
        for line, pattern in (('savevm y', NOTHING), ('info snapshots', r'^--        y '), ('loadvm y', NOTHING)):
            hmp.expect(line, pattern)
        leave(vm, hmp)
    with open(raw, 'rb') as f:
        if f.read() != before:
            raise Failure('-snapshot has changed the image')
    if [t[1] for t in tags(ctx, disk)] != ['x']:
        raise Failure(f'listed: {tags(ctx, disk)}')


def test_the_state_of_another_machine_is_refused_and_nothing_changes(ctx):
    disk = image(ctx, 'a.qcow2')
    others = (
        (['-m', '64'], r'Size mismatch: pc\.ram: 0x2000000 != 0x4000000'),
        (['-cpu', 'pentium3'], r"CPU model received is '\w+' and local is 'pentium3'"),
        (['-cpu', 'max,-sse3'], r"CPU model 'max' has other features here than when it was saved"),
        (['-device', 'edu'], r"saved state has nothing about 'edu' 0 of this machine"),
        (['-smp', '2'], r"saved state has nothing about '\w+' 1 of this machine"),
        (['-serial', 'none'], r"Unknown savevm section or instance 'serial\w*' 0\. Make sure that your current"),
    )
    with machine(ctx, SMALL + ['-serial', 'null'] + drive(disk)) as (vm, hmp):
        hmp.expect('savevm x', NOTHING)
        leave(vm, hmp)
    for number, (more, pattern) in enumerate(others):
        args = SMALL + ([] if '-serial' in more else ['-serial', 'null']) + drive(disk) + more
        with machine(ctx, args, f'm{number}') as (vm, hmp):
            hmp.expect('loadvm x', rf"\AError: snapshot 'x' cannot be loaded: {pattern}[^\n]*\n\Z")
            hmp.expect('info status', '^VM status: running$')
            leave(vm, hmp)
    for tag, pattern in (('x', 'Size mismatch'), ('nosuch', r"Snapshot 'nosuch' does not exist in one or more")):
        with ctx.vm(SMALL + drive(disk) + ['-m', '64', '-loadvm', tag], tty=False) as vm:
            expect_status(vm, 1)
            if not re.search(pattern, vm.errors()) or vm.errors().count('\n') != 1:
                raise Failure(f'-loadvm {tag}: {vm.errors()!r}')
    img(ctx, 'snapshot', '-c', 'disk-only', disk)
    with machine(ctx, SMALL + drive(disk), 'only') as (vm, hmp):
        hmp.expect('loadvm disk-only', r'^Error: This is a disk-only snapshot\. Revert to it offline using qemu-img$')
        leave(vm, hmp)
    check_clean(ctx, disk)


def test_a_full_disk_leaves_the_old_snapshot_and_a_running_guest(ctx):
    """A limit on the size of files stands for the disk's; the emulator itself needs files of 32 MiB."""
    disk = image(ctx, 'a.qcow2', '40M', options='preallocation=metadata')
    with machine(ctx, SMALL + drive(disk)) as (vm, hmp):
        hmp.expect('savevm x', NOTHING)
        leave(vm, hmp)
    before = tags(ctx, disk)
    blocks = os.path.getsize(disk) // 512 + 256
    command = ['/bin/sh', '-c', f'trap "" XFSZ; ulimit -f {blocks}; exec "$@"', 'sh', ctx.qemu, *SMALL, *drive(disk)]
    with Hmp(os.path.join(ctx.tmp, 'full'), ctx.slow) as hmp:
        with ctx.vm(command[1:] + hmp.args(), tty=False, program=command[0]) as vm:
            hmp.accept()
            hmp.expect('savevm x', r"\AError: (cannot write the machine's state to drive 'ide0-hd0'|"
                       r"drive 'ide0-hd0': snapshot 'x' cannot be made): [^\n]+\n\Z")
            hmp.expect('info status', '^VM status: running$')
            hmp.expect('info snapshots', r'^--        x ')
            hmp.expect('loadvm x', NOTHING)
            leave(vm, hmp)
            if vm.errors():
                raise Failure(f'standard error: {vm.errors()}')
    if tags(ctx, disk) != before:
        raise Failure(f'{before} has become {tags(ctx, disk)}')
    check_clean(ctx, disk)
    with machine(ctx, SMALL + drive(disk), 'again') as (vm, hmp):
        hmp.expect('savevm x', NOTHING)
        leave(vm, hmp)
    check_clean(ctx, disk)
