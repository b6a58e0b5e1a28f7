# Edges of SSE arithmetic (SDM vol. 1, chapter 11) and of the x87.
minps xmm0, xmm1   | xmm0=00000000_80000000_00000000_7fc00000 xmm1=80000000_00000000_7fc00000_3f800000 | native
maxsd xmm0, xmm1   | xmm0=7ff0000000000001 xmm1=7ff8000000000000 | native
addss xmm0, xmm1   | xmm0=7f800001 xmm1=7fc00000                 | native
addss xmm0, xmm1   | xmm0=00000001 xmm1=00000001 mxcsr=9fc0      | native
mulss xmm0, xmm1   | xmm0=00800000 xmm1=3f000000 mxcsr=9f80      | native
mulss xmm0, xmm1   | xmm0=7f7fffff xmm1=7f7fffff mxcsr=7f80      | native
divss xmm0, xmm1   | xmm0=3f800000 xmm1=0 mxcsr=1d80             | native #XM
divps xmm0, xmm1   | xmm0=3f800000_3f800000_00000000_7f7fffff xmm1=00000000_40400000_00000000_00800000 mxcsr=1b80 | native
sqrtsd xmm0, xmm1  | xmm1=bff0000000000000 mxcsr=1f00            | native #XM
cvttsd2si eax, xmm0 | xmm0=41e0000000000000                      | native rax=80000000
cvtsd2si rax, xmm0 | xmm0=c3e0000000000000                       | native rax=8000000000000000
cvttss2si eax, xmm0 | xmm0=7fc00000 mxcsr=1f00 rax=7             | native #XM rax=7
cvtps2dq xmm0, xmm1 | xmm1=4f000000_cf000000_3fc00000_7fc00000   | native
comiss xmm0, xmm1  | xmm0=7fc00000                               | native
ucomiss xmm0, xmm1 | xmm0=7fc00000                               | native
cmpps xmm0, xmm1, 1 | xmm0=7fc00000_3f800000_0_0                 | native
roundss xmm0, xmm1, 8 | xmm1=40200000                            | native
cvtpi2ps xmm0, [mem] | mem=0100000002000000 fsw=3800             | native
cvtpi2ps xmm0, mm1 | st1=ffff:0000000100000002 fsw=3800          | native
pshufb xmm0, xmm1  | xmm0=0f0e0d0c0b0a0908_0706050403020100 xmm1=8001020304050607_00010203ff050607 | native
fld1; fldz; fdivp st(1), st     |                                | native
fldz; fldz; fdivp st(1), st     |                                | native
fld1; fchs; fsqrt               |                                | native
fadd st, st(1)                  |                                | native                 # both empty
fxch st(1)                      | st0=3fff:8000000000000000      | native
fist word ptr [mem]             | st0=400e:8000000000000000      | native
fistp qword ptr [mem]           | st0=403e:8000000000000000      | native
fistp qword ptr [mem]           | st0=c03e:8000000000000000      | native
fbstp [mem]                     | st0=403a:de0b6b3a76400000      | native
fbstp [mem]                     | st0=c000:8000000000000000      | native
fxam                            | st0=0000:8000000000000000      | native
fxam                            | st0=7fff:0000000000000000      | native
fxam                            |                                | native
fcomi st, st(1)                 | st0=7fff:c000000000000000 st1=3fff:8000000000000000 of=1 af=1 sf=1 | native
fucomi st, st(1)                | st0=7fff:c000000000000000 st1=3fff:8000000000000000 | native
fprem                           | st0=4044:8000000000000000 st1=4000:c000000000000000 | native -cf
fprem1                          | st0=3fff:c000000000000000 st1=3fff:8000000000000000 | native
fld1; fdiv st, st(1); fwait     | fcw=37b st0=0000:0000000000000000 | native #MF
fstp dword ptr [mem]            | st0=5fff:8000000000000000 fcw=377 | native
fstp st(0)                      | fcw=37e fsw=8081               | native #MF
fnstsw ax                       | fcw=37e fsw=8081               | native
fnclex; fstp st(0)              | fcw=37f fsw=8081 st0=3fff:8000000000000000 | native
movq mm0, rax; emms             | fsw=3800                       | native
ldmxcsr [mem]      | mem=801f0100                               | native #GP
