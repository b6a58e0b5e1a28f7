/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nbd: an export of a network block device server, as its client. Follows the NBD project's doc/proto.md, "Transmission
 * phase": simple and structured replies, NBD_CMD_BLOCK_STATUS of base:allocation.
 *
 * Each request is a coroutine; any number of them is under way. They send one after the other. Of those that wait for
 * an answer one reads, for all: it fills the memory of whoever an answer is for and enters its coroutine; when it has
 * its own answer the next one reads.
 *
 *   co_request ─► co_exchange ─► co_send ──► waits ──► somebody reads? ── yes: co_yield() until answered
 *        ▲                                                   │ no: co_read_reply() until answered
 *        └── connection lost ─► co_connect_again ◄───────────┘
 *
 * A reply that makes no sense is the end of its connection. Requests then connect again, for reconnect-delay= seconds
 * (default 0: each fails at once, and one a second tries a new connection).
 * Left out: TLS, several connections to one server.
 */
#include "qemu/osdep.h"
#include <sys/socket.h>
#include "block/block.h"
#include "nbd.h"
#include "qemu/bitops.h"
#include "qemu/coroutine.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "qemu/worker.h"
#include "trace/root.h"

#define PATIENCE_NS         (30 * NANOSECONDS_PER_SECOND)   /* to connect and negotiate */
#define RETRY_NS            NANOSECONDS_PER_SECOND
#define DELAY_MAX_S         (24 * 60 * 60)
#define ADVICE_MAX          (1024 * MiB)    /* of requests without data */
#define CHUNK_MAX           (64 * KiB)      /* of what a reply says that is no data */
#define REQUEST_MAGIC       0x25609513u
#define SIMPLE_MAGIC        0x67446698u
#define STRUCTURED_MAGIC    0x668e33efu

enum { CMD_READ, CMD_WRITE, CMD_DISC, CMD_FLUSH, CMD_TRIM, CMD_WRITE_ZEROES = 6, CMD_BLOCK_STATUS };
#define CMD_FUA         (1u << 0)
#define CMD_NO_HOLE     (1u << 1)
#define CMD_REQ_ONE     (1u << 3)
#define CMD_FAST_ZERO   (1u << 4)
enum { CHUNK_NONE = 0, CHUNK_DATA = 1, CHUNK_HOLE = 2, CHUNK_STATUS = 5 };
#define CHUNK_ERROR     (1u << 15)
#define CHUNK_DONE      (1u << 0)       /* flag: the last of its reply */
#define STATE_HOLE      (1u << 0)
#define STATE_ZERO      (1u << 1)

typedef struct NbdRequest {
    uint16_t command, flags;
    uint64_t offset;            /* of the export */
    uint32_t bytes;
    const struct iovec *iov;    /* of READ and WRITE, from byte skip on */
    int niov;
    uint64_t skip;
    uint64_t handle;
    Coroutine *co;              /* waits while somebody else reads; else NULL */
    bool answered;
    int ret;                    /* valid then: 0 or -errno */
    uint32_t covered;           /* bytes of a READ that chunks have brought */
    bool out_of_order;          /* chunks came so; what they leave out is zeroed */
    uint32_t state_len, state;  /* what BLOCK_STATUS was answered with; 0: nothing yet */
    struct NbdRequest *next;
} NbdRequest;

/* IO thread. */
typedef struct Nbd {
    NbdAddress address;
    NbdExport e;
    int fd;
    bool broken;                /* the connection is of no use any more */
    int64_t delay_ns;           /* reconnect-delay= */
    int64_t lost_ns, retry_ns;  /* when it broke; not before this do we try again */
    uint64_t handle;
    NbdRequest *requests;       /* sent, or on their way */
    CoMutex sending, connecting;
    bool has_reader;
    Coroutine *reading, *writing;   /* wait for the socket */
    CoQueue idle;               /* wait until there are no requests */
} Nbd;

/* ---- the socket -------------------------------------------------------------------------------------------------- */

static void watch_socket(Nbd *s);

static void resume(Nbd *s, Coroutine **who)
{
    Coroutine *co = g_steal_pointer(who);

    watch_socket(s);
    co_enter(co);
}

static void socket_readable(void *opaque)
{
    Nbd *s = opaque;

    resume(s, &s->reading);
}

static void socket_writable(void *opaque)
{
    Nbd *s = opaque;

    resume(s, &s->writing);
}

