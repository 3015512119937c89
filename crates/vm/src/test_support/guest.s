// The whole system of a guest, in 32-bit code that the loader has put at LOAD. It says that it is there on the first serial port, then
// does what it is told, a letter at a time:
//
//   t  counts, a line of eight hexadecimal digits for each of about eight steps a second
//   f  writes without end
//   r  begins anew, if the board lets it
//   q  switches itself off
//   *  says the same letter
    .section .rodata.casemate_guest, "a"
    .globl casemate_guest_start
    .globl casemate_guest_end
    .balign 16
    .code32
casemate_guest_start:
.Lstart:
    movl $(0x100000 + (.Lstack - .Lstart)), %esp
    xorl %ebp, %ebp
    movl $(0x100000 + (.Lready - .Lstart)), %esi
.Lgreet:
    lodsb
    testb %al, %al
    jz .Llook
    call .Lput
    jmp .Lgreet

.Llook:
    movw $0x3fd, %dx
    inb %dx, %al
    testb $1, %al
    jz .Lidle
    movw $0x3f8, %dx
    inb %dx, %al
    cmpb $'q', %al
    je .Loff
    cmpb $'r', %al
    je .Lreset
    cmpb $'f', %al
    je .Lflood
    cmpb $'t', %al
    je .Lcount
    call .Lput
    jmp .Llook

// %ebp: whether it counts. %edi: the last step. %ebx: the count.
.Lcount:
    movl $1, %ebp
    xorl %ebx, %ebx
    jmp .Llook
.Lidle:
    testl %ebp, %ebp
    jz .Llook
    rdtsc
    shrdl $27, %edx, %eax
    cmpl %edi, %eax
    je .Llook
    movl %eax, %edi
    call .Lnumber
    incl %ebx
    jmp .Llook

.Lnumber:
    movl $8, %ecx
    movl %ebx, %esi
.Ldigit:
    roll $4, %esi
    movl %esi, %eax
    andl $15, %eax
    addb $'0', %al
    cmpb $'9', %al
    jbe .Lsay
    addb $('a' - '0' - 10), %al
.Lsay:
    call .Lput
    decl %ecx
    jnz .Ldigit
    movb $10, %al
    jmp .Lput

.Lflood:
    movb $'x', %al
    call .Lput
    jmp .Lflood

// By the firmware's tables where there are any, else by a fault that nothing handles.
.Loff:
    movw $0x604, %dx
    movw $0x2000, %ax
    outw %ax, %dx
.Lreset:
    lidtl (0x100000 + (.Lnothing - .Lstart))
    int3
    hlt

.Lput:
    pushl %eax
.Lfull:
    movw $0x3fd, %dx
    inb %dx, %al
    testb $0x20, %al
    jz .Lfull
    popl %eax
    movw $0x3f8, %dx
    outb %al, %dx
    ret

.Lready:
    .asciz "casemate guest ready\n"
    .balign 8
.Lnothing:
    .quad 0
    .fill 256, 1, 0
.Lstack:
casemate_guest_end:
    .code64
    .text
