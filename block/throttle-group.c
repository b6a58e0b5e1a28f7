/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who shares limits of rate, and whose turn it is; -object throttle-group. */
#include "qemu/osdep.h"
#include "block/throttle-group.h"
#include "qemu/user-object.h"

struct ThrottleGroup {
    char *name;                 /* NULL: of one member alone */
    GPtrArray *members;         /* ThrottleMember * */
    Throttle throttle;
    bool is_on;
    bool is_object;             /* stays without members */
    unsigned turn;              /* which queue of which member is looked at next */
    Timer timer;
    ThrottleGroup *next;
};

static ThrottleGroup *groups;           /* big lock */
static ClockType group_clock = CLOCK_RT;    /* set once, at start */

void throttle_groups_use_clock(ClockType clock)
{
    group_clock = clock;
}

/* ---- turns ------------------------------------------------------------------------------------------------------- */

static void pop(ThrottleMember *m, bool is_write)
{
    struct ThrottleQueue *q = &m->queue[is_write];
    ThrottleEntry *e = q->first;

    q->first = e->next;
    if (!q->first) {
        q->end = &q->first;
    }
    e->next = NULL;
    m->go(m, e);
}

/*
 * All that may go now goes, one direction of one member after the other; the timer comes back for the rest. go() may
 * let members in and out: nothing is kept across it but the group, which the caller's own member holds.
 */
static void run_group(void *opaque)
{
    ThrottleGroup *g = opaque;
    int64_t now = clock_get_ns(group_clock), next = INT64_MAX;

    for (unsigned idle = 0; g->members->len && idle < g->members->len * 2; g->turn++) {
        bool is_write = g->turn % 2;
        ThrottleMember *m = g_ptr_array_index(g->members, g->turn / 2 % g->members->len);
        ThrottleEntry *e = m->queue[is_write].first;
        int64_t wait = e && g->is_on ? throttle_wait_ns(&g->throttle, is_write, now) : 0;

        if (e && !wait) {
            throttle_account(&g->throttle, is_write, e->bytes);
            pop(m, is_write);
            idle = 0;
        } else {
            next = e ? MIN(next, wait) : next;
            idle++;
        }
    }
    if (next < INT64_MAX) {
        timer_arm(&g->timer, now + next);
    }
}

void throttle_submit(ThrottleMember *m, ThrottleEntry *e)
{
    struct ThrottleQueue *q = &m->queue[e->is_write];

    e->next = NULL;
    *q->end = e;
    q->end = &e->next;
    run_group(m->group);
}

void throttle_release(ThrottleMember *m)
{
    for (unsigned i = 0; i < 2; i++) {
        while (m->queue[i].first) {
            pop(m, i);
        }
    }
}

void throttle_release_all(void)
{
    for (ThrottleGroup *g = groups; g; g = g->next) {
        for (unsigned i = 0; i < g->members->len; i++) {
            throttle_release(g_ptr_array_index(g->members, i));
        }
    }
}

/* ---- members ----------------------------------------------------------------------------------------------------- */

static ThrottleGroup *find_group(const char *name)
{
    ThrottleGroup *g = groups;

    while (g && g_strcmp0(g->name, name)) {
        g = g->next;
    }
    return g;
}

static ThrottleGroup *new_group(const char *name)
{
    ThrottleGroup *g = g_new0(ThrottleGroup, 1);

    g->name = g_strdup(name);
    g->members = g_ptr_array_new();
    timer_init(&g->timer, group_clock, run_group, g);
    g->next = groups;
    groups = g;
    return g;
}

static void drop_group(ThrottleGroup *g)
{
    ThrottleGroup **at = &groups;

    if (g->members->len || g->is_object) {
        return;
    }
    while (*at != g) {
        at = &(*at)->next;
    }
    *at = g->next;
    timer_disarm(&g->timer);
    g_ptr_array_unref(g->members);
    g_free(g->name);
    g_free(g);
}

void throttle_join(ThrottleMember *m, const char *name, void (*go)(ThrottleMember *m, ThrottleEntry *e))
{
    ThrottleGroup *g = name ? find_group(name) : NULL;

    m->group = g ? g : new_group(name);
    m->go = go;
    for (unsigned i = 0; i < 2; i++) {
        m->queue[i].end = &m->queue[i].first;
    }
    g_ptr_array_add(m->group->members, m);
}

