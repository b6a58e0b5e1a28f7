/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest-physical memory underneath the tree: RAM blocks, dirty bitmaps, dispatch to I/O regions, physical and port
 * access, device DMA.
 *
 * RAM blocks live in one flat ram_addr_t space. The bitmaps for all of that space are reserved once, untouched pages of
 * them cost nothing, and so they never move: readers and writers use single atomic operations and no lock.
 */
#include "qemu/osdep.h"
#include <sys/mman.h>
#include "exec/memory.h"
#include "exec/ram.h"
#include "exec/translate-all.h"
#include "qemu/bitops.h"
#include "qemu/log.h"
#include "qemu/main-loop.h"

#define RAM_ALIGN       (2 * MiB)       /* of blocks, in host and ram_addr_t space: what a huge page needs */
#define PORT_MASK       0xffffu
#define DMA_CHUNK       4u              /* widest access of bulk transfers to I/O regions */

/* ---- dirty bitmaps ---------------------------------------------------------------------------------------------- */

/*
 * A set bit means "dirty" for VGA and migration. For code the stored bit is the opposite, "page has code", so that all
 * bitmaps may start as untouched zero pages and a fresh page is plain RAM.
 */
static uint64_t *bitmaps[DIRTY__COUNT];
static void (*dirty_listener)(ram_addr_t start, uint64_t len);

static inline uint64_t page_of(ram_addr_t addr)
{
    return addr >> TARGET_PAGE_BITS;
}

static inline bool bit_get(DirtyClient c, uint64_t page)
{
    return __atomic_load_n(&bitmaps[c][page / 64], __ATOMIC_RELAXED) >> (page % 64) & 1;
}

/* Bits of the word that holds page which belong to [page, end). */
static inline uint64_t word_mask(uint64_t page, uint64_t end)
{
    uint64_t n = MIN(64 - page % 64, end - page);

    return (~0ull >> (64 - n)) << (page % 64);
}

static inline uint64_t word_next(uint64_t page)
{
    return ROUND_DOWN(page, 64) + 64;
}

static void bits_set(DirtyClient c, uint64_t page, uint64_t end)
{
    for (; page < end; page = word_next(page)) {
        uint64_t mask = word_mask(page, end);

        /* Nearly always set already: reading first keeps the cache line shared between vCPUs. */
        if ((__atomic_load_n(&bitmaps[c][page / 64], __ATOMIC_RELAXED) & mask) != mask) {
            __atomic_fetch_or(&bitmaps[c][page / 64], mask, __ATOMIC_SEQ_CST);
        }
    }
}

static bool bits_test_and_clear(DirtyClient c, uint64_t page, uint64_t end)
{
    uint64_t any = 0;

    for (; page < end; page = word_next(page)) {
        uint64_t mask = word_mask(page, end);

        if (__atomic_load_n(&bitmaps[c][page / 64], __ATOMIC_RELAXED) & mask) {
            any |= __atomic_fetch_and(&bitmaps[c][page / 64], ~mask, __ATOMIC_SEQ_CST) & mask;
        }
    }
    return any;
}

/*
 * For a thread that has just stored to the pages: reads with a read-modify-write, so that either it sees the bit or who
 * sets the bit later, by one as well, sees the stores.
 */
static bool bits_any_after_store(DirtyClient c, uint64_t page, uint64_t end)
{
    bool any = false;

    for (; page < end; page = word_next(page)) {
        any |= !!(__atomic_fetch_or(&bitmaps[c][page / 64], 0, __ATOMIC_SEQ_CST) & word_mask(page, end));
    }
    return any;
}

static bool bitmaps_reserve(Error **errp)
{
    size_t bytes = RAM_SPACE_MAX / TARGET_PAGE_SIZE / 8;

    for (int c = 0; c < DIRTY__COUNT; c++) {
        void *p;

        if (bitmaps[c]) {
            continue;
        }
        p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (p == MAP_FAILED) {
            error_set_errno(errp, errno, "cannot reserve address space for dirty bitmaps");
            return false;
        }
        bitmaps[c] = p;
    }
    return true;
}

bool ram_dirty_get(ram_addr_t addr, DirtyClient c)
{
    return bit_get(c, page_of(addr)) != (c == DIRTY_CODE);
}

