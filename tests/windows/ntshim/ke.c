// SPDX-License-Identifier: GPL-2.0
/*
 * Ke*: IRQL, dispatcher objects, DPCs, timers, threads, clocks.
 *
 * DISPATCH_LEVEL is preemption off with the FPU claimed; CR8 is set as NT
 * would set it, and put back to Linux' value below DISPATCH_LEVEL.  DPCs and
 * timers run in soft interrupts, IF=1, as on NT.  All waiters share one queue.
 */
#include <linux/delay.h>
#include <linux/eventfd.h>
#include <linux/file.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/kthread.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/smp.h>
#include <linux/timekeeping.h>
#include <linux/version.h>
#include <asm/apic.h>
#include <asm/fpu/api.h>
#include <asm/hw_irq.h>
#include "shim.h"

enum { TYPE_MUTEX = 2, TYPE_THREAD = 6, TYPE_FD = 0x70 };

static DECLARE_WAIT_QUEUE_HEAD(waiters);
static DEFINE_SPINLOCK(dispatcher);
static DEFINE_SPINLOCK(cancel);
static unsigned long cancel_flags;
static unsigned long linux_cr8;

static unsigned long get_cr8(void)
{
	unsigned long v;

	asm volatile("mov %%cr8, %0" : "=r"(v));
	return v;
}

static void set_cr8(unsigned long v)
{
	asm volatile("mov %0, %%cr8" ::"r"(v) : "memory");
}

/* ---- IRQL ---- */

NTAPI KIRQL KfRaiseIrql(KIRQL irql)
{
	if (in_interrupt() || irqs_disabled())
		return DISPATCH_LEVEL;
	WARN_ON(irql != DISPATCH_LEVEL);
	kernel_fpu_begin();
	set_cr8(irql);
	return 0;
}

NTAPI VOID KeLowerIrql(KIRQL irql)
{
	if (irql == DISPATCH_LEVEL)
		return;
	set_cr8(linux_cr8);
	kernel_fpu_end();
}

NTAPI KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK lock)
{
	KIRQL on = !irqs_disabled();

	local_irq_disable();
	arch_spin_lock((arch_spinlock_t *)lock);
	return on;
}

NTAPI VOID KeReleaseSpinLock(PKSPIN_LOCK lock, KIRQL on)
{
	arch_spin_unlock((arch_spinlock_t *)lock);
	if (on)
		local_irq_enable();
}

NTAPI VOID IoAcquireCancelSpinLock(KIRQL *irql)
{
	unsigned long flags;

	spin_lock_irqsave(&cancel, flags);
	cancel_flags = flags;
	*irql = 0;
}

NTAPI VOID IoReleaseCancelSpinLock(KIRQL irql)
{
	spin_unlock_irqrestore(&cancel, cancel_flags);
}

/* ---- events ---- */

struct fd_event {
	DISPATCHER_HEADER header;
	struct eventfd_ctx *ctx;
	wait_queue_entry_t wait;
	wait_queue_head_t *head;
	poll_table table;
};

struct shim_thread {
	DISPATCHER_HEADER header;
	struct completion exited;
	KSTART_ROUTINE *routine;
	PVOID context;
	atomic_t refs;		/* handle, object */
};

bool is_fd_event(PVOID object)
{
	return ((DISPATCHER_HEADER *)object)->Type == TYPE_FD;
}

bool is_thread(PVOID object)
{
	return ((DISPATCHER_HEADER *)object)->Type == TYPE_THREAD;
}

static LONG set_event(DISPATCHER_HEADER *h)
{
	unsigned long flags;
	LONG old;

	spin_lock_irqsave(&dispatcher, flags);
	old = h->SignalState;
	h->SignalState = 1;
	spin_unlock_irqrestore(&dispatcher, flags);
	wake_up_all(&waiters);
	return old;
}

/* Called with the eventfd's lock held, IF=0. */
static int fd_wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync,
		     void *key)
{
	struct fd_event *e = container_of(wait, struct fd_event, wait);
	u64 count;

	if (key_to_poll(key) & EPOLLIN) {
		eventfd_ctx_do_read(e->ctx, &count);
		set_event(&e->header);
	}
	return 0;
}

static void fd_queue(struct file *file, wait_queue_head_t *head,
		     poll_table *table)
{
	struct fd_event *e = container_of(table, struct fd_event, table);

	e->head = head;
	add_wait_queue_priority(head, &e->wait);
}

