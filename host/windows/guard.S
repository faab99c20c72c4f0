/* SPDX-License-Identifier: GPL-2.0 */
/*
 * NTSTATUS nt_guarded(fn, arg): what __try/__except would be if the compiler
 * had it.  The scope table below is the one that NT's __C_specific_handler
 * reads: count, then begin, end, filter (1 = take every exception) and the
 * address to go on at.
 */
#define STATUS_UNHANDLED_EXCEPTION	0xc0000144

	.text
	.globl	nt_guarded
	.def	nt_guarded; .scl 2; .type 32; .endef
	.seh_proc nt_guarded
nt_guarded:
	sub	$40, %rsp		/* home area of the callee, alignment */
	.seh_stackalloc 40
	.seh_endprologue
	mov	%rcx, %rax
	mov	%rdx, %rcx
.Lbegin:
	call	*%rax
	nop				/* the return address is in scope */
.Lend:
	add	$40, %rsp
	ret
.Lexcept:
	mov	$STATUS_UNHANDLED_EXCEPTION, %eax
	add	$40, %rsp
	ret
	.seh_handler __C_specific_handler, @except
	.seh_handlerdata
	.long	1
	.rva	.Lbegin, .Lend
	.long	1
	.rva	.Lexcept
	.text
	.seh_endproc
