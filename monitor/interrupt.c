// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts that arrived while the guest had the CPU: they are the host's,
 * and its own handlers run now, as if they had just been accepted.  The local
 * APIC has the vector in service; the handler's EOI ends it.
 */
#include "vm.h"
#include "x86/cpu.h"

void host_reraise(u32 vector)
{
	u64 handler, stack;

	if (idt_gate(vector, &handler, &stack))
		colinux_reraise(handler,
				vector < 32 ? host_event_stack(stack) : stack);
	else
		host_log(0, "no host handler for vector %u", vector);
}
