/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The x86-64 half of the monitor: CPU features, the state that C switches
 * (passage.S does the rest), descriptors and the intermediate page table.
 */
#ifndef MONITOR_X86_CONTEXT_H
#define MONITOR_X86_CONTEXT_H

#include "../types.h"
#include <colinux/passage.h>

struct host_light;	/* host.h */

/* What this CPU has, of what the monitor cares about. */
struct cpu_features {
	bool never;		/* offset 0 */
	bool xsave, pku, xss, xfd, rdtscp, la57, svm;
	u32 spec_ctrl;		/* bits that may be set in the MSR */
	u32 xsave_size;		/* of all components that XCR0 may enable */
	u32 phys_bits;
};

#define CONTEXT_MSRS	16

/* One kernel's state that C saves and loads; in host memory. */
struct cpu_state {
	u64 msr[CONTEXT_MSRS];	/* by index of the table in state.c */
	u64 dr[7], dr7;		/* 4 and 5 unused */
	u64 xcr0;
	u32 pkru;
};

struct cpu_context {
	struct cpu_state host, guest;
	struct cpu_features features;
	u64 spec_ctrl;		/* the host's, while the guest is loaded */
	u64 test_ctrl;		/* likewise; 0 without split lock detection */
	s32 host_cpu;		/* host_light.cpu that host.msr is of */
	u32 xss_index;		/* in msr[] */
	bool fast_bases;	/* host_light.fsgsbase */
	bool compacted;		/* format of xstate */
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
void cpu_context_load(struct cpu_context *c, struct colinux_side *host,
		      struct colinux_vcpu_area *area,
		      const struct host_light *how);
void cpu_context_save(struct cpu_context *c, struct colinux_side *host,
		      struct colinux_vcpu_area *area);
/*
 * Around a light switch, when area->spec_ctrl is not the host's value: the
 * host's handlers run with their own mitigations. IF=0.
 */
void cpu_spec_ctrl_guest(struct cpu_context *c, u64 value);
void cpu_spec_ctrl_host(struct cpu_context *c);
/* CR4 bits that follow the host whatever the guest thinks. */
void cpu_fix_guest_cr4(struct colinux_side *guest);

/* splitlock.c */
/* Parts of cpu_context_load() and cpu_context_save(). */
void cpu_split_lock_guest(struct cpu_context *c, const struct host_light *how);
void cpu_split_lock_host(struct cpu_context *c);

/* pagetable.c */
int page_pool_init(struct page_pool *pool);
void page_pool_free(struct page_pool *pool);
/*
 * Map one 4 KiB page, supervisor, writable, executable; -ENOMEM, -EEXIST when
 * something else is mapped there, -E2BIG when the pool is used up.
 */
int page_pool_map(struct page_pool *pool, u64 va, u64 machine);

/* descriptors.c */
/*
 * Fill the constant parts of a side that is at `va` in its kernel; arrive: its
 * entry's offset in the passage page.
 */
void side_init(struct colinux_side *side, u64 va, u64 code, u64 peer,
	       u64 inter_cr3, u32 arrive);
/* Gate of this CPU's IDT: handler address, stack (0 = current). */
bool idt_gate(u32 vector, u64 *handler, u64 *stack);

#endif
