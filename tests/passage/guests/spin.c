// SPDX-License-Identifier: GPL-2.0
/* Runs for ever, with IF=1: somebody must end it from outside. */
#include "guest.h"

static void guest_main(void)
{
	check(true, "spinning");
	__asm__ volatile("sti");
	for (;;)
		;
}
