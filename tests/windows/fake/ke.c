// SPDX-License-Identifier: GPL-2.0
/*
 * Ke*, Ps*: IRQL, dispatcher objects, DPCs, timers, threads.  One lock and one
 * condition for everything; a worker thread runs the DPCs of CPUs on which no
 * guest is.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "fake.h"
#include "tap.h"

#define LIMIT_S	60	/* on a busy machine, too */
#define MAX	64

__thread struct fake_cpu fcpu;
__thread struct fake_thread *self;
static struct fake_thread main_thread;

static pthread_mutex_t big = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t cancel_lock = PTHREAD_MUTEX_INITIALIZER;

/* The rules: at most this IRQL, and IF=1. */
#define RULE(max)                                                        \
	do {                                                             \
		if (fcpu.irql > (max) || fcpu.irqs_off)                    \
			die(__func__);                                   \
	} while (0)

static void wait_changed(void)
{
	struct timespec end;

	/* Not the wall clock, which may be set. */
	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += LIMIT_S;
	if (pthread_cond_clockwait(&changed, &big, CLOCK_MONOTONIC, &end))
		die("a wait takes too long");
}

void fake_poke(void)
{
	pthread_mutex_lock(&big);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&big);
}

void wait_until(volatile int *flag)
{
	for (int i = 0; i < LIMIT_S * 1000; i++) {
		struct timespec ms = { .tv_nsec = 1000000 };

		if (__atomic_load_n(flag, __ATOMIC_SEQ_CST))
			return;
		nanosleep(&ms, NULL);
	}
	die("wait_until");
}

/* ---- IRQL ---- */

KIRQL KfRaiseIrql(KIRQL irql)
{
	KIRQL old = (KIRQL)fcpu.irql;

	if (irql < old)
		die("KfRaiseIrql lowers");
	fcpu.irql = irql;
	return old;
}

/* May be called with IF=0: host_guest_end() does. */
VOID KeLowerIrql(KIRQL irql)
{
	if (irql > fcpu.irql)
		die("KeLowerIrql raises");
	fcpu.irql = irql;
}

KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK lock)
{
	KIRQL old;

	RULE(DISPATCH_LEVEL);
	old = KfRaiseIrql(DISPATCH_LEVEL);
	while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE))
		;
	return old;
}

VOID KeReleaseSpinLock(PKSPIN_LOCK lock, KIRQL irql)
{
	RULE(DISPATCH_LEVEL);
	__atomic_store_n(lock, 0, __ATOMIC_RELEASE);
	fcpu.irql = irql;
}

VOID IoAcquireCancelSpinLock(KIRQL *irql)
{
	RULE(DISPATCH_LEVEL);
	*irql = KfRaiseIrql(DISPATCH_LEVEL);
	pthread_mutex_lock(&cancel_lock);
}

VOID IoReleaseCancelSpinLock(KIRQL irql)
{
	pthread_mutex_unlock(&cancel_lock);
	fcpu.irql = irql;
}

void cancel_irp(IRP *irp)
{
	DRIVER_CANCEL *routine;

	IoAcquireCancelSpinLock(&irp->CancelIrql);
	__atomic_store_n(&irp->Cancel, TRUE, __ATOMIC_SEQ_CST);
	routine = IoSetCancelRoutine(irp, NULL);
	if (routine)
		routine(driver.DeviceObject, irp);
	else
		IoReleaseCancelSpinLock(irp->CancelIrql);
}

/* ---- objects ---- */

VOID KeInitializeEvent(PKEVENT event, EVENT_TYPE type, BOOLEAN state)
{
	memset(event, 0, sizeof(*event));
	event->Header.Type = (UCHAR)type;
	event->Header.SignalState = state;
}

LONG KeSetEvent(PKEVENT event, LONG increment, BOOLEAN wait)
{
	LONG old;

	(void)increment;
	RULE(DISPATCH_LEVEL);
	if (wait)
		die("KeSetEvent with Wait");
	pthread_mutex_lock(&big);
	old = event->Header.SignalState;
	event->Header.SignalState = 1;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&big);
	return old;
}

VOID KeClearEvent(PKEVENT event)
{
	RULE(DISPATCH_LEVEL);
	pthread_mutex_lock(&big);
	event->Header.SignalState = 0;
	pthread_mutex_unlock(&big);
}

