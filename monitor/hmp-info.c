/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * info: what the machine and the program are like at the moment. Layouts are the ones users and scripts know; most of
 * the text comes from the parts themselves.
 */
#include "qemu/osdep.h"
#include <unistd.h>
#include "block/backend.h"
#include "chardev/char.h"
#include "exec/cpu-inspect.h"
#include "exec/memory.h"
#include "exec/ram.h"
#include "exec/translate-all.h"
#include "hmp.h"
#include "hw/i386/pc.h"
#include "hw/intc/apic.h"
#include "hw/nvram/fw_cfg.h"
#include "qemu/bitops.h"
#include "sysemu/runstate.h"
#include "target-i386/cpu.h"
#include "trace/trace.h"
#include "ui/vnc.h"

/* ---- the program and the machine as a whole ---------------------------------------------------------------------- */

static void info_status(Monitor *m, const Arg *a)
{
    RunState s = runstate_get();

    if (s == RUN_STATE_RUNNING || s == RUN_STATE_PAUSED) {
        monitor_printf(m, "VM status: %s\n", runstate_name(s));
    } else {
        monitor_printf(m, "VM status: paused (%s)\n", runstate_name(s));
    }
}

static void info_version(Monitor *m, const Arg *a)
{
    monitor_puts(m, QEMU_VERSION "\n");
}

static void info_name(Monitor *m, const Arg *a)
{
    monitor_printf(m, "%s\n", pc_state.opts && pc_state.opts->name ? pc_state.opts->name : "");
}

static void info_uuid(Monitor *m, const Arg *a)
{
    monitor_printf(m, "%s\n", pc_state.opts && pc_state.opts->uuid ? pc_state.opts->uuid
                                                                   : "00000000-0000-0000-0000-000000000000");
}

static void info_history(Monitor *m, const Arg *a)
{
    const char *line;

    for (unsigned i = 0; (line = monitor_history(m, i)); i++) {
        monitor_printf(m, "%u: '%s'\n", i, line);
    }
}

static void info_kvm(Monitor *m, const Arg *a)
{
    monitor_puts(m, "kvm support: not compiled\n");
}

static void info_jit(Monitor *m, const Arg *a)
{
    hmp_print(m, tcg_print_stats);
}

static void info_chardev(Monitor *m, const Arg *a)
{
    hmp_print(m, chardev_print);
}

static void info_trace_events(Monitor *m, const Arg *a)
{
    g_autoptr(GString) text = g_string_new(NULL);

    trace_print_state(text, a[0].s);
    monitor_put_gstring(m, text);
}

/* ---- CPUs -------------------------------------------------------------------------------------------------------- */

typedef struct CpuText {
    char *text;
    size_t len;
    GString *out;
    pid_t tid;
    void (*print)(CPUX86State *env, GString *out);
} CpuText;

static void dump_registers(VCpu *v, void *opaque)
{
    CpuText *t = opaque;
    FILE *f = open_memstream(&t->text, &t->len);

    if (f) {
        cpu_dump_state(v->env, f);
        fclose(f);
    }
}

static void print_registers(Monitor *m, VCpu *v)
{
    CpuText t = { 0 };

    vcpu_run_on(v, dump_registers, &t);
    monitor_printf(m, "\nCPU#%d\n%s", v->index, t.text ? t.text : "");
    free(t.text);
}

static VCpu *find_cpu(uint64_t index)
{
    VCPU_FOREACH(v) {
        if ((uint64_t)v->index == index) {
            return v;
        }
    }
    return NULL;
}

static void info_registers(Monitor *m, const Arg *a)
{
    VCpu *v = a[1].given ? find_cpu(a[1].n) : monitor_cpu(m);

    if (a[0].given) {
        VCPU_FOREACH(each) {
            print_registers(m, each);
        }
    } else if (v) {
        print_registers(m, v);
    } else {
        monitor_printf(m, "CPU#%" PRIu64 " not available\n", a[1].n);
    }
}

