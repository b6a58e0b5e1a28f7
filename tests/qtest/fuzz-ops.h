/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest without sense does to its devices, as qtest requests. The same seed gives the same requests: nothing
 * depends on an answer. Not thread safe; each Fuzz has one user.
 */
#ifndef TESTS_QTEST_FUZZ_OPS_H
#define TESTS_QTEST_FUZZ_OPS_H

#include "qemu/osdep.h"

/*
 * The machine that the tables of fuzz-ops.c know; further arguments may follow. Its RAM is small, so DMA meets it, and
 * cards reach each other's registers. A machine without PCI has FUZZ_ISA_DEVICES, and nobody where cards would be.
 */
#define FUZZ_RAM_MIB    16
#define FUZZ_DEVICES    "-device edu,addr=3,dma_mask=0xffffffffffffffff -device i6300esb,addr=4 " \
                        "-device pvpanic-pci,addr=5 -device secondary-vga,addr=6 " FUZZ_ISA_DEVICES " " \
                        "-device pci-testdev,addr=7,membar=64k " \
                        "-device pci-bridge,chassis_nr=1,id=br,addr=8 -device edu,bus=br,addr=1 " \
                        "-global PIIX4_PM.acpi-root-pci-hotplug=off"
#define FUZZ_ISA_DEVICES "-device pvpanic -device pc-testdev"
/* Cards that the user may add and take back; nothing else goes, so that the machine stays the one above. */
#define FUZZ_HOT_CARD   "edu,id=hot,bus=br,addr=2"
#define FUZZ_HOT_SLOTS  (1u << 2)

typedef struct Fuzz {
    uint64_t state;         /* of the generator of numbers */
    GString *out;           /* requests, a line each; the caller empties it */
} Fuzz;

Fuzz *fuzz_new(uint64_t seed);
void fuzz_free(Fuzz *f);
uint64_t fuzz_random(Fuzz *f);
unsigned fuzz_below(Fuzz *f, unsigned n);   /* 0..n-1 */
void fuzz_setup(Fuzz *f);                   /* places PCI resources where the tables look for them */
void fuzz_round(Fuzz *f);                   /* one thing that a driver might do, done wrong: up to some 100 requests */

#endif
