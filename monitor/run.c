// SPDX-License-Identifier: GPL-2.0
/*
 * The run loop of a vCPU.  Two depths: vcpu_run() brings the guest's whole
 * state onto the CPU and takes it off again (full switch); run_light() goes in
 * and out through the passage alone as long as only interrupts and short
 * hypercalls come.
 */
#include "vm.h"
#include "x86/cpu.h"

/*
 * A light switch is on the way of every interrupt: instructions are counted
 * (tests/plugin/light.t).
 */
#define ALWAYS_INLINE inline __attribute__((__always_inline__))
#define rarely(x) __builtin_expect(!!(x), 0)

/* Deliver what arrived between the two worlds. IF=0. */
static __attribute__((__noinline__)) void replay_noted(struct vcpu *v)
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

/* All exits but interrupts. IF=0. */
static __attribute__((__noinline__)) enum after
handle_exit(struct vcpu *v, struct colinux_run *run, u32 reason)
{
	struct colinux_vcpu_area *area = v->area;

	switch (reason) {
	case 0:			/* turned back by the passage: as before */
		v->watch.interruptions++;
		return AFTER_RESUME;
	case COLINUX_EXIT_NMI:
		v->stats.exits_nmi++;
		v->self_raise = 1;	/* whatever IF was: it does no harm */
		vcpu_watch_nmi(v);
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

/* True: not before the guest's state is off the CPU. */
static ALWAYS_INLINE bool run_handler(struct vcpu *v, u32 vector,
				      const struct host_light *how,
				      const struct host_light_ops *ops)
{
	if (ops) {
		if (ops->interrupt_later(v->host, vector))
			return true;
	} else if (rarely(vector - how->call_vector < how->nr_call_vectors)) {
		v->later = vector;
		return true;
	}
	host_reraise_irq(v->side, vector);
	return false;
}

/* What it was true for, but for hosts that see to it by themselves. IF=0. */
static __attribute__((__noinline__)) void run_later(struct vcpu *v)
{
	u32 vector = v->later;

	v->later = 0;
	host_reraise_irq(v->side, vector);
}

/*
 * The thread is about to leave the CPU, and the guest may have accepted one of the
 * host's interrupts without having forwarded it: what its kernel does on the way
 * there spins, or sets its timer.  Until its EOI this CPU takes no other, the thread
 * does not learn that it is to schedule, and when it comes back on another CPU the
 * EOI would be that one's.  So the handler runs now. IF=0.
 */
static __attribute__((__noinline__)) void
serve_early(struct vcpu *v, const struct host_light *how)
{
	u32 vector = host_in_service();

	if (!vector)
		return;
	v->served = 1;
	run_handler(v, vector, how, how->ops);
}

/* After that: what is forwarded now has been handled, or came later. IF=0. */
static __attribute__((__noinline__)) bool is_served(struct vcpu *v, u32 vector)
{
	v->served = 0;
	return host_in_service() != vector;
}

/* An interrupt that arrived in the guest; true: leave. IF=0. */
static ALWAYS_INLINE bool handle_irq(struct vcpu *v,
				     const struct host_light *how,
				     const struct host_light_ops *ops)
{
	u32 vector = load_once(v->area->vector);

	v->stats.exits_irq++;
	v->self_raise = 0;	/* it looks at pending afterwards */
	if (rarely(vector - 32 > 255 - 32))
		vm_kill(v->vm, "vCPU %u forwarded vector %u", v->id, vector);
	else if (!rarely(v->served) || !is_served(v, vector))
		return run_handler(v, vector, how, ops);
	return false;
}

/* To the guest and back. IF=0. */
static ALWAYS_INLINE void switch_to_guest(struct vcpu *v,
					  const struct host_light_ops *ops)
{
	struct colinux_side *guest = &v->area->side;
	u64 cr4 = read_cr4(), spec_ctrl;

	if (ops)
		ops->enter(v->host);
	/*
	 * With IF=0 in the guest, an interrupt that we send ourselves stays
	 * pending in the APIC and fires at its STI: the interrupt window.
	 */
	if (rarely(v->self_raise) && load_once(v->area->pending))
		host_self_interrupt(v->host);
	/* A handler of the host may have changed it: KVM turns VMX on so. */
	if (rarely(cr4 != v->side->cr4)) {
		v->side->cr4 = cr4;
		cpu_fix_guest_cr4(guest);
	}
	spec_ctrl = load_once(v->area->spec_ctrl);
	if (rarely(spec_ctrl != v->context.spec_ctrl))
		cpu_spec_ctrl_guest(&v->context, spec_ctrl);
	v->stats.switches++;
	passage_switch(v->side);
	if (rarely(load_once(v->area->spec_ctrl) != v->context.spec_ctrl))
		cpu_spec_ctrl_host(&v->context);
	if (ops)
		ops->exit(v->host);
}

static ALWAYS_INLINE enum after light(struct vcpu *v, struct colinux_run *run,
				      const struct host_light *how,
				      const struct host_light_ops *ops)
{
	while (!rarely(load_once(v->vm->killed)) &&
	       !rarely(*how->flags & how->mask) &&
	       !(ops && ops->must_leave(v->host))) {
		enum after after;
		u32 reason;

		switch_to_guest(v, ops);
		reason = load_once(v->area->reason);
		store_once(v->area->reason, 0);
		if (rarely(load_once(v->side->noted) |
			     load_once(v->area->side.noted)))
			replay_noted(v);
		if (__builtin_expect(reason == COLINUX_EXIT_IRQ, 1)) {
			if (rarely(handle_irq(v, how, ops)))
				return AFTER_RESUME;
			continue;
		}
		after = handle_exit(v, run, reason);
		if (after != AFTER_RESUME)
			return after;
	}
	return AFTER_RESUME;
}

/* Once for hosts that want to know of each switch, once for others. */
static enum after run_light(struct vcpu *v, struct colinux_run *run,
			    const struct host_light *how)
{
	return how->ops ? light(v, run, how, how->ops) :
			  light(v, run, how, NULL);
}

/*
 * The first code of a Linux kernel (secondary_startup_64) writes CR4 without VMXE,
 * which faults in VMX operation (SDM vol. 3, restrictions on it) when nothing can
 * handle that yet: the machine is reset.  Until then it keeps the CPU, with IF=0,
 * so nobody turns VMX on there; what it writes later keeps the bit (guest/port/pv.c).
 * IF=0.
 */
static void check_start(struct vcpu *v)
{
	if (vcpu_is_new(v) && (read_cr4() & CR4_VMXE))
		vm_kill(v->vm, "vCPU %u cannot start while another hypervisor "
			"has VMX on: unload kvm_intel or stop its VMs", v->id);
}

/* One full switch with what comes in it. */
static enum after run_full(struct vcpu *v, struct colinux_run *run)
{
	struct host_light how;
	enum after after;
	u64 start;

	host_guest_begin(v->host, &how);
	irq_off();
	check_start(v);
	/* The passage orders this, see enum colinux_run_state. */
	store_once(v->area->run_state, COLINUX_VCPU_RUNNING);
	cpu_context_load(&v->context, v->side, v->area, &how);
	v->stats.full_switches++;
	start = host_now();
	store_once(v->run_since, start);

	after = run_light(v, run, &how);
	if (v->self_raise)	/* IF=0, and not forwarding one */
		serve_early(v, &how);
	if (how.ops)
		how.ops->leave(v->host);

	store_once(v->area->run_state, after == AFTER_SLEEP ?
		   COLINUX_VCPU_ASLEEP : COLINUX_VCPU_PREEMPTED);
	v->stats.guest_ns += host_now() - start;
	store_once(v->run_since, 0);
	cpu_context_save(&v->context, v->side, v->area);
	if (v->later)
		run_later(v);
	irq_on();
	host_guest_end(v->host);
	return after;
}

static void account_steal(struct vcpu *v)
{
	u64 since = __sync_lock_test_and_set(&v->runnable_since, 0);

	if (since) {
		v->stats.steal_ns += host_now() - since;
		store_once(v->area->steal_ns, v->stats.steal_ns);
	}
}

/* The process may have been stopped, also while this vCPU was asleep. */
static void account_absence(struct vcpu *v)
{
	if (v->left) {
		v->away_ns += host_now() - v->left;
		store_once(v->area->away_ns, v->away_ns);
	}
}

static void fall_asleep(struct vcpu *v)
{
	/* A waker that was late for the last sleep may have set it. */
	store_once(v->runnable_since, 0);
	store_once(v->asleep, 1);
	host_vcpu_sleep(v->host);
	store_once(v->asleep, 0);
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
	account_absence(v);
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
			fall_asleep(v);
		} else {
			v->runnable_since = host_now();
			host_yield(v->host, after == AFTER_YIELD);
		}
	}
	v->left = host_now();
	__sync_lock_release(&v->running);
	return 0;
}
