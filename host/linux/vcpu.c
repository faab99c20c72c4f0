// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU's thread on a Linux host: when it may have the CPU, how it sleeps,
 * how others reach it, its timer.
 */
#include <linux/kernel.h>
#include <linux/slab.h>
#include <linux/hrtimer.h>
#include <linux/irq_work.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <linux/smp.h>
#include <linux/task_work.h>
#include <linux/timekeeping.h>
#include <linux/vtime.h>
#include <linux/wait.h>
#include <asm/apic.h>
#include <asm/cpufeature.h>
#include <asm/fpu/api.h>
#include <asm/nospec-branch.h>
#include <asm/irq_vectors.h>
#include <asm/tsc.h>
#include "driver.h"

/*
 * KVM lends the syscall MSRs to its guests and leaves them so until this CPU
 * goes to user space or its notifier is dropped, in an interrupt at any time:
 * what is there until then is not for us to save.  Not every kernel has it.
 */
#ifndef _TIF_USER_RETURN_NOTIFY
#define _TIF_USER_RETURN_NOTIFY 0
#endif

static_assert(CALL_FUNCTION_VECTOR == CALL_FUNCTION_SINGLE_VECTOR + 1);

/* How long a device's thread may have to wait for a CPU that a guest has. */
#define TURN_NS (200 * NSEC_PER_USEC)

struct host_vcpu {
	struct vcpu *v;
	wait_queue_head_t wait;
	struct hrtimer timer;
	struct hrtimer turn;	/* since a doorbell that somebody waits for */
	struct irq_work self;
	int cpu;		/* between begin and end on this CPU, or -1 */
	bool give_way;		/* the turn is over */
};

static bool x2apic_mode_on;	/* of all CPUs, from vcpus_init() */

static void self_interrupt(struct irq_work *work)
{
	/* Its arrival is all that is wanted: it takes the guest out. */
}

static enum hrtimer_restart timer_expired(struct hrtimer *timer)
{
	struct host_vcpu *h = container_of(timer, struct host_vcpu, timer);

	vcpu_timer_expired(h->v);
	return HRTIMER_NORESTART;
}

/*
 * Set on the vCPU's CPU.  Not cancelled when the thread sleeps or goes elsewhere:
 * that costs more than one that is late and finds nothing to do.
 */
static enum hrtimer_restart turn_over(struct hrtimer *timer)
{
	struct host_vcpu *h = container_of(timer, struct host_vcpu, turn);

	if (READ_ONCE(h->cpu) == raw_smp_processor_id() &&
	    !single_task_running()) {
		h->give_way = true;
		/* The run loop looks at it: current is the vCPU's thread. */
		set_tsk_need_resched(current);
		set_preempt_need_resched();
	}
	return HRTIMER_NORESTART;
}

struct host_vcpu *host_vcpu_new(struct vcpu *v)
{
	struct host_vcpu *h = kzalloc(sizeof(*h), GFP_KERNEL);

