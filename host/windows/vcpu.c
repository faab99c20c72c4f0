// SPDX-License-Identifier: GPL-2.0
/*
 * A vCPU's thread on an NT host: when it may have the CPU, how it sleeps, how
 * others reach it, its timer.
 *
 * IRQL (on x86-64 it is CR8, the task priority).  A guest run is at
 * DISPATCH_LEVEL, so the thread keeps its CPU.  Only between
 * guest_enter() and guest_exit(), IF=0 in between, CR8 is APC_LEVEL:
 * in the guest every interrupt of class 2 and above arrives.  Class 2 is NT's
 * dispatch interrupt: it runs DPCs and may switch threads, so its handler must
 * find the guest's state off the CPU and the IRQL of the thread.  It is put off
 * to host_guest_end() (interrupt_later()).  All other handlers run at once
 * at DISPATCH_LEVEL or above and switch nothing.  Class 1, the APC interrupt,
 * stays pending until host_guest_end().
 *
 * So a DPC that is queued for a CPU is what takes the guest out of it: one of
 * our own for the interrupt window and for kicks.
 */
#include "driver.h"
#include "cpu.h"

#define DISPATCH_CLASS	2	/* vector >> 4 */
#define SLICE_MS	2	/* at DISPATCH_LEVEL without a break */
#define XSAVE_ALIGN	64
#define FXSAVE_SIZE	512
#define TIMER_UNITS_MS	10000	/* 100 ns */
#define NS_PER_UNIT	100

struct host_vcpu {
	struct vcpu *v;
	KEVENT wake;
	KEVENT never;		/* signalled */
	u32 sleeping;		/* the thread is at or near its wait */
	u32 claimed;		/* by a thread in VCPU_RUN */
	u32 closing;
	u32 alerted;		/* by an alert or APC, in a wait */
	PIRP irp;		/* of that VCPU_RUN */

	/* The guest run in progress; its thread only, but `cpu`. */
	s32 cpu;		/* in the guest on this CPU, or -1 */
	KIRQL irql;		/* of the thread */
	u32 late;		/* vector to be handled in host_guest_end() */
	u64 leave_at;		/* TSC */
	bool fast_fs;		/* CR4.FSGSBASE */
	bool fs_known;		/* fs_base is the guest's */
	u64 fs_base;

	KTIMER timer;
	KDPC timer_dpc;
	void *fine_timer;	/* instead of both, NT 6.3 */
	KDPC self_dpc, kick_dpc;
	u32 kick_queued;	/* kick_dpc belongs to who set this */

	bool xsave;		/* or FXSAVE: as NT uses it */
	void *xstate;		/* of the thread, during a run */
	void *xstate_raw;
	size_t xstate_size;
};

/*
 * NT's functions expect IF=1.  With IF=0 we are in a guest run, CR8 at
 * DISPATCH_LEVEL or above: interrupts may come, switches not.
 */
static bool irqs_for_nt(void)
{
	bool off = !cpu_irqs_on();

	if (off)
		cpu_irq_on();
	return off;
}

static void irqs_back(bool off)
{
	if (off)
		cpu_irq_off();
}

/* >= DISPATCH_LEVEL, or the answer may be old. */
static u32 this_cpu(void)
{
	return nt.current_processor ? nt.current_processor(NULL) :
				      cpu_number_from_kpcr();
}

/* DISPATCH_LEVEL; kick_queued is ours. */
static void queue_kick(struct host_vcpu *h, u32 cpu)
{
	PROCESSOR_NUMBER number;

	if (!nt.set_target_processor)
		KeSetTargetProcessorDpc(&h->kick_dpc, (CCHAR)cpu);
	else if (!NT_SUCCESS(nt.processor_from_index(cpu, &number)) ||
		 !NT_SUCCESS(nt.set_target_processor(&h->kick_dpc, &number)))
		return;
	KeInsertQueueDpc(&h->kick_dpc, NULL, NULL);
}

/* DISPATCH_LEVEL, IF=1. Interrupt the CPU that `h` is in the guest on. */
static void kick_cpu(struct host_vcpu *h)
{
	s32 cpu = load_once(h->cpu);

	if (cpu < 0 || (u32)cpu == this_cpu())
		return;
	if (!__sync_lock_test_and_set(&h->kick_queued, 1))
		queue_kick(h, (u32)cpu);
}

