/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The passage: hands the CPU from one kernel to the other and back.
 *
 * One page, position-independent, mapped in the host (as part of the driver),
 * in the guest (a copy, COLINUX_PORT_TEXT_VA) and at both addresses in the
 * intermediate page table of every vCPU.  It knows only struct colinux_side.
 *
 * The two directions differ: the host comes from one place in the run loop,
 * with most of its state in its side page already; the guest may come with
 * anything.  Every interrupt goes both ways: count instructions.
 *
 * Assumed everywhere: IF=0, both side pages mapped in the intermediate table,
 * RDI = side that leaves, RSI = side that arrives, each at the address its own
 * kernel uses.  No push or call while an interrupt table of ours is loaded:
 * the notice handler below relies on RSP being the end of the side's page.
 *
 * An NMI or machine check that comes while our tables are loaded is noted in
 * the page that RSP is in, and NMIs stay blocked (no IRET) until the kernel
 * that gets it replayed returns from its own handler.
 */
#include "passage-offsets.h"

/* CR4.PGE, PCIDE, CET (SDM vol. 3, 2.5). */
#define CR4_OFF		((1 << 7) | (1 << 17) | (1 << 23))
#define CR4_FSGSBASE	16	/* bit */
#define MSR_FS_BASE	0xc0000100
#define MSR_GS_BASE	0xc0000101
#define DR7_DISARMED	0x400	/* SDM vol. 3, 17.2.4 */
#define TSS_TYPE	5	/* byte of the descriptor (SDM vol. 3, 7.2.3) */
#define TSS_AVAILABLE	0x89
#define TR_MASK		0xf8	/* within SIDE_GDT */
#define PAGE		4096
#define ENDBR64		.byte 0xf3, 0x0f, 0x1e, 0xfa

/*
 * No retpolines or return thunks: neither is mapped everywhere.  A host may
 * define these to tell its own checker so; the INT3 stops speculation.  The
 * jump between the worlds needs none: nothing but this page is mapped that a
 * wrong guess could lead to.  HANDLER_JUMP is a host's own way to jump to the
 * address in RDI, in the host (docs/speculation.md).
 */
#ifndef SAFE_JUMP
#define SAFE_JUMP
#define SAFE_RET
#define SAFE_CALL
#endif
#ifndef HANDLER_JUMP
#define HANDLER_JUMP jmp *%rdi; int3
#endif

/*
 * From the side in RDI to that in RSI: RCX = CR4 and R8 = CR0 of the one that
 * leaves, its state is saved, its CR3 and tables are loaded.
 */
.macro LEAVE
	lea	PAGE(%rdi), %rsp	/* before the IDT: see note */
	lidt	SIDE_PASSAGE_IDTR(%rdi)
	lgdt	SIDE_PASSAGE_GDTR(%rdi)
	/*
	 * PGE and PCIDE off: flushes global entries and all PCIDs.  CET off:
	 * it must be while CR0.WP is (SDM vol. 3, 2.5), which may come next.
	 */
	and	$~CR4_OFF, %rcx
	mov	%rcx, %cr4
	mov	SIDE_INTER_CR3(%rdi), %rax
	mov	%rax, %cr3
	/* Intermediate table: both sides are mapped. */
	SAFE_JUMP
	jmp	*SIDE_ARRIVE(%rsi)
	int3
.endm

/* At the address of the side in RSI, still in the intermediate table. */
.macro ARRIVE_TABLES
	lea	PAGE(%rsi), %rsp
	lidt	SIDE_PASSAGE_IDTR(%rsi)
	lgdt	SIDE_PASSAGE_GDTR(%rsi)
.endm

/*
 * Into the page tables of the side in RSI.  R8 = CR0 as it is; R9 = CR4
 * afterwards.  PGE flushes once more.  Entries of the intermediate table that
 * are left, not global, in PCID 0, map our own pages at their own addresses.
 */
.macro ARRIVE_PAGING
	mov	SIDE_CR0(%rsi), %rax
	cmp	%rax, %r8
	je	.Lcr0\@
	mov	%rax, %cr0
.Lcr0\@:
	mov	SIDE_CR4(%rsi), %r9
	mov	%r9, %cr4		/* PCIDE may be set: CR3[11:0] = 0 */
	mov	SIDE_CR3(%rsi), %rax
	mov	%rax, %cr3
	/* The other side's page is not mapped from here on. */
