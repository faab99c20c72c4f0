/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What all of the host kernel's vhost devices are told in the same words: the
 * guest's memory, a ring.  Knows no device.
 */
#ifndef DAEMON_VIRTIO_VHOST_H
#define DAEMON_VIRTIO_VHOST_H

#include "device.h"

/* What we tell guests about rings, the kernel has to keep. */
#define VHOST_RING_FEATURES (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | \
			     VIRTIO_F_EVENT_IDX)

/* Does the kernel's device have these features?  It is ours then. */
bool vhost_has(int fd, uint64_t features);

/* Where the guest's memory is.  0 or a negative errno. */
int vhost_set_memory(int fd, const struct guest_memory *memory);

/*
 * Ring `index` of the kernel's device is this queue, which rings `kick`; it
 * signals `call`.  0 or a negative errno.
 */
int vhost_set_queue(int fd, unsigned int index, const struct virtqueue *queue,
		    int kick, int call);

/* The kernel has let go of ring `index`: go on from where it stopped. */
void vhost_take_back(int fd, unsigned int index, struct virtqueue *queue);

#endif
