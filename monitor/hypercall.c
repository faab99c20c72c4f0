// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls that the driver answers itself; the rest goes to the VM process.
 * Called with IF=0 right after the passage: nothing here may sleep.
 */
#include "vm.h"
#include "x86/cpu.h"

/*
 * Longest time in one piece: some 20 minutes, after which the guest finds
 * nothing due and asks again.  ticks * 10^6 cannot wrap.
 */
#define MAX_TICKS	(1ull << 42)
#define CLOCK_TRIES	4

static void set_timer(struct vcpu *v, u64 deadline)
{
	u64 now = read_tsc();

	if (!deadline) {
		host_vcpu_timer_cancel(v->host);
	} else if (deadline <= now) {
		vcpu_timer_expired(v);
	} else {
		u64 ticks = deadline - now;

		if (ticks > MAX_TICKS)
			ticks = MAX_TICKS;
		host_vcpu_timer(v->host, ticks * 1000000 / host_tsc_khz());
		v->stats.timers++;
	}
}

static s64 kick(struct vcpu *v, u64 target, u64 virq)
{
	if (target >= v->vm->nr_vcpus || virq >= 64)
		return -CO_EINVAL;
	vcpu_interrupt(v->vm->vcpus[target], (u32)virq);
	v->stats.kicks++;
	return 0;
}

static s64 kick_mask(struct vcpu *v, u64 mask, u64 virq)
{
	u32 nr = v->vm->nr_vcpus;

	if (virq >= 64 || (nr < 64 && mask >> nr))
		return -CO_EINVAL;
	for (; mask; mask &= mask - 1)
		kick(v, (u64)__builtin_ctzll(mask), virq);
	return 0;
}

static s64 stats(struct vcpu *v, u64 target)
{
	if (target >= v->vm->nr_vcpus)
		return -CO_EINVAL;
	vcpu_stats(v->vm->vcpus[target], &v->area->stats);
	return 0;
}

static s64 doorbell(struct vcpu *v, u64 device, u64 queue)
{
	struct host_event *e;

	if (device >= COLINUX_MAX_DEVICES || queue >= COLINUX_DEVICE_QUEUES)
		return -CO_EINVAL;
	e = load_once(v->vm->doorbells[device][queue]);
	if (!e)
		return -CO_ENODEV;
	host_doorbell(v->host, e);
	v->stats.doorbells++;
	v->stats.device_doorbells[device]++;
	return 0;
}

/* All clocks of one moment: the try that the TSC says was the quickest. */
static void clocks(struct colinux_vcpu_area *area)
{
	u64 best = ~0ull;

	for (u32 i = 0; i < CLOCK_TRIES; i++) {
		u64 before = read_tsc(), now = host_now(), after = read_tsc();
		u64 wall = host_wallclock() - (host_now() - now);

		if (after - before >= best)
			continue;
		best = after - before;
		area->args[0] = before + best / 2;
		area->args[1] = now;
		area->args[2] = wall;
		area->args[3] = best;
	}
}

enum after vcpu_hypercall(struct vcpu *v, struct colinux_run *run)
{
	struct colinux_vcpu_area *area = v->area;
	u64 nr = load_once(area->nr);
	u64 arg0 = load_once(area->args[0]), arg1 = load_once(area->args[1]);

	if (nr < COLINUX_STATS_HYPERCALLS)
		v->stats.hypercalls[nr]++;

	area->ret = 0;
	switch (nr) {
	case COLINUX_HC_NOP:
		return AFTER_RESUME;
	case COLINUX_HC_HALT:
		v->stats.halts++;
		store_once(v->wake_mask, arg0 ? arg0 : ~0ull);
		return AFTER_SLEEP;
	case COLINUX_HC_YIELD:
		v->stats.yields++;
		return AFTER_YIELD;
	case COLINUX_HC_TIMER:
		set_timer(v, arg0);
		return AFTER_RESUME;
	case COLINUX_HC_KICK:
		area->ret = kick(v, arg0, arg1);
		return AFTER_RESUME;
	case COLINUX_HC_KICK_MASK:
		area->ret = kick_mask(v, arg0, arg1);
		return AFTER_RESUME;
	case COLINUX_HC_DOORBELL:
		area->ret = doorbell(v, arg0, arg1);
		return AFTER_RESUME;
	case COLINUX_HC_STATS:
		area->ret = stats(v, arg0);
		return AFTER_RESUME;
	case COLINUX_HC_WALLCLOCK:
		area->ret = (s64)host_wallclock();
		return AFTER_RESUME;
	case COLINUX_HC_CLOCK:
		clocks(area);
		return AFTER_RESUME;
	case COLINUX_HC_ROUTE:
		area->ret = vm_route(v->vm, arg0, arg1,
				     load_once(area->args[2]));
		return AFTER_RESUME;
	case COLINUX_HC_CONSOLE:
	case COLINUX_HC_DEVICE:
	case COLINUX_HC_END:
	case COLINUX_HC_VCPU_UP:
	case COLINUX_HC_VCPU_DOWN:
		run->nr = nr;
		for (u32 i = 0; i < 6; i++)
			run->args[i] = load_once(area->args[i]);
		return AFTER_PROCESS;
	default:
		area->ret = -CO_ENOSYS;
		return AFTER_RESUME;
	}
}