static void ask_tid(VCpu *v, void *opaque)
{
    ((CpuText *)opaque)->tid = gettid();
}

static void info_cpus(Monitor *m, const Arg *a)
{
    VCPU_FOREACH(v) {
        CpuText t = { 0 };

        vcpu_run_on(v, ask_tid, &t);
        monitor_printf(m, "%c CPU #%d: thread_id=%d\n", v == monitor_cpu(m) ? '*' : ' ', v->index, (int)t.tid);
    }
}

static void print_tables(VCpu *v, void *opaque)
{
    CpuText *t = opaque;

    t->print(v->env, t->out);
}

static void print_cpu_text(Monitor *m, void (*print)(CPUX86State *env, GString *out))
{
    g_autoptr(GString) text = g_string_new(NULL);
    CpuText t = { .out = text, .print = print };

    if (monitor_cpu(m)) {
        vcpu_run_on(monitor_cpu(m), print_tables, &t);
        monitor_put_gstring(m, text);
    }
}

static void info_mem(Monitor *m, const Arg *a)
{
    print_cpu_text(m, cpu_inspect_mem);
}

static void info_tlb(Monitor *m, const Arg *a)
{
    print_cpu_text(m, cpu_inspect_tlb);
}

/* ---- interrupts -------------------------------------------------------------------------------------------------- */

static void info_lapic(Monitor *m, const Arg *a)
{
    g_autoptr(GString) text = g_string_new(NULL);
    VCpu *v = a[0].given ? NULL : monitor_cpu(m);

    VCPU_FOREACH(each) {
        if (a[0].given && each->env->apic_id == a[0].n) {
            v = each;
        }
    }
    if (!v) {
        monitor_puts(m, "No CPU available\n");
        return;
    }
    apic_print(v, text);
    monitor_put_gstring(m, text);
}

static void print_device(Monitor *m, Device *dev, void (*print)(Device *dev, GString *out))
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (dev) {
        print(dev, text);
        monitor_put_gstring(m, text);
    }
}

static void info_pic(Monitor *m, const Arg *a)
{
    print_device(m, pc_state.ioapic, ioapic_print);
    print_device(m, pc_state.pic, i8259_print);
}

static void info_ioapic(Monitor *m, const Arg *a)
{
    print_device(m, pc_state.ioapic, ioapic_print);
}

static void print_counts(Monitor *m, const char *name, const uint64_t *counts, unsigned n)
{
    monitor_printf(m, "IRQ statistics for %s:\n", name);
    for (unsigned i = 0; i < n; i++) {
        if (counts[i]) {
            monitor_printf(m, "%2u: %" PRIu64 "\n", i, counts[i]);
        }
    }
}

static void info_irq(Monitor *m, const Arg *a)
{
    if (pc_state.ioapic) {
        print_counts(m, "ioapic", ioapic_irq_counts(pc_state.ioapic), IOAPIC_NUM_PINS);
    }
    if (pc_state.pic) {
        print_counts(m, "isa-i8259", i8259_irq_counts(pc_state.pic), ISA_NUM_IRQS);
    }
}

/* ---- memory and devices ------------------------------------------------------------------------------------------ */

static void info_mtree(Monitor *m, const Arg *a)
{
    g_autoptr(GString) text = g_string_new(NULL);

    memory_print_tree(text, a[0].given);
    monitor_put_gstring(m, text);
}

static void info_vnc(Monitor *m, const Arg *a)
{
    g_autoptr(GString) text = g_string_new(NULL);

    vnc_print(text);
    monitor_put_gstring(m, text);
}

static void info_ramblock(Monitor *m, const Arg *a)
{
    monitor_printf(m, "%24s %8s %18s %18s %18s\n", "Block Name", "PSize", "Offset", "Used", "Total");
    RAM_BLOCK_FOREACH (rb) {
        monitor_printf(m, "%24s %8s  0x%016" PRIx64 " 0x%016" PRIx64 " 0x%016" PRIx64 "\n", rb->name, "4 KiB",
                       rb->offset, rb->size, rb->size);
    }
}

