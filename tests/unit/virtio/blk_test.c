/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-blk end to end: a driver, the bus, the device, both disk engines and
 * a real file, compared byte by byte.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../../daemon/disk/engine.h"
#include "blkdev.h"
#include "tap.h"

#define IMAGE (6 * MiB)
#define DATA FOURTH			/* two MiB of buffers */

static struct guest guest;
static struct blkdev blk;

static const struct virtio_blk_config *config(void)
{
	return (void *)device_page(&guest, blk.device)->config;
}

/* Does guest memory hold what the file has there? */
static bool same(uint64_t machine, uint64_t offset, uint64_t length)
{
	uint8_t *file = malloc(length), *ram = malloc(length);
	bool ok;

	if (!file || !ram || pread(blk.fd, file, length, offset) !=
			     (ssize_t)length)
		die("pread");
	copy_out(&guest, machine, ram, length);
	ok = !memcmp(file, ram, length);
	free(file);
	free(ram);
	return ok;
}

static void fill(uint64_t machine, uint64_t length, uint64_t seed)
{
	uint64_t i, state = seed | 1;

	for (i = 0; i < length; i++) {
		uint8_t byte = next_random(&state);

		copy_in(&guest, machine + i, &byte, 1);
	}
}

static bool is_zero(uint64_t offset, uint64_t length)
{
	uint8_t *file = malloc(length);
	bool ok = true;
	uint64_t i;

	if (!file || pread(blk.fd, file, length, offset) != (ssize_t)length)
		die("pread");
	for (i = 0; i < length; i++)
		ok = ok && !file[i];
	free(file);
	return ok;
}

static void configuration(void)
{
	struct colinux_device_page *page = device_page(&guest, blk.device);

	check(page->magic == COLINUX_DEVICE_MAGIC &&
	      page->device_id == VIRTIO_ID_BLOCK && page->nr_queues == 1 &&
	      page->queue[0].max_size == QUEUE_SIZE &&
	      !strcmp(page->tag, "cobd0") && page->config_len == 60,
	      "the device page describes a block device");
	check(config()->capacity == IMAGE / SECTOR &&
	      config()->blk_size == 512 && config()->seg_max == 126 &&
	      config()->size_max == 2 * MiB && config()->writeback == 1 &&
	      config()->physical_block_exp == 3 &&
	      config()->max_discard_seg == 16, "its configuration");
}

static void transfers(void)
{
	const struct piece split[] = {
		{ DATA + 1, 7, true }, { SECOND - 3, 500, true },
		{ DATA + 5000, 5, true }, { SECOND - 2000, 1024 + 512, true },
	};
	uint8_t joined[2048], file[2048];
	struct piece many[126];
	int i;

	check(blkdev_do(&blk, VIRTIO_BLK_T_IN, 3, DATA, 4096, true) == 0 &&
	      same(DATA, 3 * SECTOR, 4096) && blkdev_last_length == 4097,
	      "read");
	check(blkdev_do(&blk, VIRTIO_BLK_T_IN, 0, SECOND - MiB, 2 * MiB,
			true) == 0 && same(SECOND - MiB, 0, 2 * MiB),
	      "read of 2 MiB across extents");
	fill(DATA, 8192, 1);
	check(blkdev_do(&blk, VIRTIO_BLK_T_OUT, 5, DATA, 8192, false) == 0 &&
	      same(DATA, 5 * SECTOR, 8192) && blkdev_last_length == 1,
	      "write");
	fill(SECOND - 2048, 4096, 2);
	check(blkdev_do(&blk, VIRTIO_BLK_T_OUT, IMAGE / SECTOR - 8,
			SECOND - 2048, 4096, false) == 0 &&
	      same(SECOND - 2048, IMAGE - 4096, 4096),
	      "write of the last sectors, across extents");
	blkdev_submit(&blk, 0, VIRTIO_BLK_T_IN, 100, split, 4);
	blkdev_wait(&blk, 1);
	copy_out(&guest, split[0].machine, joined, 7);
	/* The last piece overlaps the second, and is newer. */
	copy_out(&guest, split[2].machine, joined + 507, 5);
	copy_out(&guest, split[3].machine, joined + 512, 1536);
	if (pread(blk.fd, file, 2048, 100 * SECTOR) != 2048)
		die("pread");
	check(!blkdev_status(&blk, 0) && !memcmp(joined, file, 7) &&
	      !memcmp(joined + 507, file + 507, 1541),
	      "read in odd pieces");
	for (i = 0; i < 126; i++)
		many[i] = (struct piece){ DATA + 1024 * (125 - i), 512, false };
	fill(DATA, 126 * 1024, 3);
	blkdev_submit(&blk, 0, VIRTIO_BLK_T_OUT, 200, many, 126);
	blkdev_wait(&blk, 1);
	for (i = 0; i < 126 && same(many[i].machine, (200 + i) * SECTOR, 512);)
		i++;
	check(!blkdev_status(&blk, 0) && i == 126, "write of 126 segments");
	check(blkdev_do(&blk, VIRTIO_BLK_T_FLUSH, 0, 0, 0, false) == 0,
	      "flush");
}

