/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Disks that misbehave: system calls of the thread engine are replaced here
 * by ones that fail, come back short or wait at a gate; and images that
 * cannot be opened.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../../daemon/virtio/device.h"
#include "blkdev.h"
#include "tap.h"

#define IMAGE (4 * MiB)
#define DATA FOURTH

static struct guest guest;
static struct blkdev blk;

/* --- The system calls --- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t open;
	bool closed;		/* transfers wait */
	unsigned int arrived;	/* at the gate */
	unsigned int passed;	/* and done */
	int error;		/* 0 = none; of the next `failures` calls */
	unsigned int failures;
	size_t most;		/* bytes per transfer */
	bool durable;		/* the last write had RWF_DSYNC */
	unsigned int syncs;
	int no_fallocate;	/* errno */
} host = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.open = PTHREAD_COND_INITIALIZER,
	.most = SIZE_MAX,
};

/* Wait at the gate; the errno to fail with, or 0. */
static int enter(void)
{
	int error = 0;

	pthread_mutex_lock(&host.lock);
	host.arrived++;
	while (host.closed)
		pthread_cond_wait(&host.open, &host.lock);
	if (host.failures) {
		host.failures--;
		error = host.error;
	}
	pthread_mutex_unlock(&host.lock);
	return error;
}

static void leave(void)
{
	pthread_mutex_lock(&host.lock);
	host.passed++;
	pthread_mutex_unlock(&host.lock);
}

static ssize_t transfer(int number, int fd, const struct iovec *iov, int nr,
			off_t offset, int flags)
{
	struct iovec copy[VIRTQUEUE_MAX_IOV];
	size_t room = host.most;
	int error = enter(), n = 0;
	ssize_t moved;

	if (error) {
		errno = error;
		return -1;
	}
	while (n < nr && room) {
		copy[n] = iov[n];
		if (copy[n].iov_len > room)
			copy[n].iov_len = room;
		room -= copy[n++].iov_len;
	}
	moved = syscall(number, fd, copy, n, offset, 0L, flags);
	leave();
	return moved;
}

ssize_t preadv2(int fd, const struct iovec *iov, int nr, off_t offset,
		int flags)
{
	return transfer(SYS_preadv2, fd, iov, nr, offset, flags);
}

ssize_t pwritev2(int fd, const struct iovec *iov, int nr, off_t offset,
		 int flags)
{
	host.durable = flags & RWF_DSYNC;
	return transfer(SYS_pwritev2, fd, iov, nr, offset, flags);
}

int fdatasync(int fd)
{
	int error = enter();

	(void)fd;
	host.syncs++;
	leave();
	errno = error;
	return error ? -1 : 0;
}

int fallocate(int fd, int mode, off_t offset, off_t length)
{
	int error = enter();

	if (!error)
		error = host.no_fallocate;
	if (error) {
		errno = error;
		return -1;
	}
	leave();
	return syscall(SYS_fallocate, fd, mode, offset, length);
}

static void fail(int error, unsigned int times)
{
	pthread_mutex_lock(&host.lock);
	host.error = error;
	host.failures = times;
	pthread_mutex_unlock(&host.lock);
}

static void set_gate(bool closed)
{
	pthread_mutex_lock(&host.lock);
	host.closed = closed;
	if (closed)
		host.arrived = host.passed = 0;
	pthread_cond_broadcast(&host.open);
	pthread_mutex_unlock(&host.lock);
}

static unsigned int count(const unsigned int *which)
{
	unsigned int n;

	pthread_mutex_lock(&host.lock);
	n = *which;
	pthread_mutex_unlock(&host.lock);
	return n;
}

/* --- Errors and short transfers --- */

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

static void errors(void)
{
	static const int codes[] = { EIO, ENOSPC, EDQUOT, ESTALE, EBADMSG };

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		fail(codes[i], 1);
		check(blkdev_do(&blk, VIRTIO_BLK_T_IN, 0, DATA, 4096, true) ==
		      1 && blkdev_last_length == 1 &&
		      blkdev_do(&blk, VIRTIO_BLK_T_IN, 0, DATA, 4096, true) ==
		      0, "read: %s is IOERR, once", strerror(codes[i]));
	}
	fail(ENOSPC, 1);
	check(blkdev_do(&blk, VIRTIO_BLK_T_OUT, 0, DATA, 4096, false) == 1,
	      "write: no space is IOERR");
	fail(EIO, 1);
	check(blkdev_do(&blk, VIRTIO_BLK_T_FLUSH, 0, 0, 0, false) == 1 &&
	      blkdev_do(&blk, VIRTIO_BLK_T_FLUSH, 0, 0, 0, false) == 0,
	      "flush: an error is IOERR");
	fail(EINTR, 3);
	check(blkdev_do(&blk, VIRTIO_BLK_T_IN, 8, DATA, 4096, true) == 0 &&
	      same(DATA, 8 * SECTOR, 4096), "EINTR is tried again");
}

