// SPDX-License-Identifier: GPL-2.0
/*
 * ntshim.ko: the I/O manager's part.  Each open file is a FILE_OBJECT; ioctls
 * of /dev/colinux become IRPs with a buffered copy of the struct.
 *
 * image=PATH  colinux.sys
 * old_nt=1    be NT 5.2: none of the functions and flags that came later
 * held        what the driver has of NT (to be read)
 */
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>
#include <colinux/ioctl.h>
#include "shim.h"

#define MAX_ARGUMENT	512

static char *image_path = "/colinux/build/host-windows/colinux.sys";
module_param_named(image, image_path, charp, 0444);
bool old_nt;
module_param(old_nt, bool, 0444);

static int held_get(char *text, const struct kernel_param *parameter)
{
	return counts_text(text, PAGE_SIZE);
}

static const struct kernel_param_ops held_ops = { .get = held_get };
module_param_cb(held, &held_ops, NULL, 0444);

/*
 * mmap() of the device, which NT's processes have not (they have
 * COLINUX_IOC_MAP), shows guest RAM to programs made for Linux: of a frame that
 * the driver has given back, a spare page.
 */
struct shim_file {
	struct list_head link;	/* in `files` from CREATE to CLEANUP */
	FILE_OBJECT object;
	struct file *file;
	struct colinux_extent *extents;
	u32 nr_extents;
	u64 pages;
};

static LIST_HEAD(files);
static DEFINE_MUTEX(files_lock);

/* What [pfn, pfn + nr) is of one extent that begins at page `offset`. */
static void unmap_part(struct file *file, const struct colinux_extent *e,
		       u64 offset, u64 pfn, u64 nr)
{
	u64 first = e->machine >> PAGE_SHIFT, pages = e->size >> PAGE_SHIFT;
	u64 from = max(pfn, first), to = min(pfn + nr, first + pages);

	if (from < to)
		unmap_mapping_range(file->f_mapping,
				    (offset + from - first) << PAGE_SHIFT,
				    (to - from) << PAGE_SHIFT, 1);
}

void main_unmap(unsigned long pfn, unsigned long nr)
{
	struct shim_file *f;

	mutex_lock(&files_lock);
	list_for_each_entry(f, &files, link) {
		u64 offset = 0;

		for (u32 i = 0; i < f->nr_extents; i++) {
			unmap_part(f->file, &f->extents[i], offset, pfn, nr);
			offset += f->extents[i].size >> PAGE_SHIFT;
		}
	}
	mutex_unlock(&files_lock);
}

static struct image image;
static DRIVER_OBJECT driver;
static struct file *mapping_file;
static DEFINE_MUTEX(mapping_lock);

struct file *current_device_file(void)
{
	return mapping_file;
}

/* One request, through the driver's dispatch routine. */
static NTSTATUS request(struct shim_file *f, UCHAR major, u32 function,
			void *buffer, u32 size)
{
	IO_STACK_LOCATION stack = {
		.MajorFunction = major,
		.DeviceObject = driver.DeviceObject,
		.FileObject = &f->object,
	};
	IRP irp = {
		.Type = 6,
		.Size = sizeof(irp),
		.AssociatedIrp.SystemBuffer = buffer,
		.StackCount = 1,
		.CurrentLocation = 1,
		.RequestorMode = UserMode,
		.Tail.Overlay.CurrentStackLocation = &stack,
	};
	NTSTATUS status;

	stack.Parameters.DeviceIoControl.IoControlCode =
		COLINUX_NT_CODE(function);
	stack.Parameters.DeviceIoControl.InputBufferLength = size;
	stack.Parameters.DeviceIoControl.OutputBufferLength = size;
	status = driver.MajorFunction[major](driver.DeviceObject, &irp);
	/* Completed, with the status that it returned. */
	WARN_ON(!irp.PendingReturned || irp.IoStatus.Status != status);
	WARN_ON(irp.CancelRoutine);
	return status;
}

static int to_errno(NTSTATUS status)
{
	u32 s = (u32)status;

	if (NT_SUCCESS(status))
		return 0;
	if ((s & 0x7fffff00) == 0x60c00000 || (s & 0xffffff00) == 0xa0c00000)
		return -(int)(s & 0xff);
	return -EIO;
}

static int shim_open(struct inode *inode, struct file *file)
{
	struct shim_file *f = kzalloc(sizeof(*f), GFP_KERNEL);
	int err;

	if (!f)
		return -ENOMEM;
	f->file = file;
	f->object.DeviceObject = driver.DeviceObject;
	err = to_errno(request(f, IRP_MJ_CREATE, 0, NULL, 0));
	if (err) {
		kfree(f);
		return err;
	}
	file->private_data = f;
	return 0;
}

static int shim_release(struct inode *inode, struct file *file)
{
	struct shim_file *f = file->private_data;

	mutex_lock(&files_lock);
	if (f->nr_extents)
		list_del(&f->link);
	mutex_unlock(&files_lock);
	request(f, IRP_MJ_CLEANUP, 0, NULL, 0);
	request(f, IRP_MJ_CLOSE, 0, NULL, 0);
	kvfree(f->extents);
	kfree(f);
	return 0;
}

/* Learn where guest RAM is, for mmap(). */
static int fetch_extents(struct shim_file *f, u32 nr)
{
	struct colinux_get_extents get = { .nr = nr };
	NTSTATUS status;

	f->extents = kvcalloc(nr, sizeof(*f->extents), GFP_KERNEL);
	if (!f->extents)
		return -ENOMEM;
	get.table = (u64)f->extents;
	status = request(f, IRP_MJ_DEVICE_CONTROL, COLINUX_IOC_GET_EXTENTS,
			 &get, sizeof(get));
	if (status)
		return to_errno(status);
	for (u32 i = 0; i < nr; i++)
		f->pages += f->extents[i].size >> PAGE_SHIFT;
	mutex_lock(&files_lock);
	smp_store_release(&f->nr_extents, nr);
	list_add(&f->link, &files);
	mutex_unlock(&files_lock);
	return 0;
}

