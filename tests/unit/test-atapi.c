/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A CD-ROM drive behind the PIIX3 IDE function: packets, data in PIO and DMA, media change, tray. */
#include "qemu/osdep.h"
#include "ide-harness.h"

#define SEC         0x170
#define CHECK       0x51

static Device *cdrom;
static BlockBackend *blk;
static uint8_t reply[64 * 1024];
static unsigned reply_len;

/* Sends a packet and takes what comes, by PIO: the status at the end. */
static uint8_t packet_limited(const uint8_t *cdb, uint16_t limit)
{
    uint8_t status;

    out8(SEC + 6, 0xa0);
    out8(SEC + 1, 0);
    out8(SEC + 4, limit);
    out8(SEC + 5, limit >> 8);
    out8(SEC + 7, 0xa0);
    g_assert_cmphex(wait_ready(SEC) & (BSY | DRQ), ==, DRQ);
    g_assert_cmphex(in8(SEC + 2) & 3, ==, 1);       /* wants a command */
    write_words(SEC, cdb, 6);
    reply_len = 0;
    while ((status = wait_ready(SEC)) & DRQ) {
        unsigned n = in8(SEC + 4) | in8(SEC + 5) << 8;

        g_assert_cmphex(in8(SEC + 2) & 3, ==, 2);   /* data to the host */
        g_assert_cmpuint(n, <=, limit ? limit : 0xfffe);
        g_assert_cmpuint(reply_len + n, <=, sizeof(reply) - 1);
        read_words(SEC, reply + reply_len, (n + 1) / 2);
        reply_len += n;
    }
    g_assert_cmphex(in8(SEC + 2) & 3, ==, 3);
    return in8(SEC + 7);
}

static uint8_t packet(const uint8_t *cdb)
{
    return packet_limited(cdb, 0xfffe);
}

#define PACKET(...) packet((const uint8_t[12]){ __VA_ARGS__ })

static void assert_sense(uint8_t key, uint8_t asc, int ascq)
{
    g_assert_cmphex(in8(SEC + 1) >> 4, ==, key);
    g_assert_cmphex(PACKET(0x03, 0, 0, 0, 18), ==, 0x50);
    g_assert_cmpuint(reply_len, ==, 18);
    g_assert_cmphex(reply[2], ==, key);
    g_assert_cmphex(reply[12], ==, asc);
    if (ascq >= 0) {
        g_assert_cmphex(reply[13], ==, ascq);
    }
}

static void setup(void)
{
    machine_reset();
    g_assert_cmphex(PACKET(0x00), ==, CHECK);       /* the reset is news */
    assert_sense(6, 0x29, 0);
    memset(line_edges, 0, sizeof(line_edges));
}

static void test_identify_says_packet_device(void)
{
    uint8_t page[512];

    setup();
    out8(SEC + 7, 0xec);
    g_assert_cmphex(wait_ready(SEC), ==, CHECK);
    g_assert_cmphex(in8(SEC + 4), ==, 0x14);
    g_assert_cmphex(in8(SEC + 5), ==, 0xeb);
    out8(SEC + 7, 0xa1);
    g_assert_cmphex(wait_ready(SEC), ==, 0x58);
    read_words(SEC, page, 256);
    g_assert_cmphex(load_le16(page), ==, 0x85c0);
    g_assert_cmphex(load_le16(page + 98), ==, 0x0300);
    g_assert_cmphex(wait_ready(SEC), ==, 0x50);
}

static void test_resets_leave_the_packet_signature(void)
{
    for (unsigned i = 0; i < 2; i++) {
        setup();
        if (i) {
            out8(SEC + 7, 0x08);
        } else {
            out8(0x376, 0x04);
            out8(0x376, 0x00);
        }
        wait_ready(SEC);
        g_assert_cmphex(in8(SEC + 2), ==, 0x01);
        g_assert_cmphex(in8(SEC + 4), ==, 0x14);
        g_assert_cmphex(in8(SEC + 5), ==, 0xeb);
        g_assert_cmphex(in8(SEC + 7), ==, 0x00);
        g_assert_cmpuint(line_edges[15], ==, 0);
    }
}

