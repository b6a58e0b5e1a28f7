# Prefixes and encodings (SDM vol. 2A, "Instruction Format"); what vendors do differently says what the default CPU does.
.byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0xff,0xc0       | ax=ffff | native ax=0
.byte 0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0x66,0xff,0xc0  | ax=ffff | native #GP
.byte 0xf3, 0x41, 0x90                | rax=1 r8=2                    | rax=1 r8=2         # PAUSE; AMD exchanges
.byte 0x41, 0x90                      | rax=1 r8=2                    | native rax=2 r8=1
.byte 0x87, 0xc0                      | rax=1111111122222222          | native rax=22222222
.byte 0x90                            | rax=1111111122222222          | native rax=1111111122222222
.byte 0x48, 0x66, 0xff, 0xc0          | rax=111111112222ffff          | native rax=1111111122220000
.byte 0x66, 0xe9, 0x00, 0x00, 0x00, 0x00 | eax=5                      | rax=5              # AMD: 16-bit offset and IP
.byte 0xf0, 0x01, 0xc8                |                               | native #UD         # LOCK with a register
.byte 0xf0, 0x38, 0x08                | rax=10000400                  | native #UD         # LOCK CMP
.byte 0xf0, 0x0f, 0xa3, 0x08          | rax=10000400                  | native #UD         # LOCK BT
.byte 0xf0, 0x87, 0x08                | rax=10000400 mem=01020304     | native
.byte 0xf0, 0x89, 0x0c, 0x25, 0x00, 0x30, 0x00, 0x10 |                | native #UD         # wins over the missing page
.byte 0x0f, 0x0d, 0x00                | rax=10003000                  | native             # PREFETCH never faults
nop dword ptr [missing]               |                               | native
lea rax, [eax + 4]                    | rax=1111111122222222          | native rax=22222226
mov eax, gs:[0]                       | @10000800=78563412            | native rax=12345678
mov al, gs:[eax]                      | rax=ffffffff00000000          | native
movabs al, [0x10000400]               | mem=5a                        | native al=5a
