/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Page-table walk: 32-bit two-level (PSE, PSE-36), PAE with cached PDPTEs, 4-level with 2 MiB and 1 GiB pages.
 * Follows SDM vol. 3A, "Paging": access rights, reserved bits, accessed and dirty flags.
 * Left out: 5-level paging (not in CPUID). PAT, PCD and PWT have no effect.
 *
 * A TLB miss is frequent in a kernel, so entries are read and updated through host pointers of guest RAM. Updates are
 * compare-and-swap: another vCPU may change the entry between our read and the update, and then we walk again.
 */
#include "qemu/osdep.h"
#include "qemu/log.h"
#include "exec/ram.h"
#include "target-i386/cpu.h"
#include "target-i386/models.h"
#include "target-i386/seg.h"

#define PTE_P   (1ull << 0)
#define PTE_W   (1ull << 1)
#define PTE_U   (1ull << 2)
#define PTE_A   (1ull << 5)
#define PTE_D   (1ull << 6)
#define PTE_PS  (1ull << 7)
#define PTE_G   (1ull << 8)
#define PTE_NX  (1ull << 63)
#define PTE_ADDR 0x000ffffffffff000ull

#define PF_P    (1u << 0)
#define PF_W    (1u << 1)
#define PF_U    (1u << 2)
#define PF_RSVD (1u << 3)
#define PF_I    (1u << 4)
#define PF_PK   (1u << 5)

/* ---- page-table entries in guest memory ------------------------------------------------------------------------ */

/*
 * Last stretches of RAM that tables were found in. Only RAM above 1 MiB is remembered: what lies there is mapped for
 * the life of the machine, while the window below changes with PAM, SMRAM and the ISA hole.
 */
typedef struct TableRam {
    AddressSpace *as;
    hwaddr start;
    uint64_t len;
    uint8_t *host;
    ram_addr_t ram_addr;
} TableRam;
static __thread TableRam table_ram[2];

typedef struct PteRef {
    void *host;             /* NULL: not RAM */
    hwaddr addr;
    ram_addr_t ram_addr;
} PteRef;

static PteRef pte_ref_slow(AddressSpace *as, hwaddr addr)
{
    MemorySection s = address_space_resolve(as, addr);
    PteRef ref = { .addr = addr };

    if (!s.host || s.readonly || s.len < 8) {
        return ref;
    }
    ref.host = s.host;
    ref.ram_addr = s.ram_addr;
    if (addr >= MiB) {
        table_ram[1] = table_ram[0];
        table_ram[0] = (TableRam) { .as = as, .start = addr & TARGET_PAGE_MASK,
                                    .len = s.len + (addr & ~TARGET_PAGE_MASK),
                                    .host = s.host - (addr & ~TARGET_PAGE_MASK),
                                    .ram_addr = s.ram_addr - (addr & ~TARGET_PAGE_MASK) };
    }
    return ref;
}

static inline PteRef pte_ref(AddressSpace *as, hwaddr addr)
{
    for (unsigned i = 0; i < ARRAY_SIZE(table_ram); i++) {
        const TableRam *t = &table_ram[i];

        if (t->as == as && addr - t->start < t->len) {
            return (PteRef) { .host = t->host + (addr - t->start), .addr = addr,
                              .ram_addr = t->ram_addr + (addr - t->start) };
        }
    }
    return pte_ref_slow(as, addr);
}

static inline uint64_t pte_read(AddressSpace *as, const PteRef *ref, bool wide)
{
    if (likely(ref->host)) {
        return wide ? __atomic_load_n((uint64_t *)ref->host, __ATOMIC_RELAXED)
                    : __atomic_load_n((uint32_t *)ref->host, __ATOMIC_RELAXED);
    }
    return wide ? ldq_phys(as, ref->addr) : ldl_phys(as, ref->addr);
}

/*
 * Sets bits in an entry that read as old. False: it has changed meanwhile. Translations of code that overlaps the entry
 * are not dropped: only A and D change, and the translation lock may be held by our caller (fetching code).
 */
