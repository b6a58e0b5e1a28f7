/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The back end's idea of its host. A file of its own: the back end's names of registers are those of the tests. */
#include "qemu/osdep.h"
#ifndef CONFIG_TCG_INTERPRETER
#include "x86_64/host.h"
#endif

void assume_old_host(void);

void assume_old_host(void)
{
#ifndef CONFIG_TCG_INTERPRETER
    host_info.have_bmi1 = host_info.have_bmi2 = host_info.have_lzcnt = false;
    host_info.vec_features = 1u << IR_VEC_SSE2;
#endif
}
