/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Assembly entry points of the port: the gate of the `pause` instructions that
 * the loader has rewritten to `int $0x1b`, and an NMI gate for starting vCPUs.
 */
#define RFLAGS_IF	0x200
#define FRAME_RFLAGS	16	/* above RIP and CS, SDM vol. 3, 6.14.2 */
#define SPINS_PER_YIELD	64		/* with IF=0 */
#define SPINS_PER_YIELD_IF 512		/* the host preempts anyway */

/* COLINUX_PORT_TEXT_VA + COLINUX_PASSAGE_SWITCH, for direct calls. */
	.globl	port_passage
	.set	port_passage, 0xffffffffff800000

	.data
	.balign	4
/* Spins until the next yield; shared by all vCPUs, a lost count is harmless. */
pauses_left:
	.long	SPINS_PER_YIELD
pauses_left_if:
	.long	SPINS_PER_YIELD_IF

	.text
	.globl	port_pause_entry
	.type	port_pause_entry, @function
	.balign	16
	/*
	 * Ring 0 (the gate's DPL is 0), IF=0, any kernel stack, which the CPU
	 * has aligned: RSP = 8 modulo 16.  All registers belong to the code
	 * that spins; the frame says whether it had IF=1.
	 */
port_pause_entry:
	.byte	0xf3, 0x0f, 0x1e, 0xfa	/* endbr64, whatever gas knows */
	testl	$RFLAGS_IF, FRAME_RFLAGS(%rsp)
	jnz	1f
	decl	pauses_left(%rip)
	js	2f
	iretq
1:	decl	pauses_left_if(%rip)
	js	3f
	iretq

2:	movl	$SPINS_PER_YIELD, pauses_left(%rip)
	jmp	4f
3:	movl	$SPINS_PER_YIELD_IF, pauses_left_if(%rip)
4:	push	%rax
	push	%rcx
	push	%rdx
	push	%rsi
	push	%rdi
	push	%r8
	push	%r9
	push	%r10
	push	%r11			/* 9 pushes: RSP = 0 modulo 16 */
	cld
	call	port_pause_yield
	pop	%r11
	pop	%r10
	pop	%r9
	pop	%r8
	pop	%rdi
	pop	%rsi
	pop	%rdx
	pop	%rcx
	pop	%rax
	iretq
	.size	port_pause_entry, . - port_pause_entry

	.globl	port_early_nmi_entry
	.type	port_early_nmi_entry, @function
	.balign	16
	/* A secondary vCPU before it has loaded its TSS and idt_table. */
port_early_nmi_entry:
	.byte	0xf3, 0x0f, 0x1e, 0xfa
	iretq
	.size	port_early_nmi_entry, . - port_early_nmi_entry

	.section .note.GNU-stack, "", @progbits
