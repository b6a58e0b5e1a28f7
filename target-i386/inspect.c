/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPU as monitor and debugger see it: registers by name, linear memory, page tables as lists
 *
 * Follows: SDM vol. 3A, "Paging". A guest can build tables that map themselves at every level, so walks end after a
 * fixed number of entries.
 */
#include "qemu/osdep.h"
#include "exec/cpu-inspect.h"
#include "exec/ram.h"
#include "target-i386/cpu.h"

/* ---- registers --------------------------------------------------------------------------------------------------- */

#define REG64(n, f)     { (n), offsetof(CPUX86State, f), 8, UINT64_MAX }
#define REG32(n, f)     { (n), offsetof(CPUX86State, f), 8, UINT32_MAX }
#define REG16(n, f)     { (n), offsetof(CPUX86State, f), 8, UINT16_MAX }
#define REG8(n, f)      { (n), offsetof(CPUX86State, f), 8, UINT8_MAX }
#define GENERAL(i, r64, r32, r16) REG64(r64, regs[i]), REG32(r32, regs[i]), REG16(r16, regs[i])
#define SEG(n, i)       { (n), offsetof(CPUX86State, segs[i].selector), 2, UINT16_MAX },                    \
                        { n "_base", offsetof(CPUX86State, segs[i].base), 8, UINT64_MAX },                  \
                        { n "_limit", offsetof(CPUX86State, segs[i].limit), 4, UINT32_MAX }

static const struct {
    const char *name;
    size_t offset;
    unsigned size;
    uint64_t mask;
} registers[] = {
    GENERAL(R_EAX, "rax", "eax", "ax"), GENERAL(R_ECX, "rcx", "ecx", "cx"), GENERAL(R_EDX, "rdx", "edx", "dx"),
    GENERAL(R_EBX, "rbx", "ebx", "bx"), GENERAL(R_ESP, "rsp", "esp", "sp"), GENERAL(R_EBP, "rbp", "ebp", "bp"),
    GENERAL(R_ESI, "rsi", "esi", "si"), GENERAL(R_EDI, "rdi", "edi", "di"),
    REG8("al", regs[R_EAX]), REG8("cl", regs[R_ECX]), REG8("dl", regs[R_EDX]), REG8("bl", regs[R_EBX]),
    REG64("r8", regs[8]), REG64("r9", regs[9]), REG64("r10", regs[10]), REG64("r11", regs[11]),
    REG64("r12", regs[12]), REG64("r13", regs[13]), REG64("r14", regs[14]), REG64("r15", regs[15]),
    REG64("rip", eip), REG64("eip", eip),
    SEG("es", R_ES), SEG("cs", R_CS), SEG("ss", R_SS), SEG("ds", R_DS), SEG("fs", R_FS), SEG("gs", R_GS),
    SEG("ldt", R_LDTR), SEG("tr", R_TR),
    REG64("gdt_base", gdt.base), REG64("idt_base", idt.base), REG64("k_gs_base", kernel_gs_base),
    REG64("cr0", cr0), REG64("cr2", cr2), REG64("cr3", cr3), REG64("cr4", cr4), REG64("efer", efer),
    REG64("dr0", dr[0]), REG64("dr1", dr[1]), REG64("dr2", dr[2]), REG64("dr3", dr[3]), REG64("dr6", dr[6]),
    REG64("dr7", dr[7]),
};

static uint64_t load_field(const CPUX86State *env, size_t offset, unsigned size)
{
    const uint8_t *p = (const uint8_t *)env + offset;

    return size == 2 ? *(const uint16_t *)(const void *)p : size == 4 ? *(const uint32_t *)(const void *)p
                                                                      : *(const uint64_t *)(const void *)p;
}

/* The next instruction's linear address: what reads memory from here on, in real mode too. */
static uint64_t linear_pc(CPUX86State *env)
{
    return cpu_code64(env) ? env->eip : (uint32_t)(env->segs[R_CS].base + env->eip);
}

