// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-colinux: the operations that virtio drivers call (the kernel's struct
 * virtio_config_ops) in terms of the device page and COLINUX_HC_DEVICE.  It
 * knows nothing of how devices are found and registered: that is virtio.c.
 *
 * Unless said otherwise the functions run in process context and one at a time
 * per device, as the virtio core and its drivers guarantee; the page's config
 * and status may change under us by the host.
 */
#include "virtio.h"

/* Virtio 1.2, section 6 "Reserved Feature Bits". */
#define F_VERSION_1		32
#define F_ACCESS_PLATFORM	33
#define F_SR_IOV		37
#define F_NOTIFICATION_DATA	38
#define F_NOTIF_CONFIG_DATA	39
#define F_RING_RESET		40
#define F_ADMIN_VQ		41
#define BIT(n)			(1ull << (n))

/*
 * What this transport cannot do, whatever a host offers.  ACCESS_PLATFORM
 * would send addresses through the DMA API, but ours are true already and the
 * parent device has no DMA mask.
 */
#define NOT_HERE (BIT(F_ACCESS_PLATFORM) | BIT(F_SR_IOV) | \
		  BIT(F_NOTIFICATION_DATA) | BIT(F_NOTIF_CONFIG_DATA) | \
		  BIT(F_RING_RESET) | BIT(F_ADMIN_VQ))

#define VRING_ALIGN	4096

/* Virtio 1.2, sections 5 and 2.1. */
#define ID_BLOCK		2
#define STATUS_DRIVER_OK	4

VIRTIO_EXPECT_MEMBER("virtio_device.priv void *");
VIRTIO_EXPECT_MEMBER("virtio_blk.tag_set struct blk_mq_tag_set");
VIRTIO_EXPECT_MEMBER("blk_mq_tag_set.flags unsigned int");

/* Linux errnos; an error pointer is the negative number itself. */
#define ENOENT	2
#define ENOMEM	12

static struct colinux_device_page *page_of(struct virtio_device *vdev)
{
	return device_page(port_device_number(port_device_of(vdev)));
}

static long command(struct virtio_device *vdev,
		    enum colinux_device_command what, u64 a, u64 b)
{
	return port_hypercall(COLINUX_HC_DEVICE,
			      port_device_number(port_device_of(vdev)), what,
			      a, b, 0);
}

/* ---- configuration space ---- */

static void config_get(struct virtio_device *vdev, unsigned int offset,
		       void *buf, unsigned int len)
{
	const volatile u8 *config = page_of(vdev)->config;
	unsigned int i;

	for (i = 0; i < len; i++)
		((u8 *)buf)[i] = offset < COLINUX_DEVICE_CONFIG &&
			i < COLINUX_DEVICE_CONFIG - offset ?
			config[offset + i] : 0;
}

static void config_set(struct virtio_device *vdev, unsigned int offset,
		       const void *buf, unsigned int len)
{
	volatile u8 *config = page_of(vdev)->config;
	unsigned int i;

	if (offset > COLINUX_DEVICE_CONFIG ||
	    len > COLINUX_DEVICE_CONFIG - offset)
		return;
	for (i = 0; i < len; i++)
		config[offset + i] = ((const u8 *)buf)[i];
	command(vdev, COLINUX_DEV_CONFIG_WRITE, offset, len);
}

/*
 * The core reads the config between two calls and starts over if the numbers
 * differ.  An odd number is an update in progress on another CPU: wait.
 */
static u32 config_generation(struct virtio_device *vdev)
{
	const u32 *at = &page_of(vdev)->config_generation;
	u32 generation;

	while ((generation = __atomic_load_n(at, __ATOMIC_ACQUIRE)) & 1)
		port_hypercall(COLINUX_HC_YIELD, 0, 0, 0, 0, 0);
	return generation;
}

/* ---- status and features ---- */

static u8 get_status(struct virtio_device *vdev)
{
	return (u8)__atomic_load_n(&page_of(vdev)->status, __ATOMIC_ACQUIRE);
}

/*
 * A disk of the host needs no I/O scheduler in the guest, as a loop device needs
 * none: the host has one.  It is not for free either: each request goes by a
 * worker thread then.  The driver is ready, its disk not yet added; whoever
 * wants a scheduler still writes its name to queue/scheduler.
 */