bool ram_dirty_get_all(ram_addr_t addr)
{
    uint64_t page = page_of(addr);

    return bit_get(DIRTY_VGA, page) && bit_get(DIRTY_MIGRATION, page) && !bit_get(DIRTY_CODE, page);
}

void ram_dirty_set(ram_addr_t addr, uint64_t len)
{
    if (len) {
        uint64_t page = page_of(addr), end = page_of(addr + len - 1) + 1;

        bits_set(DIRTY_VGA, page, end);
        bits_set(DIRTY_MIGRATION, page, end);
    }
}

static void tell_cleared(ram_addr_t start, uint64_t len)
{
    if (dirty_listener) {
        dirty_listener(start, len);
    }
}

bool ram_dirty_test_and_clear(ram_addr_t addr, uint64_t len, DirtyClient c)
{
    uint64_t page = page_of(addr), end;

    assert(c != DIRTY_CODE);
    if (!len) {
        return false;
    }
    end = page_of(addr + len - 1) + 1;
    if (!bits_test_and_clear(c, page, end)) {
        return false;
    }
    tell_cleared(page << TARGET_PAGE_BITS, (end - page) << TARGET_PAGE_BITS);
    return true;
}

bool ram_dirty_take(ram_addr_t addr, uint64_t len, DirtyClient c, uint64_t *bits)
{
    uint64_t page = page_of(addr), end = page_of(addr + len - 1) + 1, any = 0;

    assert(c != DIRTY_CODE && page % 64 == 0 && len);
    for (; page < end; page += 64) {
        uint64_t mask = word_mask(page, end), *word = &bitmaps[c][page / 64];

        *bits = __atomic_load_n(word, __ATOMIC_RELAXED) & mask;
        if (*bits) {
            *bits = __atomic_fetch_and(word, ~mask, __ATOMIC_SEQ_CST) & mask;
        }
        any |= *bits++;
    }
    if (any) {
        tell_cleared(addr, len);
    }
    return any;
}

void ram_dirty_set_listener(void (*fn)(ram_addr_t start, uint64_t len))
{
    dirty_listener = fn;
}

void ram_code_protect(ram_addr_t page)
{
    uint64_t n = page_of(page);

    if (!bit_get(DIRTY_CODE, n)) {
        bits_set(DIRTY_CODE, n, n + 1);
        tell_cleared(n << TARGET_PAGE_BITS, TARGET_PAGE_SIZE);
    }
}

void ram_code_unprotect(ram_addr_t page)
{
    bits_test_and_clear(DIRTY_CODE, page_of(page), page_of(page) + 1);
}

/* ---- RAM blocks ------------------------------------------------------------------------------------------------- */

/* Sorted by offset. Grows under the big lock and never shrinks: walked by anybody. */
static RamBlock *ram_blocks;

/* Lazily filled host memory whose address is a multiple of RAM_ALIGN when it is big enough for huge pages. */
static uint8_t *host_memory_new(uint64_t size, const char *name, Error **errp)
{
    uint64_t slack = size >= RAM_ALIGN ? RAM_ALIGN : 0, before;
    uint8_t *p = mmap(NULL, size + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) {
        error_set_errno(errp, errno, "cannot set up guest memory '%s' of %" PRIu64 " MiB", name,
                        (uint64_t)(size / MiB));
        error_append_hint(errp, "Use a smaller -m, or allow the host to overcommit memory.");
        return NULL;
    }
    if (slack) {
        before = ALIGN_UP((uintptr_t)p, RAM_ALIGN) - (uintptr_t)p;
        if (before) {
            munmap(p, before);
        }
        if (slack > before) {
            munmap(p + before + size, slack - before);
        }
        p += before;
        madvise(p, size, MADV_HUGEPAGE);        /* a wish: failing is fine */
    }
    return p;
}

/* First gap of the flat space; *link is where the new block goes into the list. */
static bool find_gap(uint64_t size, ram_addr_t *offset, RamBlock ***link)
{
    RamBlock **p = &ram_blocks;
    ram_addr_t start = 0;

    while (*p && (*p)->offset - start < size) {
        start = ALIGN_UP((*p)->offset + (*p)->size, RAM_ALIGN);
        p = &(*p)->next;
    }
    *offset = start;
    *link = p;
    return start <= RAM_SPACE_MAX && size <= RAM_SPACE_MAX - start;
}

