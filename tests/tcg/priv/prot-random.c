/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random page tables of two levels and of PAE, random descriptors and accesses through them, with fixed seeds, against
 * models of the rules written from the manual alone. SDM vol. 3A, "Paging" and "Protection". long-random.c is the same
 * for long mode.
 */
#include "paging32.h"
#include "descriptor-model.h"
#include "random.h"

#define ROUNDS 3000
#define CR0_WP (1u << 16)
#define EFER 0xc0000080
enum { LOAD, STORE, FETCH, KINDS };

/* ---- page tables ---- */

typedef struct Round {
    unsigned kind;
    bool user, smep, nxe, pae;
} Round;

/* What one entry does: rights, a fault. */
typedef struct Entry {
    bool present, w, u, nx, large, reserved;
} Entry;

static unsigned physical_bits(void)
{
    uint32_t max = cpuid_word(0x80000000, 0);

    return max >= 0x80000008 && max >> 31 ? cpuid_word(0x80000008, 0) & 0xff : cpu_has(1, 3, 6) ? 36 : 32;
}

static Entry read_entry(const Round *r, uint64_t e, unsigned level)
{
    uint64_t above = r->pae ? ~((1ull << physical_bits()) - 1) & 0x7fffffffffffffffull : 0;
    Entry x = { .present = e & P, .w = e & W, .u = e & U, .nx = r->pae && e >> 63,
                .large = level && (e & PS) };

    x.reserved = (e & above) || (x.nx && !r->nxe);
    if (x.large && r->pae) {
        x.reserved |= (e & 0x1fe000) != 0;
    } else if (x.large) {
        unsigned m = cpu_has(1, 3, 17) ? physical_bits() : 32;      /* PSE-36: bits 20:13 are 39:32 of the address */

        m = m > 40 ? 40 : m;
        x.reserved |= e >> (m - 19) << (m - 19) & 0x3fffff;
    }
    return x;
}

static int model_access(const Round *r, uint64_t directory, uint64_t table, Word *error)
{
    Entry a = read_entry(r, directory, 1), b = read_entry(r, table, 0);
    bool w = a.w, u = a.u, nx = a.nx, denied;

    *error = (r->kind == STORE ? F_W : 0) | (r->user ? F_U : 0) |
             (r->kind == FETCH && (r->smep || (r->pae && r->nxe)) ? F_I : 0);
    if (!a.present) {
        return PF;
    }
    if (!a.reserved && !a.large) {
        if (!b.present) {
            return PF;
        }
        w &= b.w;
        u &= b.u;
        nx |= b.nx;
        a.reserved = b.reserved;
    }
    if (a.reserved) {
        *error |= F_P | F_RSVD;
        return PF;
    }
    denied = (r->user && !u) || (r->kind == STORE && !w && (r->user || (read_cr0() & CR0_WP))) ||
             (r->kind == FETCH && (nx || (r->smep && u)));
    *error |= F_P;
    return denied ? PF : NONE;
}

static int do_access(const Round *r)
{
    volatile uint8_t *p = (volatile uint8_t *)VA;

    if (r->user) {
        int vector = page_access_by_user(r->kind == STORE, 0);

        return vector == 0x80 ? NONE : vector;
    }
    switch (r->kind) {
    case LOAD: return CATCH((void)*p);
    case STORE: return CATCH(*p = 0xc3);
    default: return CATCH(((void (*)(void))(uintptr_t)p)());
    }
}

/* Bits of an entry that are mostly right. A large page is at 0, where the kernel is not. */
static uint64_t random_entry(const Round *r, uint32_t address, bool directory)
{
    uint64_t e = (one_in(8) ? 0 : P) | (one_in(3) ? 0 : W) | (one_in(3) ? 0 : U) | (random_word() & (A | D | 0xe00));

    if (directory && one_in(3)) {
        address = 0;
        e |= PS;
        if (one_in(4)) {
            e |= 1u << (13 + random_word() % (r->pae ? 8 : 9));
        }
    }
    if (r->pae) {
        e |= one_in(6) ? 1ull << 63 : 0;
        e |= one_in(12) ? 1ull << (physical_bits() + random_word() % (63 - physical_bits())) : 0;
    }
    return address | e;
}

/* A 4 MiB page above 4 GiB is legal and nothing is there: not for code. */
static bool leads_nowhere(const Round *r, uint64_t directory)
{
    return !r->pae && (directory & PS) && (directory & 0x1fe000);
}

