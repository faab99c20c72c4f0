/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Devices against libFuzzer: an input is a program for a hostile driver, which
 * writes the device's page, descriptors, rings and buffers, gives commands and
 * rings.  What is looked for: crashes and undefined behaviour (ASan, UBSan) and
 * hangs.  tests/unit/virtio/fuzz_test.c is the same with random numbers, which
 * get further with less; this one finds what depends on single values.
 *
 * The first byte is the device; each step is a byte and its operands.  At the
 * end of an input the device is reset, so that an input stands for itself.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../daemon/virtio/balloon.h"
#include "../../daemon/virtio/device.h"
#include "../unit/virtio/blkdev.h"
#include "../unit/virtio/tap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define IMAGE (1 * MiB)
/* Rings, tables and buffers are here. */
#define ARENA FIFTH
#define ARENA_SIZE 0x8000u
#define RING 16u
#define NR_RINGS 6u
/* A driver does this much before anybody looks. */
#define STEPS 64

enum step {
	STEP_READY,	/* negotiate, switch queues on, DRIVER_OK */
	STEP_COMMAND,
	STEP_PAGE,	/* a field of the device's page */
	STEP_DESCRIPTOR,
	STEP_AVAIL,	/* chains into a ring */
	STEP_BYTES,	/* into the arena */
	STEP_SERVE,
	NR_STEPS,
};

static struct guest guest;
static struct blkdev blk;
static struct virtio_console *console;
static unsigned int nr_devices;
static const uint8_t *input, *input_end;

static uint64_t take(unsigned int bytes)
{
	uint64_t value = 0;

	while (bytes--)
		value = value << 8 | (input < input_end ? *input++ : 0);
	return value;
}

static size_t swallow(void *opaque, const void *text, size_t length)
{
	(void)opaque;
	(void)text;
	return length > 100 ? length / 2 : length;
}

static size_t chatter(void *opaque, void *buffer, size_t room)
{
	size_t length = room < 10 ? room : 10;

	(void)opaque;
	memset(buffer, 'a', length);
	return length;
}

static const struct virtio_console_ops console_ops = {
	.output = swallow,
	.input = chatter,
};