static RamBlock *find_idle(uint64_t size)
{
    RamBlock *rb = ram_blocks;

    while (rb && !(rb->idle && rb->size == size)) {
        rb = rb->next;
    }
    return rb;
}

static void make_empty(RamBlock *rb)
{
    ram_written(rb->offset, rb->size);
    madvise(rb->host, rb->size, MADV_DONTNEED);     /* zeros, in one step for whoever still looks */
}

RamBlock *ram_block_new(const char *name, uint64_t size, Error **errp)
{
    RamBlock *rb, **link;
    ram_addr_t offset;
    uint8_t *host;

    if (!size || size > RAM_SPACE_MAX) {
        error_set(errp, "size of guest memory '%s' is outside 1 byte to %" PRIu64 " GiB", name,
                  (uint64_t)(RAM_SPACE_MAX / GiB));
        return NULL;
    }
    size = ALIGN_UP(size, TARGET_PAGE_SIZE);
    if (!bitmaps_reserve(errp)) {
        return NULL;
    }
    rb = find_idle(size);
    if (rb) {
        make_empty(rb);                 /* once more: somebody may have been late */
        rb->name = g_strdup(name);
        rb->idle = false;
        return rb;
    }
    if (!find_gap(size, &offset, &link)) {
        error_set(errp, "no room for guest memory '%s': all blocks together exceed %" PRIu64 " GiB", name,
                  (uint64_t)(RAM_SPACE_MAX / GiB));
        return NULL;
    }
    host = host_memory_new(size, name, errp);
    if (!host) {
        return NULL;
    }
    rb = g_new0(RamBlock, 1);
    *rb = (RamBlock) { .name = g_strdup(name), .host = host, .offset = offset, .size = size, .next = *link };
    ram_dirty_set(offset, size);
    __atomic_store_n(link, rb, __ATOMIC_RELEASE);
    return rb;
}

void ram_block_free(RamBlock *rb)
{
    make_empty(rb);
    g_free(rb->name);
    rb->name = NULL;
    rb->idle = true;
}

RamBlock *ram_block_next(RamBlock *rb)
{
    do {
        rb = rb ? rb->next : ram_blocks;
    } while (rb && rb->idle);
    return rb;
}

RamBlock *ram_block_from_addr(ram_addr_t addr)
{
    for (RamBlock *rb = __atomic_load_n(&ram_blocks, __ATOMIC_ACQUIRE); rb && rb->offset <= addr; rb = rb->next) {
        if (addr - rb->offset < rb->size) {
            return rb;
        }
    }
    return NULL;
}

uint8_t *ram_ptr(ram_addr_t addr)
{
    RamBlock *rb = ram_block_from_addr(addr);

    return rb ? rb->host + (addr - rb->offset) : NULL;
}

/*
 * After a store that did not go through a TLB. The bytes are in place already: a translator sets the "has code" bit
 * before it reads bytes, we read the bit after we wrote them, so one of the two sees the other.
 */
void ram_written(ram_addr_t addr, uint64_t len)
{
    if (bits_any_after_store(DIRTY_CODE, page_of(addr), page_of(addr + len - 1) + 1)) {
        tb_invalidate_phys_range(addr, addr + len);
    }
    ram_dirty_set(addr, len);
}

/* ---- dispatch to I/O regions ------------------------------------------------------------------------------------ */

/*
 * The regions this thread is inside of. A device whose DMA is aimed at its own registers would recurse for ever; on a
 * real bus it cannot answer while it is the master. A chain through several devices ends at the depth of the array.
 */
static __thread const MemoryRegion *active[8];
static __thread unsigned n_active;

static bool dispatch_enter(const MemoryRegion *mr)
{
    bool reentrant = n_active == ARRAY_SIZE(active);

    for (unsigned i = 0; i < n_active && !reentrant; i++) {
        reentrant = active[i] == mr;
    }
    if (reentrant) {
        qemu_log_mask(LOG_GUEST_ERROR, "%s: access from within an access to it refused\n", mr->name);
        return false;
    }
    active[n_active++] = mr;
    return true;
}

