/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters of a vCPU, since it was created.  Written by the monitor without a
 * lock; one that is read while the vCPU runs may be a moment old.
 */
#ifndef COLINUX_STATS_H
#define COLINUX_STATS_H

#include "types.h"
#include "layout.h"

#define COLINUX_STATS_HYPERCALLS	16

struct colinux_stats {
	__u32 vcpu;
	__u32 pad;
	__u64 exits_irq, exits_nmi, exits_mce, exits_hypercall;
	__u64 halts, yields, kicks, timers, doorbells;
	__u64 switches;		/* passages, both depths */
	__u64 full_switches;	/* of those, with MSRs and xstate */
	__u64 guest_ns;		/* time spent in the guest, interrupts included */
	__u64 steal_ns;		/* time it would have run, but did not */
	__u64 hypercalls[COLINUX_STATS_HYPERCALLS];	/* by number */
	__u64 device_doorbells[COLINUX_MAX_DEVICES];
};

/* Everyone who shows them shows these, in this order: name, value of *s. */
#define COLINUX_STATS_COUNTERS(show, s)				\
	show("irq", (s)->exits_irq)				\
	show("nmi", (s)->exits_nmi)				\
	show("mce", (s)->exits_mce)				\
	show("hypercalls", (s)->exits_hypercall)		\
	show("light", (s)->switches - (s)->full_switches)	\
	show("full", (s)->full_switches)			\
	show("kicks", (s)->kicks)				\
	show("halts", (s)->halts)				\
	show("yields", (s)->yields)				\
	show("timers", (s)->timers)				\
	show("doorbells", (s)->doorbells)			\
	show("guest_ns", (s)->guest_ns)				\
	show("steal_ns", (s)->steal_ns)

/* Names of the hypercalls, by number: enum colinux_hypercall. */
#define COLINUX_HYPERCALL_NAMES						\
	"nop", "halt", "yield", "timer", "kick", "doorbell",		\
	"wallclock", "console", "device", "end", "vcpu_up",		\
	"vcpu_down", "stats", "kick_mask", "clock",	\
	"route"

#endif
