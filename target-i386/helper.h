/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Turns the helper tables (helper-sys.h, helper-int.h, helper-fpu.h, helper-sse.h: HELPERS_X(H) lists) into prototypes
 * and IrHelper descriptors. A list's owner defines the descriptors once with DEFINE_HELPERS(HELPERS_X) in one .c file.
 */
#ifndef TARGET_I386_HELPER_H
#define TARGET_I386_HELPER_H

#include "target-i386/cpu.h"
#include "tcg/ir.h"
#include "target-i386/helper-sys.h"

typedef uint32_t HelperT_i32;
typedef uint64_t HelperT_i64;
typedef void HelperT_void;
enum { HELPER_RET_void = -1, HELPER_RET_i32 = IR_I32, HELPER_RET_i64 = IR_I64 };

#define HELPER_CAT_(a, b) a##b
#define HELPER_CAT(a, b) HELPER_CAT_(a, b)
#define HELPER_COUNT_(z, a, b, c, d, e, n, ...) n
#define HELPER_COUNT(...) HELPER_COUNT_(0, ##__VA_ARGS__, 5, 4, 3, 2, 1, 0)
#define HELPER_ARGS_0()
#define HELPER_ARGS_1(a) , HelperT_##a
#define HELPER_ARGS_2(a, b) , HelperT_##a, HelperT_##b
#define HELPER_ARGS_3(a, b, c) , HelperT_##a, HelperT_##b, HelperT_##c
#define HELPER_ARGS_4(a, b, c, d) , HelperT_##a, HelperT_##b, HelperT_##c, HelperT_##d
#define HELPER_ARGS_5(a, b, c, d, e) , HelperT_##a, HelperT_##b, HelperT_##c, HelperT_##d, HelperT_##e
#define HELPER_ARGS(...) HELPER_CAT(HELPER_ARGS_, HELPER_COUNT(__VA_ARGS__))(__VA_ARGS__)

#define HELPER_PROTO(name, ret, flags, ...) \
    HelperT_##ret helper_##name(CPUX86State *env HELPER_ARGS(__VA_ARGS__)); extern const IrHelper ir_helper_##name;
#define HELPER_DESC(name, ret, flags_, ...) \
    const IrHelper ir_helper_##name = { #name, (void *)helper_##name, HELPER_COUNT(__VA_ARGS__), HELPER_RET_##ret, \
                                        IR_CALL_##flags_ };
#define DEFINE_HELPERS(list) list(HELPER_DESC)

HELPERS_SYS(HELPER_PROTO)

#endif
