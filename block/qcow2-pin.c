/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: requests that need no coroutine
 *
 * Most of what a running guest asks for lies in one piece of the file, and its table is in memory, ours or the host's.
 * Whoever has the request, a vCPU as a rule, looks it up and moves the data himself. The range lock keeps the clusters
 * in place while the big lock is given up; tables are only looked at when no coroutine is in the middle of changing
 * them.
 */
#include "qemu/osdep.h"
#include "qcow2.h"
#include "qemu/main-loop.h"

typedef struct Pin {
    Qcow2Range range;
    Bh *wake;
} Pin;

static bool is_busy(const Qcow2 *q, const Qcow2Range *r)
{
    for (const Qcow2Range *other = q->ranges; other; other = other->next) {
        if (other->start < r->end && r->start < other->end && (r->is_write || other->is_write)) {
            return true;
        }
    }
    return false;
}

/* In one piece, known without waiting; for a write: the image's own, and nothing changes but the data. */
static bool find_piece(Qcow2 *q, const BlockOp *op, uint64_t *host)
{
    bool is_write = op->kind == BLOCK_WRITE;
    Qcow2Extent e;

    if (!qcow2_l2_at_once(q, op->offset) || qcow2_lookup(q, op->offset, op->bytes, &e) || e.kind != QCOW2_DATA ||
        e.bytes < op->bytes || (is_write && (!e.copied || qcow2_overlaps_metadata(q, e.host, e.bytes)))) {
        return false;
    }
    *host = e.host;
    return true;
}

void *qcow2_pin(BlockNode *n, const BlockOp *op, uint64_t *host)
{
    Qcow2 *q = n->state;
    uint64_t mask = q->cluster_size - 1;
    Pin *pin, found = {
        .range = { .start = op->offset & ~mask, .end = (op->offset + op->bytes + mask) & ~mask,
                   .is_write = op->kind == BLOCK_WRITE },
    };

    if ((op->kind != BLOCK_READ && op->kind != BLOCK_WRITE) || op->flags & BLOCK_COMPRESSED || !op->bytes ||
        !q->file->drv->run || q->lock.holder || q->incompat & QCOW2_INCOMPAT_CORRUPT || q->view_only ||
        is_busy(q, &found.range) || !find_piece(q, op, host)) {
        return NULL;
    }
    pin = g_memdup2(&found, sizeof(found));
    pin->range.next = q->ranges;
    q->ranges = &pin->range;
    return pin;
}

static void wake_waiting(void *opaque)
{
    Pin *pin = opaque;

    co_queue_all(&pin->range.waiting);
    bh_free(pin->wake);
    g_free(pin);
}

/* Coroutines that have come upon it meanwhile go on in the IO thread. */
void qcow2_unpin(BlockNode *n, void *opaque)
{
    Qcow2 *q = n->state;
    Pin *pin = opaque;

    q->dirty_data |= pin->range.is_write;
    qcow2_range_remove(q, &pin->range);
    if (pin->range.waiting.first) {
        pin->wake = bh_new(wake_waiting, pin);
        bh_schedule(pin->wake);
    } else {
        g_free(pin);
    }
}
