// SPDX-License-Identifier: GPL-2.0
/*
 * Event objects of a VM: KEVENTs that its doorbells set, and KEVENTs that
 * raise a device's interrupts.  For the latter a system thread waits, one for
 * each 32 interrupts of which any is tied (NT waits for at most 64 objects).
 *
 * The calls come one at a time (the instance's lock).  A thread looks at its
 * table only when it is told to, while the caller waits.
 */
#include "driver.h"
#include "cpu.h"

#define PER_THREAD	32
#define THREADS		(COLINUX_MAX_DEVICES * COLINUX_DEVICE_IRQS / PER_THREAD)

/* What vm->doorbells points to: stays until the VM ends, untied or not. */
struct host_event {
	KSPIN_LOCK lock;
	PKEVENT event;		/* under lock; NULL = untied */
};

struct irq_thread {
	struct vm *vm;
	u32 first;		/* interrupt of events[0], as in events_irqfd() */
	PKEVENT events[PER_THREAD];	/* changed while the thread is told */
	KEVENT told, done;
	bool stop;
	PVOID thread;		/* NULL = not started */
	/* The thread's own. */
	PVOID waiting[PER_THREAD + 1];
	u32 irq[PER_THREAD + 1];
	KWAIT_BLOCK blocks[PER_THREAD + 1];
};

struct events {
	struct irq_thread *threads[THREADS];
	struct host_event *doorbells[COLINUX_MAX_DEVICES]
				    [COLINUX_DEVICE_QUEUES];
};

/*
 * NT exports a variable, a POBJECT_TYPE.  The DDK's declaration is a pointer to it,
 * for a linker that takes the address in the import table for that pointer; with
 * mingw's, for which it is imported data, the name is the variable.
 */
static POBJECT_TYPE event_type(void)
{
	return (POBJECT_TYPE)ExEventObjectType;
}

/* PASSIVE_LEVEL. 0 = untie: *out is NULL then. */
static int reference(s64 handle, ACCESS_MASK access, PKEVENT *out)
{
	PVOID object;

	*out = NULL;
	if (handle == -1)
		return 0;
	if (handle < 0)
		return -CO_EINVAL;
	if (!NT_SUCCESS(ObReferenceObjectByHandle(ptr_at(handle), access,
						  event_type(), UserMode,
						  &object, NULL)))
		return -CO_EINVAL;
	*out = object;
	return 0;
}

struct events *events_new(void)
{
	return host_zalloc(sizeof(struct events));
}

/* ---- doorbells ---- */

/* <= DISPATCH_LEVEL, any IF.  Who waits takes the CPU when NT sees fit. */
void host_doorbell(struct host_vcpu *h, struct host_event *e)
{
	bool off = !cpu_irqs_on();
	KIRQL irql;

	if (off)
		cpu_irq_on();	/* in a guest run, CR8 >= DISPATCH_LEVEL */
	(void)h;
	irql = KeAcquireSpinLockRaiseToDpc(&e->lock);
	if (e->event)
		KeSetEvent(e->event, IO_NO_INCREMENT, FALSE);
	KeReleaseSpinLock(&e->lock, irql);
	if (off)
		cpu_irq_off();
}

int events_doorbell(struct events *events, struct vm *vm,
		    const struct colinux_event *arg)
{
	struct host_event **slot, *e;
	PKEVENT event, old;
	KIRQL irql;
	int err;

	if (arg->device >= COLINUX_MAX_DEVICES ||
	    arg->queue >= COLINUX_DEVICE_QUEUES)
		return -CO_EINVAL;
	err = reference(arg->fd, EVENT_MODIFY_STATE, &event);
	if (err)
		return err;
	slot = &events->doorbells[arg->device][arg->queue];
	if (!*slot && event) {
		e = host_zalloc(sizeof(*e));
		if (!e) {
			ObfDereferenceObject(event);
			return -CO_ENOMEM;
		}
		KeInitializeSpinLock(&e->lock);
		*slot = e;
	}
	e = *slot;
	if (!e)
		return 0;
	irql = KeAcquireSpinLockRaiseToDpc(&e->lock);
	old = e->event;
	e->event = event;
	KeReleaseSpinLock(&e->lock, irql);
	store_once(vm->doorbells[arg->device][arg->queue], event ? e : NULL);
	if (old)
		ObfDereferenceObject(old);
	return 0;
}

/* ---- interrupts ---- */

