/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Paging for tests of the 32-bit kernel, which has none otherwise: its first 16 MiB one to one for everybody, and
 * tables for addresses from VA on, whose first page is test_memory[0].
 */
#ifndef PAGING32_H
#define PAGING32_H

#include "arch32.h"

#define P 1u
#define W 2u
#define U 4u
#define A 0x20u
#define D 0x40u
#define PS 0x80u
#define F_P 1u
#define F_W 2u
#define F_U 4u
#define F_RSVD 8u
#define F_I 16u
#define CR4_PSE 0x10u
#define CR4_PAE 0x20u
#define CR4_SMEP (1u << 20)
#define EFER_NXE 0x800u
#define VA 0x40000000u

extern uint32_t pd[1024], pt[1024];                                     /* two levels: VA is pd[VA >> 22], pt[0] */
extern uint64_t pdpt[4], pae_pd[512], pae_test_pd[512], pae_pt[512];    /* PAE: pdpt[1], pae_test_pd[0], pae_pt[0] */

void paging_on(void);
void paging_off(void);
bool pae_on(void);              /* false, and the test is skipped: this CPU has no PAE */
void pae_off(void);
static inline void reload_cr3(void) { write_cr3(read_cr3()); }
/* A byte at VA + offset, loaded or stored at level 3; the vector, 80h for none. */
int page_access_by_user(bool store, uint32_t offset);

#endif
