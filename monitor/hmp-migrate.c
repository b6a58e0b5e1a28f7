/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitor commands that save the machine's state: to a file for -incoming, or with its disks inside their images. */
#include "qemu/osdep.h"
#include "hmp.h"
#include "migration/snapshot.h"
#include "migration/vmstate-stream.h"
#include "sysemu/runstate.h"

/* The machine stands afterwards: what is in the file goes on elsewhere. After a failure it runs on. */
void hmp_migrate(Monitor *m, const Arg *a)
{
    bool running = runstate_is_running();
    Error *err = NULL;

    if (!g_str_has_prefix(a[1].s, "file:")) {
        error_set(&err, "Parameter 'uri' expects a valid migration protocol");
    } else {
        if (running) {
            vm_stop(RUN_STATE_PAUSED);
        }
        if (!vm_state_save_file(a[1].s, &err) && running) {
            vm_start();
        }
    }
    hmp_handle_error(m, err);
}

void hmp_savevm(Monitor *m, const Arg *a)
{
    Error *err = NULL;

    snapshot_save(a[0].s, &err);
    hmp_handle_error(m, err);
}

void hmp_loadvm(Monitor *m, const Arg *a)
{
    Error *err = NULL;

    snapshot_load(a[0].s, &err);
    hmp_handle_error(m, err);
}

void hmp_delvm(Monitor *m, const Arg *a)
{
    Error *err = NULL;

    snapshot_delete(a[0].s, &err);
    hmp_handle_error(m, err);
}

void hmp_info_snapshots(Monitor *m, const Arg *a)
{
    GString *text = g_string_new(NULL);
    Error *err = NULL;

    if (!snapshot_print(text, &err)) {
        g_string_append_printf(text, "%s\n", error_get_message(err));
        error_free(err);
    }
    monitor_put_gstring(m, text);
}

typedef struct Completion {
    const char *prefix;
    GPtrArray *list;
} Completion;

static void add_tag(void *opaque, const char *tag)
{
    Completion *c = opaque;

    complete_add(c->list, c->prefix, tag);
}

void complete_snapshot(Monitor *m, const char *prefix, GPtrArray *list)
{
    Completion c = { prefix, list };

    snapshot_foreach_tag(add_tag, &c);
}
