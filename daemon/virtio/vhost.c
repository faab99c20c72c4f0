// SPDX-License-Identifier: GPL-2.0
/* The common part of the kernel's vhost devices: see vhost.h. */
#include <errno.h>
#include <linux/vhost.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The kernel's header has it as a bit's number, ours as a mask. */
#undef VIRTIO_F_VERSION_1

#include "bus.h"
#include "vhost.h"

int vhost_take(int fd, uint64_t features)
{
	uint64_t offered;

	if (ioctl(fd, VHOST_SET_OWNER) < 0 ||
	    ioctl(fd, VHOST_GET_FEATURES, &offered) < 0)
		return -errno;
	return features & ~offered ? -EOPNOTSUPP : 0;
}

static int set_memory(int fd, const struct guest_memory *memory)
{
	struct vhost_memory *table;
	size_t i;
	int ret;

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

static int set_ring(const struct vhost_pair *pair, unsigned int index,
		    const struct virtqueue *queue)
{
	struct vhost_vring_state size = { index, queue->size };
	struct vhost_vring_state base = { index, queue->next_avail };
	struct vhost_vring_addr address = {
		.index = index,
		.desc_user_addr = ring_address(&queue->desc),
		.avail_user_addr = ring_address(&queue->avail),
		.used_user_addr = ring_address(&queue->used),
	};
	struct vhost_vring_file kick = { index, pair->kick[index] };
	struct vhost_vring_file call = { index, pair->call[index] };
	const int fd = pair->fd;

	if (!address.desc_user_addr || !address.avail_user_addr ||
	    !address.used_user_addr)
		return -EFAULT;
	if (ioctl(fd, VHOST_SET_VRING_NUM, &size) < 0 ||
	    ioctl(fd, VHOST_SET_VRING_BASE, &base) < 0 ||
	    ioctl(fd, VHOST_SET_VRING_ADDR, &address) < 0 ||
	    ioctl(fd, VHOST_SET_VRING_KICK, &kick) < 0 ||
	    ioctl(fd, VHOST_SET_VRING_CALL, &call) < 0)
		return -errno;
	return 0;
}

static void take_back(int fd, unsigned int index, struct virtqueue *queue)
{
	struct vhost_vring_state state = { .index = index };

	if (!queue->enabled || ioctl(fd, VHOST_GET_VRING_BASE, &state) < 0)
		return;
	/* Everything that it took it has given back. */
	queue->next_avail = state.num;
	queue->next_used = state.num;
	queue->signalled = state.num;
}

/* --- Pairs --- */

int vhost_pair_init(struct vhost_pair *pair, int fd, unsigned int first)
{
	int error;

	*pair = (struct vhost_pair){
		.fd = fd, .first = first, .kick = { -1, -1 },
		.call = { -1, -1 },
	};
	for (unsigned int i = 0; i < VHOST_PAIR; i++) {
		pair->kick[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		pair->call[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (pair->kick[i] < 0 || pair->call[i] < 0) {
			error = errno;
			vhost_pair_exit(pair);
			return -error;
		}
	}
	return 0;
}

void vhost_pair_exit(struct vhost_pair *pair)
{
	for (unsigned int i = 0; i < VHOST_PAIR; i++) {
		if (pair->kick[i] >= 0)
			close(pair->kick[i]);
		if (pair->call[i] >= 0)
			close(pair->call[i]);
		pair->kick[i] = pair->call[i] = -1;
	}
	pair->fd = -1;
}

/* Where the doorbells of both queues go, and where interrupts come from. */
static int tie(const struct vhost_pair *pair, struct virtio_device *device,
	       bool ours)
{
	const struct virtio_host_ops *ops = device->bus->ops;
	void *opaque = device->bus->opaque;
	int ret = 0;

	if (!ops->irqfd)
		return -EOPNOTSUPP;
	for (unsigned int i = 0; !ret && i < VHOST_PAIR; i++) {
		unsigned int queue = pair->first + i;

		ret = ops->doorbell(opaque, device->number, queue, ours ?
				    device->doorbell_fd[queue] : pair->kick[i]);
		if (!ret)
			ret = ops->irqfd(opaque, device->number, queue,
					 ours ? -1 : pair->call[i]);
	}
	return ret;
}

int vhost_pair_give(const struct vhost_pair *pair,
		    struct virtio_device *device, uint64_t features)
{
	int ret;

	features &= device->driver_features;
	if (ioctl(pair->fd, VHOST_SET_FEATURES, &features) < 0)
		return -errno;
	ret = set_memory(pair->fd, device->bus->memory);
	for (unsigned int i = 0; !ret && i < VHOST_PAIR; i++)
		ret = set_ring(pair, i, &device->queue[pair->first + i]);
	return ret ? ret : tie(pair, device, false);
}

int vhost_pair_ring(const struct vhost_pair *pair)
{
	const uint64_t one = 1;

	for (unsigned int i = 0; i < VHOST_PAIR; i++)
		if (write(pair->kick[i], &one, sizeof(one)) < 0)
			return -errno;
	return 0;
}

void vhost_pair_take_back(const struct vhost_pair *pair,
			  struct virtio_device *device)
{
	for (unsigned int i = 0; i < VHOST_PAIR; i++)
		take_back(pair->fd, i, &device->queue[pair->first + i]);
	tie(pair, device, true);
}
