/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The measured loops: one cost of an emulator each. The bare-metal kernel (kernel.c) and the native program (native.c)
 * link the same file.
 *
 * A loop is entered with r15 = iterations and rbp = a zeroed buffer of 8 MiB, and may use every register but rsp.
 * What it measures stands in its row of scripts/bench, with how often it runs. Loops that need ring 0 are never called
 * by the native program.
 *
 * LOOP name ... ENDLOOP makes the code and a row { name, code } of the table that loop_table_start/end enclose.
 */
    .intel_syntax noprefix

    .macro LOOP name
    .section .rodata.names, "a"
9:  .asciz "\name"
    .section .data.loops, "aw"
    .quad 9b, loop_\name
    /* Writable: one of the loops patches itself. */
    .section .loops, "awx", @progbits
    .balign 64
loop_\name:
    .endm

    .macro ENDLOOP
    ret
    .endm

    .section .data.loops, "aw"
    .balign 8
    .globl loop_table_start, loop_table_end
loop_table_start:

/* ---- integer code ------------------------------------------------------------------------------------------------ */

LOOP empty
1:  dec r15
    jnz 1b
ENDLOOP

LOOP alu
    .balign 16
1:  add rax, rbx
    xor rcx, rax
    add rdx, rcx
    sub rsi, rdx
    and rdi, rsi
    or r8, rax
    add r9, r8
    xor r10, r9
    add rax, rbx
    xor rcx, rax
    add rdx, rcx
    sub rsi, rdx
    lea r11, [r10 + r9 * 4 + 7]
    shl r11, 3
    imul r12, r11
    add r13, r12
    dec r15
    jnz 1b
ENDLOOP

LOOP branch
1:  mov rax, r15
    and eax, 7
    cmp eax, 3
    jl 2f
    cmp eax, 5
    jg 3f
    inc rbx
    jmp 4f
2:  inc rcx
    jmp 4f
3:  inc rdx
4:  test r15d, 1
    jz 5f
    add rsi, 5
5:  cmp rsi, rbx
    cmovg rdi, rsi
    setc al
    dec r15
    jnz 1b
ENDLOOP

LOOP callret
1:  call 2f
    call 2f
    call 2f
    call 2f
    dec r15
    jnz 1b
    jmp 3f
2:  inc rax
    ret
3:
ENDLOOP

LOOP indir
    lea rbx, [rip + indir_table]
1:  mov eax, r15d
    and eax, 7
    movsxd rcx, dword ptr [rbx + rax * 4]
    add rcx, rbx
    jmp rcx
indir_table:
    .long 20f - indir_table, 21f - indir_table, 22f - indir_table, 23f - indir_table
    .long 24f - indir_table, 25f - indir_table, 26f - indir_table, 27f - indir_table
20: inc rdx
    jmp 3f
21: add rdx, 2
    jmp 3f
22: add rdx, 3
    jmp 3f
23: add rdx, 4
    jmp 3f
24: add rdx, 5
    jmp 3f
25: add rdx, 6
    jmp 3f
26: add rdx, 7
    jmp 3f
27: add rdx, 8
3:  dec r15
    jnz 1b
ENDLOOP

/* Two pages that jump to each other. */
LOOP xpage
1:  jmp 3f
    .balign 4096
2:  dec r15
    jnz 1b
    jmp 4f
    .balign 4096
3:  inc rax
    jmp 2b
4:
ENDLOOP

/* ---- memory ------------------------------------------------------------------------------------------------------ */

LOOP mem
    mov rsi, rbp
    mov edx, 1
    .balign 16
1:  mov rax, [rsi]
    mov rcx, [rsi + 8]
    add rax, rcx
    mov [rsi + 64], rax
    mov rbx, [rsi + 128]
    mov rdi, [rsi + 256]
    add rbx, rdi
    mov [rsi + 512], rbx
    mov r8d, [rsi + 1024]
    mov r9d, [rsi + 1032]
    mov [rsi + 1040], r8d
    mov [rsi + 1048], r9d
    add qword ptr [rsi + 2048], 1
    movzx r10d, byte ptr [rsi + 3000]
    mov [rsi + 3001], r10b
    dec r15
    jnz 1b
ENDLOOP

/* 1024 pages, one load each: more than a small software TLB holds. */
LOOP stride
1:  mov rsi, rbp
    mov ecx, 1024
2:  mov rax, [rsi]
    add rsi, 4096
    dec ecx
    jnz 2b
    dec r15
    jnz 1b
ENDLOOP

LOOP repmovs
1:  lea rsi, [rbp]
    lea rdi, [rbp + 8192]
    mov ecx, 4096
    rep movsb
    dec r15
    jnz 1b
ENDLOOP

LOOP repstosq
1:  lea rdi, [rbp + 8192]
    mov ecx, 512
    rep stosq
    dec r15
    jnz 1b
ENDLOOP

LOOP lockadd
    mov rsi, rbp
1:  lock add qword ptr [rsi], 1
    mov eax, 1
    lock xadd [rsi + 64], rax
    dec r15
    jnz 1b
ENDLOOP

/* ---- vectors and floating point: all numbers stay normal, so that no denormal slows the host down ---------------- */

    .macro FP_START
    mov rax, 0x3ff199999999999a         /* 1.1 */
    movq xmm0, rax
    mov rax, 0x3ff0000000000d00         /* a little more than 1 */
    movq xmm1, rax
    .endm

