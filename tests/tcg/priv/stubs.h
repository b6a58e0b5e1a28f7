/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Exception stubs, one per vector, 16 bytes apart: stub_table. They push 0 where the processor pushes no error code,
 * then the vector, and go on at common.
 */
    .globl stub_table
    .balign 16
stub_table:
vector = 0
    .rept 256
    .balign 16
    .if (vector == 8) || (vector >= 10 && vector <= 14) || (vector == 17)
    .else
    push 0
    .endif
    push vector
    jmp common
vector = vector + 1
    .endr