static void test_inquiry_is_cut_to_the_allocation(void)
{
    setup();
    g_assert_cmphex(PACKET(0x12, 0, 0, 0, 36), ==, 0x50);
    g_assert_cmpuint(reply_len, ==, 36);
    g_assert_cmphex(reply[0], ==, 0x05);
    g_assert_cmphex(reply[1], ==, 0x80);
    g_assert_cmphex(PACKET(0x12, 0, 0, 0, 5), ==, 0x50);    /* odd: a pad byte comes along */
    g_assert_cmpuint(reply_len, ==, 5);
    g_assert_cmphex(PACKET(0x12, 0, 0, 0, 0), ==, 0x50);
    g_assert_cmpuint(reply_len, ==, 0);
}

static void test_read_capacity_and_read(void)
{
    setup();
    g_assert_cmphex(PACKET(0x25), ==, 0x50);
    g_assert_cmpuint(load_be32(reply), ==, 4 * MiB / 2048 - 1);
    g_assert_cmpuint(load_be32(reply + 4), ==, 2048);
    g_assert_cmphex(PACKET(0x28, 0, 0, 0, 0, 16, 0, 0, 4), ==, 0x50);
    g_assert_cmpuint(reply_len, ==, 4 * 2048);
    assert_pattern(reply, 16 * 2048, 4 * 2048);
    g_assert_cmphex(PACKET(0xa8, 0, 0, 0, 0, 3, 0, 0, 0, 1), ==, 0x50);
    assert_pattern(reply, 3 * 2048, 2048);
    g_assert_cmphex(PACKET(0x28, 0, 0, 0, 0, 3, 0, 0, 0), ==, 0x50);
    g_assert_cmpuint(reply_len, ==, 0);
    g_assert_cmphex(PACKET(0x28, 0, 0, 0, 0x08, 0, 0, 0, 1), ==, CHECK);
    assert_sense(5, 0x21, 0);
}

static void test_the_byte_limit_cuts_blocks(void)
{
    static const uint8_t cdb[12] = { 0x28, 0, 0, 0, 0, 7, 0, 0, 3 };

    for (unsigned limit = 511; limit < 2200; limit += 163) {
        setup();
        g_assert_cmphex(packet_limited(cdb, limit), ==, 0x50);
        g_assert_cmpuint(reply_len, ==, 3 * 2048);
        assert_pattern(reply, 7 * 2048, 3 * 2048);
    }
}

static uint8_t dma_packet(const uint8_t *cdb)
{
    out8(SEC + 6, 0xa0);
    out8(SEC + 1, 1);
    out8(SEC + 7, 0xa0);
    g_assert_cmphex(wait_ready(SEC) & (BSY | DRQ), ==, DRQ);
    write_words(SEC, cdb, 6);
    port_out(BMDMA + 8 + 4, 0x1000, 4);
    out8(BMDMA + 8 + 2, 0x66);
    out8(BMDMA + 8, 0x09);
    return wait_ready(SEC);
}

static void test_dma_interrupts_once(void)
{
    g_autofree uint8_t *buf = g_malloc(40 * 2048);

    setup();
    put_prd(0, 0x20000, 0x10000, false);
    put_prd(1, 0x30000, 40 * 2048 - 0x10000, true);
    line_edges[15] = 0;
    g_assert_cmphex(dma_packet((const uint8_t[12]){ 0x28, 0, 0, 0, 0, 9, 0, 0, 40 }), ==, 0x50);
    g_assert_cmpuint(line_edges[15], ==, 1);
    g_assert_cmphex(in8(SEC + 2), ==, 3);
    g_assert_cmphex(in8(BMDMA + 8 + 2) & 7, ==, 4);
    address_space_read(address_space_memory, 0x20000, buf, 40 * 2048);
    assert_pattern(buf, 9 * 2048, 40 * 2048);
    out8(BMDMA + 8, 0);
}

static void test_short_answers_by_dma_leave_the_engine_active(void)
{
    uint8_t buf[36];

    setup();
    put_prd(0, 0x20000, 0x100, true);
    g_assert_cmphex(dma_packet((const uint8_t[12]){ 0x12, 0, 0, 0, 36 }), ==, 0x50);
    g_assert_cmphex(in8(BMDMA + 8 + 2) & 7, ==, 5);
    out8(BMDMA + 8, 0);
    address_space_read(address_space_memory, 0x20000, buf, 36);
    g_assert_cmphex(buf[0], ==, 0x05);
}

