/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The software TLB: fill, flush, and everything translated code does not do inline.
 *
 * Each MMU mode has a direct-mapped table. An entry's tags say which accesses may go straight to host memory; what else
 * is known of the page stands in TlbFull under the same index. A flush walks the log of filled slots, not the tables; a
 * change of address space leaves global pages alone.
 *
 * Only the owning vCPU changes its TLB, but for one thing: tlb_write_protect() makes write tags slow in all of
 * them.
 */
#include "qemu/osdep.h"
#include "exec/cpu-exec.h"
#include "exec/cpu-mem.h"
#include "exec/translate-all.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"
#include "target-i386/cpu.h"
#include "tcg/ir.h"

#define PAGE_OFFSET(a) ((a) & (TARGET_PAGE_SIZE - 1))

static inline unsigned tlb_index(vaddr addr)
{
    return (addr >> TARGET_PAGE_BITS) & (JIT_TLB_SIZE - 1);
}

static inline bool tag_hits(uint64_t tag, vaddr addr)
{
    return (tag ^ addr) < TARGET_PAGE_SIZE;
}

/* ---- flushing ---- */

static void entry_clear(CpuJit *jit, unsigned mmu, unsigned i)
{
    uint64_t never = JIT_TLB_NEVER((uint64_t)i << TARGET_PAGE_BITS);

    jit->tlb[mmu][i] = (TlbEntry) { .read = never, .write = never, .code = never };
    jit->tlb_full[mmu][i].page = JIT_NO_PAGE;
    jit->tlb_full[mmu][i].page_bits = TARGET_PAGE_BITS;
}

static void tlb_clear_slot(CpuJit *jit, unsigned slot)
{
    entry_clear(jit, slot / JIT_TLB_SIZE, slot % JIT_TLB_SIZE);
}

static void jc_clear_slot(CpuJit *jit, unsigned slot)
{
    jit->jc[slot].mode_key = ~0ull;     /* no mode has this key */
    jit->jc[slot].tb = NULL;
}

/* First use, or everything at power-up: all slots, whatever the logs say. */
static void tables_init(CpuJit *jit)
{
    for (unsigned slot = 0; slot < JIT_NB_MMU * JIT_TLB_SIZE; slot++) {
        tlb_clear_slot(jit, slot);
    }
    for (unsigned slot = 0; slot < JIT_JC_SIZE; slot++) {
        jc_clear_slot(jit, slot);
    }
    memset(&jit->tlb_log, 0, sizeof(jit->tlb_log));
    memset(&jit->jc_log, 0, sizeof(jit->jc_log));
    jit->tlb_ready = true;
}

/* ---- what INVLPG asks first ---- */

static void large_note(CpuJit *jit, const TlbFull *f)
{
    unsigned half = f->page >> 63, scope = f->global ? JIT_GLOBAL : JIT_LOCAL;
    uint64_t mask = ~0ull << f->page_bits;

    if (f->page_bits <= TARGET_PAGE_BITS) {
        return;
    }
    if (!jit->tlb_large[scope][half].mask) {
        jit->tlb_large[scope][half].base = f->page & mask;
        jit->tlb_large[scope][half].mask = mask;
    }
    jit->tlb_large[scope][half].mask &= mask;
    while ((jit->tlb_large[scope][half].base ^ f->page) & jit->tlb_large[scope][half].mask) {
        jit->tlb_large[scope][half].mask <<= 1;
    }
}

static bool large_covers(const CpuJit *jit, vaddr addr)
{
    unsigned half = addr >> 63;

    for (unsigned scope = 0; scope < JIT_SCOPES; scope++) {
        uint64_t mask = jit->tlb_large[scope][half].mask;

        if (mask && !((jit->tlb_large[scope][half].base ^ addr) & mask)) {
            return true;
        }
    }
    return false;
}

static unsigned jc_page_bit(vaddr addr)
{
    uint64_t page = addr >> TARGET_PAGE_BITS;

    return (unsigned)(page ^ page >> 12) % JIT_JC_PAGE_BITS;
}

void jc_note(CPUX86State *env, unsigned slot, vaddr addr, bool global)
{
    unsigned n = jc_page_bit(addr);

    slot_log_add(&env->jit.jc_log, slot, global);
    env->jit.jc_pages[global ? JIT_GLOBAL : JIT_LOCAL][n / 64] |= 1ull << n % 64;
}

static bool jc_may_have_page(const CpuJit *jit, vaddr addr)
{
    unsigned n = jc_page_bit(addr);

    return (jit->jc_pages[JIT_LOCAL][n / 64] | jit->jc_pages[JIT_GLOBAL][n / 64]) & 1ull << n % 64;
}

/* ---- walking the logs ---- */

