/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu-img: the tables of commands and parameters, from which --help and the manual page are made, and main(). */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "tools/img.h"
#include "trace/trace.h"

#define OBJ "[--object objectdef] [--image-opts] "

const ImgCommand img_commands[] = {
    { "amend", img_amend, OBJ "[-p] [-q] [-f fmt] [-t cache] -o options filename",
      "Changes options of an existing image: -o help lists them." },
    { "bench", img_bench, "[-c count] [-d depth] [-f fmt] [--flush-interval=flush_interval] [-i aio] [-n] [--no-drain] "
      "[-o offset] [--pattern=pattern] [-q] [-s buffer_size] [-S step_size] [-t cache] [-w] [-U] filename",
      "Sends count requests (default 75000), depth of them (64) at a time, and says how long they took." },
    { "check", img_check, OBJ "[-q] [-f fmt] [--output=ofmt] [-r [leaks | all]] [-T src_cache] [-U] filename",
      "Looks for inconsistencies and repairs them with -r. Status: 0 none (left), 1 the check failed, 2 corruption, "
      "3 leaked clusters, 63 the format has no check." },
    { "commit", img_commit, OBJ "[-q] [-f fmt] [-t cache] [-b base] [-r rate_limit] [-d] [-p] filename",
      "Writes what the image holds into its backing file (or the one named with -b) and empties the image; -d leaves "
      "it as it is." },
    { "compare", img_compare, OBJ "[-f fmt] [-F fmt] [-T src_cache] [-p] [-q] [-s] [-U] filename1 filename2",
      "Status: 0 the contents are the same, 1 they differ, 2 an image could not be opened, 3 and 4 or read. What one "
      "is longer must be zeros; -s wants the same size and allocation too." },
    { "convert", img_convert, OBJ "[--target-image-opts] [--target-is-zero] [-U] [-C] [-c] [-p] [-q] [-n] [-f fmt] "
      "[-t cache] [-T src_cache] [-O output_fmt] [-B backing_file [-F backing_fmt]] [-o options] [-l snapshot_param] "
      "[-S sparse_size] [-r rate_limit] [-m num_coroutines] [-W] [--salvage] filename [filename2 [...]] "
      "output_filename", "Copies images (one after the other) into a new one of another format." },
    { "create", img_create, "[--object objectdef] [-q] [-f fmt] [-b backing_file [-F backing_fmt]] [-u] [-o options] "
      "filename [size]", "Makes a new image; with a backing file it holds only what differs from that." },
    { "dd", img_dd, "[--image-opts] [-U] [-f fmt] [-O output_fmt] [bs=block_size] [count=blocks] [skip=blocks] "
      "if=input of=output", "Copies blocks of an image into a new one." },
    { "info", img_info, OBJ "[-f fmt] [--output=ofmt] [--backing-chain] [-U] filename",
      "Says what an image is." },
    { "map", img_map, OBJ "[-f fmt] [--start-offset=offset] [--max-length=len] [--output=ofmt] [-U] filename",
      "Says where the data of an image is, in it and in the files below." },
    { "measure", img_measure, "[--output=ofmt] [-O output_fmt] [-o options] [--size N | " OBJ "[-f fmt] "
      "[-l snapshot_param] filename]", "Says how large an image would become." },
    { "snapshot", img_snapshot, OBJ "[-U] [-q] [-l | -a snapshot | -c snapshot | -d snapshot] filename",
      "Lists, applies, creates, deletes internal snapshots." },
    { "rebase", img_rebase, OBJ "[-U] [-q] [-f fmt] [-t cache] [-T src_cache] [-p] [-u] -b backing_file "
      "[-F backing_fmt] filename", "Puts an image onto another backing file; its contents stay the same. -u only "
      "changes the name. -b '' makes it independent." },
    { "resize", img_resize, OBJ "[-f fmt] [--preallocation=prealloc] [-q] [--shrink] filename [+ | -]size",
      "Changes the size of a disk." },
    { .name = NULL },
};

static const char intro[] =
    "usage: qemu-img [standard options] command [command options]\n"
    "QEMU disk image utility\n"
    "\n"
    "    '-h', '--help'       display this help and exit\n"
    "    '-V', '--version'    output version information and exit\n"
    "    '-T', '--trace'      [[enable=]<pattern>][,events=<file>][,file=<file>]\n"
    "                         specify tracing options\n"
    "\n"
    "Command syntax:\n";

