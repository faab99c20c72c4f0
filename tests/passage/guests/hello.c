// SPDX-License-Identifier: GPL-2.0
/* Hypercalls: results, a storm of them, an unknown one. */
#include "guest.h"

#define STORM 20000

static void guest_main(void)
{
	uint64_t start, ticks;
	int64_t bad = 0;

	check(BOOT->magic == COLINUX_BOOT_MAGIC, "boot information is there");
	check(hypercall(COLINUX_HC_NOP, 0, 0, 0) == 0, "NOP returns 0");
	check(hypercall(12345, 0, 0, 0) == -38, "an unknown hypercall: ENOSYS");
	start = rdtsc();
	for (int i = 0; i < STORM; i++)
		bad |= hypercall(COLINUX_HC_NOP, 0, 0, 0);
	ticks = rdtsc() - start;
	check(!bad, "a storm of NOPs");
	note("TSC ticks per NOP:", ticks / STORM);
	check(hypercall(COLINUX_HC_WALLCLOCK, 0, 0, 0) > 1700000000000000000,
	      "wall clock");
	check(hypercall(COLINUX_HC_KICK, 99, 0, 0) == -22,
	      "a kick of a vCPU that is not there: EINVAL");
	check(hypercall(COLINUX_HC_DOORBELL, 1, 1, 0) == -19,
	      "a doorbell that nobody listens to: ENODEV");
}
