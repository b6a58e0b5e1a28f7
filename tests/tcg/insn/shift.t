# Counts: masked to 5 or 6 bits; of 0 they leave the flags, but 32-bit destinations are zero-extended.
shl eax, cl               | rax=ffffffff80000001 cl=20 cf=1 of=1 sf=1 zf=1 pf=1 | native rax=80000001 cf=1 of=1 zf=1
shl rax, cl               | rax=8000000000000001 cl=40 zf=1 | native
shr rax, cl               | rax=8000000000000001 cl=3f      | native rax=1
sar al, cl                | al=80 cl=1f                     | native al=ff
shl al, cl                | al=01 cl=8                      | native -cf al=0
rol al, cl                | al=81 cl=8                      | native al=81
rol al, 8                 | al=81 of=1                      | native al=81 cf=1
rcl al, cl                | al=81 cl=9 cf=1                 | native al=81 cf=1
rcl ax, cl                | ax=8001 cl=11 cf=0             | native
rcr al, 1                 | al=1 cf=1                       | native
rcr al, cl                | al=80 cl=12 cf=0                | native
shld eax, edx, cl         | rax=ffffffff12345678 edx=9abcdef0 cl=4 | native
shld eax, edx, cl         | rax=ffffffff12345678 edx=9abcdef0 cl=20 | native rax=12345678
shrd rax, rdx, 63         | rax=8000000000000000 rdx=1      | native
.byte 0xc0, 0xf0, 0x03    | al=41                           | native -af -of     # /6 is SHL as /4
.byte 0xd3, 0xf0          | eax=41 cl=5                     | native -af -of
# shifts by an undefined-flag count as measured on Intel: O by the operand, whatever the count
shl al, 3                 | al=41                           | al=8 of=1 cf=0
shr al, 3                 | al=81                           | al=10 of=1
rol al, 3                 | al=41 of=0                      | al=0a of=0
