// SPDX-License-Identifier: GPL-2.0
/*
 * Sleeps and yields between accepting an interrupt of the host and forwarding it, as a
 * kernel may on the way to its handlers.  The CPU must go on taking interrupts, the one
 * that ends the sleep first of all.
 */
#define OWN_VECTORS
#include "guest.h"

#define WANTED	40

static bool own_vector(uint64_t vector, uint64_t *frame)
{
	(void)frame;
	if (vector < 32)
		return false;
	if (irqs % 2) {
		hypercall(COLINUX_HC_YIELD, 0, 0, 0);
	} else {
		hypercall(COLINUX_HC_TIMER, rdtsc() + BOOT->tsc_khz, 0, 0);
		hypercall(COLINUX_HC_HALT, 0, 0, 0);
		take();
	}
	return false;		/* forward it */
}

static void guest_main(void)
{
	uint64_t start = rdtsc();

	__asm__ volatile("sti");
	while (irqs < WANTED && rdtsc() - start < BOOT->tsc_khz * 20000)
		;
	__asm__ volatile("cli");
	check(irqs >= WANTED, "interrupts go on");
}
