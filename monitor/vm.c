// SPDX-License-Identifier: GPL-2.0
/*
 * One virtual machine: its RAM, its vCPUs, its end.  Knows nothing of how a
 * vCPU runs.
 */
#include "vm.h"
#include "x86/cpu.h"

#define PORT_SIZE	COLINUX_KERNEL_OFFSET

static int check_extents(const struct vm *vm, u64 image)
{
	u64 sum = 0;

	if (!vm->nr_extents || vm->extents[0].size < image)
		return -CO_EINVAL;
	for (u32 i = 0; i < vm->nr_extents; i++) {
		const struct colinux_extent *e = &vm->extents[i];

		if ((e->machine | e->size) & (COLINUX_PMD_SIZE - 1))
			return -CO_EINVAL;
		sum += e->size;
	}
	return sum == vm->memory ? 0 : -CO_EINVAL;
}

/* The guest's copy of the passage and its half of the shared structures. */
static int prepare_port(struct vm *vm)
{
	vm->port = host_memory_map(vm->mem, PORT_SIZE);
	if (!vm->port)
		return -CO_ENOMEM;
	/* Word by word: the only address of code that this takes is its start. */
	for (u32 i = 0; i < COLINUX_PAGE_SIZE / 8; i++)
		((u64 *)(vm->port + COLINUX_PASSAGE_PAGE))[i] =
			load_once(((const u64 *)colinux_passage_page)[i]);
	vm->passage_machine = vm->extents[0].machine +
			      COLINUX_PORT_TEXT_OFFSET + COLINUX_PASSAGE_PAGE;
	vm->boot = ptr_at(addr_of(vm->port) + COLINUX_PORT_DATA_OFFSET +
			  COLINUX_BOOT_INFO);
	return 0;
}

int vm_create(struct vm **out, struct colinux_create *args)
{
	struct vm *vm;
	int err;

	if (args->flags || !args->nr_vcpus ||
	    args->nr_vcpus > COLINUX_MAX_VCPUS || !args->memory ||
	    args->memory > MONITOR_MAX_MEMORY ||
	    args->memory % COLINUX_PMD_SIZE || args->image > args->memory ||
	    args->image < PORT_SIZE ||
	    args->watchdog > COLINUX_WATCHDOG_MAX ||
	    args->name[sizeof(args->name) - 1])
		return -CO_EINVAL;

	vm = host_zalloc(sizeof(*vm));
	if (!vm)
		return -CO_ENOMEM;
	__builtin_memcpy(vm->name, args->name, sizeof(vm->name));
	vm->memory = args->memory;
	vm->nr_vcpus = args->nr_vcpus;

	err = host_memory_alloc(args->memory, args->image, &vm->mem,
				&vm->extents, &vm->nr_extents);
	if (err)
		goto fail;
	err = check_extents(vm, args->image);
	if (err)
		goto fail;
	err = prepare_port(vm);
	if (err)
		goto fail;
	for (u32 i = 0; i < vm->nr_vcpus; i++) {
		err = vcpu_create(vm, i);
		if (err)
			goto fail;
	}
	vm_watch_start(vm, args->watchdog);
	args->watchdog = vm->watchdog;
	args->nr_extents = vm->nr_extents;
	*out = vm;
	return 0;
fail:
	vm_destroy(vm);
	return err;
}

void vm_destroy(struct vm *vm)
{
	if (!vm)
		return;
	vm_watch_stop(vm);
	for (u32 i = 0; i < COLINUX_MAX_VCPUS; i++)
		if (vm->vcpus[i])
			vcpu_destroy(vm->vcpus[i]);
	if (vm->mem)
		host_memory_free(vm->mem);
	host_zfree(vm, sizeof(*vm));
}

void vm_kill(struct vm *vm, const char *fmt, ...)
{
	__builtin_va_list args;

	/* 1 = being written, 2 = complete */
	if (__sync_val_compare_and_swap(&vm->killed, 0, 1) != 0)
		return;
	__builtin_va_start(args, fmt);
	host_format(vm->reason, sizeof(vm->reason), fmt, args);
	__builtin_va_end(args);
	__sync_synchronize();
	store_once(vm->killed, 2);
	host_log(1, "%s: ended: %s", vm->name, vm->reason);
	for (u32 i = 0; i < vm->nr_vcpus; i++)
		if (vm->vcpus[i])
			host_vcpu_kick(vm->vcpus[i]->host);
}

int vm_device_interrupt(struct vm *vm, u32 device, u32 irq)
{
	struct vcpu *v;

	if (device >= COLINUX_MAX_DEVICES || irq >= COLINUX_DEVICE_IRQS)
		return -CO_EINVAL;
	/* The bit first: who changes the route looks at it afterwards. */
	__sync_fetch_and_or(&vm->boot->irq_pending[device], 1u << irq);
	v = vm->vcpus[load_once(vm->route[device][irq])];
	__sync_fetch_and_or(&v->area->device_pending, 1ull << device);
	vcpu_interrupt(v, COLINUX_VIRQ_DEVICE);
	return 0;
}

int vm_route(struct vm *vm, u64 device, u64 irq, u64 vcpu)
{
	if (device >= COLINUX_MAX_DEVICES || irq >= COLINUX_DEVICE_IRQS ||
	    vcpu >= vm->nr_vcpus)
		return -CO_EINVAL;
	store_once(vm->route[device][irq], (u8)vcpu);
	__sync_synchronize();
	return 0;
}

/* The port and the passage run in the first part of RAM: never that. */
static bool may_be_released(const struct vm *vm,
			    const struct colinux_range *range)
{
	return !((range->offset | range->size) & (COLINUX_PMD_SIZE - 1)) &&
	       range->size && range->offset >= PORT_SIZE &&
	       range->offset < vm->memory &&
	       range->size <= vm->memory - range->offset;
}

int vm_release(struct vm *vm, const struct colinux_range *range)
{
	if (!may_be_released(vm, range))
		return -CO_EINVAL;
	return host_memory_release(vm->mem, range->offset, range->size);
}

int vm_reclaim(struct vm *vm, const struct colinux_range *range)
{
	if (!may_be_released(vm, range))
		return -CO_EINVAL;
	return host_memory_reclaim(vm->mem, range->offset, range->size);
}

bool vm_owns(const struct vm *vm, u64 machine, u64 size)
{
	for (u32 i = 0; i < vm->nr_extents; i++) {
		const struct colinux_extent *e = &vm->extents[i];

		if (machine >= e->machine && size <= e->size &&
		    machine - e->machine <= e->size - size)
			return true;
	}
	return false;
}
