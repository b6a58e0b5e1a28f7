# Decimal adjustment, with the flags the SDM leaves undefined as measured on Intel.
bits 32
daa      | al=9a cf=0 af=0        | native al=0 cf=1 af=1 of=0
daa      | al=79 cf=1 af=1        | native
das      | al=05 cf=0 af=1        | native
das      | al=00 cf=1 af=0        | native
aaa      | eax=10a                | native eax=200 zf=1
aaa      | eax=109 af=0           | native eax=109
aaa      | eax=1ff                | native eax=305
aas      | eax=20b                | native eax=105
aam      | eax=63                 | native eax=909
aam 16   | eax=5a                 | native eax=50a of=0 cf=0 af=0
aad      | eax=909                | native eax=63
aad 16   | eax=50a                | native eax=5a
.byte 0xd6 | cf=1 eax=0           | native eax=ff