PVOID event_from_fd(int fd, bool waited_for)
{
	struct fd_event *e;
	struct file *file = fget(fd);

	if (!file)
		return ERR_PTR(-EBADF);
	e = kzalloc(sizeof(*e), GFP_KERNEL);
	if (!e) {
		fput(file);
		return ERR_PTR(-ENOMEM);
	}
	e->header.Type = TYPE_FD;
	e->ctx = eventfd_ctx_fileget(file);
	if (IS_ERR(e->ctx)) {
		long err = PTR_ERR(e->ctx);

		kfree(e);
		fput(file);
		return ERR_PTR(err);
	}
	if (waited_for) {
		init_waitqueue_func_entry(&e->wait, fd_wakeup);
		init_poll_funcptr(&e->table, fd_queue);
		if (vfs_poll(file, &e->table) & EPOLLIN)
			set_event(&e->header);
	}
	fput(file);
	return e;
}

void event_put(PVOID object)
{
	struct fd_event *e = object;
	u64 count;

	if (e->head)
		eventfd_ctx_remove_wait_queue(e->ctx, &e->wait, &count);
	eventfd_ctx_put(e->ctx);
	kfree(e);
}

NTAPI VOID KeInitializeEvent(PKEVENT event, EVENT_TYPE type, BOOLEAN state)
{
	memset(event, 0, sizeof(*event));
	event->Header.Type = (UCHAR)type;
	event->Header.SignalState = state;
}

NTAPI LONG KeSetEvent(PKEVENT event, LONG increment, BOOLEAN wait)
{
	if (is_fd_event(event) && !((struct fd_event *)event)->head) {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 8, 0)
		eventfd_signal(((struct fd_event *)event)->ctx);
#else
		eventfd_signal(((struct fd_event *)event)->ctx, 1);
#endif
		return 0;
	}
	return set_event(&event->Header);
}

NTAPI VOID KeClearEvent(PKEVENT event)
{
	WRITE_ONCE(event->Header.SignalState, 0);
}

NTAPI VOID KeInitializeMutex(PKMUTEX mutex, ULONG level)
{
	memset(mutex, 0, sizeof(*mutex));
	mutex->Header.Type = TYPE_MUTEX;
	mutex->Header.SignalState = 1;
}

NTAPI LONG KeReleaseMutex(PKMUTEX mutex, BOOLEAN wait)
{
	WARN_ON(mutex->OwnerThread != current);
	mutex->OwnerThread = NULL;
	set_event(&mutex->Header);
	return 0;
}

/* Take the object if it is signalled. */
static bool take(DISPATCHER_HEADER *h)
{
	unsigned long flags;
	bool got;

	spin_lock_irqsave(&dispatcher, flags);
	got = h->SignalState > 0;
	if (got && h->Type != NotificationEvent)
		h->SignalState = 0;
	if (got && h->Type == TYPE_MUTEX)
		((PKMUTEX)h)->OwnerThread = current;
	spin_unlock_irqrestore(&dispatcher, flags);
	return got;
}

static int take_any(ULONG n, PVOID objects[])
{
	for (ULONG i = 0; i < n; i++)
		if (take(objects[i]))
			return (int)i;
	return -1;
}

NTAPI NTSTATUS KeWaitForMultipleObjects(ULONG n, PVOID objects[],
					WAIT_TYPE type, KWAIT_REASON reason,
					KPROCESSOR_MODE mode,
					BOOLEAN alertable,
					PLARGE_INTEGER timeout,
					PKWAIT_BLOCK blocks)
{
	int got = -1;

	if (timeout && !timeout->QuadPart) {
		/* A look, not a wait. */
		got = take_any(n, objects);
		if (got < 0 && !(mode == UserMode && alertable &&
				 signal_pending(current)))
			return STATUS_TIMEOUT;
	} else if (mode == UserMode)
		wait_event_interruptible(waiters,
					 (got = take_any(n, objects)) >= 0);
	else if (current->flags & PF_KTHREAD)
		/* Not in the load average, no hung-task warning. */
		wait_event_idle(waiters, (got = take_any(n, objects)) >= 0);
	else
		wait_event(waiters, (got = take_any(n, objects)) >= 0);
	return got < 0 ? STATUS_USER_APC : STATUS_WAIT_0 + got;
}

NTAPI NTSTATUS KeWaitForSingleObject(PVOID object, KWAIT_REASON reason,
				     KPROCESSOR_MODE mode, BOOLEAN alertable,
				     PLARGE_INTEGER timeout)
{
	if (is_thread(object)) {
		struct shim_thread *t = object;

		wait_for_completion(&t->exited);
		return STATUS_SUCCESS;
	}
	return KeWaitForMultipleObjects(1, &object, WaitAny, reason, mode,
					alertable, timeout, NULL);
}

