/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Commands of the human monitor: rows of tables that parser, help, completion and manual read. A command's function
 * gets its arguments checked and in the order of the row; what it prints goes to its monitor.
 */
#ifndef MONITOR_HMP_H
#define MONITOR_HMP_H

#include "monitor/monitor.h"
#include "sysemu/cpus.h"

#define HMP_ARGS_MAX 8

typedef enum ArgKind {
    ARG_NONE, ARG_FLAG,         /* -f */
    ARG_STRING, ARG_FILENAME, ARG_BLOCK, ARG_DEVICE,
    ARG_NUMBER,                 /* an expression */
    ARG_FORMAT,                 /* /4xw; always optional */
    ARG_REST,                   /* all that is left, as it stands */
} ArgKind;

/* Adds what begins with prefix to list, as fresh strings. */
typedef void HmpComplete(Monitor *m, const char *prefix, GPtrArray *list);

typedef struct ArgDef {
    ArgKind kind;
    bool optional;
    char flag;
    HmpComplete *complete;      /* NULL: what its kind says */
} ArgDef;

typedef struct MemFormat {      /* 0: not given */
    unsigned count;
    char format, size;          /* o x d u i c; 1, 2, 4, 8 */
} MemFormat;

typedef struct Arg {
    bool given;
    const char *s;
    uint64_t n;
    MemFormat fmt;
} Arg;

typedef struct HmpCommand HmpCommand;
struct HmpCommand {
    const char *name, *alias;   /* name NULL ends a table */
    ArgDef args[HMP_ARGS_MAX];
    const char *params, *help;
    void (*fn)(Monitor *m, const Arg *a);
    const HmpCommand *sub;      /* further words come from this table */
};

extern const HmpCommand hmp_commands[], hmp_info_commands[];    /* sorted by name */

/* "Error: MESSAGE"; takes the error, which may be NULL: false then. */
bool hmp_handle_error(Monitor *m, Error *err);
/* Text of a function that writes into a GString or a FILE. */
void hmp_print(Monitor *m, void (*print)(GString *out));
void monitor_put_gstring(Monitor *m, GString *text);

VCpu *monitor_cpu(Monitor *m);      /* the one commands are about; NULL when the machine has none */
bool monitor_set_cpu(Monitor *m, uint64_t index);
void monitor_end(Monitor *m);       /* the program ends: no prompt any more */
const char *monitor_history(const Monitor *m, unsigned n);
MemFormat *monitor_last_format(Monitor *m);     /* of x and xp: what is left out stays as it was */

/* Completion by what there is. */
void complete_device_id(Monitor *m, const char *prefix, GPtrArray *list);
void complete_device_type(Monitor *m, const char *prefix, GPtrArray *list);
void complete_block(Monitor *m, const char *prefix, GPtrArray *list);
void complete_key(Monitor *m, const char *prefix, GPtrArray *list);
void complete_log_item(Monitor *m, const char *prefix, GPtrArray *list);
void complete_trace_event(Monitor *m, const char *prefix, GPtrArray *list);
void complete_chardev(Monitor *m, const char *prefix, GPtrArray *list);
static inline void complete_add(GPtrArray *list, const char *prefix, const char *candidate)
{
    if (g_str_has_prefix(candidate, prefix)) {
        g_ptr_array_add(list, g_strdup(candidate));
    }
}

/* hmp-mem.c */
bool hmp_register(void *opaque, const char *name, uint64_t *value);     /* an ExprRegFn; opaque is the Monitor */
void hmp_x(Monitor *m, const Arg *a);
void hmp_xp(Monitor *m, const Arg *a);
void hmp_p(Monitor *m, const Arg *a);
void hmp_port_in(Monitor *m, const Arg *a);
void hmp_port_out(Monitor *m, const Arg *a);
void hmp_sum(Monitor *m, const Arg *a);
void hmp_memsave(Monitor *m, const Arg *a);
void hmp_pmemsave(Monitor *m, const Arg *a);
void hmp_gva2gpa(Monitor *m, const Arg *a);
void hmp_gpa2hva(Monitor *m, const Arg *a);
/* hmp-run.c */
void hmp_stop(Monitor *m, const Arg *a);
void hmp_cont(Monitor *m, const Arg *a);
void hmp_system_reset(Monitor *m, const Arg *a);
void hmp_system_powerdown(Monitor *m, const Arg *a);
void hmp_system_wakeup(Monitor *m, const Arg *a);
void hmp_watchdog_action(Monitor *m, const Arg *a);
void hmp_boot_set(Monitor *m, const Arg *a);
void hmp_quit(Monitor *m, const Arg *a);
void hmp_nmi(Monitor *m, const Arg *a);
void hmp_ringbuf_read(Monitor *m, const Arg *a);
void hmp_ringbuf_write(Monitor *m, const Arg *a);
void hmp_cpu(Monitor *m, const Arg *a);
void hmp_log(Monitor *m, const Arg *a);
void hmp_logfile(Monitor *m, const Arg *a);
void hmp_trace_event(Monitor *m, const Arg *a);
void hmp_singlestep(Monitor *m, const Arg *a);
/* hmp-block.c */
void hmp_block_resize(Monitor *m, const Arg *a);
void hmp_commit(Monitor *m, const Arg *a);
void hmp_drive_add(Monitor *m, const Arg *a);
void hmp_drive_del(Monitor *m, const Arg *a);
void hmp_object_add(Monitor *m, const Arg *a);
void hmp_object_del(Monitor *m, const Arg *a);
/* hmp-input.c */
void hmp_sendkey(Monitor *m, const Arg *a);
void hmp_mouse_move(Monitor *m, const Arg *a);
void hmp_mouse_button(Monitor *m, const Arg *a);
/* hmp-dev.c */
struct Device *hmp_device_of_drive(const char *name);       /* NULL: the drive is not in use */
bool hmp_drive_is_removable(const struct Device *dev);
void hmp_screendump(Monitor *m, const Arg *a);
void hmp_block_set_io_throttle(Monitor *m, const Arg *a);
void hmp_eject(Monitor *m, const Arg *a);
void hmp_change(Monitor *m, const Arg *a);
void hmp_set_password(Monitor *m, const Arg *a);
void hmp_device_add(Monitor *m, const Arg *a);
void hmp_device_del(Monitor *m, const Arg *a);
void hmp_chardev_add(Monitor *m, const Arg *a);
void hmp_chardev_remove(Monitor *m, const Arg *a);
void hmp_chardev_send_break(Monitor *m, const Arg *a);
/* hmp-migrate.c */
void hmp_migrate(Monitor *m, const Arg *a);
void hmp_savevm(Monitor *m, const Arg *a);
void hmp_loadvm(Monitor *m, const Arg *a);
void hmp_delvm(Monitor *m, const Arg *a);
void hmp_info_snapshots(Monitor *m, const Arg *a);
void complete_snapshot(Monitor *m, const char *prefix, GPtrArray *list);
/* monitor.c */
void hmp_help(Monitor *m, const Arg *a);
void hmp_help_info(Monitor *m, const Arg *a);

#endif
