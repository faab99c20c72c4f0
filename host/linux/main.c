// SPDX-License-Identifier: GPL-2.0
/*
 * colinux.ko: /dev/colinux.  One open file is one VM.  Copies arguments in and
 * out; the monitor does the rest.
 *
 * Whoever may open this device can run code in ring 0: it takes the same
 * capability as loading a module.
 */
#include <linux/capability.h>
#include <linux/cc_platform.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/security.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/kvm_para.h>
#include <asm/msr.h>
#include "driver.h"

#define MAX_ARGUMENT	1024

struct instance {
	struct mutex lock;	/* CREATE; vm is constant once set */
	struct mm_struct *mm;	/* of who opened it; for comparison only */
	struct vm *vm;
	struct suspend_guest suspend;	/* as long as there is a VM */
	struct events *events;
};

static int colinux_open(struct inode *inode, struct file *file)
{
	struct instance *in;

	if (!capable(CAP_SYS_MODULE))
		return -EPERM;
	if (security_locked_down(LOCKDOWN_MODULE_SIGNATURE))
		return -EACCES;
	in = kzalloc(sizeof(*in), GFP_KERNEL_ACCOUNT);
	if (!in)
		return -ENOMEM;
	in->events = events_new();
	if (!in->events) {
		kfree(in);
		return -ENOMEM;
	}
	mutex_init(&in->lock);
	/* Held, so that no later mm can be taken for it. */
	in->mm = current->mm;
	mmgrab(in->mm);
	file->private_data = in;
	return 0;
}

static int colinux_release(struct inode *inode, struct file *file)
{
	struct instance *in = file->private_data;

	events_free(in->events, in->vm);
	vm_destroy(in->vm);
	if (in->vm)
		suspend_allow(&in->suspend);
	mmdrop(in->mm);
	kfree(in);
	return 0;
}

static int get_extents(struct vm *vm, struct colinux_get_extents *arg)
{
	u32 nr = min(arg->nr, vm->nr_extents);

	if (arg->pad)
		return -EINVAL;
	if (copy_to_user((void __user *)arg->table, vm->extents,
			 nr * sizeof(vm->extents[0])))
		return -EFAULT;
	arg->nr = vm->nr_extents;
	return 0;
}

/* in->lock is held. */
static int create_vm(struct instance *in, void *arg)
{
	struct vm *vm = NULL;
	int err = suspend_forbid(&in->suspend);

	if (err)
		return err;
	err = vm_control(&vm, COLINUX_IOC_CREATE, arg);
	if (err)
		suspend_allow(&in->suspend);
	else
		smp_store_release(&in->vm, vm);
	return err;
}

static int create(struct instance *in, void *arg)
{
	int err = mutex_lock_killable(&in->lock);

	if (err)
		return err;
	err = in->vm ? -EEXIST : create_vm(in, arg);
	mutex_unlock(&in->lock);
	return err;
}

static int call(struct instance *in, u32 function, void *arg)
{
	struct vm *vm;
	int err;

	if (function == COLINUX_IOC_CREATE)
		return create(in, arg);
	vm = smp_load_acquire(&in->vm);
	if (!vm && function != COLINUX_IOC_VERSION)
		return -ENODEV;
	switch (function) {
	case COLINUX_IOC_GET_EXTENTS:
		return get_extents(vm, arg);
	case COLINUX_IOC_IRQFD:
		return events_irqfd(in->events, vm, arg);
	case COLINUX_IOC_DOORBELL:
		return events_doorbell(in->events, vm, arg);
	case COLINUX_IOC_VCPU_RUN:
		err = vm_control(&vm, function, arg);
		vcpu_to_user();
		return err;
	default:
		return vm_control(&vm, function, arg);
	}
}

static long colinux_ioctl(struct file *file, unsigned int cmd,
			  unsigned long user)
{
	u32 function = _IOC_NR(cmd);
	u32 size = vm_control_size(function);
	u64 buffer[MAX_ARGUMENT / 8];
	int err;

	/*
	 * A descriptor that was passed on (vhost-user) is guest RAM to map,
	 * not a licence to run ring-0 code.
	 */
	if (current->mm != ((struct instance *)file->private_data)->mm)
		return -EPERM;
	BUILD_BUG_ON(sizeof(struct colinux_run) > MAX_ARGUMENT);
	BUILD_BUG_ON(sizeof(struct colinux_stats) > MAX_ARGUMENT);
	if (_IOC_TYPE(cmd) != COLINUX_IOC_TYPE || !size)
		return -ENOTTY;
	if (_IOC_SIZE(cmd) != size || size > sizeof(buffer))
		return -EINVAL;
	if (copy_from_user(buffer, (void __user *)user, size))
		return -EFAULT;
	err = call(file->private_data, function, buffer);
	/* VERSION says what it has even when it refuses. */
	if (err && err != -EPROTO)
		return err;
	if (copy_to_user((void __user *)user, buffer, size))
		return -EFAULT;
	return err;
}

