/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Handing a pair of a network card's queues to the host kernel's vhost-net and
 * taking them back.  Knows rings and memory, not frames.
 */
#ifndef DAEMON_VIRTIO_VHOST_NET_H
#define DAEMON_VIRTIO_VHOST_NET_H

#include <stdbool.h>

#include "vhost.h"

struct vhost_net {
	struct vhost_pair rings;	/* of /dev/vhost-net */
	bool running;
};

/*
 * For the queues `first` and the next one.  A negative errno when there is no
 * vhost-net (fd -1), or it lacks what our queues need.
 */
int vhost_net_init(struct vhost_net *vhost, int fd, unsigned int first);
void vhost_net_exit(struct vhost_net *vhost);

/*
 * With device->lock held, driver ready, both queues enabled: from now on
 * frames go between the queues and tap_fd in the kernel, which interrupts the
 * guest as the device does.  0 or a negative errno with nothing changed.
 */
int vhost_net_start(struct vhost_net *vhost, struct virtio_device *device,
		    int tap_fd);
/* With device->lock held: the queues are ours again.  Waits for the kernel. */
void vhost_net_stop(struct vhost_net *vhost, struct virtio_device *device);

#endif
