// SPDX-License-Identifier: GPL-2.0
/*
 * The run loop of a vCPU.  Two depths: vcpu_run() brings the guest's whole
 * state onto the CPU and takes it off again (full switch); run_light() goes in
 * and out through the passage alone as long as only interrupts and short
 * hypercalls come.
 */
#include "vm.h"
#include "x86/cpu.h"

/* Deliver what arrived between the two worlds. IF=0. */
static void replay_noted(struct vcpu *v)
{
	u64 noted = __sync_lock_test_and_set(&v->side->noted, 0) |
		    __sync_lock_test_and_set(&v->area->side.noted, 0);

	if (noted & COLINUX_NOTED_NMI) {
		v->stats.exits_nmi++;
		host_reraise(2);
	}
	if (noted & COLINUX_NOTED_MCE) {
		v->stats.exits_mce++;
		host_reraise(18);
	}
}

static enum after handle_exit(struct vcpu *v, struct colinux_run *run)
{
	struct colinux_vcpu_area *area = v->area;
	u32 reason = load_once(area->reason);
	u32 vector = load_once(area->vector);

	store_once(area->reason, 0);
	replay_noted(v);

	switch (reason) {
	case 0:			/* turned back by the passage: as before */
		return AFTER_RESUME;
	case COLINUX_EXIT_IRQ:
		v->stats.exits_irq++;
		v->self_raise = 0;	/* it looks at pending afterwards */
		if (vector < 32 || vector > 255) {
			vm_kill(v->vm, "vCPU %u forwarded vector %u", v->id,
				vector);
			return AFTER_RESUME;
		}
		if (!host_interrupt_later(v->host, vector))
			host_reraise(vector);
		return AFTER_RESUME;
	case COLINUX_EXIT_NMI:
		v->stats.exits_nmi++;
		v->self_raise = 1;	/* whatever IF was: it does no harm */
		host_reraise(2);
		return AFTER_RESUME;
	case COLINUX_EXIT_MCE:
		v->stats.exits_mce++;
		v->self_raise = 1;
		host_reraise(18);
		return AFTER_RESUME;
	case COLINUX_EXIT_HYPERCALL:
		v->stats.exits_hypercall++;
		v->self_raise = !load_once(area->if_enabled);
		/* Many of these in a row must not keep the host's out. */
		if (v->self_raise)
			irq_window();
		return vcpu_hypercall(v, run);
	default:
		vm_kill(v->vm, "vCPU %u left with unknown reason %u", v->id,
			reason);
		return AFTER_RESUME;
	}
}

/* To the guest and back. IF=0. */
static void switch_to_guest(struct vcpu *v)
{
	host_guest_enter(v->host);
	/*
	 * With IF=0 in the guest, an interrupt that we send ourselves stays
	 * pending in the APIC and fires at its STI: the interrupt window.
	 */
	if (v->self_raise && load_once(v->area->pending))
		host_self_interrupt(v->host);
	cpu_fix_guest_cr4(&v->area->side);
	v->stats.switches++;
	passage_switch(v->side);
	host_guest_exit(v->host);
}

static enum after run_light(struct vcpu *v, struct colinux_run *run)
{
	enum after after = AFTER_RESUME;

	while (after == AFTER_RESUME && !load_once(v->vm->killed) &&
	       !host_must_leave(v->host)) {
		switch_to_guest(v);
		after = handle_exit(v, run);
	}
	return after;
}

/* One full switch with what comes in it. */
static enum after run_full(struct vcpu *v, struct colinux_run *run)
{
	enum after after;
	u64 start;

	host_guest_begin(v->host);
	irq_off();
	v->side->gs_base = rdmsr(MSR_GS_BASE);
	cpu_context_load(&v->context, &v->area->side);
	v->stats.full_switches++;
	start = host_now();

	after = run_light(v, run);

	v->stats.guest_ns += host_now() - start;
	cpu_context_save(&v->context, &v->area->side);
	irq_on();
	host_guest_end(v->host);
	return after;
}

static void account_steal(struct vcpu *v)
{
	if (v->runnable_since) {
		v->stats.steal_ns += host_now() - v->runnable_since;
		store_once(v->area->steal_ns, v->stats.steal_ns);
		v->runnable_since = 0;
	}
}

static void set_killed(struct vcpu *v, struct colinux_run *run)
{
	run->exit = COLINUX_RUN_KILLED;
	/* vm_kill() on another CPU may still be writing the sentence. */
	while (load_once(v->vm->killed) != 2)
		__builtin_ia32_pause();
	__builtin_memcpy(run->reason, v->vm->reason, sizeof(run->reason));
}

int vcpu_run(struct vcpu *v, struct colinux_run *run)
{
	if (__sync_lock_test_and_set(&v->running, 1))
		return -CO_EBUSY;
	if (v->state != VCPU_READY) {
		__sync_lock_release(&v->running);
		return -CO_EINVAL;
	}
	host_vcpu_bind(v->host);
	if (v->awaiting)
		v->area->ret = run->ret;
	v->awaiting = 0;

	for (;;) {
		enum after after;

		if (load_once(v->vm->killed)) {
			set_killed(v, run);
			break;
		}
		if (host_signal_pending(v->host)) {
			run->exit = COLINUX_RUN_INTR;
			break;
		}
		account_steal(v);
		after = run_full(v, run);
		if (after == AFTER_PROCESS) {
			run->exit = COLINUX_RUN_HYPERCALL;
			v->awaiting = 1;
			break;
		}
		if (after == AFTER_SLEEP) {
			host_vcpu_sleep(v->host);
		} else {
			v->runnable_since = host_now();
			host_yield(after == AFTER_YIELD);
		}
	}
	__sync_lock_release(&v->running);
	return 0;
}
