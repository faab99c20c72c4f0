/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The passage: what the two kernels share to hand the CPU to each other.
 *
 * One struct colinux_side per kernel and vCPU, exactly one page.  The host's
 * lies in host memory, mapped in the host and in the intermediate page table
 * only; the guest's is the first page of its vCPU area, mapped in the guest,
 * in the intermediate table and in the host.  The page address is found from
 * RSP by the passage's NMI handler, which therefore needs no register.
 *
 * Register state that only C needs (syscall MSRs, xstate, debug registers, ...)
 * is not here: the monitor keeps it in host memory.
 */
#ifndef COLINUX_PASSAGE_H
#define COLINUX_PASSAGE_H

#include "types.h"
#include "layout.h"
#include "stats.h"

#define COLINUX_ABI_VERSION	2

/* Descriptor-table register image as LGDT/LIDT read it, at offset 6 of 16. */
struct colinux_dtr {
	__u16 pad[3];
	__u16 limit;
	__u64 base;
};

#define COLINUX_PASSAGE_GDT_ENTRIES	32
#define COLINUX_PASSAGE_IDT_ENTRIES	19	/* up to #MC, vector 18 */
/*
 * TR of a guest that has not loaded one: LTR takes no null selector (SDM vol.
 * 2), so the passage's GDT has a TSS of its own, in its last two entries.
 */
#define COLINUX_PASSAGE_TR		0xf0

/*
 * colinux_vcpu_area.msrs: what the host's copy of the guest's MSRs is worth,
 * but for FS_BASE and KERNEL_GS_BASE, which it always reads.  The guest stores
 * WRITING before it writes one and WRITTEN afterwards, with IF=0; the monitor
 * turns WRITTEN into KNOWN when it has read them.
 */
#define COLINUX_MSRS_UNKNOWN	0	/* this guest does not say: read them */
#define COLINUX_MSRS_WRITING	1
#define COLINUX_MSRS_WRITTEN	2
#define COLINUX_MSRS_KNOWN	3

/* In colinux_vcpu_area.spec_ctrl: the MSR may not have the value yet. */
#define COLINUX_SPEC_CTRL_UNSETTLED	(1ull << 63)

/* Bits of colinux_side.noted: what arrived while neither IDT was loaded. */
#define COLINUX_NOTED_NMI	1
#define COLINUX_NOTED_MCE	2

struct colinux_side {
	/*
	 * Saved by the passage when the guest leaves; the host's by the
	 * monitor's C at a full switch, but RSP and CR3.  CR2 is the guest's
	 * only.
	 */
	__u64 rsp;
	__u64 cr0, cr2, cr3, cr4;
	/*
	 * Base of GS while in this kernel (SDM 3.4.4.1).  Written by C before
	 * the call, not read from the MSR: it is this CPU's per-CPU base.
	 */
	__u64 gs_base;
	__u64 dr7;		/* to load on arrival; 0x400 while this side runs */
	/*
	 * DS ES FS GS and LDTR matter to no interrupt handler: they stay in
	 * place in a light switch.  The monitor reads and restores the host's,
	 * reads the guest's, and sets the guest's `reload`, on which the
	 * passage loads them in the guest's own descriptor tables.
	 */
	__u16 ds, es, fs, gs, ss, tr, ldtr, reload;
	struct colinux_dtr gdtr, idtr;

	/* Set up once by the monitor; constant afterwards. */
	struct colinux_dtr passage_gdtr, passage_idtr;
	__u64 code;		/* this side's address of the passage page */
	__u64 arrive;		/* where in it this side arrives */
	__u64 inter_cr3;	/* intermediate page table */
	__u64 self;		/* this page in this side's address space */
	__u64 peer;		/* the other side's page, as in inter_cr3 */

	/*
	 * COLINUX_NOTED_*, set by the passage's IDT.  A side with `bounce` set
	 * (the guest) is not resumed while something is noted: the passage
	 * turns back at once, with the vCPU area's reason still clear.
	 */
	__u64 noted;
	__u64 bounce;
	/* GDT base that the copy of TR's descriptor in `gdt` was made from. */
	__u64 tss_gdt;
	__u64 pad1[4];
	__u64 gdt[COLINUX_PASSAGE_GDT_ENTRIES];
	__u64 idt[COLINUX_PASSAGE_IDT_ENTRIES * 2];
	__u8 stack[0] __attribute__((aligned(16)));
	/* The stack grows down from the end of the page. */
} __attribute__((aligned(4096)));

_Static_assert(sizeof(struct colinux_side) == 4096, "one page");

/* Why the guest gave the CPU back: colinux_vcpu_area.reason. */
enum colinux_reason {
	COLINUX_EXIT_HYPERCALL = 1,
	COLINUX_EXIT_IRQ = 2,	/* external interrupt; vector says which */
	COLINUX_EXIT_NMI = 3,
	COLINUX_EXIT_MCE = 4,
};

