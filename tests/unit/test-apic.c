/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Local APICs of three CPUs that never run: the test looks at their request bits. */
#include "qemu/osdep.h"
#include "device-harness.h"
#include "hw/intc/apic.h"

#define CPUS 3

static VCpu cpu[CPUS];
static uint32_t requests[CPUS];
static int sipi[CPUS];
static unsigned eois;
static uint8_t last_eoi;
static int pic_vector = 0x20;
static bool pic_output;

PcState pc_state;
__thread VCpu *current_vcpu;

void cpu_interrupt(VCpu *v, uint32_t mask)
{
    requests[v->index] |= mask;
}

void cpu_interrupt_clear(VCpu *v, uint32_t mask)
{
    requests[v->index] &= ~mask;
}

void x86_cpu_sipi(VCpu *v, uint8_t vector)
{
    sipi[v->index] = vector;
}

static uint32_t features = 1u << 9;     /* CPUID 1 EDX: there is an APIC */

uint32_t x86_cpu_cpuid_features(void)
{
    return features;
}

unsigned x86_cpu_phys_bits(void)
{
    return 40;
}

uint64_t x86_cpu_tsc_hz(void)
{
    return 2000000000;
}

int i8259_ack(Device *pic)
{
    pic_output = false;
    apic_pic_output(0);
    return pic_vector;
}

bool i8259_output(Device *pic)
{
    return pic_output;
}

/* The pair's output moves. */
static void pic_set(int level)
{
    pic_output = level;
    apic_pic_output(level);
}

void ioapic_eoi(uint8_t vector)
{
    eois++;
    last_eoi = vector;
}

static uint32_t get(unsigned n, unsigned reg)
{
    uint32_t val;

    current_vcpu = &cpu[n];
    val = ldl_phys(address_space_memory, APIC_BASE_ADDR + reg);
    current_vcpu = NULL;
    return val;
}

static void set(unsigned n, unsigned reg, uint32_t val)
{
    current_vcpu = &cpu[n];
    stl_phys(address_space_memory, APIC_BASE_ADDR + reg, val);
    current_vcpu = NULL;
}

static void ipi(unsigned n, uint32_t dest, uint32_t icr)
{
    set(n, 0x310, dest << 24);
    set(n, 0x300, icr);
}

static bool hard(unsigned n)
{
    return requests[n] & CPU_INT_HARD;
}

/* All enabled, IDs 0..2, logical flat 1, 2, 4. */
static void fresh(void)
{
    pic_set(0);
    for (unsigned i = 0; i < CPUS; i++) {
        apic_reset_cpu(&cpu[i], false);
        requests[i] = 0;
        sipi[i] = -1;
        set(i, 0xf0, 0x1ff);
        set(i, 0xd0, 1u << (24 + i));
    }
    eois = 0;
}

static void test_reset_values(void)
{
    apic_reset_cpu(&cpu[1], false);
    g_assert_cmphex(get(1, 0x20), ==, 0x01000000);
    g_assert_cmphex(get(1, 0x30), ==, 0x00050014);
    g_assert_cmphex(get(1, 0xe0), ==, 0xffffffff);
    g_assert_cmphex(get(1, 0xf0), ==, 0xff);
    g_assert_cmphex(get(1, 0x380), ==, 0);
    for (unsigned reg = 0x320; reg <= 0x370; reg += 0x10) {
        g_assert_cmphex(get(1, reg), ==, 0x10000);
    }
    g_assert_cmphex(apic_get_base(&cpu[1]), ==, 0xfee00800);
    g_assert_cmphex(apic_get_base(&cpu[0]) & 0x100, ==, 0x100);
}

static void test_fixed_delivery_and_eoi(void)
{
    fresh();
    apic_deliver(1, false, APIC_DM_FIXED, 0x41, false);
    g_assert_true(hard(1));
    g_assert_false(hard(0));
    g_assert_cmphex(get(1, 0x220), ==, 2);
    g_assert_cmphex(x86_board_ack_interrupt(&cpu[1]), ==, 0x41);
    g_assert_false(hard(1));
    g_assert_cmphex(get(1, 0x120), ==, 2);
    g_assert_cmphex(get(1, 0xa0), ==, 0x40);
    g_assert_cmpint(x86_board_ack_interrupt(&cpu[1]), ==, -1);
    set(1, 0xb0, 0);
    g_assert_cmphex(get(1, 0x120), ==, 0);
    g_assert_cmpuint(eois, ==, 0);
}

