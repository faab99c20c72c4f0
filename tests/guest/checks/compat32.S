/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A 32-bit program: the system calls getpid and write, by int $0x80 and by what
 * the kernel says is best (AT_SYSINFO: SYSENTER or SYSCALL), many times.
 * Status 0 if they agree, 1 if not, 2 if there is no AT_SYSINFO.
 */
#define SYS_exit	1
#define SYS_getpid	20
#define AT_SYSINFO	32
#define ROUNDS		2000

	.code32
	.text
	.globl	_start
_start:
	mov	(%esp), %ecx		/* argc argv[] 0 envp[] 0 auxv[] */
	lea	8(%esp, %ecx, 4), %esi
1:	mov	(%esi), %eax
	add	$4, %esi
	test	%eax, %eax
	jnz	1b
2:	mov	(%esi), %eax
	mov	4(%esi), %edi
	add	$8, %esi
	cmp	$AT_SYSINFO, %eax
	je	3f
	test	%eax, %eax
	jnz	2b
	mov	$2, %ebx
	jmp	exit
3:	mov	$ROUNDS, %ebp
4:	mov	$SYS_getpid, %eax
	int	$0x80
	mov	%eax, %esi
	mov	$0x12345678, %ebx
	mov	$SYS_getpid, %eax
	push	%ebp
	push	%esi
	push	%edi
	call	*%edi
	pop	%edi
	pop	%esi
	pop	%ebp
	cmp	%eax, %esi
	jne	bad
	cmp	$0x12345678, %ebx
	jne	bad
	dec	%ebp
	jnz	4b
	xor	%ebx, %ebx
	jmp	exit
bad:	mov	$1, %ebx
exit:	mov	$SYS_exit, %eax
	int	$0x80
	ud2
