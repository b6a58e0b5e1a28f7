/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages of RAM that hold translated code: the blocks with bytes in each, which bytes those are, and stores to them.
 * Stores to such a page take the slow path of the TLB and come here.
 *
 * A page has a bit for every CODE_GRAIN bytes. A store whose bits are clear has nothing to do with code, and finds that
 * out without the lock: a translation says so (PageDesc.flights) before it reads the page's bytes, and sets their bits
 * before it stops saying so; the store looks, once more, after it has changed them. One of the two sees the other.
 */
#include "qemu/osdep.h"
#include "exec/ram.h"
#include "exec/tb-internal.h"
#include "sysemu/cpus.h"

#define PAGE_L1_BITS    12              /* pages described per second-level table */
#define CODE_GRAIN      16
#define MARK_WORDS      (TARGET_PAGE_SIZE / CODE_GRAIN / 64)
#define MAX_TURNS       64

typedef struct PageDesc {
    TranslationBlock *first;
    uint64_t code[MARK_WORDS];          /* a bit for CODE_GRAIN bytes: 0, no block has any of them */
    uint16_t flights;                   /* translations under way that read it */
    bool stale;                         /* blocks have gone and left their bits */
    uint8_t turns;                      /* how often it became data again, up to MAX_TURNS */
    uint8_t patience;                   /* stores it stays protected for without translations */
} PageDesc;

static pthread_mutex_t tb_mutex = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static __thread unsigned tb_lock_depth;
static PageDesc *page_table[RAM_SPACE_MAX >> (TARGET_PAGE_BITS + PAGE_L1_BITS)];
static TbFlight *flights;

void tb_lock(void)
{
    pthread_mutex_lock(&tb_mutex);
    tb_lock_depth++;
}

void tb_unlock(void)
{
    tb_lock_depth--;
    pthread_mutex_unlock(&tb_mutex);
}

unsigned tb_locks_held(void)
{
    return tb_lock_depth;
}

static PageDesc *page_desc(ram_addr_t page, bool create)
{
    uint64_t n = page >> TARGET_PAGE_BITS;
    PageDesc **table = &page_table[n >> PAGE_L1_BITS], *descs = __atomic_load_n(table, __ATOMIC_ACQUIRE);

    if (!descs) {
        if (!create) {
            return NULL;
        }
        descs = g_new0(PageDesc, 1u << PAGE_L1_BITS);
        __atomic_store_n(table, descs, __ATOMIC_RELEASE);
    }
    return &descs[n & ((1u << PAGE_L1_BITS) - 1)];
}

