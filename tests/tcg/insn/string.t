# REP (SDM vol. 2B): a fault leaves the completed iterations; EIP stays at the instruction.
rep movsb                 | rsi=10000400 rdi=10002ffe rcx=8           | native #PF rcx=8 rdi=10002ffe
rep movsb                 | rsi=10002ffc rdi=10000400 rcx=8           | native #PF rcx=4 rsi=10003000
rep movsd                 | rsi=10002ff6 rdi=10000400 rcx=8           | native #PF rcx=6
rep stosq                 | rdi=10005fe8 rcx=8 rax=1122334455667788   | native #PF rcx=5
rep stosb                 | rdi=10004003 rcx=8 df=1 rax=55            | native #PF rcx=4
rep movsb                 | rsi=10000400 rdi=10000401 rcx=40 mem=a5   | native
rep movsw                 | rsi=10000400 rdi=10000403 rcx=40          | native
rep movsb                 | rsi=10000440 rdi=1000043f rcx=40 df=1     | native
rep movsd                 | rsi=10000443 rdi=10000440 rcx=20 df=1     | native
rep movsb                 | rsi=10000ff0 rdi=10001ff0 rcx=10          | native
rep lodsb                 | rsi=10000400 rcx=5 mem=0102030405         | native al=5
repe cmpsb                | rsi=10000400 rdi=10000800 rcx=9 mem=0102030405 mem2=0102030605 | native rcx=5
repne scasb               | rdi=10000400 rcx=9 al=3 mem=0102030405    | native rcx=6
repne scasb               | rcx=0 zf=1 cf=1 of=1                      | native zf=1 cf=1 of=1
addr32 rep movsb          | rcx=1111111100000000 rsi=2222222210000400 rdi=3333333310000800 | rcx=0 rsi=10000400 rdi=10000800
repne movsb               | rsi=10000400 rdi=10000800 rcx=4           | native
std; movsq; cld           | rsi=10000400 rdi=10000800                 | native
