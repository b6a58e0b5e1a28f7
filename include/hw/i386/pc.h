/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The PC machine as its parts see each other. Device constructors that need more than properties. Big lock held. */
#ifndef HW_I386_PC_H
#define HW_I386_PC_H

#include "hw/isa/isa.h"
#include "hw/pci/pci.h"
#include "qemu/option.h"
#include "sysemu/cpus.h"

typedef struct MachineOptions {     /* filled by the command line, read by the board */
    uint64_t ram_size;
    const char *ram_text;       /* as the user wrote it, for messages */
    const char *machine, *cpu_model, *bios, *kernel, *initrd, *append, *name, *uuid;
    Chardev *serial[4];
    Chardev *debugcon;
    const char *boot_order, *boot_once; bool boot_menu, boot_strict;
    uint32_t reboot_timeout, splash_time;   /* ms, plus 1; 0: not given */
    int64_t rtc_base_offset_s;      /* guest RTC minus host clock at start */
    bool rtc_localtime, rtc_slew;
    ClockType rtc_clock;
    bool nographic, no_fd_bootchk, no_acpi, no_hpet, nodefaults;
    bool no_vga, no_floppy, no_cdrom;       /* no empty drives by default */
    bool own_fdc;                           /* a -device takes the place of the board's floppy controller */
    Chardev *parallel[3];
} MachineOptions;

typedef struct MachineType {
    const char *name, *alias, *desc;
    bool (*init)(const MachineOptions *o, Error **errp);
    bool is_default;
    unsigned max_cpus;
    const char *cpu_model;      /* NULL: the one all machines have */
} MachineType;
extern const MachineType *const machine_types[];    /* NULL terminated; -M help */

#define PC_MACHINE_VERSION "pc-i440fx-7.2"     /* the machine whose guest-visible layout "pc" keeps */

typedef struct PcState {
    MemoryRegion ram, ram_low, ram_high;    /* all RAM; aliases below and above 4 GiB */
    uint64_t below_4g, above_4g;
    Irq *gsi;                               /* 24: what drives PIC (0..15) and IO-APIC together */
    Device *pic, *ioapic, *pit, *rtc, *fw_cfg, *kbd, *dma;
    PciBus *bus;                            /* NULL: a machine of ISA cards */
    PciDevice *i440fx, *piix3, *piix4_pm;
    struct IdeFunction *ide;
    const MachineOptions *opts;
    uint16_t pvpanic_port;                  /* of the pvpanic device; 0: none */
    const char *boot_rom;                   /* fw_cfg file of -kernel's boot ROM: first in the boot order */
    uint8_t uuid[16];                       /* as typed, big endian fields */
    bool has_hpet, has_fdc, has_parallel;   /* what tables and CMOS tell the guest */
    uint8_t floppy_type[2];                 /* as in CMOS 10h: FloppyType */
    uint8_t serial_mask;                    /* bit n: COM n+1 exists */
} PcState;
extern PcState pc_state;

/* hw/intc/i8259.c */
Device *i8259_create(Irq parent_intr);      /* both chips, ports 20/21, A0/A1, ELCR 4D0/4D1; irq_in 0..15 */
int i8259_ack(Device *pic);                 /* INTA cycle: vector */
bool i8259_output(Device *pic);             /* INTR level of the master */
/* hw/intc/ioapic.c: irq_in 0..23 */
/* hw/intc/apic*.c */
void apic_deliver_msi(uint64_t addr, uint32_t data);
void apic_deliver(uint8_t dest, bool logical, uint8_t delivery_mode, uint8_t vector, bool level_trigger);
void apic_pic_output(int level);            /* the 8259's INTR wire to LINT0 of the BSP */
void ioapic_eoi(uint8_t vector);            /* EOI broadcast of a level interrupt */
/* hw/timer/i8254.c */
bool i8254_out(Device *pit, int channel);
void i8254_set_gate(Device *pit, int channel, bool level);
/* hw/timer/mc146818rtc.c */
void rtc_set_cmos(Device *rtc, uint8_t addr, uint8_t val);
uint8_t rtc_get_cmos(Device *rtc, uint8_t addr);
/* hw/i386/port92.c, hw/input/i8042.c drive it: A20 as the board's OR/last-writer gate */
void pc_set_a20(bool on);
bool pc_get_a20(void);
/* hw/acpi/piix4.c */
void piix4_pm_power_button(Device *pm);
void piix4_apm_sci_enable(Device *pm, bool on);
/* hw/nvram/fw_cfg.c */
void fw_cfg_add_bytes(Device *fw, uint16_t key, const void *data, size_t len);          /* copies */
void fw_cfg_add_i16(Device *fw, uint16_t key, uint16_t v);
void fw_cfg_add_i32(Device *fw, uint16_t key, uint32_t v);
void fw_cfg_add_i64(Device *fw, uint16_t key, uint64_t v);
/* copies; directory stays sorted */
void fw_cfg_add_file(Device *fw, const char *name, const void *data, size_t len);
/* hw/i386/acpi-build.c, smbios.c, kernel.c: fill fw_cfg */
void acpi_build(PcState *pc);
/* When all devices are there. False with an Error: one that -smbios names is not, or the tables are too large. */
bool smbios_build(PcState *pc, Error **errp);
/* One -smbios: type=N,field=text,... or file=PATH. Kept for smbios_build(); start-up. */
extern const KeyDef smbios_keys[];
bool smbios_option(const KeyList *l, Error **errp);
bool pc_load_kernel(PcState *pc, Error **errp);     /* -kernel -initrd -append; bzImage, multiboot 1 */
void pc_set_cmos(PcState *pc);
/* Letters of drives, each at most once: -boot order=, boot_set. */
bool pc_check_boot_order(const char *order, Error **errp);
void pc_set_boot_order(const char *order);          /* from the next reset on, in the place of -boot's order=, once= */

#endif
