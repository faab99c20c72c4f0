// SPDX-License-Identifier: GPL-2.0
/*
 * No watchdog on NT: what would send the NMI (HalSendNMI) is exported from NT
 * 6.2 on only and documented nowhere, and an NMI that no registered callback of
 * NT claims stops the machine.  CREATE says so: its `watchdog` comes back 0.
 */
#include "driver.h"

struct host_watch *host_watch_start(struct vm *vm, u64 ns)
{
	(void)vm, (void)ns;
	return NULL;
}

void host_watch_stop(struct host_watch *w)
{
	(void)w;	/* there is none */
}

bool host_in_guest(struct host_vcpu *h)
{
	(void)h;
	return false;	/* asked by vm_watch() only, which nobody calls */
}

void host_vcpu_nmi(struct host_vcpu *h)
{
	(void)h;
}
