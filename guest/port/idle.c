// SPDX-License-Identifier: GPL-2.0
/*
 * Idle: before a vCPU gives its CPU to the host it may look for a while whether
 * work comes (haltpoll=).  Two full switches and the host's scheduler take longer
 * than an answer of a vCPU or a device that runs on another CPU.
 *
 * How long follows from how long it was idle lately, as in Linux's own governor
 * for guests (drivers/cpuidle/governors/haltpoll.c): longer when work came soon
 * after it had given up, shorter and then not at all when it did not.
 */
#include "port.h"

#define SHORTEST 8	/* the first and the shortest turn, a part of haltpoll= */

/*
 * Look until `until`, a TSC value. True: interrupts have come and were delivered;
 * IF=1.  False: nothing has, IF=0.  In between IF=1.
 */
static bool work_comes(unsigned int cpu, u64 until)
{
	struct port_vcpu *vcpu = port_vcpu(cpu);
	u32 before = vcpu->drained;

	/* What is there is for the hypercall to deliver. */
	if (READ_ONCE(port_area(cpu)->pending) || port_any_preempted())
		return false;
	irq_enable();
	while (READ_ONCE(vcpu->drained) == before && rdtsc() < until)
		__builtin_ia32_pause();
	(void)irq_save();
	if (READ_ONCE(vcpu->drained) == before)
		return false;
	irq_enable();
	return true;
}

/* From how long it was idle, `ticks`, to how long it looks next time. */
static u32 next_turn(u32 turn, u64 ticks, u32 longest)
{
	if (ticks > longest) {
		turn /= 2;
		return turn < longest / SHORTEST ? 0 : turn;
	}
	if (ticks > turn)
		turn = turn ? turn * 2 : longest / SHORTEST;
	return turn < longest ? turn : longest;
}

static void polling_halt(void)
{
	unsigned int cpu = port_cpu();
	struct port_vcpu *vcpu = port_vcpu(cpu);
	u32 longest = (u32)(boot_info->halt_poll_us * boot_info->tsc_khz / 1000);
	u64 start = rdtsc();

	if (!vcpu->turn || !work_comes(cpu, start + vcpu->turn))
		port_safe_halt();
	vcpu->turn = next_turn(vcpu->turn, rdtsc() - start, longest);
}

void (*port_idle(void))(void)
{
	return boot_info->halt_poll_us ? polling_halt : port_safe_halt;
}