static inline uint64_t size_mask(unsigned size)
{
    return ~0ull >> (64 - 8 * size);
}

static bool access_allowed(const MemoryRegion *mr, hwaddr addr, unsigned size)
{
    const MemoryRegionOps *ops = mr->ops;

    if ((!ops->access.min || size >= ops->access.min) && (!ops->access.max || size <= ops->access.max)) {
        return true;
    }
    qemu_log_mask(LOG_GUEST_ERROR, "%s: access of %u bytes at 0x%" PRIx64 " is not possible\n", mr->name, size, addr);
    return false;
}

static unsigned ops_min(const MemoryRegionOps *ops)
{
    return ops->size.min ? ops->size.min : 1;
}

static unsigned ops_max(const MemoryRegionOps *ops)
{
    return ops->size.max ? ops->size.max : 4;
}

/* size is a power of two and the access lies within the region. */
static uint64_t region_read(const MemoryRegion *mr, hwaddr addr, unsigned size)
{
    const MemoryRegionOps *ops = mr->ops;
    unsigned min = ops_min(ops), max = ops_max(ops);
    uint64_t val = 0;

    if (!ops->read || !access_allowed(mr, addr, size)) {
        return size_mask(size);
    }
    if (!dispatch_enter(mr)) {
        return size_mask(size);
    }
    if (size < min) {       /* the lanes of the aligned word that the narrow access selects */
        val = ops->read(mr->opaque, addr & ~(hwaddr)(min - 1), min) >> (8 * (addr & (min - 1)));
    } else if (size <= max) {
        val = ops->read(mr->opaque, addr, size);
    } else {
        for (unsigned i = 0; i < size; i += max) {
            val |= (ops->read(mr->opaque, addr + i, max) & size_mask(max)) << (8 * i);
        }
    }
    n_active--;
    return val & size_mask(size);
}

static void region_write(const MemoryRegion *mr, hwaddr addr, uint64_t val, unsigned size)
{
    const MemoryRegionOps *ops = mr->ops;
    unsigned min = ops_min(ops), max = ops_max(ops);

    val &= size_mask(size);
    if (!ops->write || !access_allowed(mr, addr, size) || !dispatch_enter(mr)) {
        return;
    }
    if (size < min) {       /* no read-modify-write: reading a register may have effects. The other lanes are 0 */
        ops->write(mr->opaque, addr & ~(hwaddr)(min - 1), val << (8 * (addr & (min - 1))), min);
    } else if (size <= max) {
        ops->write(mr->opaque, addr, val, size);
    } else {
        for (unsigned i = 0; i < size; i += max) {
            ops->write(mr->opaque, addr + i, val >> (8 * i) & size_mask(max), max);
        }
    }
    n_active--;
}

static bool lock_for(const MemoryRegion *mr)
{
    return !mr->ops->no_lock && big_lock_enter();
}

/*
 * How much of an access of want bytes the region takes in one go: a power of two. An access belongs to the region its
 * first byte falls in, up to that region's own end, even where a region of higher priority covers later bytes: port
 * CF9 lies inside the 32-bit register at CF8.
 */
static unsigned region_chunk(const MemoryRegion *mr, hwaddr offset, uint64_t want)
{
    uint64_t left = mr->size_minus1 - offset;   /* minus 1 */
    unsigned n = want >= 8 ? 8 : want;

    if (left < n - 1) {
        n = left + 1;
    }
    return n >= 8 ? 8 : n >= 4 ? 4 : n >= 2 ? 2 : 1;
}

uint64_t memory_section_read(const MemorySection *s, hwaddr offset_in_section, unsigned size)
{
    hwaddr addr = s->offset + offset_in_section;
    uint64_t val = 0;
    bool locked;

    if (!s->mr) {
        return 0;       /* nobody answers: reads as 0 (ports: see port_in) */
    }
    if (s->host) {
        memcpy(&val, s->host + offset_in_section, size);
        return GUINT64_FROM_LE(val);
    }
    locked = lock_for(s->mr);
    for (unsigned done = 0, n; done < size; done += n) {
        n = region_chunk(s->mr, addr + done, size - done);
        val |= region_read(s->mr, addr + done, n) << (8 * done);
    }
    big_lock_leave(locked);
    return val;
}