.endm

/*
 * TR from our copy of its descriptor, made available: LTR faults on a busy one
 * and writes it, and nobody's real GDT is written (Linux has it read-only).
 */
.macro ARRIVE_TASK
	movzwl	SIDE_TR(%rsi), %eax
	movb	$TSS_AVAILABLE, SIDE_GDT + TSS_TYPE(%rsi, %rax)
	ltr	%ax
	lgdt	SIDE_GDTR(%rsi)
	/* A descriptor may be gone: bad_segment then loads null. */
	movzwl	SIDE_SS(%rsi), %eax
	mov	%eax, %ss
.endm

/* GS base; R9 = CR4. */
.macro ARRIVE_GS
	mov	SIDE_GS_BASE(%rsi), %rax
	bt	$CR4_FSGSBASE, %r9
	jnc	.Lmsr\@
	wrgsbase %rax
	jmp	.Lgs\@
.Lmsr\@:
	mov	%rax, %rdx
	shr	$32, %rdx
	mov	$MSR_GS_BASE, %ecx
	wrmsr
.Lgs\@:
.endm

	.text
	.balign	PAGE
	.globl	colinux_passage_page
colinux_passage_page:
	/* COLINUX_PASSAGE_SWITCH */
	ENDBR64
	jmp	leave_guest

	.org	colinux_passage_page + 0x10, 0xcc
	/* COLINUX_PASSAGE_START: registers popped from the first frame. */
	ENDBR64
	mov	%r12, %rsi
	mov	%r14, %rdi
	mov	%r13, %rsp
	SAFE_JUMP
	jmp	*%rbx
	int3

/* ---- host to guest ---- */

	/*
	 * Called in the host only, by passage_switch(), which keeps what must
	 * be kept.  SIDE_CR0, SIDE_CR4 and the tables are up to date.
	 */
	.globl	colinux_passage_enter
colinux_passage_enter:
	mov	%rsp, SIDE_RSP(%rdi)
	mov	%cr3, %rax
	mov	%rax, SIDE_CR3(%rdi)
	mov	SIDE_CR4(%rdi), %rcx
	mov	SIDE_CR0(%rdi), %r8
	mov	%dr7, %rax
	cmp	$DR7_DISARMED, %rax
	jne	disarm_host
enter:
	LEAVE

disarm_host:
	mov	%rax, SIDE_DR7(%rdi)	/* none of our addresses is the peer's */
	mov	$DR7_DISARMED, %eax
	mov	%rax, %dr7
	jmp	enter

arrive_guest:
	ARRIVE_TABLES
	cmpq	$0, SIDE_NOTED(%rdi)
	jne	pass_on
passed_on:
	ARRIVE_PAGING
	mov	SIDE_CR2(%rsi), %rax
	mov	%rax, %cr2
	ARRIVE_TASK
	cmpw	$0, SIDE_RELOAD(%rsi)
	jne	reload
reloaded:
	ARRIVE_GS
	cmpq	$DR7_DISARMED, SIDE_DR7(%rsi)
	jne	arm_guest
armed_guest:
	/* From here on NMIs are this kernel's own again. */
	lidt	SIDE_IDTR(%rsi)
	cmpq	$0, SIDE_NOTED(%rsi)
	jne	noted
resume:
	mov	SIDE_RSP(%rsi), %rsp
	popfq
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbp
	pop	%rbx
	SAFE_RET
	ret
	int3

	/* What was noted on the way: the guest turns back below. */
pass_on:
	mov	SIDE_NOTED(%rdi), %rax
	or	%rax, SIDE_NOTED(%rsi)
	movq	$0, SIDE_NOTED(%rdi)
	jmp	passed_on

	/* First entry of a full switch: selectors, in the guest's tables. */
reload:
	movw	$0, SIDE_RELOAD(%rsi)
	movzwl	SIDE_LDTR(%rsi), %eax
	lldt	%ax
	movzwl	SIDE_DS(%rsi), %eax
	mov	%eax, %ds
	movzwl	SIDE_ES(%rsi), %eax
	mov	%eax, %es
	/* FS base already is this side's (C has seen to it): keep it. */
	movzwl	SIDE_FS(%rsi), %r10d
	mov	%fs, %eax
	or	%r10d, %eax
	jz	1f
	mov	$MSR_FS_BASE, %ecx
	rdmsr
	mov	%eax, %r11d
	mov	%r10d, %eax
	mov	%eax, %fs
	mov	%r11d, %eax
	wrmsr