typedef bool JitMatch(const CpuJit *jit, unsigned slot, vaddr addr);
typedef void JitClear(CpuJit *jit, unsigned slot);

/* Clears the logged slots that match; the others stay logged. */
static void log_drop(CpuJit *jit, SlotLog *l, JitMatch *match, vaddr addr, JitClear *clear)
{
    for (unsigned scope = 0; scope < JIT_SCOPES; scope++) {
        unsigned kept = 0;

        for (unsigned n = 0; n < l->len[scope]; n++) {
            unsigned slot = l->list[scope][n];

            if (match(jit, slot, addr)) {
                clear(jit, slot);
                l->state[slot] &= (uint8_t)~SLOT_LISTED(scope);
            } else {
                l->list[scope][kept++] = (uint16_t)slot;
            }
        }
        l->len[scope] = kept;
    }
}

/* Clears the slots that an address-space switch drops. */
static void log_drop_local(CpuJit *jit, SlotLog *l, JitClear *clear)
{
    for (unsigned n = 0; n < l->len[JIT_LOCAL]; n++) {
        unsigned slot = l->list[JIT_LOCAL][n];

        if (!(l->state[slot] & SLOT_IS_GLOBAL)) {
            clear(jit, slot);
        }
        l->state[slot] &= (uint8_t)~SLOT_LISTED(JIT_LOCAL);
    }
    l->len[JIT_LOCAL] = 0;
}

static bool match_all(const CpuJit *jit, unsigned slot, vaddr addr)
{
    return true;
}

/* The page of addr, or a piece of the same large page. */
static bool tlb_match_page(const CpuJit *jit, unsigned slot, vaddr addr)
{
    const TlbFull *f = &jit->tlb_full[slot / JIT_TLB_SIZE][slot % JIT_TLB_SIZE];

    return !((f->page ^ addr) >> f->page_bits);
}

static bool jc_match_page(const CpuJit *jit, unsigned slot, vaddr addr)
{
    const JumpCacheEntry *e = &jit->jc[slot];

    return !(((e->eip + (e->mode_key >> 32)) ^ addr) >> TARGET_PAGE_BITS);
}

static void jc_forget_pages(CpuJit *jit)
{
    for (unsigned scope = 0; scope < JIT_SCOPES; scope++) {
        if (!jit->jc_log.len[scope]) {
            memset(jit->jc_pages[scope], 0, sizeof(jit->jc_pages[scope]));
        }
    }
}

static void jc_drop(CpuJit *jit, JitMatch *match, vaddr addr)
{
    log_drop(jit, &jit->jc_log, match, addr, jc_clear_slot);
    jc_forget_pages(jit);
}

void tlb_flush(CPUX86State *env)
{
    CpuJit *jit = &env->jit;

    jit->stat_flush++;
    if (!jit->tlb_ready) {
        tables_init(jit);
        return;
    }
    log_drop(jit, &jit->tlb_log, match_all, 0, tlb_clear_slot);
    memset(jit->tlb_large, 0, sizeof(jit->tlb_large));
    jc_drop(jit, match_all, 0);
}

void tlb_flush_nonglobal(CPUX86State *env)
{
    CpuJit *jit = &env->jit;

    jit->stat_flush++;
    log_drop_local(jit, &jit->tlb_log, tlb_clear_slot);
    memset(jit->tlb_large[JIT_LOCAL], 0, sizeof(jit->tlb_large[JIT_LOCAL]));
    log_drop_local(jit, &jit->jc_log, jc_clear_slot);
    jc_forget_pages(jit);
}

static void tlb_flush_small_page(CpuJit *jit, vaddr addr)
{
    unsigned i = tlb_index(addr);

    for (unsigned mmu = 0; mmu < JIT_NB_MMU; mmu++) {
        if (jit->tlb_full[mmu][i].page == (addr & TARGET_PAGE_MASK)) {
            entry_clear(jit, mmu, i);       /* stays in the log: an unused slot there is harmless */
        }
    }
    if (jc_may_have_page(jit, addr)) {
        jc_drop(jit, jc_match_page, addr);
    }
}

void tlb_flush_page(CPUX86State *env, vaddr addr)
{
    CpuJit *jit = &env->jit;

    jit->stat_flush_page++;
    if (large_covers(jit, addr)) {          /* it may be a piece of a large page, which goes as a whole */
        log_drop(jit, &jit->tlb_log, tlb_match_page, addr, tlb_clear_slot);
        jc_drop(jit, match_all, 0);
    } else {
        tlb_flush_small_page(jit, addr);
    }
}

/*
 * A page got its first translation: stores to it must come here. The protection bit is set already; a vCPU that fills
 * an entry right now looks at it after writing the tag, so one of the two sees the other.
 */
