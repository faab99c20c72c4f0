// SPDX-License-Identifier: GPL-2.0
/*
 * vhost-net: see vhost_net.h.  Doorbells go straight from the driver to the
 * kernel's thread and its interrupts straight to the guest; this process does
 * not run while frames flow.
 */
#include <errno.h>
#include <linux/vhost.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The kernel's header has it as a bit's number, ours as a mask. */
#undef VIRTIO_F_VERSION_1

#include "bus.h"
#include "vhost_net.h"

/* drivers/vhost/vhost.c: the default of its parameter max_mem_regions. */
#define MAX_REGIONS 64

/* What we tell the guest about rings, the kernel has to keep. */
#define RING_FEATURES (VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | \
		       VIRTIO_F_EVENT_IDX | VIRTIO_NET_F_MRG_RXBUF)

bool vhost_net_init(struct vhost_net *vhost, int fd, unsigned int first)
{
	uint64_t features;

	*vhost = (struct vhost_net){
		.fd = -1, .first = first, .kick = { -1, -1 },
	};
	if (fd < 0 || ioctl(fd, VHOST_SET_OWNER) < 0 ||
	    ioctl(fd, VHOST_GET_FEATURES, &features) < 0 ||
	    (features & RING_FEATURES) != RING_FEATURES)
		return false;
	vhost->kick[0] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	vhost->kick[1] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (vhost->kick[0] < 0 || vhost->kick[1] < 0) {
		vhost_net_exit(vhost);
		return false;
	}
	vhost->fd = fd;
	return true;
}

void vhost_net_exit(struct vhost_net *vhost)
{
	if (vhost->kick[0] >= 0)
		close(vhost->kick[0]);
	if (vhost->kick[1] >= 0)
		close(vhost->kick[1]);
	*vhost = (struct vhost_net){ .fd = -1, .kick = { -1, -1 } };
}

static int set_memory(int fd, const struct guest_memory *memory)
{
	struct vhost_memory *table;
	size_t i;
	int ret;

	if (memory->nr_ranges > MAX_REGIONS)
		return -E2BIG;
	table = calloc(1, sizeof(*table) +
		       memory->nr_ranges * sizeof(table->regions[0]));
	if (!table)
		return -ENOMEM;
	table->nregions = memory->nr_ranges;
	for (i = 0; i < memory->nr_ranges; i++) {
		const struct guest_range *range = &memory->ranges[i];

		table->regions[i].guest_phys_addr = range->machine;
		table->regions[i].memory_size = range->size;
		table->regions[i].userspace_addr =
			(uintptr_t)memory->base + range->offset;
	}
	ret = ioctl(fd, VHOST_SET_MEM_TABLE, table) < 0 ? -errno : 0;
	free(table);
	return ret;
}

/* A ring that is in one piece in our address space, or 0. */
static uint64_t ring_address(const struct virtqueue_ring *ring)
{
	return ring->split >= ring->length ? (uintptr_t)ring->part[0] : 0;
}

static int set_queue(const struct vhost_net *vhost,
		     const struct virtqueue *queue, unsigned int index,
		     int call_fd)
{
	struct vhost_vring_state size = { index, queue->size };
	struct vhost_vring_state base = { index, queue->next_avail };
	struct vhost_vring_addr address = {
		.index = index,
		.desc_user_addr = ring_address(&queue->desc),
		.avail_user_addr = ring_address(&queue->avail),
		.used_user_addr = ring_address(&queue->used),
	};
	struct vhost_vring_file kick = { index, vhost->kick[index] };
	struct vhost_vring_file call = { index, call_fd };

	if (!address.desc_user_addr || !address.avail_user_addr ||
	    !address.used_user_addr)
		return -EFAULT;
	if (ioctl(vhost->fd, VHOST_SET_VRING_NUM, &size) < 0 ||
	    ioctl(vhost->fd, VHOST_SET_VRING_BASE, &base) < 0 ||
	    ioctl(vhost->fd, VHOST_SET_VRING_ADDR, &address) < 0 ||
	    ioctl(vhost->fd, VHOST_SET_VRING_KICK, &kick) < 0 ||
	    ioctl(vhost->fd, VHOST_SET_VRING_CALL, &call) < 0)
		return -errno;
	return 0;
}

static int set_backend(const struct vhost_net *vhost, unsigned int index,
		       int fd)
{
	struct vhost_vring_file backend = { index, fd };

	return ioctl(vhost->fd, VHOST_NET_SET_BACKEND, &backend) < 0 ?
		       -errno : 0;
}

/* Where the doorbells of both queues go. */
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
		if (ret)
			return ret;
	}
	return 0;
}

static int start(struct vhost_net *vhost, struct virtio_device *device,
		 int tap_fd, int call)
{
	uint64_t features = device->driver_features & RING_FEATURES;
	const uint64_t one = 1;
	int i, ret;

	if (ioctl(vhost->fd, VHOST_SET_FEATURES, &features) < 0)
		return -errno;
	ret = set_memory(vhost->fd, device->bus->memory);
	for (i = 0; !ret && i < 2; i++)
		ret = set_queue(vhost, &device->queue[vhost->first + i], i,
				call);
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
		    int tap_fd, int call)
{
	int ret = start(vhost, device, tap_fd, call);

	vhost->running = true;
	if (ret)
		vhost_net_stop(vhost, device);
	return ret;
}

void vhost_net_stop(struct vhost_net *vhost, struct virtio_device *device)
{
	struct vhost_vring_state state;
	unsigned int i;

	if (!vhost->running)
		return;
	vhost->running = false;
	for (i = 0; i < 2; i++) {
		struct virtqueue *queue = &device->queue[vhost->first + i];

		/* Waits until the kernel's thread has let go of the queue. */
		set_backend(vhost, i, -1);
		state = (struct vhost_vring_state){ .index = i };
		if (!queue->enabled ||
		    ioctl(vhost->fd, VHOST_GET_VRING_BASE, &state) < 0)
			continue;
		/* Everything that it took it has given back. */
		queue->next_avail = state.num;
		queue->next_used = state.num;
		queue->signalled = state.num;
	}
	tie(vhost, device, true);
}
