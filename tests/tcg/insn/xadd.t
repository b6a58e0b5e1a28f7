# XADD (SDM vol. 2D): sum to the destination, old destination to the source, flags as ADD.
xadd  al, al              | al=80                    | native
xadd  cl, al              | al=ff cl=1               | native
xadd  eax, ecx            | rax=ffffffff80000000 rcx=ffffffff80000000 | native
lock xadd [mem], ecx      | ecx=1 mem=ffffffff       | native
xadd  [readonly], ecx     | ecx=7                    | native #PF, ecx=7    # a fault leaves the register alone
xadd  [missing], rcx      | rcx=7                    | native #PF, rcx=7
xadd  [rax], al           | rax=10000400 mem=f0      | native
