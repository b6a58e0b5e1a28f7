/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Interrupt lines seen by a test: a line that is watched keeps its handler, which is called after the change has been
 * reported. One device at a time, as the protocol has no name in its reports.
 */
#include "qemu/osdep.h"
#include "qtest-int.h"

#define LINES_MAX 256

typedef struct Watch {
    IrqLine behind;         /* what the line did before; a line without a handler had none */
    bool level;             /* as last reported */
    Irq line;               /* an output's own line, kept for the device's end */
} Watch;

static Device *watched;     /* big lock */
static Watch watches[LINES_MAX];

static void watched_line_set(void *opaque, int n, int level)
{
    Watch *w = opaque;

    if (w->behind.handler) {
        w->behind.handler(w->behind.opaque, w->behind.n, level);
    }
    if (w->level != !!level) {
        w->level = level;
        qtest_send_irq(n, level);
    }
}

typedef struct FindDevice {
    const char *name;
    Device *by_id, *by_type;
} FindDevice;

static void match_device(Device *dev, void *opaque)
{
    FindDevice *f = opaque;

    if (!f->by_id && dev->id && !strcmp(dev->id, f->name)) {
        f->by_id = dev;
    }
    if (!f->by_type && !strcmp(dev->type->name, f->name)) {
        f->by_type = dev;
    }
}

static Device *find_device(const char *name)
{
    const char *slash = strrchr(name, '/');
    FindDevice f = { .name = slash ? slash + 1 : name };

    device_foreach(match_device, &f);
    return f.by_id ? f.by_id : f.by_type;
}

static void watch_inputs(Device *dev)
{
    for (int i = 0; i < dev->n_irq_in && i < LINES_MAX; i++) {
        watches[i] = (Watch) { .behind = *dev->irq_in[i] };
        *dev->irq_in[i] = (IrqLine) { .handler = watched_line_set, .opaque = &watches[i], .n = i };
    }
}

static void watch_outputs(Device *dev)
{
    for (int i = 0; i < dev->n_irq_out && i < LINES_MAX; i++) {
        Irq *slot = dev->irq_out[i];

        watches[i] = (Watch) { .behind = *slot ? **slot : (IrqLine) { 0 }, .line = *slot };
        *slot = irq_new(watched_line_set, &watches[i], i);
    }
}

bool qtest_intercept(const char *name, bool outputs, Error **errp)
{
    Device *dev = find_device(name);

    if (!dev) {
        error_set(errp, "Unknown device");
        return false;
    }
    if (watched) {
        if (watched != dev) {
            error_set(errp, "IRQ intercept already enabled");
        }
        return watched == dev;
    }
    if (outputs && !dev->n_irq_out) {
        error_set(errp, "Device has no output lines");
        return false;
    }
    watched = dev;
    if (outputs) {
        watch_outputs(dev);
    } else {
        watch_inputs(dev);
    }
    return true;
}

bool qtest_set_irq_in(const char *name, int n, int level, Error **errp)
{
    Device *dev = find_device(name);

    if (!dev) {
        error_set(errp, "Unknown device");
        return false;
    }
    if (n < 0 || n >= dev->n_irq_in) {
        error_set(errp, "Unknown line");
        return false;
    }
    irq_set(device_irq_in(dev, n), level);
    return true;
}
