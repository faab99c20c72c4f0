/* SPDX-License-Identifier: GPL-2.0 */
/* What virtio.c and device.c share; devices do not include this. */
#ifndef DAEMON_VIRTIO_BUS_H
#define DAEMON_VIRTIO_BUS_H

#include "device.h"

struct virtio_bus {
	/* Constant. */
	const struct guest_memory *memory;
	const struct virtio_host_ops *ops;
	void *opaque;

	pthread_mutex_t lock;		/* taken before those of a device */
	pthread_cond_t unused;		/* some users[n] has become 0 */
	/* Guarded by lock. */
	bool started;			/* guests see added devices at once */
	struct virtio_device *device[COLINUX_MAX_DEVICES];	/* NULL: free */
	unsigned int users[COLINUX_MAX_DEVICES];
};

/* --- device.c --- */

/* Stop the thread and free the device; it is reset already. */
void virtio_device_remove(struct virtio_device *device);
void virtio_device_destroy_locks(struct virtio_device *device);

/* --- virtio.c --- */

/* Show the device to the guest: its page, its doorbells. */
int virtio_device_show(struct virtio_device *device, struct error *error);
/* Reset it and take that away again. */
void virtio_device_hide(struct virtio_device *device);
/* Copy device->config into the page; device->lock held, page not NULL. */
void virtio_page_write_config(struct virtio_device *device);

#endif
