// SPDX-License-Identifier: GPL-2.0
/*
 * The guest's clocks follow the host's.  Both kernels count the TSC, but the
 * host corrects its clock (NTP), or counts something else altogether, so that
 * the TSC alone would drift from it.  Every few seconds the rate at which the
 * guest's clock counts is set to what the host's did, and to what brings it
 * back in step.
 *
 * The rate is the kernel's ntp_tick_adj, a correction below whatever adjtimex()
 * does: a guest that runs NTP itself goes on with that.  The clock is only ever
 * made faster or slower (but the wall clock, which steps when the host's does).
 * A kernel without it keeps the TSC's rate.
 */
#include "port.h"

#define NS		1000000000ll
#define SOON_MS		250	/* between looks: the first SOON, then others */
#define LATER_MS	8000
#define SOON		20
#define TRIES		8
/* The TSC is compared with the host's clock over once or twice as long. */
#define BASE		(32 * NS)
#define BASE_WRONG	(NS / 5000)
/* Nanoseconds per second (1e-9): no TSC is as wrong as the first. */
#define RATE_MAX	10000000
#define SLEW_MAX	1000000
#define STEP		(NS / 2)	/* that is no drift */
/* Between two looks: longer ones (the guest was stopped) say nothing. */
#define WINDOW_MAX	(600 * NS)
#define WINDOW_MIN	(NS / 20)
#define ADJ_TICK	0x4000		/* linux/timex.h */
#define STA_UNSYNC	0x40
#define SCALE_SHIFT	32		/* NTP_SCALE_SHIFT */

struct timex;

extern weak s64 ntp_tick_adj KERNEL("ntp_tick_adj");
weak int do_adjtimex(struct timex *txc) KERNEL("do_adjtimex");
weak s64 ktime_get(void) KERNEL("ktime_get");

EXPECT_FUNC_IF("do_adjtimex int(struct __kernel_timex *)");
EXPECT_FUNC_IF("ktime_get ktime_t(void)");

struct sample {
	u64 tsc;
	s64 mono, wall;		/* the host's */
	s64 ahead;		/* the host's monotonic less the guest's ... */
	s64 error;		/* ... within this, either way */
};

static struct port_work work;
static u64 due;			/* TSC of the next look; 0 = it is on */
static struct sample last;
static struct sample base, next_base;	/* for `drift` */
static s64 in_step;		/* what `ahead` should be */
static s64 drift;		/* of the host's clock against the TSC, 1e-9 */
static unsigned int looks;

static s64 limit(s64 value, s64 most)
{
	return value > most ? most : value < -most ? -most : value;
}

/* By the frequency that the kernel was told; up to half an hour. */
static s64 ticks_to_ns(s64 ticks)
{
	return ticks * 1000000 / (s64)boot_info->tsc_khz;
}

/* Process context. */
static void take(struct sample *out)
{
	u64 best = ~0ull;

	for (unsigned int i = 0; i < TRIES; i++) {
		unsigned long flags = irq_save();
		u64 before = rdtsc();
		s64 guest = ktime_get();
		u64 after = rdtsc();
		u64 answer[PORT_ANSWER];
		struct sample now;

		port_hypercall_answer(COLINUX_HC_CLOCK, answer);
		now.tsc = answer[0];
		now.mono = (s64)answer[1];
		now.wall = (s64)answer[2];
		now.error = ticks_to_ns((s64)(answer[3] + after - before)) / 2;
		irq_restore(flags);
		guest += ticks_to_ns((s64)(now.tsc - before -
					   (after - before) / 2));
		now.ahead = now.mono - guest;
		if ((u64)now.error < best) {
			best = (u64)now.error;
			*out = now;
		}
	}
}

/* True if somebody in the guest keeps its clock (NTP). */
static bool is_kept(void)
{
	u64 txc[32] = { 0 };

	do_adjtimex((struct timex *)txc);
	return !(MEMBER(int, txc, "__kernel_timex.status") & STA_UNSYNC);
}

/* From now on so many ns more in each second, by the TSC. */
static void set_rate(s64 rate)
{
	u64 txc[32] = { 0 };
	s64 scaled = rate * (1ll << SCALE_SHIFT);

	if (READ_ONCE(ntp_tick_adj) == scaled)
		return;
	do_adjtimex((struct timex *)txc);
	WRITE_ONCE(ntp_tick_adj, scaled);
	/* To what it is already: this takes the new rate into account. */
	MEMBER(u32, txc, "__kernel_timex.modes") = ADJ_TICK;
	do_adjtimex((struct timex *)txc);
}

/* How much faster the host's clock runs than the TSC does. */
static s64 measure(const struct sample *from, const struct sample *to)
{
	s64 real = ticks_to_ns((s64)(to->tsc - from->tsc));

	return limit((to->mono - from->mono - real) * 1000 / (real / 1000000),
		     RATE_MAX);
}

/* False when the two have nothing to do with each other. */
static bool is_next(const struct sample *from, const struct sample *to)
{
	s64 window = to->mono - from->mono;

	return to->tsc > from->tsc && window >= WINDOW_MIN &&
	       window <= WINDOW_MAX &&
	       ticks_to_ns((s64)(to->tsc - from->tsc)) >= WINDOW_MIN &&
	       limit(to->ahead - in_step, STEP) == to->ahead - in_step;
}

static void begin(const struct sample *now)
{
	base = next_base = *now;
	in_step = now->ahead;
}

/*
 * What the clock is off by goes in twice the time of a look; looks may be late,
 * so the last one counts as well.
 */
static void follow(const struct sample *now, s64 period)
{
	s64 off = now->ahead - in_step, window = now->mono - last.mono;

	off -= limit(off, now->error);
	if (window > period)
		period = window;
	/* The host's clock runs at another rate than before. */
	if (limit(off, BASE_WRONG) != off)
		base = next_base = last;
	drift = measure(&base, now);
	set_rate(drift + limit(off * 500 / (period / 1000000), SLEW_MAX));
	if (now->mono - next_base.mono >= BASE) {
		base = next_base;
		next_base = *now;
	}
}

static void look(void *item)
{
	unsigned int period = looks < SOON ? SOON_MS : LATER_MS;
	bool kept = is_kept(), known;
	struct sample now;
	s64 moved;

	(void)item;
	take(&now);
	known = looks && is_next(&last, &now);
	if (!known)
		begin(&now);
	else if (kept)
		in_step = now.ahead;
	if (known)
		follow(&now, period * 1000000ll);
	/* The host's wall clock was set, or this guest's whole time is new. */
	moved = now.wall - now.mono - (last.wall - last.mono);
	if (looks && !kept && (!known || limit(moved, STEP) != moved))
		port_time_late();
	last = now;
	looks += looks < SOON;
	WRITE_ONCE(due, rdtsc() + boot_info->tsc_khz * period);
}

void port_clock_init(void)
{
	if (!&ntp_tick_adj || !do_adjtimex || !ktime_get ||
	    SIZEOF_IF("__kernel_timex") > 32 * sizeof(u64) ||
	    !port_work_init(&work, look))
		return;
	port_work_queue(&work);
}

void port_clock_tick(void)
{
	u64 when = READ_ONCE(due);

	if (when && rdtsc() >= when &&
	    __sync_bool_compare_and_swap(&due, when, 0))
		port_work_queue(&work);
}
