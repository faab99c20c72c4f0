// SPDX-License-Identifier: GPL-2.0
/*
 * Time that the host gave to others: "st" in the guest's /proc/stat, and no
 * alarm of the guest's watchdogs when it was long (the VM's process was
 * stopped, the host suspended or overloaded).
 */
#include "port.h"

/* More than this between two ticks is no guest's fault; the alarms are > 10 s. */
#define LONG_NS		1000000000ull

extern char steal_key[] KERNEL("__SCK__pv_steal_clock") weak;
extern char steal_trampoline[] KERNEL("__SCT__pv_steal_clock") weak;
extern char steal_enabled[] KERNEL("paravirt_steal_enabled") weak;
extern char steal_rq_enabled[] KERNEL("paravirt_steal_rq_enabled") weak;
void static_call_update(void *key, void *trampoline, void *function)
	KERNEL("__static_call_update") weak;
void static_key_slow_inc(void *key) KERNEL("static_key_slow_inc") weak;
void touch_watchdogs(void) KERNEL("pvclock_touch_watchdogs") weak;
void touch_softlockup_watchdog(void) KERNEL("touch_softlockup_watchdog")
	weak;

EXPECT_FUNC_IF("__static_call_update void(struct static_call_key *,void *,"
	       "void *)");
/* Its result came with 6.2; it is about overflows. */
EXPECT_FUNC_IF("static_key_slow_inc bool(struct static_key *) | "
	       "void(struct static_key *)");
EXPECT_FUNC_IF("pvclock_touch_watchdogs void(void)");
EXPECT_FUNC_IF("touch_softlockup_watchdog void(void)");

/* Stolen before this kernel's start; stolen and away at the last tick. */
static u64 before[COLINUX_MAX_VCPUS], seen[COLINUX_MAX_VCPUS];

static u64 steal_clock(int cpu)
{
	return READ_ONCE(port_area((unsigned int)cpu)->steal_ns) -
	       before[cpu];
}

void port_steal_init(void)
{
	if (!steal_key || !steal_trampoline || !steal_enabled ||
	    !static_call_update || !static_key_slow_inc)
		return;
	for (unsigned int cpu = 0; cpu < boot_info->nr_vcpus; cpu++)
		before[cpu] = port_area(cpu)->steal_ns;
	static_call_update(steal_key, steal_trampoline, steal_clock);
	static_key_slow_inc(steal_enabled);
	if (steal_rq_enabled)
		static_key_slow_inc(steal_rq_enabled);
}

void port_steal_tick(unsigned int cpu)
{
	struct colinux_vcpu_area *area = port_area(cpu);
	/* A vCPU that was idle was not robbed, but its clock runs on as well. */
	u64 gone = READ_ONCE(area->steal_ns) + READ_ONCE(area->away_ns);

	if (gone - seen[cpu] > LONG_NS) {
		if (touch_watchdogs)
			touch_watchdogs();
		/* The work queues' one too. */
		if (touch_softlockup_watchdog)
			touch_softlockup_watchdog();
	}
	seen[cpu] = gone;
}
