/* SPDX-License-Identifier: GPL-2.0 */
/*
 * First instruction of /colinux-init: the kernel leaves argc, argv and envp on
 * the stack (System V ABI, process initialisation); hand its address to C.
 */
	.section .note.GNU-stack, "", @progbits
	.text
	.globl	_start
_start:
	xorl	%ebp, %ebp		/* outermost frame */
	movq	%rsp, %rdi
	andq	$-16, %rsp
	call	init_start		/* does not return */
	ud2