const char *const img_params[][2] = {
    { "filename", "a disk image: a path, json:{...}, or with --image-opts a list of options" },
    { "fmt", "the disk image format. It is guessed in most cases" },
    { "cache", "how the image is written: 'none', 'writeback' (default, except for convert), 'writethrough', "
      "'directsync' and 'unsafe' (default for convert)" },
    { "src_cache", "the same for images that are read" },
    { "size", "bytes, or with a suffix: 'k' or 'K' (1024), 'M' (1024k), 'G' (1024M), 'T' (1024G), 'P' (1024T), 'E' "
      "(1024P). 'b' is ignored" },
    { "output_fmt", "the format of the new image" },
    { "options", "name=value,... of the format; -o help lists them" },
    { "ofmt", "'human' (default) or 'json'" },
    { "snapshot_param", "'snapshot.id=[ID],snapshot.name=[NAME]', or '[ID_OR_NAME]'" },
    { "-c", "convert: the target is compressed (qcow2; vmdk with subformat=streamOptimized always is)" },
    { "-u", "rebase: old and new backing file are taken to be the same; create: the backing file is not opened" },
    { "-C", "convert: the host copies what stands in files as it is (raw targets); it falls back to reading and "
      "writing" },
    { "rate_limit", "bytes a second that are written, with a suffix as sizes" },
    { "-p", "shows progress; SIGUSR1 shows it once" },
    { "-q", "prints nothing but errors" },
    { "-S", "convert: runs of zeros of this size (default 4k) become holes; 0: everything is written" },
    { "-n", "convert: the target exists already" },
    { "-m", "convert: requests at the same time, 1 to 16 (default 8)" },
    { "-W", "convert: the target may be written out of order" },
    { "-i", "bench: 'threads' only" },
    { "-r", "check: 'leaks' repairs lost space, 'all' everything" },
    { "-U", "opens an image although another program uses it" },
    { "-s", "compare: different sizes or allocation count too" },
    { NULL, NULL },
};

void img_print_formats(FILE *f)
{
    g_autofree const char **names = block_driver_names();

    for (unsigned i = 0; names[i]; i++) {
        fprintf(f, " %s", names[i]);
    }
    fputc('\n', f);
}

void img_print_help(void)
{
    printf("qemu-img version " QEMU_VERSION "\n%s", intro);
    for (const ImgCommand *c = img_commands; c->name; c++) {
        printf("  %s %s\n", c->name, c->syntax);
    }
    printf("\nCommand parameters:\n");
    for (unsigned i = 0; img_params[i][0]; i++) {
        printf("  '%s' %s\n", img_params[i][0], img_params[i][1]);
    }
    printf("\nSupported formats:");
    img_print_formats(stdout);
}

/* ---- main -------------------------------------------------------------------------------------------------------- */

static const ImgCommand *find_command(const char *name)
{
    for (const ImgCommand *c = img_commands; c->name; c++) {
        if (g_str_equal(c->name, name)) {
            return c;
        }
    }
    return NULL;
}

static int run_command(int argc, char **argv)
{
    const ImgCommand *c = find_command(argv[0]);
    int status;

    if (!c) {
        return img_usage("Command not found: %s", argv[0]);
    }
    big_lock();
    optind = 0;
    opterr = 0;
    status = c->run(argc, argv);
    big_unlock();
    if (fflush(stdout) && !status) {
        error_report("standard output: %s", strerror(errno));
        status = 1;
    }
    return status;
}

int main(int argc, char **argv)
{
    Error *err = NULL;
    int i = 1;

    error_set_progname("qemu-img");
    if (!main_loop_init(&err)) {
        error_report_err(err);
        return 1;
    }
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (g_str_equal(argv[i], "-h") || g_str_equal(argv[i], "--help")) {
            img_print_help();
            return 0;
        }
        if (g_str_equal(argv[i], "-V") || g_str_equal(argv[i], "--version")) {
            printf("qemu-img version " QEMU_VERSION "\n");
            return 0;
        }
        if (g_str_equal(argv[i], "--help-man")) {
            img_print_man();
            return 0;
        }
        if ((g_str_equal(argv[i], "-T") || g_str_equal(argv[i], "--trace")) && i + 1 < argc) {
            if (trace_is_help(argv[++i])) {
                trace_print_help();
                return 0;
            }
            if (!trace_parse_option(argv[i], &err)) {
                error_report_err(err);
                return 1;
            }
            continue;
        }
        return img_usage(g_str_equal(argv[i], "-T") || g_str_equal(argv[i], "--trace") ?
                         "missing argument for option '%s'" : "unrecognized option '%s'", argv[i]);
    }
    if (i >= argc) {
        return img_usage("Not enough arguments");
    }
    return run_command(argc - i, argv + i);
}
