/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * -drive, -hda and their kin: which image is in which drive. Options are checked one by one (drive_add), then opened
 * together (drives_open), then the board and -device take them. Start-up, main thread.
 */
#ifndef SYSEMU_BLOCKDEV_H
#define SYSEMU_BLOCKDEV_H

#include "block/backend.h"
#include "qemu/option.h"

typedef enum DriveIf { DRIVE_IDE, DRIVE_FLOPPY, DRIVE_NONE, DRIVE_IF__COUNT } DriveIf;

typedef struct DriveInfo {
    DriveIf interface;
    int index;                  /* -1: if=none */
    bool is_cdrom;
    char *name;                 /* of the back end: id=, or ide0-hd0, ide1-cd0, floppy0 */
    char *file;                 /* NULL: no medium, unless there are options */
    BlockDict *options;         /* of the node, and of what it stands on: driver=, file.driver=, ... NULL: none */
    char *format, *serial;
    BlockOpenOptions open;
    bool snapshot;              /* writes go to a temporary file */
    BlkOnError on_read_error, on_write_error;
    ThrottleConfig throttle;
    char *throttle_group;       /* NULL: none */
    BlockBackend *blk;          /* after drives_open() */
} DriveInfo;

extern const KeyDef drive_keys[];

/* One -drive argument. The place is checked and, when index= and unit= are missing, chosen. */
bool drive_add(const char *arg, Error **errp);
/* -hda FILE and so on: the file's name stands for itself, commas and all. */
bool drive_add_file(DriveIf interface, int index, bool is_cdrom, const char *file, Error **errp);
/* One -blockdev argument, JSON or key=value; kept, not copied. Opened before the drives. */
bool blockdev_add(const char *arg, Error **errp);
extern bool drives_snapshot;    /* -snapshot: as if every drive had snapshot=on. Set before drives_open() */
/* Others may write to the image of this drive too (share-rw=on of its device). Before drives_open(). */
void drive_share(const char *name);
bool drives_open(Error **errp);
/* The machine runs. What drive_add() and drives_open() do, for if=none. */
bool drive_hot_add(const char *arg, Error **errp);
/* Of -drive or drive_hot_add(). One that a device has stays, without a medium; its name too, as long as the device. */
bool drive_hot_del(const char *name, Error **errp);

/*
 * Around what must not be disturbed by a guest: the machine stands, and no drive has anything under way. IO thread,
 * runs the main loop. False: another monitor is at something like that. Afterwards one that ran goes on, unless it has
 * been stopped meanwhile.
 */
bool drives_hold(Error **errp);
void drives_let_go(void);
/*
 * The drive of that name ("all": each that has something below) gives its data to the image below, see blk_commit().
 * Holds the machine meanwhile.
 */
bool drives_commit(const char *name, Error **errp);

DriveInfo *drive_get(DriveIf interface, int index);     /* NULL: nothing there */

#endif
