/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The 32-bit test kernel's entry and exception stubs. Flat segments, no paging until a test turns it on.
 *
 * Tables: gdt_table and idt_table in lib.c, so that tests can change them.
 * Follows: Multiboot Specification 0.6.96.
 */
    .intel_syntax noprefix

#define MULTIBOOT_MAGIC 0x1badb002

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
    call kernel_main

    .section .text, "ax"

/* ---- exceptions: the stub of the vector, then the registers as struct Frame, then C ---- */

#include "stubs.h"

common:
    pusha
    push ds
    push es
    push fs
    push gs
    mov eax, 0x10
    mov ds, eax
    mov es, eax
    cld
    mov eax, esp
    mov ebx, esp
    and esp, -16
    sub esp, 12
    push eax
    call trap_handler
    mov esp, ebx
    pop gs
    pop fs
    pop es
    pop ds
    popa
    add esp, 8
    iretd

/* ---- int save_point(SavePoint *), noreturn void back_to(SavePoint *): also across levels ---- */

    .globl save_point, back_to
save_point:
    mov ecx, [esp + 4]
    mov [ecx], ebx
    mov [ecx + 4], ebp
    mov [ecx + 8], esi
    mov [ecx + 12], edi
    mov eax, [esp]
    mov [ecx + 16], eax
    lea eax, [esp + 4]
    mov [ecx + 20], eax
    xor eax, eax
    ret

back_to:
    mov ecx, [esp + 4]
    mov eax, 0x10
    mov ss, eax
    mov esp, cs:[ecx + 20]
    mov ds, eax
    mov es, eax
    mov ebx, [ecx]
    mov ebp, [ecx + 4]
    mov esi, [ecx + 8]
    mov edi, [ecx + 12]
    xor eax, eax
    mov fs, eax
    mov gs, eax
    push 2
    popfd
    push 8
    push dword ptr [ecx + 16]
    mov eax, 1
    retfd

/* ---- noreturn void enter_state(const UserState *): the fields as in arch32.h ---- */

    .globl enter_state
enter_state:
    mov eax, [esp + 4]
    push dword ptr [eax + 64]       /* what vm86 takes: GS FS DS ES */
    push dword ptr [eax + 60]
    push dword ptr [eax + 52]
    push dword ptr [eax + 56]
    push dword ptr [eax + 48]       /* SS ESP EFLAGS CS EIP */
    push dword ptr [eax + 28]
    push dword ptr [eax + 40]
    push dword ptr [eax + 44]
    push dword ptr [eax + 36]
    mov ebx, [eax + 4]
    mov ecx, [eax + 8]
    mov edx, [eax + 12]
    mov esi, [eax + 16]
    mov edi, [eax + 20]
    mov ebp, [eax + 24]
    test dword ptr [eax + 40], 1 << 17
    jnz 1f
    mov es, [eax + 56]
    mov fs, [eax + 60]
    mov gs, [eax + 64]
    push dword ptr [eax + 52]
    mov eax, [eax]
    pop ds
    iretd
1:  mov eax, [eax]
    iretd

    .section .bss
    .globl multiboot_info, boot_stack_top
    .balign 16
    .skip 16384
boot_stack_top:
multiboot_info: .skip 8

    .section .note.GNU-stack, "", @progbits
