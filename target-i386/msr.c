/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Model-specific registers: one sorted table, found by binary search.
 * Follows SDM vol. 4 ("Architectural MSRs") and APM vol. 2, "MSR Cross-Reference"; which of the many other registers
 * exist is chosen by what operating systems read without being ready for a fault: those read 0 (or their usual value)
 * and swallow writes. Everything else is #GP, as on hardware, with a line in the "unimp" log. Left out: performance
 * counters, last-branch records, machine-check injection.
 */
#include "qemu/osdep.h"
#include "qemu/log.h"
#include "target-i386/cpu.h"
#include "target-i386/helper.h"
#include "target-i386/models.h"
#include "target-i386/seg.h"
#include "target-i386/sysregs.h"

typedef struct MsrRow MsrRow;
typedef bool MsrRead(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val);
typedef bool MsrWrite(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val);

struct MsrRow {
    uint32_t first, last;
    MsrRead *read;
    MsrWrite *write;
    uint64_t value;             /* of constants */
    FeatureWord word;           /* exists with this feature only, if there are bits */
    uint32_t bits;
};

/* ---- plain 64-bit fields ----------------------------------------------------------------------------------------- */

typedef struct MsrField {
    uint32_t first, last;
    size_t offset;
    uint64_t reserved;
    bool canonical;
} MsrField;

/* Consecutive registers are consecutive fields where last > first. What context switches write stands first. */
static const MsrField msr_fields[] = {
    { 0xc0000100, 0xc0000100, offsetof(CPUX86State, segs[R_FS].base), 0, true },
    { 0xc0000101, 0xc0000101, offsetof(CPUX86State, segs[R_GS].base), 0, true },
    { 0xc0000102, 0xc0000102, offsetof(CPUX86State, kernel_gs_base), 0, true },
    { 0x175, 0x175, offsetof(CPUX86State, sysenter_esp), 0, true },
    { 0x176, 0x176, offsetof(CPUX86State, sysenter_eip), 0, true },
    { 0x17a, 0x17a, offsetof(CPUX86State, mcg_status), 0, false },
    { 0x17b, 0x17b, offsetof(CPUX86State, mcg_ctl), 0, false },
    { 0x1a0, 0x1a0, offsetof(CPUX86State, misc_enable), 0, false },
    { 0x1d9, 0x1d9, offsetof(CPUX86State, debugctl), 0, false },
    { 0x200, 0x20f, offsetof(CPUX86State, mtrr_var), 0, false },
    { 0x250, 0x250, offsetof(CPUX86State, mtrr_fixed[0]), 0, false },
    { 0x258, 0x259, offsetof(CPUX86State, mtrr_fixed[1]), 0, false },
    { 0x268, 0x26f, offsetof(CPUX86State, mtrr_fixed[3]), 0, false },
    { 0x400, 0x427, offsetof(CPUX86State, mce_banks), 0, false },
    { 0xc0000081, 0xc0000081, offsetof(CPUX86State, star), 0, false },
    { 0xc0000082, 0xc0000082, offsetof(CPUX86State, lstar), 0, true },
    { 0xc0000083, 0xc0000083, offsetof(CPUX86State, cstar), 0, true },
    { 0xc0000084, 0xc0000084, offsetof(CPUX86State, fmask), 0xffffffff00000000ull, false },
};

static const MsrField *field_find(uint32_t index)
{
    for (unsigned i = 0; i < ARRAY_SIZE(msr_fields); i++) {
        if (index >= msr_fields[i].first && index <= msr_fields[i].last) {
            return &msr_fields[i];
        }
    }
    return NULL;
}

static uint64_t *field_ptr(CPUX86State *env, const MsrField *f, uint32_t index)
{
    return (uint64_t *)((char *)env + f->offset) + (index - f->first);
}

static bool read_field(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val)
{
    *val = *field_ptr(env, field_find(index), index);
    return true;
}

static bool write_field(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val)
{
    const MsrField *f = field_find(index);

    if ((val & f->reserved) || (f->canonical && !addr_canonical(val))) {
        return false;
    }
    *field_ptr(env, f, index) = val;
    return true;
}

/* ---- registers with rules of their own --------------------------------------------------------------------------- */

static bool read_value(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val)
{
    *val = row->value;
    return true;
}

static bool write_ignored(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val)
{
    return true;
}

static bool write_denied(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val)
{
    return false;
}

static bool read_tsc(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val)
{
    *val = cpu_tsc(env);
    return true;
}

