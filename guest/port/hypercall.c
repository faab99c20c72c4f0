// SPDX-License-Identifier: GPL-2.0
/*
 * The port's side of the passage: filling the vCPU area, leaving, and what to
 * do with virtual interrupts on return.  Must not know what they mean.
 *
 * An area is used by one context at a time: IF=0 keeps interrupts out, and
 * port_vcpu.busy tells the contexts that IF does not stop (NMI, machine check,
 * a pause inside them) that they must not touch it.
 */
#include "port.h"

#define SPINS_UNTIL_YIELD 16	/* of 64 or 512 pauses each, see entry.S */

/* Per-CPU offset of the CPU number: named differently by kernel version. */
extern char cpu_number[] KERNEL("cpu_number") weak;
extern char pcpu_hot[] KERNEL("pcpu_hot") weak;

static unsigned long cpu_number_offset(void)
{
	if (cpu_number)
		return (unsigned long)cpu_number;
	return (unsigned long)pcpu_hot + OFFSET_IF("pcpu_hot.cpu_number");
}

unsigned long port_cpu_number;

void port_hypercall_init(void)
{
	port_cpu_number = cpu_number_offset();
}

unsigned int port_cpu(void)
{
	unsigned int cpu = percpu_read32(cpu_number_offset());

	return cpu < COLINUX_MAX_VCPUS ? cpu : 0;
}

struct colinux_vcpu_area *port_area(unsigned int cpu)
{
	return (void *)COLINUX_VCPU_AREA_VA((unsigned long)cpu);
}

struct port_vcpu *port_vcpu(unsigned int cpu)
{
	return (void *)port_area(cpu)->port_private;
}

u64 port_machine(const void *data)
{
	return boot_info->data_machine +
	       ((u64)data - COLINUX_PORT_DATA_VA);
}

/* IF=0, busy set, everything filled but gs_base and reason. */
static void leave(struct colinux_vcpu_area *area, u32 reason)
{
	area->side.gs_base = this_cpu_offset();
	barrier();
	WRITE_ONCE(area->reason, reason);
	port_passage(area->side.self, area->side.peer);
	barrier();
}

/*
 * The area is free again.  What was noted since the passage's last look is
 * carried to the host now, by a passage without a reason; NMIs that come later
 * forward themselves.
 */
static inline void finish(struct colinux_vcpu_area *area,
			  struct port_vcpu *vcpu)
{
	WRITE_ONCE(vcpu->busy, 0);
	barrier();
	while (__builtin_expect(READ_ONCE(area->side.noted) != 0, 0)) {
		WRITE_ONCE(vcpu->busy, 1);
		barrier();
		leave(area, 0);
		WRITE_ONCE(vcpu->busy, 0);
		barrier();
	}
}

/*
 * Take pending interrupts by an interrupt of our own.  The shadow of STI keeps
 * everything else out until the gate has cleared IF, so `self` is still true
 * when the handler looks; the frame must have IF=1 (see irq.c).
 */
static void deliver(struct port_vcpu *vcpu)
{
	WRITE_ONCE(vcpu->self, 1);
	__asm__ volatile("sti\n\tint %0" : : "i" (VECTOR_SELF) : "memory");
}

/*
 * IF=0; the result.  `answer`, if any, gets what is in args then: when the area is
 * free it is the next NMI's, or that of a pause inside it.
 */
static s64 call(struct colinux_vcpu_area *area, struct port_vcpu *vcpu,
		u64 nr, const u64 *args, bool takes_pending, u64 *answer)
{
	s64 ret;

	WRITE_ONCE(vcpu->busy, 1);
	barrier();
	area->nr = nr;
	for (unsigned int i = 0; i < 5; i++)
		area->args[i] = args[i];
	area->args[5] = 0;
	area->if_enabled = takes_pending;
	leave(area, COLINUX_EXIT_HYPERCALL);
	ret = READ_ONCE(area->ret);
	for (unsigned int i = 0; answer && i < PORT_ANSWER; i++)
		answer[i] = READ_ONCE(area->args[i]);
	finish(area, vcpu);
	return ret;
}

s64 port_hypercall(u64 nr, u64 arg0, u64 arg1, u64 arg2, u64 arg3, u64 arg4)
{
	const u64 args[5] = { arg0, arg1, arg2, arg3, arg4 };
	unsigned long flags = irq_save();
	unsigned int cpu = port_cpu();
	struct colinux_vcpu_area *area = port_area(cpu);
	struct port_vcpu *vcpu = port_vcpu(cpu);
	s64 ret = call(area, vcpu, nr, args, flags & RFLAGS_IF, NULL);

	if ((flags & RFLAGS_IF) && READ_ONCE(area->pending))
		deliver(vcpu);
	irq_restore(flags);
	return ret;
}

