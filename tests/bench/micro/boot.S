/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the Multiboot entry (32-bit protected mode, paging off) to 64-bit C with an identity map of 128 MiB in 2 MiB
 * pages. SSE and x87 are on, AVX if there is one, interrupts are off and stay off.
 * Follows: Multiboot Specification 0.6.96; Intel SDM vol. 3A, "Initializing IA-32e Mode".
 */
    .intel_syntax noprefix

#define MULTIBOOT_MAGIC 0x1badb002
#define PAGE_TABLE_ENTRIES 64

    .section .multiboot, "a"
    .balign 4
    .long MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC

    .code32
    .section .text.start, "ax"
    .globl start
start:
    cld
    mov esp, offset stack_top
    mov esi, ebx                        /* Multiboot information */

    mov dword ptr [pml4], offset pdpt + 3
    mov dword ptr [pdpt], offset pd + 3
    mov edi, offset pd
    mov eax, 0x83                       /* present, writable, 2 MiB */
    mov ecx, PAGE_TABLE_ENTRIES
1:  mov [edi], eax
    add eax, 0x200000
    add edi, 8
    loop 1b

    mov eax, cr4
    or eax, 1 << 5 | 1 << 9 | 1 << 10   /* PAE, OSFXSR, OSXMMEXCPT */
    mov cr4, eax
    mov eax, offset pml4
    mov cr3, eax
    mov ecx, 0xc0000080                 /* EFER */
    rdmsr
    or eax, 1 << 8                      /* LME */
    wrmsr
    mov eax, cr0
    and eax, ~(1 << 2 | 1 << 3)         /* EM, TS */
    or eax, 1 << 31 | 1 << 1 | 1        /* PG, MP, PE */
    mov cr0, eax
    lgdt [gdt_pointer]
    ljmp 8, offset long_mode            /* kernel.ld puts it below 4 GiB */

    .code64
long_mode:
    mov eax, 16
    mov ds, eax
    mov es, eax
    mov ss, eax
    mov eax, 1
    cpuid
    and ecx, 1 << 26 | 1 << 28          /* XSAVE, AVX */
    cmp ecx, 1 << 26 | 1 << 28
    jne 1f
    mov rax, cr4
    or eax, 1 << 18                     /* OSXSAVE */
    mov cr4, rax
    xor ecx, ecx
    xor edx, edx
    mov eax, 7
    xsetbv
1:  mov edi, esi
    call kernel_main
1:  hlt
    jmp 1b

/* The handler of vector 40h, whose cost is measured, and the one of anything unexpected. */
    .globl interrupt_nothing, interrupt_unexpected
interrupt_nothing:
    iretq
interrupt_unexpected:
    call kernel_unexpected

    .section .data
    .balign 8
gdt:
    .quad 0, 0x00af9a000000ffff, 0x00af92000000ffff
gdt_pointer:
    .word . - gdt - 1
    .long gdt

    .section .bss
    .balign 4096
pml4:   .skip 4096
pdpt:   .skip 4096
pd:     .skip 4096
    .skip 16384
stack_top:

    .section .note.GNU-stack, "", @progbits