/* Header and data in one piece, data and status in one piece. */
static void framing(void)
{
	struct virtio_blk_header header = { VIRTIO_BLK_T_OUT, 0, 50 };
	const struct piece out[] = {
		{ DATA, 3, false }, { DATA + 3, 13 + 512, false },
		{ DATA + 4096, 1, true },
	};
	const struct piece in[] = {
		{ DATA, 16, false }, { DATA + 8192, 513, true },
	};
	uint32_t head, length;

	copy_in(&guest, DATA, &header, sizeof(header));
	fill(DATA + 16, 512, 4);
	queue_add(&blk.queue, out, 3, 0);
	queue_kick(&blk.queue);
	check(queue_wait(&blk.queue, &head, &length) && length == 1 &&
	      same(DATA + 16, 50 * SECTOR, 512),
	      "header cut in two, joined with data");
	header.type = VIRTIO_BLK_T_IN;
	copy_in(&guest, DATA, &header, sizeof(header));
	fill(DATA + 8192, 513, 5);
	queue_add(&blk.queue, in, 2, 0);
	queue_kick(&blk.queue);
	check(queue_wait(&blk.queue, &head, &length) && length == 513 &&
	      same(DATA + 8192, 50 * SECTOR, 512) &&
	      *(uint8_t *)at(&guest, DATA + 8192 + 512, 1) == 0,
	      "status joined with data");
}

/* Many at once, writes and reads of different places. */
static void parallel(void)
{
	unsigned int round, i, wrong = 0;

	for (round = 0; round < 10; round++) {
		for (i = 0; i < 60; i++) {
			struct piece data = { DATA + i * 8192, 8192, i & 1 };
			uint64_t sector = (i * 16 + round * 1000) % 12000;

			if (!(i & 1))
				fill(data.machine, 64, round * 100 + i);
			blkdev_submit(&blk, i, i & 1 ? VIRTIO_BLK_T_IN :
				      VIRTIO_BLK_T_OUT, sector, &data, 1);
			if (i % 7 == 0)
				queue_kick(&blk.queue);
		}
		wrong += blkdev_wait(&blk, 60) != 60;
		for (i = 0; i < 60; i++)
			wrong += blkdev_status(&blk, i) ||
				 !same(DATA + i * 8192, (i * 16 + round * 1000)
				       % 12000 * SECTOR, 8192);
	}
	check(!wrong, "600 requests, 60 at a time");
}

static uint8_t ranges(uint32_t type, const struct virtio_blk_range *range,
		      unsigned int nr)
{
	copy_in(&guest, DATA, range, nr * sizeof(*range));
	return blkdev_do(&blk, type, 0, DATA, nr * sizeof(*range), false);
}

