// SPDX-License-Identifier: GPL-2.0
/* Timers never fire early, in the wrong order, or not at all. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <unistd.h>
#include "checks.h"

#define MS 1000000ull

static volatile sig_atomic_t ticks;

static void on_tick(int signal)
{
	(void)signal;
	ticks++;
}

static void interval_timers(void)
{
	static const struct {
		int which, signal;
		const char *name;
	} kinds[] = {
		{ ITIMER_REAL, SIGALRM, "ITIMER_REAL" },
		{ ITIMER_VIRTUAL, SIGVTALRM, "ITIMER_VIRTUAL" },
		{ ITIMER_PROF, SIGPROF, "ITIMER_PROF" },
	};

	for (int i = 0; i < 3; i++) {
		struct itimerval value = { { 0, 10000 }, { 0, 10000 } };
		struct itimerval off = { { 0, 0 }, { 0, 0 } };
		uint64_t start, end;

		signal(kinds[i].signal, on_tick);
		ticks = 0;
		start = now_ns();
		setitimer(kinds[i].which, &value, NULL);
		/* Some of these run only while we do. */
		while (ticks < 10)
			;
		end = now_ns();
		setitimer(kinds[i].which, &off, NULL);
		/* CPU time is counted by ticks: one may be charged too much. */
		check(end - start >= (i ? 80 : 100) * MS,
		      "%s: ten ticks are not early", kinds[i].name);
		signal(kinds[i].signal, SIG_DFL);
	}
}

static void descriptors(void)
{
	struct itimerspec value = { { 0, 5 * MS }, { 0, 0 } };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);
	uint64_t start = now_ns() + 20 * MS, n, total = 0;
	bool early = false;

	value.it_value.tv_sec = start / 1000000000;
	value.it_value.tv_nsec = start % 1000000000;
	if (timerfd_settime(fd, TFD_TIMER_ABSTIME, &value, NULL))
		die("timerfd_settime");
	while (total < 20) {
		if (read(fd, &n, sizeof(n)) != sizeof(n))
			die("timerfd");
		total += n;
		early |= now_ns() < start + (total - 1) * 5 * MS;
	}
	check(!early, "timerfd: no expiration is counted early");
	sleep_ms(50);
	n = 0;
	check(read(fd, &n, sizeof(n)) == sizeof(n) && n >= 9,
	      "timerfd: those that nobody read are counted");
	close(fd);
}

static void posix_timers(void)
{
	enum { N = 8 };
	timer_t timers[N];
	sigset_t set, old;
	siginfo_t info;
	uint64_t start;
	bool ordered = true, early = false;

	pin(0);
	start = now_ns();
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, &old);
	/* The last one created fires first. */
	for (int i = 0; i < N; i++) {
		struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
					  .sigev_signo = SIGRTMIN };
		struct itimerspec value = { { 0, 0 }, { 0, 0 } };
		uint64_t at = start + (500 + (N - i) * 2) * MS;

		event.sigev_value.sival_int = i;
		value.it_value.tv_sec = at / 1000000000;
		value.it_value.tv_nsec = at % 1000000000;
		if (timer_create(CLOCK_MONOTONIC, &event, &timers[i]) ||
		    timer_settime(timers[i], TIMER_ABSTIME, &value, NULL))
			die("timer_create");
	}
	for (int i = N - 1; i >= 0; i--) {
		if (sigwaitinfo(&set, &info) != SIGRTMIN)
			die("sigwaitinfo");
		ordered &= info.si_value.sival_int == i;
		early |= now_ns() < start + (500 + (N - i) * 2) * MS;
	}
	/*
	 * Signals of one number are queued in the order in which the timers
	 * fired, if one CPU armed them all before the first was due.
	 */
	check(ordered, "timer_create: in the order of their times");
	check(!early, "timer_create: none early");
	for (int i = 0; i < N; i++)
		timer_delete(timers[i]);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void overruns(void)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGRTMIN };
	struct itimerspec value = { { 0, 2 * MS }, { 0, 2 * MS } };
	sigset_t set, old;
	siginfo_t info;
	timer_t timer;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	sigprocmask(SIG_BLOCK, &set, &old);
	if (timer_create(CLOCK_MONOTONIC, &event, &timer) ||
	    timer_settime(timer, 0, &value, NULL))
		die("timer_create");
	sleep_ms(50);
	sigwaitinfo(&set, &info);
	check(info.si_overrun >= 20, "timer_create: overruns are counted");
	timer_delete(timer);
	/* One more may be pending: older kernels keep it. */
	signal(SIGRTMIN, SIG_IGN);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

static void sleeps(void)
{
	static const unsigned int us[] = { 1, 50, 500, 1000, 3333, 20000 };
	bool early = false;

	for (int i = 0; i < 6; i++)
		for (int n = 0; n < 10; n++) {
			struct timespec t = { 0, us[i] * 1000 };
			uint64_t start = now_ns();

			nanosleep(&t, NULL);
			early |= now_ns() - start < us[i] * 1000ull;
		}
	check(!early, "nanosleep: never early");
}

void check_timers(void)
{
	interval_timers();
	descriptors();
	posix_timers();
	overruns();
	sleeps();
}
