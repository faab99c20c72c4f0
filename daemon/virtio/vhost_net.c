// SPDX-License-Identifier: GPL-2.0
/*
 * vhost-net: see vhost_net.h.  Doorbells go straight from the driver to the
 * kernel's thread and its interrupts straight to the guest; this process does
 * not run while frames flow.
 */
#include <errno.h>
#include <linux/vhost.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The kernel's header has it as a bit's number, ours as a mask. */
#undef VIRTIO_F_VERSION_1

#include "bus.h"
#include "vhost.h"
#include "vhost_net.h"

#define FEATURES (VHOST_RING_FEATURES | VIRTIO_NET_F_MRG_RXBUF)

bool vhost_net_init(struct vhost_net *vhost, int fd, unsigned int first)
{
	*vhost = (struct vhost_net){
		.fd = -1, .first = first, .kick = { -1, -1 },
		.call = { -1, -1 },
	};
	if (fd < 0 || !vhost_has(fd, FEATURES))
		return false;
	for (int i = 0; i < 2; i++) {
		vhost->kick[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		vhost->call[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (vhost->kick[i] < 0 || vhost->call[i] < 0) {
			vhost_net_exit(vhost);
			return false;
		}
	}
	vhost->fd = fd;
	return true;
}

void vhost_net_exit(struct vhost_net *vhost)
{
	for (int i = 0; i < 2; i++) {
		if (vhost->kick[i] >= 0)
			close(vhost->kick[i]);
		if (vhost->call[i] >= 0)
			close(vhost->call[i]);
	}
	*vhost = (struct vhost_net){
		.fd = -1, .kick = { -1, -1 }, .call = { -1, -1 },
	};
}

static int set_backend(const struct vhost_net *vhost, unsigned int index,
		       int fd)
{
	struct vhost_vring_file backend = { index, fd };

	return ioctl(vhost->fd, VHOST_NET_SET_BACKEND, &backend) < 0 ?
		       -errno : 0;
}

/* Where the doorbells of both queues go, and where interrupts come from. */
static int tie(struct vhost_net *vhost, struct virtio_device *device, bool ours)
{
	const struct virtio_host_ops *ops = device->bus->ops;
	void *opaque = device->bus->opaque;
	int i, ret;

	for (i = 0; i < 2; i++) {
		unsigned int queue = vhost->first + i;

		ret = ops->doorbell(opaque, device->number, queue, ours ?
				    device->doorbell_fd[queue] :
				    vhost->kick[i]);
		if (!ret)
			ret = ops->irqfd(opaque, device->number, queue,
					 ours ? -1 : vhost->call[i]);
		if (ret)
			return ret;
	}
	return 0;
}

static int start(struct vhost_net *vhost, struct virtio_device *device,
		 int tap_fd)
{
	uint64_t features = device->driver_features & FEATURES;
	const uint64_t one = 1;
	int i, ret;

	if (ioctl(vhost->fd, VHOST_SET_FEATURES, &features) < 0)
		return -errno;
	ret = vhost_set_memory(vhost->fd, device->bus->memory);
	for (i = 0; !ret && i < 2; i++)
		ret = vhost_set_queue(vhost->fd, i,
				      &device->queue[vhost->first + i],
				      vhost->kick[i], vhost->call[i]);
	if (!ret)
		ret = tie(vhost, device, false);
	for (i = 0; !ret && i < 2; i++)
		ret = set_backend(vhost, i, tap_fd);
	/* Buffers that were rung before the doorbells moved. */
	for (i = 0; !ret && i < 2; i++)
		if (write(vhost->kick[i], &one, sizeof(one)) < 0)
			ret = -errno;
	return ret;
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
	unsigned int i;

	if (!vhost->running)
		return;
	vhost->running = false;
	for (i = 0; i < 2; i++) {
		/* Waits until the kernel's thread has let go of the queue. */
		set_backend(vhost, i, -1);
		vhost_take_back(vhost->fd, i,
				&device->queue[vhost->first + i]);
	}
	tie(vhost, device, true);
}