static void discards(void)
{
	const struct virtio_blk_range two[] = { { 2048, 1024, 0 },
						{ 4096, 8, 0 } };
	const struct virtio_blk_range odd[] = { { 6001, 3, 0 } };
	const struct virtio_blk_range unmap[] = { { 7000, 800, 1 } };
	const struct virtio_blk_range flags[] = { { 0, 8, 2 } };
	const struct virtio_blk_range beyond[] = { { 0, 8, 0 },
				{ IMAGE / SECTOR - 4, 8, 0 } };
	const struct virtio_blk_range wraps[] = { { -4ull, 8, 0 } };
	struct virtio_blk_range many[17] = { 0 };
	struct stat before, after;

	fstat(blk.fd, &before);
	check(ranges(VIRTIO_BLK_T_DISCARD, two, 2) == 0 &&
	      is_zero(2048 * SECTOR, 1024 * SECTOR) &&
	      is_zero(4096 * SECTOR, 8 * SECTOR), "discard of two ranges");
	fstat(blk.fd, &after);
	check(after.st_size == before.st_size &&
	      after.st_blocks < before.st_blocks, "discard gives space back");
	check(ranges(VIRTIO_BLK_T_WRITE_ZEROES, odd, 1) == 0 &&
	      is_zero(6001 * SECTOR, 3 * SECTOR), "write zeroes");
	check(ranges(VIRTIO_BLK_T_WRITE_ZEROES, unmap, 1) == 0 &&
	      is_zero(7000 * SECTOR, 800 * SECTOR),
	      "write zeroes with unmap");
	check(ranges(VIRTIO_BLK_T_DISCARD, unmap, 1) == 2 &&
	      ranges(VIRTIO_BLK_T_WRITE_ZEROES, flags, 1) == 2,
	      "flags that do not exist are unsupported");
	check(ranges(VIRTIO_BLK_T_DISCARD, beyond, 2) == 1 &&
	      ranges(VIRTIO_BLK_T_WRITE_ZEROES, wraps, 1) == 1,
	      "ranges outside of the disk");
	check(ranges(VIRTIO_BLK_T_DISCARD, many, 17) == 1 &&
	      blkdev_do(&blk, VIRTIO_BLK_T_DISCARD, 0, DATA, 15, false) == 1 &&
	      blkdev_do(&blk, VIRTIO_BLK_T_DISCARD, 0, DATA, 0, false) == 1,
	      "too many ranges, part of one, none");
}

static void refusals(void)
{
	char id[21] = "";

	check(blkdev_do(&blk, VIRTIO_BLK_T_IN, IMAGE / SECTOR, DATA, 512,
			true) == 1 &&
	      blkdev_do(&blk, VIRTIO_BLK_T_IN, IMAGE / SECTOR - 1, DATA, 1024,
			true) == 1 &&
	      blkdev_do(&blk, VIRTIO_BLK_T_IN, -1ull, DATA, 1024, true) == 1 &&
	      blkdev_do(&blk, VIRTIO_BLK_T_OUT, 1ull << 55, DATA, 512,
			false) == 1, "outside of the disk: IOERR");
	check(blkdev_do(&blk, VIRTIO_BLK_T_IN, 0, DATA, 100, true) == 1 &&
	      blkdev_do(&blk, VIRTIO_BLK_T_IN, 0, DATA, 0, true) == 1 &&
	      blkdev_do(&blk, VIRTIO_BLK_T_OUT, 0, DATA, 513, false) == 1,
	      "part of a sector: IOERR");
	check(blkdev_do(&blk, 99, 0, DATA, 512, true) == 2,
	      "unknown type: UNSUPP");
	check(blkdev_do(&blk, VIRTIO_BLK_T_GET_ID, 0, DATA, 20, true) == 0 &&
	      blkdev_last_length == 21, "get id");
	copy_out(&guest, DATA, id, 20);
	check(!strcmp(id, "cobd0"), "the id is the tag");
}

/* A guest page table that maps the whole of it many times: 1 GiB at most. */
static void too_large(void)
{
	struct piece data[126];
	int i;

	for (i = 0; i < 126; i++)
		data[i] = (struct piece){ FIRST, 4 * MiB - 4096, true };
	blkdev_submit(&blk, 0, VIRTIO_BLK_T_IN, 0, data, 126);
	check(blkdev_wait(&blk, 1) == 1 && blkdev_status(&blk, 0) == 1,
	      "a request larger than the disk: IOERR");
}

static void host_errors(void)
{
	struct rlimit limit = { 4 * MiB, RLIM_INFINITY };
	const struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };

	setrlimit(RLIMIT_FSIZE, &limit);
	check(blkdev_do(&blk, VIRTIO_BLK_T_OUT, 10000, DATA, 4096, false) == 1,
	      "the host refuses a write (EFBIG): IOERR");
	check(blkdev_do(&blk, VIRTIO_BLK_T_OUT, 8, DATA, 4096, false) == 0,
	      "and the next one works");
	setrlimit(RLIMIT_FSIZE, &all);
	if (ftruncate(blk.fd, 5 * MiB))
		die("ftruncate");
	check(blkdev_do(&blk, VIRTIO_BLK_T_IN, 11000, DATA, 4096, true) == 1,
	      "a read where the file was cut: IOERR");
	check(blkdev_do(&blk, VIRTIO_BLK_T_IN, 10236, DATA, 4096, true) == 1,
	      "a read across the cut: IOERR");
	if (ftruncate(blk.fd, IMAGE))
		die("ftruncate");
}

