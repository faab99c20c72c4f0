// SPDX-License-Identifier: GPL-2.0
/*
 * Time: the clock source is the kernel's own TSC driver, told the host's
 * frequency; one clock event device per vCPU asks the host for an interrupt at
 * a TSC value; the wall clock is the host's.
 */
#include "port.h"

/*
 * The event device counts in units of 8 TSC ticks, as the LAPIC's deadline
 * mode does: the kernel takes frequencies as 32-bit Hz.
 */
#define TICKS_PER_UNIT	8
#define CLOCK_EVT_FEAT_ONESHOT 2	/* linux/clockchips.h */
#define RATING		500	/* above every real device */
#define MAX_UNITS	0x7fffffff
#define MIN_UNITS	0xf
#define NSEC_PER_SEC	1000000000ull

/* Kernel ABI (uapi), the same in all versions. */
struct timespec64 {
	s64 seconds;
	long nanoseconds;
};

extern char x86_platform[] KERNEL("x86_platform");
extern char x86_init[] KERNEL("x86_init");
extern char x86_cpuinit[] KERNEL("x86_cpuinit");
extern char cpu_bit_bitmap[] KERNEL("cpu_bit_bitmap");
void clockevents_config_and_register(void *dev, u32 freq,
				     unsigned long min, unsigned long max)
	KERNEL("clockevents_config_and_register");

int do_settimeofday64(const struct timespec64 *now)
	KERNEL("do_settimeofday64");

EXPECT_FUNC("do_settimeofday64 int(const struct timespec64 *)");
EXPECT_FUNC("clockevents_config_and_register "
	    "void(struct clock_event_device *,u32,unsigned long,unsigned long)");
EXPECT_MEMBER("x86_platform_ops.calibrate_tsc unsigned long(void)");
EXPECT_MEMBER("x86_platform_ops.calibrate_cpu unsigned long(void)");
EXPECT_MEMBER("x86_platform_ops.get_wallclock void(struct timespec64 *)");
EXPECT_MEMBER("x86_platform_ops.set_wallclock int(const struct timespec64 *)");
EXPECT_MEMBER("x86_init_timers.timer_init void(void)");
EXPECT_MEMBER("clock_event_device.event_handler "
	      "void(struct clock_event_device *)");
EXPECT_MEMBER("clock_event_device.set_next_event "
	      "int(unsigned long,struct clock_event_device *)");
EXPECT_MEMBER("clock_event_device.set_state_shutdown "
	      "int(struct clock_event_device *)");

/* struct clock_event_device of each CPU, kept while it is off-line. */
static char *clockevents[COLINUX_MAX_VCPUS];

static unsigned long tsc_khz(void)
{
	return boot_info->tsc_khz;
}

static void get_wallclock(struct timespec64 *now)
{
	u64 ns = (u64)port_hypercall(COLINUX_HC_WALLCLOCK, 0, 0, 0, 0, 0);

	now->seconds = (s64)(ns / NSEC_PER_SEC);
	now->nanoseconds = (long)(ns % NSEC_PER_SEC);
}

/*
 * Until the TSC is the clock source (a device_initcall) the kernel counts ticks,
 * of which it misses some when it starts on a busy host.
 */
void port_time_late(void)
{
	struct timespec64 now;

	get_wallclock(&now);
	do_settimeofday64(&now);
}

/* The host's clock is not the guest's to set. */
static int set_wallclock(const struct timespec64 *now)
{
	(void)now;
	return -ENODEV;
}

static int set_next_event(unsigned long units, void *dev)
{
	(void)dev;
	port_hypercall(COLINUX_HC_TIMER, rdtsc() + units * TICKS_PER_UNIT,
		       0, 0, 0, 0);
	return 0;
}

static int shutdown(void *dev)
{
	(void)dev;
	port_hypercall(COLINUX_HC_TIMER, 0, 0, 0, 0, 0);
	return 0;
}

static int oneshot(void *dev)
{
	(void)dev;
	return 0;
}

/* cpumask_of(cpu) for cpu < 64, as include/linux/cpumask.h lays it out. */
static const void *cpumask_of(unsigned int cpu)
{
	return cpu_bit_bitmap + (1 + cpu) * SIZEOF("cpumask");
}

void port_time_cpu(void)
{
	unsigned int cpu = port_cpu();
	char *dev = clockevents[cpu];

	if (!dev) {
		/* Linux aligns it to a cache line. */
		dev = port_alloc(SIZEOF("clock_event_device"), 64);
		MEMBER(const char *, dev, "clock_event_device.name") =
			"colinux";
		MEMBER(u32, dev, "clock_event_device.features") =
			CLOCK_EVT_FEAT_ONESHOT;
		MEMBER(int, dev, "clock_event_device.rating") = RATING;
		MEMBER(void *, dev, "clock_event_device.set_next_event") =
			set_next_event;
		MEMBER(void *, dev, "clock_event_device.set_state_shutdown") =
			shutdown;
		MEMBER(void *, dev,
		       "clock_event_device.set_state_oneshot_stopped") =
			shutdown;
		MEMBER(void *, dev, "clock_event_device.set_state_oneshot") =
			oneshot;
		MEMBER(const void *, dev, "clock_event_device.cpumask") =
			cpumask_of(cpu);
		clockevents[cpu] = dev;
	}
	clockevents_config_and_register(dev,
					(u32)(boot_info->tsc_khz *
					      (1000 / TICKS_PER_UNIT)),
					MIN_UNITS, MAX_UNITS);
}

/* Process context of the boot CPU. */
static void timer_init(void)
{
	port_steal_init();
	port_time_cpu();
}

void port_time_interrupt(unsigned int cpu)
{
	char *dev = clockevents[cpu];
	void (*handler)(void *);

	if (!dev)
		return;
	port_steal_tick(cpu);
	port_clock_tick();
	handler = MEMBER(void *, dev, "clock_event_device.event_handler");
	if (handler)
		handler(dev);
}

void port_time_init(void)
{
	if (!boot_info->tsc_khz)
		port_die("port: the host did not tell its TSC frequency\n");
	MEMBER(void *, x86_platform, "x86_platform_ops.calibrate_tsc") =
		tsc_khz;
	MEMBER(void *, x86_platform, "x86_platform_ops.calibrate_cpu") =
		tsc_khz;
	MEMBER(void *, x86_platform, "x86_platform_ops.get_wallclock") =
		get_wallclock;
	MEMBER(void *, x86_platform, "x86_platform_ops.set_wallclock") =
		set_wallclock;
	MEMBER(void *, x86_init, "x86_init_ops.timers.timer_init") =
		timer_init;
	MEMBER(void *, x86_init, "x86_init_ops.timers.setup_percpu_clockev") =
		port_nothing;
	MEMBER(void *, x86_init, "x86_init_ops.timers.wallclock_init") =
		port_nothing;
	MEMBER(void *, x86_cpuinit, "x86_cpuinit_ops.setup_percpu_clockev") =
		port_time_cpu;
}