static void short_transfers(void)
{
	const struct piece pieces[] = { { DATA, 700, true },
					{ DATA + 700, 100, true },
					{ DATA + 800, 3296, true } };

	host.most = 333;
	blkdev_submit(&blk, 0, VIRTIO_BLK_T_IN, 40, pieces, 3);
	blkdev_wait(&blk, 1);
	check(!blkdev_status(&blk, 0) && same(DATA, 40 * SECTOR, 4096),
	      "reads of 333 bytes at a time");
	memset(at(&guest, DATA, 4096), 0x5a, 4096);
	check(blkdev_do(&blk, VIRTIO_BLK_T_OUT, 80, DATA, 4096, false) == 0 &&
	      same(DATA, 80 * SECTOR, 4096), "writes as well");
	host.most = SIZE_MAX;
}

static void durability(uint64_t features)
{
	struct colinux_device_page *page = device_page(&guest, blk.device);
	unsigned int syncs = host.syncs;

	blkdev_do(&blk, VIRTIO_BLK_T_OUT, 0, DATA, 512, false);
	check(!host.durable, "with a cache, writes are not synchronous");
	blkdev_do(&blk, VIRTIO_BLK_T_FLUSH, 0, 0, 0, false);
	check(host.syncs == syncs + 1, "a flush is a flush");
	page->config[32] = 0;
	command(&guest, blk.device, COLINUX_DEV_CONFIG_WRITE, 32, 1);
	check(host.syncs == syncs + 2, "turning the cache off flushes");
	blkdev_do(&blk, VIRTIO_BLK_T_OUT, 0, DATA, 512, false);
	check(host.durable, "then writes are synchronous");
	blkdev_start(&blk, features & ~VIRTIO_BLK_F_CONFIG_WCE);
	blkdev_do(&blk, VIRTIO_BLK_T_OUT, 0, DATA, 512, false);
	check(page->config[32] == 1 && !host.durable,
	      "a reset turns the cache on");
	blkdev_start(&blk, features & ~VIRTIO_BLK_F_FLUSH &
		     ~VIRTIO_BLK_F_CONFIG_WCE);
	blkdev_do(&blk, VIRTIO_BLK_T_OUT, 0, DATA, 512, false);
	check(host.durable, "without VIRTIO_BLK_F_FLUSH they are, too");
	blkdev_start(&blk, features);
}

static void no_holes(void)
{
	const struct virtio_blk_range range = { 1000, 777, 1 };
	uint8_t zeros[777 * SECTOR] = { 0 };

	host.no_fallocate = EOPNOTSUPP;
	copy_in(&guest, DATA, &range, sizeof(range));
	copy_in(&guest, DATA + MiB, zeros, sizeof(zeros));
	check(blkdev_do(&blk, VIRTIO_BLK_T_WRITE_ZEROES, 0, DATA, 16, false) ==
	      0 && same(DATA + MiB, 1000 * SECTOR, sizeof(zeros)),
	      "write zeroes where the file system cannot punch");
	copy_in(&guest, DATA, &(struct virtio_blk_range){ 9, 9, 0 }, 16);
	check(blkdev_do(&blk, VIRTIO_BLK_T_DISCARD, 0, DATA, 16, false) == 0,
	      "discard there is a hint that is not taken");
	host.no_fallocate = EIO;
	check(blkdev_do(&blk, VIRTIO_BLK_T_DISCARD, 0, DATA, 16, false) == 1,
	      "an error of discard is IOERR");
	host.no_fallocate = 0;
}

/* --- Reset with I/O in flight --- */

enum { READS = 40 };

static void submit_reads(uint64_t where)
{
	for (unsigned int i = 0; i < READS; i++) {
		struct piece piece = { where + i * 8192, 8192, true };

		blkdev_submit(&blk, i, VIRTIO_BLK_T_IN, i * 16, &piece, 1);
	}
	queue_kick(&blk.queue);
}

