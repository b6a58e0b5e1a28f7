# What VEX makes undefined, what faults and what does not. Bytes where the assembler would refuse.
needs avx2
.byte 0xc5, 0xe8, 0x58, 0xc1      | xmm1=3f800000 xmm2=40000000 | native        # vaddps xmm0, xmm2, xmm1
.byte 0x66, 0xc5, 0xe8, 0x58, 0xc1 |                           | native #UD     # no 66 F2 F3 LOCK REX in front
.byte 0xf3, 0xc5, 0xe8, 0x58, 0xc1 |                           | native #UD
.byte 0xf0, 0xc5, 0xe8, 0x58, 0xc1 |                           | native #UD
.byte 0x48, 0xc5, 0xe8, 0x58, 0xc1 |                           | native #UD
.byte 0x3e, 0xc5, 0xe8, 0x58, 0xc1 |                           | native         # segment prefixes may
.byte 0xc5, 0xe8, 0x51, 0xc1      |                            | native #UD     # vsqrtps: vvvv is not 1111
.byte 0xc5, 0xe8, 0x28, 0xc1      |                            | native #UD     # vmovaps
.byte 0xc5, 0xe8, 0x77            |                            | native #UD     # vzeroupper
.byte 0xc5, 0xfd, 0x6e, 0xc0      |                            | native #UD     # vmovd: L
.byte 0xc5, 0xf5, 0xc4, 0xc0, 0   |                            | native #UD     # vpinsrw: L
.byte 0xc4, 0xe2, 0x7d, 0x41, 0xc1 |                           | native #UD     # vphminposuw: L
.byte 0xc4, 0xe3, 0x75, 0x41, 0xc1, 0xff |                     | native #UD     # vdppd: L
.byte 0xc4, 0xe2, 0x79, 0x19, 0xc1 |                           | native #UD     # vbroadcastsd: not L
.byte 0xc4, 0xe2, 0x7d, 0x1a, 0xc1 |                           | native #UD     # vbroadcastf128: memory only
.byte 0xc4, 0xe2, 0xf5, 0x16, 0xc1 |                           | native #UD     # vpermps: W
.byte 0xc4, 0xe2, 0x79, 0x10, 0xc1 |                           | native #UD     # pblendvb has another VEX form
.byte 0xc4, 0xe0, 0x79, 0x58, 0xc1 |                           | native #UD     # map 0
.byte 0xc5, 0xfc, 0xc3, 0x00      | rax=10000400               | native #UD     # movnti
.byte 0xc5, 0xf8, 0x6f, 0xc1      |                            | native #UD     # MMX
.byte 0xc5, 0xee, 0x58, 0xc1      | xmm1=3f800000 xmm2=40000000 | native        # vaddss: L is ignored
.byte 0xc4, 0xe2, 0x75, 0x90, 0x04, 0x08 |                     | native #UD     # vpgatherdd ymm0, [rax+ymm1], ymm1
.byte 0xc4, 0xe2, 0x6d, 0x90, 0x04, 0x00 |                     | native #UD     # vpgatherdd ymm0, [rax+ymm0], ymm2
.byte 0xc4, 0xe2, 0x6d, 0x90, 0x00 |                           | native #UD     # no SIB
vmovaps ymm0, [rax]               | rax=10000410               | native #GP
vmovaps xmm0, [rax]               | rax=10000410               | native
vmovups ymm0, [rax]               | rax=10000401               | native
vmovntdq [rax], ymm0              | rax=10000410               | native #GP
vaddps ymm0, ymm1, [rax]          | rax=10000fe1               | native
vmovups ymm0, [rax]               | rax=10002fe1               | native #PF
vmovups [rax], ymm0               | rax=10001fe1               | native #PF
vmovaps ymm0, [rax]               | rax=800000000000           | native #GP
vmovups ymm0, [rbp]               | rbp=800000000000           | native #SS
vmaskmovps ymm0, ymm1, [missing]  | ymm0=55                    | native         # nothing is selected
vmaskmovps ymm0, ymm1, [missing-16] | xmm1=80000000             | native         # the first is there
vmaskmovps ymm0, ymm1, [missing-16] | ymm1=80000000             | native #PF
vpmaskmovd [readonly-16], ymm1, ymm0 | xmm0=5 ymm1=80000000 xmm1=80000000 | native #PF
vpmaskmovd [readonly-16], ymm1, ymm0 | xmm0=5 xmm1=80000000    | native
movaps xmm0, xmm1                 | ymm0=123456789 ymm1=55      | native         # the upper half stays
vmovaps xmm0, xmm1                | ymm0=123456789 ymm1=55      | native ymm0=0
vzeroupper                        | ymm15=1 xmm15=7            | native ymm15=0 xmm15=7
vzeroall                          | ymm15=1 xmm15=7            | native ymm15=0 xmm15=0
vdivps ymm0, ymm1, ymm2           | mxcsr=1d80 ymm1=3f800000 ymm2=0 | native     # divide by zero, unmasked, in the upper half
vcmpps xmm0, xmm1, xmm2, 0x11     | xmm1=7fc00000              | native         # LT_OQ: a quiet NaN raises nothing
vcmpps xmm0, xmm1, xmm2, 0x10     | xmm1=7fc00000              | native         # EQ_OS does
needs fma
vfmadd231sd xmm0, xmm1, xmm2      | xmm0=bff0000000000000 xmm1=3ff0000000000001 xmm2=3fefffffffffffff | native     # one rounding
needs f16c
vcvtps2ph [readonly], xmm0, 0     | xmm0=3f800001              | native #PF      # and no flag
vcvtps2ph xmm0, xmm1, 0           | xmm1=33000000              | native          # half of the least: to even
needs avx2
bits 32
.byte 0xc5, 0xf8, 0x58, 0xc1      |                            | native         # vaddps xmm0, xmm0, xmm1
.byte 0xc4, 0xc1, 0x78, 0x58, 0xc1 |                           | native         # B does not count
.byte 0xc4, 0xe1, 0x38, 0x58, 0xc1 |                           | native         # nor does the top bit of vvvv,
.byte 0xc4, 0xe1, 0x38, 0x51, 0xc1 |                           | native #UD     # unless it has to be 1
.byte 0xc4, 0xe1, 0xf9, 0x6e, 0xc0 | eax=5                      | native         # vmovd: nor W,
.byte 0xc4, 0xe3, 0xf1, 0x22, 0xc0, 1 |                         | native #UD     # unless vpinsrq
.byte 0xc4, 0xe3, 0x71, 0x4a, 0xc2, 0xb0 | xmm3=80000000 xmm2=7 | native         # vblendvps: nor the top bit of a register