static void ram_store(const MemorySection *s, hwaddr offset, const void *buf, uint64_t len)
{
    memcpy(s->host + offset, buf, len);
    ram_written(s->ram_addr + offset, len);
}

void memory_section_write(const MemorySection *s, hwaddr offset_in_section, uint64_t val, unsigned size)
{
    hwaddr addr = s->offset + offset_in_section;
    bool locked;

    if (!s->mr) {
        return;
    }
    if (s->host) {
        if (!s->readonly) {
            val = GUINT64_TO_LE(val);
            ram_store(s, offset_in_section, &val, size);
        }
        return;
    }
    locked = lock_for(s->mr);
    for (unsigned done = 0, n; done < size; done += n) {
        n = region_chunk(s->mr, addr + done, size - done);
        region_write(s->mr, addr + done, val >> (8 * done), n);
    }
    big_lock_leave(locked);
}

/* ---- physical access -------------------------------------------------------------------------------------------- */

/* Up to 8 bytes are one bus access, whatever their alignment; longer transfers go in naturally aligned steps. */
static unsigned io_step(const MemorySection *s, hwaddr addr, uint64_t left, bool bulk)
{
    if (bulk) {
        uint64_t natural = addr & -addr;

        left = MIN(left, DMA_CHUNK);
        left = natural ? MIN(left, natural) : left;
    }
    return region_chunk(s->mr, s->offset, left);
}

static void io_transfer(const MemorySection *s, uint8_t *buf, unsigned n, bool is_write)
{
    uint64_t val = 0;

    if (is_write) {
        memcpy(&val, buf, n);
        memory_section_write(s, 0, GUINT64_FROM_LE(val), n);
    } else {
        val = GUINT64_TO_LE(memory_section_read(s, 0, n));
        memcpy(buf, &val, n);
    }
}

MemTxResult address_space_rw(AddressSpace *as, hwaddr addr, void *buf, uint64_t len, bool is_write)
{
    MemTxResult result = MEMTX_OK;
    uint8_t *p = buf;
    bool bulk = len > 8;

    while (len) {
        MemorySection s = address_space_resolve(as, addr);
        uint64_t n = MIN(len, s.len);

        if (!s.mr) {
            result = MEMTX_UNASSIGNED;
            if (!is_write) {
                memset(p, 0, n);
            }
        } else if (!s.host) {
            n = io_step(&s, addr, len, bulk);
            io_transfer(&s, p, n, is_write);
        } else if (!is_write) {
            memcpy(p, s.host, n);
        } else if (!s.readonly) {
            ram_store(&s, 0, p, n);
        }
        addr += n;
        p += n;
        len -= n;
    }
    return result;
}

MemTxResult address_space_read(AddressSpace *as, hwaddr addr, void *buf, uint64_t len)
{
    return address_space_rw(as, addr, buf, len, false);
}

MemTxResult address_space_write(AddressSpace *as, hwaddr addr, const void *buf, uint64_t len)
{
    return address_space_rw(as, addr, (void *)buf, len, true);
}

void address_space_write_rom(AddressSpace *as, hwaddr addr, const void *buf, uint64_t len)
{
    const uint8_t *p = buf;

    while (len) {
        MemorySection s = address_space_resolve(as, addr);
        uint64_t n = MIN(len, s.len);

        if (s.host) {
            ram_store(&s, 0, p, n);
        }
        addr += n;
        p += n;
        len -= n;
    }
}

static uint64_t load_phys(AddressSpace *as, hwaddr addr, unsigned size)
{
    MemorySection s = address_space_resolve(as, addr);
    uint64_t val = 0;

    if (likely(s.host && s.len >= size)) {
        memcpy(&val, s.host, size);
    } else {
        address_space_rw(as, addr, &val, size, false);
    }
    return GUINT64_FROM_LE(val);
}

static void store_phys(AddressSpace *as, hwaddr addr, uint64_t val, unsigned size)
{
    val = GUINT64_TO_LE(val);
    address_space_rw(as, addr, &val, size, true);
}

uint8_t ldub_phys(AddressSpace *as, hwaddr a)
{
    return load_phys(as, a, 1);
}

uint16_t lduw_phys(AddressSpace *as, hwaddr a)
{
    return load_phys(as, a, 2);
}

