/* SPDX-License-Identifier: GPL-2.0 */
/* What virtio.c and device.c share; devices do not include this. */
#ifndef DAEMON_VIRTIO_BUS_H
#define DAEMON_VIRTIO_BUS_H

#include "device.h"

/* Constant while vCPUs run: devices are added before. */
struct virtio_bus {
	const struct guest_memory *memory;
	const struct virtio_host_ops *ops;
	void *opaque;
	unsigned int nr_devices;
	struct virtio_device *device[COLINUX_MAX_DEVICES];
};

/* --- device.c --- */

/* Stop the thread and free the device; it is reset already. */
void virtio_device_remove(struct virtio_device *device);
void virtio_device_destroy_locks(struct virtio_device *device);

/* --- virtio.c --- */

/* Copy device->config into the page; device->lock held, page not NULL. */
void virtio_page_write_config(struct virtio_device *device);

#endif
