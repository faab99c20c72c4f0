/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host contract: everything that the monitor asks of a host kernel.
 *
 * host/linux/ and host/windows/ implement it, tests/unit/monitor/ has a fake.
 * A missing function is a link error.  Sizes are bytes, machine addresses are
 * physical addresses of the real machine, times are nanoseconds.
 *
 * Context: unless a function says otherwise it is called in thread context
 * with interrupts on and may sleep.  "Any" = also IF=0, preemption off.
 */
#ifndef MONITOR_HOST_H
#define MONITOR_HOST_H

#include "types.h"
#include <colinux/ioctl.h>

struct host_memory;	/* guest RAM of one VM */
struct host_vcpu;	/* host thread, timer and wait queue of one vCPU */
struct host_event;	/* eventfd, KEVENT */
struct host_watch;	/* what calls vm_watch() for one VM */
struct vm;
struct vcpu;

/* ---- memory ---- */

/*
 * Allocate and zero guest RAM.  Extent 0 starts at 2 MiB alignment and is at
 * least `image` bytes; every extent is a multiple of 2 MiB.  *table belongs to
 * *out.  Returns 0, -ENOMEM, or -E2BIG when only the contiguous part is not to
 * be had.  Interruptible by a fatal signal (-EINTR).
 */
int host_memory_alloc(u64 size, u64 image, struct host_memory **out,
		      const struct colinux_extent **table, u32 *nr);
/* Give the frames back; users of single pages (I/O in flight) keep theirs. */
void host_memory_free(struct host_memory *mem);
/*
 * Kernel address of `size` bytes of guest RAM at offset 0 (the port's two
 * 2 MiB pages), valid until host_memory_free(); NULL when it cannot be mapped.
 */
void *host_memory_map(struct host_memory *mem, u64 size);

/*
 * Give part of guest RAM back to the host, as struct colinux_range says, and
 * take the same frames again, zeroed.  Pages that are in use for I/O live on
 * until that ends.  0, -EINVAL, -EBUSY, -ENOMEM, -EINTR, -EOPNOTSUPP.
 */
int host_memory_release(struct host_memory *mem, u64 offset, u64 size);
int host_memory_reclaim(struct host_memory *mem, u64 offset, u64 size);

/* Zeroed kernel memory of any size; NULL when there is none. */
void *host_zalloc(size_t size);
void host_zfree(void *p, size_t size);
/* One zeroed page and its machine address. */
void *host_page_alloc(u64 *machine);
void host_page_free(void *page);
/* Machine address of a page of the driver's own code. */
u64 host_code_machine(const void *code);

/* ---- this CPU ---- */

/* What a host has to do in a light switch, all of it with IF=0. */
struct host_light_ops {
	/* Right around the passage. */
	void (*enter)(struct host_vcpu *h);
	void (*exit)(struct host_vcpu *h);
	/* Before the guest's state is taken off the CPU. */
	void (*leave)(struct host_vcpu *h);
	/* The thread should schedule or look at its signals. */
	bool (*must_leave)(struct host_vcpu *h);
	/*
	 * Asked before the handler of an external interrupt runs.  True: the
	 * host takes it over and runs the handler in host_guest_end(), when
	 * the guest's state is off the CPU (NT: it switches threads);
	 * must_leave() holds then.
	 */
	bool (*interrupt_later)(struct host_vcpu *h, u32 vector);
};

struct host_light {
	/* The thread should leave when *flags & mask. */
	const volatile u64 *flags;
	u64 mask;
	const struct host_light_ops *ops;	/* NULL = none of it */
	/*
	 * Vectors by which other CPUs have this one do something, which may be to
	 * read or write registers that are the guest's in a light switch: their
	 * handlers run when those are the host's again.  Not with ops, which has
	 * interrupt_later().
	 */
	u32 call_vector, nr_call_vectors;
	/*
	 * This CPU's number, if its syscall and SYSENTER MSRs, TSC_AUX and XSS
	 * are what they were whenever they were seen with the same number;
	 * else -1.
	 */
	s32 cpu;
	/*
	 * User space's GS base may be reached by RDGSBASE between two SWAPGS:
	 * CR4.FSGSBASE is set and an NMI in between is harmless.
	 */
	bool fsgsbase;
	/* What SPEC_CTRL holds, if the host knows without reading it. */
	bool spec_ctrl_known;
	u64 spec_ctrl;
	/* There is a TEST_CTRL, and it may have split lock detection on. */
	bool split_lock;
};

