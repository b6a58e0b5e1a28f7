/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qcow2: compressed clusters. zlib's raw deflate with a window of 4 KiB, or one zstd frame; workers do the sums.
 * Specification: "Compressed Clusters Descriptor".
 */
#include "qemu/osdep.h"
#include <zlib.h>
#include "qcow2.h"
#include "qemu/worker.h"
#ifdef CONFIG_ZSTD
#include <zstd.h>
#endif

#define WINDOW_BITS 12
#define ZLIB_LEVEL  4           /* within a window of 4 KiB: half the time of the default level, 2 % more space */

typedef struct Job {
    uint8_t type;
    const uint8_t *in;
    size_t in_len;
    uint8_t *out;
    size_t out_len;             /* room; after packing: what was used */
} Job;

/* ---- the methods: worker threads --------------------------------------------------------------------------------- */

/* -ENOSPC: it does not get smaller. */
static int zlib_pack(Job *j)
{
    z_stream z = { .next_in = (uint8_t *)j->in, .avail_in = j->in_len, .next_out = j->out, .avail_out = j->out_len };
    int ret;

    if (deflateInit2(&z, ZLIB_LEVEL, Z_DEFLATED, -WINDOW_BITS, 9, Z_DEFAULT_STRATEGY) != Z_OK) {
        return -ENOMEM;
    }
    ret = deflate(&z, Z_FINISH);
    j->out_len -= z.avail_out;
    deflateEnd(&z);
    return ret == Z_STREAM_END ? 0 : -ENOSPC;
}

static int zlib_unpack(Job *j)
{
    z_stream z = { .next_in = (uint8_t *)j->in, .avail_in = j->in_len, .next_out = j->out, .avail_out = j->out_len };
    int ret;

    /* Others may have used the largest window. */
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK) {
        return -ENOMEM;
    }
    ret = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    return (ret == Z_STREAM_END || ret == Z_BUF_ERROR || ret == Z_OK) && !z.avail_out ? 0 : -EIO;
}

#ifdef CONFIG_ZSTD
static int zstd_pack(Job *j)
{
    size_t len = ZSTD_compress(j->out, j->out_len, j->in, j->in_len, ZSTD_CLEVEL_DEFAULT);

    if (ZSTD_isError(len)) {
        return -ENOSPC;
    }
    j->out_len = len;
    return 0;
}

/* The frame's length is not recorded: what follows it is ignored, so it is decoded as a stream. */
static int zstd_unpack(Job *j)
{
    ZSTD_DCtx *d = ZSTD_createDCtx();
    ZSTD_inBuffer in = { j->in, j->in_len, 0 };
    ZSTD_outBuffer out = { j->out, j->out_len, 0 };
    size_t ret = 1;

    while (d && ret && out.pos < out.size && in.pos < in.size) {
        ret = ZSTD_decompressStream(d, &out, &in);
        if (ZSTD_isError(ret)) {
            break;
        }
    }
    ZSTD_freeDCtx(d);
    return out.pos == out.size ? 0 : -EIO;
}
#else
static int zstd_pack(Job *j)
{
    return -ENOTSUP;
}

static int zstd_unpack(Job *j)
{
    return -ENOTSUP;
}
#endif

static int pack_job(void *opaque)
{
    Job *j = opaque;

    return j->type == QCOW2_ZSTD ? zstd_pack(j) : zlib_pack(j);
}

static int unpack_job(void *opaque)
{
    Job *j = opaque;

    return j->type == QCOW2_ZSTD ? zstd_unpack(j) : zlib_unpack(j);
}

/* ---- clusters ---------------------------------------------------------------------------------------------------- */

int qcow2_unpack(Qcow2 *q, uint64_t entry, uint8_t *out)
{
    g_autofree uint8_t *in = NULL;
    uint64_t offset;
    uint32_t len;
    int ret;

    qcow2_packed_range(q, entry, &offset, &len);
    in = g_try_malloc(len);
    if (!in) {
        return -ENOMEM;
    }
    block_event(q->file, BLOCK_EVENT_READ_COMPRESSED);
    ret = block_run_read(q->file, offset, in, len);
    if (ret) {
        return ret;
    }
    return co_worker_run(unpack_job, &(Job){ q->compression, in, len, out, q->cluster_size });
}

/* The packed bytes are in place: the entry follows. Lock held. */
static int link_packed(Qcow2 *q, uint64_t guest, uint64_t offset, uint32_t len)
{
    unsigned offset_bits = 62 - (q->cluster_bits - 8), index;
    uint64_t sectors = (offset + len - 1) / 512 - offset / 512;
    uint64_t old;
    Slice *s;
    int ret = qcow2_l2_for_write(q, guest, &s, &index);

    if (ret) {
        return ret;
    }
    old = qcow2_l2_entry(q, s, index);
    qcow2_l2_set(q, s, index, QCOW2_COMPRESSED | sectors << offset_bits | offset, 0);
    qcow2_put(s);
    qcow2_free_entry(q, old);
    return 0;
}

static int write_packed(Qcow2 *q, uint64_t guest, const uint8_t *data, uint32_t len)
{
    bool in_co = co_self();
    uint64_t offset;
    int ret;

    if (in_co) {
        co_mutex_lock(&q->lock);
    }
    ret = qcow2_alloc_bytes(q, len, &offset);
    if (!ret && qcow2_overlaps_metadata(q, offset, len)) {
        ret = qcow2_corrupt(q, "Preventing invalid write on metadata at offset %#" PRIx64, offset);
    }
    if (!ret) {
        if (in_co) {
            co_mutex_unlock(&q->lock);
        }
        block_event(q->file, BLOCK_EVENT_WRITE_COMPRESSED);
        ret = block_run_write(q->file, offset, data, len);
        if (in_co) {
            co_mutex_lock(&q->lock);
        }
        q->dirty_data = true;
        ret = ret ? ret : link_packed(q, guest, offset, len);
        if (ret) {
            qcow2_add_refcount(q, offset, len, -1);
        }
    }
    if (in_co) {
        co_mutex_unlock(&q->lock);
    }
    return ret;
}

int qcow2_write_compressed(Qcow2 *q, uint64_t offset, uint64_t bytes, const struct iovec *iov, int niov)
{
    g_autofree uint8_t *plain = g_try_malloc(q->cluster_size), *packed = g_try_malloc(q->cluster_size);
    int ret = plain && packed ? 0 : -ENOMEM;

    if (!qcow2_aligned(q, offset) || (!qcow2_aligned(q, bytes) && offset + bytes != block_size(q->n))) {
        return -EINVAL;
    }
    for (uint64_t done = 0; done < bytes && !ret; done += q->cluster_size) {
        size_t len = MIN(bytes - done, q->cluster_size);
        Job job = { q->compression, plain, q->cluster_size, packed, q->cluster_size - 1 };

        iov_copy_out(plain, iov, niov, done, len);
        memset(plain + len, 0, q->cluster_size - len);
        ret = co_worker_run(pack_job, &job);
        if (ret == -ENOSPC) {
            ret = qcow2_write(q, offset + done, len, &(struct iovec){ plain, len }, 1);
        } else if (!ret) {
            ret = write_packed(q, offset + done, packed, job.out_len);
        }
    }
    return ret;
}
