/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Option ROM that starts a Linux kernel given with -kernel
 *
 * Fetches the four parts from fw_cfg, one DMA transfer each, to where hw/i386/kernel.c has decided, and enters the
 * kernel's real-mode code. Everything in the setup header has been filled in already.
 * Follows: Linux kernel documentation, "The Linux/x86 Boot Protocol", "Running the Kernel".
 */

#define PRODUCT_TEXT "Linux kernel from the command line"
#include "optionrom.inc"

boot:
    ROM_ENTRY

    FETCH   KEY_KERNEL_ADDR, KEY_KERNEL_SIZE, KEY_KERNEL_DATA
    FETCH   KEY_INITRD_ADDR, KEY_INITRD_SIZE, KEY_INITRD_DATA
    FETCH   KEY_CMDLINE_ADDR, KEY_CMDLINE_SIZE, KEY_CMDLINE_DATA
    FETCH   KEY_SETUP_ADDR, KEY_SETUP_SIZE, KEY_SETUP_DATA

    /*
     * All segments on the setup code, the stack under the end of its heap: the whole segment when it lies at 10000h,
     * 9800h bytes when it lies at 90000h (kernels that load low), because the BIOS owns memory from 9FC00h on.
     */
    shrl    $4, %edi
    movw    $0xfff0, %bx
    cmpw    $0x9000, %di
    jb      1f
    movw    $0x97f0, %bx
1:  movw    %di, %ds
    movw    %di, %es
    movw    %di, %fs
    movw    %di, %gs
    movw    %di, %ss
    movzwl  %bx, %esp
    addw    $0x20, %di
    pushw   %di
    pushw   $0
    xorl    %eax, %eax
    xorl    %ebx, %ebx
    xorl    %ecx, %ecx
    xorl    %edx, %edx
    xorl    %esi, %esi
    xorl    %edi, %edi
    xorl    %ebp, %ebp
    lret