static void test_level_interrupts_broadcast_their_eoi(void)
{
    fresh();
    apic_deliver(0, false, APIC_DM_FIXED, 0x51, true);
    g_assert_cmphex(get(0, 0x1a0), ==, 1u << 17);
    x86_board_ack_interrupt(&cpu[0]);
    set(0, 0xb0, 0);
    g_assert_cmpuint(eois, ==, 1);
    g_assert_cmphex(last_eoi, ==, 0x51);
}

static void test_priorities(void)
{
    fresh();
    set(0, 0x80, 0x50);
    apic_deliver(0, false, APIC_DM_FIXED, 0x5f, false);
    g_assert_false(hard(0));
    apic_set_tpr(&cpu[0], 4);
    g_assert_cmphex(apic_get_tpr(&cpu[0]), ==, 4);
    g_assert_true(hard(0));
    x86_board_ack_interrupt(&cpu[0]);
    apic_deliver(0, false, APIC_DM_FIXED, 0x55, false);
    g_assert_false(hard(0));            /* same class as the one in service */
    apic_deliver(0, false, APIC_DM_FIXED, 0x61, false);
    g_assert_true(hard(0));
    g_assert_cmphex(x86_board_ack_interrupt(&cpu[0]), ==, 0x61);
    set(0, 0xb0, 0);
    g_assert_false(hard(0));
    set(0, 0xb0, 0);
    g_assert_cmphex(x86_board_ack_interrupt(&cpu[0]), ==, 0x55);
}

static void test_software_disabled_accepts_only_events(void)
{
    fresh();
    set(1, 0xf0, 0xff);
    apic_deliver(1, false, APIC_DM_FIXED, 0x41, false);
    g_assert_false(hard(1));
    apic_deliver(1, false, APIC_DM_NMI, 0, false);
    g_assert_cmphex(requests[1], ==, CPU_INT_NMI);
    set(1, 0x350, 0x700);
    g_assert_cmphex(get(1, 0x350), ==, 0x10700);        /* the mask is stuck */
}

static void test_logical_destinations(void)
{
    fresh();
    apic_deliver(6, true, APIC_DM_FIXED, 0x41, false);
    g_assert_true(!hard(0) && hard(1) && hard(2));
    fresh();
    for (unsigned i = 0; i < CPUS; i++) {
        set(i, 0xe0, 0x0fffffff);
        set(i, 0xd0, i == 2 ? 0x21000000 : 0x10000000 | 1u << (24 + i));
    }
    apic_deliver(0x13, true, APIC_DM_FIXED, 0x41, false);
    g_assert_true(hard(0) && hard(1) && !hard(2));
    fresh();
    apic_deliver(0xff, false, APIC_DM_FIXED, 0x41, false);
    g_assert_true(hard(0) && hard(1) && hard(2));
}

static void test_lowest_priority_picks_one(void)
{
    unsigned got = 0;

    fresh();
    set(0, 0x80, 0x20);
    set(2, 0x80, 0x20);
    apic_deliver(7, true, APIC_DM_LOWEST, 0x61, false);
    g_assert_true(!hard(0) && hard(1) && !hard(2));
    fresh();
    for (unsigned i = 0; i < 30; i++) {
        apic_deliver(7, true, APIC_DM_LOWEST, 0x40 + i, false);
    }
    for (unsigned i = 0; i < CPUS; i++) {
        got += hard(i);
    }
    g_assert_cmpuint(got, ==, 3);               /* ties rotate */
}

static void test_ipis(void)
{
    fresh();
    requests[1] = CPU_INT_SIPI;                 /* came when nobody waited, and nobody has looked */
    ipi(0, 0, 0x000c4500);                      /* INIT, all but self */
    g_assert_cmphex(requests[0], ==, 0);
    g_assert_cmphex(requests[1], ==, CPU_INT_INIT);
    g_assert_cmphex(requests[1] & requests[2], ==, CPU_INT_INIT);
    ipi(0, 2, 0x00004610);
    g_assert_cmpint(sipi[2], ==, 0x10);
    g_assert_cmpint(sipi[1], ==, -1);
    g_assert_cmphex(get(0, 0x300), ==, 0x4610);
    requests[1] = requests[2] = 0;
    ipi(0, 1, 0x00008500);                      /* level de-assert */
    g_assert_cmphex(requests[1], ==, 0);
    ipi(0, 0, 0x00040055);                      /* self */
    g_assert_cmphex(x86_board_ack_interrupt(&cpu[0]), ==, 0x55);
    ipi(1, 0, 0x00080056);                      /* all */
    g_assert_true(hard(1) && hard(2));
    ipi(0, 2, 0x00004400);
    g_assert_cmphex(requests[2] & CPU_INT_NMI, ==, CPU_INT_NMI);
}

