/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qemu-img and qemu-io: what their commands share. One thread, big lock held throughout. Errors are reported where they
 * are seen, with the program's name; data goes to stdout. A command returns the exit status.
 */
#ifndef TOOLS_IMG_H
#define TOOLS_IMG_H

#include <getopt.h>
#include "block/block.h"
#include "block/throttle.h"
#include "qemu/error.h"

typedef struct ImgCommand {
    const char *name;
    int (*run)(int argc, char **argv);      /* argv[0] is the command's name */
    const char *syntax;
    const char *about;
} ImgCommand;

/* ---- options ---- */

enum {      /* long options without a letter */
    OPT_OUTPUT = 256, OPT_OBJECT, OPT_IMAGE_OPTS, OPT_TARGET_IMAGE_OPTS, OPT_BACKING_CHAIN, OPT_SHRINK, OPT_PREALLOC,
    OPT_SIZE, OPT_START_OFFSET, OPT_MAX_LENGTH, OPT_SALVAGE, OPT_TARGET_IS_ZERO, OPT_PATTERN, OPT_FLUSH_INTERVAL,
    OPT_NO_DRAIN, OPT_FORCE, OPT_BITMAPS,
};

/* What is in nobody's table is refused, so each command lists only what it acts on. */
#define IMG_LONG_OPTIONS    { "help", no_argument, NULL, 'h' }, { "object", required_argument, NULL, OPT_OBJECT }
#define IMG_LONG_IMAGE      { "image-opts", no_argument, NULL, OPT_IMAGE_OPTS }
#define IMG_LONG_SHARE      { "force-share", no_argument, NULL, 'U' }

struct ImgOpen;
/*
 * The next option that is the command's own; -1 at the end; IMG_STOP when the command returns *status, after help or a
 * mistake (reported). What says how an image is opened (-f, -t, -U, --image-opts) goes into o, unless that is NULL.
 */
#define IMG_STOP (-2)
int img_next_option(int argc, char **argv, const char *shorts, const struct option *longs, struct ImgOpen *o,
                    int *status);
bool img_open_option(struct ImgOpen *o, int c);         /* true: c was one of those */
bool img_add_object(const char *text);                  /* --object; false: reported */
int img_usage(const char *fmt, ...) QEMU_PRINTF(1, 2);  /* reports and points to --help; 1 */
bool img_parse_aio(const char *text, BlockAio *aio);        /* false: reported */
bool img_parse_output(const char *text, bool *json);
bool img_parse_size(const char *text, const char *what, uint64_t max, uint64_t *out);     /* false: reported */
extern const char *const img_params[][2];                  /* what parameters mean; NULL ends */
void img_print_formats(FILE *f);                            /* a line with their names */
void img_print_man(void);                                   /* img-man.c */
void img_print_help(void);
extern const ImgCommand img_commands[];

/* ---- images ---- */

typedef struct ImgOpen {
    const char *format, *cache;
    bool write, image_opts, force_share, no_backing, check, quiet, no_discard;
    BlockAio aio;
    bool in_workers;            /* nothing is done at once by this thread: to measure requests beside each other */
} ImgOpen;

BlockNode *img_open(const char *filename, const ImgOpen *o);    /* NULL: reported */
/* Shows what the snapshot of that id or name holds, or "snapshot.id=,snapshot.name="; false: reported. */
bool img_load_snapshot(BlockNode *n, const char *text);
void img_report(const char *prefix, Error *err);                /* "prefix: message", frees err; prefix may be NULL */
/* The reference is dropped; false (reported) when the last data could not be written. */
bool img_close(BlockNode *n);

/* Creates with the options of the dictionary (which is used up). line: print "Formatting ...". */
bool img_create_image(const char *filename, const char *format, BlockDict *d, bool line, const char *prefix);
bool img_add_options(BlockDict *d, char **all, const char *text);  /* -o; several add up */
bool img_check_options(const BlockDriver *drv, BlockDict *d, const char *prefix);
/* That the format has what is not NULL of a backing file's name and format; false: reported. */
bool img_can_have_backing(const BlockDriver *drv, const char *file, const char *format, const char *prefix);
const BlockDriver *img_find_format(const char *name);       /* of new images: file is raw; NULL: none */
void img_print_create_options(const BlockDriver *drv, const char *title, bool amend, bool with_file);
int img_print_format_help(const char *format, const char *filename);   /* -o help; filename may be NULL. Status */

/* ---- numbers and progress ---- */

bool img_is_zero(const uint8_t *buf, size_t len);
void img_progress_start(bool shown);
void img_progress(double percent);      /* also prints once after SIGUSR1 */
void img_progress_end(void);
bool img_interrupted(void);             /* Ctrl-C since img_catch_interrupt() */
void img_catch_interrupt(void);

/* -r: bytes a second, no limit when zeroed. */
typedef struct ImgRate {
    Throttle t;
    bool is_limited;
} ImgRate;
bool img_rate_parse(ImgRate *r, const char *text);      /* false: reported */
void img_rate_wait(ImgRate *r, uint64_t bytes);         /* before that many are written; in a coroutine it gives way */

/* ---- JSON: objects and arrays with indentation ---- */

typedef struct ImgJson {
    unsigned depth;
    bool has_members;
} ImgJson;
void img_json_open(ImgJson *j, const char *key, char bracket);
void img_json_close(ImgJson *j, char bracket);
void img_json_string(ImgJson *j, const char *key, const char *value);
void img_json_uint(ImgJson *j, const char *key, uint64_t value);
void img_json_bool(ImgJson *j, const char *key, bool value);
void img_json_facts(ImgJson *j, const char *key, const GArray *facts);
void img_print_facts(const GArray *facts);
void img_print_snapshots(BlockNode *n);

int img_amend(int argc, char **argv);
int img_bench(int argc, char **argv);
int img_check(int argc, char **argv);
int img_commit(int argc, char **argv);
int img_compare(int argc, char **argv);
int img_convert(int argc, char **argv);
int img_create(int argc, char **argv);
int img_dd(int argc, char **argv);
int img_info(int argc, char **argv);
int img_map(int argc, char **argv);
int img_measure(int argc, char **argv);
int img_snapshot(int argc, char **argv);
int img_rebase(int argc, char **argv);
int img_resize(int argc, char **argv);

#endif
