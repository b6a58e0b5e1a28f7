/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block cache: translate, find, chain, invalidate, evict.
 *
 * A block is found by (RAM address of its first byte, EIP, mode key) in a hash table that readers walk without a lock;
 * per-vCPU jump caches stand before it. Writers hold the lock. The code buffer is one memory mapped twice, writable
 * here and executable there, and divided in regions: when the one in use is full the oldest is emptied and becomes the
 * new one. Blocks are unlinked from everything that could start them when they are invalidated, and freed with their
 * region, when no vCPU can be inside them any more (exclusive section).
 *
 * Each RAM page with translations has a list of the blocks that have bytes in it. Stores to such a page take the slow
 * path of the TLB and drop exactly the blocks they overlap.
 */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include "disas/disas.h"
#include "exec/cpu-exec.h"
#include "exec/cpu-mem.h"
#include "exec/translate-all.h"
#include "qemu/log.h"
#include "sysemu/cpus.h"
#include "target-i386/cpu.h"
#include "tcg/backend.h"

#define DEFAULT_BUFFER_SIZE (32 * MiB)
#define NUM_REGIONS     8
#define HASH_BITS       17
#define HASH_SIZE       (1u << HASH_BITS)
#define MAX_BLOCK_INSNS 64
#define BLOCK_SPACE     (64 * KiB)      /* room a block may need; IR_MAX_OPS bounds it */
#define CODE_ALIGN      16
#define PAGE_L1_BITS    12              /* pages described per second-level table */

typedef struct TbExit {
    TranslationBlock *tb;               /* the block it belongs to */
    TranslationBlock *target;           /* chained to, or NULL */
    struct TbExit *next_in;             /* list of exits chained to target */
    uint32_t patch_off, stub_off, loop_off;
    bool plain;                         /* to the variant of the successor without shared checks */
} TbExit;

struct TranslationBlock {
    uint64_t eip, mode_key;
    ram_addr_t ram_addr;                /* of the first byte; ~0: not RAM, runs once */
    ram_addr_t page[2];                 /* pages it has bytes in; ~0 none */
    uint16_t lo[2], hi[2];              /* bytes [lo, hi) in each page */
    TranslationBlock *next_in_page[2];
    TranslationBlock *hash_next;
    uint8_t *rw;
    const uint8_t *rx;
    uint32_t size;
    TbExit *incoming;
    TbExit *exits;
    TcgRestore *restore;
    uint32_t n_restore;
    uint16_t n_exits, n_insns, guest_bytes;
    bool invalid, plain;
    uint8_t n_soft;
    SoftBytes soft[MAX_SOFT];           /* of its first page: stores within one of them are none of its business */
    const CPUX86State *owner;           /* of a block that runs once */
};

#define CODE_GRAIN 16
typedef struct PageDesc {
    TranslationBlock *first;
    uint64_t code[TARGET_PAGE_SIZE / CODE_GRAIN / 64];  /* a bit for CODE_GRAIN bytes: 0, no block has any of them */
    bool stale;                         /* blocks have gone and left their bits */
    uint8_t turns;                      /* how often it became data again, up to MAX_TURNS */
    uint8_t patience;                   /* stores it stays protected for without translations */
} PageDesc;
#define MAX_TURNS 64

typedef struct Region {
    size_t start, end, used;
    GPtrArray *tbs;                     /* in order of code address */
} Region;

bool tcg_opt_singlestep, tcg_opt_nochain, tcg_opt_no_passes;
uint64_t tcg_opt_buffer_size;

/*
 * Guards all below. Recursive: fetching code may set an accessed bit in a page table that holds code itself. A fetch
 * fault unwinds out of translation with the lock held; cpu_exec() then calls tb_unwound().
 */
static pthread_mutex_t tb_mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static __thread unsigned tb_lock_depth;
static IrContext *ir;
static TcgCode code;
static uint8_t *buffer_rw;
static const uint8_t *buffer_rx;
static size_t buffer_size;
static Region regions[NUM_REGIONS];
static unsigned current_region;
static TranslationBlock *hash_table[HASH_SIZE];
static PageDesc **page_table;           /* [ram page >> PAGE_L1_BITS][...] */
static size_t page_table_len;
static struct {
    uint64_t blocks, insns, guest_bytes, host_bytes, invalidated, evictions, chained, code_page_stores, retries;
} stats;

uint64_t jit_slow_ld(void *opaque, uint64_t addr, uint32_t mo);
void jit_slow_st(void *opaque, uint64_t addr, uint32_t mo, uint64_t val);
void jit_slow_ldv(void *opaque, uint64_t addr, uint32_t mo, uint64_t dst_off);
void jit_slow_stv(void *opaque, uint64_t addr, uint32_t mo, uint64_t src_off);
uint64_t jit_atomic_rmw(void *opaque, uint64_t addr, uint64_t val, uint64_t memop_rmw);
uint64_t jit_atomic_cas(void *opaque, uint64_t addr, uint64_t expected, uint64_t val, uint64_t memop);
static const void *jit_lookup(void *opaque);

static void tb_lock(void)
{
    pthread_mutex_lock(&tb_mutex);
    tb_lock_depth++;
}

