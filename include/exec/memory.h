/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guest-physical memory and I/O ports: a tree of regions rendered to a sorted flat view per address space.
 *
 * Topology changes need the big lock (before the vCPUs start, any thread) and take effect when the outermost
 * transaction commits. Readers take a snapshot of the flat view without a lock; retired views are freed after a grace
 * period. Access functions without "_locked" take the big lock themselves when they reach an I/O region that needs it.
 */
#ifndef EXEC_MEMORY_H
#define EXEC_MEMORY_H

#include "qemu/error.h"

typedef struct Device Device;
typedef struct MemoryRegion MemoryRegion;
typedef struct AddressSpace AddressSpace;
typedef struct FlatView FlatView;
typedef struct RamBlock RamBlock;

typedef enum MemTxResult { MEMTX_OK = 0, MEMTX_ERROR = 1, MEMTX_UNASSIGNED = 2 } MemTxResult;

/*
 * Callbacks of an I/O region. addr is relative to the region, size is 1, 2, 4 or 8 and within .size of the ops:
 * wider accesses are split (little endian), narrower ones are widened to .size.min when .size.min > 1. Big lock held.
 */
typedef struct MemoryRegionOps {
    uint64_t (*read)(void *opaque, hwaddr addr, unsigned size);
    void (*write)(void *opaque, hwaddr addr, uint64_t val, unsigned size);
    struct { uint8_t min, max; } size;      /* what the callbacks take; 0,0 means 1..4 */
    /* what the guest may do at once; others read as all ones / are dropped. 0,0: any */
    struct { uint8_t min, max; } access;
    bool no_lock;                           /* the device guards itself: called without the big lock */
    /*
     * For data ports, may be NULL: count accesses of size bytes to one address at once, from or to memory in guest
     * order. They answer how many they did; the caller does at least one more the plain way.
     */
    size_t (*read_string)(void *opaque, hwaddr addr, void *buf, unsigned size, size_t count);
    size_t (*write_string)(void *opaque, hwaddr addr, const void *buf, unsigned size, size_t count);
} MemoryRegionOps;

struct MemoryRegion {
    const char *name;           /* owned copy */
    Device *owner;
    const MemoryRegionOps *ops; /* I/O regions */
    void *opaque;
    RamBlock *ram;              /* RAM and ROM */
    MemoryRegion *alias;
    hwaddr alias_offset;
    MemoryRegion *container;
    hwaddr addr;                /* in the container */
    uint64_t size_minus1;       /* so that 2^64 fits */
    int priority;
    bool enabled, readonly, is_ram, terminates;
    GList *children;            /* MemoryRegion *, by falling priority; later-added first among equals */
};

/* Initialise an embedded region; it covers nothing until added to a container. size 0 means 2^64. */
void memory_region_init(MemoryRegion *mr, Device *owner, const char *name, uint64_t size);     /* pure container */
void memory_region_init_io(MemoryRegion *mr, Device *owner, const MemoryRegionOps *ops, void *opaque,
                           const char *name, uint64_t size);
bool memory_region_init_ram(MemoryRegion *mr, Device *owner, const char *name, uint64_t size, Error **errp);
bool memory_region_init_rom(MemoryRegion *mr, Device *owner, const char *name, uint64_t size, Error **errp);
void memory_region_init_alias(MemoryRegion *mr, Device *owner, const char *name, MemoryRegion *orig, hwaddr offset,
                              uint64_t size);
void memory_region_destroy(MemoryRegion *mr);   /* must be out of its container */

void memory_region_add(MemoryRegion *container, hwaddr addr, MemoryRegion *mr, int priority);
void memory_region_del(MemoryRegion *mr);
void memory_region_set_enabled(MemoryRegion *mr, bool enabled);
void memory_region_set_readonly(MemoryRegion *mr, bool readonly);   /* RAM: reads hit RAM, writes are dropped */
void memory_region_set_address(MemoryRegion *mr, hwaddr addr);
void memory_region_set_alias_offset(MemoryRegion *mr, hwaddr offset);
uint8_t *memory_region_ram_ptr(MemoryRegion *mr);                   /* host address of offset 0 */
ram_addr_t memory_region_ram_addr(MemoryRegion *mr);
uint64_t memory_region_size(const MemoryRegion *mr);                /* UINT64_MAX for 2^64 */