static void watch_socket(Nbd *s)
{
    fd_set_handler(s->fd, NULL, s->reading ? socket_readable : NULL, s->writing ? socket_writable : NULL, s);
}

static void co_wait_socket(Nbd *s, Coroutine **who)
{
    *who = co_self();
    watch_socket(s);
    co_yield();
}

/* All of these bytes of the list to or from the socket; false when the other side is gone. */
static bool co_move(Nbd *s, const struct iovec *iov, int niov, uint64_t skip, size_t len, bool out)
{
    g_autofree struct iovec *parts = g_new(struct iovec, niov);

    while (len) {
        struct msghdr msg = { .msg_iov = parts };
        ssize_t done;

        msg.msg_iovlen = MIN(iov_slice(parts, iov, niov, skip, len), IOV_MAX);
        done = s->broken ? 0 : out ? sendmsg(s->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) :
               recvmsg(s->fd, &msg, MSG_DONTWAIT);
        if (done < 0 && errno == EINTR) {
            continue;
        }
        if (done < 0 && errno == EAGAIN) {
            co_wait_socket(s, out ? &s->writing : &s->reading);
            continue;
        }
        if (done <= 0) {
            return false;
        }
        skip += done;
        len -= done;
    }
    return true;
}

static bool co_receive(Nbd *s, void *buf, size_t len)
{
    return co_move(s, &(struct iovec){ buf, len }, 1, 0, len, false);
}

/* A request's head and its data go in one packet where they fit. */
static bool co_send(Nbd *s, const NbdRequest *r)
{
    bool has_data = r->command == CMD_WRITE;
    g_autofree struct iovec *all = g_new(struct iovec, r->niov + 1);
    uint8_t head[28];
    int n = 1;

    store_be32(head, REQUEST_MAGIC);
    store_be16(head + 4, r->flags);
    store_be16(head + 6, r->command);
    store_be64(head + 8, r->handle);
    store_be64(head + 16, r->offset);
    store_be32(head + 24, r->bytes);
    all[0] = (struct iovec){ head, sizeof(head) };
    if (has_data) {
        n += iov_slice(all + 1, r->iov, r->niov, r->skip, r->bytes);
    }
    return co_move(s, all, n, 0, sizeof(head) + (has_data ? r->bytes : 0), true);
}

/* ---- replies ----------------------------------------------------------------------------------------------------- */

static int error_of(uint32_t nbd)
{
    static const int known[] = { EPERM, EIO, ENOMEM, EINVAL, ENOSPC, EOVERFLOW, ENOTSUP };

    for (unsigned i = 0; i < ARRAY_SIZE(known); i++) {
        if (nbd == (uint32_t)known[i]) {
            return -known[i];
        }
    }
    return -EIO;
}

static NbdRequest *find_request(Nbd *s, uint64_t handle)
{
    NbdRequest *r = s->requests;

    while (r && (r->handle != handle || r->answered)) {
        r = r->next;
    }
    return r;
}

static void answer(NbdRequest *r, int ret)
{
    r->ret = ret;
    r->answered = true;
    if (r->co) {
        co_enter(r->co);
    }
}

static bool co_take_simple(Nbd *s, NbdRequest *r, uint32_t error)
{
    if (error) {
        answer(r, error_of(error));
        return true;
    }
    if (r->command == CMD_BLOCK_STATUS || (r->command == CMD_READ && s->e.structured)) {
        return false;
    }
    if (r->command == CMD_READ && !co_move(s, r->iov, r->niov, r->skip, r->bytes, false)) {
        return false;
    }
    answer(r, 0);
    return true;
}

static void zero_range(const NbdRequest *r, uint64_t from, uint64_t bytes)
{
    g_autofree struct iovec *parts = g_new(struct iovec, r->niov);

    iov_zero(parts, iov_slice(parts, r->iov, r->niov, r->skip + from, bytes), 0);
}

/*
 * A chunk brings this part of a READ; false: there is no such part, or it came before. From the first one out of order
 * on, what is missing is zeros: a server that sends a part twice and another one never shows no old memory to a guest.
 */
static bool cover(NbdRequest *r, uint64_t offset, uint64_t bytes)
{
    uint64_t at = offset - r->offset;

    if (r->command != CMD_READ || offset < r->offset || !bytes || bytes > r->bytes - r->covered || at > r->bytes ||
        bytes > r->bytes - at) {
        return false;
    }
    if (at != r->covered && !r->out_of_order) {
        zero_range(r, r->covered, r->bytes - r->covered);
        r->out_of_order = true;
    }
    r->covered += bytes;
    return true;
}

