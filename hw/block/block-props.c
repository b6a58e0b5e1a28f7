/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks of the properties that devices with a drive share. */
#include "qemu/osdep.h"
#include "hw/block/block-props.h"
#include "qemu/bitops.h"

#define BLOCK_MIN   512u
#define BLOCK_MAX   (2u << 20)

int prop_choice(const char *name, const char *value, const char *const *names, Error **errp)
{
    for (unsigned i = 0; names[i]; i++) {
        if (!strcmp(names[i], value)) {
            return i;
        }
    }
    error_set(errp, "Parameter '%s' does not accept value '%s'", name, value);
    return -1;
}

static bool check_block_size(const char *name, uint64_t *size, Error **errp)
{
    *size = *size ? *size : BLOCK_MIN;
    if (*size < BLOCK_MIN || *size > BLOCK_MAX) {
        error_set(errp, "Property '%s' doesn't take value %" PRIu64 " (minimum: %u, maximum: %u)", name, *size,
                  BLOCK_MIN, BLOCK_MAX);
        return false;
    }
    if (!is_power_of_2(*size)) {
        error_set(errp, "Property '%s' doesn't take value '%" PRIu64 "', it's not a power of 2", name, *size);
        return false;
    }
    return true;
}

static bool check_multiple(const char *name, uint64_t size, const BlockProps *p, Error **errp)
{
    if (size % p->logical) {
        error_set(errp, "%s must be a multiple of logical_block_size", name);
        return false;
    }
    return true;
}

bool block_props_on_error(BlockBackend *blk, const char *rerror, const char *werror, Error **errp)
{
    static const BlkOnError codes[] = { BLK_ERROR_REPORT, BLK_ERROR_IGNORE, BLK_ERROR_STOP, BLK_ERROR_ENOSPC };
    static const char *const on_read[] = { "report", "ignore", "stop", "auto", NULL };
    static const char *const on_write[] = { "report", "ignore", "stop", "enospc", "auto", NULL };
    int r = prop_choice("rerror", rerror, on_read, errp), w;

    if (r < 0) {
        return false;
    }
    w = prop_choice("werror", werror, on_write, errp);
    if (w < 0) {
        return false;
    }
    blk_set_on_error(blk, strcmp(rerror, "auto") ? codes[r] : blk_on_error(blk, false),
                     strcmp(werror, "auto") ? codes[w] : blk_on_error(blk, true));
    return true;
}

bool block_props_check(BlockProps *p, Error **errp)
{
    static const char *const on_off_auto[] = { "on", "off", "auto", NULL };

    if (prop_choice("write-cache", p->write_cache, on_off_auto, errp) < 0 ||
        !check_block_size("logical_block_size", &p->logical, errp) ||
        !check_block_size("physical_block_size", &p->physical, errp)) {
        return false;
    }
    if (p->logical > p->physical) {
        error_set(errp, "logical_block_size > physical_block_size not supported");
        return false;
    }
    return check_multiple("min_io_size", p->min_io, p, errp) && check_multiple("opt_io_size", p->opt_io, p, errp) &&
           (p->discard == DISCARD_DEFAULT || check_multiple("discard_granularity", p->discard, p, errp));
}
