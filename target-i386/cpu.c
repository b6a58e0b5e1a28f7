/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The CPU as the board sees it: creation, reset, INIT, requests, A20; its saved state.
 * Follows SDM vol. 3A, "Processor Management and Initialization" (table of register values after reset and INIT).
 */
#include "qemu/osdep.h"
#include "qemu/error.h"
#include "qemu/log.h"
#include "hw/core/device.h"
#include "target-i386/cpu.h"
#include "target-i386/helper-fpu.h"
#include "target-i386/models.h"
#include "target-i386/seg.h"
#include "target-i386/sysregs.h"

static const CpuModel *board_model;     /* of the first CPU; set once while the machine is built */

/* ---- reset, INIT, start-up IPI ----------------------------------------------------------------------------------- */

#define REAL_DATA_ATTR (DESC_P | DESC_S | DESC_W | DESC_A)
#define REAL_CODE_ATTR (DESC_P | DESC_S | DESC_CODE | DESC_R | DESC_A)

/* What RESET# and INIT have in common. EFER: mode bits go, since CR0.PG does. */
static void init_common(CPUX86State *env)
{
    memset(env->regs, 0, sizeof(env->regs));
    env->regs[R_EDX] = model_signature(env->model);
    env->eip = 0xfff0;
    eflags_set_image(env, 0);
    env->cr2 = env->cr3 = env->cr4 = 0;
    env->efer = 0;
    memset(env->dr, 0, sizeof(env->dr));
    env->dr[6] = 0xffff0ff0;
    env->dr[7] = 0x400;
    memset(env->pdpte, 0, sizeof(env->pdpte));
    for (unsigned seg = R_ES; seg <= R_GS; seg++) {
        seg_set(env, seg, 0, 0, 0xffff, REAL_DATA_ATTR);
    }
    seg_set(env, R_CS, 0xf000, 0xffff0000, 0xffff, REAL_CODE_ATTR);
    seg_set(env, R_LDTR, 0, 0, 0xffff, DESC_P | SYS_LDT << DESC_TYPE_SHIFT);
    seg_set(env, R_TR, 0, 0, 0xffff, DESC_P | SYS_TSS32_BUSY << DESC_TYPE_SHIFT);
    env->gdt = env->idt = (DescTable) { .limit = 0xffff };
    env->hflags_inhibit = 0;
    env->rep_interrupted = false;
    env->pending_db = 0;
    env->monitor = (CpuMonitor) { 0 };
    env->nmi_masked = false;
    env->exception_index = env->old_exception = -1;
    env->wait_for_sipi = env->halted = env->vcpu && env->vcpu->index != 0;
    if (env->vcpu) {
        env->vcpu->halted = env->halted;    /* the thread stands, or is the caller */
    }
    tlb_flush(env);
    cpu_update_mode(env);
}

static void reset_msrs(CPUX86State *env)
{
    env->star = env->lstar = env->cstar = env->fmask = env->kernel_gs_base = 0;
    env->sysenter_cs = env->sysenter_esp = env->sysenter_eip = 0;
    env->pat = 0x0007040600070406ull;
    env->tsc_aux = env->tsc_adjust = env->debugctl = 0;
    env->tsc_offset = 0;                /* the TSCs go on together over a reset: a CPU's own zero would part them */
    env->misc_enable = 1 | (cpu_has(env, FEAT_1_ECX, CPUID_MONITOR) ? MISC_ENABLE_MONITOR : 0);    /* 1: fast strings */
    env->mtrr_def_type = 0;
    memset(env->mtrr_fixed, 0, sizeof(env->mtrr_fixed));
    memset(env->mtrr_var, 0, sizeof(env->mtrr_var));
    env->mcg_cap = 0x0100010a;          /* 10 banks, MCG_CTL, software error recovery */
    env->mcg_status = 0;
    env->mcg_ctl = ~0ull;
    memset(env->mce_banks, 0, sizeof(env->mce_banks));
    for (unsigned i = 0; i < 10; i++) {
        env->mce_banks[i * 4] = ~0ull;
    }
    env->smbase = 0x30000;
    env->xcr0 = 1;
    env->pkru = 0;
}