/* ---- DPCs and timers ---- */

/* Linux' side of a KDPC or KTIMER, found by address when pool is freed. */
struct object {
	struct list_head list;
	void *nt;
	bool is_timer;
	/* KDPC */
	struct llist_node node;	/* in a CPU's dispatch_queue */
	struct tasklet_struct tasklet;
	KDEFERRED_ROUTINE *routine;
	PVOID context;
	int target;		/* CPU, -1 = where it is queued */
	unsigned long queued;
	/* KTIMER and ExAllocateTimer() */
	struct hrtimer timer;
	PKDPC dpc;
	VOID (NTAPI *callback)(PVOID timer, PVOID context);
};

static LIST_HEAD(objects);
static DEFINE_SPINLOCK(objects_lock);

static struct object *object_new(void *nt, bool is_timer)
{
	struct object *o = kzalloc(sizeof(*o), GFP_KERNEL | __GFP_NOFAIL);
	unsigned long flags;

	o->nt = nt;
	o->is_timer = is_timer;
	o->target = -1;
	spin_lock_irqsave(&objects_lock, flags);
	list_add(&o->list, &objects);
	spin_unlock_irqrestore(&objects_lock, flags);
	return o;
}

void ke_forget(void *p, size_t size)
{
	struct object *o, *next;
	unsigned long flags;
	LIST_HEAD(gone);

	spin_lock_irqsave(&objects_lock, flags);
	list_for_each_entry_safe(o, next, &objects, list)
		if (o->nt >= p && o->nt < p + size)
			list_move(&o->list, &gone);
	spin_unlock_irqrestore(&objects_lock, flags);
	list_for_each_entry_safe(o, next, &gone, list) {
		/* NT would crash later: the driver must have stopped them. */
		if (o->is_timer)
			WARN_ON(hrtimer_active(&o->timer));
		else
			WARN_ON(o->queued);
		kfree(o);
	}
}

static void dpc_run(struct tasklet_struct *tasklet)
{
	struct object *o = container_of(tasklet, struct object, tasklet);

	clear_bit(0, &o->queued);
	o->routine(o->nt, o->context, NULL, NULL);
}

/*
 * NT's dispatch interrupt, of class 2: pending while CR8 is DISPATCH_LEVEL.
 * Linux' vector table gets a handler for it that no device uses.
 */
#define DISPATCH_VECTOR	0x2f

static DEFINE_PER_CPU(struct llist_head, dispatch_queue);

static void dispatch_interrupt(struct irq_desc *desc)
{
	struct llist_node *first;
	struct object *o, *next;

	ack_APIC_irq();
	first = llist_del_all(this_cpu_ptr(&dispatch_queue));
	llist_for_each_entry_safe(o, next, first, node)
		tasklet_hi_schedule(&o->tasklet);
}

static struct irq_desc dispatch_desc = { .handle_irq = dispatch_interrupt };

int ke_init(void)
{
	int cpu;

	linux_cr8 = get_cr8();
	for_each_possible_cpu(cpu)
		if (per_cpu_ptr(shim_vector_irq, cpu)[0][DISPATCH_VECTOR] !=
		    VECTOR_UNUSED)
			return -EBUSY;
	for_each_possible_cpu(cpu)
		per_cpu_ptr(shim_vector_irq, cpu)[0][DISPATCH_VECTOR] =
			&dispatch_desc;
	return 0;
}

static void flush(void *unused)
{
}

void ke_exit(void)
{
	int cpu;

	/* No such interrupt is pending once all CPUs have answered. */
	on_each_cpu(flush, NULL, 1);
	for_each_possible_cpu(cpu)
		per_cpu_ptr(shim_vector_irq, cpu)[0][DISPATCH_VECTOR] =
			VECTOR_UNUSED;
}

NTAPI VOID KeInitializeDpc(PKDPC dpc, KDEFERRED_ROUTINE *routine, PVOID context)
{
	struct object *o = object_new(dpc, false);

	memset(dpc, 0, sizeof(*dpc));
	dpc->DpcData = o;
	o->routine = routine;
	o->context = context;
	tasklet_setup(&o->tasklet, dpc_run);
}

NTAPI VOID KeSetImportanceDpc(PKDPC dpc, KDPC_IMPORTANCE importance)
{
}

NTAPI VOID KeSetTargetProcessorDpc(PKDPC dpc, CCHAR number)
{
	((struct object *)dpc->DpcData)->target = number;
}

