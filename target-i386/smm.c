/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * System management mode: entry, RSM and the save area.
 * Follows APM vol. 2, "System-Management Mode": the AMD64 layout, for 32-bit models too (revision 00020064: SMBASE
 * can be relocated), since that is what the board's firmware is prepared for. Left out: I/O instruction restart (its
 * fields read as "not an I/O trap").
 *
 * The area is the last 512 bytes of SMBASE + FE00..FFFF. Firmware swaps whole images of it to change contexts, so RSM
 * takes everything from there and nothing from elsewhere.
 */
#include "qemu/osdep.h"
#include "qemu/log.h"
#include "sysemu/runstate.h"
#include "target-i386/cpu.h"
#include "target-i386/helper.h"
#include "target-i386/seg.h"
#include "target-i386/sysregs.h"

#define SMM_AREA        0xfe00u     /* from SMBASE */
#define SMM_AREA_SIZE   0x200u
#define SMM_REVISION    0x00020064u
#define SMM_ENTRY       0x8000u

/* Offsets in the area. */
enum {
    AT_HALT = 0xc9, AT_NMI_MASK = 0xca, AT_CPL = 0xcb, AT_EFER = 0xd0, AT_REVISION = 0xfc, AT_SMBASE = 0x100,
    AT_CR4 = 0x148, AT_CR3 = 0x150, AT_CR0 = 0x158, AT_DR7 = 0x160, AT_DR6 = 0x168, AT_RFLAGS = 0x170, AT_RIP = 0x178,
    AT_R15 = 0x180, AT_RDI = 0x1c0,
};
#define AT_SEG(n) ((n) * 16)

/* Which register stands in the n-th 16-byte slot from 00h on. */
static const int8_t seg_slots[] = { R_ES, R_CS, R_SS, R_DS, R_FS, R_GS, -1, R_LDTR, -1, R_TR };
#define SLOT_GDTR 6
#define SLOT_IDTR 8
/* RDI upward from AT_RDI. */
static const uint8_t low_regs[] = { R_EDI, R_ESI, R_EBP, R_ESP, R_EBX, R_EDX, R_ECX, R_EAX };

static void put_slot(uint8_t *p, uint16_t selector, uint32_t attr, uint32_t limit, uint64_t base)
{
    store_le16(p, selector);
    store_le16(p + 2, (attr >> 8 & 0xff) | (attr >> 12 & 0xf00));
    store_le32(p + 4, limit);
    store_le64(p + 8, base);
}

static uint32_t slot_attr(const uint8_t *p)
{
    uint32_t attr = load_le16(p + 2);

    return (attr & 0xff) << 8 | (attr & 0xf00) << 12;
}

static void save_state(CPUX86State *env, uint8_t *area)
{
    for (unsigned i = 0; i < ARRAY_SIZE(seg_slots); i++) {
        if (seg_slots[i] >= 0) {
            const SegmentCache *sc = &env->segs[seg_slots[i]];

            put_slot(area + AT_SEG(i), sc->selector, sc->attr, sc->limit, sc->base);
        }
    }
    put_slot(area + AT_SEG(SLOT_GDTR), 0, 0, env->gdt.limit, env->gdt.base);
    put_slot(area + AT_SEG(SLOT_IDTR), 0, 0, env->idt.limit, env->idt.base);
    area[AT_HALT] = env->halted && !env->monitor.sleeping;     /* an SMI ends MWAIT */
    area[AT_NMI_MASK] = env->nmi_masked;
    area[AT_CPL] = cpu_cpl(env);
    store_le64(area + AT_EFER, env->efer);
    store_le32(area + AT_REVISION, SMM_REVISION);
    store_le32(area + AT_SMBASE, env->smbase);
    store_le64(area + AT_CR4, env->cr4);
    store_le64(area + AT_CR3, env->cr3);
    store_le64(area + AT_CR0, env->cr0);
    store_le64(area + AT_DR7, env->dr[7]);
    store_le64(area + AT_DR6, env->dr[6]);
    store_le64(area + AT_RFLAGS, cpu_compute_eflags(env));
    store_le64(area + AT_RIP, env->eip);
    for (unsigned i = 0; i < 8; i++) {
        store_le64(area + AT_R15 + i * 8, env->regs[15 - i]);
        store_le64(area + AT_RDI + i * 8, env->regs[low_regs[i]]);
    }
}

void cpu_enter_smm(CPUX86State *env)
{
    uint8_t area[SMM_AREA_SIZE] = { 0 };

    if (log_enabled(LOG_INT)) {
        qemu_log("SMM: enter, smbase %08x\n", (uint32_t)env->smbase);
        cpu_log_state(env);
    }
    save_state(env, area);
    env->in_smm = true;
    env->nmi_masked = true;
    env->halted = false;
    env->hflags_inhibit = 0;
    address_space_write(cpu_address_space(env), (env->smbase + SMM_AREA) & env->a20_mask, area, sizeof(area));

    env->efer = 0;
    env->cr0 &= ~(uint64_t)(CR0_PE | CR0_EM | CR0_TS | CR0_PG);
    env->cr4 = 0;
    env->dr[7] = 0x400;
    eflags_set_image(env, 0);
    env->eip = SMM_ENTRY;
    for (unsigned seg = R_ES; seg <= R_GS; seg++) {
        bool is_cs = seg == R_CS;

        seg_set(env, seg, is_cs ? env->smbase >> 4 : 0, is_cs ? env->smbase : 0, 0xffffffff,
                DESC_G | DESC_P | DESC_S | DESC_W | DESC_A);
    }
    tlb_flush(env);         /* SMRAM appears */
    cpu_update_mode(env);
}