/* DISPATCH_LEVEL */
static VOID NTAPI kick_dpc(PKDPC dpc, PVOID context, PVOID a, PVOID b)
{
	struct host_vcpu *h = context;

	(void)dpc, (void)a, (void)b;
	/* Its arrival was all that was wanted, unless the vCPU has moved. */
	store_once(h->kick_queued, 0);
	__sync_synchronize();
	if (vcpu_wake_condition(h->v) || load_once(h->closing))
		kick_cpu(h);
}

/* DISPATCH_LEVEL */
static VOID NTAPI self_dpc(PKDPC dpc, PVOID context, PVOID a, PVOID b)
{
	/* Its arrival is all that is wanted: it takes the guest out. */
	(void)dpc, (void)context, (void)a, (void)b;
}

/* DISPATCH_LEVEL */
static VOID NTAPI timer_dpc(PKDPC dpc, PVOID context, PVOID a, PVOID b)
{
	struct host_vcpu *h = context;

	(void)dpc, (void)a, (void)b;
	vcpu_timer_expired(h->v);
}

/* DISPATCH_LEVEL */
static VOID NTAPI fine_timer_expired(PVOID timer, PVOID context)
{
	struct host_vcpu *h = context;

	(void)timer;
	vcpu_timer_expired(h->v);
}

/* Room for the thread's registers. PASSIVE_LEVEL. */
static bool xstate_init(struct host_vcpu *h)
{
	u32 regs[4];
	size_t size = FXSAVE_SIZE;

	cpu_cpuid(1, 0, regs);
	h->xsave = regs[2] >> 27 & 1;		/* OSXSAVE */
	if (h->xsave) {
		cpu_cpuid(0xd, 0, regs);
		size = regs[2];			/* all of XCR0 */
	}
	h->xstate_size = size + XSAVE_ALIGN - 1;
	h->xstate_raw = host_zalloc(h->xstate_size);
	h->xstate = ptr_at((addr_of(h->xstate_raw) + XSAVE_ALIGN - 1) &
			   ~(u64)(XSAVE_ALIGN - 1));
	return h->xstate_raw != NULL;
}

/* PASSIVE_LEVEL */
struct host_vcpu *host_vcpu_new(struct vcpu *v)
{
	struct host_vcpu *h = host_zalloc(sizeof(*h));

	if (!h)
		return NULL;
	h->v = v;
	h->cpu = -1;
	if (!xstate_init(h)) {
		host_zfree(h, sizeof(*h));
		return NULL;
	}
	KeInitializeEvent(&h->wake, SynchronizationEvent, FALSE);
	KeInitializeEvent(&h->never, SynchronizationEvent, FALSE);
	KeInitializeDpc(&h->self_dpc, self_dpc, h);
	KeInitializeDpc(&h->kick_dpc, kick_dpc, h);
	KeSetImportanceDpc(&h->self_dpc, HighImportance);
	KeSetImportanceDpc(&h->kick_dpc, HighImportance);
	KeInitializeTimer(&h->timer);
	KeInitializeDpc(&h->timer_dpc, timer_dpc, h);
	if (nt.allocate_timer)
		h->fine_timer = nt.allocate_timer(fine_timer_expired, h,
						  NT_TIMER_HIGH_RES);
	/* Without fine timers the clock interrupt is the resolution: 1 ms. */
	if (!h->fine_timer)
		ExSetTimerResolution(TIMER_UNITS_MS, TRUE);
	return h;
}

/* PASSIVE_LEVEL. Waits for DPCs that are on their way. */
void host_vcpu_free(struct host_vcpu *h)
{
	if (h->fine_timer)
		nt.delete_timer(h->fine_timer, TRUE, TRUE, NULL);
	else
		ExSetTimerResolution(0, FALSE);
	KeCancelTimer(&h->timer);
	KeRemoveQueueDpc(&h->timer_dpc);
	KeRemoveQueueDpc(&h->self_dpc);
	KeRemoveQueueDpc(&h->kick_dpc);
	KeFlushQueuedDpcs();
	host_zfree(h->xstate_raw, h->xstate_size);
	host_zfree(h, sizeof(*h));
}

bool host_vcpu_claim(struct host_vcpu *h, PIRP irp)
{
	if (__sync_lock_test_and_set(&h->claimed, 1))
		return false;
	h->alerted = 0;
	store_once(h->irp, irp);
	return true;
}

void host_vcpu_release(struct host_vcpu *h)
{
	store_once(h->irp, NULL);
	__sync_lock_release(&h->claimed);
}