static bool slot_write_protect(CpuJit *jit, unsigned slot, ram_addr_t start, uint64_t len)
{
    unsigned mmu = slot / JIT_TLB_SIZE, i = slot % JIT_TLB_SIZE;
    TlbEntry *e = &jit->tlb[mmu][i];
    uint64_t tag = __atomic_load_n(&e->write, __ATOMIC_ACQUIRE);
    ram_addr_t ram_addr = __atomic_load_n(&jit->tlb_full[mmu][i].ram_addr, __ATOMIC_RELAXED);

    if (((tag >> TARGET_PAGE_BITS) & (JIT_TLB_SIZE - 1)) != i || ram_addr - start >= len) {
        return false;
    }
    __atomic_store_n(&e->write, JIT_TLB_NEVER(tag), __ATOMIC_SEQ_CST);
    return true;
}

__thread bool tlb_write_rights_taken;

static void vcpu_write_protect(VCpu *v, ram_addr_t start, uint64_t len)
{
    CpuJit *jit = &vcpu_env(v)->jit;
    bool taken = false;

    for (unsigned slot = 0; slot < JIT_NB_MMU * JIT_TLB_SIZE; slot++) {
        taken |= slot_write_protect(jit, slot, start, len);
    }
    /* One that does not run now will see the new tag. */
    if (taken && __atomic_load_n(&v->running, __ATOMIC_SEQ_CST)) {
        tlb_write_rights_taken = true;
    }
}

void tlb_write_protect(ram_addr_t start, uint64_t len)
{
    VCPU_FOREACH(v) {
        CpuJit *jit = &vcpu_env(v)->jit;

        if (v == current_vcpu) {        /* nobody else may walk the log */
            for (unsigned scope = 0; scope < JIT_SCOPES; scope++) {
                for (unsigned n = 0; n < jit->tlb_log.len[scope]; n++) {
                    slot_write_protect(jit, jit->tlb_log.list[scope][n], start, len);
                }
            }
        } else {
            vcpu_write_protect(v, start, len);
        }
    }
}

/* ---- filling ---- */

static void set_write_tag(TlbEntry *e, const TlbFull *f)
{
    bool fast = (f->prot & PROT_W) && !f->io && !f->rom && !f->watched && ram_dirty_get_all(f->ram_addr);

    __atomic_store_n(&e->write, fast ? f->page : JIT_TLB_NEVER(f->page), __ATOMIC_SEQ_CST);
    if (fast && !ram_dirty_get_all(f->ram_addr)) {      /* protected meanwhile */
        __atomic_store_n(&e->write, JIT_TLB_NEVER(f->page), __ATOMIC_SEQ_CST);
    }
}

static void entry_set(CPUX86State *env, vaddr addr, int mmu, const MmuResult *r)
{
    CpuJit *jit = &env->jit;
    unsigned i = tlb_index(addr), slot = mmu * JIT_TLB_SIZE + i;
    TlbEntry *e = &jit->tlb[mmu][i];
    TlbFull *f = &jit->tlb_full[mmu][i];
    vaddr page = addr & TARGET_PAGE_MASK;
    hwaddr phys = (r->phys & TARGET_PAGE_MASK) & env->a20_mask;
    MemorySection s = address_space_resolve(cpu_address_space(env), phys);
    bool whole = s.len >= TARGET_PAGE_SIZE;     /* a region smaller than a page makes all of the page slow */

    *f = (TlbFull) {
        .page = page, .phys = phys, .prot = r->prot, .global = r->global, .io = !s.host || !whole, .rom = s.readonly,
        .ram_addr = s.host && whole ? s.ram_addr : ~0ull, .watched = cpu_page_has_breakpoint(env, page),
    };
    e->host = (uintptr_t)s.host;
    e->read = (r->prot & PROT_R) && !f->io && !f->watched ? page : JIT_TLB_NEVER(page);
    e->code = (r->prot & PROT_X) && !f->io ? page : JIT_TLB_NEVER(page);
    set_write_tag(e, f);
    f->page_bits = r->page_size > TARGET_PAGE_SIZE ? (uint8_t)ctz64(r->page_size) : TARGET_PAGE_BITS;
    large_note(jit, f);
    slot_log_add(&jit->tlb_log, slot, r->global);
}

