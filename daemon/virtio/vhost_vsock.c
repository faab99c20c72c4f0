// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-vsock by the host kernel's vhost-vsock: packets go between the guest's
 * rings and the kernel's AF_VSOCK, and this process does not run meanwhile.
 * vsock.c is the same device without it.
 *
 * Every user of the host can connect to a guest's ports then, and the guest to
 * ports of the host: whoever listens has to look at who comes.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vhost.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The kernel's header has it as a bit's number, ours as a mask. */
#undef VIRTIO_F_VERSION_1

#include "bus.h"
#include "device.h"
#include "vhost.h"

#define DEVICE "/dev/vhost-vsock"
/* virtio 1.2, 5.10.2: rx, tx, and events, which the kernel does not serve. */
#define KERNEL_QUEUES 2u
#define QUEUE_SIZE 256
/* CIDs are the host's: other machines may have the first ones. */
#define FIRST_CID 3u
#define CIDS 4096u

struct vhost_vsock {
	struct virtio_device device;
	int fd;
	uint32_t cid;
	int kick[KERNEL_QUEUES];	/* eventfds: doorbells ... */
	int call[KERNEL_QUEUES];	/* ... and interrupts */
	bool running, failed;		/* guarded by device.lock */
};

int vhost_vsock_open(uint32_t *cid)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC), error;

	if (fd < 0)
		return -errno;
	error = vhost_has(fd, VHOST_RING_FEATURES) ? EADDRINUSE : EOPNOTSUPP;
	for (uint64_t at = FIRST_CID;
	     error == EADDRINUSE && at < FIRST_CID + CIDS; at++) {
		error = ioctl(fd, VHOST_VSOCK_SET_GUEST_CID, &at) < 0 ? errno : 0;
		*cid = at;
	}
	if (!error)
		return fd;
	close(fd);
	return -error;
}

/* --- Handing the queues over and taking them back; device.lock held --- */

static int set_running(const struct vhost_vsock *vsock, int on)
{
	return ioctl(vsock->fd, VHOST_VSOCK_SET_RUNNING, &on) < 0 ? -errno : 0;
}

/* Doorbells and the interrupt: of the kernel, or ours. */
static int tie(struct vhost_vsock *vsock, bool kernel)
{
	struct virtio_device *device = &vsock->device;
	const struct virtio_host_ops *ops = device->bus->ops;
	void *opaque = device->bus->opaque;
	int ret = 0;

	if (!ops->irqfd)
		return -EOPNOTSUPP;
	for (unsigned int i = 0; !ret && i < KERNEL_QUEUES; i++) {
		ret = ops->irqfd(opaque, device->number, i,
				 kernel ? vsock->call[i] : -1);
		if (!ret)
			ret = ops->doorbell(opaque, device->number, i,
					    kernel ? vsock->kick[i] :
						     device->doorbell_fd[i]);
	}
	return ret;
}

static int start(struct vhost_vsock *vsock)
{
	uint64_t features = vsock->device.driver_features & VHOST_RING_FEATURES;
	const uint64_t one = 1;
	unsigned int i;
	int ret;

	if (ioctl(vsock->fd, VHOST_SET_FEATURES, &features) < 0)
		return -errno;
	ret = vhost_set_memory(vsock->fd, vsock->device.bus->memory);
	for (i = 0; !ret && i < KERNEL_QUEUES; i++)
		ret = vhost_set_queue(vsock->fd, i, &vsock->device.queue[i],
				      vsock->kick[i], vsock->call[i]);
	if (!ret)
		ret = tie(vsock, true);
	if (!ret)
		ret = set_running(vsock, 1);
	/* What was rung before the doorbells moved. */
	for (i = 0; !ret && i < KERNEL_QUEUES; i++)
		if (write(vsock->kick[i], &one, sizeof(one)) < 0)
			ret = -errno;
	return ret;
}

static void stop(struct vhost_vsock *vsock)
{
	/* Waits until the kernel's thread has let go. */
	set_running(vsock, 0);
	for (unsigned int i = 0; i < KERNEL_QUEUES; i++)
		vhost_take_back(vsock->fd, i, &vsock->device.queue[i]);
	tie(vsock, false);
	vsock->running = false;
}

/* --- The device --- */

static void vsock_serve(struct virtio_device *device)
{
	struct vhost_vsock *vsock = (struct vhost_vsock *)device;
	char line[120];
	int ret;

	if (vsock->running || vsock->failed || !device->queue[0].enabled ||
	    !device->queue[1].enabled)
		return;
	ret = start(vsock);
	vsock->running = !ret;
	if (!ret)
		return;
	stop(vsock);
	vsock->failed = true;
	if (!device->bus->ops->report)
		return;
	snprintf(line, sizeof(line), "vsock: the host's vhost-vsock refuses "
		 "this guest: %s: exec and cp will not work", strerror(-ret));
	device->bus->ops->report(device->bus->opaque, line);
}

static void vsock_complete(struct virtio_device *device)
{
	/* No event_fd: it is the kernel's. */
	(void)device;
}

static void vsock_queue_off(struct virtio_device *device, unsigned int queue)
{
	struct vhost_vsock *vsock = (struct vhost_vsock *)device;

	if (queue >= KERNEL_QUEUES)
		return;
	if (vsock->running)
		stop(vsock);
	vsock->failed = false;
}

static void vsock_describe(struct virtio_device *device, char *text,
			   size_t room)
{
	struct vhost_vsock *vsock = (struct vhost_vsock *)device;

	snprintf(text, room, "CID %u, by vhost-vsock", vsock->cid);
}

static void vsock_free(struct virtio_device *device)
{
	struct vhost_vsock *vsock = (struct vhost_vsock *)device;

	for (unsigned int i = 0; i < KERNEL_QUEUES; i++) {
		if (vsock->kick[i] >= 0)
			close(vsock->kick[i]);
		if (vsock->call[i] >= 0)
			close(vsock->call[i]);
	}
	close(vsock->fd);
	free(vsock);
}

static const struct virtio_device_type vhost_vsock_type = {
	.name = "vsock",
	.device_id = VIRTIO_ID_VSOCK,
	.nr_queues = 3,
	.queue_size = { QUEUE_SIZE, QUEUE_SIZE, 8 },
	.serve = vsock_serve,
	.complete = vsock_complete,
	.queue_off = vsock_queue_off,
	.describe = vsock_describe,
	.free = vsock_free,
};

int virtio_vhost_vsock_add(struct virtio_bus *bus, int fd, uint32_t cid,
			   struct error *error)
{
	struct vhost_vsock *vsock = calloc(1, sizeof(*vsock));
	const struct virtio_vsock_config config = { .guest_cid = cid };
	struct virtio_device *device;
	bool events = true;
	int number;

	if (!vsock) {
		close(fd);
		return error_set(error, "vsock: out of memory");
	}
	vsock->fd = fd;
	vsock->cid = cid;
	for (unsigned int i = 0; i < KERNEL_QUEUES; i++) {
		vsock->kick[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		vsock->call[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		events &= vsock->kick[i] >= 0 && vsock->call[i] >= 0;
	}
	device = &vsock->device;
	device->type = &vhost_vsock_type;
	device->event_fd = -1;
	snprintf(device->tag, sizeof(device->tag), "vsock");
	memcpy(device->config, &config, sizeof(config));
	device->config_len = sizeof(config);
	number = events ? virtio_device_add(bus, device, error) :
		 error_set(error, "vsock: no event descriptors: %s: raise the "
			   "limit of open files (ulimit -n)", strerror(errno));
	if (number < 0)
		vsock_free(device);
	return number;
}
