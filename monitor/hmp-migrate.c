/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Monitor command that saves the machine's state to a file; -incoming reads it. */
#include "qemu/osdep.h"
#include "block/backend.h"
#include "hmp.h"
#include "migration/vmstate-stream.h"
#include "sysemu/runstate.h"

/* The machine stands afterwards: what is in the file goes on elsewhere. After a failure it runs on. */
void hmp_migrate(Monitor *m, const Arg *a)
{
    bool running = runstate_is_running();
    Error *err = NULL;

    if (!g_str_has_prefix(a[1].s, "file:")) {
        error_set(&err, "Parameter 'uri' expects a valid migration protocol");
    } else {
        if (running) {
            vm_stop(RUN_STATE_PAUSED);
        }
        if (blk_find_parked()) {
            error_set(&err, "drive '%s' waits with a request that failed: mend what is wrong and continue first",
                      blk_name(blk_find_parked()));
        } else if (!vm_state_save_file(a[1].s, &err) && running) {
            vm_start();
        }
    }
    hmp_handle_error(m, err);
}
