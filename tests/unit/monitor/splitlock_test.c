// SPDX-License-Identifier: GPL-2.0
/* TEST_CTRL, which only some CPUs have, around a guest. */
#include "vm_fixture.h"

#define SPLIT_LOCK	(1ull << 29)
#define OTHERS		0x5ull

static void around(bool split_lock, u64 host, u64 guest, u32 accesses)
{
	const struct host_light how = { .split_lock = split_lock };
	struct cpu_context c = { 0 };

	fake_reset();
	fake_cpu.test_ctrl = host;
	cpu_split_lock_guest(&c, &how);
	check(fake_cpu.test_ctrl == guest, "%llx in the host, %llx in the guest",
	      (unsigned long long)host, (unsigned long long)guest);
	cpu_split_lock_host(&c);
	check(fake_cpu.test_ctrl == host, "and back");
	check(fake_cpu.test_ctrl_accesses == accesses, "by %u accesses",
	      accesses);
}

int main(void)
{
	around(true, SPLIT_LOCK | OTHERS, OTHERS, 3);
	around(true, OTHERS, OTHERS, 1);
	around(false, SPLIT_LOCK, SPLIT_LOCK, 0);
	return done();
}
