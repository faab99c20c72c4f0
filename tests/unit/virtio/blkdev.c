/* SPDX-License-Identifier: GPL-2.0 */
/* Block device of the tests: see blkdev.h. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "blkdev.h"
#include "tap.h"

#define NO_STATUS 254
/* Per slot: table at 0 (the largest chain), header at 4080, status at 4079. */
#define SLOT_SIZE 4096u
#define SLOT_STATUS 4079u
#define SLOT_HEADER 4080u
#define SLOTS 100u

static char directory[150] = ".";
uint32_t blkdev_last_length;

void blkdev_directory(const char *argv0)
{
	const char *slash = strrchr(argv0, '/');

	if (slash)
		snprintf(directory, sizeof(directory), "%.*s",
			 (int)(slash - argv0), argv0);
}

void blkdev_image(struct blkdev *blk, struct guest *guest, uint64_t bytes)
{
	uint64_t state = bytes | 1, i;
	uint64_t *content = malloc(bytes + 8);

	memset(blk, 0, sizeof(*blk));
	blk->guest = guest;
	blk->bytes = bytes;
	snprintf(blk->path, sizeof(blk->path), "%s/image-XXXXXX", directory);
	blk->fd = mkstemp(blk->path);
	if (blk->fd < 0 || !content)
		die(blk->path);
	for (i = 0; i < bytes; i += 8)
		content[i / 8] = next_random(&state);
	if (pwrite(blk->fd, content, bytes, 0) != (ssize_t)bytes)
		die(blk->path);
	free(content);
}

void blkdev_add(struct blkdev *blk, const struct blk_options *options)
{
	struct error error = { "" };
	struct blk_options all = *options;

	all.path = blk->path;
	if (!all.tag)
		all.tag = "cobd0";
	blk->device = virtio_blk_add(blk->guest->bus, &all, &error);
	if (blk->device < 0)
		die(error.text);
	if (virtio_bus_start(blk->guest->bus, &error) <= 0)
		die(error.text);
}

void blkdev_start(struct blkdev *blk, uint64_t features)
{
	if (negotiate(blk->guest, blk->device, features) ||
	    queue_on(blk->guest, &blk->queue, blk->device, 0, QUEUE_SIZE, 0) ||
	    set_status(blk->guest, blk->device, 15))
		die("blkdev_start");
	blk->use_indirect = features & VIRTIO_F_INDIRECT_DESC;
	if (!blk->headers)
		blk->headers = guest_alloc(blk->guest, SLOTS * SLOT_SIZE);
}

void blkdev_remove(struct blkdev *blk)
{
	close(blk->fd);
	unlink(blk->path);
}

void blkdev_submit(struct blkdev *blk, unsigned int slot, uint32_t type,
		   uint64_t sector, const struct piece *data, int nr)
{
	const struct virtio_blk_header header = { type, 0, sector };
	uint64_t base = blk->headers + slot * SLOT_SIZE;
	struct piece pieces[130];
	int i;

	copy_in(blk->guest, base + SLOT_HEADER, &header, sizeof(header));
	*(uint8_t *)at(blk->guest, base + SLOT_STATUS, 1) = NO_STATUS;
	pieces[0] = (struct piece){ base + SLOT_HEADER, 16, false };
	for (i = 0; i < nr; i++)
		pieces[1 + i] = data[i];
	pieces[1 + nr] = (struct piece){ base + SLOT_STATUS, 1, true };
	queue_add(&blk->queue, pieces, nr + 2, blk->use_indirect ? base : 0);
}

unsigned int blkdev_wait(struct blkdev *blk, unsigned int nr)
{
	unsigned int came;
	uint32_t head;

	queue_kick(&blk->queue);
	for (came = 0; came < nr; came++)
		if (!queue_wait(&blk->queue, &head, &blkdev_last_length))
			break;
	return came;
}

uint8_t blkdev_status(struct blkdev *blk, unsigned int slot)
{
	return *(uint8_t *)at(blk->guest, blk->headers + slot * SLOT_SIZE +
			      SLOT_STATUS, 1);
}

uint8_t blkdev_do(struct blkdev *blk, uint32_t type, uint64_t sector,
		  uint64_t machine, uint32_t length, bool writable)
{
	const struct piece data = { machine, length, writable };

	blkdev_submit(blk, 0, type, sector, &data, length ? 1 : 0);
	blkdev_wait(blk, 1);
	return blkdev_status(blk, 0);
}
