# SPDX-License-Identifier: GPL-2.0-or-later
"""
What scripts/bench measures: building the measured programs, and one run of each on one emulator or on the host.

Times are CPU seconds of the emulator's process or elapsed seconds, both taken outside the guest: an emulated clock is
one of the things that may be wrong.
"""
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'system'))
from build import (DISK_MODULES, SCREEN_MODULES, Skip, demo_guest, initrd_with, initrd_with_files,          # noqa: E402
                   kernel_modules, load_modules)
from vm import Failure, PROMPT, Vm, shell           # noqa: E402


def host_has(*flags):
    """Whether the host's processor has these features, by their names in /proc/cpuinfo."""
    try:
        with open('/proc/cpuinfo', encoding='ascii', errors='replace') as f:
            return set(flags) <= set(re.search(r'^flags\s*:(.*)', f.read(), re.M).group(1).split())
    except (OSError, AttributeError):
        return False


HAS_AVX = host_has('avx2', 'fma')

# The loops of micro/loops.S: name, what an iteration costs, iterations to begin with, whether the host can run it.
LOOPS = [
    ('empty', 'decrement and branch, one block', 1000000, True),
    ('alu', '16 register operations', 300000, True),
    ('branch', 'conditional branches that vary', 200000, True),
    ('callret', '4 calls and returns', 100000, True),
    ('indir', 'jump through a table', 100000, True),
    ('xpage', '2 jumps between pages', 100000, True),
    ('mem', '13 loads and stores', 100000, True),
    ('stride', 'loads from 1024 pages', 200, True),
    ('repmovs', 'rep movsb of 4 KiB', 2000, True),
    ('repstosq', 'rep stosq of 4 KiB', 2000, True),
    ('lockadd', 'lock add, lock xadd', 100000, True),
    ('ssedbl', '8 packed double operations', 20000, True),
    ('ssescal', '8 scalar double operations', 20000, True),
    ('sseint', '8 packed integer operations', 50000, True),
    ('avxdbl', '8 double operations of 256 bits', 50000, HAS_AVX),
    ('avxint', '8 integer operations of 256 bits', 50000, HAS_AVX),
    ('avxmem', '8 AVX operations, 6 on memory', 50000, HAS_AVX),
    ('vzeroupper', 'an operation of 256 bits, vzeroupper', 50000, HAS_AVX),
    ('x87', '8 x87 instructions', 20000, True),
    ('cr3', 'CR3 write, 4 loads', 5000, False),
    ('smc', 'write into the next instruction', 1000, True),
    ('int', 'software interrupt and iretq', 10000, False),
    ('pio', 'out to port 80h', 10000, False),
]

# What happens to a disk: name, direction, bytes at once, MiB in all at scale 100. Images: name, format.
DISK_MIB = 256
DISK = [
    ('read 1M', 'if', '1M', 2048),
    ('read 64k', 'if', '64k', 512),
    ('read 4k', 'if', '4k', 64),
    ('random 4k', 'random', '4k', 64),
    ('write 1M', 'of', '1M', 2048),
    ('write 64k', 'of', '64k', 512),
    ('write 4k', 'of', '4k', 64),
]
TERA = [('random 4k', 'random', '4k', 64)]
DISK_IMAGES = [('raw', 'raw', DISK), ('qcow2', 'qcow2', DISK), ('1 TiB', 'qcow2', TERA)]
# Consoles that scroll: name, kernel parameters, what the guest does first, lines at scale 100, characters in a line (0:
# a number).
FRAMEBUFFER = load_modules(SCREEN_MODULES, '/dev/fb0')
SCREEN = [
    ('text 80x25', 'nomodeset', 'true', 10000, 0),
    ('text, full lines', 'nomodeset', 'true', 10000, 79),
    ('VBE 800x600x16', 'nomodeset vga=0x314', 'true', 2000, 0),
    ('VBE, full lines', 'nomodeset vga=0x314', 'true', 2000, 79),
    ('bochs 1280x800x32', '', FRAMEBUFFER, 1000, 0),
    ('bochs, full lines', '', FRAMEBUFFER, 10000, 79),
]

COMMON = ['-display', 'none', '-vga', 'none', '-nodefaults', '-m', '256M', '-no-reboot']
WARNINGS = ['-Wall', '-Wextra', '-Werror']


# ---- building ----------------------------------------------------------------------------------------------------


def run_tool(command):
    r = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    if r.returncode:
        raise Failure(f'{command[0]} failed (status {r.returncode}): {" ".join(command)}\n{r.stdout.decode()}')


def is_fresh(output, folder):
    """Whether output is newer than everything in folder."""
    try:
        built = os.stat(output).st_mtime
    except FileNotFoundError:
        return False
    return all(os.stat(os.path.join(folder, f)).st_mtime < built for f in os.listdir(folder))