/*
 * colinux_vcpu_area.run_state, written by the monitor: what the vCPU's thread
 * does.  RUNNING is stored before the passage into the guest, whose loads of
 * CR3 and CR4 flush the whole TLB, and anything else after the last one out of
 * it: a CPU that has changed a page table and then does not find RUNNING need
 * not ask for a flush.
 */
enum colinux_run_state {
	COLINUX_VCPU_RUNNING = 0,	/* interrupts of the host included */
	COLINUX_VCPU_PREEMPTED = 1,	/* would run if it had a CPU */
	COLINUX_VCPU_ASLEEP = 2,	/* in HC_HALT */
};

/* Bits of colinux_vcpu_area.pending: virtual interrupts for this vCPU. */
#define COLINUX_VIRQ_TIMER	0	/* the deadline of HC_TIMER has passed */
#define COLINUX_VIRQ_DEVICE	1	/* look at .device_pending */
#define COLINUX_VIRQ_RESCHED	2	/* IPIs, sent by HC_KICK */
#define COLINUX_VIRQ_CALL	3
#define COLINUX_VIRQ_CALL_ONE	4
#define COLINUX_VIRQ_STOP	5
#define COLINUX_VIRQ_IRQ_WORK	6
#define COLINUX_VIRQ_WAKE	7	/* end HC_HALT, nothing to deliver */
#define COLINUX_VIRQ_SHUTDOWN	8	/* the host asks for an orderly power-off */
#define COLINUX_VIRQ_BACKTRACE	9	/* an IPI: say where you are */

/*
 * The guest's part of a vCPU, at COLINUX_VCPU_AREA_VA(n).
 *
 * The guest fills reason (and vector or the hypercall) with IF=0, calls the
 * passage, and finds ret when it comes back.  reason is cleared by the monitor
 * once it has been read, so that an NMI handler that runs in between can tell.
 */
struct colinux_vcpu_area {
	struct colinux_side side;

	/* Written by the guest, read once by the monitor after the switch. */
	__u32 reason;		/* enum colinux_reason */
	__u32 vector;
	__u64 nr;		/* hypercall number, COLINUX_HC_* */
	/*
	 * NMI: [0] and [1] are RIP and RFLAGS it found; HC_CLOCK's answer, to be
	 * read before an NMI may use the area again.
	 */
	__u64 args[6];
	__u32 if_enabled;	/* the caller's IF: 1 = it will take pending itself */
	__u32 pad0;

	/* Written by the monitor. */
	__s64 ret;		/* hypercall result: >= 0, or negative errno (Linux numbers) */
	__u64 pad1[5];

	/*
	 * Own cache line: set by any CPU of the host with a locked OR, taken
	 * by the guest with XCHG.
	 */
	__u64 pending __attribute__((aligned(64)));
	__u64 steal_ns;		/* time this vCPU was runnable but did not run */
	/*
	 * Written by the guest: what IA32_SPEC_CTRL holds while its kernel
	 * runs, so that the host need not read it; with _UNSETTLED while it
	 * is being written.
	 */
	__u64 spec_ctrl;
	/*
	 * COLINUX_MSRS_*: whether the guest has written one of its MSRs, so
	 * that the host need not read them all at every full switch.
	 */
	__u32 msrs;
	__u32 run_state;	/* written by the host: enum colinux_run_state */
	/*
	 * Devices with interrupts for this vCPU, bit n = device n: what they
	 * are is in boot_info.irq_pending. Set with a locked OR before
	 * COLINUX_VIRQ_DEVICE, taken by the guest with XCHG.
	 */
	__u64 device_pending;
	__u64 away_ns;		/* written by the host: time out of COLINUX_IOC_VCPU_RUN */
	__u32 pad2[4];

	/* The guest port's own use; the host never looks at it. */
	__u8 port_private[1024];

	/* Written by the monitor in COLINUX_HC_STATS. */
	struct colinux_stats stats;
} __attribute__((aligned(4096)));

_Static_assert(sizeof(struct colinux_vcpu_area) == COLINUX_VCPU_AREA_SIZE,
	       "area size");

/*
 * Entry points of the passage page, offsets from COLINUX_PORT_TEXT_VA.  They
 * use the System V calling convention on every host.
 *
 * passage_switch(self, peer): the guest leaves.  RDI = own side page, RSI = the
 * host's side page as the intermediate table maps it (both are also in
 * self->self and self->peer).  IF=0.  Preserves RBX RBP R12-R15 and the flags;
 * returns when the host enters the guest again.  The host's way in is
 * monitor/x86/cpu.h, passage_switch().
 *
 * passage_start: where a new vCPU begins: jumps to RBX with RSI = R12,
 * RSP = R13, RDI = R14, IF=0.
 */
#define COLINUX_PASSAGE_SWITCH	0x00
#define COLINUX_PASSAGE_START	0x10

#endif
