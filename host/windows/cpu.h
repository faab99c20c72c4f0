/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The few instructions that the NT host itself needs.  tests/windows has a
 * user-space version of this file.
 */
#ifndef HOST_WINDOWS_CPU_H
#define HOST_WINDOWS_CPU_H

#include "types.h"

#define RFLAGS_IF	0x200
#define CR4_FSGSBASE	(1ull << 16)
#define MSR_FS_BASE	0xc0000100	/* SDM vol. 4 */

/* On x86-64 NT the IRQL is CR8, the task priority (SDM vol. 3, 11.8.3.1). */
static inline void cpu_set_irql(u64 irql)
{
	__asm__ volatile("mov %0, %%cr8" ::"r"(irql) : "memory");
}

static inline bool cpu_irqs_on(void)
{
	u64 flags;

	__asm__ volatile("pushfq; pop %0" : "=r"(flags)::"memory");
	return flags & RFLAGS_IF;
}

static inline void cpu_irq_off(void)
{
	__asm__ volatile("cli" ::: "memory");
}

static inline void cpu_irq_on(void)
{
	__asm__ volatile("sti" ::: "memory");
}

static inline u64 cpu_tsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

static inline void cpu_cpuid(u32 leaf, u32 sub, u32 regs[4])
{
	__asm__ volatile("cpuid"
			 : "=a"(regs[0]), "=b"(regs[1]), "=c"(regs[2]),
			   "=d"(regs[3])
			 : "a"(leaf), "c"(sub));
}

static inline u64 cpu_rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (u64)hi << 32 | lo;
}

static inline void cpu_wrmsr(u32 msr, u64 value)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((u32)value),
			 "d"((u32)(value >> 32)));
}

static inline u64 cpu_cr4(void)
{
	u64 v;

	__asm__ volatile("mov %%cr4, %0" : "=r"(v));
	return v;
}

/* `fast`: CR4.FSGSBASE is set. */
static inline u64 cpu_fs_base(bool fast)
{
	u64 base;

	if (!fast)
		return cpu_rdmsr(MSR_FS_BASE);
	__asm__ volatile("rdfsbase %0" : "=r"(base));
	return base;
}

static inline void cpu_set_fs_base(u64 base, bool fast)
{
	if (fast)
		__asm__ volatile("wrfsbase %0" ::"r"(base));
	else
		cpu_wrmsr(MSR_FS_BASE, base);
}

/* DS, ES, FS, GS, LDTR */
static inline void cpu_selectors(u16 s[5])
{
	__asm__ volatile("mov %%ds, %0" : "=m"(s[0]));
	__asm__ volatile("mov %%es, %0" : "=m"(s[1]));
	__asm__ volatile("mov %%fs, %0" : "=m"(s[2]));
	__asm__ volatile("mov %%gs, %0" : "=m"(s[3]));
	__asm__ volatile("sldt %0" : "=m"(s[4]));
}

/* DS, ES and FS; may clear FS's base. */
static inline void cpu_null_selectors(void)
{
	__asm__ volatile("mov %0, %%ds\n\t"
			 "mov %0, %%es\n\t"
			 "mov %0, %%fs" ::"r"(0u));
}

/* All registers that XCR0 enables; without XSAVE, x87 and SSE. */
static inline void cpu_save_xstate(void *area, bool xsave)
{
	if (xsave)
		__asm__ volatile("xsave64 (%0)" ::"r"(area), "a"(~0u),
				 "d"(~0u)
				 : "memory");
	else
		__asm__ volatile("fxsave64 (%0)" ::"r"(area) : "memory");
}

static inline void cpu_load_xstate(const void *area, bool xsave)
{
	if (xsave)
		__asm__ volatile("xrstor64 (%0)" ::"r"(area), "a"(~0u),
				 "d"(~0u)
				 : "memory");
	else
		__asm__ volatile("fxrstor64 (%0)" ::"r"(area) : "memory");
}

/*
 * Number of this CPU before NT 6.1: the byte at KPCR + 0x184, KPRCB.Number.
 * The bytes behind it change all the time on NT 5.2.
 */
static inline u32 cpu_number_from_kpcr(void)
{
	u32 n;

	__asm__ volatile("movzbl %%gs:0x184, %0" : "=r"(n));
	return n;
}

/* System time of NT before 6.2: KUSER_SHARED_DATA + 0x14, a KSYSTEM_TIME. */
static inline u64 cpu_shared_time(void)
{
	const volatile u32 *t = ptr_at(0xfffff78000000014ull);
	u32 low, high;

	do {
		high = t[1];
		low = t[0];
	} while (high != t[2]);
	return (u64)high << 32 | low;
}

#endif