VOID KeInitializeMutex(PKMUTEX mutex, ULONG level)
{
	(void)level;
	memset(mutex, 0, sizeof(*mutex));
	mutex->Header.Type = 2;
	mutex->Header.SignalState = 1;
}

LONG KeReleaseMutex(PKMUTEX mutex, BOOLEAN wait)
{
	RULE(DISPATCH_LEVEL);
	if (wait || mutex->OwnerThread != self)
		die("KeReleaseMutex");
	mutex->OwnerThread = NULL;
	KeSetEvent((PKEVENT)mutex, 0, FALSE);
	return 0;
}

static int take_any(ULONG n, PVOID objects[])
{
	for (ULONG i = 0; i < n; i++) {
		DISPATCHER_HEADER *h = objects[i];

		if (h->SignalState <= 0)
			continue;
		if (h->Type == SynchronizationEvent || h->Type == 2)
			h->SignalState = 0;
		if (h->Type == 2)
			((PKMUTEX)h)->OwnerThread = self;
		return (int)i;
	}
	return -1;
}

volatile int waits;

NTSTATUS KeWaitForMultipleObjects(ULONG n, PVOID objects[], WAIT_TYPE type,
				  KWAIT_REASON reason, KPROCESSOR_MODE mode,
				  BOOLEAN alertable, PLARGE_INTEGER timeout,
				  PKWAIT_BLOCK blocks)
{
	NTSTATUS status;
	int got;

	(void)reason;
	RULE(APC_LEVEL);
	if ((timeout && timeout->QuadPart) || n > MAX || (n > 3 && !blocks) ||
	    (n > 1 && type != WaitAny))
		die("KeWaitForMultipleObjects");
	pthread_mutex_lock(&big);
	waits += !timeout;
	for (;;) {
		got = take_any(n, objects);
		status = STATUS_WAIT_0 + got;
		if (got >= 0)
			break;
		status = STATUS_USER_APC;
		if (mode == UserMode && self->terminating)
			break;
		if (mode == UserMode && alertable && self->alerted) {
			self->alerted = false;
			break;
		}
		status = STATUS_TIMEOUT;
		if (timeout)
			break;
		wait_changed();
	}
	waits -= !timeout;
	pthread_mutex_unlock(&big);
	return status;
}

NTSTATUS KeWaitForSingleObject(PVOID object, KWAIT_REASON reason,
			       KPROCESSOR_MODE mode, BOOLEAN alertable,
			       PLARGE_INTEGER timeout)
{
	return KeWaitForMultipleObjects(1, &object, WaitAny, reason, mode,
					alertable, timeout, NULL);
}

/* ---- DPCs: Number is the target + 1, DpcData says "queued" ---- */

static KDPC *queue[MAX];
static bool guest_on[MAX];	/* a guest waits on this CPU */
static int running_dpcs;
static pthread_t worker;

VOID KeInitializeDpc(PKDPC dpc, KDEFERRED_ROUTINE *routine, PVOID context)
{
	memset(dpc, 0, sizeof(*dpc));
	dpc->DeferredRoutine = routine;
	dpc->DeferredContext = context;
}

VOID KeSetImportanceDpc(PKDPC dpc, KDPC_IMPORTANCE importance)
{
	dpc->Importance = (UCHAR)importance;
}

VOID KeSetTargetProcessorDpc(PKDPC dpc, CCHAR number)
{
	if (dpc->DpcData)
		die("a queued DPC is changed");
	dpc->Number = (USHORT)(number + 1);
}

static NTSTATUS NTAPI set_target(PKDPC dpc, PPROCESSOR_NUMBER number)
{
	KeSetTargetProcessorDpc(dpc, (CCHAR)number->Number);
	return STATUS_SUCCESS;
}

static NTSTATUS NTAPI from_index(ULONG index, PPROCESSOR_NUMBER number)
{
	*number = (PROCESSOR_NUMBER){ .Number = (UCHAR)index };
	return STATUS_SUCCESS;
}

static ULONG NTAPI current_processor(PPROCESSOR_NUMBER number)
{
	(void)number;
	return fcpu.number;
}

static u32 cpu_of(KDPC *dpc)
{
	return (u32)(ULONG_PTR)dpc->DpcData - 1;
}

static KDPC *next_dpc(int of_cpu)
{
	for (int i = 0; i < MAX; i++) {
		KDPC *dpc = queue[i];

		if (!dpc)
			continue;
		if (of_cpu < 0 ? guest_on[cpu_of(dpc)] :
				 cpu_of(dpc) != (u32)of_cpu)
			continue;
		queue[i] = NULL;
		return dpc;
	}
	return NULL;
}

