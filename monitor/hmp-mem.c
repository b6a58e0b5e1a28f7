/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Monitor commands that look at memory, ports and expressions: x xp print i o sum memsave pmemsave gva2gpa gpa2hva
 *
 * Virtual addresses are those of the monitor's CPU, read in its own thread (vcpu_run_on).
 */
#include "qemu/osdep.h"
#include "disas/disas.h"
#include "exec/cpu-inspect.h"
#include "exec/memory.h"
#include "expr.h"
#include "hmp.h"
#include "qemu/bitops.h"

#define LINE_BYTES      16
#define INSN_MAX        15      /* SDM vol. 2A, "Instruction Format" */
#define COUNT_MAX       65536u  /* items of one command */
#define CHUNK           4096u

/* ---- the CPU's side ---------------------------------------------------------------------------------------------- */

typedef struct CpuQuestion {
    const char *name;
    uint64_t addr, value;
    void *buf;
    size_t len;
    unsigned bits;
    bool ok;
} CpuQuestion;

static void ask_register(VCpu *v, void *opaque)
{
    CpuQuestion *q = opaque;

    q->ok = cpu_inspect_register(v->env, q->name, &q->value);
}

static void ask_read(VCpu *v, void *opaque)
{
    CpuQuestion *q = opaque;

    q->ok = cpu_inspect_read(v->env, q->addr, q->buf, q->len);
}

static void ask_translate(VCpu *v, void *opaque)
{
    CpuQuestion *q = opaque;

    q->ok = cpu_inspect_translate(v->env, q->addr, &q->value);
}

static void ask_bits(VCpu *v, void *opaque)
{
    ((CpuQuestion *)opaque)->bits = cpu_inspect_code_bits(v->env);
}

static bool ask(Monitor *m, VCpuWorkFn *fn, CpuQuestion *q)
{
    VCpu *v = monitor_cpu(m);

    if (v) {
        vcpu_run_on(v, fn, q);
    }
    return v && q->ok;
}