/*
 * Between begin and end the thread stays on its CPU, the FPU registers are the
 * monitor's, and preemption is off; interrupts are on.  A kick interrupts this
 * CPU.  Not nested.  Begin says what the light switches in between need.
 */
void host_guest_begin(struct host_vcpu *h, struct host_light *light);
void host_guest_end(struct host_vcpu *h);
/*
 * The in-service register of this CPU's local APIC (SDM vol. 3, 11.8.4): vectors
 * 32 * index and up; 0 when there is no local APIC. IF=0.
 */
u32 host_apic_isr(u32 index);
/* Raise an interrupt on this CPU: stays pending while IF=0. Any. */
void host_self_interrupt(struct host_vcpu *h);
/*
 * Stack on which the host's NMI or machine-check handler is started by us, 0 =
 * the current one; `ist` = the one that its gate asks for.  NMIs need not be
 * blocked then (a guest's own handler may have executed IRET): the next one's
 * frame would overwrite that of a handler that has just begun on the IST stack.
 * So `ist` is for hosts only whose handlers look for things on that stack. Any.
 */
u64 host_event_stack(u64 ist);

/* ---- threads and time ---- */

/* Host part of a vCPU. NULL when there is no memory. */
struct host_vcpu *host_vcpu_new(struct vcpu *v);
void host_vcpu_free(struct host_vcpu *h);
/* The calling thread will run this vCPU from now on. */
void host_vcpu_bind(struct host_vcpu *h);
/* Sleep until vcpu_wake_condition(v) or a signal. */
void host_vcpu_sleep(struct host_vcpu *h);
/* Wake the thread if it sleeps; interrupt the CPU it is in the guest on. Any. */
void host_vcpu_kick(struct host_vcpu *h);
/* Call vcpu_timer_expired(v) in `ns`, once; replaces the earlier one. Any. */
void host_vcpu_timer(struct host_vcpu *h, u64 ns);
void host_vcpu_timer_cancel(struct host_vcpu *h);
/* Let other threads run; `spinning`: even if it is not their turn yet. */
void host_yield(struct host_vcpu *h, bool spinning);
/*
 * A signal is pending for the calling thread, the caller wants it back, or the
 * host has something for it to do on the way there.
 */
bool host_signal_pending(struct host_vcpu *h);

/* Monotonic time. Any. */
u64 host_now(void);
/* Wall clock: ns since 1970 UTC. Any. */
u64 host_wallclock(void);
/* Frequency of the TSC. */
u64 host_tsc_khz(void);

/* ---- watchdog ---- */

/*
 * Call vm_watch(vm), IF=0, every `ns` on every CPU that takes interrupts, until
 * host_watch_stop(), which waits for calls that are under way.  NULL: this host
 * has no watchdog.
 */
struct host_watch *host_watch_start(struct vm *vm, u64 ns);
void host_watch_stop(struct host_watch *w);
/* Whether h may be in the guest, on another CPU than the caller's. IF=0. */
bool host_in_guest(struct host_vcpu *h);
/* Send an NMI to the CPU that h may be in the guest on, but not ours. IF=0. */
void host_vcpu_nmi(struct host_vcpu *h);

/* ---- events and log ---- */

/*
 * The guest on h rings a doorbell: signal its event, IF=0.  The thread that
 * waits for it may be left waiting while the guest runs, so that it finds more
 * to do, but for a fraction of a millisecond only.
 */
void host_doorbell(struct host_vcpu *h, struct host_event *e);
/* One line to the host's log, level 0 = error, 1 = notice. Any. */
void host_log(int level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* As C99 vsnprintf for %s %d %u %x %llx. Any. */
int host_format(char *buf, size_t size, const char *fmt,
		__builtin_va_list args);

#endif
