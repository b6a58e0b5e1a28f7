# Bit scans, counts and the BMI sets.
bsf eax, ecx           | rax=1111111122222222 ecx=0  | native zf=1 rax=1111111122222222     # destination untouched
bsr rax, rcx           | rax=5 rcx=0                 | native zf=1 rax=5
bsf eax, ecx           | ecx=80000000                | native rax=1f
tzcnt ax, cx           | rax=1111111122222222 cx=0   | native
lzcnt eax, ecx         | ecx=0                       | native rax=20 cf=1
popcnt rax, rcx        | rcx=ffffffffffffffff        | native rax=40
bswap eax              | rax=1111111122334455        | native rax=55443322
.byte 0x66, 0x0f, 0xc8 | rax=1111111122334455        | rax=1111111122330000                 # undefined by the SDM
bextr eax, ecx, edx    | ecx=12345678 edx=808        | native rax=56
bextr rax, rcx, rdx    | rcx=ffffffffffffffff rdx=ff00 | native
bzhi rax, rcx, rdx     | rcx=ffffffffffffffff rdx=40 | native cf=1
bzhi eax, ecx, edx     | ecx=ffffffff edx=ff04       | native rax=f
pdep eax, ecx, edx     | ecx=5 edx=f0f0              | native
pext rax, rcx, rdx     | rcx=123456789abcdef0 rdx=f0f0f0f0f0f0f0f0 | native
mulx rax, rax, rcx     | rdx=ffffffffffffffff rcx=ffffffffffffffff | native             # one destination twice: the high half
rorx eax, ecx, 33      | ecx=1                       | native rax=80000000
adcx eax, ecx          | eax=ffffffff ecx=0 cf=1 of=1 | native cf=1 of=1
adox eax, ecx          | eax=ffffffff ecx=0 cf=0 of=1 | native cf=0 of=1
crc32 eax, byte ptr [mem] | eax=0 mem=61             | native
cmpxchg eax, ecx       | rax=1111111122222222 rcx=5  | native
cmpxchg ecx, edx       | rax=1111111100000007 rcx=2222222200000008 rdx=9 | native
cmpxchg8b [mem]        | eax=1 edx=2 mem=0100000002000000 ebx=3 ecx=4 | native zf=1
cmpxchg8b [mem]        | eax=1 edx=3 mem=0100000002000000 ebx=3 ecx=4 | native zf=0 rdx=2
movsxd rax, ecx        | ecx=80000000                | native
imul ax, cx, -1        | rax=1111111122222222 cx=8000 | native
mul cl                 | rax=11111111222222ff cl=ff  | native
cwd                    | ax=8000 rdx=1111111122222222 | native
