/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Groups of those who share limits of rate: drives (-drive throttling.group=) and filter nodes (driver=throttle). What
 * comes too fast waits, per member and direction first in, first out; the queues of a group take turns. A group of a
 * name lives while somebody is in it, or for good when -object throttle-group made it. Big lock held.
 */
#ifndef BLOCK_THROTTLE_GROUP_H
#define BLOCK_THROTTLE_GROUP_H

#include "block/throttle.h"
#include "qemu/timer.h"

typedef struct ThrottleGroup ThrottleGroup;

/* Part of the caller's request, which stays until go() is called with it. */
typedef struct ThrottleEntry {
    bool is_write;
    uint64_t bytes;
    struct ThrottleEntry *next;
} ThrottleEntry;

/* Part of the caller's drive or node. */
typedef struct ThrottleMember {
    ThrottleGroup *group;
    void (*go)(struct ThrottleMember *m, ThrottleEntry *e);     /* its turn has come; also from throttle_submit() */
    struct ThrottleQueue {
        ThrottleEntry *first, **end;
    } queue[2];                 /* reads, writes */
    struct ThrottleMember *next;
} ThrottleMember;

/* Which clock waiting is measured by: CLOCK_VM in a machine; before there are groups. Default: CLOCK_RT. */
void throttle_groups_use_clock(ClockType clock);

/* name NULL: a group of its own, without limits. A name nobody has had yet makes a group without limits. */
void throttle_join(ThrottleMember *m, const char *name, void (*go)(ThrottleMember *m, ThrottleEntry *e));
void throttle_leave(ThrottleMember *m);         /* nothing of it waits */
void throttle_submit(ThrottleMember *m, ThrottleEntry *e);
/* Without waiting for a clock that may stand still: for who drains. */
void throttle_release(ThrottleMember *m);
void throttle_release_all(void);

bool throttle_group_exists(const char *name);
const char *throttle_group_name(const ThrottleMember *m);       /* NULL: alone */
bool throttle_group_limits(const ThrottleMember *m);            /* it has limits now */
void throttle_group_set(ThrottleMember *m, const ThrottleConfig *cfg);  /* of all members; cfg is right */
const ThrottleConfig *throttle_group_config(const ThrottleMember *m);

#endif
