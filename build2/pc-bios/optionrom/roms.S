    .section .rodata
    .balign 16
    .globl optionrom_linuxboot, optionrom_linuxboot_end
optionrom_linuxboot:
    .incbin "pc-bios/optionrom/linuxboot.bin"
optionrom_linuxboot_end:
    .balign 16
    .globl optionrom_multiboot, optionrom_multiboot_end
optionrom_multiboot:
    .incbin "pc-bios/optionrom/multiboot.bin"
optionrom_multiboot_end:
    .byte 0
    .section .note.GNU-stack,"",%progbits
