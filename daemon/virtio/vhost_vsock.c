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
#include <sys/ioctl.h>
#include <unistd.h>

/* The kernel's header has it as a bit's number, ours as a mask. */
#undef VIRTIO_F_VERSION_1

#include "bus.h"
#include "device.h"
#include "vhost.h"

#define DEVICE "/dev/vhost-vsock"
/* virtio 1.2, 5.10.2: rx, tx, and events, which the kernel does not serve. */
#define QUEUE_SIZE 256
/* CIDs are the host's: other machines may have the first ones. */
#define FIRST_CID 3u
#define CIDS 4096u

struct vhost_vsock {
	struct virtio_device device;
	int fd;
	uint32_t cid;
	struct vhost_pair rings;
	bool running, failed;		/* guarded by device.lock */
};

int vhost_vsock_open(uint32_t *cid)
{
	int fd = open(DEVICE, O_RDWR | O_CLOEXEC), error;

	if (fd < 0)
		return -errno;
	error = vhost_take(fd, VHOST_RING_FEATURES) ? EOPNOTSUPP : EADDRINUSE;
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

static int start(struct vhost_vsock *vsock)
{
	int ret = vhost_pair_give(&vsock->rings, &vsock->device,
				  VHOST_RING_FEATURES);

	if (!ret)
		ret = set_running(vsock, 1);
	return ret ? ret : vhost_pair_ring(&vsock->rings);
}

static void stop(struct vhost_vsock *vsock)
{
	/* Waits until the kernel's thread has let go. */
	set_running(vsock, 0);
	vhost_pair_take_back(&vsock->rings, &vsock->device);
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

	if (queue >= VHOST_PAIR)
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

	vhost_pair_exit(&vsock->rings);
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
	int number, ret;

	if (!vsock) {
		close(fd);
		return error_set(error, "vsock: out of memory");
	}
	vsock->fd = fd;
	vsock->cid = cid;
	ret = vhost_pair_init(&vsock->rings, fd, 0);
	device = &vsock->device;
	device->type = &vhost_vsock_type;
	device->event_fd = -1;
	snprintf(device->tag, sizeof(device->tag), "vsock");
	memcpy(device->config, &config, sizeof(config));
	device->config_len = sizeof(config);
	number = !ret ? virtio_device_add(bus, device, error) :
		 error_set(error, "vsock: no event descriptors: %s: raise the "
			   "limit of open files (ulimit -n)", strerror(-ret));
	if (number < 0)
		vsock_free(device);
	return number;
}
