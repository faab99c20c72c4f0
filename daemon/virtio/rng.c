/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-rng (virtio 1.2 section 5.4): random numbers from the host.  The
 * smallest device there is, and the model of the others.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "../os.h"
#include "device.h"

/* Bytes given per request (5.4.6.2: one or more). */
#define MOST 256

struct virtio_rng {
	struct virtio_device device;
	struct virtqueue_chain chain;
};

static void rng_serve(struct virtio_device *device)
{
	struct virtio_rng *rng = (struct virtio_rng *)device;
	struct virtqueue *queue = &device->queue[0];
	uint8_t bytes[MOST];

	do {
		virtqueue_mute(queue);
		while (virtio_device_pop(device, 0, &rng->chain)) {
			struct virtqueue_chain *chain = &rng->chain;
			size_t got = os_random(bytes, sizeof(bytes));
			size_t done = iovec_write(chain->iov + chain->nr_out,
						  chain->nr_in, bytes, got);

			virtqueue_push(queue, chain->head, done);
		}
	} while (virtqueue_unmute(queue) && virtio_device_runs(device));
	virtio_device_interrupt(device, 0);
}

static void rng_complete(struct virtio_device *device)
{
	/* No back-end that works on its own: event_fd is -1. */
	(void)device;
}

static void rng_queue_off(struct virtio_device *device, unsigned int queue)
{
	/* Nothing outlives rng_serve(). */
	(void)device;
	(void)queue;
}

static void rng_free(struct virtio_device *device)
{
	free(device);
}

const struct virtio_device_type virtio_rng_type = {
	.name = "random numbers",
	.device_id = VIRTIO_ID_RNG,
	.nr_queues = 1,
	.queue_size = { 64 },
	.serve = rng_serve,
	.complete = rng_complete,
	.queue_off = rng_queue_off,
	.free = rng_free,
};

int virtio_rng_add(struct virtio_bus *bus, struct error *error)
{
	struct virtio_rng *rng = calloc(1, sizeof(*rng));
	int number;

	if (!rng)
		return error_set(error, "rng: out of memory");
	rng->device.type = &virtio_rng_type;
	rng->device.event_fd = -1;
	snprintf(rng->device.tag, sizeof(rng->device.tag), "rng");
	number = virtio_device_add(bus, &rng->device, error);
	if (number < 0)
		free(rng);
	return number;
}
