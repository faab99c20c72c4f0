/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The bus: device pages, commands in right and wrong order, restart; with
 * virtio-rng as the device, which is tested on the way.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../../daemon/virtio/device.h"
#include "guest.h"
#include "tap.h"

#define ACK	VIRTIO_STATUS_ACKNOWLEDGE
#define DRIVER	VIRTIO_STATUS_DRIVER
#define FEATURES VIRTIO_STATUS_FEATURES_OK
#define OK	VIRTIO_STATUS_DRIVER_OK

static struct guest guest;
static struct dqueue queue;

static struct colinux_device_page *page(void)
{
	return device_page(&guest, 0);
}

static void types(void)
{
	size_t i, wrong = 0;

	for (i = 0; i < virtio_nr_device_types; i++) {
		const struct virtio_device_type *type = virtio_device_types[i];

		wrong += !type->name || !type->device_id || !type->nr_queues ||
			 type->nr_queues > COLINUX_DEVICE_QUEUES ||
			 !type->serve || !type->complete ||
			 !type->queue_off || !type->free;
		for (unsigned int q = 0; q < type->nr_queues; q++)
			wrong += !type->queue_size[q] || type->queue_size[q] &
				 (type->queue_size[q] - 1);
	}
	check(!wrong && i == 6, "the device types are complete");
}

static void start(void)
{
	struct error error;

	check(command(&guest, 0, COLINUX_DEV_RESET, 0, 0) == -ENODEV,
	      "no device on an empty bus");
	check(virtio_rng_add(guest.bus, &error) == 0, "add");
	check(command(&guest, 0, COLINUX_DEV_RESET, 0, 0) == -ENODEV,
	      "no commands before the start");
	check(virtio_bus_start(guest.bus, &error) == 1, "start");
	check(page()->magic == COLINUX_DEVICE_MAGIC &&
	      page()->device_id == VIRTIO_ID_RNG &&
	      page()->nr_queues == 1 && page()->queue[0].max_size == 64 &&
	      !page()->queue[1].max_size && !strcmp(page()->tag, "rng") &&
	      !page()->status && !page()->config_len,
	      "the page describes it");
	check(guest.doorbell[0][0] >= 0 && guest.doorbell[0][1] < 0,
	      "its doorbell is tied");
	check(!device_page(&guest, 1)->magic, "the next slot is empty");
}

