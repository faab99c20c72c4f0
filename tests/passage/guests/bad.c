// SPDX-License-Identifier: GPL-2.0
/* A guest that leaves with a reason that does not exist: the host ends it. */
#include "guest.h"

static void guest_main(void)
{
	check(true, "before the bad exit");
	AREA->vector = 7;
	*(volatile uint32_t *)&AREA->reason = 77;
	passage();
	check(false, "ended by the monitor");
}