static void tb_unlock(void)
{
    tb_lock_depth--;
    pthread_mutex_unlock(&tb_mutex);
}

void tb_unwound(void)
{
    while (tb_lock_depth) {
        tb_unlock();
    }
}

/* ---- set-up ---- */

static bool buffer_map(Error **errp)
{
    int fd = memfd_create("translated-code", MFD_CLOEXEC);
    void *rw, *rx;

    if (fd < 0 || ftruncate(fd, (off_t)buffer_size) < 0) {
        error_set_errno(errp, errno, "cannot allocate the code buffer of %zu MiB", (size_t)(buffer_size / MiB));
        if (fd >= 0) {
            close(fd);
        }
        return false;
    }
    rw = mmap(NULL, buffer_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    rx = mmap(NULL, buffer_size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    close(fd);
    if (rw == MAP_FAILED || rx == MAP_FAILED) {
        error_set_errno(errp, errno, "cannot map the code buffer");
        error_append_hint(errp, "The host must allow executable mappings of anonymous files.");
        return false;
    }
    buffer_rw = rw;
    buffer_rx = rx;
    return true;
}

static void regions_init(size_t thunks)
{
    size_t each = ROUND_DOWN(buffer_size / NUM_REGIONS, TARGET_PAGE_SIZE);

    for (unsigned i = 0; i < NUM_REGIONS; i++) {
        regions[i].start = i ? i * each : ALIGN_UP(thunks, 64);
        regions[i].end = (i + 1) * each;
        regions[i].used = regions[i].start;
        regions[i].tbs = g_ptr_array_new();
    }
}

static void topology_changed_on(VCpu *v, void *opaque)
{
    tlb_flush(vcpu_env(v));
}

/* What addresses resolve to has changed: cached answers go. Blocks are keyed by RAM address and stay right. */
static void topology_changed(void *opaque)
{
    VCPU_FOREACH(v) {
        if (!v->thread || v == current_vcpu) {
            tlb_flush(vcpu_env(v));
            cpu_request_exit(vcpu_env(v));
        } else {
            vcpu_run_on_async(v, topology_changed_on, NULL);
        }
    }
}

bool tcg_init(Error **errp)
{
    const TcgEnvLayout layout = {
        .eip = offsetof(CPUX86State, eip), .exit_request = offsetof(CPUX86State, jit.exit_request),
        .interrupt_request = offsetof(CPUX86State, interrupt_request),
        .mxcsr_host = offsetof(CPUX86State, jit.mxcsr_host), .mode_key = offsetof(CPUX86State, jit.mode_key),
        .host_pc = offsetof(CPUX86State, jit.host_pc), .host_sp = offsetof(CPUX86State, jit.host_sp),
        .args = offsetof(CPUX86State, jit.args), .jc = offsetof(CPUX86State, jit.jc),
        .vec = offsetof(CPUX86State, xmm), .n_vec = X86_VEC_SLOTS, .n_vec_temps = X86_VEC_TEMPS,
        .tlb = { offsetof(CPUX86State, jit.tlb[0]), offsetof(CPUX86State, jit.tlb[1]),
                 offsetof(CPUX86State, jit.tlb[2]) },
        .slow_ld = jit_slow_ld, .slow_st = jit_slow_st, .slow_ldv = jit_slow_ldv, .slow_stv = jit_slow_stv,
        .atomic_rmw = jit_atomic_rmw, .atomic_cas = jit_atomic_cas, .lookup = jit_lookup,
    };

    if (ir) {
        return true;
    }
    buffer_size = tcg_opt_buffer_size ? MAX(tcg_opt_buffer_size, 4 * MiB) : DEFAULT_BUFFER_SIZE;
    buffer_size = ROUND_UP(buffer_size, NUM_REGIONS * 4096);
    if (!buffer_map(errp)) {
        return false;
    }
    ir = ir_context_new();
    x86_translate_init(ir);
    tcg_backend_assign_pins(ir);
    regions_init(tcg_backend_init(ir, &layout, buffer_rw, buffer_rx, buffer_size / NUM_REGIONS));
    ram_dirty_set_listener(tlb_write_protect);
    memory_listener_add(topology_changed, NULL);
    return true;
}

/* ---- pages ---- */

static PageDesc *page_desc(ram_addr_t page, bool create)
{
    uint64_t n = page >> TARGET_PAGE_BITS, l1 = n >> PAGE_L1_BITS;

    if (l1 >= page_table_len) {
        if (!create) {
            return NULL;
        }
        page_table = g_renew(PageDesc *, page_table, l1 + 1);
        memset(page_table + page_table_len, 0, (l1 + 1 - page_table_len) * sizeof(PageDesc *));
        page_table_len = l1 + 1;
    }
    if (!page_table[l1]) {
        if (!create) {
            return NULL;
        }
        page_table[l1] = g_new0(PageDesc, 1u << PAGE_L1_BITS);
    }
    return &page_table[l1][n & ((1u << PAGE_L1_BITS) - 1)];
}

/*
 * How often protecting a page has taken rights to write from a vCPU, and up to which of these times all vCPUs have
 * passed a block boundary since. Guarded by the lock.
 */
static unsigned rights_taken, rights_settled;

static bool rights_are_settled(void)
{
    return rights_settled == rights_taken;
}

/*
 * A page without translations needs no protection (one that ended in a fault leaves it, too). But somebody may have
 * protected it and be waiting for the others, who must not be able to undo that again and again: the next store can.
 * Protecting costs as much as many stores to a protected page: a page that goes to and fro stays so for a while.
 */
static void page_unprotect_unused(ram_addr_t page)
{
    PageDesc *p = page_desc(page, false);

    if ((p && p->first) || !rights_are_settled()) {
        return;
    }
    if (p && p->patience) {
        p->patience--;
        return;
    }
    ram_code_unprotect(page);
    if (p) {
        p->turns += p->turns < MAX_TURNS;
    }
}

static void page_mark(PageDesc *p, unsigned lo, unsigned hi)
{
    for (unsigned n = lo / CODE_GRAIN; n * CODE_GRAIN < hi; n++) {
        p->code[n / 64] |= 1ull << n % 64;
    }
}

static bool page_is_marked(const PageDesc *p, unsigned lo, unsigned hi)
{
    for (unsigned n = lo / CODE_GRAIN; n * CODE_GRAIN < hi; n++) {
        if (p->code[n / 64] & 1ull << n % 64) {
            return true;
        }
    }
    return false;
}

static void page_add(TranslationBlock *tb, unsigned which)
{
    PageDesc *p = page_desc(tb->page[which], true);

    tb->next_in_page[which] = p->first;
    p->first = tb;
    page_mark(p, tb->lo[which], tb->hi[which]);
    p->patience = p->turns;
}

static unsigned page_slot(const TranslationBlock *tb, ram_addr_t page)
{
    return tb->page[0] == page ? 0 : 1;
}

static void page_remove(TranslationBlock *tb, unsigned which)
{
    PageDesc *p = page_desc(tb->page[which], true);
    TranslationBlock **link = &p->first;

    while (*link != tb) {
        link = &(*link)->next_in_page[page_slot(*link, tb->page[which])];
    }
    *link = tb->next_in_page[which];
    p->stale = true;
    page_unprotect_unused(tb->page[which]);
}

/* ---- hash ---- */

static uint32_t tb_hash(ram_addr_t ram_addr, uint64_t eip, uint64_t mode_key)
{
    uint64_t h = (ram_addr ^ eip * 0x9e3779b97f4a7c15ull ^ mode_key) * 0xff51afd7ed558ccdull;

    return (uint32_t)(h >> (64 - HASH_BITS));
}

static void hash_remove(TranslationBlock *tb)
{
    TranslationBlock **link = &hash_table[tb_hash(tb->ram_addr, tb->eip, tb->mode_key)];

    while (*link && *link != tb) {
        link = &(*link)->hash_next;
    }
    if (*link) {
        __atomic_store_n(link, tb->hash_next, __ATOMIC_RELEASE);    /* tb->hash_next stays: a reader may stand on tb */
    }
}

static vaddr linear_of(uint64_t eip, uint64_t mode_key)
{
    return mode_key & MK_CS64 ? eip : (uint32_t)(eip + (mode_key >> 32));
}

/* A block that reaches into a second page is only right if that page is still mapped behind the first. */
static bool second_page_matches(CPUX86State *env, const TranslationBlock *tb, vaddr linear)
{
    bool global;

    linear = (linear & TARGET_PAGE_MASK) + TARGET_PAGE_SIZE;
    return tb->page[1] == ~0ull || (tlb_code_ram_addr(env, linear, &global) & TARGET_PAGE_MASK) == tb->page[1];
}

static void jc_fill(CPUX86State *env, TranslationBlock *tb, bool global)
{
    CpuJit *jit = &env->jit;
    unsigned i = jc_index(tb->eip);

    jc_note(env, i, linear_of(tb->eip, tb->mode_key), global);
    jit->jc[i] = (JumpCacheEntry) { .eip = tb->eip, .mode_key = tb->mode_key, .code = tb->rx, .tb = tb };
    /* An invalidation sets the flag and then looks at this entry: with the fence one of the two sees the other. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (__atomic_load_n(&tb->invalid, __ATOMIC_SEQ_CST)) {
        jit->jc[i].mode_key = ~0ull;
    }
}

static bool cacheable(const CPUX86State *env)
{
    return !tcg_opt_nochain && !env->jit.smc_single && !log_enabled(LOG_NOCHAIN);
}

TranslationBlock *tb_find(CPUX86State *env, bool plain)
{
    uint64_t eip = env->eip, key = env->jit.mode_key;
    const JumpCacheEntry *e = &env->jit.jc[jc_index(eip)];
    vaddr linear = linear_of(eip, key);
    ram_addr_t ram_addr;
    bool global;

    if (env->jit.smc_single) {
        return NULL;
    }
    if (!plain && e->eip == eip && e->mode_key == key) {
        return e->tb;
    }
    env->jit.stat_lookup++;
    ram_addr = tlb_code_ram_addr(env, linear, &global);
    if (ram_addr == ~0ull) {
        return NULL;
    }
    for (TranslationBlock *tb = __atomic_load_n(&hash_table[tb_hash(ram_addr, eip, key)], __ATOMIC_ACQUIRE); tb;
         tb = __atomic_load_n(&tb->hash_next, __ATOMIC_ACQUIRE)) {
        if (tb->ram_addr == ram_addr && tb->eip == eip && tb->mode_key == key && tb->plain == plain && !tb->invalid
            && second_page_matches(env, tb, linear)) {
            /* INVLPG of a second page would not find it in the jump cache. */
            if (!plain && tb->page[1] == ~0ull && cacheable(env)) {
                jc_fill(env, tb, global);
            }
            return tb;
        }
    }
    return NULL;
}