static bool co_chunk_data(Nbd *s, NbdRequest *r, uint32_t len)
{
    uint8_t head[8];
    uint64_t offset;

    if (len <= sizeof(head) || !co_receive(s, head, sizeof(head))) {
        return false;
    }
    offset = load_be64(head);
    len -= sizeof(head);
    return cover(r, offset, len) && co_move(s, r->iov, r->niov, r->skip + offset - r->offset, len, false);
}

static bool co_chunk_hole(Nbd *s, NbdRequest *r, uint32_t len)
{
    uint8_t hole[12];

    if (len != sizeof(hole) || !co_receive(s, hole, sizeof(hole)) ||
        !cover(r, load_be64(hole), load_be32(hole + 8))) {
        return false;
    }
    zero_range(r, load_be64(hole) - r->offset, load_be32(hole + 8));
    return true;
}

static bool co_chunk_status(Nbd *s, NbdRequest *r, uint32_t len)
{
    g_autofree uint8_t *data = len <= CHUNK_MAX ? g_malloc(len) : NULL;

    if (!data || len < 12 || (len - 4) % 8 || r->command != CMD_BLOCK_STATUS || !co_receive(s, data, len) ||
        load_be32(data) != s->e.context || r->state_len) {
        return false;
    }
    r->state_len = load_be32(data + 4);
    r->state = load_be32(data + 8);
    return r->state_len;
}

static bool co_chunk_error(Nbd *s, NbdRequest *r, uint32_t len)
{
    g_autofree uint8_t *data = len <= CHUNK_MAX ? g_malloc(len) : NULL;

    if (!data || len < 6 || !co_receive(s, data, len) || !load_be32(data)) {
        return false;
    }
    if (!r->ret) {
        r->ret = error_of(load_be32(data));
    }
    return true;
}

/* One chunk after its head. False: the server has lost its way. */
static bool co_take_chunk(Nbd *s, NbdRequest *r, unsigned flags, unsigned type, uint32_t len)
{
    bool is_last = flags & CHUNK_DONE, ok;

    if (type & CHUNK_ERROR) {
        ok = co_chunk_error(s, r, len);
    } else if (type == CHUNK_DATA) {
        ok = co_chunk_data(s, r, len);
    } else if (type == CHUNK_HOLE) {
        ok = co_chunk_hole(s, r, len);
    } else if (type == CHUNK_STATUS) {
        ok = co_chunk_status(s, r, len);
    } else {
        ok = type == CHUNK_NONE && !len && is_last;
    }
    if (!ok || !is_last) {
        return ok;
    }
    if (!r->ret && ((r->command == CMD_READ && r->covered != r->bytes) ||
                    (r->command == CMD_BLOCK_STATUS && !r->state_len))) {
        return false;
    }
    answer(r, r->ret);
    return true;
}

static bool co_read_reply(Nbd *s)
{
    uint8_t head[20];
    NbdRequest *r;

    if (!co_receive(s, head, 16)) {
        return false;
    }
    r = find_request(s, load_be64(head + 8));
    if (!r) {
        return false;
    }
    if (load_be32(head) == SIMPLE_MAGIC) {
        return co_take_simple(s, r, load_be32(head + 4));
    }
    return load_be32(head) == STRUCTURED_MAGIC && s->e.structured && co_receive(s, head + 16, 4) &&
           co_take_chunk(s, r, load_be16(head + 4), load_be16(head + 6), load_be32(head + 16));
}

/* ---- requests and the one who reads ------------------------------------------------------------------------------ */

static bool wake_one(Nbd *s)
{
    for (NbdRequest *r = s->requests; r; r = r->next) {
        if (r->co) {
            co_enter(r->co);
            return true;
        }
    }
    return false;
}

/* All who use the connection see it and leave; those that wait for the socket because it is shut down. */
static void give_up(Nbd *s)
{
    if (!s->broken) {
        s->broken = true;
        s->lost_ns = s->retry_ns = clock_get_ns(CLOCK_RT);
        trace_nbd_lost(s->address.host ? s->address.host : s->address.path);
        shutdown(s->fd, SHUT_RDWR);
        while (wake_one(s)) {
        }
    }
}

