// SPDX-License-Identifier: GPL-2.0
/*
 * Split locks: a host can have the CPU fault (#AC) on locked accesses that cross a
 * cache line, by a bit of MSR TEST_CTRL.  The guest's kernel does not have that
 * MSR: it would warn, clear the bit in vain and try the instruction again, for
 * ever.  So the bit is off while a guest is loaded.
 *
 * The MSR is the core's: a sibling whose guest is taken off sets it again.  The
 * guest's kernel then sleeps after its warning, and has it off when it is back.
 */
#include "cpu.h"
#include "../host.h"

#define TEST_CTRL_SPLIT_LOCK	(1ull << 29)	/* SDM vol. 4, MSR 33H */

void cpu_split_lock_guest(struct cpu_context *c, const struct host_light *how)
{
	c->test_ctrl = how->split_lock ? rdmsr(MSR_TEST_CTRL) : 0;
	if (c->test_ctrl & TEST_CTRL_SPLIT_LOCK)
		wrmsr(MSR_TEST_CTRL, c->test_ctrl & ~TEST_CTRL_SPLIT_LOCK);
}

void cpu_split_lock_host(struct cpu_context *c)
{
	if (c->test_ctrl & TEST_CTRL_SPLIT_LOCK)
		wrmsr(MSR_TEST_CTRL, c->test_ctrl);
}