static void test_msi(void)
{
    fresh();
    apic_deliver_msi(0xfee02000, 0x4061);
    g_assert_true(hard(2));
    stl_phys(address_space_memory, 0xfee01000, 0x62);   /* a device's DMA */
    g_assert_true(hard(1));
    stl_phys(address_space_memory, 0xfee00000, 0x63);
    g_assert_cmphex(x86_board_ack_interrupt(&cpu[0]), ==, 0x63);
    current_vcpu = &cpu[1];
    stl_phys(address_space_memory, 0xfee00000, 0x64);   /* the same while a vCPU runs the device */
    current_vcpu = NULL;
    apic_deliver_msi(0xfee02000, 0x8065);               /* level de-assert */
    g_assert_cmphex(x86_board_ack_interrupt(&cpu[2]), ==, 0x61);
}

static void test_errors(void)
{
    fresh();
    set(0, 0x370, 0xfe);
    ipi(0, 1, 0x0000);                          /* vector 0 */
    g_assert_false(hard(1));
    g_assert_cmphex(get(0, 0x280), ==, 0);
    set(0, 0x280, 0);
    g_assert_cmphex(get(0, 0x280), ==, 0x20);
    g_assert_cmphex(x86_board_ack_interrupt(&cpu[0]), ==, 0xfe);
    apic_deliver(1, false, APIC_DM_FIXED, 3, false);
    set(1, 0x280, 0);
    g_assert_cmphex(get(1, 0x280), ==, 0x40);
    get(2, 0x40);
    set(2, 0x280, 0);
    g_assert_cmphex(get(2, 0x280), ==, 0x80);
    set(2, 0x280, 0);
    g_assert_cmphex(get(2, 0x280), ==, 0);
}

static void test_pic_reaches_the_first_cpu_through_lint0(void)
{
    fresh();
    pic_set(1);
    g_assert_false(hard(0));                    /* masked */
    set(0, 0x350, 0x8700);
    g_assert_true(hard(0));
    g_assert_cmphex(x86_board_ack_interrupt(&cpu[0]), ==, 0x20);
    g_assert_false(hard(0));
    pic_set(1);
    set(0, 0x350, 0x10700);
    g_assert_false(hard(0));
    g_assert_true(apic_set_base(&cpu[0], 0xfee00100));  /* APIC off: plain INTR pin */
    g_assert_true(hard(0));
    g_assert_cmphex(get(0, 0x30), ==, 0xffffffff);
    g_assert_false(hard(1));
    fresh();
    set(0, 0x350, 0x4400);
    pic_set(1);
    g_assert_cmphex(requests[0], ==, CPU_INT_NMI);      /* the 8259's line as NMI watchdog */
}

/* As with -cpu 486. */
static void test_a_processor_without_apic_has_a_plain_intr_pin(void)
{
    features = 0;
    apic_reset_cpu(&cpu[0], false);
    features = 1u << 9;
    g_assert_cmphex(apic_get_base(&cpu[0]), ==, 0xfee00100);
    pic_set(1);
    g_assert_true(hard(0));
    g_assert_cmphex(x86_board_ack_interrupt(&cpu[0]), ==, 0x20);
    fresh();
}

static void test_one_shot_timer(void)
{
    fresh();
    set(0, 0x3e0, 0x3);                         /* by 16 */
    set(0, 0x320, 0x31);
    set(0, 0x380, 1000);
    run_for(1600);
    g_assert_cmpuint(get(0, 0x390), ==, 900);
    set(0, 0x3e0, 0xb);                         /* by 1: goes on from 900 */
    run_for(899);
    g_assert_cmpuint(get(0, 0x390), ==, 1);
    g_assert_false(hard(0));
    run_for(1);
    g_assert_cmphex(x86_board_ack_interrupt(&cpu[0]), ==, 0x31);
    g_assert_cmpuint(get(0, 0x390), ==, 0);
    set(0, 0xb0, 0);
    run_for(MS);
    g_assert_false(hard(0));
}

