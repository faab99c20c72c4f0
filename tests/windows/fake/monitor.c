// SPDX-License-Identifier: GPL-2.0
/*
 * The monitor as far as the driver sees it: vm.c and vcpu.c are the real ones,
 * what touches the CPU is made up here.  The run loop makes the same calls to
 * the host as monitor/run.c.
 */
#include <string.h>
#include "fake.h"
#include "tap.h"

struct fake_machine fmachine;
volatile enum fake_guest guest;
volatile int guest_entries, guest_is_in;
u32 guest_vector;

const u8 colinux_passage_page[4096] __attribute__((aligned(4096)));
const u32 colinux_passage_arrivals[2];

/* ---- CPU ---- */

void cpu_cpuid(u32 leaf, u32 sub, u32 regs[4])
{
	(void)sub;
	memset(regs, 0, 4 * sizeof(u32));
	if (leaf == 0)
		regs[0] = 0xd;
	if (leaf == 1) {
		regs[2] = 1u << 27;
		regs[3] = (fmachine.no_tsc ? 0 : 1u << 4) |
			  (fmachine.no_fxsr ? 0 : 1u << 24);
	}
	if (leaf == 0xd)
		regs[2] = 832;
}

void cpu_save_xstate(void *area, bool xsave)
{
	if (fcpu.irql != DISPATCH_LEVEL || fcpu.fpu_claimed || !xsave ||
	    (u64)area % 64)
		die("cpu_save_xstate");
	memset(area, 0x33, 832);
	fcpu.fpu_claimed = true;
}

void cpu_load_xstate(const void *area, bool xsave)
{
	if (fcpu.irql != DISPATCH_LEVEL || !fcpu.fpu_claimed || !xsave ||
	    ((const u8 *)area)[831] != 0x33)
		die("cpu_load_xstate");
	fcpu.fpu_claimed = false;
}

int cpu_check(const char **why)
{
	*why = fmachine.unusable;
	return fmachine.unusable ? -CO_EOPNOTSUPP : 0;
}

int cpu_context_init(struct cpu_context *c)
{
	c->xstate_raw = host_zalloc(832);
	return c->xstate_raw ? 0 : -CO_ENOMEM;
}

void cpu_context_free(struct cpu_context *c)
{
	host_zfree(c->xstate_raw, 832);
}

void cpu_context_reset(struct cpu_context *c)
{
	(void)c;
}

int page_pool_init(struct page_pool *pool)
{
	pool->page[0].table = host_page_alloc(&pool->root);
	return pool->page[0].table ? 0 : -CO_ENOMEM;
}

void page_pool_free(struct page_pool *pool)
{
	if (pool->page[0].table)
		host_page_free(pool->page[0].table);
}

int page_pool_map(struct page_pool *pool, u64 va, u64 machine_address)
{
	(void)pool, (void)va, (void)machine_address;
	return 0;
}

void side_init(struct colinux_side *side, u64 va, u64 code, u64 peer,
	       u64 inter_cr3, u32 arrive)
{
	(void)side, (void)va, (void)code, (void)peer, (void)inter_cr3;
	(void)arrive;
}

/* ---- the run loop ---- */

static void to_guest(struct vcpu *v, const struct host_light_ops *ops)
{
	u32 vector = guest_vector;

	ops->enter(v->host);
	guest_entries++;
	if (v->self_raise && load_once(v->area->pending))
		host_self_interrupt(v->host);
	if (fcpu.irql != APC_LEVEL || !fcpu.irqs_off)
		die("CR8 or IF in the guest");
	guest_vector = 0;
	if (!vector && (guest == GUEST_SPINS || v->self_raise))
		vector = fake_guest_waits();
	v->self_raise = 0;
	ops->exit(v->host);
	if (vector && !ops->interrupt_later(v->host, vector))
		host_reraise(vector);
}

static enum after run_full(struct vcpu *v)
{
	enum after after = AFTER_RESUME;
	struct host_light how;

	host_guest_begin(v->host, &how);
	cpu_irq_off();
	while (after == AFTER_RESUME && !how.ops->must_leave(v->host)) {
		to_guest(v, how.ops);
		after = guest == GUEST_CALLS  ? AFTER_PROCESS :
			guest == GUEST_SLEEPS ? AFTER_SLEEP :
			guest == GUEST_YIELDS ? AFTER_YIELD :
						AFTER_RESUME;
	}
	how.ops->leave(v->host);
	cpu_irq_on();
	host_guest_end(v->host);
	return after;
}

int vcpu_run(struct vcpu *v, struct colinux_run *run)
{
	host_vcpu_bind(v->host);
	v->area->pending = 0;	/* as if the guest had taken it */
	for (;;) {
		enum after after;

		if (host_signal_pending(v->host)) {
			run->exit = COLINUX_RUN_INTR;
			return 0;
		}
		after = run_full(v);
		if (after == AFTER_PROCESS) {
			run->exit = COLINUX_RUN_HYPERCALL;
			return 0;
		}
		if (after == AFTER_SLEEP) {
			host_vcpu_sleep(v->host);
			if (load_once(v->area->pending))
				guest = GUEST_CALLS;
		} else {
			host_yield(v->host, after == AFTER_YIELD);
			if (after == AFTER_YIELD)
				guest = GUEST_CALLS;
		}
	}
}

/* ---- the calls ---- */

u32 vm_control_size(u32 function)
{
	switch (function) {
	case COLINUX_IOC_VERSION:
		return sizeof(struct colinux_version);
	case COLINUX_IOC_CREATE:
		return sizeof(struct colinux_create);
	case COLINUX_IOC_GET_EXTENTS:
		return sizeof(struct colinux_get_extents);
	case COLINUX_IOC_VCPU_RUN:
		return sizeof(struct colinux_run);
	case COLINUX_IOC_IRQFD:
	case COLINUX_IOC_DOORBELL:
		return sizeof(struct colinux_event);
	case COLINUX_IOC_KICK:
		return sizeof(struct colinux_kick);
	case COLINUX_IOC_RELEASE:
	case COLINUX_IOC_RECLAIM:
		return sizeof(struct colinux_range);
	default:
		return 0;
	}
}

int vm_control(struct vm **vm, u32 function, void *arg)
{
	struct colinux_version *version = arg;
	struct colinux_kick *kick = arg;
	u32 theirs;

	switch (function) {
	case COLINUX_IOC_VERSION:
		theirs = version->abi_version;
		version->abi_version = COLINUX_ABI_VERSION;
		version->tsc_khz = host_tsc_khz();
		return theirs == COLINUX_ABI_VERSION ? 0 : -CO_EPROTO;
	case COLINUX_IOC_CREATE:
		return vm_create(vm, arg);
	case COLINUX_IOC_VCPU_RUN:
		return vcpu_run((*vm)->vcpus[((struct colinux_run *)arg)->vcpu],
				arg);
	case COLINUX_IOC_KICK:
		vcpu_interrupt((*vm)->vcpus[kick->vcpu], kick->virq);
		return 0;
	case COLINUX_IOC_RELEASE:
		return vm_release(*vm, arg);
	case COLINUX_IOC_RECLAIM:
		return vm_reclaim(*vm, arg);
	default:
		return -CO_ENOTTY;
	}
}
