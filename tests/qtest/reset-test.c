/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reset by every route a guest or user has without a processor's help: devices that were in the middle of something
 * have the state of a machine that was left alone and reset at the same time. States are compared as they are saved
 * (migration/vmstate-stream.c has the format), device by device.
 */
#include "qemu/osdep.h"
#include "disturb.h"
#include "qemu/bitops.h"
#include "qmonitor.h"

/*
 * What a reset leaves as it was, written into both machines: CMOS cells and the clock's rate (they stand on a battery),
 * the latch of the test device, PAM and the power management's base (firmware's warm start and its way out of S3 need
 * them), and bit 1 of port 92h.
 */
static void write_what_survives(QTest *q)
{
    qtest_outb(q, 0x70, 0x0a);
    qtest_outb(q, 0x71, 0x26);
    qtest_outb(q, 0x70, 0x50);
    qtest_outb(q, 0x71, 0xaa);
    qtest_outb(q, 0x92, 0x02);
    qtest_outl(q, 0xe0, 0x12345678);
    qtest_pci_writel(q, 0, 0x58, 0x33221100);
    qtest_pci_writel(q, 1 << 3 | 3, 0x40, 0xb001);
}

#define CLOCK   "mc146818rtc.0"     /* goes with the host's, which moves on between two starts */

/* ---- saved states ------------------------------------------------------------------------------------------------ */

typedef struct Stream {
    uint8_t *data;
    gsize len, at;
} Stream;

static const uint8_t *take(Stream *s, gsize n)
{
    const uint8_t *p = s->data + s->at;

    g_assert_cmpuint(n, <=, s->len - s->at);
    s->at += n;
    return p;
}

static char *take_name(Stream *s)
{
    uint8_t len = *take(s, 1);

    return g_strndup((const char *)take(s, len), len);
}

static void skip_facts(Stream *s)
{
    take(s, 8);                     /* magic and version */
    while (*take(s, 1)) {
        g_free(take_name(s));
        take(s, 8);
    }
    take(s, 8);                     /* clock */
}

static void skip_block(Stream *s)
{
    g_free(take_name(s));
    take(s, 8);
    while (*take(s, 1) == 2) {
        take(s, 8 + 4096);
    }
}

/* "name.instance" to GBytes, without memory. */
static GHashTable *devices_of(QTest *q)
{
    const char *path = qtest_temp_file("", 0);
    GHashTable *t = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_bytes_unref);
    Stream s = { 0 };
    uint8_t mark;

    g_free(qtest_ask(q, "vmstate_save %s", path));
    g_assert_true(g_file_get_contents(path, (char **)&s.data, &s.len, NULL));
    skip_facts(&s);
    while ((mark = *take(&s, 1))) {
        if (mark == 1) {
            skip_block(&s);
        } else {
            g_autofree char *name = take_name(&s);
            uint32_t instance = load_be32(take(&s, 4)), len = load_be32(take(&s, 4));

            g_hash_table_insert(t, g_strdup_printf("%s.%u", name, instance), g_bytes_new(take(&s, len), len));
        }
    }
    g_free(s.data);
    return t;
}

static void note_difference(GString *out, const char *name, GBytes *want, GBytes *got)
{
    gsize nw, ng;
    const uint8_t *w = g_bytes_get_data(want, &nw), *g = g_bytes_get_data(got, &ng);

    for (gsize i = 0; i < MIN(nw, ng); i++) {
        if (w[i] != g[i]) {
            g_string_append_printf(out, "%s: byte %zu of %zu is 0x%02x instead of 0x%02x\n", name, (size_t)i,
                                   (size_t)nw, g[i], w[i]);
            return;
        }
    }
    if (nw != ng) {
        g_string_append_printf(out, "%s: %zu bytes instead of %zu\n", name, (size_t)ng, (size_t)nw);
    }
}

static char *differences(GHashTable *want, GHashTable *got)
{
    GString *out = g_string_new(NULL);
    GHashTableIter it;
    void *name, *state;

    g_hash_table_iter_init(&it, want);
    while (g_hash_table_iter_next(&it, &name, &state)) {
        GBytes *other = g_hash_table_lookup(got, name);

        g_assert_nonnull(other);
        if (strcmp(name, CLOCK)) {
            note_difference(out, name, state, other);
        }
    }
    return g_string_free(out, FALSE);
}

/* ---- resets ------------------------------------------------------------------------------------------------------ */

/* NULL: the monitor's system_reset. */
static const struct {
    const char *name, *request;
} routes[] = {
    { "port-cf9", "outb 0xcf9 6" }, { "port-cf9-full", "outb 0xcf9 0xe" }, { "port-92", "outb 0x92 3" },
    { "keyboard-controller", "outb 0x64 0xfe" }, { "monitor", NULL },
};

/* A reset is carried out between two requests: the graphics card's interrupt line tells that it was. */
static void reset_by(QTest *q, QMonitor *m, const char *request)
{
    qtest_pci_writel(q, 2 << 3, 0x3c, 5);
    g_assert_cmphex(qtest_pci_readl(q, 2 << 3, 0x3c) & 0xff, ==, 5);
    if (request) {
        g_free(qtest_ask(q, "%s", request));
    } else {
        g_free(qmonitor_ask(m, "system_reset"));
    }
    qtest_until(q, !(qtest_pci_readl(q, 2 << 3, 0x3c) & 0xff));
}

static GHashTable *state_after_reset(bool disturbed, const char *request)
{
    QMonitor *m = qmonitor_place();
    QTest *q = qtest_start(DISTURB_MACHINE " " QMONITOR_ARGS, qmonitor_path(m));
    GHashTable *t;

    qmonitor_connect(m);
    if (disturbed) {
        disturb_all_devices(q);
    } else {
        write_what_survives(q);
        qtest_clock_step(q, DISTURB_NS);
    }
    reset_by(q, m, request);
    t = devices_of(q);
    qtest_quit(q);
    qmonitor_free(m);
    return t;
}

static void test_devices_forget(const void *opaque)
{
    g_autoptr(GHashTable) want = state_after_reset(false, NULL), got = state_after_reset(true, opaque);
    g_autofree char *text = differences(want, got);

    g_assert_cmpuint(g_hash_table_size(want), >, 30);
    g_assert_cmpstr(text, ==, "");
}

/* What is compared does tell: without a reset much differs. */
static void test_disturbed_devices_differ(void)
{
    g_autoptr(GHashTable) want = state_after_reset(false, NULL);
    QTest *q = qtest_start(DISTURB_MACHINE);
    g_autoptr(GHashTable) got = NULL;
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    disturb_all_devices(q);
    got = devices_of(q);
    qtest_quit(q);
    text = differences(want, got);
    lines = g_strsplit(text, "\n", -1);
    g_assert_cmpuint(g_strv_length(lines), >, 15);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/reset/disturbed-devices-differ", test_disturbed_devices_differ);
    for (unsigned i = 0; i < G_N_ELEMENTS(routes); i++) {
        g_autofree char *path = g_strdup_printf("/reset/devices-forget-by-%s", routes[i].name);

        g_test_add_data_func(path, routes[i].request, test_devices_forget);
    }
    return g_test_run();
}
