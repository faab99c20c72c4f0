/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-blk on a block device of the host: a loop device on a file of ours.
 * Needs root and a kernel that lets us; otherwise it is skipped.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "blkdev.h"
#include "tap.h"

#define IMAGE (4 * MiB)
#define DATA FOURTH

static struct guest guest;
static struct blkdev blk;

/* A loop device on the image; its fd, or -1. */
static int attach(uint32_t block_size, char *path, size_t room)
{
	struct loop_config config = {
		.fd = blk.fd,
		.block_size = block_size,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR,
	};
	int tries, number, fd, control = open("/dev/loop-control",
					      O_RDWR | O_CLOEXEC);

	if (control < 0)
		return -1;
	/* Somebody else may take the free one first. */
	for (tries = 0, fd = -1; fd < 0 && tries < 10; tries++) {
		number = ioctl(control, LOOP_CTL_GET_FREE);
		if (number < 0)
			break;
		snprintf(path, room, "/dev/loop%d", number);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && ioctl(fd, LOOP_CONFIGURE, &config)) {
			close(fd);
			fd = -1;
		}
	}
	close(control);
	return fd;
}

/* The image behind the device, once that is flushed. */
static bool same(uint64_t machine, uint64_t offset, uint64_t length)
{
	uint8_t *file = malloc(length), *ram = malloc(length);
	bool ok;

	if (!file || !ram ||
	    pread(blk.fd, file, length, offset) != (ssize_t)length)
		die("pread");
	copy_out(&guest, machine, ram, length);
	ok = !memcmp(file, ram, length);
	free(file);
	free(ram);
	return ok;
}

static uint8_t flush(void)
{
	return blkdev_do(&blk, VIRTIO_BLK_T_FLUSH, 0, 0, 0, false);
}

static uint8_t range(uint32_t type, uint64_t sector, uint32_t nr,
		     uint32_t flags)
{
	copy_in(&guest, DATA, &(struct virtio_blk_range){ sector, nr, flags },
		16);
	return blkdev_do(&blk, type, 0, DATA, 16, false);
}

static void requests(uint32_t block_size)
{
	const struct virtio_blk_config *config =
		(void *)device_page(&guest, blk.device)->config;

	check(config->capacity == IMAGE / SECTOR &&
	      config->blk_size == block_size, "size and block size");
	check(blkdev_do(&blk, VIRTIO_BLK_T_IN, 8, DATA, 65536, true) == 0 &&
	      same(DATA, 8 * SECTOR, 65536), "read");
	memset(at(&guest, DATA, 8192), 0x3c, 8192);
	check(blkdev_do(&blk, VIRTIO_BLK_T_OUT, 64, DATA, 8192, false) == 0 &&
	      flush() == 0 && same(DATA, 64 * SECTOR, 8192),
	      "write and flush");
	if (block_size > SECTOR)
		check(blkdev_do(&blk, VIRTIO_BLK_T_IN, 1, DATA, 4096, true) ==
		      1 && blkdev_do(&blk, VIRTIO_BLK_T_IN, 0, DATA, 512,
				     true) == 1, "part of a block: IOERR");
	memset(at(&guest, DATA + MiB, MiB), 0, MiB);
	check(range(VIRTIO_BLK_T_WRITE_ZEROES, 1024, 512, 0) == 0 &&
	      flush() == 0 && same(DATA + MiB, 1024 * SECTOR, 512 * SECTOR),
	      "write zeroes");
	check(range(VIRTIO_BLK_T_WRITE_ZEROES, 2048, 512, 1) == 0 &&
	      flush() == 0 && same(DATA + MiB, 2048 * SECTOR, 512 * SECTOR),
	      "write zeroes with unmap");
	check(range(VIRTIO_BLK_T_DISCARD, 4096, 1024, 0) == 0 &&
	      flush() == 0, "discard");
}

/* False: no loop device to be had. */
static bool one_way(uint32_t block_size, bool direct, const char *name)
{
	struct blk_options options = { .direct = direct };
	struct error error = { "" };
	char file[sizeof(blk.path)], loop[32], text[400];
	int fd, other;

	note("%s", name);
	guest_init(&guest);
	blkdev_image(&blk, &guest, IMAGE);
	fd = attach(block_size, loop, sizeof(loop));
	if (fd < 0) {
		note("no loop device: %s", strerror(errno));
		guest_exit(&guest);
		blkdev_remove(&blk);
		return false;
	}
	memcpy(file, blk.path, sizeof(file));
	snprintf(blk.path, sizeof(blk.path), "%s", loop);
	blkdev_add(&blk, &options);
	if (virtio_bus_describe(guest.bus, blk.device, text, sizeof(text)))
		note("%s", text);
	blkdev_start(&blk, offered(&guest, blk.device));
	requests(block_size);
	other = open(loop, O_RDWR | O_EXCL | O_CLOEXEC);
	check(other < 0 && errno == EBUSY,
	      "the host cannot mount it meanwhile");
	options.tag = "cobd1";
	options.path = loop;
	check(virtio_blk_add(guest.bus, &options, &error) < 0, "%s",
	      error.text);
	options.read_only = true;
	check(virtio_blk_add(guest.bus, &options, &error) < 0, "%s",
	      error.text);
	guest_exit(&guest);
	close(fd);
	memcpy(blk.path, file, sizeof(file));
	blkdev_remove(&blk);
	return true;
}

int main(int argc, char **argv)
{
	(void)argc;
	blkdev_directory(argv[0]);
	if (!one_way(512, false, "512-byte sectors")) {
		skip("host block device", "no loop device");
		return done();
	}
	one_way(4096, false, "4096-byte sectors");
	one_way(4096, true, "4096-byte sectors, O_DIRECT");
	return done();
}
