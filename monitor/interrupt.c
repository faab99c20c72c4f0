// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts that arrived while the guest had the CPU: they are the host's,
 * and its own handlers run now, as if they had just been accepted.  The local
 * APIC has the vector in service; the handler's EOI ends it.
 */
#include "vm.h"
#include "x86/cpu.h"

/* A gate of the IDT (SDM vol. 3, 6.14.1), as two words. */
#define GATE_PRESENT	(1ull << 47)
#define GATE_IST	(7ull << 32)

void host_reraise_irq(const struct colinux_side *host, u32 vector)
{
	const u64 *gate = ptr_at(host->idtr.base + vector * 16);
	u64 low = gate[0];

	if (__builtin_expect((low & (GATE_PRESENT | GATE_IST)) == GATE_PRESENT,
			     1))
		colinux_reraise_irq((low & 0xffff) |
				    (low >> 32 & 0xffff0000) | gate[1] << 32);
	else
		host_reraise(vector);
}

void host_reraise(u32 vector)
{
	u64 handler, stack;

	if (idt_gate(vector, &handler, &stack))
		colinux_reraise(handler,
				vector < 32 ? host_event_stack(stack) : stack);
	else
		host_log(0, "no host handler for vector %u", vector);
}

u32 host_in_service(void)
{
	/* The first 32 vectors are exceptions. */
	for (u32 index = 7; index; index--) {
		u32 bits = host_apic_isr(index);

		if (bits)
			return index * 32 + 31 - (u32)__builtin_clz(bits);
	}
	return 0;
}
