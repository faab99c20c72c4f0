/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The monitor's own structures, and its functions grouped by the file that
 * implements them.  Portable: nothing of a host kernel is visible here.
 *
 * Who may touch what: a vCPU belongs to the one thread that is in
 * vcpu_run() (claimed by `running`); others only set bits in its area's
 * pending word and kick it.  A VM is created before its first vCPU runs and
 * destroyed after the last has left; fields without a comment are constant in
 * between.
 */
#ifndef MONITOR_VM_H
#define MONITOR_VM_H

#include "types.h"
#include "host.h"
#include "x86/context.h"
#include <colinux/hypercall.h>
#include <colinux/device.h>

#define MONITOR_MAX_MEMORY	(1ull << 46)

struct vm {
	char name[64];
	u64 memory;
	struct host_memory *mem;
	const struct colinux_extent *extents;
	u32 nr_extents;
	u32 nr_vcpus;
	u8 *port;		/* host address of RAM offset 0, 4 MiB */
	struct colinux_boot_info *boot;	/* shared with the guest */
	u64 passage_machine;	/* of the guest's copy of the passage page */
	struct vcpu *vcpus[COLINUX_MAX_VCPUS];

	/* Written once by the first vm_kill(), read by all. */
	u32 killed;
	char reason[128];

	u32 watchdog;		/* seconds with interrupts off, 0 = any time */
	u64 watch_period;	/* ns between two looks */
	struct host_watch *host_watch;

	/* Set by the control calls; read with IF=0 by HC_DOORBELL. */
	struct host_event *doorbells[COLINUX_MAX_DEVICES]
				    [COLINUX_DEVICE_QUEUES];
	/* Which vCPU an interrupt goes to; any thread, see vm_route(). */
	u8 route[COLINUX_MAX_DEVICES][COLINUX_DEVICE_IRQS];
};

/* Of a vCPU, by the watchdog; see watchdog.c. */
struct watch {
	u32 busy;		/* somebody looks */
	u64 number;		/* of the entry that was seen last */
	u64 since;		/* host_now(): in that entry, or not in the guest */
	u64 last;		/* host_now() of the last look */
	u64 nmi_sent;		/* host_now() */
	u64 interruptions;	/* returns that did not end an entry */
};

enum vcpu_state {
	VCPU_EMPTY = 0,		/* no registers yet */
	VCPU_READY,		/* can run */
};

struct vcpu {
	struct vm *vm;
	u32 id;
	u32 state;		/* enum vcpu_state */
	u32 running;		/* 1 while a thread is in vcpu_run() */
	u32 self_raise;		/* entered with IF=0: open the window */
	u32 awaiting;		/* a hypercall waits for the process */
	u32 served;		/* what it forwards next may be done already */
	u32 later;		/* vector whose handler waits for the host's state */

	struct colinux_vcpu_area *area;	/* shared with the guest */
	u64 area_machine;
	struct colinux_side *side;	/* the host's */
	u64 side_machine;
	struct host_vcpu *host;
	struct page_pool tables;	/* of the intermediate page table */
	struct cpu_context context;	/* what passage.S does not switch */

	u64 run_since;		/* host_now() of the full switch it is in, or 0 */
	/*
	 * host_now() since when it could run but does not, or 0.  Set by the
	 * waker's compare-and-swap while `asleep`, else by its own thread.
	 */
	u64 runnable_since;
	u64 left;		/* host_now() when vcpu_run() returned, or 0 */
	u64 away_ns;		/* from then to its next call, in all */
	u64 wake_mask;		/* what ends the sleep: args[0] of HC_HALT */
	u32 asleep;		/* 1 around host_vcpu_sleep() */
	struct colinux_stats stats;
	struct watch watch;
};

/* vm.c */
/* Allocates RAM and vCPUs as `args` says; fills args->nr_extents. */
int vm_create(struct vm **out, struct colinux_create *args);
/* No vCPU may be running. NULL is fine. */
void vm_destroy(struct vm *vm);
/*
 * The guest cannot go on: remember why (the first reason wins) and make every
 * vCPU leave. Any context.
 */
void vm_kill(struct vm *vm, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* Raise an interrupt of a device. Any context. -EINVAL if there is none. */
int vm_device_interrupt(struct vm *vm, u32 device, u32 irq);
/*
 * From now on it goes to that vCPU.  One that came before may have gone to the
 * earlier: its bit in irq_pending is set then. Any context. -EINVAL likewise.
 */
int vm_route(struct vm *vm, u64 device, u64 irq, u64 vcpu);
/* Guest RAM that the guest can do without: see struct colinux_range. */
int vm_release(struct vm *vm, const struct colinux_range *range);
int vm_reclaim(struct vm *vm, const struct colinux_range *range);
/* True if [machine, machine + size) is guest RAM in one extent. */
bool vm_owns(const struct vm *vm, u64 machine, u64 size);

/* vcpu.c */
int vcpu_create(struct vm *vm, u32 id);
void vcpu_destroy(struct vcpu *v);
/* First registers; -EBUSY while it runs, -EINVAL for a bad address. */
int vcpu_setup(struct vcpu *v, const struct colinux_vcpu_setup *regs);
/* The guest has not left since: its kernel's first code is what is entered. */
bool vcpu_is_new(const struct vcpu *v);
/* Its counters as of now. Any context. */
void vcpu_stats(const struct vcpu *v, struct colinux_stats *stats);
/* Set a COLINUX_VIRQ_* bit and wake or interrupt the vCPU. Any context. */
void vcpu_interrupt(struct vcpu *v, u32 virq);
/* For the host's sleep and timer. Any context. */
bool vcpu_wake_condition(const struct vcpu *v);
void vcpu_timer_expired(struct vcpu *v);

/* run.c */
/*
 * Run until the process is needed; see struct colinux_run. 0, or -EBUSY when
 * another thread runs it, -EINVAL when it has no registers.
 */
int vcpu_run(struct vcpu *v, struct colinux_run *run);

/* hypercall.c */
/* What to do after a hypercall. */
enum after {
	AFTER_RESUME,		/* back to the guest at once */
	AFTER_YIELD,		/* let the host schedule first */
	AFTER_SLEEP,		/* until something is pending */
	AFTER_PROCESS,		/* to the VM process */
};
/* IF=0, right after the passage. */
enum after vcpu_hypercall(struct vcpu *v, struct colinux_run *run);

/* interrupt.c */
/* Run the host's handler of a vector that arrived in the guest. IF=0. */
void host_reraise(u32 vector);
/* The same for vectors >= 32, by the IDT that host->idtr names. IF=0. */
void host_reraise_irq(const struct colinux_side *host, u32 vector);
/* The external interrupt that this CPU has in service, the highest; 0: none. IF=0. */
u32 host_in_service(void);

/* watchdog.c */
/* From now on, if the host can; `seconds` 0: not at all. */
void vm_watch_start(struct vm *vm, u32 seconds);
/* No vm_watch() runs afterwards. Before the vCPUs go. */
void vm_watch_stop(struct vm *vm);
/* Called by the host as host_watch_start() promises. */
void vm_watch(struct vm *vm);
/* The vCPU came back for an NMI, which told where it was. IF=0. */
void vcpu_watch_nmi(struct vcpu *v);

/* control.c */
/*
 * One driver call, after the host has copied `arg` in and before it copies it
 * out. *vm is NULL until CREATE. CO_ENOTTY for calls that the host answers
 * itself (events, extents, mmap).
 */
int vm_control(struct vm **vm, u32 function, void *arg);
/* Bytes of the struct of a call, 0 = no such call. */
u32 vm_control_size(u32 function);

#endif
