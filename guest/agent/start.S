/* SPDX-License-Identifier: GPL-2.0 */
/*
 * First instruction of the agent: argc and argv are on the stack (System V
 * ABI, process initialisation).
 */
	.section .note.GNU-stack, "", @progbits
	.text
	.globl	_start
_start:
	xorl	%ebp, %ebp		/* outermost frame */
	movq	(%rsp), %rdi		/* argc */
	leaq	8(%rsp), %rsi		/* argv */
	andq	$-16, %rsp
	call	main
	movl	%eax, %edi
	call	_exit
	ud2