static void info_memory_size_summary(Monitor *m, const Arg *a)
{
    monitor_printf(m, "base memory: %" PRIu64 "\nplugged memory: 0\n", pc_state.opts ? pc_state.opts->ram_size : 0);
}

static void info_qtree(Monitor *m, const Arg *a)
{
    hmp_print(m, device_print_tree);
}

static void info_pci(Monitor *m, const Arg *a)
{
    hmp_print(m, pci_print);
}

static void info_mice(Monitor *m, const Arg *a)
{
    if (pc_state.kbd) {
        monitor_puts(m, "* Mouse #2: QEMU PS/2 Mouse\n");
    }
}

static void add_type(const DeviceType *t, void *opaque)
{
    GString *text = opaque;

    g_string_append_printf(text, "name \"%s\"", t->name);
    if (t->bus != BUS_NONE && bus_kind_name(t->bus)) {
        g_string_append_printf(text, ", bus %s", bus_kind_name(t->bus));
    }
    if (t->desc) {
        g_string_append_printf(text, ", desc \"%s\"", t->desc);
    }
    g_string_append(text, t->user_creatable ? "\n" : ", no-user\n");
}

static void info_qdm(Monitor *m, const Arg *a)
{
    g_autoptr(GString) text = g_string_new(NULL);

    device_type_foreach(add_type, text);
    monitor_put_gstring(m, text);
}

/* Files the firmware fetches: the directory's format is that of the QEMU firmware configuration device. */
static void print_firmware_files(Monitor *m, Device *fw)
{
    uint8_t count[4], entry[64];

    fw_cfg_item_read(fw, FW_CFG_FILE_DIR, 0, count, sizeof(count));
    for (uint32_t i = 0; i < load_be32(count); i++) {
        char name[57] = "";

        fw_cfg_item_read(fw, FW_CFG_FILE_DIR, sizeof(count) + (uint64_t)i * sizeof(entry), entry, sizeof(entry));
        memcpy(name, entry + 8, 56);
        if (g_str_has_prefix(name, "genroms/") || g_str_has_prefix(name, "vgaroms/")) {
            monitor_printf(m, "fw=%s size=0x%06x name=\"%s\"\n", name, load_be32(entry), strchr(name, '/') + 1);
        } else if (g_str_has_prefix(name, "etc/acpi/") || !strcmp(name, "etc/table-loader")) {
            monitor_printf(m, "/rom@%s size=0x%06x name=\"%s\"\n", name, load_be32(entry), name);
        }
    }
}

static void info_roms(Monitor *m, const Arg *a)
{
    MemorySection s = address_space_resolve(address_space_memory, 4 * GiB - 1);
    const char *bios = pc_state.opts ? pc_state.opts->bios : NULL;
    g_autofree char *base = g_path_get_basename(bios ? bios : "bios-256k.bin");

    if (s.mr && s.host) {
        uint64_t size = memory_region_size(s.mr);

        monitor_printf(m, "addr=%016" PRIx64 " size=0x%06" PRIx64 " mem=rom name=\"%s\"\n",
                       (uint64_t)(4 * GiB) - size, size, base);
    }
    if (pc_state.fw_cfg) {
        print_firmware_files(m, pc_state.fw_cfg);
    }
}

/* ---- drives ------------------------------------------------------------------------------------------------------ */

static const char *cache_text(BlockCache c)
{
    switch (c) {
    case BLOCK_CACHE_WRITEBACK:
        return "writeback";
    case BLOCK_CACHE_NONE:
        return "writeback, direct";
    case BLOCK_CACHE_WRITETHROUGH:
        return "writethrough";
    case BLOCK_CACHE_DIRECTSYNC:
        return "writethrough, direct";
    case BLOCK_CACHE_UNSAFE:
        return "writeback, ignore flushes";
    }
    return "";
}