static void cache_switch(void)
{
	struct colinux_device_page *page = device_page(&guest, blk.device);

	page->config[32] = 0;
	check(command(&guest, blk.device, COLINUX_DEV_CONFIG_WRITE, 32, 1) ==
	      0 && page->config[32] == 0, "the cache can be turned off");
	fill(DATA, 4096, 9);
	check(blkdev_do(&blk, VIRTIO_BLK_T_OUT, 64, DATA, 4096, false) == 0 &&
	      same(DATA, 64 * SECTOR, 4096), "and writes go through");
	page->config[0] = 0xff;
	check(command(&guest, blk.device, COLINUX_DEV_CONFIG_WRITE, 0, 1) < 0 &&
	      config()->capacity == IMAGE / SECTOR,
	      "the capacity cannot be written");
	check(command(&guest, blk.device, COLINUX_DEV_CONFIG_WRITE, 60, 1) <
	      0 && command(&guest, blk.device, COLINUX_DEV_CONFIG_WRITE,
			   -1ull, 2) < 0, "nor what is outside");
}

static void resize(void)
{
	uint32_t generation =
		device_page(&guest, blk.device)->config_generation;
	uint64_t irqs = irq_count(&guest, blk.device), bytes = 0;
	struct error error;

	if (ftruncate(blk.fd, IMAGE + MiB))
		die("ftruncate");
	check(!virtio_blk_resize(guest.bus, blk.device, 0, &bytes, &error) &&
	      config()->capacity == (IMAGE + MiB) / SECTOR &&
	      device_page(&guest, blk.device)->config_generation ==
	      generation + 2 && wait_irq(&guest, blk.device, irqs),
	      "a larger file is shown to the guest");
	check(blkdev_do(&blk, VIRTIO_BLK_T_IN, IMAGE / SECTOR, DATA, 4096,
			true) == 0 && same(DATA, IMAGE, 4096),
	      "and can be read");
	if (ftruncate(blk.fd, IMAGE))
		die("ftruncate");
	check(!virtio_blk_resize(guest.bus, blk.device, 0, &bytes, &error) &&
	      blkdev_do(&blk, VIRTIO_BLK_T_IN, IMAGE / SECTOR, DATA, 4096,
			true) == 1, "a smaller one as well");
	check(!virtio_blk_resize(guest.bus, blk.device, IMAGE + 2 * MiB, &bytes,
				 &error) && bytes == IMAGE + 2 * MiB &&
	      config()->capacity == bytes / SECTOR &&
	      lseek(blk.fd, 0, SEEK_END) == IMAGE + 2 * (off_t)MiB,
	      "a file is grown");
	check(virtio_blk_resize(guest.bus, blk.device, IMAGE, &bytes, &error) <
	      0 && strstr(error.text, "larger") &&
	      config()->capacity == (IMAGE + 2 * MiB) / SECTOR,
	      "but not cut on request");
	if (ftruncate(blk.fd, IMAGE) ||
	    virtio_blk_resize(guest.bus, blk.device, 0, &bytes, &error))
		die("ftruncate");
	check(virtio_blk_resize(guest.bus, 7, 0, &bytes, &error) < 0 &&
	      error.text[0], "resize of what is no block device");
}

static void broken(uint64_t features)
{
	const struct piece no_header = { DATA, 15, false };
	const struct piece no_status = { DATA, 64, false };
	struct colinux_device_page *page = device_page(&guest, blk.device);
	uint64_t irqs = irq_count(&guest, blk.device);

	queue_add(&blk.queue, &no_status, 1, 0);
	queue_kick(&blk.queue);
	check(wait_irq(&guest, blk.device, irqs) &&
	      page->status & VIRTIO_STATUS_NEEDS_RESET,
	      "a request without status breaks the device");
	check(strstr(guest.last_report, "cobd0") != NULL, "and is reported");
	blkdev_start(&blk, features);
	check(!(page->status & VIRTIO_STATUS_NEEDS_RESET) &&
	      blkdev_do(&blk, VIRTIO_BLK_T_IN, 0, DATA, 512, true) == 0,
	      "a reset repairs it");
	irqs = irq_count(&guest, blk.device);
	queue_add(&blk.queue, &no_header, 1, 0);
	queue_kick(&blk.queue);
	check(wait_irq(&guest, blk.device, irqs) &&
	      page->status & VIRTIO_STATUS_NEEDS_RESET,
	      "so does one without header");
	blkdev_start(&blk, features);
}

