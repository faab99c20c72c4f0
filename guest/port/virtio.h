/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-colinux in the guest: the transport under the distribution's own
 * virtio drivers (include/colinux/device.h is the other side).  What virtio.c
 * and virtio_config.c share; the rest of the port calls port_virtio_init() and
 * port_device_interrupt() of port.h.
 */
#ifndef PORT_VIRTIO_H
#define PORT_VIRTIO_H

#include "port.h"

/* Kernel structures, opaque here: members are at BTF offsets. */
struct virtio_device;
struct virtqueue;
struct device;
struct platform_device;

typedef bool notify_fn(struct virtqueue *vq);
typedef void callback_fn(struct virtqueue *vq);

/* Functions of virtio and virtio_ring, which may be modules. */
struct virtio_functions {
	int (*register_virtio_device)(struct virtio_device *vdev);
	void (*unregister_virtio_device)(struct virtio_device *vdev);
	void (*virtio_config_changed)(struct virtio_device *vdev);
	struct virtqueue *(*vring_create_virtqueue)(
		unsigned int index, unsigned int num, unsigned int align,
		struct virtio_device *vdev, bool weak_barriers,
		bool may_reduce_num, bool context, notify_fn *notify,
		callback_fn *callback, const char *name);
	void (*vring_del_virtqueue)(struct virtqueue *vq);
	int (*vring_interrupt)(int irq, void *vq);
	void (*vring_transport_features)(struct virtio_device *vdev);
	u64 (*virtqueue_get_desc_addr)(struct virtqueue *vq);
	u64 (*virtqueue_get_avail_addr)(struct virtqueue *vq);
	u64 (*virtqueue_get_used_addr)(struct virtqueue *vq);
	unsigned int (*virtqueue_get_vring_size)(struct virtqueue *vq);
};

/* Complete before the first device is registered, constant afterwards. */
extern struct virtio_functions virtio_fn;

/* Room for the kernel's struct virtio_device (840 bytes in 6.12). */
#define VIRTIO_DEVICE_ROOM	1536

/* One queue, found from its struct virtqueue through `priv`. */
struct port_queue {
	struct virtqueue *vq;	/* NULL = off */
	unsigned int device, index;
};

enum port_device_state {
	PORT_DEVICE_FREE = 0,	/* vdev may be used for a new device */
	PORT_DEVICE_LIVE = 1,	/* registered, or just being registered */
	PORT_DEVICE_GONE = 2,	/* taken away; somebody still refers to vdev */
};

/* One device, beside its page.  Lives in the port's data, never freed. */
struct port_device {
	u8 vdev[VIRTIO_DEVICE_ROOM] __attribute__((aligned(64)));

	u32 state;		/* enum port_device_state */
	u32 generation;	/* of the config, last seen by the handler */
	struct platform_device *parent;
	char tag[32];		/* copy of the page's, checked */
	struct port_queue queue[COLINUX_DEVICE_QUEUES];
};

static inline struct colinux_device_page *device_page(unsigned int device)
{
	return (struct colinux_device_page *)COLINUX_DEVICE_PAGE_VA(device);
}

/*
 * Wait until the interrupt handler is not running, or has started after the
 * call.  Process context, IF=1.
 */
void port_device_synchronize(struct port_device *device);

/* ---- virtio_irq.c ---- */

#define IRQ_HANDLED 1		/* enum irqreturn */

typedef int irq_handler_fn(int irq, void *opaque);

/* Once, in process context, before the first device. */
void port_vq_irq_init(void);
/*
 * Have the kernel's interrupt handling call `handler` for an interrupt of a
 * device (a queue's, or COLINUX_IRQ_PAGE); /proc/interrupts has it as
 * "TAG-NAME".  0 or a negative errno.  Process context.
 */
int port_vq_irq_request(unsigned int device, unsigned int irq,
			irq_handler_fn *handler, void *opaque, const char *tag,
			const char *name);
/* The end of that, if there was a request; waits for the handler. */
void port_vq_irq_free(unsigned int device, unsigned int irq, void *opaque);
/* This CPU's share of what the device interrupts for, a bit each. IF=0. */
u32 port_vq_irq_take(unsigned int device);
/* Call the handlers of those. Hard interrupt context. */
void port_vq_irq_handle(unsigned int device, u32 irqs);
/* Wait until none of the device's handlers runs. Process context. */
void port_vq_irq_synchronize(unsigned int device);
/* virtio_config_ops.set_vq_affinity; NULL = anywhere. Process context. */
int port_vq_irq_set_affinity(struct virtqueue *vq, const void *mask);

/* ---- virtio_plug.c ---- */

/*
 * Have the work queue call port_virtio_look(): a page has changed.  Any
 * context but NMI.
 */
void port_plug_kick(void);
/* Is a disk of this device open (mounted, swap, ...)?  Process context. */
bool port_plug_in_use(struct device *dev);
/* Once, when the kernel has work queues. */
void port_plug_init(void);

/* ---- virtio.c ---- */

/* Register and unregister as the pages say.  Process context. */
void port_virtio_look(void);

/* The port's device behind the kernel's, and its number. */
struct port_device *port_device_of(struct virtio_device *vdev);
unsigned int port_device_number(const struct port_device *device);

/*
 * Build the struct virtio_config_ops for this kernel and return it.  Called
 * once, from process context.
 */
const void *virtio_config_build(void);

/*
 * Virtio may be a module that nobody loads, so nothing of it may stop the
 * boot: all its names are weak, and port_virtio_init() looks if they are there.
 */
#define VIRTIO_SIZEOF(name) \
	LINKED("sizeof." name, ".weak sizeof." name "\n\t")
#define VIRTIO_MEMBER(type, base, path) AT(type, base, OFFSET_IF(path))
#define VIRTIO_EXPECT_FUNC(text) PORT_NOTE(".colinux.expect", "func? " text)
#define VIRTIO_EXPECT_MEMBER(text) PORT_NOTE(".colinux.expect", "member? " text)

/* The kernel's log; the format begins with KERN_ERR. */
extern int kernel_printk(const char *format, ...) KERNEL("_printk")
	__attribute__((format(printf, 1, 2)));
#define KERN_ERR	"\001" "3"

#endif
