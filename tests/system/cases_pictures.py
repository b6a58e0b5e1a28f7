# SPDX-License-Identifier: GPL-2.0-or-later
"""
Pictures: what programs for the VGA see when they use its BIOS and its memory, as screen dumps.

The sums are of pictures that were looked at, and that another emulator with the same VGA BIOS draws alike.
"""
import hashlib
import os

import build
from hmp import Hmp
from vm import Failure

# Mode, size, and the start of the SHA-256 sum of the dump: in the order of kernels/modes.S.
MODES = [
    ('02', '720 400', '91cc583cc17a6003'),
    ('03', '720 400', '91cc583cc17a6003'),
    ('04', '640 400', '8cd6e869f207be7f'),
    ('05', '640 400', '8cd6e869f207be7f'),
    ('06', '640 400', 'c2da92658baf2252'),
    ('0d', '640 400', 'be11a2ea1b398993'),
    ('0e', '640 400', 'a40d5e3ab188f75f'),
    ('0f', '640 350', 'b45e99c82e08a091'),
    ('10', '640 350', '7ab8bcacdbd6676e'),
    ('11', '640 480', '37697ccfab149232'),
    ('12', '640 480', '0096d57e8327ddeb'),
    ('13', '640 400', 'fed9bd274696a8a0'),
    ('100', '640 400', 'd5b5bf6d473e63ad'),
    ('101', '640 480', 'd449fddf9e2bd2e1'),
    ('103', '800 600', 'b51b5c2315d317a5'),
    ('105', '1024 768', 'fa120a98248374b2'),
    ('107', '1280 1024', '76e62ec1582c71c8'),
    ('10e', '320 200', 'a9292989d762248d'),
    ('10f', '320 200', 'f1ec9012bcd0cfed'),
    ('111', '640 480', '3005d26ff9fd9701'),
    ('112', '640 480', '12e77d99a0717cc4'),
    ('115', '800 600', '4112f86b0d8377cb'),
    ('117', '1024 768', '4b6009dd3be64665'),
    ('118', '1024 768', '39e8238a78efbfe5'),
    ('11b', '1280 1024', 'f5f48b3a7675a7be'),
    ('140', '320 200', 'd886bb64532729c8'),
    ('142', '640 480', '2a86ef6778948eb3'),
    ('144', '1024 768', 'cf3358743f9a8237'),
]


def dump(ctx, hmp):
    path = os.path.join(ctx.tmp, 'screen.ppm')
    hmp.expect(f'screendump {path}', r'\A\s*\Z', 30)
    with open(path, 'rb') as f:
        return f.read()


def test_bios_modes_are_drawn_as_they_always_were(ctx):
    """Text, CGA, EGA, VGA and VESA modes of 4 to 32 bits, filled through the window."""
    problems = []
    with Hmp(os.path.join(ctx.tmp, 'monitor'), ctx.slow) as hmp, \
            ctx.vm(['-display', 'none', '-net', 'none', '-m', '32', '-debugcon', 'stdio', '-drive',
                    'format=raw,file=' + build.boot_sector(ctx.tmp, 'modes'), *hmp.args()]) as vm:
        hmp.accept()
        for mode, size, wanted in MODES:
            vm.expect('D', 60)
            picture = dump(ctx, hmp)
            got = hashlib.sha256(picture).hexdigest()[:len(wanted)]
            if not picture.startswith(f'P6\n{size}\n255\n'.encode()) or got != wanted:
                problems.append(f'mode {mode}: {picture[:15]!r}, sum {got} instead of {wanted}')
            hmp.command('sendkey a')
        vm.expect('E', 60)
    if problems:
        raise Failure('\n'.join(problems))