def build_micro(work):
    """The bare-metal kernel and the native program of the loops: their paths."""
    src = os.path.join(HERE, 'micro')
    kernel, native = os.path.join(work, 'loops.elf'), os.path.join(work, 'loops-native')
    cc = os.environ.get('CC', 'gcc').split()
    if is_fresh(kernel, src) and is_fresh(native, src):
        return kernel, native
    objects = []
    for name in ('boot.S', 'kernel.c', 'loops.S'):
        objects.append(os.path.join(work, name + '.o'))
        run_tool(cc + WARNINGS + ['-m64', '-O2', '-ffreestanding', '-fno-pie', '-mno-red-zone', '-mgeneral-regs-only',
                                  '-fno-stack-protector', '-fcf-protection=none', '-fno-asynchronous-unwind-tables',
                                  '-c', '-o', objects[-1], os.path.join(src, name)])
    # Loaders of Multiboot want a 32-bit ELF file; what is in it does not matter to them.
    run_tool(['ld', '-m', 'elf_x86_64', '-z', 'max-page-size=4096', '-T', os.path.join(src, 'kernel.ld'),
              '-o', kernel + '64'] + objects)
    run_tool(['objcopy', '-O', 'elf32-i386', kernel + '64', kernel])
    run_tool(cc + WARNINGS + ['-O1', '-no-pie', '-o', native, os.path.join(src, 'native.c'),
                              os.path.join(src, 'loops.S')])
    return kernel, native


def build_guest_program(work):
    src, out = os.path.join(HERE, 'guest'), os.path.join(work, 'bench-guest')
    if not is_fresh(out, src):
        sources = [os.path.join(src, f) for f in sorted(os.listdir(src)) if f.endswith('.c')]
        run_tool(os.environ.get('CC', 'gcc').split() + WARNINGS +
                 ['-std=gnu11', '-O2', '-static', '-pthread', '-ffp-contract=off', '-fno-strict-aliasing', '-o', out] +
                 sources)
    return out


def build_linux_guest(work, build):
    """Kernel and initrd: the demo guest, with the measured program added as a second archive."""
    try:
        kernel, _ = demo_guest(build)
        return kernel, initrd_with(build, build_guest_program(work), 'bench-guest', work)
    except Skip as e:
        raise Failure(str(e)) from None


def build_device_guest(work, build):
    """Kernel and an initrd with the drivers of IDE disks and of the linear framebuffer."""
    try:
        kernel, _ = demo_guest(build)
        files = [(os.path.basename(p), 0o644, p) for p in kernel_modules(build, DISK_MODULES + SCREEN_MODULES)]
        files.append(('bin/bench-guest', 0o755, build_guest_program(work)))
        return kernel, initrd_with_files(build, files, 'devices', work)
    except Skip as e:
        raise Failure(str(e)) from None


def build_disk_images(work, img):
    """
    {name: file} of DISK_IMAGES, in the host's cache: disks full of data that nothing can compress, and one of 1 TiB
    whose clusters have all their entries in tables, which read as zeros.
    """
    raw = build_disk_image(work)
    paths = {'raw': raw, 'qcow2': os.path.join(work, 'disk.qcow2'), '1 TiB': os.path.join(work, 'tera.qcow2')}
    if not os.path.exists(paths['1 TiB']):
        run_tool([img, 'create', '-q', '-f', 'qcow2', '-o', 'preallocation=metadata', paths['1 TiB'], '1T'])
    run_tool([img, 'convert', '-f', 'raw', '-O', 'qcow2', raw, paths['qcow2']])
    return paths


def build_disk_image(work):
    """The raw one."""
    path = os.path.join(work, 'disk.raw')
    if not os.path.exists(path) or os.path.getsize(path) != DISK_MIB << 20:
        with open(path + '.tmp', 'wb') as f:
            for _ in range(DISK_MIB):
                f.write(os.urandom(1 << 20))
        os.rename(path + '.tmp', path)
    with open(path, 'rb') as f:
        while f.read(1 << 20):
            pass
    return path


# ---- running -----------------------------------------------------------------------------------------------------


def both_clocks(vm):
    return vm.arrival, vm.cpu_seconds()