LOOP ssedbl
    FP_START
    unpcklpd xmm0, xmm0
    movapd xmm2, xmm0
    movapd xmm4, xmm0
    movapd xmm6, xmm0
    unpcklpd xmm1, xmm1
    movapd xmm3, xmm1
    movapd xmm5, xmm1
    movapd xmm7, xmm1
1:  addpd xmm0, xmm1
    mulpd xmm2, xmm3
    addpd xmm4, xmm5
    mulpd xmm6, xmm7
    addpd xmm0, xmm1
    subpd xmm2, xmm3
    addpd xmm4, xmm5
    mulpd xmm6, xmm7
    dec r15
    jnz 1b
ENDLOOP

LOOP ssescal
    FP_START
    movapd xmm2, xmm0
    movapd xmm4, xmm0
    movapd xmm6, xmm0
    movapd xmm3, xmm1
    movapd xmm5, xmm1
    movapd xmm7, xmm1
    xor eax, eax
1:  addsd xmm0, xmm1
    mulsd xmm2, xmm3
    addsd xmm4, xmm5
    mulsd xmm6, xmm7
    addsd xmm0, xmm1
    subsd xmm2, xmm3
    cvtsi2sd xmm4, rax
    mulsd xmm6, xmm7
    dec r15
    jnz 1b
ENDLOOP

LOOP sseint
1:  paddd xmm0, xmm1
    pxor xmm2, xmm3
    pcmpeqb xmm4, xmm5
    pshufb xmm6, xmm7
    paddd xmm0, xmm1
    por xmm2, xmm3
    psrld xmm4, 3
    punpcklbw xmm6, xmm7
    dec r15
    jnz 1b
ENDLOOP

/* The same with VEX: 256 bits, three operands, unaligned memory. */
LOOP avxdbl
    FP_START
    vbroadcastsd ymm0, xmm0
    vbroadcastsd ymm1, xmm1
    vmovapd ymm2, ymm0
    vmovapd ymm3, ymm1
1:  vaddpd ymm4, ymm0, ymm1
    vmulpd ymm5, ymm2, ymm3
    vsubpd ymm6, ymm4, ymm1
    vfmadd231pd ymm7, ymm5, ymm3
    vmaxpd ymm4, ymm6, ymm0
    vmulpd ymm5, ymm4, ymm3
    vandpd ymm7, ymm5, ymm1
    vaddpd ymm6, ymm7, ymm0
    dec r15
    jnz 1b
    vzeroupper
ENDLOOP

LOOP avxint
1:  vpaddd ymm0, ymm0, ymm1
    vpxor ymm2, ymm2, ymm3
    vpcmpeqb ymm4, ymm0, ymm5
    vpshufb ymm6, ymm4, ymm7
    vpaddd ymm0, ymm6, ymm1
    vpor ymm2, ymm2, ymm0
    vpsrld ymm4, ymm4, 3
    vpermq ymm6, ymm6, 0x39
    dec r15
    jnz 1b
    vzeroupper
ENDLOOP

LOOP avxmem
1:  vmovdqu ymm0, [rbp]
    vpaddd ymm1, ymm0, [rbp + 33]
    vpcmpeqb ymm2, ymm1, [rbp + 64]
    vmovdqu [rbp + 256], ymm2
    vpmovmskb eax, ymm2
    vpbroadcastd ymm3, [rbp + 12]
    vpxor ymm3, ymm3, ymm1
    vmovups [rbp + 320], xmm3
    dec r15
    jnz 1b
    vzeroupper
ENDLOOP

/* What a function that uses AVX leaves with. */
LOOP vzeroupper
1:  vpaddd ymm0, ymm0, ymm1
    vzeroupper
    dec r15
    jnz 1b
ENDLOOP

LOOP x87
    fninit
    fld1
    fldpi
1:  fld st(0)
    fadd st(0), st(2)
    fsub st(0), st(2)
    fstp st(1)
    fld st(0)
    fmul st(0), st(2)
    fabs
    fstp st(1)
    dec r15
    jnz 1b
    fninit
ENDLOOP

/* ---- what a kernel does ------------------------------------------------------------------------------------------ */

/* The same table again: everything not global is gone from the TLB, and four pages come back. */
LOOP cr3
    mov rax, cr3
1:  mov cr3, rax
    mov rbx, [rbp]
    mov rbx, [rbp + 4096]
    mov rbx, [rbp + 8192]
    mov rbx, [rbp + 3 * 4096]
    dec r15
    jnz 1b
ENDLOOP

/* Each round changes the operand of the very next instruction. */
LOOP smc
    lea rbx, [rip + 2f + 1]
1:  mov [rbx], r15b
2:  mov al, 0
    dec r15
    jnz 1b
ENDLOOP

LOOP int
1:  int 0x40
    dec r15
    jnz 1b
ENDLOOP

LOOP pio
1:  out 0x80, al
    dec r15
    jnz 1b
ENDLOOP

    .section .data.loops, "aw"
loop_table_end:

/* ---- void loop_call(void (*loop)(void), void *buffer, uint64_t iterations) --------------------------------------- */

    .text
    .globl loop_call
loop_call:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    mov rax, rdi
    mov rbp, rsi
    mov r15, rdx
    call rax
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret

    .section .note.GNU-stack, "", @progbits