/* The driver writes to kernel memory, we to the process. */
static int get_extents(struct shim_file *f, struct colinux_get_extents *get)
{
	u64 user = get->table;
	u32 room = min(get->nr, smp_load_acquire(&f->nr_extents));
	struct colinux_extent *table;
	NTSTATUS status;

	table = kvcalloc(room + 1, sizeof(*table), GFP_KERNEL);
	if (!table)
		return -ENOMEM;
	get->table = (u64)table;
	get->nr = room;
	status = request(f, IRP_MJ_DEVICE_CONTROL, COLINUX_IOC_GET_EXTENTS,
			 get, sizeof(*get));
	get->table = user;
	if (!status && copy_to_user((void __user *)user, table,
				    room * sizeof(*table)))
		status = COLINUX_NT_ERROR(EFAULT);
	kvfree(table);
	return to_errno(status);
}

static long shim_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	struct shim_file *f = file->private_data;
	u32 function = _IOC_NR(cmd), size = _IOC_SIZE(cmd);
	u64 buffer[MAX_ARGUMENT / 8];
	int err;

	if (_IOC_TYPE(cmd) != COLINUX_IOC_TYPE)
		return -ENOTTY;
	if (size > sizeof(buffer))
		return -EINVAL;
	if (copy_from_user(buffer, (void __user *)user, size))
		return -EFAULT;
	if (function == COLINUX_IOC_MAP) {
		mutex_lock(&mapping_lock);
		mapping_file = file;
	}
	if (function == COLINUX_IOC_GET_EXTENTS && size == 16)
		err = get_extents(f, (void *)buffer);
	else
		err = to_errno(request(f, IRP_MJ_DEVICE_CONTROL, function,
				       buffer, size));
	if (function == COLINUX_IOC_MAP)
		mutex_unlock(&mapping_lock);
	if (!err && function == COLINUX_IOC_CREATE)
		err = fetch_extents(f, ((struct colinux_create *)buffer)
					       ->nr_extents);
	if (err && err != -EPROTO)
		return err;
	if (copy_to_user((void __user *)user, buffer, size))
		return -EFAULT;
	return err;
}

static vm_fault_t shim_fault(struct vm_fault *vmf)
{
	struct shim_file *f = vmf->vma->vm_file->private_data;
	unsigned long pgoff = vmf->pgoff;

	for (u32 i = 0; i < f->nr_extents; i++) {
		unsigned long pages = f->extents[i].size >> PAGE_SHIFT;

		if (pgoff < pages) {
			vmf->page = mm_get_page(
				(f->extents[i].machine >> PAGE_SHIFT) + pgoff);
			return 0;
		}
		pgoff -= pages;
	}
	return VM_FAULT_SIGBUS;
}

static const struct vm_operations_struct shim_vm_ops = {
	.fault = shim_fault,
};

static int shim_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct shim_file *f = file->private_data;
	int err = mm_map_pending(vma);

	if (err != -ENOENT)
		return err;
	if (!smp_load_acquire(&f->nr_extents))
		return -ENODEV;
	if (!(vma->vm_flags & VM_SHARED) ||
	    vma->vm_pgoff + vma_pages(vma) > f->pages)
		return -EINVAL;
	vma->vm_ops = &shim_vm_ops;
	return 0;
}

static const struct file_operations shim_fops = {
	.owner = THIS_MODULE,
	.open = shim_open,
	.release = shim_release,
	.unlocked_ioctl = shim_ioctl,
	.mmap = shim_mmap,
};

static struct miscdevice shim_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "colinux",
	.fops = &shim_fops,
	.mode = 0600,
};

static int __init shim_init(void)
{
	static WCHAR path[] = { '\\', 'R', 'e', 'g' };
	UNICODE_STRING registry = {
		.Length = sizeof(path),
		.MaximumLength = sizeof(path),
		.Buffer = path,
	};
	NTSTATUS(NTAPI * entry)(PDRIVER_OBJECT, PUNICODE_STRING);
	NTSTATUS status;
	int err;

	err = symbols_find();
	if (err)
		return err;
	err = mm_init();
	if (err)
		return err;
	err = ke_init();
	if (err)
		goto no_ke;
	err = image_load(image_path, &image);
	if (err)
		goto no_image;
	entry = image.entry;
	status = entry(&driver, &registry);
	if (!NT_SUCCESS(status)) {
		pr_err("ntshim: DriverEntry: status %x\n", (u32)status);
		counts_report();
		err = -EOPNOTSUPP;
		goto no_device;
	}
	err = misc_register(&shim_device);
	if (!err)
		return 0;
	driver.DriverUnload(&driver);
no_device:
	image_unload(&image);
no_image:
	ke_exit();
no_ke:
	mm_exit();
	return err;
}

static void __exit shim_exit(void)
{
	misc_deregister(&shim_device);
	driver.DriverUnload(&driver);
	if (!counts_report())
		pr_info("ntshim: everything was given back\n");
	image_unload(&image);
	ke_exit();
	mm_exit();
}

module_init(shim_init);
module_exit(shim_exit);
MODULE_DESCRIPTION("Loads coLinux's NT driver into Linux, for its tests");
MODULE_AUTHOR("The coLinux developers");
MODULE_LICENSE("GPL");
