// SPDX-License-Identifier: GPL-2.0
/* Host interrupts during a guest loop; the timer; the interrupt window. */
#include "guest.h"

static void guest_main(void)
{
	uint64_t khz = BOOT->tsc_khz, start = rdtsc(), before, deadline;

	__asm__ volatile("sti");
	while (irqs < 50 && rdtsc() - start < khz * 20000)
		;
	check(irqs >= 50, "host interrupts arrive during a loop");
	note("interrupts in ms:", (rdtsc() - start) / khz);

	take();
	deadline = rdtsc() + khz * 20;
	check(hypercall(COLINUX_HC_TIMER, deadline, 0, 0) == 0, "timer set");
	while (!pending(COLINUX_VIRQ_TIMER) &&
	       (int64_t)(rdtsc() - deadline) < (int64_t)khz * 5000)
		;
	check(pending(COLINUX_VIRQ_TIMER), "timer pending while we run");
	check(rdtsc() >= deadline, "not before its time");

	take();
	deadline = rdtsc() + khz * 30;
	hypercall(COLINUX_HC_TIMER, deadline, 0, 0);
	hypercall(COLINUX_HC_HALT, 0, 0, 0);
	check(pending(COLINUX_VIRQ_TIMER) && rdtsc() >= deadline,
	      "HALT sleeps until the timer");

	/* With IF=0 and something pending, STI must bring an interrupt. */
	take();
	__asm__ volatile("cli");
	hypercall(COLINUX_HC_TIMER, 1, 0, 0);
	check(pending(COLINUX_VIRQ_TIMER), "a deadline in the past is due");
	before = irqs;
	__asm__ volatile("sti; nop; nop; cli");
	check(irqs > before, "the interrupt window opens at STI");
}