void host_vcpu_close(struct host_vcpu *h)
{
	store_once(h->closing, 1);
	host_vcpu_kick(h);
}

void host_vcpu_bind(struct host_vcpu *h)
{
	/* host_vcpu_claim() has done it. */
	(void)h;
}

/* ---- a guest run ---- */

/*
 * An interrupt handler of ReactOS loads DS, ES and FS again when it returns to
 * the kernel.  That takes FS's base, in which a Linux process has its thread,
 * and a selector that NT's GDT does not have would fault.  So NT sees null
 * selectors while it may run, and FS's base is put back afterwards.
 */

/* IF=0, DISPATCH_LEVEL: the guest has just been left. */
static void hide_selectors(struct host_vcpu *h)
{
	struct colinux_side *side = &h->v->area->side;
	u16 s[5];

	h->fs_base = cpu_fs_base(h->fast_fs);
	h->fs_known = true;
	/* Still set: the guest was not entered, they are not its own. */
	if (load_once(side->reload))
		return;
	cpu_selectors(s);
	if (!(s[0] | s[1] | s[2]))
		return;
	side->ds = s[0];
	side->es = s[1];
	side->fs = s[2];
	side->gs = s[3];
	side->ldtr = s[4];
	side->reload = 1;	/* the passage loads them, the base stays */
	cpu_null_selectors();
}

/* IF=0: the guest is entered next, or its state taken off the CPU. */
static void restore_fs_base(struct host_vcpu *h)
{
	u64 base = cpu_fs_base(h->fast_fs);

	if (!h->fs_known) {
		/* No handler has run since it was loaded. */
		h->fs_base = base;
		h->fs_known = true;
	} else if (base != h->fs_base) {
		cpu_set_fs_base(h->fs_base, h->fast_fs);
	}
}

/* IF=0, DISPATCH_LEVEL to APC_LEVEL. */
static void guest_enter(struct host_vcpu *h)
{
	restore_fs_base(h);
	store_once(h->cpu, (s32)this_cpu());
	__sync_synchronize(); /* before pending is read; pairs with kick */
	cpu_set_irql(APC_LEVEL);
}

/* IF=0, APC_LEVEL to DISPATCH_LEVEL. */
static void guest_exit(struct host_vcpu *h)
{
	cpu_set_irql(DISPATCH_LEVEL);
	store_once(h->cpu, -1);
	hide_selectors(h);
}

/* IF=0, DISPATCH_LEVEL. */
static bool interrupt_later(struct host_vcpu *h, u32 vector)
{
	if (vector >> 4 != DISPATCH_CLASS)
		return false;
	h->late = vector;
	return true;
}

/* IF=0, DISPATCH_LEVEL. */
static bool must_leave(struct host_vcpu *h)
{
	PIRP irp = load_once(h->irp);

	/* NT watches the time that is spent at DISPATCH_LEVEL. */
	return h->late || load_once(h->closing) || (irp && irp->Cancel) ||
	       (s64)(cpu_tsc() - h->leave_at) >= 0;
}

/* PASSIVE_LEVEL to DISPATCH_LEVEL. */
void host_guest_begin(struct host_vcpu *h, struct host_light *light)
{
	static const u64 no_flags;
	static const struct host_light_ops ops = {
		.enter = guest_enter,
		.exit = guest_exit,
		.leave = restore_fs_base,
		.must_leave = must_leave,
		.interrupt_later = interrupt_later,
	};

	light->flags = &no_flags;
	light->mask = 0;
	light->ops = &ops;
	light->cpu = -1;
	light->fsgsbase = false;
	light->spec_ctrl_known = false;
	light->split_lock = false;	/* not known to be used */
	h->irql = nt_raise_irql(DISPATCH_LEVEL);
	/*
	 * The registers are live in the kernel on x86-64 NT.  With preemption
	 * off nobody can want them before we put them back, so this needs no
	 * KeSaveExtendedProcessorState(), which NT 5.2 does not have.
	 */
	cpu_save_xstate(h->xstate, h->xsave);
	h->leave_at = cpu_tsc() + host_tsc_khz() * SLICE_MS;
	h->fast_fs = cpu_cr4() & CR4_FSGSBASE;
	h->fs_known = false;
}

/* DISPATCH_LEVEL to PASSIVE_LEVEL. */
void host_guest_end(struct host_vcpu *h)
{
	u32 late = h->late;

	h->late = 0;
	cpu_load_xstate(h->xstate, h->xsave);
	if (!late) {
		nt_lower_irql(h->irql);
		return;
	}
	/* As if it had been accepted here: the thread may be switched away. */
	cpu_irq_off();
	nt_lower_irql(h->irql);
	host_reraise(late);
	cpu_irq_on();
}

