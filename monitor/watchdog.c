// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU that keeps interrupts off and never comes back holds its CPU: no
 * interrupt of the host can take it out, an NMI can.  The host calls vm_watch()
 * from time to time on its CPUs; a vCPU that has been in the guest for too long
 * gets an NMI, and vcpu_watch_nmi(), after the passage, ends the guest.  Where
 * no other CPU is left to look, any NMI of the machine does (PMU, a button).
 *
 * Costs nothing on the way in and out: the number of the entry that a vCPU is
 * in is what the statistics count anyway.
 */
#include "vm.h"

#define RFLAGS_IF	0x200
#define NS_PER_S	1000000000ull
/*
 * Linux starts with interrupts off for a while that grows with the memory; so
 * until a vCPU has taken its first interrupt it gets this many times as long.
 */
#define START_FACTOR	6

/*
 * Number of the entry into the guest that the vCPU is in, or will make next.
 * Coming back for an NMI does not end it.
 */
static u64 entry_number(const struct vcpu *v, bool inside)
{
	return load_once(v->stats.switches) -
	       load_once(v->watch.interruptions) + !inside;
}

static u64 limit_ns(const struct vcpu *v)
{
	u64 ns = v->vm->watchdog * NS_PER_S;

	return load_once(v->stats.exits_irq) ? ns : ns * START_FACTOR;
}

/*
 * How long the vCPU has been in this entry, at least; `number` was read before.
 */
static u64 time_inside(const struct vcpu *v, u64 number, u64 now)
{
	const struct watch *w = &v->watch;
	u64 since;

	if (number != load_once(w->number))
		return 0;
	since = load_once(w->since);
	if (since < load_once(v->run_since))
		since = v->run_since;
	return now > since ? now - since : 0;
}

static void look(struct vcpu *v, u64 now)
{
	const u64 period = v->vm->watch_period;
	struct watch *w = &v->watch;
	bool inside;
	u64 number;

	/* One CPU at a time. */
	if (__sync_lock_test_and_set(&w->busy, 1))
		return;
	inside = host_in_guest(v->host);
	number = entry_number(v, inside);
	if (!inside || number != w->number) {
		/* In this order: the number says that the time is its own. */
		store_once(w->since, now);
		store_once(w->number, number);
	} else {
		/* Nobody has looked for long: the machine stood still. */
		if (now - w->last > 2 * period && w->since < now)
			store_once(w->since, w->since + (now - w->last) -
						     2 * period);
		/* The other CPUs look at the same time. */
		if (now - w->nmi_sent > period / 2 &&
		    (load_once(v->vm->killed) ||
		     time_inside(v, number, now) >= limit_ns(v))) {
			w->nmi_sent = now;
			host_vcpu_nmi(v->host);
		}
	}
	w->last = now;
	__sync_lock_release(&w->busy);
}

void vm_watch(struct vm *vm)
{
	u64 now = host_now();

	for (u32 i = 0; i < vm->nr_vcpus; i++)
		look(vm->vcpus[i], now);
}

void vcpu_watch_nmi(struct vcpu *v)
{
	/* The guest's word; it can harm itself only. */
	const u64 rip = load_once(v->area->args[0]);
	const u64 rflags = load_once(v->area->args[1]);
	const u64 period = v->vm->watch_period;
	u64 now, alone, ns;

	if (rflags & RFLAGS_IF)
		return;		/* any interrupt would have done */
	if (v->vm->watchdog) {
		now = host_now();
		ns = time_inside(v, entry_number(v, true), now);
		/*
		 * This CPU looks once a period when it takes interrupts.  If
		 * nobody has looked for longer, it has taken none since.
		 */
		alone = now - load_once(v->watch.last);
		if (v->watch.last && (s64)alone > (s64)period &&
		    alone - period > ns)
			ns = alone - period;
		if (ns >= limit_ns(v))
			vm_kill(v->vm, "vCPU %u has kept interrupts off for "
				"%u s at RIP %llx", v->id,
				(unsigned int)(ns / NS_PER_S),
				(unsigned long long)rip);
	}
	v->watch.interruptions++;
}

void vm_watch_start(struct vm *vm, u32 seconds)
{
	if (!seconds)
		return;
	vm->watchdog = seconds;
	vm->watch_period = seconds * NS_PER_S / 4;
	vm->host_watch = host_watch_start(vm, vm->watch_period);
	if (!vm->host_watch)
		vm->watchdog = 0;
}

void vm_watch_stop(struct vm *vm)
{
	if (vm->host_watch)
		host_watch_stop(vm->host_watch);
	vm->host_watch = NULL;
}