	if (!h)
		return NULL;
	h->v = v;
	h->cpu = -1;
	init_waitqueue_head(&h->wait);
	init_irq_work(&h->self, self_interrupt);
	hrtimer_init(&h->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_HARD);
	h->timer.function = timer_expired;
	hrtimer_init(&h->turn, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	h->turn.function = turn_over;
	return h;
}

void host_vcpu_free(struct host_vcpu *h)
{
	hrtimer_cancel(&h->timer);
	hrtimer_cancel(&h->turn);
	irq_work_sync(&h->self);
	kfree(h);
}

void host_vcpu_bind(struct host_vcpu *h)
{
	/* The thread is `current` in every call: nothing to remember. */
}

void host_guest_begin(struct host_vcpu *h, struct host_light *light)
{
	/* Saves the thread's FPU registers and turns preemption off. */
	kernel_fpu_begin();
	note_context_switch();
	vtime_account_guest_enter();
	h->give_way = false;
	WRITE_ONCE(h->cpu, raw_smp_processor_id());
	smp_mb(); /* before pending is read; pairs with host_vcpu_kick() */
	/*
	 * need_resched() or host_signal_pending().  No ops: with preemption off
	 * no handler of Linux switches threads.
	 */
	light->flags = (const volatile u64 *)&current_thread_info()->flags;
	light->mask = _TIF_NEED_RESCHED | _TIF_SIGPENDING | _TIF_NOTIFY_SIGNAL |
		      _TIF_NOTIFY_RESUME | _TIF_USER_RETURN_NOTIFY;
	light->ops = NULL;
	/* smp_call_function(): KVM looks at MSRs so when its first VM starts. */
	light->call_vector = CALL_FUNCTION_SINGLE_VECTOR;
	light->nr_call_vectors = 2;
	/*
	 * Linux writes these MSRs when a CPU comes up.  While KVM lends them to
	 * its guests the flag is set: the guest is not entered, nothing is kept.
	 */
	light->cpu = *light->flags & _TIF_USER_RETURN_NOTIFY ?
			     -1 : raw_smp_processor_id();
	light->fsgsbase = boot_cpu_has(X86_FEATURE_FSGSBASE);
	/* Kernel mode: what entry code or the last task switch has loaded. */
	light->spec_ctrl_known = true;
	light->spec_ctrl = spec_ctrl_current();
	/* Set when Linux has found the bit to work: it may be off just now. */
	light->split_lock = boot_cpu_has(X86_FEATURE_SPLIT_LOCK_DETECT);
}

void host_guest_end(struct host_vcpu *h)
{
	WRITE_ONCE(h->cpu, -1);
	vtime_account_guest_exit();
	kernel_fpu_end();
}

bool host_in_guest(struct host_vcpu *h)
{
	int cpu = READ_ONCE(h->cpu);

	return cpu >= 0 && cpu != raw_smp_processor_id();
}

void host_vcpu_nmi(struct host_vcpu *h)
{
	int cpu = READ_ONCE(h->cpu);

	if (cpu >= 0 && cpu != raw_smp_processor_id())
		watchdog_send_nmi(cpu);
}

void vcpus_init(void)
{
	x2apic_mode_on = x2apic_enabled();
}

u32 host_apic_isr(u32 index)
{
	const u32 at = APIC_ISR + 0x10 * index;
	u64 value = 0;

	if (x2apic_mode_on)
		rdmsrl(APIC_BASE_MSR + (at >> 4), value);
	else if (boot_cpu_has(X86_FEATURE_APIC))
		value = native_apic_mem_read(at);
	return (u32)value;
}

void host_self_interrupt(struct host_vcpu *h)
{
	irq_work_queue(&h->self);
}

u64 host_event_stack(u64 ist)
{
	/* asm_exc_nmi and asm_exc_machine_check address all by RSP. */
	return 0;
}

void host_vcpu_sleep(struct host_vcpu *h)
{
	wait_event_interruptible(h->wait, vcpu_wake_condition(h->v));
}

void host_vcpu_kick(struct host_vcpu *h)
{
	int cpu;

	smp_mb(); /* after pending was set; pairs with host_guest_begin() */
	if (waitqueue_active(&h->wait))
		wake_up(&h->wait);
	cpu = READ_ONCE(h->cpu);
	if (cpu >= 0 && cpu != raw_smp_processor_id())
		(smp_ops.smp_send_reschedule)(cpu);
}

void host_vcpu_timer(struct host_vcpu *h, u64 ns)
{
	hrtimer_start(&h->timer, ns_to_ktime(ns), HRTIMER_MODE_REL_HARD);
}

void host_vcpu_timer_cancel(struct host_vcpu *h)
{
	/* May be running on another CPU: a late tick is harmless. */
	hrtimer_try_to_cancel(&h->timer);
}

void host_yield(struct host_vcpu *h, bool spinning)
{
	/* It is not the others' turn: see os_thread_batch() in the daemon. */
	if (spinning || h->give_way)
		yield();
	else
		cond_resched();
}

/*
 * Whether there is work for the way to user space (TWA_RESUME: CPU time limits).
 * Its flag is set at each task switch as well, for rseq, which can wait: it goes
 * down here, so that the next is noticed, and up again in vcpu_to_user().
 */
static bool has_task_work(void)
{
	if (test_thread_flag(TIF_NOTIFY_RESUME)) {
		clear_thread_flag(TIF_NOTIFY_RESUME);
		/* task_work_add() sets it afterwards. */
		smp_mb__after_atomic();
	}
	return task_work_pending(current);
}

void vcpu_to_user(void)
{
	set_thread_flag(TIF_NOTIFY_RESUME);
}

bool host_signal_pending(struct host_vcpu *h)
{
	return has_task_work() || signal_pending(current) ||
	       (read_thread_flags() & _TIF_USER_RETURN_NOTIFY);
}

u64 host_now(void)
{
	return ktime_get_mono_fast_ns();
}

u64 host_wallclock(void)
{
	return ktime_get_real_ns();
}

u64 host_tsc_khz(void)
{
	return tsc_khz;
}

void host_doorbell(struct host_vcpu *h, struct host_event *e)
{
	eventfd_add_one((struct eventfd_ctx *)e);
	if (!single_task_running() && !hrtimer_active(&h->turn))
		hrtimer_start(&h->turn, ns_to_ktime(TURN_NS),
			      HRTIMER_MODE_REL_PINNED_HARD);
}

void host_log(int level, const char *fmt, ...)
{
	struct va_format vaf;
	va_list args;

	va_start(args, fmt);
	vaf.fmt = fmt;
	vaf.va = &args;
	if (level)
		pr_notice("colinux: %pV\n", &vaf);
	else
		pr_err("colinux: %pV\n", &vaf);
	va_end(args);
}

int host_format(char *buf, size_t size, const char *fmt, va_list args)
{
	return vsnprintf(buf, size, fmt, args);
}