1:	movzwl	SIDE_GS(%rsi), %eax
	mov	%gs, %ecx
	or	%eax, %ecx
	jz	reloaded
	mov	%eax, %gs
	jmp	reloaded

arm_guest:
	mov	SIDE_DR7(%rsi), %rax
	movq	$DR7_DISARMED, SIDE_DR7(%rsi)
	mov	%rax, %dr7
	jmp	armed_guest

	/* Something came in between: the host is asked first. */
noted:
	cmpq	$0, SIDE_BOUNCE(%rsi)
	je	resume
	mov	%rsi, %rdi
	mov	SIDE_PEER(%rdi), %rsi
	mov	SIDE_CR0(%rdi), %r8
	mov	SIDE_CR4(%rdi), %rcx
	jmp	leave_armed

/* ---- guest to host ---- */

	/*
	 * Save the side in RDI.  The frame on its own stack is
	 * RFLAGS R15 R14 R13 R12 RBP RBX and, above, what `call` pushed.
	 */
leave_guest:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	pushfq
	mov	%rsp, SIDE_RSP(%rdi)
	mov	%cr0, %r8
	mov	%r8, SIDE_CR0(%rdi)
	mov	%cr2, %rax
	mov	%rax, SIDE_CR2(%rdi)
	mov	%cr3, %rax
	mov	%rax, SIDE_CR3(%rdi)
	mov	%cr4, %rcx
	mov	%rcx, SIDE_CR4(%rdi)
	mov	%ss, SIDE_SS(%rdi)
	sidt	SIDE_IDTR(%rdi)
	sgdt	SIDE_GDTR(%rdi)
	/* A kernel that loads another TSS does so from another GDT or slot. */
	str	%eax
	cmp	%ax, SIDE_TR(%rdi)
	jne	new_task
	mov	SIDE_GDT_BASE(%rdi), %rdx
	cmp	%rdx, SIDE_TSS_GDT(%rdi)
	jne	new_task
leave_armed:
	mov	%dr7, %rax
	cmp	$DR7_DISARMED, %rax
	jne	disarm_guest
leave:
	LEAVE

disarm_guest:
	mov	%rax, SIDE_DR7(%rdi)
	mov	$DR7_DISARMED, %eax
	mov	%rax, %dr7
	jmp	leave

	/* Copy the descriptor of TR; an early kernel has none: ours is there. */
new_task:
	mov	%ax, SIDE_TR(%rdi)
	mov	SIDE_GDT_BASE(%rdi), %rdx
	mov	%rdx, SIDE_TSS_GDT(%rdi)
	cmp	$SIDE_NO_TR, %eax
	je	leave_armed
	and	$TR_MASK, %eax
	mov	(%rdx, %rax), %r9
	mov	%r9, SIDE_GDT(%rdi, %rax)
	mov	8(%rdx, %rax), %r9
	mov	%r9, SIDE_GDT + 8(%rdi, %rax)
	jmp	leave_armed

arrive_host:
	/* What was noted is looked at by C, in both pages. */
	ARRIVE_TABLES
	ARRIVE_PAGING
	ARRIVE_TASK
	ARRIVE_GS
	cmpq	$DR7_DISARMED, SIDE_DR7(%rsi)
	jne	arm_host
armed_host:
	lidt	SIDE_IDTR(%rsi)
	mov	SIDE_RSP(%rsi), %rsp
	SAFE_RET
	ret
	int3

arm_host:
	mov	SIDE_DR7(%rsi), %rax
	movq	$DR7_DISARMED, SIDE_DR7(%rsi)
	mov	%rax, %dr7
	jmp	armed_host

/*
 * Handlers of the passage's IDT (no IST: they push on the end of the page).
 */
	.balign	16
	.globl	colinux_passage_nmi
colinux_passage_nmi:
	ENDBR64				/* a host with IBT is still in CR4.CET */
	push	%rax
	mov	$1, %eax		/* COLINUX_NOTED_NMI */
	jmp	note

	.balign	16
	.globl	colinux_passage_mce
colinux_passage_mce:
	ENDBR64
	push	%rax
	mov	$2, %eax		/* COLINUX_NOTED_MCE */