static void test_raw_sectors_have_sync_header_and_edc(void)
{
    setup();
    g_assert_cmphex(PACKET(0xbe, 0, 0, 0, 0, 80, 0, 0, 2, 0xf8), ==, 0x50);
    g_assert_cmpuint(reply_len, ==, 2 * 2352);
    g_assert_cmphex(reply[0], ==, 0x00);
    g_assert_cmphex(reply[1], ==, 0xff);
    g_assert_cmphex(reply[11], ==, 0x00);
    g_assert_cmpmem(reply + 12, 4, "\x00\x03\x05\x01", 4);      /* 00:03:05, mode 1 */
    assert_pattern(reply + 16, 80 * 2048, 2048);
    assert_pattern(reply + 2352 + 16, 81 * 2048, 2048);
    g_assert_cmphex(PACKET(0xbe, 0, 0, 0, 0, 80, 0, 0, 5, 0x20), ==, 0x50);
    g_assert_cmpuint(reply_len, ==, 5 * 4);
    g_assert_cmphex(reply[4 * 4 + 2], ==, 0x09);
    g_assert_cmphex(PACKET(0xb9, 0, 0, 0, 3, 5, 0, 3, 6, 0x10), ==, 0x50);
    assert_pattern(reply, 80 * 2048, 2048);
}

static void test_mode_pages_come_behind_either_header(void)
{
    uint8_t page[22];

    setup();
    g_assert_cmphex(PACKET(0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 128), ==, 0x50);
    g_assert_cmpuint(reply_len, ==, 8 + sizeof(page));
    memcpy(page, reply + 8, sizeof(page));
    g_assert_cmphex(PACKET(0x1a, 0, 0x2a, 0, 128), ==, 0x50);
    g_assert_cmpuint(reply_len, ==, 4 + sizeof(page));
    g_assert_cmphex(reply[0], ==, reply_len - 1);
    g_assert_cmpmem(reply + 4, sizeof(page), page, sizeof(page));
    g_assert_cmphex(PACKET(0x1a, 0, 0x05, 0, 128), ==, CHECK);
    assert_sense(5, 0x24, 0);
    g_assert_cmphex(PACKET(0x1a, 0, 0xea, 0, 128), ==, CHECK);  /* saved values */
    assert_sense(5, 0x39, 0);
}

static void test_there_is_one_logical_unit(void)
{
    static const uint8_t luns[16] = { 0, 0, 0, 8 };

    setup();
    g_assert_cmphex(PACKET(0xa0, 0, 0, 0, 0, 0, 0, 0, 1, 0), ==, 0x50);
    g_assert_cmpmem(reply, reply_len, luns, 16);
    g_assert_cmphex(PACKET(0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 8), ==, CHECK);
    assert_sense(5, 0x24, 0);
    g_assert_cmphex(PACKET(0x5c, 0, 0, 0, 0, 0, 0, 0, 12), ==, 0x50);
    g_assert_cmpuint(reply_len, ==, 12);
    g_assert_cmpuint(load_be32(reply + 4), ==, load_be32(reply + 8));
}

static void test_toc_has_one_data_track(void)
{
    static const uint8_t lba_form[20] = {
        0, 18, 1, 1, 0, 0x14, 1, 0, 0, 0, 0, 0, 0, 0x14, 0xaa, 0, 0, 0, 0x08, 0,
    };

    setup();
    g_assert_cmphex(PACKET(0x43, 0, 0, 0, 0, 0, 0, 0x10, 0), ==, 0x50);
    g_assert_cmpmem(reply, reply_len, lba_form, 20);
    g_assert_cmphex(PACKET(0x43, 2, 0, 0, 0, 0, 0xaa, 0, 12), ==, 0x50);
    g_assert_cmpuint(reply_len, ==, 12);
    g_assert_cmpmem(reply + 8, 4, "\x00\x00\x1d\x17", 4);       /* 2048 + 150 frames: 00:29:23 */
    g_assert_cmphex(PACKET(0x43, 0, 1, 0, 0, 0, 0, 0, 12), ==, 0x50);
    g_assert_cmpuint(load_be16(reply), ==, 10);
    g_assert_cmphex(PACKET(0x43, 2, 0, 0, 0, 0, 7, 0, 12), ==, CHECK);
    assert_sense(5, 0x24, 0);
}

