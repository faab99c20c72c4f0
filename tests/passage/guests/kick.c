// SPDX-License-Identifier: GPL-2.0
/*
 * Virtual interrupts from other threads: they wake HALT, they come during a
 * loop with IF=1, and they open the window of a guest with IF=0.
 */
#include "guest.h"

#define STORM 5000

static bool wait_pending(unsigned int virq, uint64_t ms)
{
	uint64_t start = rdtsc();

	while (!pending(virq))
		if (rdtsc() - start > BOOT->tsc_khz * ms)
			return false;
	return true;
}

static void guest_main(void)
{
	uint64_t before, seen = 0, start;
	int64_t bad = 0;

	runner(TEST_KICK, COLINUX_VIRQ_WAKE, 20000);
	hypercall(COLINUX_HC_HALT, 0, 0, 0);
	check(pending(COLINUX_VIRQ_WAKE), "a kick wakes HALT");
	hypercall(COLINUX_HC_HALT, 0, 0, 0);
	check(take() == 1 << COLINUX_VIRQ_WAKE,
	      "HALT does not sleep while something is pending");

	runner(TEST_KICK, COLINUX_VIRQ_CALL, 20000);
	__asm__ volatile("sti");
	check(wait_pending(COLINUX_VIRQ_CALL, 10000),
	      "a kick during a loop with IF=1");
	__asm__ volatile("cli");
	take();

	runner(TEST_KICK, 63, 1000);
	hypercall(COLINUX_HC_HALT, 0, 0, 0);
	check(take() == 1ull << 63, "VIRQ 63, the last");

	check(hypercall(COLINUX_HC_KICK, 0, COLINUX_VIRQ_STOP, 0) == 0 &&
		      take() == 1 << COLINUX_VIRQ_STOP,
	      "a vCPU kicks itself");
	check(hypercall(COLINUX_HC_KICK, 0, 64, 0) == -22, "VIRQ 64: EINVAL");

	/* All the time somebody sets bits: nothing is lost, nothing hangs. */
	runner(TEST_STORM, COLINUX_VIRQ_RESCHED, 0);
	for (int i = 0; i < STORM; i++) {
		bad |= hypercall(COLINUX_HC_NOP, 0, 0, 0);
		if (i % 64 == 0)
			hypercall(COLINUX_HC_HALT, 0, 0, 0);
		if (i % 16 == 0)
			seen += take() != 0;
	}
	check(!bad && seen > STORM / 64 / 2,
	      "a storm of hypercalls in a storm of kicks, IF=0");
	before = irqs;
	start = rdtsc();
	take();
	/* IF=1 only for moments: each time what is pending comes in there. */
	for (int i = 0; i < 200; i++) {
		hypercall(COLINUX_HC_NOP, 0, 0, 0);
		__asm__ volatile("sti; nop; nop; cli");
		take();
	}
	__asm__ volatile("sti");
	for (int i = 0; i < STORM; i++)
		bad |= hypercall(COLINUX_HC_NOP, 0, 0, 0);
	__asm__ volatile("cli");
	check(!bad && irqs > before, "and with IF=1, where they interrupt");
	note("interrupts:", irqs - before);
	note("ms:", (rdtsc() - start) / BOOT->tsc_khz);
	runner(TEST_STORM, (uint64_t)-1, 0);
	take();
	hypercall(COLINUX_HC_TIMER, rdtsc() + BOOT->tsc_khz * 10, 0, 0);
	hypercall(COLINUX_HC_HALT, 0, 0, 0);
	check(take() == 1 << COLINUX_VIRQ_TIMER, "silence after the storm");

	hypercall(COLINUX_HC_TIMER, rdtsc() + BOOT->tsc_khz * 50, 0, 0);
	hypercall(COLINUX_HC_TIMER, 0, 0, 0);
	hypercall(COLINUX_HC_TIMER, rdtsc() + BOOT->tsc_khz * 100, 0, 0);
	start = rdtsc();
	hypercall(COLINUX_HC_HALT, 0, 0, 0);
	check(rdtsc() - start > BOOT->tsc_khz * 80,
	      "a timer that was disarmed and set again");
	for (int i = 0; i < 1000; i++)
		bad |= hypercall(COLINUX_HC_YIELD, 0, 0, 0);
	check(!bad, "many yields");
}