/* The thread: PASSIVE_LEVEL. Returns the number of objects to wait for. */
static u32 collect(struct irq_thread *t)
{
	u32 n = 0;

	t->waiting[n++] = &t->told;
	for (u32 i = 0; i < PER_THREAD; i++)
		if (t->events[i]) {
			t->irq[n] = t->first + i;
			t->waiting[n++] = t->events[i];
		}
	return n;
}

static VOID NTAPI irq_thread(PVOID context)
{
	struct irq_thread *t = context;
	u32 n = collect(t);

	for (;;) {
		NTSTATUS status = KeWaitForMultipleObjects(
			n, t->waiting, WaitAny, Executive, KernelMode, FALSE,
			NULL, t->blocks);
		u32 i = (u32)(status - STATUS_WAIT_0);

		if (i == 0) {
			bool stop = t->stop;

			n = collect(t);
			KeSetEvent(&t->done, IO_NO_INCREMENT, FALSE);
			if (stop)
				break;
		} else if (i < n) {
			/* A manual-reset event must not keep us busy. */
			KeClearEvent(t->waiting[i]);
			vm_device_interrupt(t->vm,
					    t->irq[i] / COLINUX_DEVICE_IRQS,
					    t->irq[i] % COLINUX_DEVICE_IRQS);
		}
	}
	PsTerminateSystemThread(STATUS_SUCCESS);
}

/* PASSIVE_LEVEL */
static struct irq_thread *start_thread(struct vm *vm, u32 first)
{
	struct irq_thread *t = host_zalloc(sizeof(*t));
	HANDLE handle;

	if (!t)
		return NULL;
	t->vm = vm;
	t->first = first;
	KeInitializeEvent(&t->told, SynchronizationEvent, FALSE);
	KeInitializeEvent(&t->done, SynchronizationEvent, FALSE);
	if (!NT_SUCCESS(PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL,
					     NULL, NULL, irq_thread, t))) {
		host_zfree(t, sizeof(*t));
		return NULL;
	}
	/* The handle is a kernel one with all access: this cannot fail. */
	ObReferenceObjectByHandle(handle, SYNCHRONIZE, NULL, KernelMode,
				  &t->thread, NULL);
	ZwClose(handle);
	return t;
}

/* Tell the thread and wait until it has looked. PASSIVE_LEVEL. */
static void tell(struct irq_thread *t)
{
	KeSetEvent(&t->told, IO_NO_INCREMENT, FALSE);
	KeWaitForSingleObject(&t->done, Executive, KernelMode, FALSE, NULL);
}

int events_irqfd(struct events *events, struct vm *vm,
		 const struct colinux_event *arg)
{
	struct irq_thread **t;
	PKEVENT event, old;
	u32 irq, i;
	int err;

	if (arg->device >= COLINUX_MAX_DEVICES ||
	    arg->queue >= COLINUX_DEVICE_IRQS)
		return -CO_EINVAL;
	err = reference(arg->fd, SYNCHRONIZE | EVENT_MODIFY_STATE, &event);
	if (err)
		return err;
	irq = arg->device * COLINUX_DEVICE_IRQS + arg->queue;
	t = &events->threads[irq / PER_THREAD];
	i = irq % PER_THREAD;
	if (!*t && event) {
		*t = start_thread(vm, irq - i);
		if (!*t) {
			ObfDereferenceObject(event);
			return -CO_ENOMEM;
		}
	}
	if (!*t)
		return 0;
	old = (*t)->events[i];
	(*t)->events[i] = event;
	tell(*t);
	if (old)
		ObfDereferenceObject(old);
	return 0;
}

void events_free(struct events *events)
{
	for (u32 i = 0; i < THREADS; i++) {
		struct irq_thread *t = events->threads[i];

		if (!t)
			continue;
		t->stop = true;
		tell(t);
		/* Out of our code before it can be unloaded. */
		KeWaitForSingleObject(t->thread, Executive, KernelMode, FALSE,
				      NULL);
		ObfDereferenceObject(t->thread);
		for (u32 d = 0; d < PER_THREAD; d++)
			if (t->events[d])
				ObfDereferenceObject(t->events[d]);
		host_zfree(t, sizeof(*t));
	}
	for (u32 d = 0; d < COLINUX_MAX_DEVICES; d++)
		for (u32 q = 0; q < COLINUX_DEVICE_QUEUES; q++) {
			struct host_event *e = events->doorbells[d][q];

			if (!e)
				continue;
			if (e->event)
				ObfDereferenceObject(e->event);
			host_zfree(e, sizeof(*e));
		}
	host_zfree(events, sizeof(*events));
}