static void leave_out_scheduler(struct virtio_device *vdev)
{
	unsigned long tag_set = OFFSET_IF("virtio_blk.tag_set");
	unsigned long flag = ENUM_IF("BLK_MQ_F_NO_SCHED_BY_DEFAULT");
	char *blk = VIRTIO_MEMBER(char *, vdev, "virtio_device.priv");

	if (!blk || tag_set == MISSING || flag == MISSING ||
	    OFFSET_IF("blk_mq_tag_set.flags") == MISSING)
		return;
	VIRTIO_MEMBER(u32, blk + tag_set, "blk_mq_tag_set.flags") |= (u32)flag;
}

static void set_status(struct virtio_device *vdev, u8 status)
{
	if (page_of(vdev)->device_id == ID_BLOCK && status & STATUS_DRIVER_OK)
		leave_out_scheduler(vdev);
	__atomic_store_n(&page_of(vdev)->status, status, __ATOMIC_RELEASE);
	command(vdev, COLINUX_DEV_STATUS, 0, 0);
}

static void reset(struct virtio_device *vdev)
{
	command(vdev, COLINUX_DEV_RESET, 0, 0);
	port_device_synchronize(port_device_of(vdev));
}

static u64 get_features(struct virtio_device *vdev)
{
	return page_of(vdev)->device_features & ~NOT_HERE;
}

static int finalize_features(struct virtio_device *vdev)
{
	u64 *features = &VIRTIO_MEMBER(u64, vdev, "virtio_device.features");

	/* Let virtio_ring drop the transport features that it cannot do. */
	virtio_fn.vring_transport_features(vdev);
	*features &= ~NOT_HERE;
	if (!(*features & BIT(F_VERSION_1))) {
		kernel_printk(KERN_ERR "colinux: %s: the host offers no virtio 1.x\n",
		       port_device_of(vdev)->tag);
		return -EINVAL;
	}
	page_of(vdev)->driver_features = *features;
	return (int)command(vdev, COLINUX_DEV_FEATURES, 0, 0);
}

static const char *bus_name(struct virtio_device *vdev)
{
	return port_device_of(vdev)->tag;
}

/* ---- queues ---- */

/* Any context: drivers ring with their locks held and interrupts off. */
static bool notify(struct virtqueue *vq)
{
	const struct port_queue *queue =
		VIRTIO_MEMBER(struct port_queue *, vq, "virtqueue.priv");

	return port_hypercall(COLINUX_HC_DOORBELL, queue->device, queue->index,
			      0, 0, 0) >= 0;
}

static void del_queue(struct virtio_device *vdev, unsigned int index)
{
	struct port_device *device = port_device_of(vdev);
	struct port_queue *queue = &device->queue[index];
	struct virtqueue *vq = queue->vq;

	if (!vq)
		return;
	queue->vq = NULL;
	port_vq_irq_free(port_device_number(device), index, vq);
	page_of(vdev)->queue[index].enable = 0;
	command(vdev, COLINUX_DEV_QUEUE, index, 0);
	virtio_fn.vring_del_virtqueue(vq);
}

static void del_vqs(struct virtio_device *vdev)
{
	unsigned int i;

	for (i = 0; i < COLINUX_DEVICE_QUEUES; i++)
		del_queue(vdev, i);
}

/* One queue, on at the host when this returns 0. */
static int create_queue(struct virtio_device *vdev, unsigned int index,
			callback_fn *callback, const char *name, bool context,
			struct virtqueue **out)
{
	struct port_device *device = port_device_of(vdev);
	struct colinux_device_queue *shared;
	struct port_queue *queue;
	struct virtqueue *vq;
	unsigned int max;
	long ret;

	if (index >= COLINUX_DEVICE_QUEUES)
		return -ENOENT;
	queue = &device->queue[index];
	shared = &page_of(vdev)->queue[index];
	max = *(volatile u16 *)&shared->max_size;
	if (!max || (max & (max - 1)) || queue->vq)
		return -ENOENT;