/* From translated code: a computed jump missed the jump cache. */
static const void *jit_lookup(void *opaque)
{
    CPUX86State *env = opaque;
    TranslationBlock *tb;

    if (unlikely(cpu_code64(env) && !addr_is_canonical(env->eip))) {
        cpu_bad_jump(env);
    }
    env->jit.stat_jc_miss++;
    env->jit.host_pc = 0;
    if (!cacheable(env) || __atomic_load_n(&env->jit.exit_request, __ATOMIC_RELAXED)) {
        return NULL;
    }
    tb = tb_find(env, false);
    return tb ? tb->rx : NULL;
}

const void *tb_code(const TranslationBlock *tb)
{
    return tb->rx;
}

bool tb_exit_is_plain(uintptr_t cookie)
{
    return cookie && ((const TbExit *)cookie)->plain;
}

uint64_t tb_eip(const TranslationBlock *tb)
{
    return tb->eip;
}

/* ---- chaining ---- */

static void exit_unchain(TbExit *e)
{
    tcg_backend_patch(e->tb->rw + e->patch_off, e->tb->rx + e->patch_off, e->tb->rx + e->stub_off);
    e->target = NULL;
}

void tb_chain(uintptr_t cookie, TranslationBlock *tb)
{
    TbExit *e = (TbExit *)cookie;

    if (tcg_opt_nochain || log_enabled(LOG_NOCHAIN)) {
        return;
    }
    tb_lock();
    if (!e->target && !e->tb->invalid && !e->tb->owner && !tb->invalid && tb->ram_addr != ~0ull &&
        tb->page[1] == ~0ull && (!e->loop_off || tb == e->tb)) {
        e->target = tb;
        e->next_in = tb->incoming;
        tb->incoming = e;
        tcg_backend_patch(e->tb->rw + e->patch_off, e->tb->rx + e->patch_off, tb->rx + e->loop_off);
        stats.chained++;
    }
    tb_unlock();
}

