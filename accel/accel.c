/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The accelerators of this program, by name. */
#include "qemu/osdep.h"
#include "exec/translate-all.h"
#include "qemu/timer.h"
#include "sysemu/accel.h"

const AccelType accel_tcg = { .name = "tcg", .desc = "translation", .init = tcg_init, .runs_code = true };

/* The CPU model wants a translator behind it (its TLB, its blocks), though nothing is ever translated. */
static bool qtest_accel_init(Error **errp)
{
    clock_vm_set_manual(true);
    return tcg_init(errp);
}

const AccelType accel_qtest = { .name = "qtest", .desc = "a test outside", .init = qtest_accel_init };

static const AccelType *const accels[] = { &accel_tcg, &accel_qtest };

const AccelType *accel_find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(accels); i++) {
        if (!strcmp(accels[i]->name, name)) {
            return accels[i];
        }
    }
    return NULL;
}

void accel_print_names(void)
{
    printf("Accelerators supported in this program:\n");
    for (size_t i = 0; i < ARRAY_SIZE(accels); i++) {
        printf("%s\n", accels[i]->name);
    }
}
