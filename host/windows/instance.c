// SPDX-License-Identifier: GPL-2.0
/*
 * One open file is one VM.  Which process may use it, which calls run, and how
 * both end: the process's death, the last handle, the last call.
 */
#include "driver.h"

struct instance {
	LIST_ENTRY link;	/* in `instances`, under its lock */
	KMUTEX lock;		/* CREATE, MAP, RELEASE, event objects */
	PEPROCESS process;	/* referenced; guest RAM is mapped there */
	HANDLE pid;
	struct vm *vm;		/* set once */
	struct events *events;
	u32 closing;
};

static KMUTEX instances_lock;
static LIST_ENTRY instances;

/* PASSIVE_LEVEL; holds off the thread's end as well. */
static void lock(KMUTEX *mutex)
{
	KeWaitForSingleObject(mutex, Executive, KernelMode, FALSE, NULL);
}

static void unlock(KMUTEX *mutex)
{
	KeReleaseMutex(mutex, FALSE);
}

/* No run goes on or begins. <= DISPATCH_LEVEL. */
static void stop_runs(struct instance *in)
{
	struct vm *vm = load_once(in->vm);

	store_once(in->closing, 1);
	for (u32 i = 0; vm && i < vm->nr_vcpus; i++)
		host_vcpu_close(vm->vcpus[i]->host);
}

/* PASSIVE_LEVEL, in the process. */
static void unmap(struct instance *in)
{
	lock(&in->lock);
	if (in->vm)
		host_memory_unmap_user(in->vm->mem);
	unlock(&in->lock);
}

/*
 * A process begins or ends; at its end, in its last thread while it still has
 * its address space.  A handle that another process got from it must not keep
 * the mapping alive.  PASSIVE_LEVEL.
 */
static VOID NTAPI process_notify(HANDLE parent, HANDLE pid, BOOLEAN begins)
{
	(void)parent;
	if (begins)
		return;
	lock(&instances_lock);
	for (LIST_ENTRY *e = instances.Flink; e != &instances; e = e->Flink) {
		struct instance *in = CONTAINING_RECORD(e, struct instance,
							link);

		if (in->pid == pid && in->process == PsGetCurrentProcess()) {
			stop_runs(in);
			unmap(in);
		}
	}
	unlock(&instances_lock);
}

NTSTATUS instances_init(void)
{
	KeInitializeMutex(&instances_lock, 0);
	InitializeListHead(&instances);
	return PsSetCreateProcessNotifyRoutine(process_notify, FALSE);
}

void instances_exit(void)
{
	PsSetCreateProcessNotifyRoutine(process_notify, TRUE);
}

struct instance *instance_new(void)
{
	struct instance *in = host_zalloc(sizeof(*in));

	if (!in)
		return NULL;
	in->events = events_new();
	if (!in->events) {
		host_zfree(in, sizeof(*in));
		return NULL;
	}
	KeInitializeMutex(&in->lock, 0);
	in->process = PsGetCurrentProcess();
	ObfReferenceObject(in->process);
	in->pid = PsGetCurrentProcessId();
	lock(&instances_lock);
	InsertTailList(&instances, &in->link);
	unlock(&instances_lock);
	return in;
}

void instance_close(struct instance *in)
{
	stop_runs(in);
	/*
	 * Another process can be the last to close only when this one passed
	 * its handle on; then process_notify() has unmapped, or will.
	 */
	if (PsGetCurrentProcess() == in->process)
		unmap(in);
}

void instance_free(struct instance *in)
{
	lock(&instances_lock);
	RemoveEntryList(&in->link);
	unlock(&instances_lock);
	if (in->vm && PsGetCurrentProcess() != in->process) {
		/* Still alive: process_notify() would have unmapped. */
		KAPC_STATE state;

		KeStackAttachProcess((PKPROCESS)in->process, &state);
		unmap(in);
		KeUnstackDetachProcess(&state);
	}
	events_free(in->events);
	vm_destroy(in->vm);
	ObfDereferenceObject(in->process);
	host_zfree(in, sizeof(*in));
}

/* ---- calls ---- */

u32 call_size(u32 function)
{
	if (function == COLINUX_IOC_MAP)
		return sizeof(struct colinux_map);
	return vm_control_size(function);
}

/* PASSIVE_LEVEL */
static int create(struct instance *in, void *arg)
{
	struct vm *vm = NULL;
	int err;

	if (in->vm)
		return -CO_EEXIST;
	err = vm_control(&vm, COLINUX_IOC_CREATE, arg);
	if (err)
		return err;
	__sync_synchronize();	/* complete before it is seen */
	store_once(in->vm, vm);
	/* instance_close() may not have seen it. */
	__sync_synchronize();
	if (load_once(in->closing))
		stop_runs(in);
	return 0;
}