static void tb_unchain(TranslationBlock *tb)
{
    for (TbExit *e = tb->incoming, *next; e; e = next) {
        next = e->next_in;
        exit_unchain(e);
    }
    tb->incoming = NULL;
    for (unsigned i = 0; i < tb->n_exits; i++) {        /* leave the lists of those we jump to */
        TbExit *e = &tb->exits[i];

        if (e->target) {
            TbExit **link = &e->target->incoming;

            while (*link != e) {
                link = &(*link)->next_in;
            }
            *link = e->next_in;
            exit_unchain(e);
        }
    }
}

/* ---- invalidation ---- */

/* Nothing starts the block any more; who is inside finishes it. */
static void tb_invalidate_locked(TranslationBlock *tb)
{
    if (tb->invalid) {
        return;
    }
    __atomic_store_n(&tb->invalid, true, __ATOMIC_SEQ_CST);
    stats.invalidated++;
    tb_unchain(tb);
    if (tb->ram_addr == ~0ull) {
        return;
    }
    hash_remove(tb);
    for (unsigned i = 0; i < 2; i++) {
        if (tb->page[i] != ~0ull) {
            page_remove(tb, i);
        }
    }
    __atomic_thread_fence(__ATOMIC_SEQ_CST);                /* pairs with the one in jc_fill() */
    VCPU_FOREACH(v) {
        JumpCacheEntry *e = &vcpu_env(v)->jit.jc[jc_index(tb->eip)];

        if (e->tb == tb) {
            __atomic_store_n(&e->mode_key, ~0ull, __ATOMIC_SEQ_CST);
        }
    }
}

/* Does a store to bytes [lo, hi) of the block's i-th page change it? */
static bool overlaps(const TranslationBlock *tb, unsigned i, unsigned lo, unsigned hi)
{
    for (unsigned n = 0; i == 0 && n < tb->n_soft; n++) {
        if (tb->soft[n].lo <= lo && hi <= tb->soft[n].hi) {
            return false;
        }
    }
    return tb->lo[i] < hi && lo < tb->hi[i];
}

/*
 * Stores that took blocks away, by address: code that keeps changing the operand of an instruction would be translated
 * again each time. After a few times the operand is soft: blocks read it from memory as they run. Guarded by the lock.
 */
#define SOFT_SLOTS 256
#define SOFT_AFTER 3
static struct { ram_addr_t addr; uint8_t len, count; } overwritten[SOFT_SLOTS];

static unsigned soft_slot(ram_addr_t addr)
{
    return (unsigned)(addr ^ addr >> 8) % SOFT_SLOTS;
}