bool hmp_register(void *opaque, const char *name, uint64_t *value)
{
    CpuQuestion q = { .name = name };
    bool ok = ask(opaque, ask_register, &q);

    *value = q.value;
    return ok;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

typedef struct View {
    Monitor *m;
    bool physical;
} View;

static bool view_read(const View *v, uint64_t addr, void *buf, size_t len)
{
    CpuQuestion q = { .addr = addr, .buf = buf, .len = len };

    if (v->physical) {
        return address_space_read(address_space_memory, addr, buf, len) == MEMTX_OK;
    }
    return ask(v->m, ask_read, &q);
}

static void print_char(GString *out, uint64_t v)
{
    static const char codes[] = "\n\r\\'", names[] = "nr\\'";
    const char *special = v && v < 0x80 ? strchr(codes, (char)v) : NULL;

    if (special) {
        g_string_append_printf(out, "'\\%c'", names[special - codes]);
    } else if (v < 0x80 && g_ascii_isprint((char)v)) {
        g_string_append_printf(out, "'%c'", (char)v);
    } else {
        g_string_append_printf(out, "'\\x%02" PRIx64 "'", v);
    }
}

static void print_value(GString *out, uint64_t v, char format, unsigned size)
{
    static const uint8_t hex_digits[] = { [1] = 2, [2] = 4, [4] = 8, [8] = 16 };
    static const uint8_t octal_digits[] = { [1] = 3, [2] = 6, [4] = 11, [8] = 22 };
    static const uint8_t decimal_digits[] = { [1] = 3, [2] = 5, [4] = 10, [8] = 20 };

    switch (format) {
    case 'o':
        g_string_append_printf(out, "%#*" PRIo64, octal_digits[size], v);
        break;
    case 'd':
        g_string_append_printf(out, "%*" PRId64, decimal_digits[size], sextract64(v, 0, size * 8));
        break;
    case 'u':
        g_string_append_printf(out, "%*" PRIu64, decimal_digits[size], v);
        break;
    case 'c':
        print_char(out, v);
        break;
    default:
        g_string_append_printf(out, "0x%0*" PRIx64, hex_digits[size], v);
    }
}

static uint64_t load_sized(const uint8_t *p, unsigned size)
{
    return size == 1 ? *p : size == 2 ? load_le16(p) : size == 4 ? load_le32(p) : load_le64(p);
}

static void dump_values(const View *v, uint64_t addr, const MemFormat *f)
{
    unsigned size = f->format == 'c' ? 1 : (unsigned)f->size, per_line = size == 1 ? 8 : LINE_BYTES / size;

    for (unsigned left = f->count; left; ) {
        unsigned n = MIN(left, per_line);
        uint8_t bytes[LINE_BYTES];
        g_autoptr(GString) line = g_string_new(NULL);

        if (!view_read(v, addr, bytes, (size_t)n * size)) {
            monitor_printf(v->m, "%016" PRIx64 ": Cannot access memory\n", addr);
            return;
        }
        g_string_append_printf(line, "%016" PRIx64 ":", addr);
        for (unsigned i = 0; i < n; i++) {
            g_string_append_c(line, ' ');
            print_value(line, load_sized(bytes + i * size, size), f->format, size);
        }
        g_string_append_c(line, '\n');
        monitor_put_gstring(v->m, line);
        addr += (uint64_t)n * size;
        left -= n;
    }
}

static void dump_insns(const View *v, uint64_t addr, unsigned count)
{
    CpuQuestion q = { .ok = true };

    ask(v->m, ask_bits, &q);
    while (count--) {
        uint8_t bytes[INSN_MAX];
        unsigned have = INSN_MAX;
        g_autoptr(GString) line = g_string_new(NULL);

        while (have && !view_read(v, addr, bytes, have)) {
            have--;
        }
        if (!have) {
            monitor_printf(v->m, "0x%08" PRIx64 ": unable to read memory\n", addr);
            return;
        }
        addr += disas_guest_x86_insn(line, bytes, addr, have, q.bits);
        monitor_put_gstring(v->m, line);
    }
}

static void dump(Monitor *m, const Arg *a, bool physical)
{
    MemFormat *f = monitor_last_format(m);
    View v = { m, physical };

    f->count = a[0].fmt.count ? MIN(a[0].fmt.count, COUNT_MAX) : 1;
    f->format = a[0].fmt.format ? a[0].fmt.format : f->format;
    f->size = a[0].fmt.size ? a[0].fmt.size : f->size;
    if (f->format == 'i') {
        dump_insns(&v, a[1].n, f->count);
    } else {
        dump_values(&v, a[1].n, f);
    }
}

void hmp_x(Monitor *m, const Arg *a)
{
    dump(m, a, false);
}

void hmp_xp(Monitor *m, const Arg *a)
{
    dump(m, a, true);
}

void hmp_p(Monitor *m, const Arg *a)
{
    MemFormat *f = monitor_last_format(m);
    uint64_t v = a[1].n;
    g_autoptr(GString) text = g_string_new(NULL);

    f->format = a[0].fmt.format ? a[0].fmt.format : f->format;
    switch (f->format) {
    case 'o':
        monitor_printf(m, "%#" PRIo64 "\n", v);
        break;
    case 'd':
        monitor_printf(m, "%" PRId64 "\n", (int64_t)v);
        break;
    case 'u':
        monitor_printf(m, "%" PRIu64 "\n", v);
        break;
    case 'c':
        print_char(text, v);
        monitor_printf(m, "%s\n", text->str);
        break;
    default:
        monitor_printf(m, "%#" PRIx64 "\n", v);
    }
}

/* ---- ports ------------------------------------------------------------------------------------------------------- */

static char port_suffix(unsigned size)
{
    return size == 1 ? 'b' : size == 2 ? 'w' : 'l';
}

/* Sizes are those of x: /b a byte, /h two, /w four. */
static unsigned port_size(const MemFormat *f)
{
    return f->size ? MIN((unsigned)f->size, 4u) : 1;
}

void hmp_port_in(Monitor *m, const Arg *a)
{
    unsigned size = port_size(&a[0].fmt);
    uint32_t port = a[1].n & 0xffff;

    monitor_printf(m, "port%c[0x%04x] = 0x%0*" PRIx64 "\n", port_suffix(size), port, (int)size * 2,
                   port_in(port, size));
}

void hmp_port_out(Monitor *m, const Arg *a)
{
    port_out(a[1].n & 0xffff, a[2].n, port_size(&a[0].fmt));
}

/* ---- whole ranges ------------------------------------------------------------------------------------------------ */

/* sum(1) of BSD: rotate right, add. */
void hmp_sum(Monitor *m, const Arg *a)
{
    uint64_t addr = a[0].n, left = MIN(a[1].n, (uint64_t)UINT32_MAX);
    uint8_t buf[CHUNK];
    uint16_t sum = 0;

    while (left) {
        size_t n = MIN(left, CHUNK);

        address_space_read(address_space_memory, addr, buf, n);     /* holes read as zeros */
        for (size_t i = 0; i < n; i++) {
            sum = (uint16_t)((sum >> 1 | sum << 15) + buf[i]);
        }
        addr += n;
        left -= n;
    }
    monitor_printf(m, "%05u\n", sum);
}

static bool save(const View *v, uint64_t addr, uint64_t left, FILE *f, Error **errp)
{
    uint8_t buf[CHUNK];

    while (left) {
        size_t n = MIN(left, CHUNK - addr % CHUNK);

        if (!view_read(v, addr, buf, n)) {
            error_set(errp, "Invalid addr 0x%016" PRIx64 "/size %" PRIu64 " specified", addr, left);
            return false;
        }
        if (fwrite(buf, 1, n, f) != n) {
            error_set_errno(errp, errno, "failed to write memory to file");
            return false;
        }
        addr += n;
        left -= n;
    }
    return true;
}

static void save_command(Monitor *m, const Arg *a, bool physical)
{
    View v = { m, physical };
    FILE *f = fopen(a[2].s, "wb");
    Error *err = NULL;

    if (!f) {
        error_set_errno(&err, errno, "Could not open '%s'", a[2].s);
        hmp_handle_error(m, err);
        return;
    }
    if (save(&v, a[0].n, a[1].n, f, &err) && fflush(f)) {
        error_set_errno(&err, errno, "failed to write memory to file");
    }
    fclose(f);
    hmp_handle_error(m, err);
}

void hmp_memsave(Monitor *m, const Arg *a)
{
    save_command(m, a, false);
}

void hmp_pmemsave(Monitor *m, const Arg *a)
{
    save_command(m, a, true);
}

/* ---- addresses --------------------------------------------------------------------------------------------------- */

void hmp_gva2gpa(Monitor *m, const Arg *a)
{
    CpuQuestion q = { .addr = a[0].n };

    if (ask(m, ask_translate, &q)) {
        monitor_printf(m, "gpa: %#" PRIx64 "\n", q.value);
    } else {
        monitor_puts(m, "Unmapped\n");
    }
}

void hmp_gpa2hva(Monitor *m, const Arg *a)
{
    MemorySection s = address_space_resolve(address_space_memory, a[0].n);

    if (s.host) {
        monitor_printf(m, "Host virtual address for 0x%" PRIx64 " (%s) is %p\n", a[0].n, s.mr->name, (void *)s.host);
    } else if (s.mr) {
        monitor_printf(m, "Memory at address 0x%" PRIx64 " is not RAM\n", a[0].n);
    } else {
        monitor_printf(m, "No memory is mapped at address 0x%" PRIx64 "\n", a[0].n);
    }
}
