/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whole devices against random guests: commands in any order with any
 * arguments, device pages and rings full of rubbish that is often almost
 * right.  What is checked: no crash (ASan, UBSan), no hang, the image keeps
 * its size, a reset always brings the device back.
 *
 * The same numbers every time.  VIRTIO_FUZZ=N does N inputs instead.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../daemon/virtio/balloon.h"
#include "../../../daemon/virtio/device.h"
#include "blkdev.h"
#include "tap.h"

#define INPUTS 40000u
#define IMAGE (1 * MiB)
/* Rings, tables and requests are here. */
#define ARENA FIFTH
#define ARENA_SIZE 0x4000u
#define RING 16u

static struct guest guest;
static struct blkdev blk;
static uint64_t state;
static struct virtio_console *console;

static uint64_t below(uint64_t n)
{
	return next_random(&state) % n;
}

static size_t swallow(void *opaque, const void *text, size_t length)
{
	const uint8_t *bytes = text;
	uint8_t *sum = opaque;

	/* Touch every byte; sometimes take only a part. */
	for (size_t i = 0; i < length; i++)
		*sum ^= bytes[i];
	return length > 1 ? length - *sum % 2 : length;
}

static size_t chatter(void *opaque, void *buffer, size_t room)
{
	(void)opaque;
	memset(buffer, 'a', room < 10 ? room : 10);
	return room < 10 ? room : 10;
}

static const struct virtio_console_ops console_ops = {
	.output = swallow,
	.input = chatter,
};

/* The network: what goes out comes back, as far as there is room. */
static void *bounce(void *opaque)
{
	static uint8_t frame[70000];
	const int *fd = opaque;
	ssize_t length;

	while ((length = recv(*fd, frame, sizeof(frame), 0)) > 0)
		send(*fd, frame, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	return NULL;
}

static int add_card(int pair[2], pthread_t *thread)
{
	struct net_device_options options = { .tag = "eth0" };
	struct error error;
	int device;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0 ||
	    fcntl(pair[1], F_SETFL, O_NONBLOCK) < 0)
		die("socketpair");
	options.backend = net_backend_new(NET_SLIRP, pair[1], &error);
	if (!options.backend)
		die(error.text);
	device = virtio_net_add(guest.bus, &options, &error);
	if (device < 0 || pthread_create(thread, NULL, bounce, &pair[0]))
		die("network card");
	return device;
}

static uint64_t some_address(void)
{
	static const uint64_t edges[] = {
		FIRST, SECOND, SECOND - 8, THIRD, FOURTH, FOURTH - 3, FIFTH,
		SIXTH + 2 * MiB - 8, HOLE, 0, -8ull,
	};

	if (below(16))
		return ARENA + below(ARENA_SIZE);
	return edges[below(sizeof(edges) / sizeof(edges[0]))];
}

static uint32_t some_length(void)
{
	static const uint32_t often[] = { 1, 16, 16, 20, 32, 512, 512, 513,
					  1024, 4096 };

	if (below(16))
		return often[below(sizeof(often) / sizeof(often[0]))];
	return below(4) ? below(3 * MiB) : next_random(&state);
}

/* A block request's header, discard ranges, or rubbish. */
static void some_content(uint64_t where)
{
	static const uint32_t block_types[] = { 0, 1, 4, 8, 11, 13, 2, 99 };
	struct virtio_blk_header header = {
		block_types[below(8)], 0, below(8) ? below(2048) :
						     next_random(&state),
	};

	copy_in(&guest, where, &header, sizeof(header));
	copy_in(&guest, where + 16, &(struct virtio_blk_range){
			below(2100), below(40), below(4) }, 16);
}

static void some_descriptors(uint64_t table, unsigned int nr)
{
	unsigned int i, length = 1 + below(5);

	/* Often a proper chain, readable first. */
	for (i = 0; i < nr; i++) {
		uint16_t flags = 0;

		if (i % length + 1 < length)
			flags |= VIRTQ_DESC_NEXT;
		if (i % length >= (length + 1) / 2)
			flags |= VIRTQ_DESC_WRITE;
		if (!below(12))
			flags ^= 1u << below(4);
		put_desc(&guest, table + 16 * i, some_address(), some_length(),
			 flags, below(20) ? i + 1 : below(nr + 2));
		if (flags & VIRTQ_DESC_INDIRECT)
			put_desc(&guest, table + 16 * i,
				 ARENA + 0x1000 + below(16) * 256,
				 below(8) ? 16 * (1 + below(8)) : some_length(),
				 flags, 0);
	}
}

/* Rings of queue q at a fixed place. */
static uint64_t ring_of(unsigned int q)
{
	return ARENA + 0x3000 + q * 0x800;
}

static void some_page(unsigned int device)
{
	struct colinux_device_page *page = device_page(&guest, device);
	uint8_t *bytes = (uint8_t *)page;
	unsigned int i;

	switch (below(8)) {
	case 0:
		for (i = 0; i < 64; i++)
			bytes[below(sizeof(*page))] = next_random(&state);
		break;
	case 1:
		page->status = next_random(&state);
		break;
	case 2:
		page->driver_features = next_random(&state);
		break;
	case 3:
		page->queue[below(3)] = (struct colinux_device_queue){
			.size = 1u << below(17), .enable = below(2),
			.desc = some_address(), .avail = some_address(),
			.used = some_address(),
		};
		break;
	default:
		for (i = 0; i < 2; i++)
			page->queue[i] = (struct colinux_device_queue){
				.size = RING, .enable = below(16) > 0,
				.desc = ring_of(i),
				.avail = ring_of(i) + 16 * RING,
				.used = ring_of(i) + 16 * RING + 64,
			};
	}
}