static void test_periodic_timer_neither_drifts_nor_storms(void)
{
    unsigned count = 0;
    int64_t end;

    fresh();
    set(0, 0x3e0, 0xb);
    set(0, 0x320, 0x20031);
    set(0, 0x380, 999999);
    end = clock_get_ns(CLOCK_VM) + 999999 * 1000ll;
    while (clock_get_ns(CLOCK_VM) < end) {
        run_to(MIN(timers_next_expiry(CLOCK_VM), end));
        if (hard(0)) {
            count++;
            x86_board_ack_interrupt(&cpu[0]);
            set(0, 0xb0, 0);
        }
    }
    g_assert_cmpuint(count, ==, 1000);
    clock_vm_set(end + 999999 * 50 + 10);
    timers_run();
    g_assert_true(hard(0));
    x86_board_ack_interrupt(&cpu[0]);
    set(0, 0xb0, 0);
    timers_run();
    g_assert_false(hard(0));
    g_assert_cmpuint(get(0, 0x390), ==, 999989);
    set(0, 0x320, 0x30031);                     /* masked: silent */
    run_for(10 * MS);
    g_assert_false(hard(0));
    set(0, 0x320, 0x20031);
    run_for(999999);
    g_assert_true(hard(0));
    set(0, 0x380, 0);
    g_assert_cmpuint(get(0, 0x390), ==, 0);
}

static void test_tsc_deadline(void)
{
    uint64_t val, now = (uint64_t)clock_get_ns(CLOCK_VM) * 2;

    fresh();
    g_assert_true(apic_msr_write(&cpu[0], 0x6e0, now + 2000));
    g_assert_true(apic_msr_read(&cpu[0], 0x6e0, &val));
    g_assert_cmphex(val, ==, 0);                /* not in this mode */
    set(0, 0x320, 0x40031);
    g_assert_true(apic_msr_write(&cpu[0], 0x6e0, now + 2001));
    g_assert_true(apic_msr_read(&cpu[0], 0x6e0, &val));
    g_assert_cmphex(val, ==, now + 2001);
    run_for(1000);
    g_assert_false(hard(0));
    run_for(1);
    g_assert_true(hard(0));
    g_assert_true(apic_msr_read(&cpu[0], 0x6e0, &val));
    g_assert_cmphex(val, ==, 0);
    x86_board_ack_interrupt(&cpu[0]);
    set(0, 0xb0, 0);
    g_assert_true(apic_msr_write(&cpu[0], 0x6e0, 1));
    g_assert_true(hard(0));                     /* long past: at once */
    x86_board_ack_interrupt(&cpu[0]);
    set(0, 0xb0, 0);
    apic_msr_write(&cpu[0], 0x6e0, ~0ull);
    apic_msr_write(&cpu[0], 0x6e0, 0);
    g_assert_false(hard(0));
}

static void test_base_register(void)
{
    fresh();
    g_assert_false(apic_set_base(&cpu[1], 0xfee00801));
    g_assert_false(apic_set_base(&cpu[1], 1ull << 40 | 0xfee00800));
    g_assert_false(apic_set_base(&cpu[1], 0xfee00400));         /* x2 without enable */
    g_assert_true(apic_set_base(&cpu[1], 0xfee00c00));
    g_assert_false(apic_set_base(&cpu[1], 0xfee00800));         /* back to xAPIC */
    g_assert_true(apic_set_base(&cpu[1], 0xfee00000));
    g_assert_false(apic_set_base(&cpu[1], 0xfee00c00));         /* off to x2 */
    g_assert_true(apic_set_base(&cpu[1], 0xfee00800));
    g_assert_cmphex(get(1, 0xf0), ==, 0xff);
}

static uint64_t rdmsr(unsigned n, uint32_t index)
{
    uint64_t val;

    g_assert_true(apic_msr_read(&cpu[n], index, &val));
    return val;
}

static void test_x2apic(void)
{
    uint64_t val;

    fresh();
    g_assert_false(apic_msr_read(&cpu[0], 0x802, &val));
    for (unsigned i = 0; i < CPUS; i++) {
        g_assert_true(apic_set_base(&cpu[i], apic_get_base(&cpu[i]) | 0xc00));
    }
    g_assert_cmphex(rdmsr(2, 0x802), ==, 2);
    g_assert_cmphex(rdmsr(2, 0x80d), ==, 4);
    g_assert_cmphex(rdmsr(2, 0x803), ==, 0x00050014);
    g_assert_cmphex(get(2, 0x30), ==, 0xffffffff);              /* the window is gone */
    g_assert_false(apic_msr_write(&cpu[2], 0x802, 1));
    g_assert_false(apic_msr_read(&cpu[2], 0x80e, &val));        /* no DFR */
    g_assert_false(apic_msr_read(&cpu[2], 0x80b, &val));        /* EOI is write only */
    g_assert_false(apic_msr_write(&cpu[2], 0x80b, 1));
    g_assert_false(apic_msr_write(&cpu[2], 0x808, 0x100));
    g_assert_false(apic_msr_write(&cpu[2], 0x831, 0));
    g_assert_true(apic_msr_write(&cpu[0], 0x830, 0x0000000200000041ull));
    g_assert_cmphex(x86_board_ack_interrupt(&cpu[2]), ==, 0x41);
    g_assert_true(apic_msr_write(&cpu[2], 0x80b, 0));
    g_assert_cmphex(rdmsr(0, 0x830), ==, 0x0000000200000041ull);
    g_assert_true(apic_msr_write(&cpu[0], 0x830, 0x0000000600000842ull));       /* logical, cluster 0 */
    g_assert_true(!hard(0) && hard(1) && hard(2));
    g_assert_true(apic_msr_write(&cpu[0], 0x83f, 0x43));
    g_assert_cmphex(x86_board_ack_interrupt(&cpu[0]), ==, 0x43);
    apic_deliver(0xff, false, APIC_DM_FIXED, 0x60, false);
    g_assert_cmphex(rdmsr(1, 0x823), ==, 1);
    g_assert_true(apic_msr_write(&cpu[0], 0x830, 0xffffffff00000444ull));       /* NMI to everybody */
    g_assert_cmphex(requests[0] & requests[1] & requests[2] & CPU_INT_NMI, ==, CPU_INT_NMI);
}