/* With the lock; a DPC is off its queue before it runs. */
static void run_dpc(KDPC *dpc)
{
	struct fake_cpu saved = fcpu;

	fcpu.number = cpu_of(dpc);
	fcpu.irql = DISPATCH_LEVEL;
	fcpu.irqs_off = false;
	dpc->DpcData = NULL;
	running_dpcs++;
	pthread_mutex_unlock(&big);
	dpc->DeferredRoutine(dpc, dpc->DeferredContext, NULL, NULL);
	pthread_mutex_lock(&big);
	running_dpcs--;
	pthread_cond_broadcast(&changed);
	fcpu = saved;
}

static void *work(void *unused)
{
	static struct fake_thread thread;
	KDPC *dpc;

	(void)unused;
	self = &thread;
	pthread_mutex_lock(&big);
	for (;;) {
		dpc = next_dpc(-1);
		if (dpc)
			run_dpc(dpc);
		else
			pthread_cond_wait(&changed, &big);
	}
	return NULL;
}

BOOLEAN KeInsertQueueDpc(PKDPC dpc, PVOID a, PVOID b)
{
	(void)a, (void)b;
	/* Any IRQL on NT; ours promises DISPATCH_LEVEL and IF=1. */
	if (fcpu.irql != DISPATCH_LEVEL || fcpu.irqs_off)
		die("KeInsertQueueDpc");
	pthread_mutex_lock(&big);
	if (dpc->DpcData) {
		pthread_mutex_unlock(&big);
		return FALSE;
	}
	dpc->DpcData = (PVOID)(ULONG_PTR)(
		dpc->Number ? dpc->Number : fcpu.number + 1);
	/* In a run: it stays pending until the guest takes it. */
	if (fcpu.fpu_claimed && !dpc->Number)
		guest_on[fcpu.number] = true;
	for (int i = 0; i < MAX; i++)
		if (!queue[i]) {
			queue[i] = dpc;
			break;
		}
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&big);
	return TRUE;
}

BOOLEAN KeRemoveQueueDpc(PKDPC dpc)
{
	BOOLEAN was = FALSE;

	RULE(DISPATCH_LEVEL);
	pthread_mutex_lock(&big);
	for (int i = 0; i < MAX; i++)
		if (queue[i] == dpc) {
			queue[i] = NULL;
			dpc->DpcData = NULL;
			was = TRUE;
		}
	pthread_mutex_unlock(&big);
	return was;
}

VOID KeFlushQueuedDpcs(void)
{
	RULE(0);
	pthread_mutex_lock(&big);
	for (;;) {
		int left = running_dpcs;

		for (int i = 0; i < MAX; i++)
			left += queue[i] != NULL;
		if (!left)
			break;
		wait_changed();
	}
	pthread_mutex_unlock(&big);
}

u32 fake_guest_waits(void)
{
	bool pending = false;

	if (!fcpu.irqs_off || fcpu.irql != APC_LEVEL)
		die("the guest's IF or CR8");
	pthread_mutex_lock(&big);
	guest_on[fcpu.number] = true;
	__atomic_add_fetch(&guest_is_in, 1, __ATOMIC_SEQ_CST);
	for (;;) {
		for (int i = 0; i < MAX; i++)
			pending |= queue[i] && cpu_of(queue[i]) == fcpu.number;
		if (pending)
			break;
		wait_changed();
	}
	__atomic_sub_fetch(&guest_is_in, 1, __ATOMIC_SEQ_CST);
	pthread_mutex_unlock(&big);
	return DISPATCH_VECTOR;
}

/* The monitor's: here it is NT's own handlers. */
volatile int reraised, late;

void host_reraise(u32 vector)
{
	KDPC *dpc;

	if (!fcpu.irqs_off)
		die("host_reraise with IF=1");
	reraised++;
	if (vector >> 4 != 2) {
		if (fcpu.irql != DISPATCH_LEVEL || !fcpu.fpu_claimed)
			die("a handler in the middle of a run");
		return;
	}
	/* Switches threads: nothing of the guest may be on the CPU. */
	if (fcpu.irql || fcpu.fpu_claimed)
		die("the dispatch interrupt in the middle of a run");
	late++;
	pthread_mutex_lock(&big);
	guest_on[fcpu.number] = false;
	while ((dpc = next_dpc((int)fcpu.number)))
		run_dpc(dpc);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&big);
}

