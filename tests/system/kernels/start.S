/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Multiboot header and entry of probe.c: a stack, a GDT of its own, then C in 32-bit protected mode. */
    .intel_syntax noprefix

#define MULTIBOOT_MAGIC 0x1badb002
#define FLAGS 3                         /* modules on page boundaries, memory information */

    .text                               /* linked first, so the header is at the start of the image */
    .balign 4
    .long MULTIBOOT_MAGIC, FLAGS, -(MULTIBOOT_MAGIC + FLAGS)

    .globl start, triple_fault
start:
    cld
    mov esp, offset stack_top
    lgdt [gdt_pointer]
    ljmp 8, offset reloaded
reloaded:
    mov ecx, 16
    mov ds, ecx
    mov es, ecx
    mov ss, ecx
    push ebx
    push eax
    call probe_main
2:  cli
    hlt
    jmp 2b

/* An interrupt that no table describes, whose double fault finds no gate either. */
triple_fault:
    lidt [no_idt]
    int3

    .section .data
    .balign 8
gdt:
    .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
    .word . - gdt - 1
    .long gdt
no_idt:
    .word 0
    .long 0

    .section .bss
    .balign 16
    .skip 16384
stack_top:

    .section .note.GNU-stack, "", @progbits