/* TSC_ADJUST moves along with every write of the TSC (SDM vol. 3B, "IA32_TSC_ADJUST"). */
static bool write_tsc(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val)
{
    uint64_t delta = val - cpu_tsc(env);

    env->tsc_offset += delta;
    env->tsc_adjust += delta;
    return true;
}

static bool read_tsc_adjust(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val)
{
    *val = env->tsc_adjust;
    return true;
}

static bool write_tsc_adjust(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val)
{
    env->tsc_offset += val - env->tsc_adjust;
    env->tsc_adjust = val;
    return true;
}

/* The local APIC guards itself: no big lock. */
static bool read_apic_base(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val)
{
    *val = apic_get_base(env->vcpu);
    return true;
}

static bool write_apic_base(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val)
{
    if ((val & 1u << 11) && !cpu_has(env, FEAT_1_EDX, CPUID_APIC)) {
        return false;       /* there is none to enable */
    }
    if ((val & 1u << 10) && !cpu_has(env, FEAT_1_ECX, CPUID_X2APIC)) {
        return false;
    }
    return apic_set_base(env->vcpu, val);
}

static bool read_apic(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val)
{
    return cpu_has(env, FEAT_1_ECX, CPUID_X2APIC) && apic_msr_read(env->vcpu, index, val);
}

static bool write_apic(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val)
{
    bool ok = cpu_has(env, FEAT_1_ECX, CPUID_X2APIC) && apic_msr_write(env->vcpu, index, val);

    cpu_recheck_interrupts(env);
    return ok;
}

/* The APIC compares with the board's time, the guest thinks in its own TSC; 0 means disarmed in both. */
static bool read_deadline(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val)
{
    if (!cpu_has(env, FEAT_1_ECX, CPUID_TSC_DEADLINE) || !apic_msr_read(env->vcpu, index, val)) {
        return false;
    }
    *val += *val ? env->tsc_offset : 0;
    return true;
}

static bool write_deadline(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val)
{
    uint64_t now = x86_board_tsc();

    if (!cpu_has(env, FEAT_1_ECX, CPUID_TSC_DEADLINE)) {
        return false;
    }
    if (val) {
        /* A deadline that the guest's TSC has passed may lie before the board's zero. */
        int64_t ahead = val - (now + env->tsc_offset);

        val = ahead > 0 ? now + ahead : MAX(now, 1);
    }
    if (!apic_msr_write(env->vcpu, index, val)) {
        return false;
    }
    cpu_recheck_interrupts(env);
    return true;
}

static bool read_sysenter_cs(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val)
{
    *val = env->sysenter_cs;
    return true;
}

static bool write_sysenter_cs(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val)
{
    env->sysenter_cs = val;
    return true;
}

static bool read_mcg_cap(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val)
{
    *val = env->mcg_cap;
    return true;
}

static bool read_arch_cap(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val)
{
    *val = env->features[FEAT_ARCH_CAP];
    *val |= *val & ARCH_CAP_RDCL_NO ? ARCH_CAP_ITS_NO : 0;
    return cpu_has(env, FEAT_7_EDX, CPUID_ARCH_CAPABILITIES);
}

/* Nothing is speculated, so there is nothing to control: IBRS, STIBP and SSBD may be set and read as 0. */
static bool read_spec_ctrl(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val)
{
    *val = 0;
    return cpu_has(env, FEAT_7_EDX, CPUID_SPEC_CTRL);
}

static bool read_write_only(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val)
{
    return false;
}

static bool write_spec_ctrl(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val)
{
    return cpu_has(env, FEAT_7_EDX, CPUID_SPEC_CTRL) && !(val & ~(index == 0x48 ? 7ull : 1ull));
}

static bool read_pat(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val)
{
    *val = env->pat;
    return true;
}

/* Types 2, 3 and above 7 do not exist. */
static bool write_pat(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val)
{
    for (unsigned i = 0; i < 64; i += 8) {
        unsigned type = val >> i & 0xff;

        if (type > 7 || type == 2 || type == 3) {
            return false;
        }
    }
    env->pat = val;
    return true;
}

static bool mtrr_type_valid(unsigned type)
{
    return type < 7 && type != 2 && type != 3;
}

static bool read_mtrr_def(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val)
{
    *val = env->mtrr_def_type;
    return true;
}

static bool write_mtrr_def(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val)
{
    if ((val & ~0xcffull) || !mtrr_type_valid(val & 0xff)) {
        return false;
    }
    env->mtrr_def_type = val;
    return true;
}

static bool write_mtrr_fixed(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val)
{
    for (unsigned i = 0; i < 64; i += 8) {
        if (!mtrr_type_valid(val >> i & 0xff)) {
            return false;
        }
    }
    return write_field(env, row, index, val);
}

static bool write_mtrr_var(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val)
{
    uint64_t reserved = ~((1ull << env->model->phys_bits) - 1) | (index & 1 ? 0x7ff : 0xf00);

    if ((val & reserved) || (!(index & 1) && !mtrr_type_valid(val & 0xff))) {
        return false;
    }
    return write_field(env, row, index, val);
}

/* Software can only clear a bank's status, address and data (SDM vol. 3B, "Machine-Check MSRs"). */
static bool write_mce_bank(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val)
{
    return ((index & 3) == 0 || !val) && write_field(env, row, index, val);
}

/* RDTSCP and RDPID both read it. */
static bool has_tsc_aux(const CPUX86State *env)
{
    return cpu_has(env, FEAT_8000_0001_EDX, CPUID_EXT_RDTSCP) || cpu_has(env, FEAT_7_ECX, CPUID_RDPID);
}

static bool read_tsc_aux(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val)
{
    *val = env->tsc_aux;
    return has_tsc_aux(env);
}

static bool write_tsc_aux(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val)
{
    if (val >> 32 || !has_tsc_aux(env)) {
        return false;
    }
    env->tsc_aux = val;
    return true;
}

/* A processor with none of its features has no EFER. */
static bool read_efer(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val)
{
    *val = env->efer;
    return cpu_efer_valid(env) != 0;
}

static bool write_efer(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val)
{
    return cpu_efer_valid(env) && cpu_write_efer(env, val);
}

/* AMD's own registers (HWCR, NB_CFG, MMIO configuration ...) exist on AMD models only, as zeros. */
static bool read_amd(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val)
{
    *val = 0;
    return model_is_amd(env->model);
}

static bool write_amd(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t val)
{
    return model_is_amd(env->model);
}

static bool read_microcode(CPUX86State *env, const MsrRow *row, uint32_t index, uint64_t *val)
{
    *val = model_is_amd(env->model) ? 0x01000065 : 1ull << 32;      /* AMD: low dword, Intel: high dword */
    return true;
}

/* ---- the table --------------------------------------------------------------------------------------------------- */

#define RANGE(a, b, r, w, ...) { .first = (a), .last = (b), .read = (r), .write = (w), __VA_ARGS__ }
#define ONE(i, r, w, ...)   RANGE(i, i, r, w, __VA_ARGS__)
#define PLAIN(i, ...)       ONE(i, read_field, write_field, __VA_ARGS__)
#define WITH(w, b)          .word = FEAT_##w, .bits = CPUID_##b
#define CONSTANT(a, b, v)   { .first = (a), .last = (b), .read = read_value, .write = write_ignored, .value = (v) }
#define CONSTANT_RO(a, b, v) { .first = (a), .last = (b), .read = read_value, .write = write_denied, .value = (v) }