static void some_command(unsigned int device)
{
	unsigned int number = below(32) ? below(5) : next_random(&state);
	uint64_t a = below(16) ? below(3) : next_random(&state);
	uint64_t b = below(16) ? below(70) : next_random(&state);

	command(&guest, below(64) ? device : next_random(&state), number, a,
		b);
}

/* A driver that has got as far as DRIVER_OK, unless a random step failed. */
static void ready(unsigned int device)
{
	struct colinux_device_page *page = device_page(&guest, device);
	uint64_t features = offered(&guest, device);
	unsigned int i;

	if (!below(2))
		features &= ~VIRTIO_F_EVENT_IDX;
	if (!below(16))
		features = next_random(&state) | VIRTIO_F_VERSION_1;
	negotiate(&guest, device, features);
	for (i = 0; i < 2; i++) {
		memset(at(&guest, ring_of(i), 0x800), 0, 0x800);
		page->queue[i] = (struct colinux_device_queue){
			.size = RING, .enable = 1, .desc = ring_of(i),
			.avail = ring_of(i) + 16 * RING,
			.used = ring_of(i) + 16 * RING + 64,
		};
		command(&guest, device, COLINUX_DEV_QUEUE, i, 0);
	}
	set_status(&guest, device, 15);
}

static void some_requests(unsigned int queue)
{
	uint64_t ring = ring_of(queue), avail = ring + 16 * RING;
	uint16_t idx = load16(&guest, avail + 2);
	unsigned int i, nr = below(5);

	some_descriptors(ring, RING);
	some_descriptors(ARENA + 0x1000 + below(16) * 256, 8);
	for (i = 0; i < 8; i++)
		some_content(ARENA + below(ARENA_SIZE - 64));
	for (i = 0; i < nr; i++)
		store16(&guest, avail + 4 + 2 * ((idx + i) % RING),
			below(16) ? below(RING) : next_random(&state));
	store16(&guest, avail + 2, below(32) ? idx + nr :
					       next_random(&state));
	store16(&guest, avail + 4 + 2 * RING, next_random(&state));
}

static void one_input(unsigned int device)
{
	struct virtio_device *d = virtio_bus_device(guest.bus, device);
	unsigned int i;

	if (d->broken || !(d->status & VIRTIO_STATUS_DRIVER_OK) || !below(8))
		ready(device);
	for (i = 0; i < below(4); i++)
		switch (below(16)) {
		case 0:
			some_page(device);
			break;
		case 1:
			some_command(device);
			break;
		default:
			some_requests(below(2));
		}
	virtio_device_turn(d, d->event_fd >= 0);
}

static void fuzz(unsigned int device, const char *what, unsigned int inputs)
{
	struct virtio_device *d = virtio_bus_device(guest.bus, device);
	uint64_t used = 0, broken = 0;
	unsigned int i;

	state = 12345 + device;
	for (i = 0; i < inputs; i++) {
		/*
		 * The rubbish may overwrite the page's offer; that is the
		 * guest's loss, but the fuzzer would get nowhere.
		 */
		device_page(&guest, device)->device_features = d->features;
		one_input(device);
		used += d->queue[0].next_used + d->queue[1].next_used != 0;
		broken += d->broken;
	}
	note("%s: %u inputs, requests done after %u, broken after %u", what,
	     inputs, (unsigned int)used, (unsigned int)broken);
	check(used > inputs / 20 && broken > inputs / 20, "%s", what);
	virtio_bus_reset(guest.bus);
	if (virtio_bus_start(guest.bus, NULL) <= 0)
		die("virtio_bus_start");
}

static void still_alive(void)
{
	struct stat st;

	blkdev_start(&blk, offered(&guest, blk.device));
	check(blkdev_do(&blk, VIRTIO_BLK_T_IN, 0, FOURTH, 4096, true) == 0,
	      "the block device works after all this");
	check(!fstat(blk.fd, &st) && st.st_size == IMAGE,
	      "the image has its size");
}

int main(int argc, char **argv)
{
	const struct blk_options options = { .engine = DISK_ENGINE_AUTO };
	const char *wish = getenv("VIRTIO_FUZZ");
	unsigned int inputs = wish ? strtoul(wish, NULL, 10) : INPUTS;
	struct error error;
	struct virtio_balloon *balloon;
	int pair[2], card, bag;
	pthread_t thread;
	uint8_t sum = 0;

	(void)argc;
	/* In memory where possible: thousands of flushes are not the point. */
	blkdev_directory(access("/dev/shm", W_OK) ? argv[0] : "/dev/shm/");
	guest_init(&guest);
	/* What is in the arena stays there. */
	guest.next_free = FIFTH + ARENA_SIZE;
	blkdev_image(&blk, &guest, IMAGE);
	if (virtio_rng_add(guest.bus, &error) != 0 ||
	    virtio_console_add(guest.bus, &console_ops, &sum, &console,
			       &error) != 1)
		die(error.text);
	card = add_card(pair, &thread);
	blkdev_add(&blk, &options);
	fuzz(0, "random requests to rng", inputs);
	fuzz(1, "random requests to console", inputs);
	fuzz(card, "random requests to net", inputs);
	fuzz(blk.device, "random requests to blk", inputs);
	bag = virtio_balloon_add(guest.bus, &balloon, &error);
	if (bag < 0 || virtio_bus_start(guest.bus, &error) < 0)
		die(error.text);
	virtio_balloon_set(balloon, 100);
	fuzz(bag, "random requests to the balloon", inputs);
	check(!guest.bad_ranges, "it released nothing twice");
	still_alive();
	guest_exit(&guest);
	/* The device's end is closed: so ends the other. */
	pthread_join(thread, NULL);
	close(pair[0]);
	blkdev_remove(&blk);
	return done();
}
