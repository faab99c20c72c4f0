/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A host kernel for the monitor's tests: monitor/host.h in user space.  It
 * checks the context of every call (IF, between begin and end, ...), counts
 * what is allocated, and fails on demand.
 */
#ifndef FAKE_HOST_H
#define FAKE_HOST_H

#include "host.h"

#define FAKE_MACHINE	0x140000000ull	/* where guest RAM seems to be */
#define FAKE_CODE	0x9000ull	/* ... and the driver's code */

struct host_vcpu {
	struct vcpu *v;
	u32 begun, entered;	/* depth: 0 or 1 */
	u32 kicks, self_interrupts, sleeps, timers, cancels, nmis;
	u64 timer_ns;
	int bound;
};

struct host_event {
	u32 signals;
};

struct fake_host {
	/* Behaviour. */
	int fail_at;		/* this allocation (1 = the next) fails */
	int memory_error;	/* host_memory_alloc() returns it */
	int range_error;	/* host_memory_release(), _reclaim() do */
	int no_map;		/* host_memory_map() returns NULL */
	const struct colinux_extent *extents;	/* instead of one piece */
	u32 nr_extents;
	int signal;		/* host_signal_pending() */
	int no_ops;		/* host_light.ops is NULL */
	u64 flags;		/* host_light.flags; the mask is 2 */
	int leave_after;	/* must_leave(): this question is a yes */
	int left;		/* leave() was called */
	int later;		/* interrupt_later() */
	int several_threads;
	u64 now, wallclock;
	void (*on_sleep)(struct host_vcpu *h);
	int no_watch;		/* host_watch_start() returns NULL */

	/* What was seen. */
	int watches;		/* between start and stop */
	u64 watch_ns;
	int allocated;		/* live allocations */
	int attempts;		/* allocations so far */
	u32 yields, turns_given;
	int asked;
	char range_call;	/* '-' = release, '+' = reclaim, last call */
	struct colinux_range range;
	char log[256];
	int violations;
};

extern struct fake_host fake_host;

/* A rule of the contract: a failure is one "not ok" and is counted. */
void fake_require(bool ok, const char *what);
/* Power-on state of both fakes. */
void fake_reset(void);

#endif
