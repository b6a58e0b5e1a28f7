/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The interpreter as a back end: byte code instead of host code, for hosts without a back end of their own and as a
 * second opinion. Encoding is encode.c, running run.c.
 */
#include "qemu/osdep.h"
#include "tci/tci.h"
#ifdef __SSE2__
#include <xmmintrin.h>
#endif

#define HOST_MXCSR_DEFAULT 0x1f80

const char tcg_backend_name[] = "interpreter";
TcgEnvLayout tci_layout;

void tcg_backend_assign_pins(IrContext *ir)
{
    for (IrTemp t = 0; t < ir->n_globals; t++) {
        ir->temps[t].pin = -1;
    }
}

size_t tcg_backend_init(IrContext *ir, const TcgEnvLayout *layout, uint8_t *rw, const uint8_t *rx, size_t capacity)
{
    tci_layout = *layout;
    return 0;
}

/* Nothing in it says where it lies. */
void tcg_backend_place(TcgCode *code, uint8_t *rw, const uint8_t *rx)
{
    memcpy(rw, code->rw, code->size);
    code->rw = rw;
    code->rx = rx;
}

void tcg_backend_patch(uint8_t *patch_rw, const uint8_t *patch_rx, const void *target_rx)
{
    __atomic_store_n((int32_t *)(void *)patch_rw, (int32_t)((const uint8_t *)target_rx - patch_rx), __ATOMIC_RELEASE);
}

static uint64_t *host_sp_of(void *env)
{
    return (uint64_t *)(void *)((uint8_t *)env + tci_layout.host_sp);
}

/* Vector helpers work under the guest's rounding and exception masks where the host has an MXCSR. */
static void enter_guest_fp(void *env)
{
#ifdef __SSE2__
    uint32_t csr;

    memcpy(&csr, (uint8_t *)env + tci_layout.mxcsr_host, 4);
    _mm_setcsr(csr);
#endif
}

static void leave_guest_fp(void *env)
{
#ifdef __SSE2__
    uint32_t csr = _mm_getcsr();

    memcpy((uint8_t *)env + tci_layout.mxcsr_host, &csr, 4);
    _mm_setcsr(HOST_MXCSR_DEFAULT);
#endif
}

uintptr_t tcg_backend_run(void *env, const void *code)
{
    uintptr_t cookie;

    enter_guest_fp(env);
    *host_sp_of(env) = (uintptr_t)&cookie;          /* anything but 0: we are inside */
    cookie = tci_run(env, code);
    tcg_backend_unwound(env);
    return cookie;
}

void tcg_backend_unwound(void *env)
{
    if (*host_sp_of(env)) {
        leave_guest_fp(env);
        *host_sp_of(env) = 0;
    }
}

void tcg_backend_disassemble(const TcgCode *code, FILE *f)
{
    tci_print(code, f);
}
