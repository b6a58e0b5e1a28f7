/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu-io: reads and writes an image by commands, for tests. */
#include "qemu/osdep.h"
#include "qemu/main-loop.h"
#include "tools/io.h"
#include "trace/trace.h"

static const char help[] =
    "Usage: qemu-io [OPTIONS]... [-c STRING]... [file]\n"
    "QEMU Disk exerciser\n"
    "\n"
    "  --object OBJECTDEF   define an object such as a throttle-group\n"
    "  --image-opts         treat file as option string\n"
    "  -c, --cmd STRING     execute command with its arguments\n"
    "                       from the given string\n"
    "  -f, --format FMT     specifies the block driver to use\n"
    "  -r, --read-only      export read-only\n"
    "  -n, --nocache        disable host cache, short for -t none\n"
    "  -t, --cache=MODE     use the given cache mode for the image\n"
    "  -d, --discard=MODE   unmap (default): the host gets back what is discarded; ignore\n"
    "  -i, --aio=MODE       threads, nothing else in this version\n"
    "  -T, --trace PATTERN  switch on trace events\n"
    "  -U, --force-share    force shared permissions\n"
    "  -h, --help           display this help and exit\n"
    "  -V, --version        output version information and exit\n"
    "\n"
    "See 'qemu-io -c help' for information on available commands.\n";

/* The manual page of qemu-img describes both. */
void img_print_help(void)
{
    fputs(help, stdout);
}

static void run_stdin(Io *io)
{
    g_autofree char *line = NULL;
    size_t room = 0;

    while (!io->quit) {
        printf("qemu-io> ");
        fflush(stdout);
        if (getline(&line, &room, stdin) < 0) {
            break;
        }
        io_run_line(io, line);
    }
    free(g_steal_pointer(&line));
}

static int run(Io *io, GPtrArray *commands, const char *filename)
{
    if (filename && !io_open(io, filename)) {
        return 1;
    }
    for (unsigned i = 0; i < commands->len && !io->quit; i++) {
        io_run_line(io, g_ptr_array_index(commands, i));
    }
    if (!commands->len) {
        run_stdin(io);
    }
    io_close(io);
    return io->failed;
}

static bool add_objects(const GPtrArray *objects)
{
    for (unsigned i = 0; i < objects->len; i++) {
        if (!img_add_object(g_ptr_array_index(objects, i))) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    static const struct option longs[] = {
        { "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, 'V' },
        { "cmd", required_argument, NULL, 'c' }, { "format", required_argument, NULL, 'f' },
        { "read-only", no_argument, NULL, 'r' }, { "nocache", no_argument, NULL, 'n' },
        { "aio", required_argument, NULL, 'i' }, { "cache", required_argument, NULL, 't' },
        { "discard", required_argument, NULL, 'd' }, { "trace", required_argument, NULL, 'T' },
        { "snapshot", no_argument, NULL, 's' }, { "copy-on-read", no_argument, NULL, 'C' },
        { "misalign", no_argument, NULL, 'm' }, { "native-aio", no_argument, NULL, 'k' },
        { "object", required_argument, NULL, OPT_OBJECT },
        { "force-share", no_argument, NULL, 'U' }, { "image-opts", no_argument, NULL, OPT_IMAGE_OPTS }, { 0 },
    };
    g_autoptr(GPtrArray) commands = g_ptr_array_new(), objects = g_ptr_array_new();
    Io io = { .open = { .write = true, .in_workers = true } };
    Error *err = NULL;
    int c, status;

    error_set_progname("qemu-io");
    while ((c = getopt_long(argc, argv, "hVc:d:f:rsni:t:T:UCmk", longs, NULL)) != -1) {
        switch (c) {
        case 'c': g_ptr_array_add(commands, optarg); break;
        case 'f': io.open.format = optarg; break;
        case 'r': io.open.write = false; break;
        case 'i':
            if (!img_parse_aio(optarg, &io.open.aio)) {
                return 1;
            }
            break;
        case 'T':
            if (!trace_parse_option(optarg, &err)) {
                error_report_err(err);
                return 1;
            }
            break;
        case OPT_IMAGE_OPTS: io.open.image_opts = true; break;
        case 'V': printf("qemu-io version " QEMU_VERSION "\n"); return 0;
        case 'h': img_print_help(); return 0;
        case OPT_OBJECT: g_ptr_array_add(objects, optarg); break;
        default:
            if (!io_open_option(&io, c)) {
                return 1;
            }
            break;
        case '?': fprintf(stderr, "Try 'qemu-io --help' for more information\n"); return 1;
        }
    }
    if (argc - optind > 1) {
        fprintf(stderr, "Try 'qemu-io --help' for more information\n");
        return 1;
    }
    if (!main_loop_init(&err)) {
        error_report_err(err);
        return 1;
    }
    big_lock();
    status = add_objects(objects) ? run(&io, commands, optind < argc ? argv[optind] : NULL) : 1;
    big_unlock();
    g_free(io.filename);
    return status;
}