static void note_overwritten(ram_addr_t addr, unsigned len)
{
    unsigned n = soft_slot(addr);

    if (len > 8) {
        return;
    }
    if (overwritten[n].addr != addr || overwritten[n].len != len) {
        overwritten[n].addr = addr;
        overwritten[n].len = (uint8_t)len;
        overwritten[n].count = 0;
    }
    overwritten[n].count += overwritten[n].count < SOFT_AFTER;
}

/* Are bytes [lo, hi) of the page at *opaque those of an operand that keeps changing? */
static bool is_soft(const void *opaque, unsigned lo, unsigned hi)
{
    ram_addr_t page = *(const ram_addr_t *)opaque;

    for (ram_addr_t addr = page + lo; addr < page + hi; addr++) {
        unsigned n = soft_slot(addr);

        if (overwritten[n].addr == addr && overwritten[n].count >= SOFT_AFTER &&
            addr + overwritten[n].len <= page + hi) {
            return true;
        }
    }
    return false;
}

/* Blocks with bytes in [lo, hi) of the page go. True if `running` was one. */
static bool page_invalidate_locked(ram_addr_t page, unsigned lo, unsigned hi, const TranslationBlock *running)
{
    PageDesc *p = page_desc(page, false);
    bool hit = false, mark;

    if (!p || !page_is_marked(p, lo, hi)) {
        return false;
    }
    mark = p->stale;
    if (mark) {
        memset(p->code, 0, sizeof(p->code));
    }
    for (TranslationBlock *tb = p->first, *next; tb; tb = next) {
        unsigned i = page_slot(tb, page);

        next = tb->next_in_page[i];
        if (overlaps(tb, i, lo, hi)) {
            hit |= tb == running;
            tb_invalidate_locked(tb);
        } else if (mark) {
            page_mark(p, tb->lo[i], tb->hi[i]);
        }
    }
    p->stale &= !mark;
    return hit;
}

void tb_invalidate_phys_range(ram_addr_t start, ram_addr_t end)
{
    if (start >= end) {
        return;
    }
    tb_lock();
    for (ram_addr_t page = start & TARGET_PAGE_MASK; page < end; page += TARGET_PAGE_SIZE) {
        unsigned lo = page < start ? (unsigned)(start - page) : 0;
        unsigned hi = end - page < TARGET_PAGE_SIZE ? (unsigned)(end - page) : TARGET_PAGE_SIZE;

        page_invalidate_locked(page, lo, hi, NULL);
    }
    tb_unlock();
}

static TranslationBlock *tb_of_host_pc(uint64_t host_pc);

bool tb_invalidate_for_store(ram_addr_t addr, unsigned len, uint64_t host_pc)
{
    ram_addr_t page = addr & TARGET_PAGE_MASK;
    unsigned lo = (unsigned)(addr - page);
    uint64_t before;
    bool hit;

    tb_lock();
    stats.code_page_stores++;
    before = stats.invalidated;
    hit = page_invalidate_locked(page, lo, lo + len, host_pc ? tb_of_host_pc(host_pc) : NULL);
    if (stats.invalidated != before) {
        note_overwritten(addr, len);
    }
    page_unprotect_unused(page);
    tb_unlock();
    return hit;
}

/* ---- regions ---- */

static void tb_free(gpointer p, gpointer unused)
{
    TranslationBlock *tb = p;

    g_free(tb->exits);
    g_free(tb->restore);
    g_free(tb);
}

static void region_evict_locked(Region *r)
{
    for (unsigned i = 0; i < r->tbs->len; i++) {
        tb_invalidate_locked(g_ptr_array_index(r->tbs, i));
    }
    g_ptr_array_foreach(r->tbs, tb_free, NULL);
    g_ptr_array_set_size(r->tbs, 0);
    r->used = r->start;
    stats.evictions++;
}

/*
 * Lock held on entry and exit; given up in between when others have to be stopped. True: they passed a block boundary.
 */
static bool stop_others(void)
{
    if (exclusive_held()) {
        return false;
    }
    tb_unlock();
    exclusive_start();
    tb_lock();
    return true;
}

static bool has_room(const Region *r)
{
    return r->end - r->used >= BLOCK_SPACE;
}

/* The region after the current one becomes it, emptied if need be. True: the lock was given up. */
static bool next_region(void)
{
    unsigned next = (current_region + 1) % NUM_REGIONS;
    bool stopped = regions[next].tbs->len && stop_others();

    if (current_region == (next + NUM_REGIONS - 1) % NUM_REGIONS) {     /* else another vCPU has done it meanwhile */
        if (regions[next].tbs->len) {
            region_evict_locked(&regions[next]);
        }
        current_region = next;
    }
    if (stopped) {
        tb_unlock();            /* the end of a section may wait for the next one, and that for who wants this lock */
        exclusive_end();
        tb_lock();
    }
    return stopped;
}

/* Before anything of a translation exists, as the lock may be given up. Another vCPU may have made the room then. */
static bool region_make_room(void)
{
    bool given_up = false;

    while (!has_room(&regions[current_region])) {
        given_up |= next_region();
    }
    return given_up;
}

