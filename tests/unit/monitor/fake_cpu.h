/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Stands in for monitor/x86/cpu.h, whose instructions fault in user space:
 * included first (-include), it takes that header's guard.  The "CPU" is
 * struct fake_cpu, one for all threads of a test.
 */
#ifndef MONITOR_X86_CPU_H
#define MONITOR_X86_CPU_H

#include "../../../monitor/x86/context.h"

#define CR4_MCE		(1ull << 6)
#define CR4_LA57	(1ull << 12)
#define CR4_VMXE	(1ull << 13)
#define DR7_DISARMED	0x400
#define MSR_TEST_CTRL	0x33
#define MSR_PAT		0x277

struct fake_cpu {
	u64 cr0, cr3, cr4, tsc, spec_ctrl;
	u32 windows;		/* irq_window() was called */
	u32 loads, saves;	/* full switches */
	u32 reraised[256];
	u32 in_service;		/* host_in_service(); its handler ends it */
	u32 looked;		/* host_in_service() was called */
	u64 test_ctrl;		/* the MSR, and how often it was used */
	u32 test_ctrl_accesses;
	int fail_context;	/* cpu_context_init() gives -ENOMEM */
	/* Plays the guest: what happens between two passages. IF=0. */
	void (*guest)(struct colinux_side *host_side);
	void (*on_reraise)(u32 vector);
};

extern struct fake_cpu fake_cpu;
extern __thread int fake_if;	/* IF of this thread's CPU */

u64 rdmsr(u32 msr);
void wrmsr(u32 msr, u64 value);
void irq_off(void);
void irq_on(void);
void irq_window(void);
void passage_switch(struct colinux_side *self);

static inline u64 read_tsc(void)
{
	return fake_cpu.tsc;
}

static inline u64 read_cr0(void)
{
	return fake_cpu.cr0;
}

static inline u64 read_cr4(void)
{
	return fake_cpu.cr4;
}

extern const u8 colinux_passage_page[4096];
extern const u8 colinux_passage_nmi[];
extern const u8 colinux_passage_mce[];
extern const u8 colinux_passage_bad_segment[];
extern const u32 colinux_passage_arrivals[2];

#endif