struct copy {
	void *to;
	const void *from;
	size_t size;
};

/* Raises an exception when the process cannot be written to. */
static NTSTATUS NTAPI copy_to_process(void *arg)
{
	struct copy *c = arg;

	ProbeForWrite(c->to, c->size, 1);
	memcpy(c->to, c->from, c->size);
	return STATUS_SUCCESS;
}

/* PASSIVE_LEVEL, in the process. */
static int get_extents(struct vm *vm, struct colinux_get_extents *arg)
{
	u32 nr = arg->nr < vm->nr_extents ? arg->nr : vm->nr_extents;
	struct copy c = {
		.to = ptr_at(arg->table),
		.from = vm->extents,
		.size = nr * sizeof(vm->extents[0]),
	};

	if (arg->pad)
		return -CO_EINVAL;
	if (nr && !NT_SUCCESS(nt_guarded(copy_to_process, &c)))
		return -CO_EFAULT;
	arg->nr = vm->nr_extents;
	return 0;
}

/*
 * Somebody wants the IRP back: its thread looks at irp->Cancel, all that it
 * takes is to get it out of the guest or its sleep.  DISPATCH_LEVEL, cancel
 * spin lock held.
 */
static VOID NTAPI cancel_run(PDEVICE_OBJECT device, PIRP irp)
{
	KIRQL irql = irp->CancelIrql;

	(void)device;
	host_vcpu_kick(irp->Tail.Overlay.DriverContext[0]);
	IoReleaseCancelSpinLock(irql);
}

/* PASSIVE_LEVEL */
static int run(struct vm *vm, struct colinux_run *arg, PIRP irp)
{
	struct host_vcpu *h;
	KIRQL irql;
	int err;

	if (arg->vcpu >= vm->nr_vcpus)
		return -CO_EINVAL;
	h = vm->vcpus[arg->vcpu]->host;
	if (!host_vcpu_claim(h, irp))
		return -CO_EBUSY;
	irp->Tail.Overlay.DriverContext[0] = h;
	IoSetCancelRoutine(irp, cancel_run);
	err = vm_control(&vm, COLINUX_IOC_VCPU_RUN, arg);
	if (!IoSetCancelRoutine(irp, NULL)) {
		/* It has been called: wait until it no longer needs the IRP. */
		IoAcquireCancelSpinLock(&irql);
		IoReleaseCancelSpinLock(irql);
	}
	host_vcpu_release(h);
	return err;
}

/* PASSIVE_LEVEL, in the process: guest RAM goes to NT, or comes back. */
static int change_memory(struct vm *vm, u32 function, void *arg)
{
	int err = vm_control(&vm, function, arg);

	if (host_memory_is_torn(vm->mem))
		vm_kill(vm, "its memory has lost a place in its process");
	return err;
}

/* PASSIVE_LEVEL: the calls of which there is one at a time. */
static int locked_call(struct instance *in, u32 function, void *arg)
{
	struct vm *vm = in->vm;

	if (load_once(in->closing))
		return -CO_ENODEV;
	if (function == COLINUX_IOC_CREATE)
		return create(in, arg);
	if (!vm)
		return -CO_ENODEV;
	if (function == COLINUX_IOC_IRQFD)
		return events_irqfd(in->events, vm, arg);
	if (function == COLINUX_IOC_DOORBELL)
		return events_doorbell(in->events, vm, arg);
	if (function == COLINUX_IOC_MAP)
		return host_memory_map_user(vm->mem, arg);
	return change_memory(vm, function, arg);
}

int instance_call(struct instance *in, u32 function, void *arg, PIRP irp)
{
	struct vm *vm;
	int err;

	if (function == COLINUX_IOC_VERSION) {
		vm = NULL;
		return vm_control(&vm, function, arg);
	}
	/* Guest RAM and handles mean something in its process only. */
	if (PsGetCurrentProcess() != in->process)
		return -CO_EPERM;
	switch (function) {
	case COLINUX_IOC_CREATE:
	case COLINUX_IOC_IRQFD:
	case COLINUX_IOC_DOORBELL:
	case COLINUX_IOC_MAP:
	case COLINUX_IOC_RELEASE:
	case COLINUX_IOC_RECLAIM:
		lock(&in->lock);
		err = locked_call(in, function, arg);
		unlock(&in->lock);
		return err;
	}
	vm = load_once(in->vm);
	if (!vm || load_once(in->closing))
		return -CO_ENODEV;
	switch (function) {
	case COLINUX_IOC_GET_EXTENTS:
		return get_extents(vm, arg);
	case COLINUX_IOC_VCPU_RUN:
		return run(vm, arg, irp);
	default:
		return vm_control(&vm, function, arg);
	}
}