struct reset {
	bool whole_bus;
	unsigned int passed;	/* transfers done when reset returned */
};

static void *do_reset(void *opaque)
{
	struct reset *reset = opaque;

	if (reset->whole_bus)
		virtio_bus_reset(guest.bus);
	else
		command(&guest, blk.device, COLINUX_DEV_RESET, 0, 0);
	reset->passed = count(&host.passed);
	return NULL;
}

static bool is_paused(void)
{
	struct virtio_device *device =
		virtio_bus_device(guest.bus, blk.device);
	bool paused;

	pthread_mutex_lock(&device->lock);
	paused = device->paused;
	pthread_mutex_unlock(&device->lock);
	return paused;
}

static void reset_in_flight(bool whole_bus, uint64_t features)
{
	struct virtio_device *device =
		virtio_bus_device(guest.bus, blk.device);
	struct reset reset = { .whole_bus = whole_bus };
	unsigned int in_flight;
	struct error error;
	pthread_t thread;
	bool ok;

	set_gate(true);
	submit_reads(DATA);
	while (count(&host.arrived) < 8)
		sched_yield();
	if (pthread_create(&thread, NULL, do_reset, &reset))
		die("pthread_create");
	/* Reset is there and waits; whatever was taken is in flight. */
	while (!is_paused())
		sched_yield();
	pthread_mutex_lock(&device->lock);
	in_flight = device->in_flight;
	pthread_mutex_unlock(&device->lock);
	set_gate(false);
	pthread_join(thread, NULL);
	check(in_flight >= 8 && reset.passed == in_flight,
	      "%s returns after the last of %u requests in flight",
	      whole_bus ? "bus reset" : "reset", in_flight);
	/* From here on the memory is the guest's alone. */
	memset(at(&guest, DATA, READS * 8192), 0x77, READS * 8192);
	if (whole_bus && virtio_bus_start(guest.bus, &error) < 0)
		die(error.text);
	blkdev_start(&blk, features);
	check(!queue_has_used(&blk.queue) &&
	      blkdev_do(&blk, VIRTIO_BLK_T_IN, 0, SECOND, 512, true) == 0,
	      "and the device works again");
	ok = true;
	for (unsigned int i = 0; i < READS * 8192; i++)
		ok = ok && *(uint8_t *)at(&guest, DATA + i, 1) == 0x77;
	check(ok, "nothing was written after it");
}

static void queue_off_in_flight(uint64_t features)
{
	uint16_t before = blk.queue.next_used, used;
	unsigned int i, good = 0;

	submit_reads(DATA);
	check(queue_off(&blk.queue) == 0, "queue off with I/O in flight");
	used = load16(&guest, blk.queue.used + 2) - before;
	for (i = 0; i < READS; i++)
		good += blkdev_status(&blk, i) == 0;
	check(good == used, "all that was taken is completed, and well");
	blkdev_start(&blk, features);
}

/* Many resets at random moments, io_uring where there is one. */
static void reset_storm(enum disk_engine engine)
{
	const struct blk_options options = { .engine = engine };
	unsigned int round, wrong = 0;

	guest_init(&guest);
	blkdev_image(&blk, &guest, IMAGE);
	blkdev_add(&blk, &options);
	for (round = 0; round < 150; round++) {
		uint8_t *ram = at(&guest, DATA, READS * 8192);

		guest.next_free = FIFTH + 2 * MiB;
		blk.headers = FIFTH;
		blkdev_start(&blk, offered(&guest, blk.device));
		submit_reads(DATA);
		for (unsigned int i = 0; i < round % 16; i++)
			sched_yield();
		command(&guest, blk.device, COLINUX_DEV_RESET, 0, 0);
		memset(ram, 0x77, READS * 8192);
		blkdev_start(&blk, offered(&guest, blk.device));
		wrong += blkdev_do(&blk, VIRTIO_BLK_T_IN, 0, SECOND, 65536,
				   true) != 0 || !same(SECOND, 0, 65536);
		for (unsigned int i = 0; i < READS * 8192; i++)
			wrong += ram[i] != 0x77;
	}
	check(!wrong, "150 resets at any moment (%s)",
	      engine == DISK_ENGINE_THREADS ? "threads" : "default engine");
	guest_exit(&guest);
	blkdev_remove(&blk);
}

/* --- Images --- */