/* ---- protection ---- */

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
void tb_pages_settle(ram_addr_t page)
{
    PageDesc *p = page_desc(page, false);

    if ((p && (p->first || p->flights)) || !rights_are_settled()) {
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

/*
 * Another vCPU may stand between its TLB check and its store: if one could write there without us until now, all have
 * to pass a block boundary. The lock is given up meanwhile, and whoever else translates until then waits likewise, but
 * each for one exclusive section only: any that begins after the rights were taken will do.
 */
bool tb_pages_protect(ram_addr_t page)
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

/* ---- marks ---- */

/* In one word of marks: bits of grains with bytes in [lo, hi). */
static uint64_t word_mask(unsigned word, unsigned lo, unsigned hi)
{
    unsigned first = MAX(lo / CODE_GRAIN, word * 64), end = MIN((hi + CODE_GRAIN - 1) / CODE_GRAIN, (word + 1) * 64);

    return first < end ? (~0ull >> (64 - (end - first))) << first % 64 : 0;
}

static void mark(uint64_t *code, unsigned lo, unsigned hi)
{
    for (unsigned w = lo / CODE_GRAIN / 64; w * 64 * CODE_GRAIN < hi; w++) {
        code[w] |= word_mask(w, lo, hi);
    }
}

/* Readers without the lock see the old marks or the new ones. */
static void marks_store(PageDesc *p, const uint64_t *code)
{
    for (unsigned w = 0; w < MARK_WORDS; w++) {
        if (p->code[w] != code[w]) {
            __atomic_store_n(&p->code[w], code[w], __ATOMIC_SEQ_CST);
        }
    }
}

static bool is_marked(const PageDesc *p, unsigned lo, unsigned hi)
{
    for (unsigned w = lo / CODE_GRAIN / 64; w * 64 * CODE_GRAIN < hi; w++) {
        if (__atomic_load_n(&p->code[w], __ATOMIC_SEQ_CST) & word_mask(w, lo, hi)) {
            return true;
        }
    }
    return false;
}

bool tb_pages_quiet(ram_addr_t page, unsigned lo, unsigned hi)
{
    const PageDesc *p = page_desc(page, false);

    /* Without a block the page wants tb_pages_settle(). Flights first: their end comes after the marks. */
    return p && __atomic_load_n(&p->first, __ATOMIC_RELAXED) && !__atomic_load_n(&p->flights, __ATOMIC_SEQ_CST) &&
           !is_marked(p, lo, hi);
}

/* ---- lists of blocks ---- */

static unsigned page_slot(const TranslationBlock *tb, ram_addr_t page)
{
    return tb->page[0] == page ? 0 : 1;
}

static void list_add(PageDesc *p, TranslationBlock *tb, unsigned i)
{
    TranslationBlock *next = p->first;

    tb->next_in_page[i] = next;
    tb->link_in_page[i] = &p->first;
    if (next) {
        next->link_in_page[page_slot(next, tb->page[i])] = &tb->next_in_page[i];
    }
    __atomic_store_n(&p->first, tb, __ATOMIC_RELAXED);
}

static void list_remove(TranslationBlock *tb, unsigned i)
{
    TranslationBlock *next = tb->next_in_page[i];

    if (next) {
        next->link_in_page[page_slot(next, tb->page[i])] = tb->link_in_page[i];
    }
    __atomic_store_n(tb->link_in_page[i], next, __ATOMIC_RELAXED);
    tb->link_in_page[i] = NULL;
}

void tb_pages_add(TranslationBlock *tb)
{
    for (unsigned i = 0; i < 2 && tb->page[i] != ~0ull; i++) {
        PageDesc *p = page_desc(tb->page[i], true);
        uint64_t code[MARK_WORDS];

        list_add(p, tb, i);
        memcpy(code, p->code, sizeof(code));
        mark(code, tb->lo[i], tb->hi[i]);
        marks_store(p, code);
        p->patience = p->turns;
    }
}

void tb_pages_remove(TranslationBlock *tb)
{
    for (unsigned i = 0; i < 2 && tb->page[i] != ~0ull; i++) {
        if (tb->link_in_page[i]) {
            list_remove(tb, i);
            page_desc(tb->page[i], true)->stale = true;
        }
        tb_pages_settle(tb->page[i]);
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

/* The marks have brought a store here that hits nothing: blocks that have gone left some of them. */
static void marks_renew(PageDesc *p, ram_addr_t page)
{
    uint64_t code[MARK_WORDS] = { 0 };

    for (const TranslationBlock *tb = p->first; tb; tb = tb->next_in_page[page_slot(tb, page)]) {
        unsigned i = page_slot(tb, page);

        mark(code, tb->lo[i], tb->hi[i]);
    }
    marks_store(p, code);
    p->stale = false;
}

static void flights_note(ram_addr_t page, unsigned lo, unsigned hi);

TranslationBlock *tb_pages_hit(ram_addr_t page, unsigned lo, unsigned hi)
{
    PageDesc *p = page_desc(page, false);
    TranslationBlock *hits = NULL;

    if (p && p->flights) {
        flights_note(page, lo, hi);
    }
    if (!p || !is_marked(p, lo, hi)) {
        return NULL;
    }
    for (TranslationBlock *tb = p->first, *next; tb; tb = next) {
        unsigned i = page_slot(tb, page);

        next = tb->next_in_page[i];
        if (overlaps(tb, i, lo, hi)) {
            list_remove(tb, i);
            tb->next_hit = hits;
            hits = tb;
        }
    }
    if (hits) {
        p->stale = true;
    } else if (p->stale) {
        marks_renew(p, page);
    }
    return hits;
}

/* ---- translations under way ---- */

static void flight_count(ram_addr_t page, int by)
{
    if (page != ~0ull) {
        __atomic_fetch_add(&page_desc(page, true)->flights, (uint16_t)by, __ATOMIC_SEQ_CST);
    }
}

void tb_flight_start(TbFlight *f, ram_addr_t first, ram_addr_t second)
{
    *f = (TbFlight) { .page = { first, second }, .lo = { UINT16_MAX, UINT16_MAX }, .active = true, .next = flights };
    flights = f;
    flight_count(first, 1);
    flight_count(second, 1);
}

void tb_flight_end(TbFlight *f)
{
    TbFlight **link = &flights;

    if (!f->active) {
        return;
    }
    while (*link != f) {
        link = &(*link)->next;
    }
    *link = f->next;
    f->active = false;
    flight_count(f->page[0], -1);
    flight_count(f->page[1], -1);
}

static void flights_note(ram_addr_t page, unsigned lo, unsigned hi)
{
    for (TbFlight *f = flights; f; f = f->next) {
        for (unsigned i = 0; i < 2; i++) {
            if (f->page[i] == page) {
                f->lo[i] = (uint16_t)MIN(f->lo[i], lo);
                f->hi[i] = (uint16_t)MAX(f->hi[i], hi);
            }
        }
    }
}

bool tb_flight_spoilt(const TbFlight *f, const TranslationBlock *tb)
{
    for (unsigned i = 0; i < 2 && tb->page[i] != ~0ull; i++) {
        if (f->page[i] != tb->page[i] || overlaps(tb, i, f->lo[i], f->hi[i])) {
            return true;
        }
    }
    return false;
}

/* ---- operands that keep changing ---- */

/*
 * Stores that took blocks away, by address: code that keeps changing the operand of an instruction would be translated
 * again each time. After a few times the operand is soft: blocks read it from memory as they run. Readers without the
 * lock may see a mixture of two entries: it makes an operand soft that need not be, or the other way round.
 */
#define SOFT_SLOTS 256
#define SOFT_AFTER 3
static struct { ram_addr_t addr; uint8_t len, count; } overwritten[SOFT_SLOTS];

static unsigned soft_slot(ram_addr_t addr)
{
    return (unsigned)(addr ^ addr >> 8) % SOFT_SLOTS;
}

void tb_note_overwritten(ram_addr_t addr, unsigned len)
{
    unsigned n = soft_slot(addr);
    uint8_t count = overwritten[n].count;

    if (len > 8) {
        return;
    }
    if (overwritten[n].addr != addr || overwritten[n].len != len) {
        __atomic_store_n(&overwritten[n].addr, addr, __ATOMIC_RELAXED);
        __atomic_store_n(&overwritten[n].len, (uint8_t)len, __ATOMIC_RELAXED);
        count = 0;
    }
    __atomic_store_n(&overwritten[n].count, (uint8_t)(count + (count < SOFT_AFTER)), __ATOMIC_RELAXED);
}

bool tb_is_soft(const void *opaque, unsigned lo, unsigned hi)
{
    ram_addr_t page = *(const ram_addr_t *)opaque;

    for (ram_addr_t addr = page + lo; addr < page + hi; addr++) {
        unsigned n = soft_slot(addr);

        if (__atomic_load_n(&overwritten[n].addr, __ATOMIC_RELAXED) == addr &&
            __atomic_load_n(&overwritten[n].count, __ATOMIC_RELAXED) >= SOFT_AFTER &&
            addr + __atomic_load_n(&overwritten[n].len, __ATOMIC_RELAXED) <= page + hi) {
            return true;
        }
    }
    return false;
}