static bool random_round(bool pae, unsigned number)
{
    bool can_nx = pae && cpu_has(0x80000001, 3, 20), can_smep = cpu_has(7, 1, 7);
    Round r = { .kind = random_word() % KINDS, .pae = pae };
    uint64_t directory, table;
    Word error;
    int want, got;

    r.user = r.kind != FETCH && one_in(2);
    r.nxe = can_nx && one_in(2);
    r.smep = can_smep && !r.user && one_in(2);
    directory = random_entry(&r, pae ? PHYS(pae_pt) : PHYS(pt), true);
    table = random_entry(&r, PHYS(test_memory[0]), false);
    if (r.kind == FETCH && leads_nowhere(&r, directory)) {
        directory &= ~0x1fe000ull;
    }
    test_memory[0][0] = 0xc3;
    *(volatile uint8_t *)0 = 0xc3;
    if (pae) {
        pae_test_pd[0] = directory;
        pae_pt[0] = table;
        pae_pd[0] = (pae_pd[0] & ~(uint64_t)U) | (r.smep ? 0 : U);
    } else {
        pd[VA >> 22] = (uint32_t)directory;
        pt[0] = (uint32_t)table;
        pd[0] = (pd[0] & ~U) | (r.smep ? 0 : U);
    }
    if (can_nx) {
        write_msr(EFER, r.nxe ? EFER_NXE : 0);
    }
    reload_cr3();
    write_cr0((read_cr0() & ~CR0_WP) | (one_in(2) ? CR0_WP : 0));
    if (can_smep) {
        write_cr4((read_cr4() & ~CR4_SMEP) | (r.smep ? CR4_SMEP : 0));
    }
    want = model_access(&r, directory, table, &error);
    got = do_access(&r);
    if (can_smep) {
        write_cr4(read_cr4() & ~CR4_SMEP);
    }
    if (got != want || (want == PF && trap.f.error != error)) {
        print("# round %u kind %u user %u smep %u nxe %u entries %x:%x %x:%x: vector %d error %x, wanted %d %x\n",
              number, r.kind, r.user, r.smep, r.nxe, (unsigned)(directory >> 32), (unsigned)directory,
              (unsigned)(table >> 32),
              (unsigned)table, got, (unsigned)trap.f.error, want, (unsigned)error);
        return false;
    }
    return true;
}

static void random_tables(bool pae)
{
    unsigned wrong = 0;

    seed = 0x9e3779b9;
    for (unsigned i = 0; i < ROUNDS && wrong < 5; i++) {
        wrong += !random_round(pae, i);
    }
    CHECK_EQ(wrong, 0);
}

TEST(random_tables_of_two_levels_give_what_the_rules_say)
{
    paging_on();
    random_tables(false);
    paging_off();
}

TEST(random_tables_of_pae_give_what_the_rules_say)
{
    if (pae_on()) {
        random_tables(true);
        pae_off();
    }
}

/* ---- descriptors ---- */

static bool in_limit(unsigned access, uint32_t limit, bool big, uint32_t offset, unsigned size)
{
    uint32_t last = offset + size - 1;

    if (!(access & 8) && (access & 4)) {
        return offset > limit && last <= (big ? 0xffffffff : 0xffff);
    }
    return last <= limit;
}

static int fs_access(uint32_t offset, unsigned size, bool store)
{
    uint32_t v;

    switch (size * 2 + store) {
    case 2: return CATCH(__asm__ volatile("movb %%fs:(%1), %b0" : "=q"(v) : "r"(offset)));
    case 3: return CATCH(__asm__ volatile("movb $0, %%fs:(%0)" : : "r"(offset) : "memory"));
    case 4: return CATCH(__asm__ volatile("movw %%fs:(%1), %w0" : "=r"(v) : "r"(offset)));
    case 5: return CATCH(__asm__ volatile("movw $0, %%fs:(%0)" : : "r"(offset) : "memory"));
    case 8: return CATCH(__asm__ volatile("movl %%fs:(%1), %0" : "=r"(v) : "r"(offset)));
    default: return CATCH(__asm__ volatile("movl $0, %%fs:(%0)" : : "r"(offset) : "memory"));
    }
}

/* Around the ends of what is legal, within test_memory. */
static uint32_t random_offset(uint32_t limit)
{
    uint32_t near = one_in(4) ? 0xffff : one_in(8) ? 0 : limit;

    return (one_in(6) ? random_word() : near + random_word() % 8 - 4) & 0xffff;
}

static unsigned check_accesses(unsigned sel, unsigned access, uint32_t limit, bool big)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < 4; i++) {
        unsigned size = 1u << random_word() % 3;
        bool store = one_in(2);
        uint32_t offset = random_offset(limit);
        bool fine = in_limit(access, limit, big, offset, size) && !(store && ((access & 8) || !(access & 2)));
        int got;

        if (offset + size > sizeof(test_memory)) {
            continue;
        }
        __asm__ volatile("mov %w0, %%fs" : : "r"(sel));         /* handlers leave with their own */
        got = fs_access(offset, size, store);
        if (got != (fine ? NONE : GP) || (got == GP && trap.f.error)) {
            print("# access %x limit %x big %u: offset %x size %u store %u: vector %d\n", access, limit, big, offset,
                  size, store, got);
            wrong++;
        }
    }
    return wrong;
}

