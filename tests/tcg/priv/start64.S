/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 64-bit test kernel's entry, exception stubs and start of further processors.
 *
 * Memory is mapped twice: 0 to 1 GiB as it is, for the supervisor, and again from 2 GiB on with user rights (boot.h,
 * USER()).
 * Tables: gdt_table and idt_table in lib.c, so that tests can change them.
 * Follows: Multiboot Specification 0.6.96; Intel SDM vol. 3A, "Initializing IA-32e Mode", "MP Initialization".
 */
    .intel_syntax noprefix

#define MULTIBOOT_MAGIC 0x1badb002
#define AP_VECTOR 8                     /* start-up IPI: 8000h */
#define AP_BYTES 64                     /* at least ap_end - ap_begin */

    .section .multiboot, "a"
    .balign 4
    .long MULTIBOOT_MAGIC, 0, -MULTIBOOT_MAGIC

    .code32
    .section .text.start, "ax"
    .globl start
start:
    cld
    mov esp, offset boot_stack_top
    mov [multiboot_info], ebx

    mov dword ptr [boot_pml4], offset boot_pdpt + 7
    mov dword ptr [boot_pdpt], offset boot_pd + 3
    mov dword ptr [boot_pdpt + 2 * 8], offset boot_pd_user + 7
    mov eax, 0x83                       /* present, writable, 2 MiB */
    xor ecx, ecx
1:  mov [boot_pd + ecx * 8], eax
    lea edx, [eax + 4]
    mov [boot_pd_user + ecx * 8], edx
    add eax, 0x200000
    inc ecx
    cmp ecx, 512
    jb 1b

    /* what processors that come later need below 1 MiB */
    mov esi, offset ap_begin
    mov edi, AP_VECTOR << 12
    mov ecx, AP_BYTES
    rep movsb

enter_long_mode:
    mov eax, cr4
    or eax, 1 << 5 | 1 << 9 | 1 << 10   /* PAE, OSFXSR, OSXMMEXCPT */
    mov cr4, eax
    mov eax, offset boot_pml4
    mov cr3, eax
    mov ecx, 0xc0000080                 /* EFER */
    rdmsr
    or eax, 1 << 8 | 1 << 11 | 1        /* LME, NXE, SCE */
    wrmsr
    mov eax, cr0
    and eax, ~(1 << 2 | 1 << 3 | 3 << 29)       /* EM, TS, CD, NW */
    or eax, 1 << 31 | 1 << 16 | 1 << 5 | 1 << 1 | 1     /* PG, WP, NE, MP, PE */
    mov cr0, eax
    lgdt [boot_gdt_pointer]
    ljmp 8, offset long_mode

    .code64
long_mode:
    mov eax, 16
    mov ds, eax
    mov es, eax
    mov ss, eax
    xor eax, eax
    mov fs, eax
    mov gs, eax
    mov eax, 1
    cpuid
    shr ebx, 24                         /* the number of this processor: its APIC ID */
    jnz 1f
    call kernel_main
1:  mov esp, ebx
    shl esp, 14
    add rsp, offset ap_stacks
    mov edi, ebx
    call ap_main
2:  hlt
    jmp 2b

    .code16
ap_begin:
    cli
    xor ax, ax
    mov ds, ax
    lgdtd [ap_gdt_pointer - ap_begin + (AP_VECTOR << 12)]
    mov eax, cr0
    or al, 1
    mov cr0, eax
    ljmpd 0x18, offset ap_protected
ap_gdt_pointer:
    .word boot_gdt_end - boot_gdt - 1
    .long boot_gdt
ap_end:

    .code32
ap_protected:
    mov eax, 16
    mov ds, eax
    mov ss, eax
    jmp enter_long_mode

    .code64
    .section .text, "ax"

/* ---- exceptions: the stub of the vector, then the registers as struct Frame, then C ---- */

#include "stubs.h"

common:
    cld
    push r15
    push r14
    push r13
    push r12
    push r11
    push r10
    push r9
    push r8
    push rbp
    push rdi
    push rsi
    push rdx
    push rcx
    push rbx
    push rax
    mov rdi, rsp
    mov rbx, rsp
    and rsp, -16
    call trap_handler
    mov rsp, rbx
    pop rax
    pop rbx
    pop rcx
    pop rdx
    pop rsi
    pop rdi
    pop rbp
    pop r8
    pop r9
    pop r10
    pop r11
    pop r12
    pop r13
    pop r14
    pop r15
    add rsp, 16
    iretq

/* ---- int save_point(SavePoint *), noreturn void back_to(SavePoint *): also across levels ---- */

    .globl save_point, back_to
save_point:
    mov [rdi], rbx
    mov [rdi + 8], rbp
    mov [rdi + 16], r12
    mov [rdi + 24], r13
    mov [rdi + 32], r14
    mov [rdi + 40], r15
    lea rax, [rsp + 8]
    mov [rdi + 48], rax
    mov rax, [rsp]
    mov [rdi + 56], rax
    xor eax, eax
    ret

back_to:
    mov eax, 16
    mov ss, eax
    mov ds, eax
    mov es, eax
    mov rbx, [rdi]
    mov rbp, [rdi + 8]
    mov r12, [rdi + 16]
    mov r13, [rdi + 24]
    mov r14, [rdi + 32]
    mov r15, [rdi + 40]
    mov rsp, [rdi + 48]
    push 2
    popfq
    mov rax, [rdi + 56]
    push 8
    push rax
    mov eax, 1
    lretq

    .section .data
    .balign 8
boot_gdt:
    .quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff, 0x00cf9a000000ffff
boot_gdt_end:
boot_gdt_pointer:
    .word boot_gdt_end - boot_gdt - 1
    .long boot_gdt

    .section .bss
    .globl boot_pml4, boot_pdpt, boot_pd, multiboot_info, boot_stack_top
    .balign 4096
boot_pml4:      .skip 4096
boot_pdpt:      .skip 4096
boot_pd:        .skip 4096
boot_pd_user:   .skip 4096
    .skip 16384
boot_stack_top:
ap_stacks:      .skip 16384 * 16
multiboot_info: .skip 8

    .section .note.GNU-stack, "", @progbits
