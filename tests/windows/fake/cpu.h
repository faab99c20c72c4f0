/* SPDX-License-Identifier: GPL-2.0 */
/*
 * host/windows/cpu.h for user space: included before it, in its place.  IRQL
 * and IF are the thread's variables, which the fake NT checks.
 */
#ifndef HOST_WINDOWS_CPU_H
#define HOST_WINDOWS_CPU_H

#include "types.h"

struct fake_cpu {
	u64 irql;
	bool irqs_off;
	u32 number;
	bool fpu_claimed;
	u64 fs_base;
	u16 selectors[5];	/* DS, ES, FS, GS, LDTR */
};
extern __thread struct fake_cpu fcpu;

/* What CPUID, the MSRs and CR4 say; tests change it. */
struct fake_machine {
	u64 cr4, s_cet;
	bool no_tsc, no_fxsr;
	const char *unusable;	/* cpu_check() */
};
extern struct fake_machine fmachine;

static inline void cpu_set_irql(u64 irql)
{
	fcpu.irql = irql;
}

static inline bool cpu_irqs_on(void)
{
	return !fcpu.irqs_off;
}

static inline void cpu_irq_off(void)
{
	fcpu.irqs_off = true;
}

static inline void cpu_irq_on(void)
{
	fcpu.irqs_off = false;
}

u64 cpu_tsc(void);
void cpu_save_xstate(void *area, bool xsave);
void cpu_load_xstate(const void *area, bool xsave);
void cpu_cpuid(u32 leaf, u32 sub, u32 regs[4]);

static inline u64 cpu_rdmsr(u32 msr)
{
	return msr == 0x6a2 ? fmachine.s_cet : 0;
}

#define CR4_FSGSBASE	(1ull << 16)

static inline u64 cpu_fs_base(bool fast)
{
	(void)fast;
	return fcpu.fs_base;
}

static inline void cpu_set_fs_base(u64 base, bool fast)
{
	(void)fast;
	fcpu.fs_base = base;
}

static inline void cpu_selectors(u16 s[5])
{
	__builtin_memcpy(s, fcpu.selectors, sizeof(fcpu.selectors));
}

/* What ReactOS's handlers do when they return, too. */
static inline void cpu_null_selectors(void)
{
	__builtin_memset(fcpu.selectors, 0, 3 * sizeof(u16));
	fcpu.fs_base = 0;
}

static inline u64 cpu_cr4(void)
{
	return fmachine.cr4;
}

static inline u32 cpu_number_from_kpcr(void)
{
	return fcpu.number;
}

static inline u64 cpu_shared_time(void)
{
	return 116444736000000000ull + 42;
}

#endif