/* Combinations no CPU can be in make it stop (APM vol. 2, "Leaving SMM"). */
static bool state_valid(CPUX86State *env, uint64_t cr0, uint64_t cr4, uint64_t efer)
{
    if ((cr0 & (CR0_PG | CR0_PE)) == CR0_PG || (cr0 & (CR0_NW | CR0_CD)) == CR0_NW || cr0 >> 32) {
        return false;
    }
    if ((cr4 & cpu_cr4_reserved(env)) || (efer & ~(cpu_efer_valid(env) | EFER_LMA))) {
        return false;
    }
    return !(efer & EFER_LMA) || ((cr0 & CR0_PG) && (cr4 & CR4_PAE) && (efer & EFER_LME));
}

static void restore_segments(CPUX86State *env, const uint8_t *area)
{
    for (unsigned i = 0; i < ARRAY_SIZE(seg_slots); i++) {
        const uint8_t *p = area + AT_SEG(i);

        if (seg_slots[i] >= 0) {
            seg_set(env, seg_slots[i], load_le16(p), load_le64(p + 8), load_le32(p + 4), slot_attr(p));
        }
    }
    env->gdt.base = load_le64(area + AT_SEG(SLOT_GDTR) + 8);
    env->gdt.limit = load_le32(area + AT_SEG(SLOT_GDTR) + 4) & 0xffff;
    env->idt.base = load_le64(area + AT_SEG(SLOT_IDTR) + 8);
    env->idt.limit = load_le32(area + AT_SEG(SLOT_IDTR) + 4) & 0xffff;
}

static void restore_registers(CPUX86State *env, const uint8_t *area)
{
    for (unsigned i = 0; i < 8; i++) {
        env->regs[15 - i] = load_le64(area + AT_R15 + i * 8);
        env->regs[low_regs[i]] = load_le64(area + AT_RDI + i * 8);
    }
    env->eip = load_le64(area + AT_RIP);
    env->cr3 = load_le64(area + AT_CR3);
    env->dr[6] = (load_le64(area + AT_DR6) & 0xe00f) | 0xffff0ff0u;
    env->dr[7] = (uint32_t)load_le64(area + AT_DR7) | 0x400;
    eflags_set_image(env, eflags_rf_keep(env, load_le64(area + AT_RFLAGS) & 0x003f7fd7));
    if (load_le32(area + AT_REVISION) & 0x20000) {
        env->smbase = load_le32(area + AT_SMBASE);
    }
}

static QEMU_NORETURN void halt_after(CPUX86State *env)
{
    cpu_halt(env);
    env->exception_index = EXCP_HLT;
    cpu_loop_exit(env);
}

void helper_rsm(CPUX86State *env)
{
    uint8_t area[SMM_AREA_SIZE];
    uint64_t cr0, cr4, efer;

    if (!env->in_smm) {
        raise_exception(env, EXC_UD);
    }
    address_space_read(cpu_address_space(env), (env->smbase + SMM_AREA) & env->a20_mask, area, sizeof(area));
    cr0 = load_le64(area + AT_CR0);
    cr4 = load_le64(area + AT_CR4);
    efer = load_le64(area + AT_EFER);
    if (!state_valid(env, cr0, cr4, efer)) {
        qemu_log_mask(LOG_GUEST_ERROR, "RSM to an impossible state: cr0 %08" PRIx64 " cr4 %08" PRIx64 " efer %08" PRIx64
                      "; the CPU shuts down\n", cr0, cr4, efer);
        request_reset("RSM to an impossible state");
        env->nmi_masked = true;
        env->eflags &= ~IF_MASK;
        halt_after(env);
    }
    env->cr0 = cr0 | CR0_ET;
    env->cr4 = cr4;
    env->efer = efer;
    restore_registers(env, area);   /* EFLAGS.VM and CR0.PE decide the segments' ranges */
    restore_segments(env, area);
    env->in_smm = false;
    env->nmi_masked = area[AT_NMI_MASK] & 1;
    env->hflags_inhibit = 0;
    if ((cr0 & CR0_PG) && (cr4 & CR4_PAE) && !(efer & EFER_LMA)) {
        cpu_load_pdptes(env, env->cr3);
    }
    tlb_flush(env);         /* SMRAM disappears */
    cpu_update_mode(env);
    cpu_recheck_interrupts(env);
    qemu_log_mask(LOG_INT, "SMM: leave to %04x:%08" PRIx64 "\n", env->segs[R_CS].selector, env->eip);
    if (area[AT_HALT] & 1) {
        halt_after(env);
    }
}