bool cpu_inspect_register(CPUX86State *env, const char *name, uint64_t *value)
{
    static const char *const flags[] = { "eflags", "rflags", "flags", NULL };

    if (g_strv_contains(flags, name)) {
        *value = cpu_compute_eflags(env);
        return true;
    }
    if (!strcmp(name, "pc")) {
        *value = linear_pc(env);
        return true;
    }
    for (size_t i = 0; i < ARRAY_SIZE(registers); i++) {
        if (!strcmp(registers[i].name, name)) {
            *value = load_field(env, registers[i].offset, registers[i].size) & registers[i].mask;
            return true;
        }
    }
    return false;
}

unsigned cpu_inspect_code_bits(CPUX86State *env)
{
    return cpu_code64(env) ? 64 : env->segs[R_CS].attr & DESC_B ? 32 : 16;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

bool cpu_inspect_translate(CPUX86State *env, uint64_t addr, hwaddr *phys)
{
    *phys = mmu_debug_translate(env, addr);
    return *phys != (hwaddr)-1;
}

bool cpu_inspect_read(CPUX86State *env, uint64_t addr, void *buf, size_t len)
{
    uint8_t *p = buf;

    while (len) {
        size_t n = MIN(len, TARGET_PAGE_SIZE - (addr & ~TARGET_PAGE_MASK));
        hwaddr phys;

        if (!cpu_inspect_translate(env, addr, &phys) ||
            address_space_read(cpu_address_space(env), phys, p, n) != MEMTX_OK) {
            return false;
        }
        addr += n;
        p += n;
        len -= n;
    }
    return true;
}

/* ---- page tables ------------------------------------------------------------------------------------------------- */

#define ENTRIES_MAX     (1u << 20)      /* looked at for one list */
#define LINES_MAX       (1u << 16)

#define PTE_P   (1ull << 0)
#define PTE_W   (1ull << 1)
#define PTE_U   (1ull << 2)
#define PTE_PS  (1ull << 7)
#define PTE_G   (1ull << 8)
#define PTE_NX  (1ull << 63)
#define PTE_ADDR 0x000ffffffffff000ull

typedef struct Tables {
    CPUX86State *env;
    GString *out;
    unsigned entries, lines;
    bool cut;
    void (*leaf)(struct Tables *t, uint64_t addr, uint64_t size, uint64_t pte, uint64_t rights);
    /* info mem: the range that grows */
    uint64_t start, end, rights;
} Tables;

static uint64_t canonical(uint64_t addr)
{
    return addr & 1ull << 47 ? addr | 0xffff000000000000ull : addr;
}

static bool too_much(Tables *t)
{
    t->cut |= t->entries >= ENTRIES_MAX || t->lines >= LINES_MAX;
    return t->cut;
}

/* level: 0 is the page table, 1 the directory, ... */
static void walk_wide(Tables *t, hwaddr table, int level, uint64_t addr, uint64_t rights)
{
    AddressSpace *as = cpu_address_space(t->env);
    unsigned shift = 12 + 9 * level;
    uint64_t ptes[512];

    if (address_space_read(as, table & t->env->a20_mask, ptes, sizeof(ptes)) != MEMTX_OK) {
        return;
    }
    for (unsigned i = 0; i < 512 && !too_much(t); i++) {
        uint64_t pte = GUINT64_FROM_LE(ptes[i]), at = addr | (uint64_t)i << shift;

        t->entries++;
        if (!(pte & PTE_P)) {
            continue;
        }
        if (!level || (level < 3 && (pte & PTE_PS))) {
            t->leaf(t, at, 1ull << shift, pte, rights & pte);
        } else {
            walk_wide(t, pte & PTE_ADDR, level - 1, at, rights & pte);
        }
    }
}

static void walk_narrow(Tables *t)
{
    AddressSpace *as = cpu_address_space(t->env);
    bool pse = t->env->cr4 & CR4_PSE;
    hwaddr directory = t->env->cr3 & 0xfffff000u;

    for (uint64_t i = 0; i < 1024 && !too_much(t); i++) {
        uint32_t pde = ldl_phys(as, (directory + i * 4) & t->env->a20_mask);

        t->entries++;
        if (!(pde & PTE_P)) {
            continue;
        }
        if (pse && (pde & PTE_PS)) {
            t->leaf(t, i << 22, 4 * MiB, pde, pde);
            continue;
        }
        for (uint64_t k = 0; k < 1024 && !too_much(t); k++) {
            uint32_t pte = ldl_phys(as, ((pde & 0xfffff000u) + k * 4) & t->env->a20_mask);

            t->entries++;
            if (pte & PTE_P) {
                t->leaf(t, i << 22 | k << 12, TARGET_PAGE_SIZE, pte, pde & pte);
            }
        }
    }
}

static bool walk_tables(Tables *t)
{
    CPUX86State *env = t->env;

    if (!(env->cr0 & CR0_PG)) {
        g_string_append(t->out, "PG disabled\n");
        return false;
    }
    if (env->efer & EFER_LMA) {
        walk_wide(t, env->cr3 & PTE_ADDR, 3, 0, UINT64_MAX);
    } else if (env->cr4 & CR4_PAE) {
        for (unsigned i = 0; i < 4; i++) {
            if (env->pdpte[i] & PTE_P) {
                walk_wide(t, env->pdpte[i] & PTE_ADDR, 1, (uint64_t)i << 30, UINT64_MAX);
            }
        }
    } else {
        walk_narrow(t);
    }
    return true;
}

static void print_cut(const Tables *t)
{
    if (t->cut) {
        g_string_append(t->out, "... and more\n");
    }
}

static void tlb_leaf(Tables *t, uint64_t addr, uint64_t size, uint64_t pte, uint64_t rights)
{
    static const struct {
        uint64_t bit;
        char letter;
    } flags[] = {
        { PTE_NX, 'X' }, { PTE_G, 'G' }, { PTE_PS, 'P' }, { 1 << 6, 'D' }, { 1 << 5, 'A' }, { 1 << 4, 'C' },
        { 1 << 3, 'T' }, { PTE_U, 'U' }, { PTE_W, 'W' },
    };

    t->lines++;
    g_string_append_printf(t->out, "%016" PRIx64 ": %016" PRIx64 " ", canonical(addr),
                           (uint64_t)(pte & PTE_ADDR & -size));
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
        g_string_append_c(t->out, pte & flags[i].bit ? flags[i].letter : '-');
    }
    g_string_append_c(t->out, '\n');
}

void cpu_inspect_tlb(CPUX86State *env, GString *out)
{
    Tables t = { .env = env, .out = out, .leaf = tlb_leaf };

    walk_tables(&t);
    print_cut(&t);
}

static void mem_finish(Tables *t)
{
    if (t->end != t->start) {
        t->lines++;
        g_string_append_printf(t->out, "%016" PRIx64 "-%016" PRIx64 " %016" PRIx64 " %cr%c\n", canonical(t->start),
                               canonical(t->end), t->end - t->start, t->rights & PTE_U ? 'u' : '-',
                               t->rights & PTE_W ? 'w' : '-');
    }
}

static void mem_leaf(Tables *t, uint64_t addr, uint64_t size, uint64_t pte, uint64_t rights)
{
    rights &= PTE_U | PTE_W;
    if (addr != t->end || rights != t->rights) {
        mem_finish(t);
        t->start = addr;
        t->rights = rights;
    }
    t->end = addr + size;
}

void cpu_inspect_mem(CPUX86State *env, GString *out)
{
    Tables t = { .env = env, .out = out, .leaf = mem_leaf };

    if (walk_tables(&t)) {
        mem_finish(&t);
        print_cut(&t);
    }
}
