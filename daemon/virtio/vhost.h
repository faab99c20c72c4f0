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

/*
 * Make the kernel's device ours, if it has these features: 0 or a negative
 * errno.
 */
int vhost_take(int fd, uint64_t features);

/* Two rings of the kernel's device, and the queues of ours that they are. */
#define VHOST_PAIR 2u

struct vhost_pair {
	int fd;			/* the kernel's device; not owned; -1 = none */
	unsigned int first;	/* number of the first of the two queues */
	int kick[VHOST_PAIR];	/* eventfds: doorbells ... */
	int call[VHOST_PAIR];	/* ... and interrupts */
};

/*
 * For the queues `first` and the next one.  0, or a negative errno with nothing
 * open and fd -1.
 */
int vhost_pair_init(struct vhost_pair *pair, int fd, unsigned int first);
void vhost_pair_exit(struct vhost_pair *pair);

/*
 * With device->lock held, driver ready, both queues enabled: tell the kernel of
 * guest memory and rings; doorbells and interrupts are its own from now on.  It
 * does not begin by that.  0 or a negative errno; take it back then as well.
 */
int vhost_pair_give(const struct vhost_pair *pair,
		    struct virtio_device *device, uint64_t features);
/* It has begun: ring for what was rung before the doorbells moved. */
int vhost_pair_ring(const struct vhost_pair *pair);
/*
 * With device->lock held, the kernel has let go of the rings: go on from where
 * it stopped.
 */
void vhost_pair_take_back(const struct vhost_pair *pair,
			  struct virtio_device *device);

#endif
