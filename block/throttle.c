/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Leaky buckets for the rates of a drive. Pure arithmetic: see the header. */
#include "qemu/osdep.h"
#include "block/throttle.h"
#include "qemu/timer.h"

#define RATE_MAX        1000000000000000ull     /* what users know as the limit of all of these */
#define DEFAULT_BURST   0.1                     /* seconds of the average that pass at once */

#define KEYS(kind, plain, dotted)                                                                               \
    { plain, "throttling." dotted, offsetof(ThrottleConfig, limit[kind].avg) },                                 \
    { plain "_max", "throttling." dotted "-max", offsetof(ThrottleConfig, limit[kind].max) },                   \
    { plain "_max_length", "throttling." dotted "-max-length", offsetof(ThrottleConfig, limit[kind].length_s) }

const ThrottleKey throttle_keys[] = {
    KEYS(THROTTLE_BPS_TOTAL, "bps", "bps-total"), KEYS(THROTTLE_BPS_READ, "bps_rd", "bps-read"),
    KEYS(THROTTLE_BPS_WRITE, "bps_wr", "bps-write"), KEYS(THROTTLE_IOPS_TOTAL, "iops", "iops-total"),
    KEYS(THROTTLE_IOPS_READ, "iops_rd", "iops-read"), KEYS(THROTTLE_IOPS_WRITE, "iops_wr", "iops-write"),
    { "iops_size", "throttling.iops-size", offsetof(ThrottleConfig, iops_size) },
    { .plain = NULL },
};

/* Which buckets a request fills, by direction. */
static const ThrottleKind buckets_of[2][4] = {
    { THROTTLE_BPS_TOTAL, THROTTLE_IOPS_TOTAL, THROTTLE_BPS_READ, THROTTLE_IOPS_READ },
    { THROTTLE_BPS_TOTAL, THROTTLE_IOPS_TOTAL, THROTTLE_BPS_WRITE, THROTTLE_IOPS_WRITE },
};

bool throttle_is_on(const ThrottleConfig *cfg)
{
    for (unsigned i = 0; i < THROTTLE__COUNT; i++) {
        if (cfg->limit[i].avg) {
            return true;
        }
    }
    return false;
}

static bool check_limit(const ThrottleLimit *l, Error **errp)
{
    if (l->avg > RATE_MAX || l->max > RATE_MAX) {
        error_set(errp, "bps/iops/max values must be within [0, %llu]", RATE_MAX);
        return false;
    }
    if (l->max && !l->avg) {
        error_set(errp, "bps_max/iops_max require corresponding bps/iops values");
        return false;
    }
    if (l->max && l->max < l->avg) {
        error_set(errp, "bps_max/iops_max cannot be lower than bps/iops");
        return false;
    }
    if (l->length_s > 1 && !l->max) {
        error_set(errp, "burst length set without burst rate");
        return false;
    }
    if (l->length_s && l->max && l->length_s > RATE_MAX / l->max) {
        error_set(errp, "burst length too high for this burst rate");
        return false;
    }
    return true;
}

bool throttle_check(const ThrottleConfig *cfg, Error **errp)
{
    static const ThrottleKind totals[] = { THROTTLE_BPS_TOTAL, THROTTLE_IOPS_TOTAL };

    for (unsigned i = 0; i < ARRAY_SIZE(totals); i++) {
        const ThrottleLimit *total = &cfg->limit[totals[i]], *rd = total + 1, *wr = total + 2;

        if ((total->avg && (rd->avg || wr->avg)) || (total->max && (rd->max || wr->max))) {
            error_set(errp, "bps/iops/max total values and read/write values cannot be used at the same time");
            return false;
        }
    }
    for (unsigned i = 0; i < THROTTLE__COUNT; i++) {
        if (!check_limit(&cfg->limit[i], errp)) {
            return false;
        }
    }
    if (cfg->iops_size && !cfg->limit[THROTTLE_IOPS_TOTAL].avg && !cfg->limit[THROTTLE_IOPS_READ].avg &&
        !cfg->limit[THROTTLE_IOPS_WRITE].avg) {
        error_set(errp, "iops size requires an iops value to be set");
        return false;
    }
    return true;
}

void throttle_set(Throttle *t, const ThrottleConfig *cfg, int64_t now_ns)
{
    *t = (Throttle){ .cfg = *cfg, .last_ns = now_ns };
}

static void leak(Throttle *t, int64_t now_ns)
{
    double seconds = now_ns > t->last_ns ? (now_ns - t->last_ns) / (double)NANOSECONDS_PER_SECOND : 0;

    t->last_ns = now_ns;
    for (unsigned i = 0; i < THROTTLE__COUNT; i++) {
        const ThrottleLimit *l = &t->cfg.limit[i];

        t->level[i] = MAX(t->level[i] - seconds * l->avg, 0);
        t->burst[i] = MAX(t->burst[i] - seconds * l->max, 0);
    }
}

/* Rounded up, so that who comes back then need not wait again. */
static int64_t time_for(double units, uint64_t rate)
{
    return units > 0 ? (int64_t)(units / rate * NANOSECONDS_PER_SECOND) + 1 : 0;
}

static int64_t bucket_wait(const Throttle *t, ThrottleKind kind)
{
    const ThrottleLimit *l = &t->cfg.limit[kind];
    int64_t wait;

    if (!l->avg) {
        return 0;
    }
    wait = time_for(t->level[kind] - (l->max ? (double)l->max * MAX(l->length_s, 1) : l->avg * DEFAULT_BURST), l->avg);
    if (l->max && l->length_s > 1) {
        wait = MAX(wait, time_for(t->burst[kind] - l->max * DEFAULT_BURST, l->max));
    }
    return wait;
}

int64_t throttle_wait_ns(Throttle *t, bool is_write, int64_t now_ns)
{
    int64_t wait = 0;

    leak(t, now_ns);
    for (unsigned i = 0; i < ARRAY_SIZE(buckets_of[0]); i++) {
        wait = MAX(wait, bucket_wait(t, buckets_of[is_write][i]));
    }
    return wait;
}

void throttle_account(Throttle *t, bool is_write, uint64_t bytes)
{
    double requests = t->cfg.iops_size && bytes > t->cfg.iops_size ? (double)bytes / t->cfg.iops_size : 1;

    for (unsigned i = 0; i < ARRAY_SIZE(buckets_of[0]); i++) {
        ThrottleKind kind = buckets_of[is_write][i];
        double units = kind < THROTTLE_IOPS_TOTAL ? bytes : requests;

        t->level[kind] += units;
        t->burst[kind] += units;
    }
}
