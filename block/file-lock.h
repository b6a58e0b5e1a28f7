/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Locks that keep an image from being used twice, also by other emulators that know the scheme.
 *
 * Open-file-description locks on bytes far below anything a lock of a guest could mean: for each permission n (0
 * consistent read, 1 write, 2 write unchanged, 3 resize) byte 100 + n is locked shared by who has it, and byte 200 + n
 * by who does not share it.
 */
#ifndef BLOCK_FILE_LOCK_H
#define BLOCK_FILE_LOCK_H

#include "qemu/error.h"

/*
 * In place of the locks that fd has had. False: somebody else has the file; fd's locks may be any of the old and of the
 * new ones. A file system without locks is no obstacle. Closing fd unlocks.
 */
bool file_lock(int fd, const char *filename, bool write, bool share_write, Error **errp);

#endif