/* The entry for addr with the right to access it so; raises the fault if there is none. */
static TlbFull *tlb_get(CPUX86State *env, vaddr addr, MmuAccess access, int mmu)
{
    static const uint8_t need[] = { [MMU_LOAD] = PROT_R, [MMU_STORE] = PROT_W, [MMU_FETCH] = PROT_X };
    TlbFull *f = &env->jit.tlb_full[mmu][tlb_index(addr)];
    MmuResult r;
    uint32_t error;

    if (f->page == (addr & TARGET_PAGE_MASK) && (f->prot & need[access])) {
        return f;
    }
    env->jit.stat_tlb_miss++;
    if (!mmu_translate(env, addr, access, mmu, false, &r, &error)) {
        raise_page_fault(env, addr, error);
    }
    entry_set(env, addr, mmu, &r);
    return f;
}

static uint8_t *entry_host(CPUX86State *env, vaddr addr, int mmu)
{
    return (uint8_t *)env->jit.tlb[mmu][tlb_index(addr)].host + PAGE_OFFSET(addr);
}

/* ---- one access inside a page ---- */

static uint64_t host_load(const void *p, unsigned size)
{
    switch (size) {
    case 1: return *(const uint8_t *)p;
    case 2: return load_le16(p);
    case 4: return load_le32(p);
    default: return load_le64(p);
    }
}

static void host_store(void *p, uint64_t v, unsigned size)
{
    switch (size) {
    case 1: *(uint8_t *)p = (uint8_t)v; break;
    case 2: store_le16(p, (uint16_t)v); break;
    case 4: store_le32(p, (uint32_t)v); break;
    default: store_le64(p, v); break;
    }
}

/* An uncached load waits until the stores before it are done (SDM vol. 3A, "Memory Cache Control"). */
static uint64_t io_load(CPUX86State *env, hwaddr phys, unsigned size)
{
    MemorySection s = address_space_resolve(cpu_address_space(env), phys);

    env->jit.stat_io++;
    if (smp_cpus > 1) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    }
    return memory_section_read(&s, 0, size);
}

static void io_store(CPUX86State *env, hwaddr phys, uint64_t v, unsigned size)
{
    MemorySection s = address_space_resolve(cpu_address_space(env), phys);

    env->jit.stat_io++;
    memory_section_write(&s, 0, v, size);
}

static uint64_t page_load(CPUX86State *env, vaddr addr, unsigned size, int mmu, MmuAccess access)
{
    TlbFull *f = tlb_get(env, addr, access, mmu);

    if (unlikely(f->watched) && access != MMU_FETCH) {
        cpu_check_breakpoint_data(env, addr, size, false);
    }
    if (unlikely(f->io)) {
        return io_load(env, f->phys | PAGE_OFFSET(addr), size);
    }
    return host_load(entry_host(env, addr, mmu), size);
}

/*
 * A store to RAM, if there is code in its page: before it the blocks it overlaps go. restart: it belongs to translated
 * code, which can be taken back to the start of its instruction.
 */
static void code_store_begin(CPUX86State *env, ram_addr_t addr, unsigned size, bool restart)
{
    bool self;

    if (likely(!ram_page_has_code(addr)) || tb_no_code_at(addr, size)) {
        return;
    }
    self = tb_invalidate_for_store(addr, size, env->jit.host_pc);
    if (self && restart && !env->jit.smc_single && !env->jit.smc_leave) {
        env->jit.stat_smc++;
        if (!tb_eip_after_store(env->jit.host_pc, &env->jit.smc_next)) {
            env->jit.smc_single = true;
            cpu_loop_exit_restore(env);
        }
        env->jit.smc_leave = true;
    }
    if (self && !restart && !env->jit.smc_repeat) {
        cpu_request_exit(env);      /* a helper's store: the rest of the block is stale, leave it at the next chance */
    }
}

/*
 * And after it those go that another vCPU has made of the old bytes meanwhile. It set the protection before it read
 * them, we look at it after they have changed: one of the two sees the other.
 */
static void code_store_end(CPUX86State *env, ram_addr_t addr, unsigned size)
{
    if (smp_cpus > 1) {
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (unlikely(ram_page_has_code(addr)) && !tb_no_code_at(addr, size)) {
            tb_invalidate_phys_range(addr, addr + size);
        }
    }
}

static void page_store(CPUX86State *env, vaddr addr, uint64_t v, unsigned size, int mmu, bool restart)
{
    TlbFull *f = tlb_get(env, addr, MMU_STORE, mmu);
    unsigned off = PAGE_OFFSET(addr);

    if (unlikely(f->watched)) {
        cpu_check_breakpoint_data(env, addr, size, true);
    }
    if (unlikely(f->io)) {
        io_store(env, f->phys | off, v, size);
        return;
    }
    if (f->rom) {
        qemu_log_mask(LOG_GUEST_ERROR, "store to read-only memory at 0x%" PRIx64 " is dropped\n", f->phys | off);
        return;
    }
    code_store_begin(env, f->ram_addr + off, size, restart);
    host_store(entry_host(env, addr, mmu), v, size);
    code_store_end(env, f->ram_addr + off, size);
    ram_dirty_set(f->ram_addr + off, size);
    set_write_tag(&env->jit.tlb[mmu][tlb_index(addr)], f);
}

