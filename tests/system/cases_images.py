# SPDX-License-Identifier: GPL-2.0-or-later
"""
Boot images as Debian packages them: what others wrote for real machines starts, and says so on the screen.

The text screen is read out of video memory through the monitor. A test whose package cannot be had is skipped.
"""
import contextlib
import gzip
import os
import re
import shutil

from build import Skip, demo_guest, packaged, run_tool
from hmp import Hmp
from vm import PROMPT, Failure, visible

COLUMNS, ROWS = 80, 204        # consoles scroll by moving the screen's start through all of the memory
GRUB = 'usr/lib/grub-rescue/grub-rescue-'


def screen(ctx, hmp):
    """The lines of text memory, B8000h to BFFFFh: the screen is somewhere in it."""
    path = os.path.join(ctx.tmp, 'screen')
    hmp.expect(f'pmemsave 0xb8000 {COLUMNS * ROWS * 2} {path}', r'\A\s*\Z')
    with open(path, 'rb') as f:
        text = f.read()[::2].decode('cp437')
    return '\n'.join(text[i:i + COLUMNS].replace('\0', ' ').rstrip() for i in range(0, len(text), COLUMNS))


def wait_for(ctx, vm, hmp, pattern, limit):
    """Until the screen matches; the guest runs on between two looks, which are as far apart as the monitor is slow."""
    deadline = vm.clock() + limit * ctx.slow
    while True:
        seen = screen(ctx, hmp)
        found = re.search(pattern, seen, re.M)
        if found:
            return found
        if vm.clock() > deadline:
            raise Failure(f'wanted /{pattern}/ on the screen for {limit * ctx.slow:g} s, got:\n{seen.rstrip()}')
        vm.read_some(vm.clock() + 0.2)


@contextlib.contextmanager
def screen_machine(ctx, args):
    """A machine that is seen and used through its monitor only: (vm, hmp)."""
    with Hmp(os.path.join(ctx.tmp, 'monitor'), ctx.slow) as hmp:
        with ctx.vm(['-display', 'none', '-net', 'none', *args, *hmp.args()]) as vm:
            hmp.accept()
            yield vm, hmp


def follow(ctx, vm, hmp, steps, limit):
    """Each step is a pattern to wait for on the screen, then keys to press."""
    for pattern, keys in steps:
        wait_for(ctx, vm, hmp, pattern, limit)
        for key in keys:
            hmp.command(f'sendkey {key}')


def check_screen(ctx, args, steps, limit=60):
    with screen_machine(ctx, args) as (vm, hmp):
        follow(ctx, vm, hmp, steps, limit)


def typed(prompt, text):
    """Steps that type a line, each key after the echo of the one before: a keyboard holds few."""
    steps = [(f'^{prompt} *{text[:i].rstrip()}$', [{' ': 'spc'}.get(key, key)]) for i, key in enumerate(text)]
    return steps + [(f'^{prompt} *{text}$', ['ret'])]


# From the menu to the command line, and a command there whose answer is not its echo.
GRUB_ANSWERS = [(r'\*GNU/Linux', ['c']), *typed('grub>', 'echo 123'), (r'^123$', [])]


def writable_copy(ctx, path):
    with open(path, 'rb') as f:
        return ctx.file(os.path.basename(path), f.read())


def test_grub_starts_from_a_cd(ctx):
    check_screen(ctx, ['-cdrom', packaged(ctx.build, 'grub-rescue-pc', GRUB + 'cdrom.iso')], GRUB_ANSWERS)


def test_grub_starts_from_a_disk(ctx):
    """The image of the CD is made for memory sticks too."""
    image = writable_copy(ctx, packaged(ctx.build, 'grub-rescue-pc', GRUB + 'cdrom.iso'))
    check_screen(ctx, ['-drive', f'file={image},format=raw'], GRUB_ANSWERS)


def test_grub_starts_from_a_floppy(ctx):
    image = writable_copy(ctx, packaged(ctx.build, 'grub-rescue-pc', GRUB + 'floppy.img'))
    check_screen(ctx, ['-drive', f'file={image},format=raw,if=floppy'], GRUB_ANSWERS)


def test_grub_starts_on_a_machine_without_pci(ctx):
    floppy = writable_copy(ctx, packaged(ctx.build, 'grub-rescue-pc', GRUB + 'floppy.img'))
    disk = writable_copy(ctx, packaged(ctx.build, 'grub-rescue-pc', GRUB + 'cdrom.iso'))
    for drive in (f'file={floppy},format=raw,if=floppy', f'file={disk},format=raw'):
        check_screen(ctx, ['-M', 'isapc', '-cpu', 'pentium', '-drive', drive], GRUB_ANSWERS)