static void test_unknown_packets_are_illegal(void)
{
    setup();
    g_assert_cmphex(PACKET(0x0a), ==, CHECK);
    assert_sense(5, 0x20, 0);
    g_assert_cmphex(PACKET(0x03, 0, 0, 0, 18), ==, 0x50);       /* asked again: nothing */
    g_assert_cmphex(reply[2], ==, 0);
}

static void test_mode_sense_and_select(void)
{
    uint8_t list[24] = { 0 };

    setup();
    g_assert_cmphex(PACKET(0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 128), ==, 0x50);
    g_assert_cmphex(reply[8], ==, 0x2a);
    g_assert_cmpuint(load_be16(reply) + 2, ==, reply_len);
    g_assert_cmphex(PACKET(0x5a, 0, 0x05, 0, 0, 0, 0, 0, 128), ==, CHECK);
    assert_sense(5, 0x24, 0);
    out8(SEC + 1, 0);
    out8(SEC + 4, 16);
    out8(SEC + 5, 0);
    out8(SEC + 7, 0xa0);
    wait_ready(SEC);
    write_words(SEC, (const uint8_t[12]){ 0x55, 0x10, 0, 0, 0, 0, 0, 0, 24 }, 6);
    g_assert_cmphex(wait_ready(SEC), ==, 0x58);
    g_assert_cmphex(in8(SEC + 2), ==, 0);                       /* data from the host */
    write_words(SEC, list, 8);
    g_assert_cmphex(wait_ready(SEC), ==, 0x58);
    g_assert_cmpuint(in8(SEC + 4), ==, 8);
    write_words(SEC, list, 4);
    g_assert_cmphex(wait_ready(SEC), ==, 0x50);
}

static void test_configuration_names_the_profile(void)
{
    setup();
    g_assert_cmphex(PACKET(0x46, 0, 0, 0, 0, 0, 0, 0, 128), ==, 0x50);
    g_assert_cmpuint(load_be32(reply) + 4, ==, reply_len);
    g_assert_cmphex(load_be16(reply + 6), ==, 0x0008);
    g_assert_cmphex(PACKET(0x46, 2, 0, 3, 0, 0, 0, 0, 128), ==, 0x50);
    g_assert_cmpuint(reply_len, ==, 16);
    g_assert_cmphex(load_be16(reply + 8), ==, 0x0003);
}

static BlockNode *take_medium(void)
{
    BlockNode *node = blk_node(blk);

    block_ref(node);
    blk_eject(blk);
    return node;
}

static void test_a_changed_medium_is_news_twice(void)
{
    BlockNode *node;

    setup();
    g_assert_cmphex(PACKET(0x00), ==, 0x50);
    node = take_medium();
    g_assert_cmphex(PACKET(0x00), ==, CHECK);
    assert_sense(2, 0x3a, -1);
    g_assert_cmphex(PACKET(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), ==, 0x50);
    g_assert_cmphex(reply[4], ==, 3);
    g_assert_cmphex(reply[5], ==, 0);
    blk_insert(blk, node);
    g_assert_cmphex(PACKET(0x12, 0, 0, 0, 36), ==, 0x50);       /* never refused for news */
    g_assert_cmphex(PACKET(0x00), ==, CHECK);
    assert_sense(2, 0x3a, -1);
    g_assert_cmphex(PACKET(0x00), ==, CHECK);
    assert_sense(6, 0x28, 0);
    g_assert_cmphex(PACKET(0x00), ==, 0x50);
    g_assert_cmphex(PACKET(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), ==, 0x50);
    g_assert_cmphex(reply[4], ==, 2);
    g_assert_cmphex(reply[5], ==, 2);
}

