// SPDX-License-Identifier: GPL-2.0
/*
 * Clocks: NT's performance counter as monotonic time, its system time as wall
 * clock, and the frequency of the TSC measured against the former.
 */
#include "driver.h"
#include "cpu.h"

#define NS_PER_SECOND	1000000000ull
#define MEASURE_MS	100
#define TRIES		8
/* 100 ns units from 1601 (NT's epoch) to 1970. */
#define EPOCH_1970	116444736000000000ull

static u64 counter_hz;
static u64 tsc_khz;

/* value * mul / div without losing the upper half of the product. */
static u64 scale(u64 value, u64 mul, u64 div)
{
	u64 whole = value / div, rest = value % div;

	return whole * mul + rest * mul / div;
}

/* Counter and TSC of the same moment: the closest of some tries. Any. */
static void sample(u64 *counter, u64 *tsc)
{
	u64 best = ~0ull;

	for (u32 i = 0; i < TRIES; i++) {
		u64 before = cpu_tsc();
		u64 now = (u64)KeQueryPerformanceCounter(NULL).QuadPart;
		u64 after = cpu_tsc();

		if (after - before < best) {
			best = after - before;
			*counter = now;
			*tsc = before + (after - before) / 2;
		}
	}
}

void clock_init(void)
{
	u64 counter0 = 0, counter1 = 0, tsc0 = 0, tsc1 = 0;
	LARGE_INTEGER hz, wait;

	KeQueryPerformanceCounter(&hz);
	counter_hz = (u64)hz.QuadPart;
	wait.QuadPart = -MEASURE_MS * 10000ll;
	sample(&counter0, &tsc0);
	KeDelayExecutionThread(KernelMode, FALSE, &wait);
	sample(&counter1, &tsc1);
	/* At most some seconds of 10 GHz: the product fits. */
	tsc_khz = scale(tsc1 - tsc0, counter_hz, counter1 - counter0) / 1000;
}

u64 host_tsc_khz(void)
{
	return tsc_khz;
}

/* Any IRQL. */
u64 host_now(void)
{
	return scale((u64)KeQueryPerformanceCounter(NULL).QuadPart,
		     NS_PER_SECOND, counter_hz);
}

/* Any IRQL. */
u64 host_wallclock(void)
{
	LARGE_INTEGER time;

	if (nt.precise_time)
		nt.precise_time(&time);
	else
		time.QuadPart = (LONGLONG)cpu_shared_time();
	return ((u64)time.QuadPart - EPOCH_1970) * 100;
}
