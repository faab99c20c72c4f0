/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The passage: hands the CPU from one kernel to the other and back.
 *
 * One page, position-independent, mapped in the host (as part of the driver),
 * in the guest (a copy, COLINUX_PORT_TEXT_VA) and at both addresses in the
 * intermediate page table of every vCPU.  It knows only struct colinux_side.
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

#define CR4_PGE_BIT	7	/* SDM vol. 3, 2.5 */
#define CR4_FSGSBASE	16
#define CR4_PCIDE	17
#define CR4_CET		23
#define MSR_FS_BASE	0xc0000100
#define MSR_GS_BASE	0xc0000101
#define DR7_DISARMED	0x400	/* SDM vol. 3, 17.2.4 */
#define TSS_BUSY_BIT	41	/* of the descriptor: type 11 -> 9 */
#define TR_MASK		0xf8	/* within SIDE_GDT */
#define PAGE		4096
#define ENDBR64		.byte 0xf3, 0x0f, 0x1e, 0xfa

/*
 * No retpolines or return thunks: neither is mapped everywhere.  A host may
 * define these two to tell its own checker so; the INT3 stops speculation.
 */
#ifndef SAFE_JUMP
#define SAFE_JUMP
#define SAFE_RET
#endif

	.text
	.balign	PAGE
	.globl	colinux_passage_page
colinux_passage_page:
	/* COLINUX_PASSAGE_SWITCH */
	ENDBR64
	jmp	leave_side

	.org	colinux_passage_page + 0x10, 0xcc
	/* COLINUX_PASSAGE_START: registers popped from the first frame. */
	ENDBR64
	mov	%r12, %rsi
	mov	%r14, %rdi
	mov	%r13, %rsp
	SAFE_JUMP
	jmp	*%rbx
	int3

	/*
	 * Save the side in RDI.  The frame on its own stack is
	 * RFLAGS R15 R14 R13 R12 RBP RBX and, above, what `call` pushed.
	 */
leave_side:
	push	%rbx
	push	%rbp
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	pushfq
	mov	%rsp, SIDE_RSP(%rdi)
	mov	%cr0, %rax
	mov	%rax, SIDE_CR0(%rdi)
	mov	%cr2, %rax
	mov	%rax, SIDE_CR2(%rdi)
	mov	%cr3, %rax
	mov	%rax, SIDE_CR3(%rdi)
	mov	%cr4, %rax
	mov	%rax, SIDE_CR4(%rdi)
	mov	%ds, SIDE_DS(%rdi)
	mov	%es, SIDE_ES(%rdi)
	mov	%fs, SIDE_FS(%rdi)
	mov	%gs, SIDE_GS(%rdi)
	mov	%ss, SIDE_SS(%rdi)
	str	SIDE_TR(%rdi)
	sldt	SIDE_LDTR(%rdi)
	sgdt	SIDE_GDTR(%rdi)
	sidt	SIDE_IDTR(%rdi)
	mov	%dr7, %rax
	mov	%rax, SIDE_DR7(%rdi)
	cmp	$DR7_DISARMED, %rax
	je	1f
	mov	$DR7_DISARMED, %eax
	mov	%rax, %dr7		/* none of our addresses is the peer's */
1:
	/* Also entered from `noted`: RDI is saved, in its own CR3. */
leave:
	lea	PAGE(%rdi), %rsp	/* before the IDT: see note */
	lidt	SIDE_PASSAGE_IDTR(%rdi)
	/*
	 * A copy of the TSS descriptor that is not busy: LTR faults on a busy
	 * one and writes the descriptor, and nobody's real GDT is written.
	 */
	movzwl	SIDE_TR(%rdi), %eax
	and	$TR_MASK, %eax
	mov	SIDE_GDT_BASE(%rdi), %rcx
	lea	SIDE_GDT(%rdi), %rdx
	cmp	$SIDE_NO_TR, %eax
	cmove	%rdx, %rcx		/* an early kernel has none: ours */
	mov	(%rcx, %rax), %rdx
	btr	$TSS_BUSY_BIT, %rdx
	mov	%rdx, SIDE_GDT(%rdi, %rax)
	mov	8(%rcx, %rax), %rdx
	mov	%rdx, SIDE_GDT + 8(%rdi, %rax)
	lgdt	SIDE_PASSAGE_GDTR(%rdi)
	mov	SIDE_CR0(%rdi), %r8	/* what the CPU holds now: */
	movzwl	SIDE_DS(%rdi), %r9d	/* to skip loads of equal values */
	movzwl	SIDE_ES(%rdi), %r10d
	movzwl	SIDE_FS(%rdi), %r11d
	movzwl	SIDE_GS(%rdi), %ebx
	movzwl	SIDE_SS(%rdi), %ebp
	movzwl	SIDE_LDTR(%rdi), %r12d
	/*
	 * PGE and PCIDE off: flushes global entries and all PCIDs.  CET off:
	 * it must be while CR0.WP is (SDM vol. 3, 2.5), which may come next.
	 */
	mov	SIDE_CR4(%rdi), %rax
	btr	$CR4_PGE_BIT, %rax
	btr	$CR4_PCIDE, %rax
	btr	$CR4_CET, %rax
	mov	%rax, %cr4
	mov	SIDE_INTER_CR3(%rdi), %rax
	mov	%rax, %cr3
	/* Intermediate table: both sides are mapped. */
	mov	SIDE_CODE(%rsi), %rax
	add	$(arrive - colinux_passage_page), %rax
	SAFE_JUMP
	jmp	*%rax
	int3

	/* At the address of the side in RSI, still in the intermediate table. */