static bool pte_update(AddressSpace *as, const PteRef *ref, bool wide, uint64_t old, uint64_t new)
{
    if (!ref->host) {
        if (wide) {
            stq_phys(as, ref->addr, new);
        } else {
            stl_phys(as, ref->addr, new);
        }
        return true;
    }
    if (wide) {
        if (!__atomic_compare_exchange_n((uint64_t *)ref->host, &old, new, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
            return false;
        }
    } else {
        uint32_t expected = old;

        if (!__atomic_compare_exchange_n((uint32_t *)ref->host, &expected, (uint32_t)new, false, __ATOMIC_SEQ_CST,
                                         __ATOMIC_SEQ_CST)) {
            return false;
        }
    }
    ram_dirty_set(ref->ram_addr, wide ? 8 : 4);
    return true;
}

/* ---- rights ---------------------------------------------------------------------------------------------------- */

typedef struct Walk {
    CPUX86State *env;
    AddressSpace *as;
    vaddr addr;
    MmuAccess access;
    bool user, smap, probe;
    bool nxe;               /* NX bits count */
    uint64_t rsvd;          /* reserved in every present entry: above MAXPHYADDR, NX without NXE */
    uint32_t error;         /* W, U and I of the error code */
} Walk;

/* What the combined rights of all levels allow. */
static uint8_t walk_prot(const Walk *w, uint64_t rights, bool nx)
{
    bool u = rights & PTE_U, wr = rights & PTE_W;
    uint32_t cr4 = w->env->cr4;
    uint8_t prot = 0;

    if (w->user) {
        if (u) {
            prot = PROT_R | (wr ? PROT_W : 0) | (nx ? 0 : PROT_X);
        }
        return prot;
    }
    if (!u || !w->smap) {
        prot = PROT_R | (wr || !(w->env->cr0 & CR0_WP) ? PROT_W : 0);
    }
    if (!nx && !(u && (cr4 & CR4_SMEP))) {
        prot |= PROT_X;
    }
    return prot;
}

/*
 * What the key of a user page takes away (SDM vol. 3A, "Protection Keys"): data accesses, or writes by user code and,
 * with WP, by the supervisor. Fetches do not count. Sets PF_PK when this access is hit, other reasons or not.
 */
static uint8_t walk_key(Walk *w, uint64_t pte, uint64_t rights)
{
    uint32_t bits = (uint32_t)w->env->pkru >> (pte >> 59 & 15) * 2;
    uint8_t denied = 0;

    if (!(w->env->cr4 & CR4_PKE) || !(w->env->efer & EFER_LMA) || !(rights & PTE_U)) {
        return 0;
    }
    if (bits & 1) {
        denied = PROT_R | PROT_W;
    } else if ((bits & 2) && (w->user || (w->env->cr0 & CR0_WP))) {
        denied = PROT_W;
    }
    if ((w->access == MMU_STORE && (denied & PROT_W)) || (w->access == MMU_LOAD && (denied & PROT_R))) {
        w->error |= PF_PK;
    }
    return denied;
}

static const uint8_t prot_of_access[] = { [MMU_LOAD] = PROT_R, [MMU_STORE] = PROT_W, [MMU_FETCH] = PROT_X };

enum { WALK_OK, WALK_FAULT, WALK_AGAIN };

/*
 * The leaf: rights, then A and D, then the result. Without D the page is cached read-only, so that the first
 * write comes back here.
 */
static int walk_leaf(Walk *w, const PteRef *ref, bool wide, uint64_t pte, uint64_t rights, bool nx, MmuResult *r)
{
    uint8_t prot = walk_prot(w, rights, nx) & ~walk_key(w, pte, rights);
    uint64_t new = pte | PTE_A | (w->access == MMU_STORE ? PTE_D : 0);

    if (!(prot & prot_of_access[w->access])) {
        w->error |= PF_P;
        return WALK_FAULT;
    }
    if (!w->probe && new != pte) {
        if (!pte_update(w->as, ref, wide, pte, new)) {
            return WALK_AGAIN;
        }
    }
    r->prot = new & PTE_D ? prot : prot & ~PROT_W;
    r->global = (pte & PTE_G) && (w->env->cr4 & CR4_PGE);
    return WALK_OK;
}

static inline int walk_reserved(Walk *w)
{
    w->error |= PF_P | PF_RSVD;
    return WALK_FAULT;
}

/* A non-leaf entry: marks it accessed. */
static inline int walk_table(Walk *w, const PteRef *ref, bool wide, uint64_t pte)
{
    if (!(pte & PTE_A) && !w->probe && !pte_update(w->as, ref, wide, pte, pte | PTE_A)) {
        return WALK_AGAIN;
    }
    return WALK_OK;
}

/* ---- the two shapes of tables ---------------------------------------------------------------------------------- */

/* Levels are counted from the leaf: 0 page table, 1 directory, 2 PDPT, 3 PML4. A PAE walk starts at level 1. */
static int walk_wide(Walk *w, hwaddr table, int level, uint64_t rights, MmuResult *r)
{
    CPUX86State *env = w->env;
    bool nx = false;

    for (;; level--) {
        unsigned shift = 12 + 9 * level;
        PteRef ref = pte_ref(w->as, (table + (w->addr >> shift & 511) * 8) & env->a20_mask);
        uint64_t pte = pte_read(w->as, &ref, true), size = 1ull << shift;
        int rc;

        if (!(pte & PTE_P)) {
            return WALK_FAULT;
        }
        if (unlikely(pte & w->rsvd)) {
            return walk_reserved(w);
        }
        rights &= pte;
        nx |= (pte & PTE_NX) != 0;
        if (level && !(pte & PTE_PS)) {
            rc = walk_table(w, &ref, true, pte);
            if (rc != WALK_OK) {
                return rc;
            }
            table = pte & PTE_ADDR;
            continue;
        }
        if (level == 3 || (level == 2 && !cpu_has(env, FEAT_8000_0001_EDX, CPUID_EXT_PDPE1GB))) {
            return walk_reserved(w);
        }
        /* Bit 12 of a large page is PAT, the address bits above it up to the page size must be clear. */
        if (level && (pte & (size - 1) & PTE_ADDR & ~0x1000ull)) {
            return walk_reserved(w);
        }
        rc = walk_leaf(w, &ref, true, pte, rights, nx, r);
        r->page_size = size;
        r->phys = ((pte & PTE_ADDR & -size) | (w->addr & (size - 1))) & TARGET_PAGE_MASK & env->a20_mask;
        return rc;
    }
}

/*
 * PSE-36 (SDM vol. 3A, "32-Bit Paging"): bits 20:13 of a 4 MiB entry are address bits 39:32 as far as they exist, and
 * reserved above that.
 */
static int walk_large32(Walk *w, const PteRef *ref, uint64_t pte, MmuResult *r)
{
    unsigned phys_bits = cpu_has(w->env, FEAT_1_EDX, CPUID_PSE36) ? MIN(w->env->model->phys_bits, 40u) : 32;
    uint64_t high = (pte >> 13 & 0xff) << 32;
    int rc;

    if ((pte & 1u << 21) || (high && high >> phys_bits)) {
        return walk_reserved(w);
    }
    rc = walk_leaf(w, ref, false, pte, pte, false, r);
    r->page_size = 4 * MiB;
    r->phys = ((pte & 0xffc00000u) | high | (w->addr & 0x3ff000)) & w->env->a20_mask;
    return rc;
}

static int walk_narrow(Walk *w, MmuResult *r)
{
    CPUX86State *env = w->env;
    PteRef ref = pte_ref(w->as, ((env->cr3 & 0xfffff000u) + (w->addr >> 22 & 1023) * 4) & env->a20_mask);
    uint64_t pde = pte_read(w->as, &ref, false), pte;
    int rc;

    if (!(pde & PTE_P)) {
        return WALK_FAULT;
    }
    if ((pde & PTE_PS) && (env->cr4 & CR4_PSE)) {
        return walk_large32(w, &ref, pde, r);
    }
    rc = walk_table(w, &ref, false, pde);
    if (rc != WALK_OK) {
        return rc;
    }
    ref = pte_ref(w->as, ((pde & 0xfffff000u) + (w->addr >> 12 & 1023) * 4) & env->a20_mask);
    pte = pte_read(w->as, &ref, false);
    if (!(pte & PTE_P)) {
        return WALK_FAULT;
    }
    rc = walk_leaf(w, &ref, false, pte, pde & pte, false, r);
    r->page_size = TARGET_PAGE_SIZE;
    r->phys = pte & 0xfffff000u & env->a20_mask;
    return rc;
}

static int walk(Walk *w, MmuResult *r)
{
    CPUX86State *env = w->env;

    if (env->efer & EFER_LMA) {
        return walk_wide(w, env->cr3 & PTE_ADDR, 3, PTE_U | PTE_W, r);
    }
    if (env->cr4 & CR4_PAE) {
        uint64_t pdpte = env->pdpte[w->addr >> 30 & 3];

        /* Reserved bits were checked when it was loaded; it has no rights of its own. */
        return pdpte & PTE_P ? walk_wide(w, pdpte & PTE_ADDR, 1, PTE_U | PTE_W, r) : WALK_FAULT;
    }
    return walk_narrow(w, r);
}

/* ---- public ---------------------------------------------------------------------------------------------------- */

static void mmu_log(const Walk *w, int rc, const MmuResult *r)
{
    static const char names[] = "RWX";

    if (rc == WALK_OK) {
        qemu_log("mmu: %c%c %016" PRIx64 " -> %" PRIx_HWADDR " prot %c%c%c size %" PRIx64 "%s cr3 %016" PRIx64 "\n",
                 w->user ? 'u' : 's', names[w->access], w->addr, r->phys, r->prot & PROT_R ? 'r' : '-',
                 r->prot & PROT_W ? 'w' : '-', r->prot & PROT_X ? 'x' : '-', r->page_size, r->global ? " global" : "",
                 w->env->cr3);
    } else {
        qemu_log("mmu: %c%c %016" PRIx64 " faults, error %x cr3 %016" PRIx64 "\n", w->user ? 'u' : 's',
                 names[w->access], w->addr, w->error, w->env->cr3);
    }
}

bool mmu_translate(CPUX86State *env, vaddr addr, MmuAccess access, int mmu_idx, bool probe, MmuResult *r,
                   uint32_t *error)
{
    bool wide = (env->cr4 & CR4_PAE);   /* long mode implies PAE */
    int rc;

    if (!(env->cr0 & CR0_PG)) {
        *r = (MmuResult) { .phys = addr & 0xfffff000u & env->a20_mask, .page_size = TARGET_PAGE_SIZE,
                           .prot = PROT_R | PROT_W | PROT_X };
        return true;
    }

    Walk w = { .env = env, .as = cpu_address_space(env), .addr = addr, .access = access, .user = mmu_idx == MMU_USER,
               .smap = mmu_idx == MMU_KSMAP, .probe = probe, .nxe = env->efer & EFER_NXE };

    w.error = (access == MMU_STORE ? PF_W : 0) | (w.user ? PF_U : 0);
    if (access == MMU_FETCH && ((wide && w.nxe) || (env->cr4 & CR4_SMEP))) {
        w.error |= PF_I;
    }
    if (env->efer & EFER_LMA) {
        if (!addr_canonical(addr)) {
            *error = 0;         /* raise_page_fault() makes a #GP of it */
            return false;
        }
    } else {
        w.addr = (uint32_t)addr;
    }
    w.rsvd = (PTE_ADDR & ~((1ull << env->model->phys_bits) - 1)) | (w.nxe ? 0 : PTE_NX);
    if (!(env->efer & EFER_LMA)) {
        w.rsvd |= 0x7ff0000000000000ull;    /* PAE: bits 62:52 are reserved, not ignored */
    }
    do {
        rc = walk(&w, r);
    } while (rc == WALK_AGAIN);
    if (log_enabled(LOG_MMU)) {
        mmu_log(&w, rc, r);
    }
    *error = w.error;
    return rc == WALK_OK;
}

/* Whoever looks from outside has every right: supervisor, write protection and SMAP off, no execution. */
hwaddr mmu_debug_translate(CPUX86State *env, vaddr addr)
{
    MmuResult r;
    uint32_t error;

    if (!mmu_translate(env, addr, MMU_LOAD, MMU_KERNEL, true, &r, &error)) {
        return (hwaddr)-1;
    }
    return r.phys | (addr & ~TARGET_PAGE_MASK);
}
