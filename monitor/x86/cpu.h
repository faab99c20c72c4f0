/* SPDX-License-Identifier: GPL-2.0 */
/*
 * x86-64 instructions, control bits and MSR numbers, and the passage.  For the
 * monitor's own files only: host kernels have names like these too.
 */
#ifndef MONITOR_X86_CPU_H
#define MONITOR_X86_CPU_H

#include "context.h"

/* Control register bits (SDM vol. 3, 2.5). */
#define CR4_PGE		(1ull << 7)
#define CR4_MCE		(1ull << 6)
#define CR4_LA57	(1ull << 12)
#define CR4_VMXE	(1ull << 13)
#define CR4_FSGSBASE	(1ull << 16)
#define CR4_PCIDE	(1ull << 17)
#define CR4_OSXSAVE	(1ull << 18)
#define CR4_PKE		(1ull << 22)
#define CR4_CET		(1ull << 23)
#define CR4_FRED	(1ull << 32)
#define EFER_SVME	(1ull << 12)
#define DR7_DISARMED	0x400
#define TR_MASK		0xf8	/* within the passage's GDT */

/* MSRs (SDM vol. 4, table 2-2; APM vol. 2, appendix A). */
#define MSR_TEST_CTRL		0x33
#define MSR_SYSENTER_CS		0x174
#define MSR_SYSENTER_ESP	0x175
#define MSR_SYSENTER_EIP	0x176
#define MSR_XFD			0x1c4
#define MSR_XFD_ERR		0x1c5
#define MSR_PAT			0x277
#define MSR_SPEC_CTRL		0x48
#define MSR_XSS			0xda0
#define MSR_EFER		0xc0000080
#define MSR_STAR		0xc0000081
#define MSR_LSTAR		0xc0000082
#define MSR_CSTAR		0xc0000083
#define MSR_SYSCALL_MASK	0xc0000084
#define MSR_FS_BASE		0xc0000100
#define MSR_GS_BASE		0xc0000101
#define MSR_KERNEL_GS_BASE	0xc0000102
#define MSR_TSC_AUX		0xc0000103

static inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void wrmsr(u32 msr, u64 value)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)value),
			 "d"((u32)(value >> 32))
			 : "memory");
}

static inline u64 read_tsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

static inline u64 read_cr0(void)
{
	u64 v;

	__asm__ volatile("mov %%cr0, %0" : "=r"(v));
	return v;
}

static inline u64 read_cr3(void)
{
	u64 v;

	__asm__ volatile("mov %%cr3, %0" : "=r"(v));
	return v;
}

static inline u64 read_cr4(void)
{
	u64 v;

	__asm__ volatile("mov %%cr4, %0" : "=r"(v));
	return v;
}

static inline u64 rdgsbase(void)
{
	u64 v;

	__asm__ volatile("rdgsbase %0" : "=r"(v));
	return v;
}

static inline u64 read_dr7(void)
{
	u64 v;

	__asm__ volatile("mov %%dr7, %0" : "=r"(v));
	return v;
}

static inline void write_dr7(u64 v)
{
	__asm__ volatile("mov %0, %%dr7" ::"r"(v));
}

static inline void irq_off(void)
{
	__asm__ volatile("cli" ::: "memory");
}

static inline void irq_on(void)
{
	__asm__ volatile("sti" ::: "memory");
}

/* IF=0 before and after: take what is pending (STI delays by one). */
static inline void irq_window(void)
{
	__asm__ volatile("sti; nop; cli" ::: "memory");
}

static inline void cpuid(u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
	__asm__ volatile("cpuid"
			 : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d)
			 : "a"(leaf), "c"(sub));
}

/* passage.S */
extern const u8 colinux_passage_page[];
extern const u8 colinux_passage_nmi[];
extern const u8 colinux_passage_mce[];
extern const u8 colinux_passage_bad_segment[];
/* Offsets in the page: of the host's arrival, of the guest's. */
extern const u32 colinux_passage_arrivals[2];
sysv void colinux_reraise(u64 handler, u64 stack);
sysv void colinux_reraise_irq(u64 handler);
/* Fill the return predictor, so that no entry is another kernel's. */
sysv void colinux_stuff_rsb(void);

/*
 * To the guest and back. IF=0.  The passage keeps no register in the host: what
 * the caller needs is in its frame anyway.  The flags are kept for AC.
 */
static inline void passage_switch(struct colinux_side *self)
{
	u64 peer = self->peer;

	__asm__ volatile("pushfq\n\t"
			 "push %%rbp\n\t"
			 "call colinux_passage_enter\n\t"
			 "pop %%rbp\n\t"
			 "popfq"
			 : "+D"(self), "+S"(peer)
			 :
			 : "rax", "rbx", "rcx", "rdx", "r8", "r9", "r10", "r11",
			   "r12", "r13", "r14", "r15", "memory", "cc");
}

#endif