s64 port_hypercall_answer(u64 nr, u64 *answer)
{
	static const u64 none[5];
	unsigned int cpu = port_cpu();

	return call(port_area(cpu), port_vcpu(cpu), nr, none, 0, answer);
}

/* The caller looks at pending afterwards. */
void port_forward_interrupt(struct colinux_vcpu_area *area, unsigned int vector)
{
	struct port_vcpu *vcpu = (void *)area->port_private;

	WRITE_ONCE(vcpu->busy, 1);
	barrier();
	area->vector = vector;
	leave(area, COLINUX_EXIT_IRQ);
	finish(area, vcpu);
}

void port_forward_event(u32 reason, unsigned long rip, unsigned long rflags)
{
	unsigned int cpu = port_cpu();
	struct colinux_vcpu_area *area = port_area(cpu);
	struct port_vcpu *vcpu = port_vcpu(cpu);

	/*
	 * While the area is in use, the passage that is about to happen (or
	 * the next) carries the event to the host.
	 */
	if (READ_ONCE(vcpu->busy) ||
	    rip - COLINUX_PORT_TEXT_VA < COLINUX_PAGE_SIZE) {
		__sync_fetch_and_or(&area->side.noted,
				    reason == COLINUX_EXIT_MCE ?
				    COLINUX_NOTED_MCE : COLINUX_NOTED_NMI);
		return;
	}
	WRITE_ONCE(vcpu->busy, 1);
	barrier();
	area->if_enabled = 0;	/* IF may be 1, but pending waits for irq.c */
	area->args[0] = rip;
	area->args[1] = rflags;
	leave(area, reason);
	finish(area, vcpu);
}

bool port_any_preempted(void)
{
	for (unsigned int cpu = 0; cpu < boot_info->nr_vcpus; cpu++)
		if (port_is_preempted(cpu))
			return true;
	return false;
}

/*
 * Whether somebody needs the CPU that this vCPU spins on.  If all others run or
 * sleep, what it waits for is under way on another CPU, and to leave takes longer.
 * Now and then it does: a thread of a device is not seen from here.
 */
static bool worth_yielding(struct port_vcpu *vcpu)
{
	return boot_info->nr_vcpus == 1 ||
	       ++vcpu->spins % SPINS_UNTIL_YIELD == 0 || port_any_preempted();
}

void port_pause_yield(void)
{
	static const u64 none[5];
	unsigned int cpu;
	struct port_vcpu *vcpu;

	/* Entry code may still have the user's GS (lower half). */
	if (!(rdmsr(MSR_GS_BASE) >> 63))
		return;
	cpu = port_cpu();
	vcpu = port_vcpu(cpu);
	if (READ_ONCE(vcpu->busy) || !worth_yielding(vcpu))
		return;
	/* Pending interrupts wait for the spinning code's IF=1. */
	call(port_area(cpu), vcpu, COLINUX_HC_YIELD, none, 0, NULL);
}

void port_safe_halt(void)
{
	static const u64 none[5];
	unsigned int cpu = port_cpu();
	struct colinux_vcpu_area *area = port_area(cpu);
	struct port_vcpu *vcpu = port_vcpu(cpu);

	/* The host does not sleep if something is pending already. */
	call(area, vcpu, COLINUX_HC_HALT, none, 1, NULL);
	if (READ_ONCE(area->pending))
		deliver(vcpu);
	else
		irq_enable();
}

void port_wait_for_kick(void)
{
	static const u64 wake[5] = { 1ull << COLINUX_VIRQ_WAKE };
	unsigned int cpu = port_cpu();
	struct colinux_vcpu_area *area = port_area(cpu);
	struct port_vcpu *vcpu = port_vcpu(cpu);

	if (READ_ONCE(vcpu->busy))
		return;
	call(area, vcpu, COLINUX_HC_HALT, wake, 0, NULL);
	__sync_fetch_and_and(&area->pending, ~wake[0]);
}

void port_kick(unsigned int cpu, unsigned int virq)
{
	port_hypercall(COLINUX_HC_KICK, cpu, virq, 0, 0, 0);
}

void port_halt(void)
{
	port_hypercall(COLINUX_HC_HALT, 0, 0, 0, 0, 0);
	/* Something is pending that the caller will not take. */
	port_hypercall(COLINUX_HC_YIELD, 0, 0, 0, 0, 0);
}

void port_end(enum colinux_end how)
{
	for (;;)
		port_hypercall(COLINUX_HC_END, how, 0, 0, 0, 0);
}
