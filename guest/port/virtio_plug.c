// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-colinux: devices that come and go while the guest runs.  An interrupt
 * says that there is something to look at; looking needs process context,
 * which the kernel's work queue gives.  It knows no pages: that is virtio.c.
 *
 * On a kernel without the names below devices are found at boot only.
 */
#include "virtio.h"

struct workqueue_struct;

extern weak struct workqueue_struct *system_unbound_wq
	KERNEL("system_unbound_wq");
extern weak bool queue_work_on(int cpu, struct workqueue_struct *queue,
			       void *work) KERNEL("queue_work_on");
extern weak int device_for_each_child(struct device *parent, void *data,
				      int (*each)(struct device *dev,
						  void *data))
	KERNEL("device_for_each_child");
extern weak char block_class[] KERNEL("block_class");

VIRTIO_EXPECT_FUNC("queue_work_on bool(int,struct workqueue_struct *,"
		   "struct work_struct *)");
VIRTIO_EXPECT_FUNC("device_for_each_child int(struct device *,void *,"
		   "int (*)(struct device *,void *)) | "
		   "int(struct device *,void *,device_iter_t)");

/* Room for the kernel's struct work_struct (32 bytes). */
static u64 work[8];
static bool ready;

static void run(void *item)
{
	(void)item;
	port_virtio_look();
}

void port_plug_init(void)
{
	char *entry = (char *)work + OFFSET_IF("work_struct.entry");

	if (OFFSET_IF("work_struct.entry") == MISSING ||
	    OFFSET_IF("work_struct.func") == MISSING || !queue_work_on ||
	    !&system_unbound_wq || SIZEOF_IF("work_struct") > sizeof(work))
		return;
	/*
	 * work_struct.data stays 0: "last ran in pool 0", where the kernel
	 * looks and does not find it; from then on the word is the kernel's.
	 */
	AT(void *, entry, 0) = entry;
	AT(void *, entry, 8) = entry;
	AT(void *, work, OFFSET_IF("work_struct.func")) = run;
	__atomic_store_n(&ready, true, __ATOMIC_RELEASE);
}

void port_plug_kick(void)
{
	/* Queued already: it has not begun to look yet. */
	if (__atomic_load_n(&ready, __ATOMIC_ACQUIRE))
		queue_work_on(0, system_unbound_wq, work);
}

/* A disk is the struct device in its struct block_device. */
static int is_open(struct device *dev, void *data)
{
	char *disk = (char *)dev - OFFSET_IF("block_device.bd_device");

	(void)data;
	if (MEMBER(void *, dev, "device.class") != block_class)
		return 0;
	/* Of the whole disk: opening a partition opens that, too. */
	return AT(int, disk, OFFSET_IF("block_device.bd_openers")) > 0;
}

bool port_plug_in_use(struct device *dev)
{
	if (!device_for_each_child || !block_class ||
	    OFFSET_IF("block_device.bd_device") == MISSING ||
	    OFFSET_IF("block_device.bd_openers") == MISSING)
		return false;
	return device_for_each_child(dev, NULL, is_open);
}
