/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Interrupting a vCPU thread on NT: its request is cancelled.  A request that
 * is not with the driver yet cannot be, so the poison (see os.h) is for those,
 * and who interrupts tries until the call has come back.
 */
#include "nt.h"

#define TARGETS 64

struct target {
	volatile uint32_t *poison;	/* NULL = free */
	DWORD thread;
	/* Of the call that is under way. */
	bool in_call;
	uint64_t call;
	HANDLE file;
	OVERLAPPED *overlapped;
};

static SRWLOCK lock = SRWLOCK_INIT;
/* Guarded by lock: */
static struct target targets[TARGETS];

static struct target *find(DWORD thread)
{
	for (int i = 0; i < TARGETS; i++)
		if (targets[i].poison && targets[i].thread == thread)
			return &targets[i];
	return NULL;
}

void os_interrupt_setup(void)
{
	/* Nothing is inherited or has a default. */
}

void os_interrupt_target(volatile uint32_t *poison)
{
	AcquireSRWLockExclusive(&lock);
	for (int i = 0; i < TARGETS; i++)
		if (!targets[i].poison) {
			targets[i] = (struct target){
				.poison = poison,
				.thread = GetCurrentThreadId(),
			};
			break;
		}
	ReleaseSRWLockExclusive(&lock);
}

void os_interrupt_untarget(void)
{
	struct target *target;

	AcquireSRWLockExclusive(&lock);
	target = find(GetCurrentThreadId());
	if (target)
		target->poison = NULL;
	ReleaseSRWLockExclusive(&lock);
}

void nt_call_begin(HANDLE file, OVERLAPPED *overlapped)
{
	struct target *target;

	AcquireSRWLockExclusive(&lock);
	target = find(GetCurrentThreadId());
	if (target) {
		target->in_call = true;
		target->call++;
		target->file = file;
		target->overlapped = overlapped;
	}
	ReleaseSRWLockExclusive(&lock);
}

void nt_call_end(void)
{
	struct target *target;

	AcquireSRWLockExclusive(&lock);
	target = find(GetCurrentThreadId());
	if (target)
		target->in_call = false;
	ReleaseSRWLockExclusive(&lock);
}

/* Cancel that call once more; false: it is over. */
static bool cancel(uv_thread_t thread, uint64_t *call, bool *queued)
{
	struct target *target;
	bool there;

	AcquireSRWLockExclusive(&lock);
	target = find(GetThreadId(thread));
	if (target && !*call) {
		*target->poison = UINT32_MAX;
		*call = target->call;
	}
	there = target && target->in_call && target->call == *call;
	if (there)
		nt_cancel(thread, target->file, target->overlapped, queued);
	ReleaseSRWLockExclusive(&lock);
	return there;
}

void os_interrupt(uv_thread_t thread)
{
	uint64_t call = 0;
	bool queued = false;

	while (cancel(thread, &call, &queued))
		SwitchToThread();
}
