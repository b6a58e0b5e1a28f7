/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The block cache: translate, find, chain, invalidate, evict.
 *
 * A block is found by (RAM address of its first byte, EIP, mode key) in a hash table that readers walk without a lock;
 * per-vCPU jump caches stand before it. Writers hold the lock; compiling a block is done without. Blocks are unlinked
 * from everything that could start them when a store changes their bytes (tb-pages.c), and freed with the region of the
 * code buffer they are in (tb-buffer.c), when no vCPU can be inside them any more (exclusive section).
 */
#include "qemu/osdep.h"
#include "disas/disas.h"
#include "exec/cpu-exec.h"
#include "exec/cpu-mem.h"
#include "exec/ram.h"
#include "exec/tb-internal.h"
#include "qemu/log.h"
#include "sysemu/cpus.h"
#include "target-i386/cpu.h"

#define BUFFER_SIZE     (32 * MiB)      /* to start with */
#define BUFFER_MAX      (128 * MiB)
#define BUFFER_MIN      (4 * MiB)
#define HASH_BITS       18
#define HASH_SIZE       (1u << HASH_BITS)
#define MAX_BLOCK_INSNS 64
#define LIKELY_BYTES    96              /* a block has seldom more */
#define MAX_SPOILT      2               /* translations lost to stores before one keeps all stores waiting */

/* What a thread translates with. */
typedef struct TbCompiler {
    IrContext *ir;
    TcgCode code;
    TbFlight flight;
    uint8_t space[TB_MAX_CODE] QEMU_ALIGNED(TCG_CODE_ALIGN);    /* where code is until it has its place */
} TbCompiler;

bool tcg_opt_singlestep, tcg_opt_nochain, tcg_opt_no_passes;
uint64_t tcg_opt_buffer_size;

static IrContext *first_ir;             /* with the globals; threads have copies */
static TranslationBlock *hash_table[HASH_SIZE];
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

/* ---- set-up ---- */

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

    size_t size = tcg_opt_buffer_size ? MAX(tcg_opt_buffer_size, BUFFER_MIN) : BUFFER_SIZE;
    IrContext *ir;

    if (first_ir) {
        return true;
    }
    ir = ir_context_new();
    x86_translate_init(ir);
    tcg_backend_assign_pins(ir);
    if (!tb_buffer_init(size, tcg_opt_buffer_size ? size : BUFFER_MAX, ir, &layout, errp)) {
        ir_context_free(ir);
        return false;
    }
    first_ir = ir;
    ram_dirty_set_listener(tlb_write_protect);
    memory_listener_add(topology_changed, NULL);
    return true;
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
static void tb_drop(TranslationBlock *tb)
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
    tb_pages_remove(tb);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);                /* pairs with the one in jc_fill() */
    VCPU_FOREACH(v) {
        JumpCacheEntry *e = &vcpu_env(v)->jit.jc[jc_index(tb->eip)];

        if (e->tb == tb) {
            __atomic_store_n(&e->mode_key, ~0ull, __ATOMIC_SEQ_CST);
        }
    }
}

/* Blocks with bytes in [lo, hi) of the page go. True if the one at host_pc was among them. */
static bool drop_hit(ram_addr_t page, unsigned lo, unsigned hi, uint64_t host_pc)
{
    const TranslationBlock *running = NULL;
    bool hit = false;

    for (TranslationBlock *tb = tb_pages_hit(page, lo, hi), *next; tb; tb = next) {
        next = tb->next_hit;
        if (host_pc && !running) {
            running = tb_of_host_pc(host_pc);
        }
        hit |= tb == running;
        tb_drop(tb);
    }
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

        drop_hit(page, lo, hi, 0);
    }
    tb_unlock();
}

bool tb_no_code_at(ram_addr_t addr, unsigned len)
{
    unsigned lo = addr & ~TARGET_PAGE_MASK;

    return tb_pages_quiet(addr & TARGET_PAGE_MASK, lo, lo + len);
}