static void one_way(enum disk_engine engine, bool direct, uint64_t features,
		    const char *name)
{
	const struct blk_options options = {
		.engine = engine,
		.direct = direct,
	};
	char text[400];

	note("%s", name);
	guest_init(&guest);
	blkdev_image(&blk, &guest, IMAGE);
	blkdev_add(&blk, &options);
	features &= offered(&guest, blk.device);
	if (virtio_bus_describe(guest.bus, blk.device, text, sizeof(text)))
		note("%s", text);
	blkdev_start(&blk, features);
	configuration();
	transfers();
	framing();
	parallel();
	discards();
	refusals();
	too_large();
	host_errors();
	cache_switch();
	resize();
	broken(features);
	guest_exit(&guest);
	blkdev_remove(&blk);
}

static bool file_system_has_direct(void)
{
	struct blkdev probe;
	int fd;

	blkdev_image(&probe, &guest, 4096);
	fd = open(probe.path, O_RDONLY | O_DIRECT);
	if (fd >= 0)
		close(fd);
	blkdev_remove(&probe);
	return fd >= 0;
}

static bool have_uring(void)
{
	struct blk_options options = { .tag = "probe",
				       .engine = DISK_ENGINE_URING };
	struct error error = { "" };
	struct blkdev probe;
	int device;

	guest_init(&guest);
	blkdev_image(&probe, &guest, 4096);
	options.path = probe.path;
	device = virtio_blk_add(guest.bus, &options, &error);
	if (device < 0)
		note("%s", error.text);
	guest_exit(&guest);
	blkdev_remove(&probe);
	return device >= 0;
}

/* A ring opens no files: seccomp does not see what is asked of it. */
static void ring_is_restricted(void)
{
	struct disk disk = { .fd = -1, .event_fd = eventfd(0, EFD_CLOEXEC) };
	struct disk_uring *uring;
	struct io_uring_params params = { .flags = IORING_SETUP_CLAMP };
	struct io_uring twin, ring = { 0 };
	struct io_uring_cqe *cqe;
	/* The next one, since descriptors are given out in order. */
	int fd = dup(disk.event_fd);

	close(fd);
	uring = disk_uring_new(&disk);
	/* Tells where things are in a ring of this size. */
	if (!uring || io_uring_queue_init_params(DISK_DEPTH, &twin, &params) ||
	    io_uring_queue_mmap(fd, &params, &ring))
		die("io_uring");
	check(syscall(SYS_io_uring_register, fd, IORING_UNREGISTER_EVENTFD,
		      NULL, 0) < 0 && errno == EACCES,
	      "a disk's ring is sealed");
	io_uring_prep_openat(io_uring_get_sqe(&ring), AT_FDCWD, "/dev/null",
			     O_RDONLY, 0);
	check(io_uring_submit(&ring) == 1 && !io_uring_wait_cqe(&ring, &cqe) &&
		      cqe->res == -EACCES,
	      "and opens nothing");
	io_uring_queue_exit(&twin);
	disk_uring_free(uring);
	close(disk.event_fd);
}

int main(int argc, char **argv)
{
	const uint64_t all = UINT64_MAX;
	const uint64_t plain = ~(VIRTIO_F_INDIRECT_DESC | VIRTIO_F_EVENT_IDX);
	bool uring;

	(void)argc;
	/* Otherwise RLIMIT_FSIZE kills. */
	signal(SIGXFSZ, SIG_IGN);
	blkdev_directory(argv[0]);
	uring = have_uring();
	one_way(DISK_ENGINE_THREADS, false, plain, "threads, plain rings");
	one_way(DISK_ENGINE_THREADS, false, all, "threads, all features");
	if (uring) {
		one_way(DISK_ENGINE_URING, false, plain,
			"io_uring, plain rings");
		one_way(DISK_ENGINE_URING, false, all,
			"io_uring, all features");
		ring_is_restricted();
	} else {
		skip("io_uring", "this host does not permit it");
	}
	if (file_system_has_direct()) {
		one_way(DISK_ENGINE_THREADS, true, all, "threads, O_DIRECT");
		if (uring)
			one_way(DISK_ENGINE_URING, true, all,
				"io_uring, O_DIRECT");
	} else {
		skip("direct", "no O_DIRECT on this file system");
	}
	return done();
}