/* ---- timers ---- */

static KTIMER *timers[MAX];

struct fine {
	nt_timer_callback *callback;
	PVOID context;
	bool armed;
};
static struct fine *fines[MAX];

VOID KeInitializeTimer(PKTIMER timer)
{
	memset(timer, 0, sizeof(*timer));
}

BOOLEAN KeSetTimer(PKTIMER timer, LARGE_INTEGER due, PKDPC dpc)
{
	RULE(DISPATCH_LEVEL);
	if (due.QuadPart >= 0)
		die("KeSetTimer: absolute");
	KeCancelTimer(timer);
	timer->Dpc = dpc;
	for (int i = 0; i < MAX; i++)
		if (!timers[i]) {
			timers[i] = timer;
			return FALSE;
		}
	die("KeSetTimer");
}

BOOLEAN KeCancelTimer(PKTIMER timer)
{
	BOOLEAN was = FALSE;

	RULE(DISPATCH_LEVEL);
	for (int i = 0; i < MAX; i++)
		if (timers[i] == timer) {
			timers[i] = NULL;
			was = TRUE;
		}
	return was;
}

static PVOID NTAPI allocate_timer(nt_timer_callback *callback, PVOID context,
				  ULONG attributes)
{
	struct fine *t;

	RULE(DISPATCH_LEVEL);
	if (attributes != NT_TIMER_HIGH_RES)
		die("ExAllocateTimer");
	for (int i = 0; i < MAX; i++)
		if (!fines[i]) {
			t = calloc(1, sizeof(*t));
			t->callback = callback;
			t->context = context;
			fines[i] = t;
			counts.timers++;
			return t;
		}
	return NULL;
}

static BOOLEAN NTAPI set_timer(PVOID timer, LONGLONG due, LONGLONG period,
			       PVOID parameters)
{
	RULE(DISPATCH_LEVEL);
	if (due >= 0 || period || parameters)
		die("ExSetTimer");
	((struct fine *)timer)->armed = true;
	return FALSE;
}

static BOOLEAN NTAPI cancel_timer(PVOID timer, PVOID parameters)
{
	(void)parameters;
	RULE(DISPATCH_LEVEL);
	((struct fine *)timer)->armed = false;
	return TRUE;
}

static BOOLEAN NTAPI delete_timer(PVOID timer, BOOLEAN cancel, BOOLEAN wait,
				  PVOID parameters)
{
	RULE(0);
	if (!cancel || !wait || parameters)
		die("ExDeleteTimer");
	for (int i = 0; i < MAX; i++)
		if (fines[i] == timer)
			fines[i] = NULL;
	free(timer);
	counts.timers--;
	return TRUE;
}

int fake_timers_expire(void)
{
	struct fake_cpu saved = fcpu;
	int n = 0;

	fcpu.irql = DISPATCH_LEVEL;
	fcpu.number = 7;
	for (int i = 0; i < MAX; i++) {
		if (timers[i]) {
			KDPC *dpc = timers[i]->Dpc;

			timers[i] = NULL;
			dpc->DeferredRoutine(dpc, dpc->DeferredContext, NULL,
					     NULL);
			n++;
		}
		if (fines[i] && fines[i]->armed) {
			fines[i]->armed = false;
			fines[i]->callback(fines[i], fines[i]->context);
			n++;
		}
	}
	fcpu = saved;
	return n;
}

ULONG ExSetTimerResolution(ULONG units, BOOLEAN set)
{
	RULE(APC_LEVEL);
	counts.resolutions += set ? 1 : -1;
	return units;
}

/* ---- threads ---- */

PETHREAD KeGetCurrentThread(void)
{
	return (PETHREAD)self;
}

BOOLEAN PsIsThreadTerminating(PETHREAD thread)
{
	return ((struct fake_thread *)thread)->terminating;
}

volatile int yields;

NTSTATUS ZwYieldExecution(void)
{
	RULE(0);
	yields++;
	return STATUS_SUCCESS;
}

struct system_thread {
	DISPATCHER_HEADER header;
	struct fake_thread thread;
	pthread_t pthread;
	KSTART_ROUTINE *routine;
	PVOID context;
	int refs;
};
static __thread struct system_thread *my_system_thread;

static void thread_put(struct system_thread *t)
{
	if (__atomic_sub_fetch(&t->refs, 1, __ATOMIC_SEQ_CST))
		return;
	pthread_join(t->pthread, NULL);
	free(t);
	counts.threads--;
}

