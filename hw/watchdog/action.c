/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the user wants to happen when a watchdog has bitten: -watchdog-action, -action watchdog=. */
#include "qemu/osdep.h"
#include "hw/acpi/piix4.h"
#include "hw/i386/pc.h"
#include "hw/intc/apic.h"
#include "hw/watchdog/watchdog.h"
#include "sysemu/runstate.h"

static void bite_reset(void)
{
    request_reset("watchdog");
}

/* As if somebody had pressed the button: the guest may end in order. */
static void bite_shutdown(void)
{
    if (pc_state.piix4_pm) {
        piix4_pm_power_button(&pc_state.piix4_pm->parent);
    }
}

static void bite_poweroff(void)
{
    request_shutdown(SHUTDOWN_GUEST);
}

static void bite_pause(void)
{
    request_stop(RUN_STATE_WATCHDOG);
}

static void bite_debug(void)
{
    error_report("watchdog: timer fired");
}

static void bite_none(void)
{
}

static const struct {
    const char *name;
    void (*bite)(void);
} actions[] = {
    { "reset", bite_reset }, { "shutdown", bite_shutdown }, { "poweroff", bite_poweroff },
    { "inject-nmi", apic_inject_nmi }, { "pause", bite_pause }, { "debug", bite_debug }, { "none", bite_none },
};

static unsigned action;     /* big lock */

bool watchdog_set_action(const char *name, Error **errp)
{
    for (unsigned i = 0; i < ARRAY_SIZE(actions); i++) {
        if (!strcmp(actions[i].name, name)) {
            action = i;
            return true;
        }
    }
    error_set(errp, "Parameter 'watchdog' does not accept value '%s'", name);
    error_append_hint(errp, "Known are reset, shutdown, poweroff, inject-nmi, pause, debug, none.");
    return false;
}

void watchdog_bite(void)
{
    actions[action].bite();
}
