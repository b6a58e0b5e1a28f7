/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Limits of rate: a model of leaky buckets without clock, queue or lock. The caller says what time it is, asks how long
 * a request has to wait, and accounts for it when it goes.
 *
 * A bucket fills with what is done (bytes, or requests) and leaks at the average rate. While it is not fuller than its
 * size requests pass at once, so the size is the burst: "max" units per second for "length" seconds, or a tenth of a
 * second of the average when no max is given. With a length above one second a second bucket, which leaks at max and
 * holds a tenth of a second of it, keeps the burst itself at that rate.
 */
#ifndef BLOCK_THROTTLE_H
#define BLOCK_THROTTLE_H

#include "block/options.h"

typedef enum ThrottleKind {
    THROTTLE_BPS_TOTAL, THROTTLE_BPS_READ, THROTTLE_BPS_WRITE,
    THROTTLE_IOPS_TOTAL, THROTTLE_IOPS_READ, THROTTLE_IOPS_WRITE, THROTTLE__COUNT
} ThrottleKind;

typedef struct ThrottleLimit {
    uint64_t avg;               /* a second; 0: no limit */
    uint64_t max;               /* a second, in bursts; 0: none */
    uint64_t length_s;          /* of a burst; 0 counts as 1 */
} ThrottleLimit;

typedef struct ThrottleConfig {
    ThrottleLimit limit[THROTTLE__COUNT];
    uint64_t iops_size;         /* a request of more bytes counts as several; 0: as one, whatever its length */
} ThrottleConfig;

typedef struct Throttle {
    ThrottleConfig cfg;
    double level[THROTTLE__COUNT], burst[THROTTLE__COUNT];
    int64_t last_ns;
} Throttle;

/* The names users know, "bps" and "throttling.bps-total" each; unit: one of avg, max and length. */
typedef struct ThrottleKey {
    const char *plain, *dotted; /* -drive iops_rd=, throttling.iops-read= */
    size_t offset;              /* of an uint64_t in ThrottleConfig */
} ThrottleKey;
extern const ThrottleKey throttle_keys[];   /* NULL names at the end */

bool throttle_is_on(const ThrottleConfig *cfg);
/* False with an Error: a total with a part of it, a max without or below its average, a length without max, ... */
bool throttle_check(const ThrottleConfig *cfg, Error **errp);
void throttle_set(Throttle *t, const ThrottleConfig *cfg, int64_t now_ns);  /* buckets are empty; cfg is right */
/* How long a request of this kind has to wait before it may go; 0: not at all. */
int64_t throttle_wait_ns(Throttle *t, bool is_write, int64_t now_ns);
void throttle_account(Throttle *t, bool is_write, uint64_t bytes);

#endif
