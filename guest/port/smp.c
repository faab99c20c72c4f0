// SPDX-License-Identifier: GPL-2.0
/* Secondary vCPUs and interrupts between vCPUs. */
#include "port.h"

void port_smp_init(void)
{
}

void port_smp_interrupt(u64 pending)
{
	(void)pending;
}
