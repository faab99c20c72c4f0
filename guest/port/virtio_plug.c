// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-colinux: devices that come and go while the guest runs.  An interrupt
 * says that there is something to look at; looking needs process context,
 * which the kernel's work queue gives.  It knows no pages: that is virtio.c.
 *
 * On a kernel without the names below devices are found at boot only.
 */
#include "virtio.h"

extern weak int device_for_each_child(struct device *parent, void *data,
				      int (*each)(struct device *dev,
						  void *data))
	KERNEL("device_for_each_child");
extern weak char block_class[] KERNEL("block_class");

VIRTIO_EXPECT_FUNC("device_for_each_child int(struct device *,void *,"
		   "int (*)(struct device *,void *)) | "
		   "int(struct device *,void *,device_iter_t)");

static struct port_work work;

static void run(void *item)
{
	(void)item;
	port_virtio_look();
}

void port_plug_init(void)
{
	port_work_init(&work, run);
}

void port_plug_kick(void)
{
	port_work_queue(&work);
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