void tb_flush_all(void)
{
    exclusive_start();
    tb_lock();
    for (unsigned i = 0; i < NUM_REGIONS; i++) {
        region_evict_locked(&regions[i]);
    }
    current_region = 0;
    tb_unlock();
    exclusive_end();
}

static TranslationBlock *tb_of_host_pc(uint64_t host_pc)
{
    size_t off = host_pc - (uintptr_t)buffer_rx;

    for (unsigned r = 0; r < NUM_REGIONS && off < buffer_size; r++) {
        GPtrArray *tbs = regions[r].tbs;
        unsigned lo = 0, hi = tbs->len;

        if (off < regions[r].start || off >= regions[r].end) {
            continue;
        }
        while (lo < hi) {
            unsigned mid = (lo + hi) / 2;
            TranslationBlock *tb = g_ptr_array_index(tbs, mid);

            if (host_pc > (uintptr_t)tb->rx + tb->size) {
                lo = mid + 1;
            } else if (host_pc <= (uintptr_t)tb->rx) {
                hi = mid;
            } else {
                return tb;
            }
        }
    }
    return NULL;
}

/* Lock held. */
static const TcgRestore *restore_find(uint64_t host_pc, const TranslationBlock **tb)
{
    *tb = tb_of_host_pc(host_pc);
    if (*tb) {
        uint32_t off = (uint32_t)(host_pc - (uintptr_t)(*tb)->rx);
        unsigned lo = 0, hi = (*tb)->n_restore;

        while (lo < hi) {
            unsigned mid = (lo + hi) / 2;

            if ((*tb)->restore[mid].code_off < off) {
                lo = mid + 1;
            } else {
                hi = mid;
            }
        }
        if (lo < (*tb)->n_restore && (*tb)->restore[lo].code_off == off) {
            return &(*tb)->restore[lo];
        }
    }
    return NULL;
}

bool tb_restore_eip(uint64_t host_pc, uint64_t *eip)
{
    const TranslationBlock *tb;
    const TcgRestore *r;

    tb_lock();
    r = restore_find(host_pc, &tb);
    if (r) {
        *eip = tb->eip + (uint64_t)(int64_t)r->eip_delta;
    }
    tb_unlock();
    return r;
}

bool tb_eip_after_store(uint64_t host_pc, uint64_t *eip)
{
    const TranslationBlock *tb;
    const TcgRestore *r;
    bool known;

    tb_lock();
    r = restore_find(host_pc, &tb);
    known = r && r->next_delta;
    if (known) {
        *eip = tb->eip + (uint64_t)(int64_t)r->next_delta;
    }
    tb_unlock();
    return known;
}

/* ---- translation ---- */

static void log_ir(uint32_t mask, const char *title)
{
    g_autoptr(GString) s = NULL;

    if (!log_enabled(mask)) {
        return;
    }
    s = g_string_new(NULL);
    ir_dump(ir, s);
    qemu_log("%s:\n%s\n", title, s->str);
}

static void log_in_asm(CPUX86State *env, const TranslateResult *res)
{
    uint8_t bytes[2 * TARGET_PAGE_SIZE];
    unsigned len = (unsigned)MIN(res->hi - res->lo, sizeof(bytes));
    uint64_t key = env->jit.mode_key;
    FILE *f;

    for (unsigned i = 0; i < len; i++) {
        bytes[i] = cpu_fetch_byte(env, res->lo + i);
    }
    f = log_lock();
    if (f) {
        fprintf(f, "----------------\nIN: \n");
        disas_guest_x86(f, bytes, res->lo, len, key & MK_CS64 ? 64 : key & MK_CS32 ? 32 : 16);
        fprintf(f, "\n");
        log_unlock(f);
    }
}

static void log_out_asm(void)
{
    FILE *f = log_lock();

    if (f) {
        fprintf(f, "OUT: [size=%zu]\n", code.size);
        tcg_backend_disassemble(&code, f);
        fprintf(f, "\n");
        log_unlock(f);
    }
}

/* Bytes [lo, hi) of linear space to pages of RAM. */
static void tb_set_range(CPUX86State *env, TranslationBlock *tb, const TranslateResult *res, vaddr linear)
{
    vaddr first = linear & TARGET_PAGE_MASK, second = first + TARGET_PAGE_SIZE;
    bool global;

    tb->page[0] = tb->ram_addr == ~0ull ? ~0ull : tb->ram_addr & TARGET_PAGE_MASK;
    tb->page[1] = ~0ull;
    tb->lo[0] = (uint16_t)(MAX(res->lo, first) - first);
    tb->hi[0] = (uint16_t)(MIN(res->hi, second) - first);
    if (res->hi > second && tb->ram_addr != ~0ull) {
        ram_addr_t a = tlb_code_ram_addr(env, second, &global);

        tb->page[1] = a == ~0ull ? ~0ull : a & TARGET_PAGE_MASK;
        tb->lo[1] = 0;
        tb->hi[1] = (uint16_t)(res->hi - second);
        if (a == ~0ull) {
            tb->ram_addr = tb->page[0] = ~0ull;
        }
    }
}