static bool refused(const struct blk_options *options, const char *part)
{
	struct error error = { "" };
	int device = virtio_blk_add(guest.bus, options, &error);

	note("%s", error.text);
	return device < 0 && strstr(error.text, "cobd1") &&
	       strstr(error.text, options->path) && strstr(error.text, part);
}

static void images(void)
{
	struct blk_options rw = { .tag = "cobd1", .path = blk.path };
	struct blk_options other = { .tag = "cobd1", .path = "/nowhere/x" };
	struct error error;
	char path[220];
	int fd;

	check(refused(&rw, "in use"), "one image is not opened twice to write");
	rw.read_only = true;
	check(refused(&rw, "in use"), "nor to read while it is written");
	check(refused(&other, "No such file"), "no such file");
	other.path = "/";
	check(refused(&other, "neither"), "a directory");
	other.path = "/dev/full";
	check(refused(&other, "neither"), "a character device");
	snprintf(path, sizeof(path), "%s.empty", blk.path);
	fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	other.path = path;
	check(refused(&other, "empty"), "an empty file");
	if (ftruncate(fd, 1000))
		die("ftruncate");
	other.block_size = 100;
	check(refused(&other, "block size"), "a block size of 100");
	other.block_size = 4096;
	other.engine = DISK_ENGINE_THREADS;
	check(virtio_blk_add(guest.bus, &other, &error) == 1,
	      "a file of 1000 bytes with blocks of 4096");
	close(fd);
	unlink(path);
}

static void read_only_shared(void)
{
	struct blk_options options = { .tag = "cobd0", .read_only = true,
				       .engine = DISK_ENGINE_THREADS };
	const struct virtio_blk_range range = { 0, 8, 0 };
	struct error error;
	uint8_t before[4096], after[4096];

	guest_init(&guest);
	blkdev_image(&blk, &guest, 1000);
	options.path = blk.path;
	check(virtio_blk_add(guest.bus, &options, &error) == 0,
	      "two read-only disks share an image");
	blkdev_add(&blk, &options);
	check(offered(&guest, blk.device) & VIRTIO_BLK_F_RO &&
	      !(offered(&guest, blk.device) & (VIRTIO_BLK_F_DISCARD |
					       VIRTIO_BLK_F_WRITE_ZEROES)),
	      "VIRTIO_BLK_F_RO");
	blkdev_start(&blk, offered(&guest, blk.device));
	if (pread(blk.fd, before, 4096, 0) != 1000)
		die("pread");
	memset(at(&guest, DATA, 4096), 0xff, 4096);
	check(blkdev_do(&blk, VIRTIO_BLK_T_IN, 0, DATA, 1024, true) == 0,
	      "a file that ends inside a sector");
	copy_out(&guest, DATA, after, 1024);
	memset(before + 1000, 0, 24);
	check(!memcmp(before, after, 1024), "is continued with zeros");
	check(blkdev_do(&blk, VIRTIO_BLK_T_OUT, 0, DATA, 512, false) == 1,
	      "write: IOERR");
	copy_in(&guest, DATA, &range, sizeof(range));
	check(blkdev_do(&blk, VIRTIO_BLK_T_DISCARD, 0, DATA, 16, false) == 1 &&
	      blkdev_do(&blk, VIRTIO_BLK_T_WRITE_ZEROES, 0, DATA, 16, false) ==
	      1, "discard and write zeroes: IOERR");
	check(blkdev_do(&blk, VIRTIO_BLK_T_FLUSH, 0, 0, 0, false) == 0,
	      "flush: nothing to do");
	check(pread(blk.fd, after, 4096, 0) == 1000 &&
	      !memcmp(before, after, 1000), "the file is as it was");
	guest_exit(&guest);
	blkdev_remove(&blk);
}

int main(int argc, char **argv)
{
	const struct blk_options options = { .engine = DISK_ENGINE_THREADS };
	uint64_t features;

	(void)argc;
	blkdev_directory(argv[0]);
	guest_init(&guest);
	blkdev_image(&blk, &guest, IMAGE);
	blkdev_add(&blk, &options);
	features = offered(&guest, blk.device);
	blkdev_start(&blk, features);
	errors();
	short_transfers();
	durability(features);
	no_holes();
	reset_in_flight(false, features);
	reset_in_flight(true, features);
	queue_off_in_flight(features);
	images();
	guest_exit(&guest);
	blkdev_remove(&blk);
	reset_storm(DISK_ENGINE_THREADS);
	reset_storm(DISK_ENGINE_AUTO);
	read_only_shared();
	return done();
}