	vq = virtio_fn.vring_create_virtqueue(index, max, VRING_ALIGN, vdev,
					      true, true, context, notify,
					      callback, name);
	if (!vq)
		return -ENOMEM;
	queue->device = port_device_number(device);
	queue->index = index;
	VIRTIO_MEMBER(struct port_queue *, vq, "virtqueue.priv") = queue;
	if (OFFSET_IF("virtqueue.num_max") != MISSING)	/* from 6.0 */
		VIRTIO_MEMBER(u32, vq, "virtqueue.num_max") = max;

	shared->size = (u16)virtio_fn.virtqueue_get_vring_size(vq);
	shared->desc = virtio_fn.virtqueue_get_desc_addr(vq);
	shared->avail = virtio_fn.virtqueue_get_avail_addr(vq);
	shared->used = virtio_fn.virtqueue_get_used_addr(vq);
	shared->enable = 1;
	queue->vq = vq;
	/* The interrupt may come as soon as the host knows the queue. */
	ret = port_vq_irq_request(port_device_number(device), index,
				  virtio_fn.vring_interrupt, vq, device->tag,
				  name);
	if (!ret)
		ret = command(vdev, COLINUX_DEV_QUEUE, index, 0);
	if (ret < 0) {
		kernel_printk(KERN_ERR "colinux: %s: the host refuses queue %u: %d\n",
		       device->tag, index, (int)ret);
		del_queue(vdev, index);
		return (int)ret;
	}
	*out = vq;
	return 0;
}

/* Before 6.11: parallel arrays; a queue without a name is left out. */
static int find_vqs_arrays(struct virtio_device *vdev, unsigned int nvqs,
			   struct virtqueue *vqs[], callback_fn *callbacks[],
			   const char *const names[], const bool *context,
			   void *affinity)
{
	unsigned int i, index = 0;
	int ret;

	(void)affinity;
	for (i = 0; i < nvqs; i++) {
		vqs[i] = NULL;
		if (!names[i])
			continue;
		ret = create_queue(vdev, index++, callbacks[i], names[i],
				   context ? context[i] : false, &vqs[i]);
		if (ret) {
			del_vqs(vdev);
			return ret;
		}
	}
	return 0;
}

/* 6.11 and later: an array of struct virtqueue_info. */
static int find_vqs_info(struct virtio_device *vdev, unsigned int nvqs,
			 struct virtqueue *vqs[], char *info, void *affinity)
{
	unsigned int i, index = 0;
	const char *name;
	int ret;

	(void)affinity;
	for (i = 0; i < nvqs; i++, info += VIRTIO_SIZEOF("virtqueue_info")) {
		vqs[i] = NULL;
		name = VIRTIO_MEMBER(const char *, info, "virtqueue_info.name");
		if (!name)
			continue;
		ret = create_queue(vdev, index++,
				   VIRTIO_MEMBER(callback_fn *, info,
						 "virtqueue_info.callback"),
				   name,
				   VIRTIO_MEMBER(bool, info,
						 "virtqueue_info.ctx"),
				   &vqs[i]);
		if (ret) {
			del_vqs(vdev);
			return ret;
		}
	}
	return 0;
}

static void synchronize_cbs(struct virtio_device *vdev)
{
	port_device_synchronize(port_device_of(vdev));
}

/* ---- the table ---- */

/* Room for struct virtio_config_ops (136 bytes in 6.1 and 6.12). */
static void *ops[64];

const void *virtio_config_build(void)
{
#define SET(member, function) \
	VIRTIO_MEMBER(void *, ops, "virtio_config_ops." #member) = function

	if (VIRTIO_SIZEOF("virtio_config_ops") > sizeof(ops))
		return NULL;
	SET(get, config_get);
	SET(set, config_set);
	SET(generation, config_generation);
	SET(get_status, get_status);
	SET(set_status, set_status);
	SET(reset, reset);
	SET(del_vqs, del_vqs);
	SET(get_features, get_features);
	SET(finalize_features, finalize_features);
	SET(bus_name, bus_name);
	if (OFFSET_IF("virtqueue_info.name") != MISSING)
		SET(find_vqs, find_vqs_info);
	else
		SET(find_vqs, find_vqs_arrays);
	SET(set_vq_affinity, port_vq_irq_set_affinity);
	/* From 5.19; earlier kernels wait for all of RCU instead. */
	if (OFFSET_IF("virtio_config_ops.synchronize_cbs") != MISSING)
		SET(synchronize_cbs, synchronize_cbs);
#undef SET
	return ops;
}