note:
	push	%rcx
	/* (RSP) = RCX RAX RIP CS RFLAGS RSP SS; the page ends close above. */
	lea	-1(%rsp), %rcx
	and	$-PAGE, %rcx
	or	%rax, SIDE_NOTED(%rcx)
	/*
	 * Return without IRET, which would let the next NMI in: RIP goes below
	 * the interrupted RSP, which is over SS or what aligned the frame.
	 */
	mov	16(%rsp), %rax
	mov	40(%rsp), %rcx
	lea	-8(%rcx), %rcx
	mov	%rax, (%rcx)
	mov	%rcx, 40(%rsp)
	pop	%rcx
	pop	%rax
	lea	16(%rsp), %rsp
	popfq
	pop	%rsp
	SAFE_RET
	ret
	int3

	/*
	 * #NP, #SS, #GP of a selector load in `mov %eax, %seg`: on with null.
	 * R13 is free there.  No IRET here either: an NMI may be noted.
	 */
	.balign	16
	.globl	colinux_passage_bad_segment
colinux_passage_bad_segment:
	ENDBR64
	xor	%eax, %eax
	/* (RSP) = error code RIP CS RFLAGS RSP SS; again at RIP, over SS. */
	mov	8(%rsp), %r13
	mov	%r13, 40(%rsp)
	lea	24(%rsp), %rsp
	popfq
	lea	8(%rsp), %rsp
	SAFE_RET
	ret
	int3

	.org	colinux_passage_page + PAGE, 0xcc	/* an error if it does not fit */

/*
 * void colinux_reraise(u64 handler, u64 stack): run an NMI or exception handler
 * of this kernel as if the CPU had just accepted it: RDI = address from the IDT
 * gate, RSI = stack for it, or 0 for this one.  IF=0 before and after.  The
 * handler's IRET ends it (SDM vol. 3, 6.14.2).
 *
 * The two words below the frame are 0: in the second of them Linux's NMI entry
 * looks for "NMI executing" (arch/x86/entry/entry_64.S), which it then is not.
 */
	.globl	colinux_reraise
colinux_reraise:
	ENDBR64
	push	%rbp
	mov	%rsp, %rbp
	push	%rbx
	mov	%rsp, %rbx
	mov	%rsp, %rax
	and	$-16, %rax
	test	%rsi, %rsi
	cmovz	%rax, %rsi
	mov	%ss, %eax
	mov	%cs, %ecx
	lea	1f(%rip), %rdx
	pushfq
	pop	%r8
	mov	%rsi, %rsp
	push	%rax			/* SS */
	push	%rbx			/* RSP */
	push	%r8			/* RFLAGS */
	push	%rcx			/* CS */
	push	%rdx			/* RIP */
	movq	$0, -8(%rsp)
	movq	$0, -16(%rsp)
	HANDLER_JUMP
1:	pop	%rbx
	pop	%rbp
	SAFE_RET
	ret
	int3

/*
 * void colinux_reraise_irq(u64 handler): the same for an external interrupt, on
 * this stack.  Nothing is kept but RBP and RSP: host_reraise_irq() says so.
 */
	.globl	colinux_reraise_irq
colinux_reraise_irq:
	mov	%rsp, %rax
	and	$-16, %rsp
	mov	%ss, %ecx
	push	%rcx			/* SS */
	push	%rax			/* RSP */
	pushfq
	mov	%cs, %ecx
	push	%rcx			/* CS */
	lea	1f(%rip), %rcx
	push	%rcx			/* RIP */
	HANDLER_JUMP
1:	SAFE_RET
	ret
	int3

/*
 * void colinux_stuff_rsb(void): 32 entries of the return predictor that lead to
 * an INT3 (Linux: RSB_CLEAR_LOOPS).
 */
	.globl	colinux_stuff_rsb
colinux_stuff_rsb:
	ENDBR64
	mov	$16, %ecx
1:	SAFE_CALL
	call	2f
	int3
2:	SAFE_CALL
	call	3f
	int3
3:	dec	%ecx
	jnz	1b
	add	$(32 * 8), %rsp
	lfence
	SAFE_RET
	ret
	int3

	/* Where in the page each side arrives: numbers, no address is taken. */
	.data
	.balign	4
	.globl	colinux_passage_arrivals
colinux_passage_arrivals:
	.long	arrive_host - colinux_passage_page
	.long	arrive_guest - colinux_passage_page

#ifdef __ELF__
	.section .note.GNU-stack, "", @progbits
#endif