/*
 * NT with KVA shadow keeps what its NMI and #MC handlers need at the base of
 * the IST stacks.  An NMI that comes in their first instructions while NMIs are
 * not blocked overwrites the frame there: two within a few ns would do it.
 */
u64 host_event_stack(u64 ist)
{
	return ist;
}

/* IF=0, APC_LEVEL, between guest_enter() and the passage. */
void host_self_interrupt(struct host_vcpu *h)
{
	cpu_set_irql(DISPATCH_LEVEL);
	cpu_irq_on();
	KeInsertQueueDpc(&h->self_dpc, NULL, NULL);
	cpu_irq_off();
	restore_fs_base(h);
	cpu_set_irql(APC_LEVEL);
}

/* ---- threads and time ---- */

/* PASSIVE_LEVEL. */
void host_vcpu_sleep(struct host_vcpu *h)
{
	NTSTATUS status;

	store_once(h->sleeping, 1);
	__sync_synchronize(); /* before pending is read; pairs with kick */
	while (!vcpu_wake_condition(h->v) && !host_signal_pending(h)) {
		/* UserMode: an end of the thread ends the wait, too. */
		status = KeWaitForSingleObject(&h->wake, UserRequest, UserMode,
					       TRUE, NULL);
		if (status != STATUS_SUCCESS) {
			h->alerted = 1;
			break;
		}
	}
	store_once(h->sleeping, 0);
}

/* Any IRQL up to DISPATCH_LEVEL, any IF. */
void host_vcpu_kick(struct host_vcpu *h)
{
	bool off;
	KIRQL irql;

	__sync_synchronize(); /* after pending was set; pairs with enter */
	if (!load_once(h->sleeping) && load_once(h->cpu) < 0)
		return;
	off = irqs_for_nt();
	if (load_once(h->sleeping))
		KeSetEvent(&h->wake, IO_NO_INCREMENT, FALSE);
	if (off) {
		kick_cpu(h);	/* in a guest run: DISPATCH_LEVEL */
	} else {
		irql = nt_raise_irql(DISPATCH_LEVEL);
		kick_cpu(h);
		nt_lower_irql(irql);
	}
	irqs_back(off);
}

/* Any IRQL up to DISPATCH_LEVEL, any IF. */
void host_vcpu_timer(struct host_vcpu *h, u64 ns)
{
	bool off = irqs_for_nt();
	LARGE_INTEGER due;

	/* Relative; never early. */
	due.QuadPart = -(LONGLONG)((ns + NS_PER_UNIT - 1) / NS_PER_UNIT);
	if (h->fine_timer)
		nt.set_timer(h->fine_timer, due.QuadPart, 0, NULL);
	else
		KeSetTimer(&h->timer, due, &h->timer_dpc);
	irqs_back(off);
}

/* Any IRQL up to DISPATCH_LEVEL, any IF. A late tick is harmless. */
void host_vcpu_timer_cancel(struct host_vcpu *h)
{
	bool off = irqs_for_nt();

	if (h->fine_timer)
		nt.cancel_timer(h->fine_timer, NULL);
	else
		KeCancelTimer(&h->timer);
	irqs_back(off);
}

/* PASSIVE_LEVEL. NT preempts by itself: only a spinning guest must ask. */
void host_yield(struct host_vcpu *h, bool spinning)
{
	(void)h;
	if (spinning)
		ZwYieldExecution();
}

/*
 * Has somebody queued an APC for the thread?  The program does that where NT has
 * no CancelIoEx() (os/windows/nt52.c).  PASSIVE_LEVEL.
 */
static bool apc_pending(struct host_vcpu *h)
{
	LARGE_INTEGER now = { .QuadPart = 0 };

	if (nt.cancel_by_apc &&
	    KeWaitForSingleObject(&h->never, UserRequest, UserMode, TRUE,
				  &now) != STATUS_TIMEOUT)
		h->alerted = 1;
	return h->alerted;
}

/* PASSIVE_LEVEL. */
bool host_signal_pending(struct host_vcpu *h)
{
	PIRP irp = load_once(h->irp);

	return load_once(h->closing) || (irp && irp->Cancel) ||
	       apc_pending(h) || PsIsThreadTerminating(nt_current_thread());
}
