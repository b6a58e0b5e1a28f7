/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A machine of nothing but a bus, 16 interrupt lines and a clock the test winds: for tests of single chips. One thread.
 */
#ifndef TESTS_UNIT_DEVICE_HARNESS_H
#define TESTS_UNIT_DEVICE_HARNESS_H

#include "qemu/osdep.h"
#include "exec/translate-all.h"
#include "hw/isa/isa.h"
#include "qemu/main-loop.h"
#include "qemu/timer.h"
#include "sysemu/runstate.h"

#define MS 1000000ll
#define US 1000ll

static int line_level[ISA_NUM_IRQS];
static unsigned line_edges[ISA_NUM_IRQS];       /* rising ones */

/* In the place of the rest of the machine, so that none of it is linked. */
static unsigned resets_requested, shutdowns_requested;

void request_reset(const char *why)
{
    resets_requested++;
}

void request_shutdown(ShutdownCause cause)
{
    shutdowns_requested++;
}

void request_panic(void)
{
    request_shutdown(SHUTDOWN_GUEST);
}

bool shutdown_requested(void)
{
    return false;
}

void tb_invalidate_phys_range(ram_addr_t start, ram_addr_t end)
{
}

static void harness_line_set(void *opaque, int n, int level)
{
    line_edges[n] += level && !line_level[n];
    line_level[n] = level;
}

static inline void harness_init(int *argc, char ***argv)
{
    g_test_init(argc, argv, NULL);
    main_loop_init(&error_abort);
    big_lock();
    memory_init();
    clock_vm_set_manual(true);
    isa_bus_init(get_system_io(), get_system_memory(), irq_new_array(harness_line_set, NULL, ISA_NUM_IRQS));
}

static inline uint8_t in8(uint16_t port)
{
    return port_in(port, 1);
}

static inline void out8(uint16_t port, uint8_t val)
{
    port_out(port, val, 1);
}

/* Winds CLOCK_VM to ns, running every timer at its own time. */
static inline void run_to(int64_t ns)
{
    int64_t next;

    while ((next = timers_next_expiry(CLOCK_VM)) >= 0 && next <= ns) {
        clock_vm_set(MAX(next, clock_get_ns(CLOCK_VM)));
        timers_run();
    }
    clock_vm_set(ns);
}

static inline void run_for(int64_t ns)
{
    run_to(clock_get_ns(CLOCK_VM) + ns);
}

/* Saves, wrecks by a reset, loads. */
static inline void save_reset_load(Device *dev)
{
    g_autoptr(GByteArray) buf = g_byte_array_new();

    vmstate_save(buf, dev->type->vmstate, dev);
    dev->type->reset(dev);
    g_assert_cmpint(vmstate_load(buf->data, buf->len, dev->type->vmstate, dev, &error_abort), ==, buf->len);
}

/* Truncated and bit-flipped states must be refused or accepted, never crash. */
static inline void load_nonsense(Device *dev)
{
    g_autoptr(GByteArray) good = g_byte_array_new();

    vmstate_save(good, dev->type->vmstate, dev);
    for (unsigned i = 0; i < good->len; i++) {
        uint8_t saved = good->data[i];
        Error *err = NULL;

        good->data[i] ^= 0xff;
        if (vmstate_load(good->data, good->len, dev->type->vmstate, dev, &err) < 0) {
            error_free(err);
        }
        good->data[i] = saved;
    }
    if (dev->type->reset) {     /* a PCI function's is its bus's business */
        dev->type->reset(dev);
    }
}

/* With its byte so far from the end changed, the state is refused. The device is reset. */
static inline void assert_refused(Device *dev, unsigned from_end, uint8_t byte)
{
    g_autoptr(GByteArray) buf = g_byte_array_new();
    Error *err = NULL;

    vmstate_save(buf, dev->type->vmstate, dev);
    buf->data[buf->len - from_end] = byte;
    g_assert_cmpint(vmstate_load(buf->data, buf->len, dev->type->vmstate, dev, &err), ==, -1);
    g_test_message("says: %s", error_get_message(err));
    error_free(err);
    dev->type->reset(dev);
}

#endif