static const MsrRow msr_table[] = {
    CONSTANT(0x0, 0x1, 0),                          /* P5 machine-check address and type */
    ONE(0x10, read_tsc, write_tsc, WITH(1_EDX, TSC)),
    CONSTANT_RO(0x17, 0x17, 0),                     /* PLATFORM_ID */
    ONE(0x1b, read_apic_base, write_apic_base, WITH(1_EDX, APIC)),
    CONSTANT(0x2a, 0x2a, 0),                        /* EBL_CR_POWERON */
    CONSTANT_RO(0x34, 0x34, 0),                     /* SMI_COUNT */
    CONSTANT(0x3a, 0x3a, 1),                        /* FEATURE_CONTROL: locked, VMX off */
    ONE(0x3b, read_tsc_adjust, write_tsc_adjust, WITH(7_EBX, TSC_ADJUST)),
    ONE(0x48, read_spec_ctrl, write_spec_ctrl),
    ONE(0x49, read_write_only, write_spec_ctrl),    /* PRED_CMD */
    CONSTANT(0x79, 0x79, 0),                        /* BIOS_UPDT_TRIG */
    ONE(0x8b, read_microcode, write_ignored),
    CONSTANT(0xc1, 0xc2, 0),                        /* PMC0, PMC1 */
    CONSTANT_RO(0xcd, 0xcd, 0),                     /* FSB_FREQ */
    /* MTRRCAP: 8 variable, fixed, WC */
    ONE(0xfe, read_value, write_denied, .value = 0x508, WITH(1_EDX, MTRR)),
    ONE(0x10a, read_arch_cap, write_denied),
    CONSTANT(0x119, 0x119, 0),                      /* BBL_CR_CTL */
    CONSTANT(0x11e, 0x11e, 0),                      /* BBL_CR_CTL3 */
    ONE(0x174, read_sysenter_cs, write_sysenter_cs, WITH(1_EDX, SEP)),
    PLAIN(0x175, WITH(1_EDX, SEP)), PLAIN(0x176, WITH(1_EDX, SEP)),
    ONE(0x179, read_mcg_cap, write_denied, WITH(1_EDX, MCA)),
    PLAIN(0x17a, WITH(1_EDX, MCA)), PLAIN(0x17b, WITH(1_EDX, MCA)),
    CONSTANT(0x186, 0x187, 0),                      /* PERFEVTSEL0, 1 */
    CONSTANT_RO(0x198, 0x198, 0x400000003e8),       /* PERF_STATUS */
    CONSTANT(0x199, 0x199, 0),                      /* PERF_CTL */
    CONSTANT(0x19a, 0x19d, 0),                      /* clock modulation, thermal interrupt and status */
    PLAIN(0x1a0),                                   /* MISC_ENABLE */
    CONSTANT(0x1c9, 0x1c9, 0),                      /* LASTBRANCH_TOS */
    PLAIN(0x1d9),                                   /* DEBUGCTL */
    CONSTANT(0x1db, 0x1de, 0),                      /* last branch and exception */
    RANGE(0x200, 0x20f, read_field, write_mtrr_var, WITH(1_EDX, MTRR)),
    ONE(0x250, read_field, write_mtrr_fixed, WITH(1_EDX, MTRR)),
    RANGE(0x258, 0x259, read_field, write_mtrr_fixed, WITH(1_EDX, MTRR)),
    RANGE(0x268, 0x26f, read_field, write_mtrr_fixed, WITH(1_EDX, MTRR)),
    ONE(0x277, read_pat, write_pat, WITH(1_EDX, PAT)),
    ONE(0x2ff, read_mtrr_def, write_mtrr_def, WITH(1_EDX, MTRR)),
    RANGE(0x400, 0x427, read_field, write_mce_bank, WITH(1_EDX, MCA)),
    ONE(0x6e0, read_deadline, write_deadline),
    RANGE(0x800, 0x8ff, read_apic, write_apic),     /* x2APIC */
    ONE(0xc0000080, read_efer, write_efer),
    PLAIN(0xc0000081, WITH(8000_0001_EDX, EXT_SYSCALL)),
    RANGE(0xc0000082, 0xc0000084, read_field, write_field, WITH(8000_0001_EDX, EXT_LM)),
    RANGE(0xc0000100, 0xc0000102, read_field, write_field, WITH(8000_0001_EDX, EXT_LM)),
    ONE(0xc0000103, read_tsc_aux, write_tsc_aux),
    RANGE(0xc0010000, 0xc0011fff, read_amd, write_amd),
};

static const MsrRow *msr_find(const CPUX86State *env, uint32_t index)
{
    unsigned lo = 0, hi = ARRAY_SIZE(msr_table);

    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;

        if (index > msr_table[mid].last) {
            lo = mid + 1;
        } else if (index < msr_table[mid].first) {
            hi = mid;
        } else {
            return cpu_has(env, msr_table[mid].word, msr_table[mid].bits) ? &msr_table[mid] : NULL;
        }
    }
    return NULL;
}

bool cpu_rdmsr(CPUX86State *env, uint32_t index, uint64_t *val)
{
    const MsrRow *row = msr_find(env, index);

    if (row) {
        return row->read(env, row, index, val);
    }
    qemu_log_mask(LOG_UNIMP, "rdmsr of unknown register 0x%x\n", index);
    return false;
}

bool cpu_wrmsr(CPUX86State *env, uint32_t index, uint64_t val)
{
    const MsrRow *row = msr_find(env, index);

    if (row) {
        return row->write(env, row, index, val);
    }
    qemu_log_mask(LOG_UNIMP, "wrmsr of unknown register 0x%x, value 0x%" PRIx64 "\n", index, val);
    return false;
}

void helper_rdmsr(CPUX86State *env)
{
    uint64_t val;

    if (cpu_cpl(env) || !cpu_rdmsr(env, env->regs[R_ECX], &val)) {
        raise_exception_err(env, EXC_GP, 0);
    }
    env->regs[R_EAX] = (uint32_t)val;
    env->regs[R_EDX] = val >> 32;
}

void helper_wrmsr(CPUX86State *env)
{
    if (cpu_cpl(env) || !cpu_wrmsr(env, env->regs[R_ECX], (uint32_t)env->regs[R_EAX] | env->regs[R_EDX] << 32)) {
        raise_exception_err(env, EXC_GP, 0);
    }
}
