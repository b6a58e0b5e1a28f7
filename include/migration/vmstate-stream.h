/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state of the whole machine as a stream of bytes: memory and everything in the registry of vmstates. Format and
 * rules: docs/vmstate.md. The machine stands while it is saved or loaded; IO thread, big lock held.
 */
#ifndef MIGRATION_VMSTATE_STREAM_H
#define MIGRATION_VMSTATE_STREAM_H

#include "qemu/error.h"

/* All of len, or false with an Error. */
typedef struct VmStateIo {
    bool (*write)(void *opaque, const void *data, size_t len, Error **errp);
    bool (*read)(void *opaque, void *data, size_t len, Error **errp);
    void *opaque;
} VmStateIo;

/* Also refused while the guest sleeps (S3), or while requests wait after an error: both are no device's state. */
bool vm_state_save(const VmStateIo *io, Error **errp);
/* Reads the beginning of a stream. False: it is not ours, or of another machine. Nothing changes. */
bool vm_state_check(const VmStateIo *io, Error **errp);
/* The same check, then the rest. False: parts may have been loaded, the machine must be reset before it runs. */
bool vm_state_load(const VmStateIo *io, Error **errp);

/* The same with a file. "file:PATH", or a plain path. A failed save leaves the file as it was. */
bool vm_state_save_file(const char *uri, Error **errp);
bool vm_state_load_file(const char *uri, Error **errp);

#endif
