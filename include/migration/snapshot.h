/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snapshots of the machine together with its writable drives, kept in their images under a tag. The state of the
 * machine is in the first of these drives. See docs/vmstate.md. IO thread, big lock held, no coroutine: waits, and
 * meanwhile runs the main loop; the machine is stopped if it runs, and goes on afterwards.
 *
 * False with an Error: a writable drive's format has no snapshots, there is no such drive, another monitor is at it, or
 * what each function says.
 */
#ifndef MIGRATION_SNAPSHOT_H
#define MIGRATION_SNAPSHOT_H

#include "qemu/error.h"

/*
 * tag NULL or "": one is made of the date. Older snapshots of that tag go when the new one is complete. After a failure
 * (disk full, the guest sleeps, requests wait after an error) the drives have the snapshots they had.
 */
bool snapshot_save(const char *tag, Error **errp);
/*
 * The tag has to be on all drives, and the machine the one that was saved: else nothing changes. When a drive or the
 * state itself turns out to be damaged later, the machine stays stopped (RUN_STATE_RESTORE_VM).
 */
bool snapshot_load(const char *tag, Error **errp);
bool snapshot_delete(const char *tag, Error **errp);    /* no such tag: nothing happens */
/* As "info snapshots" shows them. Does not stop the machine. */
bool snapshot_print(GString *out, Error **errp);
void snapshot_foreach_tag(void (*fn)(void *opaque, const char *tag), void *opaque);

#endif