static TranslationBlock *tb_new(const CPUX86State *env, unsigned n_exits, bool plain)
{
    TranslationBlock *tb = g_new0(TranslationBlock, 1);

    tb->eip = env->eip;
    tb->mode_key = env->jit.mode_key;
    tb->plain = plain;
    tb->n_exits = (uint16_t)n_exits;
    tb->exits = g_new0(TbExit, n_exits);
    for (unsigned i = 0; i < n_exits; i++) {
        tb->exits[i].tb = tb;
    }
    return tb;
}

static void run_passes(bool plain, bool log)
{
    if (log) {
        log_ir(LOG_OP, "OP");
    }
#ifdef CONFIG_DEBUG
    ir_verify(ir, IR_TYPES_EXACT);
#endif
    if (!tcg_opt_no_passes) {
        ir_optimize(ir);
        if (!plain) {
            ir_share_checks(ir);
        }
        ir_coalesce(ir);
    }
    ir_liveness(ir);
    if (log) {
        log_ir(LOG_OP_OPT, "OP after optimization and liveness analysis");
    }
}

static void finish_block(TranslationBlock *tb, Region *r)
{
    for (unsigned i = 0; i < tb->n_exits; i++) {
        tb->exits[i].patch_off = code.exits[i].patch_off;
        tb->exits[i].stub_off = code.exits[i].stub_off;
        tb->exits[i].loop_off = code.exits[i].loop_off;
        tb->exits[i].plain = code.exits[i].plain;
    }
    tb->restore = g_memdup2(code.restore, code.n_restore * sizeof(TcgRestore));
    tb->n_restore = code.n_restore;
    tb->rw = code.rw;
    tb->rx = code.rx;
    tb->size = (uint32_t)code.size;
    r->used = ALIGN_UP(r->used + code.size, CODE_ALIGN);
    g_ptr_array_add(r->tbs, tb);
    stats.blocks++;
    stats.insns += tb->n_insns;
    stats.guest_bytes += tb->guest_bytes;
    stats.host_bytes += code.size;
}

static void publish_block(TranslationBlock *tb)
{
    TranslationBlock **bucket = &hash_table[tb_hash(tb->ram_addr, tb->eip, tb->mode_key)];

    for (unsigned i = 0; i < 2; i++) {
        if (tb->page[i] != ~0ull) {
            page_add(tb, i);
        }
    }
    tb->hash_next = *bucket;
    __atomic_store_n(bucket, tb, __ATOMIC_RELEASE);
}

/* The block that this vCPU ran once and is done with gives its room back, if nothing was placed behind it. */
static void reclaim_single(const CPUX86State *env)
{
    Region *r = &regions[current_region];
    TranslationBlock *tb = r->tbs->len ? g_ptr_array_index(r->tbs, r->tbs->len - 1) : NULL;

    if (tb && tb->owner == env) {
        r->used = (size_t)(tb->rw - buffer_rw);
        g_ptr_array_set_size(r->tbs, (int)r->tbs->len - 1);
        tb_free(tb, NULL);
    }
}

/* Emits code for what ir holds. NULL: try again with fewer instructions. */
static TranslationBlock *generate_locked(CPUX86State *env, const TranslateResult *res, vaddr linear,
                                         ram_addr_t ram_addr, bool plain, bool log)
{
    Region *r;
    TranslationBlock *tb;
    bool too_complex;

    r = &regions[current_region];
    tb = tb_new(env, ir->n_exits, plain);
    tb->ram_addr = ram_addr;
    tb->n_insns = (uint16_t)res->n_insns;
    tb->guest_bytes = (uint16_t)res->guest_bytes;
    tb_set_range(env, tb, res, linear);
    tb->n_soft = (uint8_t)res->n_soft;
    memcpy(tb->soft, res->soft, sizeof(tb->soft));
    code.rw = buffer_rw + r->used;
    code.rx = buffer_rx + r->used;
    code.capacity = r->end - r->used;
    code.eip = tb->eip;
    code.leave = env->jit.smc_single || ram_addr == ~0ull;
    code.cookies = (uintptr_t)tb->exits;
    code.cookie_stride = sizeof(TbExit);
    if (!tcg_backend_generate(ir, &code, &too_complex)) {
        stats.retries++;
        tb_free(tb, NULL);
        return NULL;
    }
    finish_block(tb, r);
    if (log && log_enabled(LOG_OUT_ASM)) {
        log_out_asm();
    }
    if (tb->ram_addr != ~0ull && !env->jit.smc_single) {
        publish_block(tb);
    } else {
        tb->ram_addr = tb->page[0] = tb->page[1] = ~0ull;      /* runs once, found by nobody */
        tb->owner = env;
    }
    return tb;
}

/*
 * Stores to the page must reach us before its bytes are read. Another vCPU may stand between its TLB check and its
 * store: if one could write there without us until now, all have to pass a block boundary. The lock is given up
 * meanwhile, and whoever else translates until then waits likewise, but each for one exclusive section only: any that
 * begins after the rights were taken will do. True: the lock was given up.
 */
