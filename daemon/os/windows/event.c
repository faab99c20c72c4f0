/* SPDX-License-Identifier: GPL-2.0 */
/* Events and timers (of NT, reset by hand), threads, random numbers: see os.h. */
#include <errno.h>

#include "nt.h"

/* advapi32's name of RtlGenRandom(). */
BOOLEAN NTAPI SystemFunction036(PVOID buffer, ULONG length);

int os_event_new(void)
{
	HANDLE event = CreateEventW(NULL, TRUE, FALSE, NULL);

	if (event)
		return nt_number(event);
	errno = EMFILE;
	return -1;
}

void os_event_free(int event)
{
	if (event != -1)
		CloseHandle(nt_handle(event));
}

void os_event_signal(int event)
{
	SetEvent(nt_handle(event));
}

/* In units of 100 ns, from now on if negative. */
static void set_timer(int timer, LONGLONG due)
{
	LARGE_INTEGER when = { .QuadPart = due };

	SetWaitableTimer(nt_handle(timer), &when, 0, NULL, NULL, FALSE);
}

void os_event_clear(int event)
{
	/* A timer is no event to NT; it is reset by being set: to year 5000. */
	if (!ResetEvent(nt_handle(event)))
		set_timer(event, -(1ll << 60));
}

int os_timer_new(void)
{
	HANDLE timer = CreateWaitableTimerW(NULL, TRUE, NULL);

	if (timer)
		return nt_number(timer);
	errno = EMFILE;
	return -1;
}

void os_timer_set(int timer, unsigned int ms)
{
	set_timer(timer, ms * -10000ll);
}

void os_event_wait(const int *events, unsigned int nr, bool *signalled)
{
	HANDLE handles[OS_EVENTS] = { NULL };
	unsigned int i, used = 0;

	_Static_assert(OS_EVENTS <= MAXIMUM_WAIT_OBJECTS, "all at once");
	for (i = 0; i < nr; i++)
		if (events[i] != -1)
			handles[used++] = nt_handle(events[i]);
	WaitForMultipleObjects(used, handles, FALSE, INFINITE);
	for (i = 0; i < nr; i++)
		signalled[i] = events[i] != -1 &&
			       WaitForSingleObject(nt_handle(events[i]), 0) ==
				       WAIT_OBJECT_0;
}

int os_thread_start(pthread_t *thread, size_t stack, void *(*run)(void *),
		    void *opaque)
{
	pthread_attr_t attr;
	int ret;

	pthread_attr_init(&attr);
	if (stack)
		pthread_attr_setstacksize(&attr, stack);
	ret = pthread_create(thread, &attr, run, opaque);
	pthread_attr_destroy(&attr);
	return ret;
}

void os_thread_batch(void)
{
	/* NT has priorities only, and a lower one may never get a turn. */
}

int os_thread_drop_rights(bool connect)
{
	/* Privileges are the process's: os_enter_sandbox(). */
	(void)connect;
	return 0;
}

void os_thread_name(const char *name)
{
	/* Threads have no names before Windows 10. */
	(void)name;
}

size_t os_random(void *bytes, size_t length)
{
	return SystemFunction036(bytes, (ULONG)length) ? length : 0;
}
