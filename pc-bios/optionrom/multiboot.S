/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Option ROM that starts a Multiboot kernel given with -kernel
 *
 * Fetches kernel (07h/08h/11h), modules with their strings (16h/17h/18h) and the information structure
 * (0Ah/0Bh/12h), completes the structure's memory map from the BIOS and enters the kernel in protected mode.
 * Follows: Multiboot Specification 0.6.96, "Machine state" and "Boot information format".
 */

#define PRODUCT_TEXT "Multiboot kernel from the command line"
#include "optionrom.inc"

#define MBI_MMAP_LENGTH   0x2c
#define MBI_MMAP_ADDR     0x30
#define MMAP_ENTRY        20          /* as counted by the entry's own size field */
#define MMAP_MAX_END      0x94e8      /* hw/i386/multiboot.c puts the structure at 9500h, the map at 9000h */
#define SMAP              0x534d4150
#define GDT_POINTER       0x0620
#define SEL_CODE          0x08
#define SEL_DATA          0x10
#define BOOTLOADER_MAGIC  0x2badb002

boot:
    ROM_ENTRY

    FETCH   KEY_KERNEL_ADDR, KEY_KERNEL_SIZE, KEY_KERNEL_DATA
    FETCH   KEY_SETUP_ADDR, KEY_SETUP_SIZE, KEY_SETUP_DATA
    FETCH   KEY_INITRD_ADDR, KEY_INITRD_SIZE, KEY_INITRD_DATA
    movl    %edi, %ebp                      /* information structure, in low memory */

    /* Memory map: INT 15h, AX = E820h; each answer is preceded by its size. */
    movl    MBI_MMAP_ADDR(%bp), %edi
    xorl    %ebx, %ebx
    sti
1:  movl    $MMAP_ENTRY, (%di)
    movl    $0xe820, %eax
    movl    $SMAP, %edx
    movl    $MMAP_ENTRY, %ecx
    addw    $4, %di
    pushl   %ebp
    int     $0x15
    popl    %ebp
    jc      2f
    cmpl    $SMAP, %eax
    jne     2f
    addw    $MMAP_ENTRY, %di
    testl   %ebx, %ebx
    jz      3f
    cmpw    $MMAP_MAX_END, %di
    jb      1b
    jmp     3f
2:  subw    $4, %di
3:  cli
    cld
    movzwl  %di, %eax
    subl    MBI_MMAP_ADDR(%bp), %eax
    movl    %eax, MBI_MMAP_LENGTH(%bp)

    movw    $KEY_KERNEL_ENTRY, %ax
    call    fetch_number
    movl    %eax, %esi

    /* A20 on (the kernel may rely on it), then protected mode with flat segments. */
    inb     $0x92, %al
    orb     $0x02, %al
    andb    $0xfe, %al
    outb    %al, $0x92

    xorl    %eax, %eax
    movw    %cs, %ax
    shll    $4, %eax
    movl    %eax, %ebx                      /* linear address of the ROM */
    addl    $gdt, %eax
    movw    $(gdt_end - gdt - 1), GDT_POINTER
    movl    %eax, GDT_POINTER + 2
    lgdtl   GDT_POINTER
    addl    $enter32, %ebx
    movl    %cr0, %eax
    orb     $1, %al
    movl    %eax, %cr0
    pushl   $SEL_CODE
    pushl   %ebx
    lretl

    .code32
enter32:
    movl    $SEL_DATA, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %fs
    movl    %eax, %gs
    movl    %eax, %ss
    movl    $STACK_TOP, %esp
    movl    $BOOTLOADER_MAGIC, %eax
    movl    %ebp, %ebx
    xorl    %ecx, %ecx
    xorl    %edx, %edx
    xorl    %edi, %edi
    xorl    %ebp, %ebp
    jmp     *%esi
    .code16

    .balign 8
gdt:
    .quad   0
    .quad   0x00cf9b000000ffff              /* flat code, 32 bits, accessed */
    .quad   0x00cf93000000ffff              /* flat data */
gdt_end:
