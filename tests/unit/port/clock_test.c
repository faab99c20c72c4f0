// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's clock (guest/port/clock.c) against a host whose clock is not the
 * TSC: a TSC that both count, a host's clock with a rate of its own, a guest's
 * clock that runs at the rate it was told and by ntp_tick_adj.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake_cpu.h"

static u64 rdtsc(void);
static unsigned int irqs_off;
static inline unsigned long irq_save(void)
{
	return irqs_off++;
}
static inline void irq_restore(unsigned long flags)
{
	irqs_off = (unsigned int)flags;
}

#include "../../../guest/port/clock.c"

#define NUMBER(name, value) \
	__asm__(".globl " name "\n.set " name ", " #value)
NUMBER("sizeof.__kernel_timex", 208);
NUMBER("offset.__kernel_timex.modes", 0);
NUMBER("offset.__kernel_timex.status", 40);

#define KHZ_TOLD 2400000	/* what the guest believes */

s64 ntp_tick_adj;
static unsigned int tests, failed;

/* The world: true time in ns, and rates against it. */
static double now, tsc, host, guest;
static double khz = KHZ_TOLD * 1.001, host_rate = 1.0, own_rate;
static double wall = 1.7e18, worst_step;
static unsigned int sets, kept, jitter, lazy;
static s64 applied;		/* of ntp_tick_adj */

static void pass(double ns)
{
	double ticks = ns * khz / 1e6, before = guest;

	now += ns;
	tsc += ticks;
	host += ns * host_rate;
	wall += ns * host_rate;
	guest += ticks * 1e6 / KHZ_TOLD *
		 (1 + (double)applied / (1ll << 32) / 1e9 + own_rate);
	if (guest < before)
		worst_step = before - guest;
}

static u64 rdtsc(void)
{
	pass(20 + (jitter ? rand() % jitter : 0));
	return (u64)tsc;
}

s64 ktime_get(void)
{
	pass(20);
	return (s64)guest;
}

int do_adjtimex(struct timex *txc)
{
	if (irqs_off)
		abort();
	if (*(u32 *)txc == ADJ_TICK)
		applied = ntp_tick_adj;
	else if (*(u32 *)txc)
		abort();
	AT(int, txc, 40) = kept ? 0 : STA_UNSYNC;
	return 0;
}

s64 port_hypercall_answer(u64 nr, u64 *answer)
{
	double before, after;

	if (nr != COLINUX_HC_CLOCK || !irqs_off)
		abort();
	pass(2000);
	before = tsc;
	pass(20 + (jitter ? rand() % jitter : 0));
	answer[1] = (u64)host;
	answer[2] = (u64)wall;
	pass(20 + (jitter ? rand() % jitter : 0));
	after = tsc;
	answer[0] = (u64)((before + after) / 2);
	answer[3] = (u64)(after - before);
	pass(2000);
	return 0;
}

static void (*queued_run)(void *);
static bool queued;

bool port_work_init(struct port_work *item, void (*run)(void *))
{
	(void)item;
	queued_run = run;
	return 1;
}

void port_work_queue(struct port_work *item)
{
	(void)item;
	if (queued)
		abort();
	queued = 1;
}

void port_time_late(void)
{
	sets++;
}

/* So many seconds, with a tick each 4 ms, or in up to `lazy` ms. */
static void run(double seconds)
{
	for (double end = now + seconds * 1e9; now < end;
	     pass(lazy ? rand() % lazy * 1e6 : 4e6)) {
		port_clock_tick();
		if (queued)
			queued_run(NULL);
		queued = 0;
	}
}

static __attribute__((format(printf, 2, 3)))
void check(bool ok, const char *what, ...)
{
	va_list args;

	tests++;
	failed += !ok;
	printf("%sok %u - ", ok ? "" : "not ", tests);
	va_start(args, what);
	vprintf(what, args);
	va_end(args);
	printf("\n");
}

/* How far the guest's clock goes from the host's in that time, in us. */
static double drifts(double seconds)
{
	double ahead = host - guest, least = 0, most = 0;

	for (double at = 0; at < seconds; at += 1) {
		double off;

		run(1);
		off = host - guest - ahead;
		least = off < least ? off : least;
		most = off > most ? off : most;
	}
	return (most - least) / 1000;
}

int main(void)
{
	double us, before;

	boot_info->tsc_khz = KHZ_TOLD;
	us = drifts(10);
	check(us > 9000, "left alone it drifts: %.0f us in 10 s", us);
	port_clock_init();
	check(queued, "the first look is at the start");
	before = host - guest;
	run(3);
	us = (host - guest - before) / 1000;
	check(us < 50 && us > -50, "in step after 3 s: %.1f us", us);
	us = drifts(600);
	check(us < 20, "10 minutes: %.1f us", us);
	jitter = 100000;
	us = drifts(600);
	check(us < 150, "10 minutes of readings off by up to 100 us: %.1f us",
	      us);
	lazy = 4000;
	us = drifts(600);
	check(us < 150, "and with few ticks: %.1f us", us);
	/* A guest that starts on such a host. */
	looks = 0;
	ntp_tick_adj = applied = 0;
	WRITE_ONCE(due, (u64)tsc);
	run(20);
	us = drifts(600);
	check(us < 300, "from the beginning: %.1f us", us);
	jitter = lazy = 0;
	run(60);
	before = host - guest;
	host_rate = 1.0004;
	us = drifts(600);
	check(us < 5000, "the host slews by 400 ppm: off by %.0f us meanwhile",
	      us);
	us = drifts(600);
	check(us < 20, "then in step: %.1f us", us);
	us = (host - guest - before) / 1000;
	check(us < 100 && us > -100, "as in the beginning: %.1f us", us);

	/* A guest that keeps its clock by itself. */
	kept = 1;
	own_rate = 20e-6;
	run(30);
	us = drifts(100);
	check(us > 1980 && us < 2020, "what NTP in the guest adds stays: %.0f "
	      "us in 100 s", us);
	kept = 0;
	own_rate = 0;

	check(!sets, "the wall clock was never set");
	wall += 3600e9;
	run(30);
	check(sets == 1, "the host's wall clock was: ours too, once");
	run(100);
	/* The host's clock stands still while the TSC goes on: a suspend. */
	host -= 100e9;
	before = guest;
	run(30);
	check(sets >= 2 && guest - before > 29e9 && guest - before < 31e9,
	      "after a suspend of the host: no slew of hours");
	us = drifts(600);
	check(us < 200, "and in step: %.1f us", us);
	/* A TSC that begins anew. */
	tsc = 1e9;
	WRITE_ONCE(due, (u64)tsc);
	run(30);
	us = drifts(600);
	check(us < 200, "a TSC that was reset: %.1f us", us);
	/* Stopped for half an hour. */
	pass(1800e9);
	run(30);
	us = drifts(600);
	check(us < 200, "a guest that was stopped: %.1f us", us);
	check(!worst_step, "it never ran backwards");
	printf("1..%u\n", tests);
	return failed != 0;
}