static void negotiation(void)
{
	check(command(&guest, 1, COLINUX_DEV_RESET, 0, 0) == -ENODEV &&
	      command(&guest, -1u, COLINUX_DEV_RESET, 0, 0) == -ENODEV,
	      "no such device");
	check(command(&guest, 0, 5, 0, 0) == -EINVAL &&
	      command(&guest, 0, -1u, 0, 0) == -EINVAL, "no such command");
	check(set_status(&guest, 0, ACK) == 0 && page()->status == ACK,
	      "ACKNOWLEDGE");
	check(set_status(&guest, 0, ACK | DRIVER) == 0, "DRIVER");
	check(set_status(&guest, 0, DRIVER) == -EINVAL &&
	      page()->status == (ACK | DRIVER), "bits cannot be cleared");
	check(set_status(&guest, 0, ACK | DRIVER | 0x100) == -EINVAL &&
	      page()->status == (ACK | DRIVER), "unknown bits are refused");
	check(set_status(&guest, 0, ACK | DRIVER | FEATURES) == -EINVAL &&
	      page()->status == (ACK | DRIVER),
	      "FEATURES_OK needs features");
	check(set_status(&guest, 0, ACK | DRIVER | OK) == -EINVAL &&
	      page()->status == (ACK | DRIVER),
	      "DRIVER_OK needs FEATURES_OK");
	page()->driver_features = offered(&guest, 0) | 1ull << 60;
	check(command(&guest, 0, COLINUX_DEV_FEATURES, 0, 0) == -EINVAL,
	      "features that were not offered");
	page()->driver_features = VIRTIO_F_EVENT_IDX;
	check(command(&guest, 0, COLINUX_DEV_FEATURES, 0, 0) == -EINVAL,
	      "without VERSION_1");
	check(set_status(&guest, 0, ACK | DRIVER | FEATURES) == -EINVAL,
	      "still no FEATURES_OK");
	check(queue_on(&guest, &queue, 0, 0, 8, 0) == -EINVAL,
	      "queues come after the features");
	page()->driver_features = offered(&guest, 0);
	check(command(&guest, 0, COLINUX_DEV_FEATURES, 0, 0) == 0 &&
	      set_status(&guest, 0, ACK | DRIVER | FEATURES) == 0 &&
	      page()->status == (ACK | DRIVER | FEATURES), "FEATURES_OK");
	check(command(&guest, 0, COLINUX_DEV_FEATURES, 0, 0) == -EBUSY,
	      "features are settled");
	check(queue_on(&guest, &queue, 0, 0, 128, 0) == -EINVAL &&
	      !page()->queue[0].enable, "a queue that is too large");
	check(queue_on(&guest, &queue, 0, 0, 7, 0) == -EINVAL, "size 7");
	page()->queue[0].size = 8;
	page()->queue[0].desc = HOLE;
	page()->queue[0].enable = 1;
	check(command(&guest, 0, COLINUX_DEV_QUEUE, 0, 0) == -EFAULT,
	      "a queue outside of guest RAM");
	check(command(&guest, 0, COLINUX_DEV_QUEUE, 1, 0) == -EINVAL &&
	      command(&guest, 0, COLINUX_DEV_QUEUE, -1ull, 0) == -EINVAL,
	      "a queue that there is not");
	check(queue_on(&guest, &queue, 0, 0, 8, 0) == 0, "queue on");
	check(command(&guest, 0, COLINUX_DEV_QUEUE, 0, 0) == -EBUSY,
	      "and once more");
	check(command(&guest, 0, COLINUX_DEV_CONFIG_WRITE, 0, 1) == -EINVAL &&
	      command(&guest, 0, COLINUX_DEV_CONFIG_WRITE, 0, 0) == -EPERM,
	      "no configuration to write");
	check(set_status(&guest, 0, ACK | DRIVER | FEATURES | OK) == 0,
	      "DRIVER_OK");
}

/* One request for random bytes. */
static bool get_random(uint64_t machine, uint32_t room, uint32_t *length)
{
	const struct piece piece = { machine, room, true };
	uint32_t head;

	queue_add(&queue, &piece, 1, 0);
	queue_kick(&queue);
	return queue_wait(&queue, &head, length);
}

static void random_bytes(void)
{
	uint64_t buffer = guest_alloc(&guest, 4096), a[2], b[2];
	uint32_t length;

	check(get_random(buffer, 16, &length) && length == 16, "16 bytes");
	copy_out(&guest, buffer, a, 16);
	check(get_random(buffer, 16, &length), "16 more");
	copy_out(&guest, buffer, b, 16);
	check(a[0] != b[0] && a[1] != b[1], "are others");
	check(get_random(SECOND - 7, 64, &length) && length == 64,
	      "into two extents");
	check(get_random(buffer, 4096, &length) && length == 256,
	      "a large buffer gets a part");
	for (int i = 0; i < 1000; i++)
		if (!get_random(buffer, 8, &length) || length != 8)
			die("rng");
	check(true, "1000 requests");
}

static void before_ready(void)
{
	uint64_t buffer = guest_alloc(&guest, 4096);
	const struct piece piece = { buffer, 8, true };
	uint32_t head, length;

	negotiate(&guest, 0, VIRTIO_F_VERSION_1);
	queue_on(&guest, &queue, 0, 0, 8, 0);
	queue_add(&queue, &piece, 1, 0);
	queue_kick(&queue);
	/* The thread has had its turn, whatever it did with the doorbell. */
	virtio_device_turn(virtio_bus_device(guest.bus, 0), false);
	check(!queue_has_used(&queue), "no buffer is used before DRIVER_OK");
	check(set_status(&guest, 0, 15) == 0 &&
	      queue_wait(&queue, &head, &length) && length == 8,
	      "but right after it, without a doorbell");
}

