# Which exception, with which address; registers and memory stay as they were.
mov eax, [missing]                | eax=5                      | native #PF rax=5
mov [readonly], eax               |                            | native #PF
mov eax, [readonly]               |                            | native
mov [missing - 2], eax            |                            | native #PF
mov [missing + 0xffe], eax        |                            | native #PF
mov [readonly - 2], eax           |                            | native #PF
xchg [readonly], al               | al=5                       | native #PF al=5
cmpxchg [readonly], ecx           | eax=0                      | native #PF            # written even when unequal
bts dword ptr [readonly], 3       |                            | native #PF
bt dword ptr [readonly], 3        |                            | native
bt [rax], ecx                     | rax=10002ffc ecx=1f        | native
bt [rax], ecx                     | rax=10002ffc ecx=20        | native #PF
bts word ptr [rax], cx            | rax=10000400 ecx=8000      | native
bts qword ptr [rax], rcx          | rax=10000400 rcx=ffffffffffffff00 | native
cmovz eax, [missing]              | zf=0 eax=5                 | native #PF            # read although the condition is false
cmovz eax, ecx                    | zf=0 rax=1111111122222222  | native rax=22222222
div ecx                           | ecx=0 eax=1 edx=0          | native #DE
div ecx                           | ecx=1 eax=1 edx=1          | native #DE
idiv ecx                          | ecx=ffffffff eax=80000000 edx=ffffffff | native #DE
idiv cl                           | ax=ff80 cl=ff              | native #DE
push [missing]                    |                            | native #PF
pop [readonly]                    |                            | native #PF
push rax                          | rsp=10004000               | native #PF rsp=10004000
call 9f; 9: nop                   | rsp=10004004               | native #PF
mov rax, [rcx]                    | rcx=800000000000           | native #GP
mov rax, [rbp]                    | rbp=800000000000           | native #SS
mov rax, [rsp + 8]                | rsp=7ffffffffff8           | native #SS
mov rax, [rbp + rcx]              | rbp=0 rcx=8000000000000000 | native #SS
mov rax, [rcx + rbp]              | rbp=0 rcx=8000000000000000 | native
push rax                          | rsp=8000000000000000       | native #SS
ret                               | rsp=8000000000000000       | native #SS
movaps xmm0, [rax]                | rax=10000404               | native #GP
movaps xmm0, [rax]                | rax=10003004               | native #GP            # alignment before the page
movups xmm0, [rax]                | rax=10002ff8               | native #PF
paddd xmm0, [rax]                 | rax=10000408               | native #GP
cmpxchg16b [rax]                  | rax=10000408               | native #GP
pcmpistri xmm0, [rax], 0          | rax=10000401               | native
movss xmm0, [rax]                 | rax=10002ffc               | native
maskmovdqu xmm0, xmm1             | rdi=10002ff8 xmm1=0        | native
hlt                               |                            | native #GP
ud2                               |                            | native #UD
int3                              |                            | native #BP
int 0x80 + 1                      |                            | #GP
mov cr0, rax                      |                            | native #GP
mov rax, cr1                      |                            | native #UD
leave                             | rbp=10003000               | native #PF
enter 8, 0                        | rsp=10004000               | native #PF
fld qword ptr [missing]           | fcw=37f                    | native #PF
fstp tbyte ptr [missing - 8]      | st0=3fff:8000000000000000  | native #PF
stosb                             | rdi=10003000               | native #PF rdi=10003000
bits 32
mov eax, [ecx]                    | ecx=ffffffff               | native #GP
mov eax, [ebp]                    | ebp=fffffffe               | native #SS
push eax                          | esp=2                      | native
into                              | of=1                       | native #OF
into                              | of=0                       | native
bound eax, [mem]                  | eax=5 mem=0000000004000000 | native #BR
bound eax, [mem]                  | eax=4 mem=0000000004000000 | native
aam 0                             | eax=5                      | native #DE