static void *system_thread(void *arg)
{
	struct system_thread *t = arg;

	self = &t->thread;
	my_system_thread = t;
	fcpu.number = 6;
	t->routine(t->context);
	die("a system thread returned");
}

NTSTATUS PsCreateSystemThread(PHANDLE handle, ULONG access, PVOID attributes,
			      HANDLE process, PVOID client_id,
			      KSTART_ROUTINE *routine, PVOID context)
{
	struct system_thread *t;

	(void)access, (void)attributes, (void)process, (void)client_id;
	RULE(0);
	if (!failable_calls())
		return STATUS_INSUFFICIENT_RESOURCES;
	t = calloc(1, sizeof(*t));
	t->header.Type = 6;
	t->routine = routine;
	t->context = context;
	t->refs = 1;
	counts.threads++;
	if (pthread_create(&t->pthread, NULL, system_thread, t))
		die("pthread_create");
	*handle = t;
	counts.handles++;
	return STATUS_SUCCESS;
}

NTSTATUS PsTerminateSystemThread(NTSTATUS status)
{
	(void)status;
	KeSetEvent((PKEVENT)&my_system_thread->header, 0, FALSE);
	pthread_exit(NULL);
}

/* ex.c asks. */
bool is_system_thread(PVOID object);
void system_thread_ref(PVOID object);
void system_thread_put(PVOID object);

bool is_system_thread(PVOID object)
{
	return ((DISPATCHER_HEADER *)object)->Type == 6;
}

void system_thread_ref(PVOID object)
{
	__atomic_add_fetch(&((struct system_thread *)object)->refs, 1,
			   __ATOMIC_SEQ_CST);
}

void system_thread_put(PVOID object)
{
	thread_put(object);
}

/* ---- clocks ---- */

LARGE_INTEGER KeQueryPerformanceCounter(PLARGE_INTEGER frequency)
{
	LARGE_INTEGER now;
	struct timespec t;

	if (frequency)
		frequency->QuadPart = 10000000;
	clock_gettime(CLOCK_MONOTONIC, &t);
	now.QuadPart = t.tv_sec * 10000000ll + t.tv_nsec / 100;
	return now;
}

u64 fake_tsc_stopped;

/* A 1 GHz TSC. */
u64 cpu_tsc(void)
{
	struct timespec t;

	if (fake_tsc_stopped)
		return fake_tsc_stopped;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (u64)t.tv_sec * 1000000000ull + (u64)t.tv_nsec;
}

NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE mode, BOOLEAN alertable,
				PLARGE_INTEGER interval)
{
	struct timespec t = { .tv_nsec = -interval->QuadPart * 100 };

	(void)mode, (void)alertable;
	RULE(APC_LEVEL);
	nanosleep(&t, NULL);
	return STATUS_SUCCESS;
}

static VOID NTAPI precise_time(PLARGE_INTEGER time)
{
	time->QuadPart = 116444736000000000ll + 43;
}

/* What newer versions have, by name. */
PVOID MmGetSystemRoutineAddress(PUNICODE_STRING name)
{
	static const struct {
		const char *name;
		u32 version;
		void *function;
	} table[] = {
		{ "KeGetCurrentProcessorNumberEx", 0x601, current_processor },
		{ "KeSetTargetProcessorDpcEx", 0x601, set_target },
		{ "KeGetProcessorNumberFromIndex", 0x601, from_index },
		{ "KeQuerySystemTimePrecise", 0x602, precise_time },
		{ "ExAllocateTimer", 0x603, allocate_timer },
		{ "ExSetTimer", 0x603, set_timer },
		{ "ExCancelTimer", 0x603, cancel_timer },
		{ "ExDeleteTimer", 0x603, delete_timer },
	};
	char ascii[64] = "";

	RULE(0);
	for (int i = 0; i < name->Length / 2 && i < 63; i++)
		ascii[i] = (char)name->Buffer[i];
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!strcmp(table[i].name, ascii))
			return fake.version >= table[i].version ?
				       table[i].function :
				       NULL;
	die("a routine that is unknown here");
}

__attribute__((constructor)) static void start(void)
{
	main_thread.process = (PEPROCESS)&main_thread;
	self = &main_thread;
	if (pthread_create(&worker, NULL, work, NULL))
		die("pthread_create");
	pthread_detach(worker);
}