static void test_init_keeps_identity(void)
{
    fresh();
    apic_deliver(1, false, APIC_DM_FIXED, 0x41, false);
    g_assert_true(hard(1));
    apic_reset_cpu(&cpu[1], true);
    g_assert_false(hard(1));
    g_assert_cmphex(get(1, 0x20), ==, 0x01000000);
    g_assert_cmphex(get(1, 0xf0), ==, 0xff);
    g_assert_cmphex(get(1, 0xd0), ==, 0);
}

static Device *apic_device;

static void find_apic(Device *dev, void *opaque)
{
    if (!strcmp(dev->type->name, "apic") && !apic_device) {
        apic_device = dev;
    }
}

static void test_state_survives_savevm(void)
{
    fresh();
    device_foreach(find_apic, NULL);
    set(0, 0x3e0, 0xb);
    set(0, 0x320, 0x20031);
    set(0, 0x380, MS);
    apic_deliver(0, false, APIC_DM_FIXED, 0x61, true);
    x86_board_ack_interrupt(&cpu[0]);
    apic_deliver(0, false, APIC_DM_FIXED, 0x71, true);
    save_reset_load(apic_device);
    g_assert_true(hard(0));
    g_assert_cmphex(get(0, 0xa0), ==, 0x60);
    g_assert_cmphex(x86_board_ack_interrupt(&cpu[0]), ==, 0x71);
    set(0, 0xb0, 0);
    set(0, 0xb0, 0);
    run_for(MS);
    g_assert_cmphex(x86_board_ack_interrupt(&cpu[0]), ==, 0x31);
    assert_refused(apic_device, 19, 0x80);      /* the count began long before the clock did */
    load_nonsense(apic_device);
}

int main(int argc, char **argv)
{
    harness_init(&argc, &argv);
    for (unsigned i = 0; i < CPUS; i++) {
        cpu[i].index = i;
        apic_create(&cpu[i], i);
    }
    g_test_add_func("/apic/reset", test_reset_values);
    g_test_add_func("/apic/fixed", test_fixed_delivery_and_eoi);
    g_test_add_func("/apic/level", test_level_interrupts_broadcast_their_eoi);
    g_test_add_func("/apic/priorities", test_priorities);
    g_test_add_func("/apic/disabled", test_software_disabled_accepts_only_events);
    g_test_add_func("/apic/logical", test_logical_destinations);
    g_test_add_func("/apic/lowest", test_lowest_priority_picks_one);
    g_test_add_func("/apic/ipi", test_ipis);
    g_test_add_func("/apic/msi", test_msi);
    g_test_add_func("/apic/errors", test_errors);
    g_test_add_func("/apic/lint0", test_pic_reaches_the_first_cpu_through_lint0);
    g_test_add_func("/apic/none", test_a_processor_without_apic_has_a_plain_intr_pin);
    g_test_add_func("/apic/one-shot", test_one_shot_timer);
    g_test_add_func("/apic/periodic", test_periodic_timer_neither_drifts_nor_storms);
    g_test_add_func("/apic/tsc-deadline", test_tsc_deadline);
    g_test_add_func("/apic/base", test_base_register);
    g_test_add_func("/apic/x2apic", test_x2apic);
    g_test_add_func("/apic/init", test_init_keeps_identity);
    g_test_add_func("/apic/savevm", test_state_survives_savevm);
    return g_test_run();
}
