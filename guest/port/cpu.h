/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Instructions that C cannot say, and the constants that belong to them.
 * Numbers are from the Intel SDM unless noted.  Knows nothing of the kernel
 * but that %gs is its per-CPU base.
 */
#ifndef PORT_CPU_H
#define PORT_CPU_H

#include "kernel.h"

#define RFLAGS_IF	(1ul << 9)	/* vol. 1, 3.4.3 */
#define CR0_NW		(1ul << 29)
#define CR0_CD		(1ul << 30)
#define CR4_MCE		(1ul << 6)
#define CR4_VMXE	(1ul << 13)
#define MSR_GS_BASE	0xc0000101	/* vol. 4, table 2-2 */

#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile __typeof__(x) *)&(x) = (v))

static inline void barrier(void)
{
	__asm__ volatile("" : : : "memory");
}

static inline unsigned long irq_save(void)
{
	unsigned long flags;

	__asm__ volatile("pushfq; popq %0; cli" : "=r" (flags) : : "memory");
	return flags;
}

static inline void irq_restore(unsigned long flags)
{
	if (flags & RFLAGS_IF)
		__asm__ volatile("sti" : : : "memory");
}

static inline void irq_enable(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline u64 rdtsc(void)
{
	u32 low, high;

	__asm__ volatile("lfence; rdtsc" : "=a" (low), "=d" (high));
	return (u64)high << 32 | low;
}

/* Only MSRs that cannot fault: see msr.c for the rest. */
static inline u64 rdmsr(u32 msr)
{
	u32 low, high;

	__asm__ volatile("rdmsr" : "=a" (low), "=d" (high) : "c" (msr));
	return (u64)high << 32 | low;
}

static inline void native_cpuid(u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	__asm__ volatile("cpuid"
			 : "+a" (*eax), "=b" (*ebx), "+c" (*ecx), "=d" (*edx));
}

static inline unsigned long read_cr4(void)
{
	unsigned long value;

	__asm__ volatile("mov %%cr4, %0" : "=r" (value));
	return value;
}

static inline void write_cr4(unsigned long value)
{
	__asm__ volatile("mov %0, %%cr4" : : "r" (value) : "memory");
}

/* Per-CPU variables by their offset from %gs. */
static inline u32 percpu_read32(unsigned long offset)
{
	u32 value;

	__asm__ volatile("movl %%gs:(%1), %0"
			 : "=r" (value) : "r" (offset) : "memory");
	return value;
}

/* This CPU's per-CPU base; right from the first C code on. */
static inline unsigned long this_cpu_offset(void)
{
	unsigned long value;

	__asm__ volatile("mov %%gs:kernel.this_cpu_off, %0" : "=r" (value));
	return value;
}

#endif
