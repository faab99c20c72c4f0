/* SPDX-License-Identifier: GPL-2.0 */
/* Events (eventfds), timers, threads without signals, random numbers: see os.h. */
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../../os.h"

int os_event_new(void)
{
	return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

void os_event_free(int event)
{
	if (event >= 0)
		close(event);
}

void os_event_signal(int event)
{
	const uint64_t one = 1;

	/* Fails only if the counter is full, and then it is signalled. */
	while (write(event, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

void os_event_clear(int event)
{
	uint64_t count;

	/* EAGAIN: somebody else has cleared it. */
	while (read(event, &count, sizeof(count)) < 0 && errno == EINTR)
		;
}

void os_event_wait(const int *events, unsigned int nr, bool *signalled)
{
	struct pollfd fds[OS_EVENTS];
	unsigned int i;

	/* poll() ignores a negative fd. */
	for (i = 0; i < nr; i++)
		fds[i] = (struct pollfd){ .fd = events[i], .events = POLLIN };
	while (poll(fds, nr, -1) < 0)
		;
	for (i = 0; i < nr; i++)
		signalled[i] = fds[i].revents;
}

int os_timer_new(void)
{
	return timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
}

void os_timer_set(int timer, unsigned int ms)
{
	const struct itimerspec when = {
		.it_value = { ms / 1000, ms % 1000 * 1000000 },
	};

	timerfd_settime(timer, 0, &when, NULL);
}

int os_thread_start(pthread_t *thread, size_t stack, void *(*run)(void *),
		    void *opaque)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int ret;

	pthread_attr_init(&attr);
	if (stack)
		pthread_attr_setstacksize(&attr, stack);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(thread, &attr, run, opaque);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return ret;
}

void os_thread_batch(void)
{
	const struct sched_param none = { 0 };

	sched_setscheduler(0, SCHED_BATCH, &none);
}

void os_thread_name(const char *name)
{
	prctl(PR_SET_NAME, name);
}

size_t os_random(void *bytes, size_t length)
{
	/* Never waits or comes back short for up to 256 (getrandom(2)). */
	ssize_t got = getrandom(bytes, length, 0);

	return got > 0 ? got : 0;
}