static void broken(void)
{
	const struct piece bad = { HOLE, 8, true };
	uint64_t buffer = guest_alloc(&guest, 4096), irqs;
	uint32_t generation = page()->config_generation;
	unsigned int reports = guest.reports;

	irqs = irq_count(&guest, 0);
	queue_add(&queue, &bad, 1, 0);
	queue_kick(&queue);
	check(wait_irq(&guest, 0, irqs) &&
	      page()->status == (15 | VIRTIO_STATUS_NEEDS_RESET) &&
	      page()->config_generation == generation + 2,
	      "a broken ring: NEEDS_RESET, told as a configuration change");
	check(guest.reports == reports + 1, "%s", guest.last_report);
	check(set_status(&guest, 0, 15) == 0 &&
	      page()->status == (15 | VIRTIO_STATUS_NEEDS_RESET),
	      "a status write does not clear it");
	check(set_status(&guest, 0, 0) == 0 && !page()->status &&
	      !page()->queue[0].enable && !page()->driver_features,
	      "status 0 is a reset");
	negotiate(&guest, 0, offered(&guest, 0));
	queue_on(&guest, &queue, 0, 0, 8, 0);
	set_status(&guest, 0, 15);
	check(get_random(buffer, 8, &(uint32_t){ 0 }), "works again");
}

static void queue_off_and_on(void)
{
	uint64_t buffer = guest_alloc(&guest, 4096);
	const struct piece piece = { buffer, 8, true };

	check(queue_off(&queue) == 0 && queue_off(&queue) == 0, "queue off");
	queue_add(&queue, &piece, 1, 0);
	queue_kick(&queue);
	virtio_device_turn(virtio_bus_device(guest.bus, 0), false);
	check(!queue_has_used(&queue), "nothing is used");
	check(queue_on(&guest, &queue, 0, 0, 8, 0) == 0 &&
	      get_random(buffer, 8, &(uint32_t){ 0 }), "on again");
}

static void restart(void)
{
	uint64_t buffer = guest_alloc(&guest, 4096);
	struct error error;
	char text[100];

	virtio_bus_reset(guest.bus);
	check(guest.doorbell[0][0] < 0, "reset unties the doorbells");
	check(command(&guest, 0, COLINUX_DEV_STATUS, 0, 0) == -ENODEV,
	      "no commands after it");
	memset(guest.ram, 0xff, 4 * MiB);
	check(virtio_bus_start(guest.bus, &error) == 1 &&
	      page()->magic == COLINUX_DEVICE_MAGIC && !page()->status,
	      "start over in memory that was overwritten");
	negotiate(&guest, 0, offered(&guest, 0));
	queue_on(&guest, &queue, 0, 0, 8, 0);
	set_status(&guest, 0, 15);
	check(get_random(buffer, 8, &(uint32_t){ 0 }), "works");
	check(virtio_bus_describe(guest.bus, 0, text, sizeof(text)) &&
	      !strcmp(text, "rng: random numbers") &&
	      !virtio_bus_describe(guest.bus, 1, text, sizeof(text)),
	      "describe");
}

static void too_many(void)
{
	struct error error = { "" };
	int i;

	for (i = 1; i < COLINUX_MAX_DEVICES; i++)
		if (virtio_rng_add(guest.bus, &error) != i)
			die("virtio_rng_add");
	check(virtio_rng_add(guest.bus, &error) < 0 && error.text[0],
	      "%s", error.text);
	virtio_bus_reset(guest.bus);
	check(virtio_bus_start(guest.bus, &error) == COLINUX_MAX_DEVICES,
	      "64 devices");
	guest.memory.size = 3 * MiB;
	check(virtio_bus_start(guest.bus, &error) < 0, "%s", error.text);
	guest.memory.size = RAM_SIZE;
}

int main(void)
{
	guest_init(&guest);
	types();
	start();
	negotiation();
	random_bytes();
	before_ready();
	broken();
	queue_off_and_on();
	restart();
	too_many();
	guest_exit(&guest);
	return done();
}