void cpu_reset_state(CPUX86State *env)
{
    if (log_enabled(LOG_CPU_RESET)) {
        FILE *f = log_lock();

        if (f) {
            fprintf(f, "CPU Reset (CPU %d)\n", env->vcpu ? env->vcpu->index : 0);
            cpu_dump_state(env, f);
            log_unlock(f);
        }
    }
    __atomic_store_n(&env->interrupt_request, 0, __ATOMIC_RELEASE);
    env->in_smm = false;
    env->cr0 = CR0_CD | CR0_NW | CR0_ET;
    reset_msrs(env);
    memset(env->xmm, 0, sizeof(env->xmm));
    fpu_reset(env);
    init_common(env);
}

void cpu_init_state(CPUX86State *env)
{
    qemu_log_mask(LOG_CPU_RESET, "INIT of CPU %d\n", env->vcpu->index);
    env->cr0 = (env->cr0 & (CR0_CD | CR0_NW)) | CR0_ET;
    init_common(env);
    apic_reset_cpu(env->vcpu, true);
}

void cpu_sipi_state(CPUX86State *env, uint8_t vector)
{
    qemu_log_mask(LOG_CPU_RESET, "start-up IPI %02x of CPU %d\n", vector, env->vcpu->index);
    env->wait_for_sipi = env->halted = false;
    env->eip = 0;
    seg_set(env, R_CS, vector << 8, vector << 12, env->segs[R_CS].limit, env->segs[R_CS].attr);
    cpu_update_mode(env);
}

/* Reset of the machine: all vCPU threads stand. */
static void reset_handler(void *opaque)
{
    cpu_reset_state(opaque);
}

/* ---- requests from anywhere -------------------------------------------------------------------------------------- */

void cpu_interrupt(VCpu *v, uint32_t mask)
{
    uint32_t old = __atomic_fetch_or(&v->env->interrupt_request, mask, __ATOMIC_SEQ_CST);

    /* A bit that stood already has been seen, or will be: the vCPU looks at all of them before it sleeps. */
    if ((old & mask) != mask) {
        vcpu_kick(v);
    }
}

void cpu_interrupt_clear(VCpu *v, uint32_t mask)
{
    __atomic_fetch_and(&v->env->interrupt_request, ~mask, __ATOMIC_SEQ_CST);
}

void x86_cpu_sipi(VCpu *v, uint8_t vector)
{
    v->env->sipi_vector = vector;
    cpu_interrupt(v, CPU_INT_SIPI);
}

static void a20_changed(VCpu *v, void *opaque)
{
    CPUX86State *env = v->env;
    uint64_t mask = opaque ? ~0ull : ~(1ull << 20);

    if (env->a20_mask != mask) {
        env->a20_mask = mask;
        env->a20_masked = !opaque;
        tlb_flush(env);
    }
}

void x86_cpu_set_a20(VCpu *v, bool on)
{
    void *opaque = on ? v : NULL;

    if (v == current_vcpu) {
        a20_changed(v, opaque);     /* before the next instruction */
    } else {
        vcpu_run_on_async(v, a20_changed, opaque);
    }
}

/* ---- identity ---------------------------------------------------------------------------------------------------- */

static const CpuModel *model_of_board(void)
{
    return board_model ? board_model : model_parse(NULL, &error_abort);
}

uint32_t x86_cpu_cpuid_signature(void)
{
    return model_signature(model_of_board());
}

uint32_t x86_cpu_cpuid_features(void)
{
    return model_of_board()->features[FEAT_1_EDX];
}

bool x86_cpu_is_amd_vendor(void)
{
    return model_is_amd(model_of_board());
}

const char *x86_cpu_model_name(void)
{
    return model_of_board()->name;
}

/* FNV-1a over numbers */
static uint64_t hash_add(uint64_t hash, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++) {
        hash = (hash ^ (v >> i * 8 & 0xff)) * 0x100000001b3ull;
    }
    return hash;
}

uint64_t x86_cpu_model_hash(void)
{
    const CpuModel *m = model_of_board();
    uint64_t hash = hash_add(0xcbf29ce484222325ull, (uint64_t)m->level << 32 | m->xlevel);

    hash = hash_add(hash_add(hash, model_signature(m)), (uint64_t)m->phys_bits << 8 | model_is_amd(m));
    for (unsigned i = 0; i < FEAT__COUNT; i++) {
        hash = hash_add(hash, m->features[i]);
    }
    return hash;
}

