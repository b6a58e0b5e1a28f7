/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A boot sector that goes through video modes: sets one, fills what can be seen with a pattern, writes 'D' to port E9h,
 * and goes on to the next with the next key; 'E' at the end. Nothing blinks.
 */
    .intel_syntax noprefix
    .text
    .code16
    jmp start

/* Mode, segment of its window, what it is: 0 bytes (of 64 KiB banks), 1 words of 32 KiB, 2 four planes. */
modes:
    .word 0x0002, 0xb800, 1, 0x0003, 0xb800, 1
    .word 0x0004, 0xb800, 1, 0x0005, 0xb800, 1, 0x0006, 0xb800, 1
    .word 0x000d, 0xa000, 2, 0x000e, 0xa000, 2, 0x000f, 0xa000, 2, 0x0010, 0xa000, 2, 0x0011, 0xa000, 2
    .word 0x0012, 0xa000, 2, 0x0013, 0xa000, 0
    .word 0x0100, 0xa000, 0, 0x0101, 0xa000, 0, 0x0103, 0xa000, 0, 0x0105, 0xa000, 0, 0x0107, 0xa000, 0
    .word 0x010e, 0xa000, 0, 0x010f, 0xa000, 0, 0x0111, 0xa000, 0, 0x0112, 0xa000, 0, 0x0115, 0xa000, 0
    .word 0x0117, 0xa000, 0, 0x0118, 0xa000, 0, 0x011b, 0xa000, 0, 0x0140, 0xa000, 0, 0x0142, 0xa000, 0
    .word 0x0144, 0xa000, 0
    .word 0

start:
    xor ax, ax
    mov ds, ax
    mov ss, ax
    mov sp, 0x7c00
    cld
    mov si, offset modes
next:
    lodsw
    test ax, ax
    jz done
    mov bx, ax
    cmp ah, 1
    jb set
    mov ax, 0x4f02
set:
    int 0x10
    lodsw
    mov es, ax
    lodsw
    xor dx, dx
    cmp al, 1
    jb banks
    je words

    mov cx, 1                           /* planes, one after the other */
planes:
    mov dx, 0x3c4
    mov al, 2
    mov ah, cl
    out dx, ax
    xor di, di
plane_byte:
    mov ax, di
    mul cx
    shr ax, 2
    xor ax, di
    stosb
    test di, di
    jnz plane_byte
    shl cl, 1
    cmp cl, 16
    jb planes
    jmp filled

words:
    mov dx, 0x3da                       /* no blinking, no cursor: a picture that stands still */
    in al, dx
    mov dl, 0xc0
    mov al, 0x10
    cmp bl, 3
    ja fill_words
    out dx, al
    mov al, 0x00
    out dx, al
    mov al, 0x20
    out dx, al
    mov ah, 1
    mov cx, 0x2000
    int 0x10
fill_words:
    xor di, di
text_cell:
    imul ax, di, 0x1d3
    shr ax, 3
    xor ax, di
    stosw
    cmp di, 0x8000
    jb text_cell
    jmp filled

banks:
    mov ax, 0x4f05
    xor bx, bx
    int 0x10
    xor di, di
bank_byte:
    mov ax, di
    shr ax, 5
    xor ax, di
    add al, dl
    stosb
    test di, di
    jnz bank_byte
    inc dx
    cmp dx, 24
    jb banks

filled:
    mov al, 'D'
    out 0xe9, al
    xor ax, ax
    int 0x16
    jmp next
done:
    mov al, 'E'
    out 0xe9, al
halt:
    hlt
    jmp halt

    .org 510
    .word 0xaa55
