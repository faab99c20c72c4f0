// SPDX-License-Identifier: GPL-2.0
/*
 * The driver's calls, in the form that both hosts share: one fixed-size struct
 * in and out.  Each value is checked here or by the function that is called.
 */
#include "vm.h"
#include "x86/cpu.h"

u32 vm_control_size(u32 function)
{
	switch (function) {
	case COLINUX_IOC_VERSION:
		return sizeof(struct colinux_version);
	case COLINUX_IOC_CREATE:
		return sizeof(struct colinux_create);
	case COLINUX_IOC_GET_EXTENTS:
		return sizeof(struct colinux_get_extents);
	case COLINUX_IOC_VCPU_SETUP:
		return sizeof(struct colinux_vcpu_setup);
	case COLINUX_IOC_VCPU_RUN:
		return sizeof(struct colinux_run);
	case COLINUX_IOC_SET_IRQ:
		return sizeof(struct colinux_set_irq);
	case COLINUX_IOC_IRQFD:
	case COLINUX_IOC_DOORBELL:
		return sizeof(struct colinux_event);
	case COLINUX_IOC_KICK:
		return sizeof(struct colinux_kick);
	case COLINUX_IOC_STATS:
		return sizeof(struct colinux_stats);
	case COLINUX_IOC_RELEASE:
	case COLINUX_IOC_RECLAIM:
		return sizeof(struct colinux_range);
	default:
		return 0;
	}
}

static int version(struct colinux_version *arg)
{
	static const char build[] = "colinux";
	u32 theirs = arg->abi_version;

	__builtin_memset(arg, 0, sizeof(*arg));
	arg->abi_version = COLINUX_ABI_VERSION;
	arg->levels = (read_cr4() & CR4_LA57) ? 5 : 4;
	arg->tsc_khz = host_tsc_khz();
	arg->pat = rdmsr(MSR_PAT);
	__builtin_memcpy(arg->build, build, sizeof(build));
	return theirs == COLINUX_ABI_VERSION ? 0 : -CO_EPROTO;
}

static struct vcpu *find_vcpu(struct vm *vm, u32 id)
{
	return id < vm->nr_vcpus ? vm->vcpus[id] : NULL;
}

static int set_irq(struct vm *vm, const struct colinux_set_irq *arg)
{
	return vm_device_interrupt(vm, arg->device, arg->irq);
}

static int kick(struct vm *vm, const struct colinux_kick *arg)
{
	struct vcpu *v = find_vcpu(vm, arg->vcpu);

	if (!v || arg->virq >= 64)
		return -CO_EINVAL;
	vcpu_interrupt(v, arg->virq);
	return 0;
}

static int stats(struct vm *vm, struct colinux_stats *arg)
{
	struct vcpu *v = find_vcpu(vm, arg->vcpu);

	if (!v || arg->pad)
		return -CO_EINVAL;
	vcpu_stats(v, arg);
	return 0;
}

int vm_control(struct vm **vmp, u32 function, void *arg)
{
	struct vm *vm = *vmp;
	struct vcpu *v;

	if (function == COLINUX_IOC_VERSION)
		return version(arg);
	if (function == COLINUX_IOC_CREATE)
		return vm ? -CO_EEXIST : vm_create(vmp, arg);
	if (!vm)
		return -CO_ENODEV;

	switch (function) {
	case COLINUX_IOC_VCPU_SETUP:
		v = find_vcpu(vm, ((struct colinux_vcpu_setup *)arg)->vcpu);
		return v ? vcpu_setup(v, arg) : -CO_EINVAL;
	case COLINUX_IOC_VCPU_RUN:
		v = find_vcpu(vm, ((struct colinux_run *)arg)->vcpu);
		return v ? vcpu_run(v, arg) : -CO_EINVAL;
	case COLINUX_IOC_SET_IRQ:
		return set_irq(vm, arg);
	case COLINUX_IOC_KICK:
		return kick(vm, arg);
	case COLINUX_IOC_STATS:
		return stats(vm, arg);
	case COLINUX_IOC_RELEASE:
		return vm_release(vm, arg);
	case COLINUX_IOC_RECLAIM:
		return vm_reclaim(vm, arg);
	default:
		return -CO_ENOTTY;
	}
}
