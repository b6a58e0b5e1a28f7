/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The functions behind the table of options.c: what they are told goes into the VmOptions that dest is. Each refuses
 * what does not fit with an Error, or prints help and leaves the program.
 */
#ifndef OPTIONS_INT_H
#define OPTIONS_INT_H

#include "sysemu/options.h"

/* ---- options-machine.c: board, processors, memory, firmware, clock ----------------------------------------------- */

extern const KeyDef machine_keys[], accel_keys[], smp_keys[], memory_keys[], name_keys[], boot_keys[], rtc_keys[];
OptionFn opt_machine, opt_accel, opt_singlestep, opt_cpu, opt_smp, opt_memory, opt_uuid, opt_fw_cfg, opt_option_rom,
    opt_smbios, opt_name, opt_boot, opt_firmware_dir, opt_rtc;
const MachineType *machine_find(const char *name);      /* NULL name: the default; NULL: there is none of that name */

/* ---- options-devices.c: what is connected to the board ----------------------------------------------------------- */

extern const KeyDef global_keys[];
OptionFn opt_serial, opt_parallel, opt_object, opt_chardev, opt_escape, opt_global, opt_device, opt_monitor, opt_mon,
    opt_display, opt_vnc, opt_vga, opt_net, opt_blockdev, opt_snapshot, opt_drive, opt_hda, opt_hdb, opt_hdc, opt_hdd,
    opt_cdrom, opt_fda, opt_fdb;

#endif