/* ---- whole accesses: what translated code and helpers call ---- */

static bool crosses(vaddr addr, unsigned size)
{
    return PAGE_OFFSET(addr) + size > TARGET_PAGE_SIZE;
}

/* Byte n of an access at addr: linear addresses wrap at 4 GiB outside 64-bit mode. */
static vaddr byte_of(CPUX86State *env, vaddr addr, unsigned n)
{
    vaddr a = addr + n;

    return unlikely((a ^ addr) >> 32) && !(addr >> 32) && !cpu_code64(env) ? (uint32_t)a : a;
}

/* Both pages of an access that crosses from one to the next; a fault in the second is at its first byte. */
static void tlb_get_both(CPUX86State *env, vaddr addr, unsigned size, MmuAccess access, int mmu)
{
    vaddr last = byte_of(env, addr, size - 1);

    if (unlikely(last < addr) && !cpu_code64(env)) {
        cpu_check_flat_wrap(env, addr);
    }
    tlb_get(env, addr, access, mmu);
    tlb_get(env, last & TARGET_PAGE_MASK, access, mmu);
}

static uint64_t load(CPUX86State *env, vaddr addr, unsigned size, int mmu, MmuAccess access)
{
    uint64_t v = 0;

    if (likely(!crosses(addr, size))) {
        return page_load(env, addr, size, mmu, access);
    }
    tlb_get_both(env, addr, size, access, mmu);
    for (unsigned i = 0; i < size; i++) {
        v |= page_load(env, byte_of(env, addr, i), 1, mmu, access) << (8 * i);
    }
    return v;
}

static void store(CPUX86State *env, vaddr addr, uint64_t v, unsigned size, int mmu, bool restart)
{
    if (likely(!crosses(addr, size))) {
        page_store(env, addr, v, size, mmu, restart);
        return;
    }
    tlb_get_both(env, addr, size, MMU_STORE, mmu);      /* before a byte is written */
    for (unsigned i = 0; i < size; i++) {
        page_store(env, byte_of(env, addr, i), v >> (8 * i), 1, mmu, restart);
    }
}

static void check_access(CPUX86State *env, vaddr addr, uint32_t mo)
{
    if (unlikely((mo & IR_MO_ALIGN) && (addr & (ir_mo_bytes((IrMemOp)mo) - 1)))) {
        raise_misaligned(env, ir_mo_bytes((IrMemOp)mo));
    }
}

uint64_t jit_slow_ld(void *opaque, uint64_t addr, uint32_t mo);
void jit_slow_st(void *opaque, uint64_t addr, uint32_t mo, uint64_t val);
void jit_slow_ldv(void *opaque, uint64_t addr, uint32_t mo, uint64_t dst_off);
void jit_slow_stv(void *opaque, uint64_t addr, uint32_t mo, uint64_t src_off);
uint64_t jit_atomic_rmw(void *opaque, uint64_t addr, uint64_t val, uint64_t memop_rmw);
uint64_t jit_atomic_cas(void *opaque, uint64_t addr, uint64_t expected, uint64_t val, uint64_t memop);

static uint64_t extend(uint64_t v, uint32_t mo)
{
    unsigned bits = 8 * ir_mo_bytes((IrMemOp)mo);

    return mo & IR_MO_SIGN ? (uint64_t)sextract64(v, 0, bits) : v;
}

uint64_t jit_slow_ld(void *opaque, uint64_t addr, uint32_t mo)
{
    CPUX86State *env = opaque;

    env->jit.stat_slow++;
    check_access(env, addr, mo);
    return extend(load(env, addr, ir_mo_bytes((IrMemOp)mo), ir_mo_mmu((IrMemOp)mo),
                       mo & IR_MO_RMW ? MMU_STORE : MMU_LOAD),
                  mo);
}

/* After a store of translated code. */
static void leave_overwritten(CPUX86State *env)
{
    if (unlikely(env->jit.smc_leave)) {     /* the block overwrote itself; its instruction is complete */
        env->jit.smc_leave = false;
        env->eip = env->jit.smc_next;
        env->jit.host_pc = 0;
        cpu_loop_exit(env);
    }
}

void jit_slow_st(void *opaque, uint64_t addr, uint32_t mo, uint64_t val)
{
    CPUX86State *env = opaque;

    env->jit.stat_slow++;
    check_access(env, addr, mo);
    store(env, addr, val, ir_mo_bytes((IrMemOp)mo), ir_mo_mmu((IrMemOp)mo), true);
    leave_overwritten(env);
}

/*
 * 16 bytes at a time, with one instruction of the host: processors with AVX promise that aligned ones are atomic (SDM
 * vol. 3A, "Guaranteed Atomic Operations"), and libraries rely on it.
 */
typedef uint64_t Vector16 __attribute__((vector_size(16), aligned(1), may_alias));

static void copy_vector(void *to, const void *from, unsigned size)
{
    for (unsigned i = 0; i < size; i += 16) {
        *(Vector16 *)((char *)to + i) = *(const Vector16 *)((const char *)from + i);
    }
}

/* All of a vector of 16 or 32 bytes that lies in a page of RAM; false: in pieces. */
static bool vector_load(CPUX86State *env, vaddr addr, void *v, unsigned size, int mmu)
{
    const TlbFull *f;

    if (size < 16 || crosses(addr, size)) {
        return false;
    }
    f = tlb_get(env, addr, MMU_LOAD, mmu);
    if (f->io || f->watched) {
        return false;
    }
    copy_vector(v, entry_host(env, addr, mmu), size);
    return true;
}

static bool vector_store(CPUX86State *env, vaddr addr, const void *v, unsigned size, int mmu)
{
    TlbFull *f;
    ram_addr_t ram_addr;

    if (size < 16 || crosses(addr, size)) {
        return false;
    }
    f = tlb_get(env, addr, MMU_STORE, mmu);
    if (f->io || f->watched || f->rom) {
        return false;
    }
    ram_addr = f->ram_addr + PAGE_OFFSET(addr);
    code_store_begin(env, ram_addr, size, true);
    copy_vector(entry_host(env, addr, mmu), v, size);
    code_store_end(env, ram_addr, size);
    ram_dirty_set(ram_addr, size);
    set_write_tag(&env->jit.tlb[mmu][tlb_index(addr)], f);
    return true;
}

/*
 * Vectors of 4 to 32 bytes, whole or in pieces of at most 8. The rest up to 16 bytes becomes 0, with IR_MO_ZERO up to
 * 32.
 */
void jit_slow_ldv(void *opaque, uint64_t addr, uint32_t mo, uint64_t dst_off)
{
    CPUX86State *env = opaque;
    int mmu = ir_mo_mmu((IrMemOp)mo);
    unsigned size = ir_mo_bytes((IrMemOp)mo), piece = MIN(size, 8u);
    uint64_t v[4] = { 0 };

    env->jit.stat_slow++;
    check_access(env, addr, mo);
    if (crosses(addr, size)) {
        tlb_get_both(env, addr, size, MMU_LOAD, mmu);
    }
    if (!vector_load(env, addr, v, size, mmu)) {
        for (unsigned i = 0; i < size; i += piece) {
            v[i / 8] = load(env, byte_of(env, addr, i), piece, mmu, MMU_LOAD);
        }
    }
    memcpy((uint8_t *)env + dst_off, v, mo & IR_MO_ZERO ? 32 : MAX(size, 16u));
}

void jit_slow_stv(void *opaque, uint64_t addr, uint32_t mo, uint64_t src_off)
{
    CPUX86State *env = opaque;
    int mmu = ir_mo_mmu((IrMemOp)mo);
    unsigned size = ir_mo_bytes((IrMemOp)mo), piece = MIN(size, 8u);
    uint64_t v[4];

    env->jit.stat_slow++;
    check_access(env, addr, mo);
    memcpy(v, (uint8_t *)env + src_off, size);
    tlb_get_both(env, addr, size, MMU_STORE, mmu);
    if (!vector_store(env, addr, v, size, mmu)) {
        for (unsigned i = 0; i < size; i += piece) {
            store(env, byte_of(env, addr, i), v[i / 8], piece, mmu, true);
        }
    }
    leave_overwritten(env);
}

/* ---- atomic operations ---- */

/*
 *   RAM           the host's locked instruction, also when unaligned
 *   RAM with code the same, between the two looks at translations
 *   I/O           load and store under the big lock, which devices' answers are given under; a local APIC has one user
 *   ROM           a load
 *   two pages     starts again while all other vCPUs stand (cpu_restart_exclusive)
 */

static uint64_t rmw_result(IrRmw op, uint64_t old, uint64_t val)
{
    switch (op) {
    case IR_RMW_XCHG: return val;
    case IR_RMW_ADD: return old + val;
    case IR_RMW_AND: return old & val;
    case IR_RMW_OR: return old | val;
    case IR_RMW_XOR: return old ^ val;
    }
    g_assert_not_reached();
}