bool tb_invalidate_for_store(ram_addr_t addr, unsigned len, uint64_t host_pc)
{
    ram_addr_t page = addr & TARGET_PAGE_MASK;
    unsigned lo = (unsigned)(addr - page);
    uint64_t before;
    bool hit;

    tb_lock();
    stats.code_page_stores++;
    before = stats.invalidated;
    hit = drop_hit(page, lo, lo + len, host_pc);
    if (stats.invalidated != before) {
        tb_note_overwritten(addr, len);
    }
    tb_pages_settle(page);
    tb_unlock();
    return hit;
}

/* ---- room in the buffer ---- */

void tb_free(TranslationBlock *tb)
{
    g_free(tb->exits);
    g_free(tb->restore);
    g_free(tb);
}

/* The lock may be given up in between, when others have to be stopped. True: they passed a block boundary. */
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

static void drop_all(const GPtrArray *tbs)
{
    for (unsigned i = 0; i < tbs->len; i++) {
        tb_drop(g_ptr_array_index(tbs, i));
    }
}

static void next_region(void)
{
    unsigned turn = tb_buffer_turns();
    bool stopped = tb_buffer_next()->len && stop_others();

    if (turn == tb_buffer_turns()) {                /* else another vCPU has done it meanwhile */
        stats.evictions += tb_buffer_next()->len > 0;
        drop_all(tb_buffer_next());
        tb_buffer_advance();
    }
    if (stopped) {
        tb_unlock();            /* the end of a section may wait for the next one, and that for who wants this lock */
        exclusive_end();
        tb_lock();
    }
}

/* The lock may be given up. Another vCPU may have made the room then. */
static void make_room(size_t size)
{
    while (!tb_buffer_has_room(size)) {
        next_region();
    }
}

void tb_flush_all(void)
{
    const GPtrArray *tbs;

    exclusive_start();
    tb_lock();
    for (unsigned i = 0; (tbs = tb_buffer_blocks(i)); i++) {
        drop_all(tbs);
    }
    tb_buffer_clear();
    tb_unlock();
    exclusive_end();
}

/* ---- what host code says of guest code ---- */

bool tb_restore_eip(uint64_t host_pc, uint64_t *eip)
{
    const TranslationBlock *tb;
    const TcgRestore *r;

    tb_lock();
    r = tb_restore_find(host_pc, &tb);
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
    r = tb_restore_find(host_pc, &tb);
    known = r && r->next_delta;
    if (known) {
        *eip = tb->eip + (uint64_t)(int64_t)r->next_delta;
    }
    tb_unlock();
    return known;
}

/* ---- translation ---- */

static void compiler_free(gpointer p)
{
    TbCompiler *c = p;

    ir_context_free(c->ir);
    g_free(c);
}

/* Of this thread; freed with it. */
static GPrivate compiler_key = G_PRIVATE_INIT(compiler_free);

static TbCompiler *compiler(void)
{
    TbCompiler *c = tcg_scratch(&compiler_key, sizeof(*c));

    if (unlikely(!c->ir)) {
        c->ir = ir_context_clone(first_ir);
    }
    return c;
}

void tb_unwound(void)
{
    TbCompiler *c = g_private_get(&compiler_key);

    while (tb_locks_held()) {
        tb_unlock();
    }
    if (c && c->flight.active) {
        tb_lock();
        tb_flight_end(&c->flight);
        tb_unlock();
    }
}

static void log_ir(IrContext *ir, uint32_t mask, const char *title)
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

