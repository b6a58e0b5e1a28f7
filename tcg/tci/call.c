/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Calls of helpers, each through its exact type: how a uint32_t travels beside a uint64_t is the host ABI's business,
 * and some want it sign-extended, others in a register pair.
 */
#include "qemu/osdep.h"
#include "tci/tci.h"

typedef uint32_t u32;
typedef uint64_t u64;
#define IS_u32 0
#define IS_u64 1

/* A case per combination of argument types: EACHn repeats M for both types of one more argument. */
#define EACH0(M, ...) M(__VA_ARGS__)
#define EACH1(M, ...) EACH0(M, __VA_ARGS__, u32) EACH0(M, __VA_ARGS__, u64)
#define EACH2(M, ...) EACH1(M, __VA_ARGS__, u32) EACH1(M, __VA_ARGS__, u64)
#define EACH3(M, ...) EACH2(M, __VA_ARGS__, u32) EACH2(M, __VA_ARGS__, u64)
#define EACH4(M, ...) EACH3(M, __VA_ARGS__, u32) EACH3(M, __VA_ARGS__, u64)
#define EACH5(M, ...) EACH4(M, __VA_ARGS__, u32) EACH4(M, __VA_ARGS__, u64)

/* A leading one marks how many arguments there are. */
#define KEY(n, types) (1u << (n) | (types))
#define FN(ret, ...) ((ret (*)(void *, ##__VA_ARGS__))h->fn)
#define CASE0(ret) case KEY(0, 0): RESULT(FN(ret)(env))
#define CASE1(ret, a) case KEY(1, IS_##a): RESULT(FN(ret, a)(env, (a)v[0]))
#define CASE2(ret, a, b) case KEY(2, IS_##a | IS_##b << 1): RESULT(FN(ret, a, b)(env, (a)v[0], (b)v[1]))
#define CASE3(ret, a, b, c)                                                                                            \
    case KEY(3, IS_##a | IS_##b << 1 | IS_##c << 2): RESULT(FN(ret, a, b, c)(env, (a)v[0], (b)v[1], (c)v[2]))
#define CASE4(ret, a, b, c, d)                                                                                         \
    case KEY(4, IS_##a | IS_##b << 1 | IS_##c << 2 | IS_##d << 3):                                                     \
        RESULT(FN(ret, a, b, c, d)(env, (a)v[0], (b)v[1], (c)v[2], (d)v[3]))
#define CASE5(ret, a, b, c, d, e)                                                                                      \
    case KEY(5, IS_##a | IS_##b << 1 | IS_##c << 2 | IS_##d << 3 | IS_##e << 4):                                       \
        RESULT(FN(ret, a, b, c, d, e)(env, (a)v[0], (b)v[1], (c)v[2], (d)v[3], (e)v[4]))
#define ALL(ret)                                                                                                       \
    switch (KEY(h->nargs, types)) {                                                                                    \
    CASE0(ret) EACH1(CASE1, ret) EACH2(CASE2, ret) EACH3(CASE3, ret) EACH4(CASE4, ret) EACH5(CASE5, ret)               \
    }

static uint64_t call_u64(const IrHelper *h, unsigned types, void *env, const uint64_t *v)
{
#define RESULT(x) return x;
    ALL(u64)
    g_assert_not_reached();
}

static uint64_t call_u32(const IrHelper *h, unsigned types, void *env, const uint64_t *v)
{
    ALL(u32)
    g_assert_not_reached();
#undef RESULT
}

static void call_void(const IrHelper *h, unsigned types, void *env, const uint64_t *v)
{
#define RESULT(x) x; return;
    ALL(void)
#undef RESULT
    g_assert_not_reached();
}

/* types: bit i = argument i is a uint64_t. */
uint64_t tci_call(const IrHelper *h, unsigned types, void *env, const uint64_t *args)
{
    switch (h->ret) {
    case IR_I64: return call_u64(h, types, env, args);
    case IR_I32: return call_u32(h, types, env, args);
    default: call_void(h, types, env, args); return 0;
    }
}
