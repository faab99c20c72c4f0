/* SPDX-License-Identifier: GPL-2.0 */
/* A VM on the fakes, for the tests that need one ready to run. */
#ifndef VM_FIXTURE_H
#define VM_FIXTURE_H

#include <string.h>
#include "fake_host.h"
#include "vm.h"
#include "../virtio/tap.h"

#define MIB	(1ull << 20)

static inline struct colinux_create good_create(u32 nr_vcpus)
{
	struct colinux_create c = {
		.memory = 64 * MIB, .image = 16 * MIB, .nr_vcpus = nr_vcpus,
		.name = "test",
	};

	return c;
}

/* Fresh fakes, and a VM whose vCPUs all have registers. */
static inline struct vm *new_vm(u32 nr_vcpus)
{
	struct colinux_create c = good_create(nr_vcpus);
	struct vm *vm = NULL;

	fake_reset();
	if (vm_control(&vm, COLINUX_IOC_CREATE, &c))
		die("CREATE");
	for (u32 i = 0; i < nr_vcpus; i++) {
		struct colinux_vcpu_setup s = {
			.vcpu = i, .rip = 0x1111, .rsp = 0x2222,
			.cr3 = FAKE_MACHINE + 8 * MIB,
		};

		if (vm_control(&vm, COLINUX_IOC_VCPU_SETUP, &s))
			die("SETUP");
	}
	return vm;
}

/* Everything given back, no rule broken. */
static inline void end_vm(struct vm *vm, const char *what)
{
	vm_destroy(vm);
	check(!fake_host.allocated && !fake_host.violations,
	      "%s: all memory given back, contract kept", what);
}

#endif