void throttle_leave(ThrottleMember *m)
{
    ThrottleGroup *g = g_steal_pointer(&m->group);

    assert(!m->queue[0].first && !m->queue[1].first);
    g_ptr_array_remove(g->members, m);
    drop_group(g);
}

bool throttle_group_exists(const char *name)
{
    return find_group(name);
}

const char *throttle_group_name(const ThrottleMember *m)
{
    return m->group->name;
}

bool throttle_group_limits(const ThrottleMember *m)
{
    return m->group->is_on;
}

static void set_limits(ThrottleGroup *g, const ThrottleConfig *cfg)
{
    g->is_on = throttle_is_on(cfg);
    throttle_set(&g->throttle, cfg, clock_get_ns(group_clock));
    timer_disarm(&g->timer);
    run_group(g);
}

void throttle_group_set(ThrottleMember *m, const ThrottleConfig *cfg)
{
    set_limits(m->group, cfg);
}

const ThrottleConfig *throttle_group_config(const ThrottleMember *m)
{
    return &m->group->throttle.cfg;
}

/* ---- -object throttle-group -------------------------------------------------------------------------------------- */

#define LIMIT(name, what)                                                                                       \
    { "x-" name, KEY_SIZE, .help = what },                                                                      \
    { "x-" name "-max", KEY_SIZE, .help = "in bursts" },                                                        \
    { "x-" name "-max-length", KEY_UINT, .help = "seconds a burst may last (default: 1)" },                     \
    { "limits." name, KEY_SIZE, .help = "the same as x-" name },                                                \
    { "limits." name "-max", KEY_SIZE, .help = "the same as x-" name "-max" },                                  \
    { "limits." name "-max-length", KEY_UINT, .help = "the same as x-" name "-max-length" }

static const KeyDef group_keys[] = {
    LIMIT("bps-total", "bytes a second its members may read and write"), LIMIT("bps-read", "bytes a second they read"),
    LIMIT("bps-write", "bytes a second they write"), LIMIT("iops-total", "requests a second"),
    LIMIT("iops-read", "reads a second"), LIMIT("iops-write", "writes a second"),
    { "x-iops-size", KEY_SIZE, .help = "a request of more bytes counts as several of this size" },
    { "limits.iops-size", KEY_SIZE, .help = "the same as x-iops-size" },
    { .name = NULL },
};

/* "throttling.iops-total" of a drive is x-iops-total and limits.iops-total here. */
static bool read_limits(const KeyList *l, ThrottleConfig *cfg, Error **errp)
{
    for (const ThrottleKey *k = throttle_keys; k->dotted; k++) {
        const char *name = strchr(k->dotted, '.') + 1;
        g_autofree char *x = g_strconcat("x-", name, NULL), *plain = g_strconcat("limits.", name, NULL);
        uint64_t *v = (uint64_t *)((char *)cfg + k->offset);

        *v = keylist_get_uint(l, x, keylist_get_uint(l, plain, 0));
    }
    return throttle_check(cfg, errp);
}

static bool group_create(const char *id, const KeyList *l, Error **errp)
{
    ThrottleConfig cfg = { 0 };
    ThrottleGroup *g;

    if (find_group(id)) {
        error_set(errp, "a throttle group of the name '%s' exists", id);
        return false;
    }
    if (!read_limits(l, &cfg, errp)) {
        return false;
    }
    g = new_group(id);
    g->is_object = true;
    set_limits(g, &cfg);
    return true;
}

static bool group_delete(const char *id, Error **errp)
{
    ThrottleGroup *g = find_group(id);

    if (g->members->len) {
        error_set(errp, "object '%s' is in use, can not be deleted", id);
        return false;
    }
    g->is_object = false;
    drop_group(g);
    return true;
}

static const UserObjectType group_type = {
    .name = "throttle-group",
    .help = "limits of rate that drives (throttling.group=) and nodes (driver=throttle) share",
    .keys = group_keys, .create = group_create, .remove = group_delete,
};
USER_OBJECT(group_type)