/* As Linux looks for one: event, TEST UNIT READY, event, and then it reads. */
static void test_who_polls_for_events_hears_of_a_new_medium_once(void)
{
    BlockNode *node;

    setup();
    g_assert_cmphex(PACKET(0x00), ==, 0x50);
    node = take_medium();
    g_assert_cmphex(PACKET(0x00), ==, CHECK);
    blk_insert(blk, node);
    g_assert_cmphex(PACKET(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), ==, 0x50);
    g_assert_cmphex(reply[4], ==, 2);
    g_assert_cmphex(PACKET(0x00), ==, CHECK);
    assert_sense(6, 0x28, 0);
    g_assert_cmphex(PACKET(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), ==, 0x50);
    g_assert_cmphex(reply[4], ==, 0);
    g_assert_cmphex(PACKET(0x28, 0, 0, 0, 0, 9, 0, 0, 1), ==, 0x50);
}

static void test_the_tray_obeys_the_guest_and_its_lock(void)
{
    setup();
    g_assert_cmphex(PACKET(0x1e, 0, 0, 0, 1), ==, 0x50);
    g_assert_true(blk_is_locked(blk));
    g_assert_cmphex(PACKET(0x1b, 0, 0, 0, 2), ==, CHECK);
    assert_sense(5, 0x53, 2);
    g_assert_cmphex(PACKET(0x1e, 0, 0, 0, 0), ==, 0x50);
    g_assert_cmphex(PACKET(0x1b, 0, 0, 0, 2), ==, 0x50);
    g_assert_true(blk_is_tray_open(blk));
    g_assert_cmphex(PACKET(0x28, 0, 0, 0, 0, 0, 0, 0, 1), ==, CHECK);
    assert_sense(2, 0x3a, 2);
    g_assert_cmphex(PACKET(0x1b, 0, 0, 0, 3), ==, 0x50);
    g_assert_cmphex(PACKET(0x00), ==, CHECK);
    assert_sense(6, 0x28, 0);
    g_assert_cmphex(PACKET(0x00), ==, 0x50);
}

static void assert_event(uint8_t event, uint8_t status)
{
    g_assert_cmphex(PACKET(0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8), ==, 0x50);
    g_assert_cmphex(reply[4], ==, event);
    g_assert_cmphex(reply[5], ==, status);
}

static void test_a_user_asks_before_a_locked_tray_opens(void)
{
    BlockNode *node;

    setup();
    g_assert_cmphex(PACKET(0x1e, 0, 0, 0, 1), ==, 0x50);
    g_assert_false(blk_open_tray(blk, false));
    g_assert_false(blk_is_tray_open(blk));
    assert_event(1, 2);                         /* eject request, once */
    assert_event(0, 2);
    g_assert_cmphex(PACKET(0x1e, 0, 0, 0, 0), ==, 0x50);
    g_assert_cmphex(PACKET(0x1b, 0, 0, 0, 2), ==, 0x50);        /* the guest gives in */
    assert_event(3, 1);
    g_assert_true(blk_open_tray(blk, false));
    node = take_medium();
    assert_event(3, 1);
    g_assert_cmphex(PACKET(0x00), ==, CHECK);
    assert_sense(2, 0x3a, 2);
    blk_insert(blk, node);
    g_assert_false(blk_is_tray_open(blk));
    assert_event(2, 2);
}

static void test_force_opens_a_locked_tray(void)
{
    setup();
    g_assert_cmphex(PACKET(0x1e, 0, 0, 0, 1), ==, 0x50);
    g_assert_true(blk_open_tray(blk, true));
    g_assert_true(blk_is_tray_open(blk));
    g_assert_false(blk_is_locked(blk));
    assert_event(3, 1);
    blk_insert(blk, take_medium());
    g_assert_true(blk_open_tray(blk, false));
    blk_insert(blk, take_medium());
}

static void test_an_empty_tray_that_closes_is_no_new_medium(void)
{
    BlockNode *node;

    setup();
    g_assert_true(blk_open_tray(blk, false));
    node = take_medium();
    g_assert_cmphex(PACKET(0x1b, 0, 0, 0, 3), ==, 0x50);
    assert_event(0, 0);
    g_assert_cmphex(PACKET(0x00), ==, CHECK);
    assert_sense(2, 0x3a, 1);
    blk_insert(blk, node);
}