uint32_t ldl_phys(AddressSpace *as, hwaddr a)
{
    return load_phys(as, a, 4);
}

uint64_t ldq_phys(AddressSpace *as, hwaddr a)
{
    return load_phys(as, a, 8);
}

void stb_phys(AddressSpace *as, hwaddr a, uint8_t v)
{
    store_phys(as, a, v, 1);
}

void stw_phys(AddressSpace *as, hwaddr a, uint16_t v)
{
    store_phys(as, a, v, 2);
}

void stl_phys(AddressSpace *as, hwaddr a, uint32_t v)
{
    store_phys(as, a, v, 4);
}

void stq_phys(AddressSpace *as, hwaddr a, uint64_t v)
{
    store_phys(as, a, v, 8);
}

MemTxResult dma_memory_read(hwaddr addr, void *buf, uint64_t len)
{
    return address_space_rw(address_space_memory, addr, buf, len, false);
}

MemTxResult dma_memory_write(hwaddr addr, const void *buf, uint64_t len)
{
    return address_space_rw(address_space_memory, addr, (void *)buf, len, true);
}

void *dma_memory_map(hwaddr addr, size_t *len, bool is_write, ram_addr_t *ram)
{
    MemorySection s = address_space_resolve(address_space_memory, addr);

    if (!s.host || (is_write && s.readonly)) {
        return NULL;
    }
    *len = MIN(*len, s.len);
    *ram = s.ram_addr;
    return s.host;
}

void dma_memory_written(ram_addr_t ram, size_t len)
{
    ram_written(ram, len);
}

/* ---- ports ------------------------------------------------------------------------------------------------------ */

/*
 * Resolves a port and takes the lock its region wants. The view may change between the two, by a vCPU that moves a BAR,
 * so it is asked again once the lock is held. False: nobody is there.
 */
static bool port_resolve(uint32_t port, MemorySection *s, bool *locked)
{
    *s = address_space_resolve(address_space_io, port & PORT_MASK);
    *locked = s->mr && s->mr->ops && lock_for(s->mr);
    if (*locked) {
        *s = address_space_resolve(address_space_io, port & PORT_MASK);
    }
    return s->mr && s->mr->ops;
}

uint64_t port_in(uint32_t port, unsigned size)
{
    uint64_t val = 0;

    for (unsigned done = 0, n; done < size; done += n) {
        MemorySection s;
        bool locked;

        if (port_resolve(port + done, &s, &locked)) {
            n = region_chunk(s.mr, s.offset, size - done);
            val |= region_read(s.mr, s.offset, n) << (8 * done);
        } else {
            n = 1;
            val |= 0xffull << (8 * done);
        }
        big_lock_leave(locked);
    }
    return val;
}

void port_out(uint32_t port, uint64_t val, unsigned size)
{
    for (unsigned done = 0, n; done < size; done += n) {
        MemorySection s;
        bool locked;

        n = 1;
        if (port_resolve(port + done, &s, &locked)) {
            n = region_chunk(s.mr, s.offset, size - done);
            region_write(s.mr, s.offset, val >> (8 * done), n);
        }
        big_lock_leave(locked);
    }
}

/* Only an access that one callback takes as a whole can be part of a string. */
static bool string_resolve(uint32_t port, unsigned size, MemorySection *s, bool *locked)
{
    return port_resolve(port, s, locked) && region_chunk(s->mr, s->offset, size) == size;
}

size_t port_in_string(uint32_t port, unsigned size, void *buf, size_t count)
{
    MemorySection s;
    size_t done = 0;
    bool locked;

    if (string_resolve(port, size, &s, &locked) && s.mr->ops->read_string) {
        done = s.mr->ops->read_string(s.mr->opaque, s.offset, buf, size, count);
    }
    big_lock_leave(locked);
    return done;
}

size_t port_out_string(uint32_t port, unsigned size, const void *buf, size_t count)
{
    MemorySection s;
    size_t done = 0;
    bool locked;

    if (string_resolve(port, size, &s, &locked) && s.mr->ops->write_string) {
        done = s.mr->ops->write_string(s.mr->opaque, s.offset, buf, size, count);
    }
    big_lock_leave(locked);
    return done;
}
