/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A boot sector with the loop of "A walk" in docs/tcg.md, in 64-bit code at 7c90h. Interrupts stay off, as there is no
 * IDT: its HLT is the end.
 */
    .intel_syntax noprefix
    .text
    .code16
    jmp start

    .code64
    .org 0x90
loop:
    add rax, rdx
    mov rsi, [rbx + 0x10]
    dec ecx
    jnz loop
    hlt

    .code16
start:
    cli
    cld
    xor ax, ax
    mov ds, ax
    mov es, ax
    mov edi, 0x1000                     /* page tables at 1000h, 2000h, 3000h: one page of 2 MiB */
    mov ecx, 0x3000 / 4
    xor eax, eax
    rep stosd es:[edi], eax
    mov dword ptr [0x1000], 0x2003
    mov dword ptr [0x2000], 0x3003
    mov dword ptr [0x3000], 0x83
    lgdt gdtr
    lidt idtr
    mov eax, 0x20                       /* PAE */
    mov cr4, eax
    mov eax, 0x1000
    mov cr3, eax
    mov ecx, 0xc0000080
    rdmsr
    or ah, 1                            /* EFER.LME */
    wrmsr
    mov eax, cr0
    or eax, 0x80000001                  /* PG, PE */
    mov cr0, eax
    .byte 0xea                          /* jmp 8:long_mode */
    .word long_mode, 8
    .balign 8
gdt:
    .quad 0, 0x00209b0000000000
gdtr:
    .word 15
    .long gdt
idtr:
    .word 0
    .long 0
    .code64
long_mode:
    mov ebx, 0x7c00
    mov ecx, 2
    jmp loop

    .org 510
    .word 0xaa55