static bool protect_page(ram_addr_t page)
{
    bool given_up = false;

    for (;;) {
        bool fresh = !ram_page_has_code(page);
        unsigned taken;

        tlb_write_rights_taken = false;
        ram_code_protect(page);
        rights_taken += fresh && tlb_write_rights_taken;
        if (exclusive_held()) {
            rights_settled = rights_taken;
        }
        if (rights_are_settled()) {
            return given_up;
        }
        taken = rights_taken;
        tb_unlock();
        exclusive_start();
        exclusive_end();
        tb_lock();
        if ((int)(taken - rights_settled) > 0) {
            rights_settled = taken;
        }
        given_up = true;
    }
}

/* The block may reach into a second page: true when that was not protected while it was read. */
static bool protect_second_page(CPUX86State *env, vaddr linear, const TranslateResult *res)
{
    vaddr second = (linear & TARGET_PAGE_MASK) + TARGET_PAGE_SIZE;
    ram_addr_t page;
    bool global, was_protected;

    if (res->hi <= second) {
        return false;
    }
    page = tlb_code_ram_addr(env, second, &global);
    if (page == ~0ull) {
        return false;
    }
    was_protected = ram_page_has_code(page);
    return protect_page(page & TARGET_PAGE_MASK) || !was_protected;
}

/* Lock held, perhaps given up in between: when it returns, there is room, and the first page is protected. */
static void translation_prepare(ram_addr_t ram_addr)
{
    while (region_make_room() || (ram_addr != ~0ull && protect_page(ram_addr & TARGET_PAGE_MASK))) {
        continue;
    }
}

TranslationBlock *tb_generate(CPUX86State *env, bool plain)
{
    TranslateRequest rq = { .env = env, .ir = ir, .eip = env->eip, .mode_key = env->jit.mode_key };
    TranslateResult res;
    TranslationBlock *tb = NULL;
    vaddr linear = linear_of(env->eip, env->jit.mode_key);
    unsigned max_insns = tcg_opt_singlestep || env->jit.smc_single ? 1 : MAX_BLOCK_INSNS;
    bool global, log = log_mask_active && log_in_filter(linear);
    ram_addr_t ram_addr = tlb_code_ram_addr(env, linear, &global), page = ram_addr & TARGET_PAGE_MASK;

    if (ram_addr == ~0ull) {
        max_insns = 1;
    } else if (!env->jit.smc_single) {
        rq.is_soft = is_soft;
        rq.opaque = &page;
    }
    cpu_fetch_byte(env, linear);
    tb_lock();
    reclaim_single(env);
    for (;; max_insns = MAX(1, max_insns / 2)) {
        translation_prepare(ram_addr);
        tb = tb_find(env, plain);       /* another vCPU may have been faster */
        if (tb) {
            break;
        }
        ir_reset(ir);
        rq.max_insns = max_insns;
        x86_translate_block(&rq, &res);
        if (protect_second_page(env, linear, &res)) {
            continue;
        }
        if (ir_overflow(ir)) {
            stats.retries++;
            continue;
        }
        if (log && log_enabled(LOG_IN_ASM)) {
            log_in_asm(env, &res);
        }
        run_passes(plain, log);
        tb = generate_locked(env, &res, linear, ram_addr, plain, log);
        if (tb) {
            break;
        }
    }
    tb_unlock();
    return tb;
}

/* ---- statistics ---- */

void tcg_print_stats(GString *out)
{
    uint64_t used = 0, count = 0;

    for (unsigned i = 0; i < NUM_REGIONS; i++) {
        used += regions[i].used - regions[i].start;
        count += regions[i].tbs ? regions[i].tbs->len : 0;
    }
    g_string_append_printf(out,
        "Translation buffer state (%s):\n"
        "code buffer         %" PRIu64 "/%zu KiB, %" PRIu64 " blocks in it\n"
        "translated          %" PRIu64 " blocks, %" PRIu64 " instructions\n"
        "guest bytes in      %" PRIu64 "\nhost bytes out      %" PRIu64 "\n"
        "exits chained       %" PRIu64 "\nblocks invalidated  %" PRIu64 "\nregions evicted     %" PRIu64 "\n"
        "code page stores    %" PRIu64 "\ntranslation retries %" PRIu64 "\nexclusive sections  %" PRIu64 "\n",
        tcg_backend_name, used / 1024, buffer_size / 1024, count, stats.blocks, stats.insns, stats.guest_bytes,
        stats.host_bytes, stats.chained, stats.invalidated, stats.evictions, stats.code_page_stores, stats.retries,
        exclusive_count());
    VCPU_FOREACH(v) {
        const CpuJit *j = &vcpu_env(v)->jit;

        g_string_append_printf(out,
            "CPU %d: TLB misses %" PRIu64 ", slow accesses %" PRIu64 ", I/O %" PRIu64 ", TLB flushes %" PRIu64
            ", page flushes %" PRIu64 ", jump cache misses %" PRIu64 ", hash look-ups %" PRIu64
            ", self-modifying restarts %" PRIu64 "\n",
            v->index, j->stat_tlb_miss, j->stat_slow, j->stat_io, j->stat_flush, j->stat_flush_page, j->stat_jc_miss,
            j->stat_lookup, j->stat_smc);
    }
}