/* What goes out comes back, as far as there is room. */
static void *bounce(void *opaque)
{
	uint8_t *frame = malloc(70000);
	int *fd = opaque;
	ssize_t length;

	while ((length = recv(*fd, frame, 70000, 0)) > 0)
		send(*fd, frame, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	free(frame);
	free(fd);
	return NULL;
}

/* One end for the device; the other one bounces. */
static int open_end(void)
{
	int pair[2], *other = malloc(sizeof(*other));
	pthread_t thread;

	if (!other ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
	    fcntl(pair[1], F_SETFL, O_NONBLOCK) < 0)
		die("socketpair");
	*other = pair[0];
	if (pthread_create(&thread, NULL, bounce, other))
		die("thread");
	pthread_detach(thread);
	return pair[1];
}

static void add_card(unsigned int pairs)
{
	struct net_device_options options = { .tag = "eth" };
	struct error error;

	options.backend = net_backend_new(NET_SLIRP, open_end(), &error);
	if (!options.backend)
		die(error.text);
	while (--pairs)
		if (net_backend_add_pair(options.backend, open_end()) < 0)
			die("pair");
	if (virtio_net_add(guest.bus, &options, &error) < 0)
		die(error.text);
}

static void set_up(void)
{
	const struct blk_options options = { .engine = DISK_ENGINE_AUTO };
	const struct vsock_options sockets = { .cid = 3, .listener = -1 };
	struct virtio_balloon *balloon;
	struct error error;
	int started;

	blkdev_directory(access("/dev/shm", W_OK) ? "/tmp/" : "/dev/shm/");
	guest_init(&guest);
	alarm(0);		/* libFuzzer has limits of its own */
	guest.next_free = FIFTH + ARENA_SIZE;
	blkdev_image(&blk, &guest, IMAGE);
	unlink(blk.path);
	if (virtio_rng_add(guest.bus, &error) < 0 ||
	    virtio_console_add(guest.bus, &console_ops, NULL, &console,
			       &error) < 0)
		die(error.text);
	if (virtio_vsock_add(guest.bus, &sockets, &error) < 0)
		die(error.text);
	add_card(1);
	add_card(2);
	blkdev_image(&blk, &guest, IMAGE);
	blkdev_add(&blk, &options);
	unlink(blk.path);
	if (virtio_balloon_add(guest.bus, &balloon, &error) < 0)
		die(error.text);
	/* Half of what the guest has. */
	virtio_balloon_set(balloon, 5 * MiB / 4096);
	started = virtio_bus_start(guest.bus, &error);
	if (started < 0)
		die(error.text);
	nr_devices = started;
}

/* Mostly in the arena; the borders of everything else as well. */
static uint64_t some_address(void)
{
	static const uint64_t edges[] = {
		FIRST, SECOND, SECOND - 8, THIRD, FOURTH, FOURTH - 3,
		SIXTH + 2 * MiB - 8, HOLE, 0, -8ull,
	};
	uint8_t how = take(1);

	if (how < 240)
		return ARENA + take(2) % ARENA_SIZE;
	if (how < 250)
		return edges[how - 240];
	return take(8);
}

static uint64_t ring_of(unsigned int queue)
{
	return ARENA + 0x4000 + queue % NR_RINGS * 0x800;
}

static struct colinux_device_queue proper_queue(unsigned int queue)
{
	return (struct colinux_device_queue){
		.size = RING, .enable = 1, .desc = ring_of(queue),
		.avail = ring_of(queue) + 16 * RING,
		.used = ring_of(queue) + 16 * RING + 64,
	};
}

static void ready(unsigned int device)
{
	struct colinux_device_page *page = device_page(&guest, device);
	uint64_t features = offered(&guest, device) & ~take(8);
	unsigned int queue;

	negotiate(&guest, device, features | VIRTIO_F_VERSION_1);
	for (queue = 0; queue < NR_RINGS; queue++) {
		memset(at(&guest, ring_of(queue), 0x800), 0, 0x800);
		page->queue[queue] = proper_queue(queue);
		command(&guest, device, COLINUX_DEV_QUEUE, queue, 0);
	}
	set_status(&guest, device, 15);
}

static void write_page(unsigned int device)
{
	struct colinux_device_page *page = device_page(&guest, device);
	uint8_t *bytes = (uint8_t *)page;
	unsigned int queue = take(1) % COLINUX_DEVICE_QUEUES, at_byte;

	switch (take(1) % 5) {
	case 0:
		page->status = take(4);
		break;
	case 1:
		page->driver_features = take(8);
		break;
	case 2:
		page->queue[queue] = proper_queue(queue);
		page->queue[queue].enable = take(1) & 1;
		break;
	case 3:
		page->queue[queue] = (struct colinux_device_queue){
			.size = take(2), .enable = take(1),
			.desc = some_address(), .avail = some_address(),
			.used = some_address(),
		};
		break;
	default:
		at_byte = take(2) % sizeof(*page);
		bytes[at_byte] = take(1);
	}
}

static void write_descriptor(void)
{
	uint64_t table = take(1) & 1 ? ring_of(take(1)) :
				       ARENA + take(1) * 0x40;
	unsigned int index = take(1) % RING;
	uint64_t address = some_address();
	uint32_t length = take(1) < 250 ? take(2) : take(4);
	uint16_t flags = take(1), next = take(1);

	put_desc(&guest, table + 16 * index, address, length, flags, next);
}

/* A chain, or several, becomes available. */
static void make_available(void)
{
	uint64_t avail = ring_of(take(1)) + 16 * RING;
	uint16_t idx = load16(&guest, avail + 2);
	unsigned int nr = take(1), i;

	for (i = 0; i < nr % 8; i++)
		store16(&guest, avail + 4 + 2 * ((idx + i) % RING), take(1));
	store16(&guest, avail + 2, nr < 240 ? idx + nr % 8 : take(2));
	store16(&guest, avail + 4 + 2 * RING, take(2));
}

static void write_bytes(void)
{
	uint64_t where = ARENA + take(2) % (ARENA_SIZE - 256);
	unsigned int length = take(1);

	while (length--)
		*(uint8_t *)at(&guest, where++, 1) = take(1);
}

static void step(unsigned int device)
{
	struct virtio_device *d = virtio_bus_device(guest.bus, device);
	uint64_t a, b;
	unsigned int nr;

	switch (take(1) % NR_STEPS) {
	case STEP_READY:
		ready(device);
		break;
	case STEP_COMMAND:
		nr = take(1);
		a = take(1) < 250 ? take(1) : take(8);
		b = take(1) < 250 ? take(1) : take(8);
		command(&guest, device, nr, a, b);
		break;
	case STEP_PAGE:
		write_page(device);
		break;
	case STEP_DESCRIPTOR:
		write_descriptor();
		break;
	case STEP_AVAIL:
		make_available();
		break;
	case STEP_BYTES:
		write_bytes();
		break;
	default:
		virtio_device_turn(d, d->event_fd >= 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int device, steps;

	if (!nr_devices)
		set_up();
	input = data;
	input_end = data + size;
	device = take(1) % nr_devices;
	/* What the last input did to the offer is undone. */
	device_page(&guest, device)->device_features =
		virtio_bus_device(guest.bus, device)->features;
	for (steps = 0; steps < STEPS && input < input_end; steps++)
		step(device);
	virtio_device_turn(virtio_bus_device(guest.bus, device), false);
	command(&guest, device, COLINUX_DEV_RESET, 0, 0);
	return 0;
}
