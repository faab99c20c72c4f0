// SPDX-License-Identifier: GPL-2.0
/*
 * vhost-net: see vhost_net.h.  Doorbells go straight from the driver to the
 * kernel's thread and its interrupts straight to the guest; this process does
 * not run while frames flow.
 */
#include <errno.h>
#include <linux/vhost.h>
#include <sys/ioctl.h>

/* The kernel's header has it as a bit's number, ours as a mask. */
#undef VIRTIO_F_VERSION_1

#include "bus.h"
#include "vhost_net.h"

#define FEATURES (VHOST_RING_FEATURES | VIRTIO_NET_F_MRG_RXBUF)

int vhost_net_init(struct vhost_net *vhost, int fd, unsigned int first)
{
	int ret;

	*vhost = (struct vhost_net){ .rings = { .fd = -1 } };
	if (fd < 0)
		return -ENODEV;
	ret = vhost_take(fd, FEATURES);
	return ret ? ret : vhost_pair_init(&vhost->rings, fd, first);
}

void vhost_net_exit(struct vhost_net *vhost)
{
	if (vhost->rings.fd >= 0)
		vhost_pair_exit(&vhost->rings);
	vhost->running = false;
}

static int set_backend(const struct vhost_net *vhost, unsigned int index,
		       int fd)
{
	struct vhost_vring_file backend = { index, fd };

	return ioctl(vhost->rings.fd, VHOST_NET_SET_BACKEND, &backend) < 0 ?
		       -errno : 0;
}

static int start(struct vhost_net *vhost, struct virtio_device *device,
		 int tap_fd)
{
	int ret = vhost_pair_give(&vhost->rings, device, FEATURES);

	for (unsigned int i = 0; !ret && i < VHOST_PAIR; i++)
		ret = set_backend(vhost, i, tap_fd);
	return ret ? ret : vhost_pair_ring(&vhost->rings);
}

int vhost_net_start(struct vhost_net *vhost, struct virtio_device *device,
		    int tap_fd)
{
	int ret;

	if (!device->bus->ops->irqfd)
		return -EOPNOTSUPP;
	ret = start(vhost, device, tap_fd);
	vhost->running = true;
	if (ret)
		vhost_net_stop(vhost, device);
	return ret;
}

void vhost_net_stop(struct vhost_net *vhost, struct virtio_device *device)
{
	if (!vhost->running)
		return;
	vhost->running = false;
	/* Waits until the kernel's threads have let go of the queues. */
	for (unsigned int i = 0; i < VHOST_PAIR; i++)
		set_backend(vhost, i, -1);
	vhost_pair_take_back(&vhost->rings, device);
}