arrive:
	ENDBR64
	lea	PAGE(%rsi), %rsp
	lidt	SIDE_PASSAGE_IDTR(%rsi)
	lgdt	SIDE_PASSAGE_GDTR(%rsi)
	/* What was noted on the way is this side's to know before it goes on. */
	mov	SIDE_NOTED(%rdi), %rax
	or	%rax, SIDE_NOTED(%rsi)
	movq	$0, SIDE_NOTED(%rdi)
	mov	SIDE_CR4(%rsi), %rdx
	mov	%rdx, %rax
	btr	$CR4_PGE_BIT, %rax
	btr	$CR4_CET, %rax
	mov	%rax, %cr4		/* PCIDE may be set: CR3[11:0] = 0 */
	mov	SIDE_CR3(%rsi), %rax
	mov	%rax, %cr3

	/* The other side's page is not mapped from here on. */
	mov	SIDE_CR0(%rsi), %rax
	cmp	%rax, %r8
	je	1f
	mov	%rax, %cr0
1:	mov	%rdx, %cr4		/* PGE: flushes once more */
	mov	SIDE_CR2(%rsi), %rax
	mov	%rax, %cr2
	movzwl	SIDE_TR(%rsi), %eax
	ltr	%ax			/* from SIDE_GDT, our page */
	lgdt	SIDE_GDTR(%rsi)
	movzwl	SIDE_LDTR(%rsi), %eax
	or	%eax, %r12d
	jz	1f
	lldt	%ax
1:
	/*
	 * Selectors, where they differ.  A descriptor may be gone by now
	 * (another vCPU changed an LDT): bad_segment then loads null.
	 */
	movzwl	SIDE_DS(%rsi), %eax
	cmp	%eax, %r9d
	je	1f
	mov	%eax, %ds
1:	movzwl	SIDE_ES(%rsi), %eax
	cmp	%eax, %r10d
	je	1f
	mov	%eax, %es
1:	movzwl	SIDE_SS(%rsi), %eax
	cmp	%eax, %ebp
	je	1f
	mov	%eax, %ss
1:	movzwl	SIDE_FS(%rsi), %eax
	cmp	%eax, %r11d
	je	1f
	/* FS base already is this side's (C has seen to it): keep it. */
	mov	%eax, %r9d
	mov	$MSR_FS_BASE, %ecx
	rdmsr
	mov	%eax, %r10d
	mov	%r9d, %eax
	mov	%eax, %fs
	mov	%r10d, %eax
	wrmsr
1:	movzwl	SIDE_GS(%rsi), %eax
	cmp	%eax, %ebx
	je	1f
	mov	%eax, %gs
1:	mov	SIDE_GS_BASE(%rsi), %rax
	mov	SIDE_CR4(%rsi), %rdx
	bt	$CR4_FSGSBASE, %rdx
	jc	2f
	mov	%rax, %rdx
	shr	$32, %rdx
	mov	$MSR_GS_BASE, %ecx
	wrmsr
	jmp	3f
2:	wrgsbase %rax
3:	mov	SIDE_DR7(%rsi), %rax
	cmp	$DR7_DISARMED, %rax
	je	1f
	mov	%rax, %dr7
1:
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

	/* Something came in between: the host is asked first. */
noted:
	cmpq	$0, SIDE_BOUNCE(%rsi)
	je	resume
	mov	$DR7_DISARMED, %eax
	mov	%rax, %dr7
	mov	%rsi, %rdi
	mov	SIDE_PEER(%rdi), %rsi
	jmp	leave

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
 * void colinux_reraise(u64 handler, u64 stack): run an interrupt handler of
 * this kernel as if the CPU had just accepted the interrupt: RDI = address
 * from the IDT gate, RSI = stack for it, or 0 for this one.  IF=0 before and
 * after.  The handler's IRET ends it (SDM vol. 3, 6.14.2).
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
	SAFE_JUMP
	jmp	*%rdi
	int3
1:	pop	%rbx
	pop	%rbp
	SAFE_RET
	ret
	int3

#ifdef __ELF__
	.section .note.GNU-stack, "", @progbits
#endif