static void test_a_packet_survives_a_snapshot(void)
{
    g_autoptr(GByteArray) drive = g_byte_array_new(), function = g_byte_array_new();
    static const uint8_t cdb[12] = { 0x28, 0, 0, 0, 0, 16, 0, 0, 4 };

    setup();
    out8(SEC + 4, 0x00);
    out8(SEC + 5, 0x10);
    out8(SEC + 7, 0xa0);
    wait_ready(SEC);
    write_words(SEC, cdb, 6);
    g_assert_cmphex(wait_ready(SEC), ==, 0x58);
    read_words(SEC, reply, 0x400);
    vmstate_save(function, ide->parent.type->vmstate, ide);
    vmstate_save(drive, cdrom->type->vmstate, cdrom);
    machine_reset();
    vmstate_load(function->data, function->len, ide->parent.type->vmstate, ide, &error_abort);
    vmstate_load(drive->data, drive->len, cdrom->type->vmstate, cdrom, &error_abort);
    read_words(SEC, reply + 0x800, 0x400);
    g_assert_cmphex(wait_ready(SEC), ==, 0x58);
    read_words(SEC, reply + 0x1000, 0x800);
    g_assert_cmphex(wait_ready(SEC), ==, 0x50);
    assert_pattern(reply, 16 * 2048, 4 * 2048);
}

static void test_random_packets_do_no_harm(void)
{
    setup();
    load_nonsense(cdrom);
    setup();
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t cdb[12];
        uint32_t r = g_test_rand_int();

        for (unsigned k = 0; k < 12; k++) {
            cdb[k] = k && g_test_rand_int() % 3 ? 0 : g_test_rand_int();
        }
        out8(SEC + 1, r & 1);
        out8(SEC + 4, r >> 8);
        out8(SEC + 5, r >> 16);
        out8(SEC + 7, 0xa0);
        wait_ready(SEC);
        write_words(SEC, cdb, 6);
        if (r & 1) {
            put_prd(0, 0x20000, r >> 12, true);
            out8(BMDMA + 8, 0);
            port_out(BMDMA + 8 + 4, 0x1000, 4);
            out8(BMDMA + 8, 0x09);
        }
        for (unsigned k = 0; k < 40; k++) {
            run_for(10 * US);
            main_loop_wait(0);
            port_in(SEC, 4);
            port_out(SEC, r, 2);
        }
        blk_drain_all();
        out8(0x376, 0x04);
        out8(0x376, 0x00);
    }
    setup();
    g_assert_cmphex(PACKET(0x00), ==, 0x50);
}

int main(int argc, char **argv)
{
    int status;

    ide_harness_init(&argc, &argv);
    blk = image_new(0, "cd", 4 * MiB, true);
    cdrom = drive_new(true, 1, 0, "cd");
#define T(name) g_test_add_func("/atapi/" #name, name)
    T(test_identify_says_packet_device);
    T(test_resets_leave_the_packet_signature);
    T(test_inquiry_is_cut_to_the_allocation);
    T(test_read_capacity_and_read);
    T(test_the_byte_limit_cuts_blocks);
    T(test_dma_interrupts_once);
    T(test_short_answers_by_dma_leave_the_engine_active);
    T(test_raw_sectors_have_sync_header_and_edc);
    T(test_mode_pages_come_behind_either_header);
    T(test_there_is_one_logical_unit);
    T(test_toc_has_one_data_track);
    T(test_unknown_packets_are_illegal);
    T(test_mode_sense_and_select);
    T(test_configuration_names_the_profile);
    T(test_a_changed_medium_is_news_twice);
    T(test_who_polls_for_events_hears_of_a_new_medium_once);
    T(test_the_tray_obeys_the_guest_and_its_lock);
    T(test_a_user_asks_before_a_locked_tray_opens);
    T(test_force_opens_a_locked_tray);
    T(test_an_empty_tray_that_closes_is_no_new_medium);
    T(test_a_packet_survives_a_snapshot);
    T(test_random_packets_do_no_harm);
    status = g_test_run();
    images_free();
    return status;
}