unsigned x86_cpu_phys_bits(void)
{
    return model_of_board()->phys_bits;
}

uint64_t x86_cpu_tsc_hz(void)
{
    return model_tsc_hz();
}

void x86_cpu_models_print(void)
{
    model_print_all(stdout);
}

/* ---- saved state ------------------------------------------------------------------------------------------------- */

static const VMStateDescription vmstate_segment = {
    .name = "segment", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT16(selector, SegmentCache), VMSTATE_UINT32_MASK(attr, SegmentCache, DESC_ATTR_MASK),
        VMSTATE_UINT32(limit, SegmentCache), VMSTATE_UINT64(base, SegmentCache), VMSTATE_END
    },
};

static const VMStateDescription vmstate_desc_table = {
    .name = "desc-table", .version = 1,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64(base, DescTable), VMSTATE_UINT32_MASK(limit, DescTable, 0xffff), VMSTATE_END
    },
};

/* Lazy flags are saved evaluated; MWAIT, which may end at any time, ends. */
static void cpu_pre_save(void *opaque)
{
    CPUX86State *env = opaque;

    if (env->halted && env->monitor.sleeping) {
        env->monitor.sleeping = env->halted = env->vcpu->halted = false;
    }
    env->cc_src = cpu_compute_status_flags(env);
    env->cc_op = CC_OP_EFLAGS;
    fpu_pre_save(env);
}

static bool cpu_post_load(void *opaque, int version, Error **errp)
{
    CPUX86State *env = opaque;

    if ((env->df != 1 && env->df != -1) || (env->efer & ~(cpu_efer_valid(env) | EFER_LMA)) ||
        (env->cr4 & cpu_cr4_reserved(env)) || (env->cr0 & (CR0_PG | CR0_PE)) == CR0_PG ||
        ((env->efer & EFER_LMA) && (!(env->cr0 & CR0_PG) || !(env->cr4 & CR4_PAE))) ||
        !(env->xcr0 & 1) || (env->xcr0 & ~cpu_xcr0_valid(env))) {
        error_set(errp, "saved state of CPU %d does not fit this CPU model", env->vcpu->index);
        return false;
    }
    env->cc_op = CC_OP_EFLAGS;
    env->cc_src &= CC_ALL;
    env->eflags &= ~(CC_ALL | DF_MASK);
    env->hflags_inhibit &= MK_INHIBIT | INHIBIT_MOV_SS;
    env->exception_index = env->old_exception = -1;
    env->a20_mask = env->a20_masked ? ~(1ull << 20) : ~0ull;
    env->monitor = (CpuMonitor) { 0 };
    env->vcpu->halted = env->halted;
    for (unsigned i = 0; i < 8; i++) {
        env->fptags[i] &= 1;
    }
    env->fpstt &= 7;
    env->pkru = (uint32_t)env->pkru;
    fpu_post_load(env);
    cpu_update_all_ranges(env);
    tlb_flush(env);
    cpu_update_mode(env);
    return true;
}

