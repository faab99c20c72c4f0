// SPDX-License-Identifier: GPL-2.0
/*
 * Two vCPUs: the first works as guests do that must not be ended, then keeps
 * interrupts off for ever; the second spins with interrupts on.
 */
#include "guest.h"

#define SECONDS 4	/* twice what the runner's watchdog allows */

static volatile uint64_t online;

static uint64_t seconds_later(void)
{
	return rdtsc() + SECONDS * BOOT->tsc_khz * 1000;
}

static void __attribute__((noreturn, used)) second(void)
{
	__asm__ volatile("lidt %0" ::"m"(idtr.limit));
	online = 1;
	__asm__ volatile("sti");
	for (;;)
		;
}

static int64_t up(void)
{
	uint64_t cr3, flags = flags_off();
	int64_t ret;

	__asm__("mov %%cr3, %0" : "=r"(cr3));
	AREA->args[4] = STACK_TOP(1) - 64;
	ret = hypercall(COLINUX_HC_VCPU_UP, 1, (uint64_t)second, cr3);
	__asm__ volatile("push %0; popfq" ::"r"(flags) : "memory", "cc");
	return ret;
}

static void guest_main(void)
{
	uint64_t end;

	for (end = seconds_later(); rdtsc() < end;)
		hypercall(COLINUX_HC_YIELD, 0, 0, 0);
	check(true, "spinning with IF=0 is fine if it yields");
	runner(TEST_KICK, COLINUX_VIRQ_DEVICE, SECONDS * 1000000);
	hypercall(COLINUX_HC_HALT, 0, 0, 0);
	take();
	check(true, "and so is sleeping");
	__asm__ volatile("sti");
	for (end = seconds_later(); rdtsc() < end;)
		;
	check(irqs, "and work with interrupts on");
	check(!up(), "a second vCPU");
	while (!online)
		hypercall(COLINUX_HC_YIELD, 0, 0, 0);
	check(true, "but this is not");
	__asm__ volatile("cli\n"
			 "1: jmp 1b");
}
