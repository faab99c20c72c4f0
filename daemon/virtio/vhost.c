// SPDX-License-Identifier: GPL-2.0
/* The common part of the kernel's vhost devices: see vhost.h. */
#include <errno.h>
#include <linux/vhost.h>
#include <stdlib.h>
#include <sys/ioctl.h>

/* The kernel's header has it as a bit's number, ours as a mask. */
#undef VIRTIO_F_VERSION_1

#include "bus.h"
#include "vhost.h"

/* drivers/vhost/vhost.c: the default of its parameter max_mem_regions. */
#define MAX_REGIONS 64

bool vhost_has(int fd, uint64_t features)
{
	uint64_t offered;

	return ioctl(fd, VHOST_SET_OWNER) >= 0 &&
	       ioctl(fd, VHOST_GET_FEATURES, &offered) >= 0 &&
	       (offered & features) == features;
}

int vhost_set_memory(int fd, const struct guest_memory *memory)
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

int vhost_set_queue(int fd, unsigned int index, const struct virtqueue *queue,
		    int kick, int call)
{
	struct vhost_vring_state size = { index, queue->size };
	struct vhost_vring_state base = { index, queue->next_avail };
	struct vhost_vring_addr address = {
		.index = index,
		.desc_user_addr = ring_address(&queue->desc),
		.avail_user_addr = ring_address(&queue->avail),
		.used_user_addr = ring_address(&queue->used),
	};
	struct vhost_vring_file kick_file = { index, kick };
	struct vhost_vring_file call_file = { index, call };

	if (!address.desc_user_addr || !address.avail_user_addr ||
	    !address.used_user_addr)
		return -EFAULT;
	if (ioctl(fd, VHOST_SET_VRING_NUM, &size) < 0 ||
	    ioctl(fd, VHOST_SET_VRING_BASE, &base) < 0 ||
	    ioctl(fd, VHOST_SET_VRING_ADDR, &address) < 0 ||
	    ioctl(fd, VHOST_SET_VRING_KICK, &kick_file) < 0 ||
	    ioctl(fd, VHOST_SET_VRING_CALL, &call_file) < 0)
		return -errno;
	return 0;
}

void vhost_take_back(int fd, unsigned int index, struct virtqueue *queue)
{
	struct vhost_vring_state state = { .index = index };

	if (!queue->enabled || ioctl(fd, VHOST_GET_VRING_BASE, &state) < 0)
		return;
	/* Everything that it took it has given back. */
	queue->next_avail = state.num;
	queue->next_used = state.num;
	queue->signalled = state.num;
}