NTAPI BOOLEAN KeInsertQueueDpc(PKDPC dpc, PVOID a, PVOID b)
{
	struct object *o = dpc->DpcData;

	unsigned long flags;
	int cpu;

	if (test_and_set_bit(0, &o->queued))
		return FALSE;
	local_irq_save(flags);
	cpu = o->target < 0 ? smp_processor_id() : o->target;
	llist_add(&o->node, per_cpu_ptr(&dispatch_queue, cpu));
	if (cpu == smp_processor_id())
		apic->send_IPI_self(DISPATCH_VECTOR);
	else
		apic->send_IPI(cpu, DISPATCH_VECTOR);
	local_irq_restore(flags);
	return TRUE;
}

NTAPI BOOLEAN KeRemoveQueueDpc(PKDPC dpc)
{
	struct object *o = dpc->DpcData;

	while (READ_ONCE(o->queued))	/* its interrupt is on its way */
		schedule_timeout_uninterruptible(1);
	tasklet_kill(&o->tasklet);
	return FALSE;
}

NTAPI VOID KeFlushQueuedDpcs(void)
{
	struct object *o;
	unsigned long flags;
	bool again = true;

	/* Soft interrupts run soon: wait until none is queued. */
	while (again) {
		again = false;
		spin_lock_irqsave(&objects_lock, flags);
		list_for_each_entry(o, &objects, list)
			again |= !o->is_timer && o->queued;
		spin_unlock_irqrestore(&objects_lock, flags);
		if (again)
			schedule_timeout_uninterruptible(1);
	}
}

static enum hrtimer_restart timer_expired(struct hrtimer *timer)
{
	struct object *o = container_of(timer, struct object, timer);

	if (o->callback)
		o->callback(o, o->context);
	else
		((struct object *)o->dpc->DpcData)
			->routine(o->dpc,
				  ((struct object *)o->dpc->DpcData)->context,
				  NULL, NULL);
	return HRTIMER_NORESTART;
}

static struct object *timer_new(void *nt)
{
	struct object *o = object_new(nt, true);

	hrtimer_init(&o->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	o->timer.function = timer_expired;
	return o;
}

NTAPI VOID KeInitializeTimer(PKTIMER timer)
{
	memset(timer, 0, sizeof(*timer));
	timer->TimerListEntry.Flink = (void *)timer_new(timer);
}

static struct object *of_timer(PKTIMER timer)
{
	return (void *)timer->TimerListEntry.Flink;
}

static void timer_start(struct object *o, LONGLONG due)
{
	hrtimer_start(&o->timer, ns_to_ktime(-due * 100),
		      HRTIMER_MODE_REL_SOFT);
}

NTAPI BOOLEAN KeSetTimer(PKTIMER timer, LARGE_INTEGER due, PKDPC dpc)
{
	of_timer(timer)->dpc = dpc;
	timer_start(of_timer(timer), due.QuadPart);
	return FALSE;
}

/* May sleep at PASSIVE_LEVEL only: then the callback is over on return. */
static BOOLEAN timer_cancel(struct object *o)
{
	if (in_interrupt() || irqs_disabled() || preempt_count())
		return hrtimer_try_to_cancel(&o->timer) > 0;
	return hrtimer_cancel(&o->timer) > 0;
}

NTAPI BOOLEAN KeCancelTimer(PKTIMER timer)
{
	return timer_cancel(of_timer(timer));
}

/* Of NT 6.3: table.c offers these unless old_nt. */
NTAPI PVOID ExAllocateTimer(VOID (NTAPI *callback)(PVOID, PVOID), PVOID context,
			    ULONG attributes);
NTAPI PVOID ExAllocateTimer(VOID (NTAPI *callback)(PVOID, PVOID), PVOID context,
			    ULONG attributes)
{
	struct object *o = timer_new(NULL);

	o->callback = callback;
	o->context = context;
	atomic_inc(&counts.timers);
	return o;
}

NTAPI BOOLEAN ExSetTimer(PVOID timer, LONGLONG due, LONGLONG period,
			 PVOID parameters);
NTAPI BOOLEAN ExSetTimer(PVOID timer, LONGLONG due, LONGLONG period,
			 PVOID parameters)
{
	timer_start(timer, due);
	return FALSE;
}

NTAPI BOOLEAN ExCancelTimer(PVOID timer, PVOID parameters);
NTAPI BOOLEAN ExCancelTimer(PVOID timer, PVOID parameters)
{
	return timer_cancel(timer);
}

NTAPI BOOLEAN ExDeleteTimer(PVOID timer, BOOLEAN cancel_it, BOOLEAN wait,
			    PVOID parameters);
NTAPI BOOLEAN ExDeleteTimer(PVOID timer, BOOLEAN cancel_it, BOOLEAN wait,
			    PVOID parameters)
{
	struct object *o = timer;
	unsigned long flags;

	hrtimer_cancel(&o->timer);
	spin_lock_irqsave(&objects_lock, flags);
	list_del(&o->list);
	spin_unlock_irqrestore(&objects_lock, flags);
	kfree(o);
	atomic_dec(&counts.timers);
	return TRUE;
}

NTAPI ULONG ExSetTimerResolution(ULONG units, BOOLEAN set)
{
	if (set)
		atomic_inc(&counts.resolutions);
	else
		atomic_dec(&counts.resolutions);
	return units;
}

/* ---- processors, of NT 6.1 ---- */

NTAPI ULONG KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER number);
NTAPI ULONG KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER number)
{
	return raw_smp_processor_id();
}