TEST(random_descriptors_load_and_limit_as_the_rules_say)
{
    unsigned wrong = 0;

    seed = 0x12345678;
    for (unsigned i = 0; i < ROUNDS && wrong < 5; i++) {
        unsigned access = random_word() & 0xff, rpl = random_word() & 3, flags = random_word() & 15, sel;
        uint32_t limit = flags & 8 ? random_word() % 16 : random_word() & 0xffff;
        bool is_ss = one_in(4);
        int want = model_load(access, rpl, is_ss), got;

        sel = gdt_set(0, descriptor(PHYS(test_memory), limit, access, flags)) | rpl;
        if (is_ss) {
            got = CATCH(__asm__ volatile("mov %w0, %%ss; nop; mov %w1, %%ss" : : "r"(sel), "r"(DATA)));
        } else {
            got = CATCH(__asm__ volatile("mov %w0, %%fs" : : "r"(sel)));
        }
        if (got != want || (want != NONE && trap.f.error != (sel & ~3u)) ||
            (want == NONE && !(gdt_table[GDT_FREE] >> 40 & 1))) {
            print("# access %x rpl %u ss %u: vector %d, wanted %d\n", access, rpl, is_ss, got, want);
            wrong++;
        } else if (got == NONE && !is_ss) {
            wrong += check_accesses(sel, access, flags & 8 ? limit << 12 | 0xfff : limit, flags & 4);
        }
    }
    CHECK_EQ(wrong, 0);
    __asm__ volatile("mov %w0, %%fs" : : "r"(0));
}

/* LAR, LSL, VERR, VERW: what the zero flag says. Level 0, so that rights depend on the RPL. */
TEST(random_descriptors_answer_as_the_rules_say)
{
    static const uint16_t lar_types = 0x1a3e | 1u << 12, lsl_types = 0x0a0e;    /* of system descriptors */
    unsigned wrong = 0;

    seed = 0xfedcba98;
    for (unsigned i = 0; i < ROUNDS && wrong < 5; i++) {
        unsigned access = random_word() & 0xff, rpl = random_word() & 3, sel, dpl = access >> 5 & 3;
        bool seg = access & 16, code = access & 8, conforming = seg && code && (access & 4), visible, z[4], want[4];
        uint32_t v;

        sel = gdt_set(0, descriptor(0, random_word() & 0xfffff, access, random_word() & 15)) | rpl;
        visible = conforming || dpl >= rpl;
        want[0] = visible && (seg || (lar_types >> (access & 15) & 1));
        want[1] = visible && (seg || (lsl_types >> (access & 15) & 1));
        want[2] = visible && seg && (!code || (access & 2));
        want[3] = visible && seg && !code && (access & 2);
        __asm__ volatile("lar %2, %1; setz %0" : "=q"(z[0]), "=r"(v) : "r"(sel) : "cc");
        __asm__ volatile("lsl %2, %1; setz %0" : "=q"(z[1]), "=r"(v) : "r"(sel) : "cc");
        __asm__ volatile("verr %w1; setz %0" : "=q"(z[2]) : "r"(sel) : "cc");
        __asm__ volatile("verw %w1; setz %0" : "=q"(z[3]) : "r"(sel) : "cc");
        for (unsigned n = 0; n < 4; n++) {
            if (z[n] != want[n]) {
                print("# %s: access %x rpl %u: zero flag %u\n",
                      n == 0 ? "lar" : n == 1 ? "lsl" : n == 2 ? "verr" : "verw", access, rpl, z[n]);
                wrong++;
            }
        }
    }
    CHECK_EQ(wrong, 0);
}

/* Nothing is expected of random system descriptors but an exception or none. */
TEST(random_system_descriptors_do_no_harm)
{
    unsigned faults = 0;

    seed = 0xdecade01;
    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned sel = gdt_set(0, random_word() | (uint64_t)random_word() << 32),
                 type = gdt_table[GDT_FREE] >> 40 & 0x1f;

        faults += CATCH(__asm__ volatile("lldt %w0" : : "r"(sel))) != NONE;
        if (type != 9 && type != 1) {
            faults += CATCH(__asm__ volatile("ltr %w0" : : "r"(sel))) != NONE;
        }
        __asm__ volatile("lldt %w0" : : "r"(0));
    }
    CHECK(faults > ROUNDS);
    task_reset();
}