static void co_await(Nbd *s, NbdRequest *r)
{
    while (!r->answered && !s->broken) {
        if (s->has_reader) {
            r->co = co_self();
            co_yield();
            r->co = NULL;
        } else {
            bool ok;

            s->has_reader = true;
            ok = co_read_reply(s);
            s->has_reader = false;
            if (!ok) {
                give_up(s);
            }
        }
    }
}

static void unlink_request(Nbd *s, NbdRequest *r)
{
    NbdRequest **at = &s->requests;

    while (*at != r) {
        at = &(*at)->next;
    }
    *at = r->next;
    if (!s->requests) {
        co_queue_all(&s->idle);
    }
}

/* False: the connection broke, and nobody knows what the server has done. */
static bool co_exchange(Nbd *s, NbdRequest *r)
{
    bool ok;

    r->handle = ++s->handle;
    r->answered = r->out_of_order = false;
    r->ret = 0;
    r->covered = r->state_len = 0;
    r->next = s->requests;
    s->requests = r;
    co_mutex_lock(&s->sending);
    ok = co_send(s, r);
    co_mutex_unlock(&s->sending);
    if (!ok) {
        give_up(s);
    }
    co_await(s, r);
    unlink_request(s, r);
    if (!s->has_reader && !s->broken) {
        wake_one(s);            /* it reads from now on */
    }
    return r->answered;
}

/* ---- connecting -------------------------------------------------------------------------------------------------- */

typedef struct Attempt {
    const NbdAddress *address;
    NbdExport e;
    Error *err;
} Attempt;

/* In a worker, or where blocking is all right. The socket or -1. */
static int attempt(void *opaque)
{
    Attempt *a = opaque;
    int64_t deadline_ns = clock_get_ns(CLOCK_RT) + PATIENCE_NS;
    int fd = nbd_connect(a->address, deadline_ns, &a->err);

    if (fd >= 0 && !nbd_negotiate(fd, a->address->name ? a->address->name : "", &a->e, deadline_ns, &a->err)) {
        close(fd);
        return -1;
    }
    return fd;
}

static bool is_same_export(const NbdExport *a, const NbdExport *b)
{
    return a->size == b->size && a->flags == b->flags && a->min_block == b->min_block;
}

static void co_connect_once(Nbd *s)
{
    Attempt a = { .address = &s->address };
    int fd = co_worker_run(attempt, &a);

    if (fd >= 0 && !is_same_export(&a.e, &s->e)) {
        error_set(&a.err, "the export is another one now");
        close(fd);
        fd = -1;
    }
    trace_nbd_reconnect(a.err ? error_get_message(a.err) : "connected");
    error_free(a.err);
    if (fd < 0) {
        s->retry_ns = clock_get_ns(CLOCK_RT) + RETRY_NS;
        return;
    }
    close(s->fd);
    s->fd = fd;
    s->e = a.e;
    s->broken = false;
}

static void wake_sleeper(void *opaque)
{
    co_enter(opaque);
}

static void co_sleep_until(int64_t ns)
{
    Timer t;

    timer_init(&t, CLOCK_RT, wake_sleeper, co_self());
    timer_arm(&t, ns);
    co_yield();
}

/* True: there is a connection, a new one or that of whoever came first. */
static bool co_connect_again(Nbd *s)
{
    co_mutex_lock(&s->connecting);
    while (s->requests) {
        co_queue_wait(&s->idle);        /* the old connection's leave it */
    }
    while (s->broken) {
        int64_t now_ns = clock_get_ns(CLOCK_RT);

        if (now_ns >= s->retry_ns) {
            co_connect_once(s);
        } else if (s->retry_ns < s->lost_ns + s->delay_ns) {
            co_sleep_until(s->retry_ns);
        } else {
            break;
        }
    }
    co_mutex_unlock(&s->connecting);
    return !s->broken;
}

/* 0 or -errno. What it asks can be asked twice without harm. */
static int co_request(Nbd *s, NbdRequest *r)
{
    do {
        if (s->broken && !co_connect_again(s)) {
            return -EIO;
        }
        if (co_exchange(s, r)) {
            return r->ret;
        }
    } while (s->delay_ns);
    return -EIO;
}

/* ---- what the block layer asks ----------------------------------------------------------------------------------- */

