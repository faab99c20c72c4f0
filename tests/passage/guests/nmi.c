// SPDX-License-Identifier: GPL-2.0
/*
 * A target for an NMI storm: the runner's caller injects NMIs while this
 * guest switches as fast as it can; then it says how many it saw itself.
 */
#include "guest.h"

static void guest_main(void)
{
	uint64_t start = rdtsc(), khz = BOOT->tsc_khz, switches = 0;

	put("# ready for NMIs\n");
	__asm__ volatile("sti");
	while (rdtsc() - start < khz * 6000) {
		hypercall(COLINUX_HC_NOP, 0, 0, 0);
		switches++;
	}
	__asm__ volatile("cli");
	check(switches > 100, "switched through an NMI storm");
	note("switches:", switches);
	note("NMIs that arrived in the guest:", nmis);
}
