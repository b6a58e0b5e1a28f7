/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Image locks; the scheme is in file-lock.h. */
#include "qemu/osdep.h"
#include <fcntl.h>
#include "file-lock.h"

#define BYTE_HELD       100
#define BYTE_UNSHARED   200

enum { PERM_READ, PERM_WRITE, PERM_WRITE_UNCHANGED, PERM_RESIZE, PERM__COUNT };
static const char *const perm_names[] = { "consistent read", "write", "write unchanged", "resize" };

static bool locks_exist(int err)
{
    return err != EINVAL && err != ENOLCK && err != ENOSYS && err != EOPNOTSUPP;
}

static int set_lock(int fd, off_t byte, bool lock)
{
    struct flock fl = { .l_type = lock ? F_RDLCK : F_UNLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

    return fcntl(fd, F_OFD_SETLK, &fl) ? errno : 0;
}

/* Has somebody else locked this byte? */
static bool is_locked(int fd, off_t byte)
{
    struct flock fl = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

    return !fcntl(fd, F_OFD_GETLK, &fl) && fl.l_type != F_UNLCK;
}

static bool refuse(const char *filename, const char *kind, int perm, Error **errp)
{
    error_set(errp, "Failed to get %s\"%s\" lock on '%s'", kind, perm_names[perm], filename);
    error_append_hint(errp, "Is another process using the image [%s]?", filename);
    return false;
}

bool file_lock(int fd, const char *filename, bool write, bool share_write, Error **errp)
{
    unsigned held = 1u << PERM_READ | (write ? 1u << PERM_WRITE : 0);
    unsigned unshared = share_write ? 0 : 1u << PERM_WRITE | 1u << PERM_RESIZE;

    for (int i = 0; i < PERM__COUNT; i++) {
        int err = set_lock(fd, BYTE_HELD + i, held >> i & 1);

        err = err ? err : set_lock(fd, BYTE_UNSHARED + i, unshared >> i & 1);
        if (err && !locks_exist(err)) {
            return true;
        }
        if (err) {
            error_set_errno(errp, err, "cannot lock '%s'", filename);
            return false;
        }
    }
    for (int i = 0; i < PERM__COUNT; i++) {
        if (held >> i & 1 && is_locked(fd, BYTE_UNSHARED + i)) {
            return refuse(filename, "", i, errp);
        }
        if (unshared >> i & 1 && is_locked(fd, BYTE_HELD + i)) {
            return refuse(filename, "shared ", i, errp);
        }
    }
    return true;
}