def test_ipxe_starts_from_a_cd(ctx):
    check_screen(ctx, ['-cdrom', packaged(ctx.build, 'ipxe', 'usr/lib/ipxe/ipxe.iso')],
                 [(r'iPXE .* -- Open Source Network Boot Firmware', [])])


def test_ipxe_starts_as_a_kernel(ctx):
    check_screen(ctx, ['-kernel', packaged(ctx.build, 'ipxe', 'boot/ipxe.lkrn')],
                 [(r'iPXE .* -- Open Source Network Boot Firmware', [])])


SYSLINUX_CONFIG = b"""PROMPT 1
TIMEOUT 0
DISPLAY hello.txt
LABEL ipxe
  KERNEL ipxe.krn
LABEL mt
  KERNEL memtest
"""


def fat_image(ctx, name, layout, files, prepare=None):
    """A disk without partitions, a FAT over all of it, with files: {name on it: ours}. layout: what mformat takes."""
    for tool in ['mformat', 'mcopy'] + (prepare[:1] if prepare else []):
        if not shutil.which(tool):
            raise Skip(f'{tool} is missing: apt-get install mtools syslinux')
    path = os.path.join(ctx.tmp, name)
    run_tool(['mformat', '-C', *layout, '-i', path, '::'], Failure)
    if prepare:
        run_tool(prepare + [path], Failure)
    for to, source in files.items():
        run_tool(['mcopy', '-i', path, source, f'::{to}'], Failure)
    return path


def fat_floppy(ctx, files):
    return fat_image(ctx, 'floppy.img', ['-f', '1440'], files, ['syslinux', '--install'])


def test_syslinux_starts_kernels_from_a_fat_floppy(ctx):
    floppy = fat_floppy(ctx, {
        'syslinux.cfg': ctx.file('syslinux.cfg', SYSLINUX_CONFIG), 'hello.txt': ctx.file('hello.txt', b'Which one?\n'),
        'ipxe.krn': packaged(ctx.build, 'ipxe', 'boot/ipxe.lkrn'),
        'memtest': packaged(ctx.build, 'memtest86+', 'boot/memtest86+x64.bin')})
    drive = ['-m', '64', '-drive', f'file={floppy},format=raw,if=floppy']
    check_screen(ctx, drive, [('^SYSLINUX 6', []), ('^Which one', []), *typed('boot:', 'mt'),
                              (r'Memtest86\+ +v\d', [])])
    if ctx.long:
        check_screen(ctx, drive, [('^Which one', []), *typed('boot:', 'ipxe'), ('Open Source Network Boot', [])])


def memtest(ctx, which, args):
    """
    The frame counts what is done and what went wrong. A whole pass takes minutes, half of them waiting for memory to
    fade.
    """
    last = r'Pass: *[1-9]\d* .*Errors: 0\b' if ctx.long else r'Test #([4-9]|10) (?s:.*)Errors: 0\b'
    check_screen(ctx, ['-kernel', packaged(ctx.build, 'memtest86+', f'boot/memtest86+{which}.bin'), *args],
                 [(r'Memtest86\+ +v\d', []), (last, [])], 400 if ctx.long else 120)


def test_memtest86_finds_good_memory_with_two_processors(ctx):
    memtest(ctx, 'x64', ['-m', '24', '-smp', '2'])


MEMTEST_STARTS = [(r'Memtest86\+ +v\d', []), (r'Test #[2-9].*$', [])]


def test_memtest86_of_32_bits_starts_from_a_cd(ctx):
    check_screen(ctx, ['-m', '32', '-smp', '2', '-cpu', 'pentium3', '-cdrom',
                       packaged(ctx.build, 'memtest86+', 'usr/lib/memtest86+/memtest86+ia32.iso')], MEMTEST_STARTS)


def test_memtest86_starts_from_a_floppy(ctx):
    """The file begins with a boot sector; a disk's size makes the drive."""
    with open(packaged(ctx.build, 'memtest86+', 'boot/memtest86+x64.bin'), 'rb') as f:
        image = ctx.file('floppy.img', f.read().ljust(1440 << 10, b'\0'))
    check_screen(ctx, ['-m', '32', '-drive', f'file={image},format=raw,if=floppy'], MEMTEST_STARTS)


# ---- other firmware, and what runs Linux as its guest --------------------------------------------------------------

def check_serial(ctx, args, steps):
    """Each step is a pattern on the serial line, then what to type."""
    with ctx.vm(['-display', 'none', '-net', 'none', '-serial', 'stdio', *args]) as vm:
        for pattern, answer in steps:
            vm.expect(pattern, 100)
            vm.send(answer)
        return vm.text


