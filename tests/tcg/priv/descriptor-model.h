/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a load of a descriptor into a data segment register does: SDM vol. 3A, "Type Checking", "Privilege Levels". */
#ifndef DESCRIPTOR_MODEL_H
#define DESCRIPTOR_MODEL_H

#include "boot.h"

/* Into FS, or SS, at level 0: the fault by the access byte, or NONE. */
static inline int model_load(unsigned access, unsigned rpl, bool is_ss)
{
    bool seg = access & 16, code = access & 8, second = access & 2, conforming = code && (access & 4);
    unsigned dpl = access >> 5 & 3;

    if (is_ss ? rpl || !seg || code || !second || dpl : !seg || (code && !second) || (!conforming && dpl < rpl)) {
        return GP;
    }
    return access & 0x80 ? NONE : is_ss ? SS : NP;
}

#endif
