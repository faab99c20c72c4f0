// SPDX-License-Identifier: GPL-2.0
/*
 * How a guest ends: power-off, reboot, halt and crash are reports to the host.
 */
#include "port.h"

extern char machine_ops[] KERNEL("machine_ops");
extern void (*pm_power_off)(void) KERNEL("pm_power_off");
void orderly_poweroff(bool force) KERNEL("orderly_poweroff");

extern bool poweroff_force KERNEL("poweroff_force") weak;

EXPECT_FUNC("orderly_poweroff void(bool)");
EXPECT_MEMBER("machine_ops.restart void(char *)");
EXPECT_MEMBER("machine_ops.halt void(void)");
EXPECT_MEMBER("machine_ops.power_off void(void)");
EXPECT_MEMBER("machine_ops.shutdown void(void)");
EXPECT_MEMBER("machine_ops.crash_shutdown void(struct pt_regs *)");
EXPECT_MEMBER("machine_ops.emergency_restart void(void)");

static void power_off(void)
{
	port_end(COLINUX_END_POWEROFF);
}

static void reboot(void)
{
	port_end(COLINUX_END_REBOOT);
}

static void restart(char *command)
{
	(void)command;
	reboot();
}

static void halt(void)
{
	port_end(COLINUX_END_HALT);
}

/* A crash kernel would start without a port: end here. */
static void crash(struct pt_regs *regs)
{
	(void)regs;
	port_end(COLINUX_END_PANIC);
}

/*
 * Runs /sbin/poweroff from a work queue; powers off hard if there is none.  The
 * host asks again while nothing comes of it; then the guest may be on its way
 * down, its /sbin gone before its file systems are.
 */
void port_power_shutdown(void)
{
	static bool asked;

	if (&poweroff_force)
		poweroff_force = 0;
	orderly_poweroff(!asked);
	asked = 1;
}

void port_power_init(void)
{
	MEMBER(void *, machine_ops, "machine_ops.restart") = restart;
	MEMBER(void *, machine_ops, "machine_ops.halt") = halt;
	MEMBER(void *, machine_ops, "machine_ops.power_off") = power_off;
	/* Used by kexec only, whose kernel would have no port either. */
	MEMBER(void *, machine_ops, "machine_ops.shutdown") = reboot;
	MEMBER(void *, machine_ops, "machine_ops.crash_shutdown") = crash;
	MEMBER(void *, machine_ops, "machine_ops.emergency_restart") = reboot;
	pm_power_off = power_off;
}
