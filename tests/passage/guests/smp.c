// SPDX-License-Identifier: GPL-2.0
/*
 * Four vCPUs: brought up one by one, kicks between them as IPIs, each asleep
 * until its turn.
 */
#include "guest.h"

#define VCPUS	4
#define ROUNDS	200

static volatile uint64_t turns[VCPUS], online;
static volatile uint32_t baton;

static void kick(uint64_t vcpu)
{
	hypercall(COLINUX_HC_KICK, vcpu, COLINUX_VIRQ_RESCHED, 0);
}

/* Sleep until the baton is ours, `n` times, and pass it on. */
static void pass_around(uint64_t id, int n)
{
	while (n--) {
		while (__atomic_load_n(&baton, __ATOMIC_SEQ_CST) != id) {
			hypercall(COLINUX_HC_HALT, 0, 0, 0);
			take();
		}
		turns[id]++;
		__atomic_store_n(&baton, (uint32_t)((id + 1) % VCPUS),
				 __ATOMIC_SEQ_CST);
		kick((id + 1) % VCPUS);
	}
}

static void __attribute__((noreturn, used)) second(uint64_t unused,
						   uint64_t id)
{
	(void)unused;
	__asm__ volatile("lidt %0" ::"m"(idtr.limit));
	__atomic_fetch_add(&online, 1 + (vcpu_id() != id) * 100,
			   __ATOMIC_SEQ_CST);
	kick(0);
	pass_around(id, ROUNDS);
	for (;;)
		hypercall(COLINUX_HC_VCPU_DOWN, 0, 0, 0);
}

static int64_t up(uint64_t id)
{
	uint64_t cr3, flags = flags_off();
	int64_t ret;

	__asm__("mov %%cr3, %0" : "=r"(cr3));
	AREA->args[3] = id;
	AREA->args[4] = STACK_TOP(id) - 64;
	ret = hypercall(COLINUX_HC_VCPU_UP, id, (uint64_t)second, cr3);
	__asm__ volatile("push %0; popfq" ::"r"(flags) : "memory", "cc");
	return ret;
}

static void guest_main(void)
{
	bool ok = true;

	for (uint64_t i = 1; i < VCPUS; i++) {
		ok &= up(i) == 0;
		while (__atomic_load_n(&online, __ATOMIC_SEQ_CST) < i) {
			hypercall(COLINUX_HC_HALT, 0, 0, 0);
			take();
		}
	}
	check(ok && online == VCPUS - 1, "all vCPUs are there");
	check(up(VCPUS) == -22, "one that there is not: EINVAL");
	check(up(1) == -16, "one that runs already: EBUSY");
	pass_around(0, ROUNDS);
	while (__atomic_load_n(&baton, __ATOMIC_SEQ_CST) != 0) {
		hypercall(COLINUX_HC_HALT, 0, 0, 0);
		take();
	}
	for (int i = 0; i < VCPUS; i++)
		ok &= turns[i] == ROUNDS;
	check(ok, "every vCPU had each of its turns");
}
