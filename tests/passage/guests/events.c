// SPDX-License-Identifier: GPL-2.0
/* Doorbells that signal event objects, event objects that interrupt us. */
#include "guest.h"

#define ECHOES 300

/* Sleep until that interrupt of a device; false after some seconds. */
static bool device_interrupt(unsigned int device, unsigned int irq)
{
	uint64_t bit = 1ull << device;

	hypercall(COLINUX_HC_TIMER, rdtsc() + BOOT->tsc_khz * 10000, 0, 0);
	for (;;) {
		uint64_t virqs;

		hypercall(COLINUX_HC_HALT, 0, 0, 0);
		virqs = take();
		if (virqs >> COLINUX_VIRQ_DEVICE & 1 &&
		    __atomic_fetch_and(&AREA->device_pending, ~bit,
				       __ATOMIC_SEQ_CST) & bit)
			return __atomic_exchange_n(&BOOT->irq_pending[device],
						   0, __ATOMIC_SEQ_CST) ==
			       1u << irq;
		if (virqs >> COLINUX_VIRQ_TIMER & 1)
			return false;
	}
}

static void guest_main(void)
{
	unsigned int came = 0;

	check(hypercall(COLINUX_HC_DOORBELL, 5, 3, 0) == -19,
	      "a doorbell that nobody listens to: ENODEV");
	check(hypercall(COLINUX_HC_DOORBELL, 64, 0, 0) == -22 &&
		      hypercall(COLINUX_HC_DOORBELL, 0, 16, 0) == -22 &&
		      hypercall(COLINUX_HC_DOORBELL, ~0ull, ~0ull, 0) == -22,
	      "a doorbell that there is not: EINVAL");
	check(hypercall(COLINUX_HC_ROUTE, 64, 0, 0) == -22 &&
		      hypercall(COLINUX_HC_ROUTE, 0, 17, 0) == -22 &&
		      hypercall(COLINUX_HC_ROUTE, 0, 0, 64) == -22 &&
		      hypercall(COLINUX_HC_ROUTE, ~0ull, ~0ull, ~0ull) == -22,
	      "an interrupt or a vCPU that there is not: EINVAL");
	check(!hypercall(COLINUX_HC_ROUTE, 63, 16, 0), "one that there is");
	check(runner(TEST_SET_IRQ, 63, 1000) == 0 && device_interrupt(63, 0),
	      "SET_IRQ of the last device");

	check(runner(TEST_ECHO, 5, 3) == 0, "an echo is tied");
	for (int i = 0; i < ECHOES; i++) {
		if (hypercall(COLINUX_HC_DOORBELL, 5, 3, 0))
			break;
		came += device_interrupt(5, 3);
	}
	check(came == ECHOES, "each doorbell comes back as an interrupt");
	check(hypercall(COLINUX_HC_DOORBELL, 5, 2, 0) == -19,
	      "another queue of that device: ENODEV");
	check(runner(TEST_SILENCE, 5, 3) == 0, "the echo is untied");
	check(hypercall(COLINUX_HC_DOORBELL, 5, 3, 0) == -19,
	      "and nobody listens any more");
}