#define CAS_SIZED(bits)                                                                                             \
static uint64_t cas##bits(void *p, uint64_t expected, uint64_t val)                                                 \
{                                                                                                                   \
    uint##bits##_t e = GUINT##bits##_TO_LE((uint##bits##_t)expected);                                               \
                                                                                                                    \
    __atomic_compare_exchange_n((uint##bits##_t *)p, &e, GUINT##bits##_TO_LE((uint##bits##_t)val), false,           \
                                __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                                                \
    return GUINT##bits##_FROM_LE(e);                                                                                \
}
#define GUINT8_TO_LE(v) (v)
#define GUINT8_FROM_LE(v) (v)
CAS_SIZED(8)
CAS_SIZED(16)
CAS_SIZED(32)
CAS_SIZED(64)

static uint64_t host_cas(void *p, uint64_t expected, uint64_t val, unsigned size)
{
    switch (size) {
    case 1: return cas8(p, expected, val);
    case 2: return cas16(p, expected, val);
    case 4: return cas32(p, expected, val);
    default: return cas64(p, expected, val);
    }
}

/*
 * A locked operation: compare with expected and store val when it is equal (op < 0), or combine val with what is there.
 */
typedef struct Locked {
    int op;                     /* IrRmw or -1 */
    uint64_t expected, val;
    unsigned size;
} Locked;

static uint64_t size_mask(unsigned size)
{
    return ~0ull >> (64 - 8 * size);
}

static uint64_t locked_result(const Locked *l, uint64_t old)
{
    if (l->op >= 0) {
        return rmw_result((IrRmw)l->op, old, l->val);
    }
    return old == (l->expected & size_mask(l->size)) ? l->val : old;
}

static uint64_t locked_ram(const Locked *l, void *p)
{
    uint64_t mask = size_mask(l->size), old, seen;

    if (l->op < 0) {
        return host_cas(p, l->expected & mask, l->val & mask, l->size);
    }
    for (old = host_load(p, l->size);; old = seen) {
        seen = host_cas(p, old, locked_result(l, old) & mask, l->size);
        if (seen == old) {
            return old;
        }
    }
}

static uint64_t locked_io(CPUX86State *env, const Locked *l, hwaddr phys)
{
    bool taken = big_lock_enter();
    uint64_t old = io_load(env, phys, l->size);

    io_store(env, phys, locked_result(l, old), l->size);
    big_lock_leave(taken);
    return old;
}

static uint64_t locked_slow(CPUX86State *env, const Locked *l, vaddr addr, int mmu)
{
    TlbFull *f;
    ram_addr_t ram_addr;
    uint64_t old;

    if (crosses(addr, l->size)) {
        tlb_get_both(env, addr, l->size, MMU_STORE, mmu);       /* faults come first */
        cpu_restart_exclusive(env);
    }
    f = tlb_get(env, addr, MMU_STORE, mmu);
    if (f->watched) {
        cpu_check_breakpoint_data(env, addr, l->size, true);
    }
    if (f->io) {
        return locked_io(env, l, f->phys | PAGE_OFFSET(addr));
    }
    if (f->rom) {
        return host_load(entry_host(env, addr, mmu), l->size);
    }
    ram_addr = f->ram_addr + PAGE_OFFSET(addr);
    code_store_begin(env, ram_addr, l->size, true);
    old = locked_ram(l, entry_host(env, addr, mmu));
    code_store_end(env, ram_addr, l->size);
    ram_dirty_set(ram_addr, l->size);
    return old;
}

static uint64_t locked_access(CPUX86State *env, const Locked *l, vaddr addr, IrMemOp mo)
{
    void *p;

    check_access(env, addr, mo);
    p = cpu_host_ptr(env, addr, l->size, true, ir_mo_mmu(mo));
    return extend(p ? locked_ram(l, p) : locked_slow(env, l, addr, ir_mo_mmu(mo)), mo);
}

uint64_t jit_atomic_cas(void *opaque, uint64_t addr, uint64_t expected, uint64_t val, uint64_t memop)
{
    Locked l = { .op = -1, .expected = expected, .val = val, .size = ir_mo_bytes((IrMemOp)memop) };

    return locked_access(opaque, &l, addr, (IrMemOp)memop);
}

/* memop in the low 16 bits, the operation above. */
uint64_t jit_atomic_rmw(void *opaque, uint64_t addr, uint64_t val, uint64_t memop_rmw)
{
    Locked l = { .op = (int)(memop_rmw >> 16), .val = val, .size = ir_mo_bytes((IrMemOp)memop_rmw) };

    return locked_access(opaque, &l, addr, (IrMemOp)memop_rmw);
}

/* ---- helpers' loads and stores ---- */

uint64_t cpu_ld(CPUX86State *env, vaddr addr, unsigned size, int mmu_idx)
{
    TlbEntry *e = &env->jit.tlb[mmu_idx][tlb_index(addr)];

    if (likely((e->read ^ addr) <= TARGET_PAGE_SIZE - size)) {
        return host_load((void *)(e->host + PAGE_OFFSET(addr)), size);
    }
    return load(env, addr, size, mmu_idx, MMU_LOAD);
}

void cpu_st(CPUX86State *env, vaddr addr, uint64_t val, unsigned size, int mmu_idx)
{
    TlbEntry *e = &env->jit.tlb[mmu_idx][tlb_index(addr)];

    if (likely((e->write ^ addr) <= TARGET_PAGE_SIZE - size)) {
        host_store((void *)(e->host + PAGE_OFFSET(addr)), val, size);
    } else {
        store(env, addr, val, size, mmu_idx, false);
    }
}

void cpu_ld_bytes(CPUX86State *env, vaddr addr, void *buf, unsigned len, int mmu_idx)
{
    uint8_t *p = buf;

    while (len) {
        unsigned n = MIN(len, TARGET_PAGE_SIZE - (unsigned)PAGE_OFFSET(addr));
        const void *host = cpu_host_ptr(env, addr, n, false, mmu_idx);

        if (host) {
            memcpy(p, host, n);
        } else {
            n = 1;
            *p = (uint8_t)cpu_ld(env, addr, 1, mmu_idx);
        }
        addr += n;
        p += n;
        len -= n;
    }
}

void cpu_st_bytes(CPUX86State *env, vaddr addr, const void *buf, unsigned len, int mmu_idx)
{
    const uint8_t *p = buf;

    cpu_probe(env, addr, len, true, mmu_idx);
    while (len) {
        unsigned n = MIN(len, TARGET_PAGE_SIZE - (unsigned)PAGE_OFFSET(addr));
        void *host = cpu_host_ptr(env, addr, n, true, mmu_idx);

        if (host) {
            memcpy(host, p, n);
        } else {
            n = 1;
            cpu_st(env, addr, *p, 1, mmu_idx);
        }
        addr += n;
        p += n;
        len -= n;
    }
}

void cpu_probe(CPUX86State *env, vaddr addr, unsigned len, bool write, int mmu_idx)
{
    MmuAccess access = write ? MMU_STORE : MMU_LOAD;

    if (!len) {
        return;
    }
    if (crosses(addr, len)) {
        tlb_get_both(env, addr, len, access, mmu_idx);
    } else {
        tlb_get(env, addr, access, mmu_idx);
    }
}

void *cpu_host_ptr(CPUX86State *env, vaddr addr, unsigned len, bool write, int mmu_idx)
{
    TlbEntry *e = &env->jit.tlb[mmu_idx][tlb_index(addr)];

    if (crosses(addr, len)) {
        return NULL;
    }
    if (!tag_hits(write ? e->write : e->read, addr)) {
        TlbFull *f = tlb_get(env, addr, write ? MMU_STORE : MMU_LOAD, mmu_idx);

        if (write && !f->io && !f->rom && !ram_page_has_code(f->ram_addr)) {
            ram_dirty_set(f->ram_addr, 1);
            set_write_tag(e, f);
        }
        if (!tag_hits(write ? e->write : e->read, addr)) {
            return NULL;
        }
    }
    return (void *)(e->host + PAGE_OFFSET(addr));
}

/* ---- code ---- */

static int fetch_mmu(const CPUX86State *env)
{
    return cpu_cpl(env) == 3 ? MMU_USER : MMU_KERNEL;
}

uint8_t cpu_fetch_byte(CPUX86State *env, vaddr addr)
{
    return (uint8_t)page_load(env, addr, 1, fetch_mmu(env), MMU_FETCH);
}

const uint8_t *cpu_fetch_page(CPUX86State *env, vaddr addr)
{
    const TlbFull *f = tlb_get(env, addr, MMU_FETCH, fetch_mmu(env));

    return f->io ? NULL : entry_host(env, addr & TARGET_PAGE_MASK, fetch_mmu(env));
}

ram_addr_t tlb_code_ram_addr(CPUX86State *env, vaddr addr, bool *global)
{
    TlbFull *f = tlb_get(env, addr, MMU_FETCH, fetch_mmu(env));

    *global = f->global;
    return f->io ? ~0ull : f->ram_addr + PAGE_OFFSET(addr);
}

ram_addr_t tlb_code_ram_page(CPUX86State *env, vaddr addr)
{
    const TlbFull *f = &env->jit.tlb_full[fetch_mmu(env)][tlb_index(addr)];

    return f->page == (addr & TARGET_PAGE_MASK) && (f->prot & PROT_X) && !f->io ? f->ram_addr : ~0ull;
}