def test_uefi_starts_debians_kernel_with_four_processors(ctx):
    """It wakes the others again and again, for one piece of work each time."""
    kernel, initrd = demo_guest(ctx.build)
    script = ctx.file('startup.nsh', b'linux.efi console=ttyS0 quiet initrd=\\initrd.gz\r\n')
    disk = fat_image(ctx, 'esp.img', ['-T', str(64 << 11), '-h', '16', '-s', '63', '-F'],
                     {'startup.nsh': script, 'linux.efi': kernel, 'initrd.gz': initrd})
    text = check_serial(ctx, ['-m', '512', '-smp', '4', '-bios', packaged(ctx.build, 'ovmf', 'usr/share/ovmf/OVMF.fd'),
                              '-drive', f'file={disk},format=raw'],
                        [('UEFI Interactive Shell', ''), ('Press .*ESC.* to continue', '\r'), (PROMPT, '')])
    if '4 CPU(s)' not in text:
        raise Failure(f'Linux has not found 4 processors:{visible(text)}')


def test_u_boot_reaches_its_prompt(ctx):
    check_serial(ctx, ['-bios', packaged(ctx.build, 'u-boot-qemu', 'usr/lib/u-boot/qemu-x86_64/u-boot.rom')],
                 [('Hit any key to stop autoboot', ' '), ('=> $', 'ide reset\r'), ('QEMU DVD-ROM.*=> $', '')])


def test_xen_runs_debians_kernel_as_its_first_domain(ctx):
    """Linux in ring 3, with four processors, and all that a hypervisor for old processors does to it."""
    with gzip.open(packaged(ctx.build, 'xen-hypervisor-4.17-amd64', 'boot/xen-4.17-amd64.gz')) as f:
        xen = ctx.file('xen', f.read())
    kernel, initrd = demo_guest(ctx.build)
    text = check_serial(ctx, ['-m', '1G', '-smp', '4', '-cpu', 'max', '-kernel', xen, '-append', 'console=com1',
                              '-initrd', f'{kernel} console=hvc0 quiet,{initrd}'], [(PROMPT, '')])
    if '4 CPU(s)' not in text:
        raise Failure(f'Linux has not found 4 processors:{visible(text)}')


# ---- Debian's installer, to its first question -------------------------------------------------------------------

BLUE, GREY, RED = b'\0\0\xaa', b'\xaa' * 3, b'\xaa\0\0'


def installer(ctx, arch, append):
    if not ctx.long:
        raise Skip('slow: SLOW=1 runs it')
    path = f'usr/lib/debian-installer/images/12/{arch}/text/debian-installer/{arch}/'
    kernel, initrd = (packaged(ctx.build, f'debian-installer-12-netboot-{arch}', path + name)
                      for name in ('linux', 'initrd.gz'))
    return ['-m', '1G', '-kernel', kernel, '-initrd', initrd, '-append', append]


def check_installer_in_text_mode(ctx, arch):
    check_screen(ctx, installer(ctx, arch, 'nomodeset fb=false'),
                 [(r'Select a language(?s:.*)^.*\bEnglish', [])], 300)


def test_debians_installer_asks_in_text_mode(ctx):
    check_installer_in_text_mode(ctx, 'amd64')


def test_debians_installer_of_32_bits_asks_in_text_mode(ctx):
    check_installer_in_text_mode(ctx, 'i386')


def has_dialog(path):
    """Whether a picture has the installer's colours: blue beside a grey box with a red line."""
    with open(path, 'rb') as f:
        head, rgb = f.read().split(b'\n255\n', 1)
    lines = [rgb[at:at + 1280 * 3] for at in range(0, len(rgb), 1280 * 3)][32:768]
    return head == b'P6\n1280 800' and all(line.startswith(BLUE * 16) for line in lines) and \
        sum(GREY * 64 in line for line in lines) > 600 and any(RED * 64 in line for line in lines)


def test_debians_installer_asks_on_a_framebuffer(ctx):
    with screen_machine(ctx, installer(ctx, 'amd64', '')) as (vm, hmp):
        path, deadline = os.path.join(ctx.tmp, 'screen.ppm'), vm.clock() + 300 * ctx.slow
        hmp.expect(f'screendump {path}', r'\A\s*\Z', 30)
        while not has_dialog(path):
            if vm.clock() > deadline:
                raise Failure('the question has not been seen')
            vm.read_some(vm.clock() + 1)
            hmp.expect(f'screendump {path}', r'\A\s*\Z', 30)