static void print_throttle(Monitor *m, BlockBackend *blk)
{
    const ThrottleConfig *cfg = blk_throttle(blk);

    if (!throttle_is_on(cfg)) {
        return;
    }
    monitor_puts(m, "    I/O throttling:  ");
    for (const ThrottleKey *k = throttle_keys; k->plain; k++) {
        uint64_t v = *(const uint64_t *)((const char *)cfg + k->offset);

        if (!g_str_has_suffix(k->plain, "_length")) {
            monitor_printf(m, " %s=%" PRIu64, k->plain, v);
        }
    }
    if (blk_throttle_group(blk)) {
        monitor_printf(m, " group=%s", blk_throttle_group(blk));
    }
    monitor_puts(m, "\n");
}

static void print_drive(Monitor *m, BlockBackend *blk)
{
    BlockNode *n = blk_node(blk);
    Device *dev = hmp_device_of_drive(blk_name(blk));

    if (n) {
        monitor_printf(m, "%s: %s (%s%s)\n", blk_name(blk), block_filename(n), block_format_name(n),
                       block_is_readonly(n) ? ", read-only" : "");
    } else {
        monitor_printf(m, "%s: [not inserted]\n", blk_name(blk));
    }
    if (dev) {
        monitor_printf(m, "    Attached to:      /machine/%s/%s\n", dev->id ? "peripheral" : "unattached",
                       dev->id ? dev->id : dev->type->name);
    }
    if (dev && hmp_drive_is_removable(dev)) {
        monitor_printf(m, "    Removable device: %slocked, tray %s\n", blk_is_locked(blk) ? "" : "not ",
                       blk_is_tray_open(blk) ? "open" : "closed");
    }
    if (n) {
        monitor_printf(m, "    Cache mode:       %s\n", cache_text(n->cache));
    }
    if (n && n->backing_file) {
        unsigned depth = 0;

        for (const BlockNode *b = n->backing; b; b = b->backing) {
            depth++;
        }
        monitor_printf(m, "    Backing file:     %s (chain depth: %u)\n", n->backing_file, depth);
    }
    print_throttle(m, blk);
}

/* As qemu-img info begins, of the image and of those below it. */
static void print_images(Monitor *m, BlockNode *n)
{
    monitor_puts(m, "\nImages:\n");
    for (; n; n = n->backing) {
        uint64_t allocated = block_allocated_size(n);
        g_autofree char *size = block_human_size(block_size(n));
        g_autofree char *used = allocated == BLOCK_SIZE_UNKNOWN ? g_strdup("unavailable") : block_human_size(allocated);

        monitor_printf(m, "image: %s\nfile format: %s\nvirtual size: %s (%" PRIu64 " bytes)\ndisk size: %s\n%s",
                       block_filename(n), block_format_name(n), size, block_size(n), used, n->backing ? "\n" : "");
    }
}

static void print_nodes(Monitor *m)
{
    for (BlockNode *n = block_next(NULL); n; n = block_next(n)) {
        monitor_printf(m, "%s%s: %s (%s%s)\n    Cache mode:       %s\n", n == block_next(NULL) ? "" : "\n",
                       n->node_name ? n->node_name : "#", block_filename(n), block_format_name(n),
                       block_is_readonly(n) ? ", read-only" : "", cache_text(n->cache));
    }
}

static void info_block(Monitor *m, const Arg *a)
{
    bool first = true;

    if (a[0].given) {
        print_nodes(m);
        return;
    }
    for (BlockBackend *blk = blk_next(NULL); blk; blk = blk_next(blk)) {
        if (!a[2].given || !strcmp(a[2].s, blk_name(blk))) {
            monitor_puts(m, first ? "" : "\n");
            print_drive(m, blk);
            if (a[1].given && blk_node(blk)) {
                print_images(m, blk_node(blk));
            }
            first = false;
        }
    }
}