def run_loop(emulator, kernel, loop, iterations, limit=120):
    """(elapsed, CPU) seconds of a loop on an emulator."""
    command = emulator + COMMON + ['-cpu', 'max', '-debugcon', 'stdio', '-device',
                                   'isa-debug-exit,iobase=0xf4,iosize=4', '-kernel', kernel,
                                   '-append', f'{loop} {iterations} {max(1, iterations // 20)}']
    with Vm(command, tty=False) as vm:
        if vm.expect('[1?!]', limit).group() != '1':
            raise Failure(f'loop {loop}: the guest reports {vm.text!r}')
        start = both_clocks(vm)
        if vm.expect('[2!]', limit).group() != '2':
            raise Failure(f'loop {loop}: an exception in the guest')
        end = both_clocks(vm)
        vm.wait(20)
    return end[0] - start[0], end[1] - start[1]


def run_loop_natively(native, loop, iterations):
    out = subprocess.run([native, loop, str(iterations)], stdout=subprocess.PIPE, check=True).stdout
    return float(out)


def find_iterations(run, first, target):
    """How many iterations take about target seconds, by trying more and more."""
    n = first
    while True:
        seconds = run(n)
        if seconds > target / 8:
            return max(1, int(n * target / seconds))
        n *= 8


class Boot:
    """What one boot of the Linux guest has shown: marks are {name: (elapsed, CPU)}, programs likewise, sums, clocks."""

    def __init__(self):
        self.marks, self.programs, self.sums, self.clock_errors = {}, {}, {}, []
        self.peak = 0


def measure_programs(vm, boot, limit):
    """Takes the times of a bench-guest that has just been started."""
    start, name = None, None
    while True:
        m = vm.expect(r'^(BEGIN|BENCH|END) ([a-z0-9-]+)(?: ([0-9.]+) s sum=([0-9a-f]+))?\r*\n', limit)
        if m.group(1) == 'END':
            return
        now = both_clocks(vm)
        if m.group(1) == 'BEGIN':
            start, name = now, m.group(2)
            continue
        elapsed, cpu = now[0] - start[0], now[1] - start[1]
        boot.programs[name] = (elapsed, cpu)
        boot.sums[name] = m.group(4)
        if elapsed > 0.3 and abs(float(m.group(3)) / elapsed - 1) > 0.07:
            boot.clock_errors.append(f'{name}: the guest says {m.group(3)} s, its host {elapsed:.2f} s')


def run_linux(emulator, kernel, initrd, cpu, scale, programs, limit=300):
    """Boots to the prompt; runs programs when there are any."""
    boot = Boot()
    command = emulator + COMMON + (['-cpu', cpu] if cpu else []) + [
        '-serial', 'stdio', '-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyS0']
    with Vm(command) as vm:
        vm.expect('Linux version', limit)
        kernel_at = both_clocks(vm)
        vm.expect(PROMPT, limit)
        prompt_at = both_clocks(vm)
        boot.peak = vm.peak_memory()
        boot.marks['start to kernel'] = (kernel_at[0] - vm.started, kernel_at[1])
        boot.marks['kernel to prompt'] = (prompt_at[0] - kernel_at[0], prompt_at[1] - kernel_at[1])
        boot.marks['start to prompt'] = (prompt_at[0] - vm.started, prompt_at[1])
        if programs is not None:
            vm.send(f'bench-guest {scale} {" ".join(programs)}\n')
            measure_programs(vm, boot, limit)
            vm.expect(PROMPT, 30)
        at = time.monotonic()
        vm.send('poweroff -f\n')
        if vm.wait(60) != 0:
            raise Failure(f'status {vm.status} after poweroff{vm.error_note()}')
        boot.marks['power off'] = (time.monotonic() - at, None)
    return boot


def run_at_once(emulator, kernel, initrd, cpu, scale, programs, copies, limit=300):
    """{program: (elapsed, CPU) of one alone, the same of so many at once}, on as many vCPUs."""
    command = emulator + COMMON + (['-cpu', cpu] if cpu else []) + [
        '-smp', str(copies), '-serial', 'stdio', '-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyS0']
    times = {}
    with Vm(command) as vm:
        vm.expect(PROMPT, limit)
        for program in programs:
            times[program] = []
            for n in (1, copies):
                start = time.monotonic(), vm.cpu_seconds()
                shell(vm, f'for i in $(seq {n}); do bench-guest {scale} {program} > /dev/null & done; wait', limit)
                end = both_clocks(vm)
                times[program] += [end[0] - start[0], end[1] - start[1]]
        vm.send('poweroff -f\n')
        vm.wait(60)
    return times


def start_shell(vm, first, limit):
    """To the prompt, where the first command succeeds; then nobody asks for anything but what is measured."""
    vm.expect(PROMPT, limit)
    seen = shell(vm, f'dmesg -n 1; {first}', limit)
    if seen:
        raise Failure(f'{first}: {seen}')


def timed(vm, command, limit):
    """(elapsed, CPU) seconds of a command in the guest's shell."""
    start = time.monotonic(), vm.cpu_seconds()
    seen = shell(vm, command, limit)
    end = both_clocks(vm)
    if seen:
        raise Failure(f'{command}: {seen}')
    return end[0] - start[0], end[1] - start[1]