static void log_out_asm(const TcgCode *code)
{
    FILE *f = log_lock();

    if (f) {
        fprintf(f, "OUT: [size=%zu]\n", code->size);
        tcg_backend_disassemble(code, f);
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

static void run_passes(IrContext *ir, bool plain, bool log)
{
    if (log) {
        log_ir(ir, LOG_OP, "OP");
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
        log_ir(ir, LOG_OP_OPT, "OP after optimization and liveness analysis");
    }
}

/*
 * A block of what ir holds, whose code has no place yet; NULL: try again with fewer instructions. The lock is not held
 * as a rule.
 */
static TranslationBlock *tb_compile(TbCompiler *c, CPUX86State *env, const TranslateResult *res, vaddr linear,
                                    ram_addr_t ram_addr, bool plain)
{
    TranslationBlock *tb = tb_new(env, c->ir->n_exits, plain);
    TcgCode *code = &c->code;
    bool too_complex;

    tb->ram_addr = ram_addr;
    tb->n_insns = (uint16_t)res->n_insns;
    tb->guest_bytes = (uint16_t)res->guest_bytes;
    tb_set_range(env, tb, res, linear);
    tb->n_soft = (uint8_t)res->n_soft;
    memcpy(tb->soft, res->soft, sizeof(tb->soft));
    code->rw = c->space;
    code->capacity = sizeof(c->space);
    code->eip = tb->eip;
    code->leave = env->jit.smc_single || ram_addr == ~0ull;
    code->cookies = (uintptr_t)tb->exits;
    code->cookie_stride = sizeof(TbExit);
    if (!tcg_backend_generate(c->ir, code, &too_complex)) {
        tb_free(tb);
        return NULL;
    }
    for (unsigned i = 0; i < tb->n_exits; i++) {
        tb->exits[i].patch_off = code->exits[i].patch_off;
        tb->exits[i].stub_off = code->exits[i].stub_off;
        tb->exits[i].loop_off = code->exits[i].loop_off;
        tb->exits[i].plain = code->exits[i].plain;
    }
    return tb;
}

static void publish_block(TranslationBlock *tb)
{
    TranslationBlock **bucket = &hash_table[tb_hash(tb->ram_addr, tb->eip, tb->mode_key)];

    tb_pages_add(tb);
    tb->hash_next = *bucket;
    __atomic_store_n(bucket, tb, __ATOMIC_RELEASE);
}

/* The block that this vCPU ran once and is done with gives its room back, if nothing was placed behind it. */
static void reclaim_single(const CPUX86State *env)
{
    const TranslationBlock *tb = tb_buffer_last();

    if (tb && tb->owner == env) {
        tb_buffer_take_back();
    }
}

static void tb_place(TranslationBlock *tb, TcgCode *code, const CPUX86State *env)
{
    tb_buffer_add(tb, code);
    stats.blocks++;
    stats.insns += tb->n_insns;
    stats.guest_bytes += tb->guest_bytes;
    stats.host_bytes += code->size;
    if (tb->ram_addr != ~0ull && !env->jit.smc_single) {
        publish_block(tb);
    } else {
        tb->ram_addr = tb->page[0] = tb->page[1] = ~0ull;      /* runs once, found by nobody */
        tb->owner = env;
    }
}

/* ---- one block ---- */

/* What is to be translated, and what came of it. */
typedef struct TbJob {
    CPUX86State *env;
    vaddr linear;
    ram_addr_t ram_addr, first, second;     /* pages: ~0, none; the second one as far as it is known */
    unsigned max_insns, spoilt;
    bool plain, log;
} TbJob;

static void job_init(TbJob *j, CPUX86State *env, bool plain)
{
    bool global;

    j->env = env;
    j->plain = plain;
    j->linear = linear_of(env->eip, env->jit.mode_key);
    j->log = log_enabled(~0u) && log_in_filter(j->linear);
    j->ram_addr = tlb_code_ram_addr(env, j->linear, &global);
    j->first = j->ram_addr == ~0ull ? ~0ull : j->ram_addr & TARGET_PAGE_MASK;
    j->second = ~0ull;
    j->spoilt = 0;
    j->max_insns = tcg_opt_singlestep || env->jit.smc_single || j->first == ~0ull ? 1 : MAX_BLOCK_INSNS;
    if (j->first != ~0ull && TARGET_PAGE_SIZE - (j->linear & ~TARGET_PAGE_MASK) <= LIKELY_BYTES) {
        ram_addr_t next = tlb_code_ram_page(env, (j->linear & TARGET_PAGE_MASK) + TARGET_PAGE_SIZE);

        j->second = next != ~0ull && ram_page_has_code(next) ? next : ~0ull;
    }
}

/* From guest bytes to code without a place. NULL: the job says what to do better next time. */
static TranslationBlock *job_compile(TbJob *j, TbCompiler *c)
{
    TranslateRequest rq = {
        .env = j->env, .ir = c->ir, .eip = j->env->eip, .mode_key = j->env->jit.mode_key, .max_insns = j->max_insns,
        .is_soft = j->first == ~0ull || j->env->jit.smc_single ? NULL : tb_is_soft, .opaque = &j->first,
    };
    TranslateResult res;
    TranslationBlock *tb = NULL;
    vaddr second = (j->linear & TARGET_PAGE_MASK) + TARGET_PAGE_SIZE;
    bool global;

    ir_reset(c->ir);
    x86_translate_block(&rq, &res);
    if (j->first != ~0ull && res.hi > second) {
        ram_addr_t page = tlb_code_ram_addr(j->env, second, &global);

        if (page != ~0ull && j->second != (page & TARGET_PAGE_MASK)) {
            j->second = page & TARGET_PAGE_MASK;    /* what was stored there meanwhile is not known */
            return NULL;
        }
    }
    if (!ir_overflow(c->ir)) {
        if (j->log && log_enabled(LOG_IN_ASM)) {
            log_in_asm(j->env, &res);
        }
        run_passes(c->ir, j->plain, j->log);
        tb = tb_compile(c, j->env, &res, j->linear, j->ram_addr, j->plain);
    }
    if (!tb) {
        j->max_insns = MAX(1, j->max_insns / 2);
    }
    return tb;
}

/* The lock may be given up; when it returns, stores to the bytes to be read come here. */
static void job_protect(const TbJob *j)
{
    while ((j->first != ~0ull && tb_pages_protect(j->first)) || (j->second != ~0ull && tb_pages_protect(j->second))) {
        continue;
    }
}

/* The translation is done, there is room: is it any good? Another vCPU may have been faster. NULL: again. */
static TranslationBlock *job_finish(TbJob *j, TbCompiler *c, TranslationBlock *tb)
{
    TranslationBlock *other;

    if (j->first != ~0ull && tb_flight_spoilt(&c->flight, tb)) {
        j->spoilt++;
        tb_free(tb);
        return NULL;
    }
    other = tb_find(j->env, j->plain);
    if (other) {
        tb_free(tb);
        return other;
    }
    tb_place(tb, &c->code, j->env);
    if (j->log && log_enabled(LOG_OUT_ASM)) {
        log_out_asm(&c->code);
    }
    return tb;
}

/*
 * Guest code is read and compiled without the lock, so that vCPUs translate at the same time: stores meanwhile are
 * noted (TbFlight) and the translation is lost. One that has lost too often keeps the lock, and stores wait. So does
 * one that is logged, as its parts belong together.
 */
static TranslationBlock *job_try(TbJob *j, TbCompiler *c)
{
    bool alone = j->log || j->spoilt > MAX_SPOILT;
    TranslationBlock *tb;

    tb_flight_start(&c->flight, j->first, j->second);
    if (!alone) {
        tb_unlock();
    }
    tb = job_compile(j, c);
    if (!alone) {
        tb_lock();
    }
    if (tb) {
        make_room(c->code.size);
        tb = job_finish(j, c, tb);
    }
    stats.retries += !tb;
    tb_flight_end(&c->flight);
    return tb;
}

TranslationBlock *tb_generate(CPUX86State *env, bool plain)
{
    TbCompiler *c = compiler();
    TranslationBlock *tb;
    TbJob job;

    job_init(&job, env, plain);
    cpu_fetch_byte(env, job.linear);
    tb_lock();
    reclaim_single(env);
    do {
        job_protect(&job);
        tb = tb_find(env, plain);       /* another vCPU may have been faster */
    } while (!tb && !(tb = job_try(&job, c)));
    tb_unlock();
    return tb;
}

/* ---- statistics ---- */

void tcg_print_stats(GString *out)
{
    tb_lock();
    g_string_append_printf(out, "Translation buffer state (%s):\n", tcg_backend_name);
    tb_buffer_print(out);
    g_string_append_printf(out,
        "translated          %" PRIu64 " blocks, %" PRIu64 " instructions\n"
        "guest bytes in      %" PRIu64 "\nhost bytes out      %" PRIu64 "\n"
        "exits chained       %" PRIu64 "\nblocks invalidated  %" PRIu64 "\nregions evicted     %" PRIu64 "\n"
        "code page stores    %" PRIu64 "\ntranslation retries %" PRIu64 "\nexclusive sections  %" PRIu64 "\n",
        stats.blocks, stats.insns, stats.guest_bytes, stats.host_bytes, stats.chained, stats.invalidated,
        stats.evictions, stats.code_page_stores, stats.retries, exclusive_count());
    tb_unlock();
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