NTAPI NTSTATUS KeGetProcessorNumberFromIndex(ULONG i, PPROCESSOR_NUMBER number);
NTAPI NTSTATUS KeGetProcessorNumberFromIndex(ULONG i, PPROCESSOR_NUMBER number)
{
	number->Group = 0;
	number->Number = (UCHAR)i;
	number->Reserved = 0;
	return STATUS_SUCCESS;
}

NTAPI NTSTATUS KeSetTargetProcessorDpcEx(PKDPC dpc, PPROCESSOR_NUMBER number);
NTAPI NTSTATUS KeSetTargetProcessorDpcEx(PKDPC dpc, PPROCESSOR_NUMBER number)
{
	((struct object *)dpc->DpcData)->target = number->Number;
	return STATUS_SUCCESS;
}

/* ---- threads ---- */

NTAPI PETHREAD KeGetCurrentThread(void)
{
	return (PETHREAD)current;
}

/* A signal is what ends a wait of the VM process on Linux. */
NTAPI BOOLEAN PsIsThreadTerminating(PETHREAD thread)
{
	cond_resched();
	return signal_pending((struct task_struct *)thread);
}

NTAPI NTSTATUS ZwYieldExecution(void)
{
	yield();
	return STATUS_SUCCESS;
}

static int thread_main(void *arg)
{
	struct shim_thread *t = arg;

	t->routine(t->context);
	return 0;
}

NTAPI NTSTATUS PsTerminateSystemThread(NTSTATUS status)
{
	struct shim_thread *t = kthread_data(current);

	kthread_complete_and_exit(&t->exited, 0);
}

void thread_put(PVOID object)
{
	struct shim_thread *t = object;

	if (atomic_dec_and_test(&t->refs)) {
		kfree(t);
		atomic_dec(&counts.threads);
	}
}

NTAPI NTSTATUS PsCreateSystemThread(PHANDLE handle, ULONG access,
				    PVOID attributes, HANDLE process,
				    PVOID client_id, KSTART_ROUTINE *routine,
				    PVOID context)
{
	struct shim_thread *t = kzalloc(sizeof(*t), GFP_KERNEL);
	struct task_struct *task;

	if (!t)
		return STATUS_INSUFFICIENT_RESOURCES;
	t->header.Type = TYPE_THREAD;
	t->routine = routine;
	t->context = context;
	atomic_set(&t->refs, 1);
	init_completion(&t->exited);
	task = kthread_run(thread_main, t, "colinux.sys");
	if (IS_ERR(task)) {
		kfree(t);
		return STATUS_INSUFFICIENT_RESOURCES;
	}
	atomic_inc(&counts.threads);
	*handle = t;
	return STATUS_SUCCESS;
}

NTAPI NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE mode, BOOLEAN alertable,
				      PLARGE_INTEGER interval)
{
	usleep_range(-interval->QuadPart / 10, -interval->QuadPart / 10 + 100);
	return STATUS_SUCCESS;
}

/* ---- clocks ---- */

NTAPI LARGE_INTEGER KeQueryPerformanceCounter(PLARGE_INTEGER frequency)
{
	LARGE_INTEGER now;

	if (frequency)
		frequency->QuadPart = NSEC_PER_SEC;
	now.QuadPart = ktime_get_mono_fast_ns();
	return now;
}

NTAPI VOID KeQuerySystemTimePrecise(PLARGE_INTEGER time);
NTAPI VOID KeQuerySystemTimePrecise(PLARGE_INTEGER time)
{
	time->QuadPart = ktime_get_real_ns() / 100 + 116444736000000000ll;
}