static void info_blockstats(Monitor *m, const Arg *a)
{
    for (BlockBackend *blk = blk_next(NULL); blk; blk = blk_next(blk)) {
        const BlkStats *s = blk_stats(blk);

        monitor_printf(m, "%s: rd_bytes=%" PRIu64 " wr_bytes=%" PRIu64 " rd_operations=%" PRIu64
                       " wr_operations=%" PRIu64 " flush_operations=%" PRIu64 "\n", blk_name(blk), s->read_bytes,
                       s->write_bytes, s->reads, s->writes, s->flushes);
    }
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

#define OPTIONAL(k)     { .kind = (k), .optional = true }
#define FLAG_ARG(f)     { .kind = ARG_FLAG, .flag = (f) }

const HmpCommand hmp_info_commands[] = {
    { "block", .args = { FLAG_ARG('n'), FLAG_ARG('v'), OPTIONAL(ARG_BLOCK) }, .params = "[-n] [-v] [device]",
      .help = "drives and their media; -v: the images too; -n: nodes instead of drives", .fn = info_block },
    { "blockstats", .help = "what was read from and written to drives", .fn = info_blockstats },
    { "chardev", .help = "character devices", .fn = info_chardev },
    { "cpus", .help = "virtual CPUs and their host threads; * is the one commands look at", .fn = info_cpus },
    { "history", .help = "lines typed here before", .fn = info_history },
    { "ioapic", .help = "the IO-APIC", .fn = info_ioapic },
    { "irq", .help = "how often interrupt lines have risen", .fn = info_irq },
    { "jit", .help = "the translator: its buffer and what it has done", .fn = info_jit },
    { "kvm", .help = "whether KVM is in use", .fn = info_kvm },
    { "lapic", .args = { OPTIONAL(ARG_NUMBER) }, .params = "[apic-id]", .help = "a CPU's local APIC",
      .fn = info_lapic },
    { "mem", .help = "virtual memory: ranges of equal rights", .fn = info_mem },
    { "memory_size_summary", .help = "bytes of memory the machine has", .fn = info_memory_size_summary },
    { "mice", .help = "pointing devices", .fn = info_mice },
    { "mtree", .args = { FLAG_ARG('f') }, .params = "[-f]",
      .help = "memory regions as a tree (-f: as flat address spaces)", .fn = info_mtree },
    { "name", .help = "the name given with -name", .fn = info_name },
    { "pci", .help = "PCI functions with their BARs and interrupts", .fn = info_pci },
    { "pic", .help = "interrupt controllers: IO-APIC and the 8259 pair", .fn = info_pic },
    { "qdm", .help = "device types", .fn = info_qdm },
    { "qtree", .help = "devices as a tree, with their properties", .fn = info_qtree },
    { "ramblock", .help = "blocks of host memory behind the guest's", .fn = info_ramblock },
    { "registers", .args = { FLAG_ARG('a'), OPTIONAL(ARG_NUMBER) }, .params = "[-a|vcpu]",
      .help = "CPU registers (-a: of all CPUs)", .fn = info_registers },
    { "roms", .help = "firmware images", .fn = info_roms },
    { "snapshots", .help = "snapshots of the machine and its disks", .fn = hmp_info_snapshots },
    { "status", .help = "whether the machine runs, and if not why", .fn = info_status },
    { "tlb", .help = "virtual memory: each page and where it is mapped", .fn = info_tlb },
    { "trace-events", .args = { { .kind = ARG_STRING, .optional = true, .complete = complete_trace_event } },
      .params = "[name]", .help = "trace events and which are on", .fn = info_trace_events },
    { "uuid", .help = "the machine's UUID", .fn = info_uuid },
    { "version", .help = "the program's version", .fn = info_version },
    { "vnc", .help = "the VNC server and how many look", .fn = info_vnc },
    { .name = NULL },
};
