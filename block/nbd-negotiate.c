/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What an NBD client and its server agree on before the first request. Follows the NBD project's doc/proto.md, "Fixed
 * newstyle negotiation": NBD_OPT_STRUCTURED_REPLY, NBD_OPT_SET_META_CONTEXT for base:allocation, NBD_OPT_GO, and
 * NBD_OPT_EXPORT_NAME for servers that know none of these. Blocks, but never longer than it was told.
 * Left out: TLS (refused by name), extended headers, the old style of before 2007.
 */
#include "qemu/osdep.h"
#include <poll.h>
#include <sys/socket.h>
#include "block/block.h"
#include "nbd.h"
#include "qemu/bitops.h"
#include "qemu/timer.h"

#define REPLY_MAX       (64 * KiB)
#define REPLIES_MAX     64
#define REQUEST_MAX     (32 * MiB)              /* what every server takes */
#define OPT_MAGIC       0x49484156454F5054ull   /* IHAVEOPT */
#define OLD_MAGIC       0x00420281861253ull
#define REPLY_MAGIC     0x0003e889045565a9ull
#define CONTEXT_NAME    "base:allocation"

enum { OPT_EXPORT_NAME = 1, OPT_GO = 7, OPT_STRUCTURED_REPLY = 8, OPT_SET_META_CONTEXT = 10 };
enum { REP_ACK = 1, REP_INFO = 3, REP_META_CONTEXT = 4 };
enum { INFO_EXPORT = 0, INFO_BLOCK_SIZE = 3 };
#define REP_ERROR       (1u << 31)
#define REP_ERR_UNSUP   (REP_ERROR | 1)
#define REP_ERR_TLS     (REP_ERROR | 5)
#define FIXED_NEWSTYLE  (1u << 0)
#define NO_ZEROES       (1u << 1)

typedef struct Talk {
    int fd;
    int64_t deadline_ns;
    const char *name;
    NbdExport *e;
    bool has_export;
    uint32_t refusal;           /* the last option's: 0, or the type of the error it was answered with */
    char *text;                 /* what the server says about that */
    Error **errp;
} Talk;

/* ---- bytes ------------------------------------------------------------------------------------------------------- */

static bool wait_for(Talk *t, short events)
{
    struct pollfd p = { .fd = t->fd, .events = events };
    int64_t left_ns = t->deadline_ns - clock_get_ns(CLOCK_RT);
    int ret = left_ns > 0 ? poll(&p, 1, left_ns / 1000000 + 1) : 0;

    if (!ret) {
        error_set(t->errp, "the NBD server takes too long to negotiate");
    }
    return ret > 0 || (ret < 0 && errno == EINTR);
}

static bool move_all(Talk *t, void *buf, size_t len, bool out)
{
    for (uint8_t *p = buf; len;) {
        ssize_t done = out ? send(t->fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT) : recv(t->fd, p, len, MSG_DONTWAIT);

        if (done < 0 && (errno == EAGAIN || errno == EINTR)) {
            if (!wait_for(t, out ? POLLOUT : POLLIN)) {
                return false;
            }
            continue;
        }
        if (done <= 0) {
            error_set(t->errp, "the NBD server has closed the connection during negotiation");
            return false;
        }
        p += done;
        len -= done;
    }
    return true;
}

static bool get(Talk *t, void *buf, size_t len)
{
    return move_all(t, buf, len, false);
}

static bool put(Talk *t, const void *buf, size_t len)
{
    return move_all(t, (void *)buf, len, true);
}

static void append_be32(GByteArray *to, uint32_t value)
{
    uint8_t bytes[4];

    store_be32(bytes, value);
    g_byte_array_append(to, bytes, sizeof(bytes));
}

static void append_string(GByteArray *to, const char *text)
{
    append_be32(to, strlen(text));
    g_byte_array_append(to, (const uint8_t *)text, strlen(text));
}

/* ---- options and their replies ----------------------------------------------------------------------------------- */

/* What an NBD_REP_INFO tells; unknown ones are skipped. */
static void note_info(Talk *t, const uint8_t *data, uint32_t len)
{
    if (len >= 12 && load_be16(data) == INFO_EXPORT) {
        t->e->size = load_be64(data + 2);
        t->e->flags = load_be16(data + 10);
        t->has_export = true;
    } else if (len >= 14 && load_be16(data) == INFO_BLOCK_SIZE) {
        t->e->min_block = load_be32(data + 2);
        t->e->max_block = load_be32(data + 10);
    }
}

static void note_context(Talk *t, const uint8_t *data, uint32_t len)
{
    if (len == 4 + strlen(CONTEXT_NAME) && !memcmp(data + 4, CONTEXT_NAME, len - 4)) {
        t->e->context = load_be32(data);
        t->e->has_status = true;
    }
}

static void note_refusal(Talk *t, uint32_t type, const uint8_t *data)
{
    g_free(t->text);
    t->refusal = type;
    t->text = g_strdelimit(g_utf8_make_valid((const char *)data, -1), "\n\r", ' ');
}

/* Up to the last. True: t->refusal says whether it was a good one. */
static bool take_replies(Talk *t, uint32_t option)
{
    g_autofree uint8_t *data = g_malloc(REPLY_MAX + 1);

    for (unsigned i = 0; i < REPLIES_MAX; i++) {
        uint8_t head[20];
        uint32_t type, len;

        if (!get(t, head, sizeof(head))) {
            return false;
        }
        type = load_be32(head + 12);
        len = load_be32(head + 16);
        if (load_be64(head) != REPLY_MAGIC || load_be32(head + 8) != option || len > REPLY_MAX) {
            error_set(t->errp, "the NBD server's answer makes no sense");
            return false;
        }
        if (!get(t, data, len)) {
            return false;
        }
        data[len] = 0;
        if (type == REP_ACK || type & REP_ERROR) {
            note_refusal(t, type == REP_ACK ? 0 : type, data);
            return true;
        }
        if (type == REP_INFO && option == OPT_GO) {
            note_info(t, data, len);
        } else if (type == REP_META_CONTEXT && option == OPT_SET_META_CONTEXT) {
            note_context(t, data, len);
        }
    }
    error_set(t->errp, "the NBD server's answer does not end");
    return false;
}

