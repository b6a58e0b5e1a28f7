/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu-img: its manual page, from the tables of commands, parameters and formats, and what these have no room for. */
#include "qemu/osdep.h"
#include "img.h"

/* ---- what the tables do not say ---------------------------------------------------------------------------------- */

typedef struct Paragraph {
    const char *command;        /* the paragraph follows its row; several may */
    const char *text;
} Paragraph;

static const Paragraph details[] = {
    { "amend", "What a format can change is what -o help lists with -f. For qcow2: compat, lazy_refcounts, "
      "refcount_bits and size. compat=0.10 writes zero clusters out, and is refused where snapshots have some." },
    { "check", "Nothing is changed without -r. 'leaks' gives back clusters that count as used and are not; 'all' "
      "repairs counts, flags and tables too, and clears the mark of a corrupt image. Make a copy first when the data "
      "matters: what is repaired is consistent, not necessarily what it was. vmdk and vdi can be checked, not "
      "repaired; other formats have nothing to check." },
    { "commit", "The file below becomes as large as the image when it is smaller. With -b everything down to that "
      "file is written into it, and the image keeps its contents. The file below must not be used by another image "
      "that stands on it: that one would change, too." },
    { "convert", "Runs of zeros become holes (-S) and are never stored; images below the source are read as part of "
      "it unless -B names one that the new image is to stand on. With -l a snapshot inside the source is copied. "
      "With -n the target stays what it is and must be at least as large. --salvage writes zeros where the source "
      "cannot be read. -c compresses clusters on all processors." },
    { "create", "The size may be left out when there is a backing file. Give its format with -F: an image whose "
      "backing format is guessed could be made to read something else by a guest that writes to it. Relative names "
      "are relative to the image, not to the current folder." },
    { "dd", "bs is 512 unless it is said; count and skip are in blocks of that size." },
    { "info", "Takes no lock, so it can be used on an image that is in use; what it says may then be old. With "
      "--backing-chain the files below follow. 'disk size' is what the host has given to the file, holes do not "
      "count." },
    { "map", "Human output has a line for each stretch of data that stands as it is in a file: where on the disk, "
      "how much, where in the file, which file. JSON has a line for every stretch: 'depth' is 0 for the image and "
      "counts the files below it; 'present': this layer says what is read; 'zero': it reads as zeros; 'data': it has "
      "its place; 'offset': where that place is in the file, when it is not compressed." },
    { "measure", "'required size' is what a new file of that format will have for the data there is now, 'fully "
      "allocated size' what it has when every byte of the disk is written." },
    { "rebase", "Without -u both chains are read: what differs between them is written into the image first, and "
      "only then the name changes, so it can be cut short and repeated. -u is for files that have moved." },
    { "resize", "Resize partitions and file systems in the guest before the disk shrinks, and after it has grown. "
      "--preallocation is for what is new: off, metadata (qcow2), falloc or full." },
    { "snapshot", "-l lists, also what a running machine has saved; -c makes one, -a goes back to one (what was "
      "written since is lost unless another snapshot has it), -d deletes one by its tag. They become valid at once: "
      "after a power failure the image is as before or as after. A snapshot needs free space for tables, its "
      "deletion too." },
};

static const Paragraph sections[] = {
    { "SIGNALS", "SIGUSR1 makes convert, commit, rebase, compare and amend print how far they are. SIGINT and "
      "SIGTERM end them; whoever was writing a new image says that it is incomplete." },
    { "EXIT STATUS", "0: success. 1: an error. check and compare have more, see there." },
};

static const char *const examples[][2] = {
    { "qemu-img create -f qcow2 disk.qcow2 20G", "a disk of 20 GiB that takes space as it is used" },
    { "qemu-img create -f qcow2 -b base.qcow2 -F qcow2 work.qcow2", "a disk that starts as a copy of another one" },
    { "qemu-img convert -p -O qcow2 old.vmdk new.qcow2", "from another program's format, with progress" },
    { "qemu-img convert -c -O qcow2 work.qcow2 archive.qcow2", "one small file without anything below it" },
    { "qemu-img snapshot -c before-update disk.qcow2", "something to go back to" },
    { "qemu-img check -r leaks disk.qcow2", "gives back what a crash has lost" },
    { "qemu-img rebase -u -b new/place/base.qcow2 -F qcow2 work.qcow2", "the base has moved" },
    { "qemu-img info --backing-chain --output=json work.qcow2", "for a script" },
};

/* ---- the page ---------------------------------------------------------------------------------------------------- */

static void troff(const char *text)
{
    if (*text == '.' || *text == '\'') {
        printf("\\&");          /* not a request */
    }
    for (; *text; text++) {
        if (*text == '-' || *text == '\\') {
            putchar('\\');
        }
        putchar(*text == '\\' ? 'e' : *text);
    }
    putchar('\n');
}

static void print_commands(void)
{
    printf(".SH COMMANDS\n");
    for (const ImgCommand *c = img_commands; c->name; c++) {
        printf(".TP\n.B %s\n", c->name);
        troff(c->syntax);
        printf(".br\n");
        troff(c->about);
        for (unsigned i = 0; i < ARRAY_SIZE(details); i++) {
            if (g_str_equal(details[i].command, c->name)) {
                printf(".IP\n");
                troff(details[i].text);
            }
        }
    }
}

static void print_parameters(void)
{
    printf(".SH PARAMETERS\n");
    for (unsigned i = 0; img_params[i][0]; i++) {
        printf(".TP\n.B ");
        troff(img_params[i][0]);
        troff(img_params[i][1]);
    }
}

static void print_formats(void)
{
    g_autofree const char **names = block_driver_names();

    printf(".SH FORMATS\n");
    img_print_formats(stdout);
    for (unsigned i = 0; names[i]; i++) {
        const BlockDriver *drv = block_driver_find(names[i]);

        if (!drv->create || !drv->create_options) {
            continue;
        }
        printf(".SS Options of %s\n", names[i]);
        for (const BlockCreateOption *o = drv->create_options; o->name; o++) {
            printf(".TP\n.B %s\n", o->name);
            troff(o->help);
            if (o->def) {
                printf("Default: %s.\n", o->def);
            }
            printf("%s", o->amend ? "Can be changed with amend.\n" : "");
        }
    }
}

void img_print_man(void)
{
    printf(".TH QEMU-IMG 1 \"\" \"qemu " QEMU_VERSION "\"\n.SH NAME\nqemu-img \\- disk image utility\n.SH SYNOPSIS\n"
           ".B qemu-img\n[standard options] command [command options]\n.SH DESCRIPTION\nCreates, converts, checks and "
           "changes disk images. Do not change an image that a running virtual machine uses; locks keep you from "
           "it.\n");
    print_commands();
    print_parameters();
    print_formats();
    for (unsigned i = 0; i < ARRAY_SIZE(sections); i++) {
        printf(".SH %s\n", sections[i].command);
        troff(sections[i].text);
    }
    printf(".SH EXAMPLES\n");
    for (unsigned i = 0; i < ARRAY_SIZE(examples); i++) {
        printf(".TP\n.B ");
        troff(examples[i][0]);
        troff(examples[i][1]);
    }
    printf(".SH SEE ALSO\n.BR qemu\\-system\\-x86_64 (1)\n");
}