static vm_fault_t colinux_fault(struct vm_fault *vmf)
{
	struct instance *in = vmf->vma->vm_file->private_data;
	struct page *page = host_memory_get_page(in->vm->mem, vmf->pgoff);

	if (!page)
		return VM_FAULT_SIGBUS;
	vmf->page = page;
	return 0;
}

static const struct vm_operations_struct colinux_vm_ops = {
	.fault = colinux_fault,
};

static int colinux_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct instance *in = file->private_data;
	struct vm *vm = smp_load_acquire(&in->vm);

	if (!vm)
		return -ENODEV;
	if (!(vma->vm_flags & VM_SHARED) ||
	    vma->vm_pgoff + vma_pages(vma) < vma->vm_pgoff ||
	    vma->vm_pgoff + vma_pages(vma) > vm->memory >> PAGE_SHIFT)
		return -EINVAL;
	host_memory_set_mapping(vm->mem, file->f_mapping);
	vma->vm_ops = &colinux_vm_ops;
	return 0;
}

static const struct file_operations colinux_fops = {
	.owner = THIS_MODULE,
	.open = colinux_open,
	.release = colinux_release,
	.unlocked_ioctl = colinux_ioctl,
	.mmap = colinux_mmap,
};

static struct miscdevice colinux_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "colinux",
	.fops = &colinux_fops,
	.mode = 0600,
};

/* The kernel as a KVM guest has asked for page faults that are none. */
static bool __init has_async_page_faults(void)
{
	u64 value = 0;

	return kvm_para_available() &&
	       !rdmsrl_safe(MSR_KVM_ASYNC_PF_EN, &value) &&
	       (value & KVM_ASYNC_PF_ENABLED);
}

/* What of this host rules guests out, or NULL; more is in cpu_check(). */
static const char *__init unsuitable(void)
{
	if (cpu_feature_enabled(X86_FEATURE_XENPV))
		return "this kernel is a Xen PV guest: it has no ring 0 to share";
	/* Our page tables and CR3 would need the bit that says so. */
	if (cc_platform_has(CC_ATTR_HOST_MEM_ENCRYPT))
		return "the host kernel encrypts its memory (SME); boot it with mem_encrypt=off";
	if (cc_platform_has(CC_ATTR_MEM_ENCRYPT))
		return "this machine is a confidential one (SEV, TDX), its memory is encrypted; use one that is not";
	return NULL;
}

/* What may go wrong, or not quite right, on this host: for who reads the log. */
static void __init warn(void)
{
	/* Guests follow the host's clock, but not at every moment. */
	if (!boot_cpu_has(X86_FEATURE_CONSTANT_TSC))
		pr_notice("colinux: the TSC may change its rate: guests' clocks can be off until they are corrected, every 8 s\n");
	/*
	 * #PF with a token in CR2 for whoever is in user space, also in that of
	 * our guests.  Only when the hypervisor waits for a page of this
	 * machine's, which those who sell machines rather avoid: not refused.
	 */
	if (has_async_page_faults())
		pr_warn("colinux: should the hypervisor swap out memory of this machine, a guest's process can get a fault of the host's (and this kernel stop); no-kvmapf on its command line prevents that\n");
}

static int __init colinux_init(void)
{
	const char *why = unsuitable();
	int err = -EOPNOTSUPP;

	if (why)
		goto refuse;
	warn();
	vcpus_init();
	err = cpu_check(&why);
	if (err)
		goto refuse;
	err = watchdog_init();
	if (err)
		return err;
	err = suspend_init();
	if (err)
		goto no_suspend;
	err = misc_register(&colinux_device);
	if (err)
		goto no_device;
	return 0;
no_device:
	suspend_exit();
no_suspend:
	watchdog_exit();
	return err;
refuse:
	pr_err("colinux: %s\n", why);
	return err;
}

static void __exit colinux_exit(void)
{
	misc_deregister(&colinux_device);
	suspend_exit();
	watchdog_exit();
}

module_init(colinux_init);
module_exit(colinux_exit);
MODULE_DESCRIPTION("Cooperative Linux: a second kernel beside this one");
MODULE_AUTHOR("The coLinux developers");
MODULE_LICENSE("GPL");