const VMStateDescription vmstate_cpu = {
    .name = "cpu", .version = 2, .min_version = 1, .pre_save = cpu_pre_save, .post_load = cpu_post_load,
    .fields = (const VMStateField[]) {
        VMSTATE_UINT64_ARRAY(regs, CPUX86State, 16), VMSTATE_UINT64(eip, CPUX86State),
        VMSTATE_UINT32(eflags, CPUX86State), VMSTATE_UINT64(cc_src, CPUX86State), VMSTATE_INT32(df, CPUX86State),
        VMSTATE_STRUCT_ARRAY(segs, CPUX86State, NUM_SEGS, vmstate_segment),
        VMSTATE_STRUCT(gdt, CPUX86State, vmstate_desc_table), VMSTATE_STRUCT(idt, CPUX86State, vmstate_desc_table),
        VMSTATE_UINT64(cr0, CPUX86State), VMSTATE_UINT64(cr2, CPUX86State), VMSTATE_UINT64(cr3, CPUX86State),
        VMSTATE_UINT64(cr4, CPUX86State), VMSTATE_UINT64(efer, CPUX86State), VMSTATE_UINT64(xcr0, CPUX86State),
        VMSTATE_UINT64_ARRAY(pdpte, CPUX86State, 4), VMSTATE_UINT64_ARRAY(dr, CPUX86State, 8),
        VMSTATE_UINT64(star, CPUX86State), VMSTATE_UINT64(lstar, CPUX86State), VMSTATE_UINT64(cstar, CPUX86State),
        VMSTATE_UINT64(fmask, CPUX86State), VMSTATE_UINT64(kernel_gs_base, CPUX86State),
        VMSTATE_UINT32(sysenter_cs, CPUX86State), VMSTATE_UINT64(sysenter_esp, CPUX86State),
        VMSTATE_UINT64(sysenter_eip, CPUX86State), VMSTATE_UINT64(pat, CPUX86State),
        VMSTATE_UINT64(tsc_aux, CPUX86State),
        VMSTATE_UINT64(tsc_offset, CPUX86State), VMSTATE_UINT64(tsc_adjust, CPUX86State),
        VMSTATE_UINT64(misc_enable, CPUX86State), VMSTATE_UINT64(mtrr_def_type, CPUX86State),
        VMSTATE_UINT64(debugctl, CPUX86State), VMSTATE_UINT64(smbase, CPUX86State),
        VMSTATE_UINT64_ARRAY(mtrr_fixed, CPUX86State, 11), VMSTATE_UINT64_ARRAY(mtrr_var, CPUX86State, 16),
        VMSTATE_UINT64(mcg_cap, CPUX86State), VMSTATE_UINT64(mcg_status, CPUX86State),
        VMSTATE_UINT64(mcg_ctl, CPUX86State),
        VMSTATE_UINT64_ARRAY(mce_banks, CPUX86State, 40),
        VMSTATE_UINT32(interrupt_request, CPUX86State), VMSTATE_BOOL(halted, CPUX86State),
        VMSTATE_BOOL(wait_for_sipi, CPUX86State), VMSTATE_BOOL(nmi_masked, CPUX86State),
        VMSTATE_BOOL(in_smm, CPUX86State),
        VMSTATE_UINT8(sipi_vector, CPUX86State), VMSTATE_UINT32(hflags_inhibit, CPUX86State),
        VMSTATE_BOOL(a20_masked, CPUX86State),
        VMSTATE_BYTES(fpregs, CPUX86State, sizeof(FpReg) * 8), VMSTATE_UINT32(fpstt, CPUX86State),
        VMSTATE_UINT16(fpus, CPUX86State), VMSTATE_UINT16(fpuc, CPUX86State),
        VMSTATE_UINT8_ARRAY(fptags, CPUX86State, 8),
        VMSTATE_UINT64(fpip, CPUX86State), VMSTATE_UINT64(fpdp, CPUX86State), VMSTATE_UINT16(fpop, CPUX86State),
        VMSTATE_UINT16(fpcs, CPUX86State), VMSTATE_UINT16(fpds, CPUX86State),
        VMSTATE_UINT32_MASK(mxcsr, CPUX86State, 0xffff), VMSTATE_BYTES(xmm, CPUX86State, sizeof(XmmReg) * 16),
        VMSTATE_UINT64(pkru, CPUX86State),
        VMS_FIELD(VMS_BOOL, rep_interrupted, CPUX86State, 1, 0, .size = sizeof(bool), .version = 2),
        VMSTATE_END
    },
};

/* ---- creation ---------------------------------------------------------------------------------------------------- */

VCpu *x86_cpu_create(int index, uint32_t apic_id, const char *model, Error **errp)
{
    const CpuModel *m = model_parse(model, errp);
    CPUX86State *env;

    if (!m) {
        return NULL;
    }
    if (!board_model) {
        board_model = m;
    }
    env = g_aligned_alloc0(1, ROUND_UP(sizeof(*env), TARGET_PAGE_SIZE), TARGET_PAGE_SIZE);
    env->model = m;
    memcpy(env->features, m->features, sizeof(m->features));
    env->apic_id = apic_id;
    env->a20_mask = ~0ull;
    env->vcpu = vcpu_new(index, env);
    apic_create(env->vcpu, apic_id);
    cpu_reset_state(env);
    reset_handler_add(reset_handler, env);
    vmstate_register(&vmstate_cpu, index, env);
    return env->vcpu;
}