def disk_commands(direction, size, mib):
    """Commands that move so many MiB between the disk and the guest past the guest's cache."""
    unit = {'1M': 1, '64k': 16, '4k': 256}[size]
    if direction == 'random':
        return f'bench-guest random-read /dev/sda {(1 << 20) // unit} {mib * unit}'
    other, flag = ('of=/dev/null', 'iflag') if direction == 'if' else ('if=/dev/zero', 'oflag')
    rounds, rest = divmod(mib, DISK_MIB)
    return '; '.join(f'dd {direction}=/dev/sda {other} bs={size} count={n * unit} {flag}=direct status=none'
                     for n in [DISK_MIB] * rounds + [rest] if n)


def read_data(path):
    """All of a file but its holes: a host may have dropped it from its cache since it was made, or last used."""
    with open(path, 'rb', buffering=0) as f:
        at, size = 0, os.path.getsize(path)
        while at < size:
            try:
                at = os.lseek(f.fileno(), at, os.SEEK_DATA)
            except OSError:             # ENXIO: a hole up to the end
                return
            end = os.lseek(f.fileno(), at, os.SEEK_HOLE)
            os.lseek(f.fileno(), at, os.SEEK_SET)
            while at < end:
                at += len(f.read(min(1 << 20, end - at)))


def run_disk(emulator, kernel, initrd, image, fmt, rows, scale, limit=300):
    """{name of a row: (elapsed, CPU) seconds for a MiB}."""
    read_data(image)
    command = emulator + COMMON + ['-serial', 'stdio', '-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyS0',
                                   '-drive', f'file={image},format={fmt},if=ide']
    times = {}
    with Vm(command) as vm:
        start_shell(vm, load_modules(DISK_MODULES, '/dev/sda'), limit)
        for name, direction, size, mib in rows:
            mib = max(1, mib * scale // 100)
            timed(vm, disk_commands(direction, size, max(1, mib // 16)), limit)
            times[name] = [t / mib for t in timed(vm, disk_commands(direction, size, mib), limit)]
        vm.send('poweroff -f\n')
        vm.wait(60)
    return times


def run_screen(emulator, kernel, initrd, row, scale, limit=300):
    """(elapsed, CPU) seconds of a line."""
    _, append, first, lines, width = row
    lines = max(100, lines * scale // 100)
    text = f'seq 1 {lines} | sed "s/$/{"x" * width}/; s/^\\(.\\{{{width}\\}}\\).*/\\1/"' if width else f'seq 1 {lines}'
    command = emulator + COMMON + [     # the last -vga counts
        '-vga', 'std', '-serial', 'stdio', '-kernel', kernel, '-initrd', initrd, '-append', f'console=ttyS0 {append}']
    with Vm(command) as vm:
        start_shell(vm, first, limit)
        timed(vm, f'{text} > /tmp/lines; head -n 100 /tmp/lines > /dev/tty0', limit)
        times = [t / lines for t in timed(vm, 'cat /tmp/lines > /dev/tty0', limit)]
        vm.send('poweroff -f\n')
        vm.wait(60)
    return times


def run_idle(emulator, kernel, initrd, vcpus, seconds, limit=300):
    """Part of a host core that a guest costs which waits at its prompt."""
    command = emulator + COMMON + ['-smp', str(vcpus), '-serial', 'stdio', '-kernel', kernel, '-initrd', initrd,
                                   '-append', 'console=ttyS0']
    with Vm(command) as vm:
        vm.expect(PROMPT, limit)
        start, times = time.monotonic(), []
        for until in (start + min(10, seconds), start + min(10, seconds) + seconds):    # the kernel calms down first
            while vm.clock() < until:
                vm.read_some(until)
            times.append((time.monotonic(), vm.cpu_seconds()))
    return (times[1][1] - times[0][1]) / (times[1][0] - times[0][0])


def run_programs_natively(program, scale, programs):
    """A Boot without marks: the programs on the host."""
    boot = Boot()
    with Vm([program, str(scale)] + programs, tty=False) as vm:
        measure_programs(vm, boot, 60)
        if vm.wait() != 0:
            raise Failure(f'{program}: status {vm.status}{vm.error_note()}')
    return boot


def program_tables():
    """{table: [program]} in order, from the sources."""
    tables = {}
    for table in ('int', 'fp', 'mem', 'sys', 'code'):
        with open(os.path.join(HERE, 'guest', table + '.c'), encoding='utf-8') as f:
            tables[table] = re.findall(r'^ {4}\{ "(\w+)", "', f.read(), re.M)
    return tables