static const struct {
    uint16_t command;
    uint16_t needs;             /* of the export's flags; without: see nbd_co_run() */
} commands[] = {
    [BLOCK_READ] = { CMD_READ, 0 }, [BLOCK_WRITE] = { CMD_WRITE, 0 }, [BLOCK_FLUSH] = { CMD_FLUSH, NBD_FLUSH },
    [BLOCK_DISCARD] = { CMD_TRIM, NBD_TRIM }, [BLOCK_WRITE_ZEROES] = { CMD_WRITE_ZEROES, NBD_ZEROES },
};

static uint16_t flags_of(const Nbd *s, const BlockOp *op)
{
    uint16_t flags = op->flags & BLOCK_FUA && s->e.flags & NBD_FUA ? CMD_FUA : 0;

    if (op->kind == BLOCK_WRITE_ZEROES) {
        flags |= op->flags & BLOCK_MAY_UNMAP ? 0 : CMD_NO_HOLE;
        flags |= op->flags & BLOCK_NO_FALLBACK ? CMD_FAST_ZERO : 0;
    }
    return flags;
}

/* In pieces as large as the server takes. */
static int co_pieces(Nbd *s, const BlockOp *op)
{
    bool has_data = op->kind == BLOCK_READ || op->kind == BLOCK_WRITE;
    uint64_t max = has_data ? s->e.max_block : ADVICE_MAX, done = 0;
    int ret;

    do {
        NbdRequest r = {
            .command = commands[op->kind].command, .flags = flags_of(s, op),
            .offset = op->kind == BLOCK_FLUSH ? 0 : op->offset + done, .bytes = MIN(op->bytes - done, max),
            .iov = op->iov, .niov = op->niov, .skip = done,
        };

        ret = co_request(s, &r);
        done += r.bytes;
    } while (!ret && done < op->bytes);
    return ret;
}

/* The last sector of an export may lie behind its end in part. */
static int co_read(BlockNode *n, const BlockOp *op)
{
    BlockOp there = *op;

    there.bytes = op->offset < n->size ? MIN(op->bytes, n->size - op->offset) : 0;
    if (there.bytes < op->bytes) {
        iov_zero(op->iov, op->niov, there.bytes);
    }
    return there.bytes ? co_pieces(n->state, &there) : 0;
}

static int co_write_zero_bytes(Nbd *s, const BlockOp *op)
{
    static const uint8_t zeros[256 * KiB];
    int ret = 0;

    for (uint64_t done = 0, len; done < op->bytes && !ret; done += len) {
        struct iovec iov = { (void *)zeros, MIN(op->bytes - done, sizeof(zeros)) };

        len = iov.iov_len;
        ret = co_pieces(s, &(BlockOp){ .kind = BLOCK_WRITE, .flags = op->flags & BLOCK_FUA,
                                       .offset = op->offset + done, .bytes = len, .iov = &iov, .niov = 1 });
    }
    return ret;
}

static int co_write_zeroes(Nbd *s, const BlockOp *op)
{
    bool can = s->e.flags & NBD_ZEROES;

    if (op->flags & BLOCK_NO_FALLBACK && !(can && s->e.flags & NBD_FAST_ZERO)) {
        return -ENOTSUP;
    }
    return can ? co_pieces(s, op) : co_write_zero_bytes(s, op);
}

static int nbd_co_run(BlockNode *n, const BlockOp *op)
{
    Nbd *s = n->state;
    uint16_t needs = commands[op->kind].needs;
    int ret;

    if ((op->offset | op->bytes) & (s->e.min_block - 1)) {
        return -EINVAL;
    }
    if (op->kind == BLOCK_READ) {
        return co_read(n, op);
    }
    if (op->offset > n->size || op->bytes > n->size - op->offset) {
        return -EIO;
    }
    if ((op->kind == BLOCK_DISCARD && !n->discard) ||
        (needs && !(s->e.flags & needs) && op->kind != BLOCK_WRITE_ZEROES)) {
        return 0;               /* advice; a server without FLUSH has nothing to flush */
    }
    ret = op->kind == BLOCK_WRITE_ZEROES ? co_write_zeroes(s, op) : co_pieces(s, op);
    if (!ret && op->flags & BLOCK_FUA && !(s->e.flags & NBD_FUA) && s->e.flags & NBD_FLUSH) {
        ret = co_pieces(s, &(BlockOp){ .kind = BLOCK_FLUSH });
    }
    return ret;
}

typedef struct StatusCall {
    Nbd *s;
    NbdRequest r;
    int ret;
    bool done;
} StatusCall;

static void co_status(void *opaque)
{
    StatusCall *c = opaque;

    c->ret = co_request(c->s, &c->r);
    c->done = true;
}

