/* SPDX-License-Identifier: GPL-2.0 */
/* An image file, a block device on it and requests to that, for tests. */
#ifndef VIRTIO_TEST_BLKDEV_H
#define VIRTIO_TEST_BLKDEV_H

#include "guest.h"

#define SECTOR 512u
#define QUEUE_SIZE 256u

struct blkdev {
	struct guest *guest;
	char path[200];
	int fd;			/* of the test itself */
	uint64_t bytes;
	int device;
	struct dqueue queue;
	bool use_indirect;
	uint64_t headers;	/* per request: header, table, status */
};

/* Directory for temporary files: where the test program is. */
void blkdev_directory(const char *argv0);
/* A file of pseudo-random bytes (the same for the same size). */
void blkdev_image(struct blkdev *blk, struct guest *guest, uint64_t bytes);
/* Add the device; dies when refused. */
void blkdev_add(struct blkdev *blk, const struct blk_options *options);
/* Negotiate, set the queue up, and go. */
void blkdev_start(struct blkdev *blk, uint64_t features);
void blkdev_remove(struct blkdev *blk);

/*
 * Start a request: header, then nr data pieces, then the status byte.  slot
 * (0 to 99) is the caller's name of it.
 */
void blkdev_submit(struct blkdev *blk, unsigned int slot, uint32_t type,
		   uint64_t sector, const struct piece *data, int nr);
/* Wait for all that is in flight; returns how many of `nr` came back. */
unsigned int blkdev_wait(struct blkdev *blk, unsigned int nr);
/* Status and used length of a slot. */
uint8_t blkdev_status(struct blkdev *blk, unsigned int slot);
/* One request from start to end; returns its status, 254 = none came. */
uint8_t blkdev_do(struct blkdev *blk, uint32_t type, uint64_t sector,
		  uint64_t machine, uint32_t length, bool writable);
/* Used length of the request that came back last. */
extern uint32_t blkdev_last_length;

#endif
