/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The x86-64 half of the monitor: instructions, CPU features, the state that
 * C switches (passage.S does the rest), and the intermediate page table.
 */
#ifndef MONITOR_X86_CPU_H
#define MONITOR_X86_CPU_H

#include "../types.h"
#include <colinux/passage.h>

/* Control register bits (SDM vol. 3, 2.5). */
#define CR4_PGE		(1ull << 7)
#define CR4_MCE		(1ull << 6)
#define CR4_LA57	(1ull << 12)
#define CR4_VMXE	(1ull << 13)
#define CR4_PCIDE	(1ull << 17)
#define CR4_OSXSAVE	(1ull << 18)
#define CR4_PKE		(1ull << 22)
#define CR4_CET		(1ull << 23)
#define CR4_FRED	(1ull << 32)
#define EFER_SVME	(1ull << 12)
#define DR7_DISARMED	0x400

/* MSRs (SDM vol. 4, table 2-2; APM vol. 2, appendix A). */
#define MSR_SYSENTER_CS		0x174
#define MSR_SYSENTER_ESP	0x175
#define MSR_SYSENTER_EIP	0x176
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

static inline u64 read_dr7(void)
{
	u64 v;

	__asm__ volatile("mov %%dr7, %0" : "=r"(v));
	return v;
}

static inline void irq_off(void)
{
	__asm__ volatile("cli" ::: "memory");
}

static inline void irq_on(void)
{
	__asm__ volatile("sti" ::: "memory");
}

static inline void cpuid(u32 leaf, u32 sub, u32 *a, u32 *b, u32 *c, u32 *d)
{
	__asm__ volatile("cpuid"
			 : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d)
			 : "a"(leaf), "c"(sub));
}

/* What this CPU has, of what the monitor cares about. */
struct cpu_features {
	bool xsave, pku, xss, rdtscp, spec_ctrl, la57, amd_efer;
	u32 xsave_size;		/* of all components that XCR0 may enable */
	u32 phys_bits;
};

#define CONTEXT_MSRS	16

/* One kernel's state that C saves and loads; in host memory. */
struct cpu_state {
	u64 msr[CONTEXT_MSRS];	/* by index of the table in state.c */
	u64 dr[4], dr6;
	u64 xcr0;
	u32 pkru;
};

struct cpu_context {
	struct cpu_state host, guest;
	struct cpu_features features;
	u8 *xstate;		/* the guest's, aligned to 64 */
	void *xstate_raw;
	size_t xstate_bytes;
};

/* Pages of one intermediate page table. */
#define PAGE_POOL_MAX	24
struct page_pool {
	u64 root;
	u32 levels;
	u32 nr;
	struct {
		u64 *table;
		u64 machine;
	} page[PAGE_POOL_MAX];
};

/* state.c */
/* 0, or -EOPNOTSUPP with *why when this CPU or its mode cannot be used. */
int cpu_check(const char **why);
int cpu_context_init(struct cpu_context *c);
void cpu_context_free(struct cpu_context *c);
/* Forget the guest's registers: power-on values. */
void cpu_context_reset(struct cpu_context *c);
/*
 * Full switch: after load the CPU holds the guest's MSRs, xstate and debug
 * registers, after save the host's again.  FPU claimed, preemption off, IF=0.
 */
void cpu_context_load(struct cpu_context *c, const struct colinux_side *guest);
void cpu_context_save(struct cpu_context *c, const struct colinux_side *guest);
/* CR4 bits that follow the host whatever the guest thinks. */
void cpu_fix_guest_cr4(struct colinux_side *guest);

/* pagetable.c */
int page_pool_init(struct page_pool *pool);
void page_pool_free(struct page_pool *pool);
/*
 * Map one 4 KiB page, supervisor, writable, executable; -ENOMEM, -EEXIST when
 * something else is mapped there, -E2BIG when the pool is used up.
 */
int page_pool_map(struct page_pool *pool, u64 va, u64 machine);

/* descriptors.c */
/* Fill the constant parts of a side that is at `va` in its kernel. */
void side_init(struct colinux_side *side, u64 va, u64 code, u64 peer,
	       u64 inter_cr3);
/* Gate of this CPU's IDT: handler address, stack (0 = current). */
bool idt_gate(u32 vector, u64 *handler, u64 *stack);

/* passage.S */
extern const u8 colinux_passage_page[];
extern const u8 colinux_passage_nmi[];
extern const u8 colinux_passage_mce[];
extern const u8 colinux_passage_bad_segment[];
sysv void colinux_reraise(u64 handler, u64 stack);

/* The passage at its address in the host. IF=0. */
static inline void passage_switch(struct colinux_side *self)
{
	typedef sysv void passage_fn(struct colinux_side *self, u64 peer);
	passage_fn *fn = (passage_fn *)(colinux_passage_page +
					COLINUX_PASSAGE_SWITCH);

	fn(self, self->peer);
}

#endif