void memory_transaction_begin(void);    /* nest */
/* the outermost renders, then vCPUs flush their TLBs and stale translations go */
void memory_transaction_commit(void);

/*
 * commit() runs after a transaction that changed what some address resolves to, never otherwise: vCPUs flush their TLBs
 * and drop what they derived from physical addresses there. Big lock held once vCPUs run. Listeners are never removed.
 */
void memory_listener_add(void (*commit)(void *opaque), void *opaque);

/*
 * What an address resolves to: valid until the next topology change (vCPUs cache it in the TLB and are flushed by one).
 */
typedef struct MemorySection {
    MemoryRegion *mr;       /* terminating region; NULL when unassigned */
    hwaddr offset;          /* in mr */
    uint64_t len;           /* bytes until the section ends (64-bit saturated) */
    uint8_t *host;          /* host address when RAM/ROM, else NULL */
    ram_addr_t ram_addr;    /* when RAM/ROM */
    bool readonly;
} MemorySection;
MemorySection address_space_resolve(AddressSpace *as, hwaddr addr);

bool address_space_init(AddressSpace **as, MemoryRegion *root, const char *name);
/* Changes with every commit that alters this address space: cheap test whether a kept MemorySection is still true. */
uint64_t address_space_generation(const AddressSpace *as);
extern AddressSpace *address_space_memory;  /* what devices and CPUs see */
extern AddressSpace *address_space_io;      /* 64 KiB of ports */
MemoryRegion *get_system_memory(void);
MemoryRegion *get_system_io(void);
void memory_init(void);                     /* creates the two; call once */

/* Bulk access; RAM is written with dirty tracking and translations overlapped are invalidated. Any thread. */
MemTxResult address_space_rw(AddressSpace *as, hwaddr addr, void *buf, uint64_t len, bool is_write);
MemTxResult address_space_read(AddressSpace *as, hwaddr addr, void *buf, uint64_t len);
MemTxResult address_space_write(AddressSpace *as, hwaddr addr, const void *buf, uint64_t len);
/* Writes ROM too: firmware loading. */
void address_space_write_rom(AddressSpace *as, hwaddr addr, const void *buf, uint64_t len);
/* One I/O access of size bytes to a resolved non-RAM section; takes the big lock when needed. */
uint64_t memory_section_read(const MemorySection *s, hwaddr offset_in_section, unsigned size);
void memory_section_write(const MemorySection *s, hwaddr offset_in_section, uint64_t val, unsigned size);

uint8_t ldub_phys(AddressSpace *as, hwaddr a);
uint16_t lduw_phys(AddressSpace *as, hwaddr a);
uint32_t ldl_phys(AddressSpace *as, hwaddr a);
uint64_t ldq_phys(AddressSpace *as, hwaddr a);
void stb_phys(AddressSpace *as, hwaddr a, uint8_t v);
void stw_phys(AddressSpace *as, hwaddr a, uint16_t v);
void stl_phys(AddressSpace *as, hwaddr a, uint32_t v);
void stq_phys(AddressSpace *as, hwaddr a, uint64_t v);

/* Device DMA: as address_space_rw on system memory; MMIO and holes are harmless. */
MemTxResult dma_memory_read(hwaddr addr, void *buf, uint64_t len);
MemTxResult dma_memory_write(hwaddr addr, const void *buf, uint64_t len);
/*
 * For transfers that take time: the host memory behind a guest address, as far as it is one piece of RAM (*len is
 * shortened), or NULL. It stays valid. Whoever writes there says so afterwards, with the address put into *ram.
 */
void *dma_memory_map(hwaddr addr, size_t *len, bool is_write, ram_addr_t *ram);
void dma_memory_written(ram_addr_t ram, size_t len);

/* Ports, for vCPUs. size 1, 2, 4. */
uint64_t port_in(uint32_t port, unsigned size);
void port_out(uint32_t port, uint64_t val, unsigned size);
/* As many of count equal accesses as the device does in bulk: how many. 0: none, use the functions above. */
size_t port_in_string(uint32_t port, unsigned size, void *buf, size_t count);
size_t port_out_string(uint32_t port, unsigned size, const void *buf, size_t count);

void memory_print_tree(GString *out, bool flat);    /* info mtree [-f] */

#endif