static int nbd_status(BlockNode *n, uint64_t offset, uint64_t bytes, BlockStatus *st)
{
    Nbd *s = n->state;
    StatusCall c = {
        .s = s, .r = { .command = CMD_BLOCK_STATUS, .flags = CMD_REQ_ONE, .offset = offset,
                       .bytes = MIN(bytes, ADVICE_MAX) },
    };

    st->file = n;
    st->map = offset;
    st->flags = BLOCK_ST_ALLOCATED | BLOCK_ST_DATA | BLOCK_ST_OFFSET;
    if (!s->e.has_status) {
        return 0;
    }
    if (co_self()) {
        co_status(&c);
    } else {
        for (co_enter(co_new(co_status, &c)); !c.done;) {
            main_loop_wait(-1);
        }
    }
    if (c.ret) {
        return c.ret;
    }
    st->bytes = MIN(bytes, c.r.state_len);
    st->flags = BLOCK_ST_ALLOCATED | BLOCK_ST_OFFSET | (c.r.state & STATE_HOLE ? 0 : BLOCK_ST_DATA) |
                (c.r.state & STATE_ZERO ? BLOCK_ST_ZERO : 0);
    return 0;
}

static uint64_t nbd_allocated_size(BlockNode *n)
{
    return BLOCK_SIZE_UNKNOWN;
}

/* ---- opening and closing ----------------------------------------------------------------------------------------- */

static void nbd_close(BlockNode *n)
{
    Nbd *s = n->state;
    uint8_t bye[28] = { 0 };

    if (s->fd >= 0) {
        if (!s->broken) {
            store_be32(bye, REQUEST_MAGIC);
            store_be16(bye + 6, CMD_DISC);
            /* A server that is gone already, or does not listen, is no loss. */
            if (send(s->fd, bye, sizeof(bye), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
                trace_nbd_lost(n->filename);
            }
        }
        close(s->fd);
    }
    nbd_address_clear(&s->address);
}

static bool take_seconds(BlockDict *d, const char *key, int64_t *ns, Error **errp)
{
    uint64_t seconds = 0;

    if (!block_dict_take_size(d, key, &seconds, errp)) {
        return false;
    }
    if (seconds > DELAY_MAX_S) {
        error_set(errp, "%s: at most %d seconds", key, DELAY_MAX_S);
        return false;
    }
    *ns = seconds * NANOSECONDS_PER_SECOND;
    return true;
}

/* open-timeout=: until then a server that is not there yet is asked again. */
static bool connect_first(Nbd *s, int64_t patience_ns, Error **errp)
{
    int64_t end_ns = clock_get_ns(CLOCK_RT) + patience_ns;
    Attempt a = { .address = &s->address };

    while ((s->fd = attempt(&a)) < 0 && clock_get_ns(CLOCK_RT) < end_ns) {
        error_free(g_steal_pointer(&a.err));
        g_usleep(RETRY_NS / 1000 / 4);
    }
    s->e = a.e;
    if (a.err) {
        error_propagate(errp, a.err);
    }
    return s->fd >= 0;
}

static bool nbd_open(BlockNode *n, const BlockOpenOptions *o, Error **errp)
{
    Nbd *s = n->state;
    int64_t patience_ns = 0;

    s->fd = -1;
    if (!nbd_address_read(&s->address, n->filename, o->dict, errp) ||
        (o->dict && (!take_seconds(o->dict, "reconnect-delay", &s->delay_ns, errp) ||
                     !take_seconds(o->dict, "open-timeout", &patience_ns, errp))) ||
        !connect_first(s, patience_ns, errp)) {
        nbd_close(n);
        return false;
    }
    n->size = s->e.size;
    g_free(n->filename);
    n->filename = nbd_address_text(&s->address);
    if (s->e.flags & NBD_READ_ONLY && !n->readonly) {
        if (!o->auto_readonly) {
            error_set(errp, "request on write denied without write permission: the export is read-only");
            nbd_close(n);
            return false;
        }
        n->readonly = true;
    }
    return true;
}

static const BlockDriver nbd_driver = {
    .name = "nbd", .alias = "nbd+unix", .is_protocol = true, .state_size = sizeof(Nbd), .open = nbd_open,
    .close = nbd_close, .co_run = nbd_co_run, .status = nbd_status, .allocated_size = nbd_allocated_size,
};
BLOCK_DRIVER(nbd_driver)