static bool send_option(Talk *t, uint32_t option, const void *data, uint32_t len)
{
    uint8_t head[16];

    store_be64(head, OPT_MAGIC);
    store_be32(head + 8, option);
    store_be32(head + 12, len);
    return put(t, head, sizeof(head)) && put(t, data, len);
}

static bool ask(Talk *t, uint32_t option, const GByteArray *data)
{
    if (!send_option(t, option, data ? data->data : NULL, data ? data->len : 0) || !take_replies(t, option)) {
        return false;
    }
    if (t->refusal == REP_ERR_TLS) {
        error_set(t->errp, "the NBD server wants TLS, which is not supported");
        return false;
    }
    return true;
}

/* Answers in chunks, and with them the places where nothing is stored. A server without is as good, only slower. */
static bool ask_extensions(Talk *t)
{
    g_autoptr(GByteArray) data = g_byte_array_new();

    if (!ask(t, OPT_STRUCTURED_REPLY, NULL)) {
        return false;
    }
    if (t->refusal) {
        return true;
    }
    t->e->structured = true;
    append_string(data, t->name);
    append_be32(data, 1);
    append_string(data, CONTEXT_NAME);
    if (!ask(t, OPT_SET_META_CONTEXT, data)) {
        return false;
    }
    t->e->has_status &= !t->refusal;
    return true;
}

/* *known: the server has this option. */
static bool ask_go(Talk *t, bool *known)
{
    static const uint8_t infos[] = { 0, 1, 0, INFO_BLOCK_SIZE };
    g_autoptr(GByteArray) data = g_byte_array_new();

    append_string(data, t->name);
    g_byte_array_append(data, infos, sizeof(infos));
    if (!ask(t, OPT_GO, data)) {
        return false;
    }
    *known = t->refusal != REP_ERR_UNSUP;
    if (!*known || (!t->refusal && t->has_export)) {
        return true;
    }
    error_set(t->errp, "the NBD server refuses export '%s'%s%s", t->name, *t->text ? ": " : "", t->text);
    return false;
}

/* ---- from hello to the export ------------------------------------------------------------------------------------ */

/* Size and flags, and zeros that servers of old send behind them. */
static bool take_export(Talk *t, size_t zeros)
{
    uint8_t buf[10 + 124];

    if (!get(t, buf, 10 + zeros)) {
        return false;
    }
    t->e->size = load_be64(buf);
    t->e->flags = load_be16(buf + 8);
    return true;
}

/* *flags: what the server can. */
static bool take_hello(Talk *t, uint16_t *flags)
{
    uint8_t hello[18];

    if (!get(t, hello, 16)) {
        return false;
    }
    if (memcmp(hello, "NBDMAGIC", 8) || load_be64(hello + 8) != OPT_MAGIC) {
        error_set(t->errp, "the server does not speak NBD's newstyle negotiation%s",
                  !memcmp(hello, "NBDMAGIC", 8) && load_be64(hello + 8) == OLD_MAGIC ?
                  ", only the style of before 2007" : "");
        return false;
    }
    if (!get(t, hello + 16, 2)) {
        return false;
    }
    *flags = load_be16(hello + 16);
    return true;
}

static bool talk(Talk *t)
{
    bool known = true;
    uint16_t flags;
    uint8_t reply[4];

    if (!take_hello(t, &flags)) {
        return false;
    }
    store_be32(reply, flags & (FIXED_NEWSTYLE | NO_ZEROES));
    if (!put(t, reply, sizeof(reply))) {
        return false;
    }
    if (flags & FIXED_NEWSTYLE) {               /* it answers options it does not know */
        if (!ask_extensions(t) || !ask_go(t, &known)) {
            return false;
        }
        if (known) {
            return true;
        }
    }
    return send_option(t, OPT_EXPORT_NAME, t->name, strlen(t->name)) && take_export(t, flags & NO_ZEROES ? 0 : 124);
}

static bool check_export(NbdExport *e, Error **errp)
{
    e->min_block = e->min_block ? e->min_block : 1;
    if (!is_power_of_2(e->min_block) || e->min_block > BLOCK_SECTOR_SIZE) {
        error_set(errp, "the NBD server wants requests of %" PRIu32 " bytes", e->min_block);
        return false;
    }
    if (!e->max_block || e->max_block > REQUEST_MAX) {
        e->max_block = REQUEST_MAX;
    }
    e->max_block -= e->max_block % BLOCK_SECTOR_SIZE;
    if (!e->max_block) {
        error_set(errp, "the NBD server takes no requests of %u bytes", BLOCK_SECTOR_SIZE);
        return false;
    }
    if (e->size > INT64_MAX) {
        error_set(errp, "the export is too large: %" PRIu64 " bytes", e->size);
        return false;
    }
    return true;
}

bool nbd_negotiate(int fd, const char *name, NbdExport *e, int64_t deadline_ns, Error **errp)
{
    Talk t = { .fd = fd, .deadline_ns = deadline_ns, .name = name, .e = e, .errp = errp };
    bool ok;

    *e = (NbdExport){ 0 };
    ok = talk(&t) && check_export(e, errp);
    g_free(t.text);
    return ok;
}
