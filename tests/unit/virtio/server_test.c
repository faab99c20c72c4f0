/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Disks that are no raw files: formats and which is chosen, NBD addresses, and
 * qemu-storage-daemon behind them: what is written is read back and is in the
 * image, also when the daemon is killed in the middle.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../daemon/disk/nbd_link.h"
#include "../../../daemon/disk/server.h"
#include "blkdev.h"
#include "tap.h"

#define SIZE (32 * MiB)
#define BLOCK 4096u
#define NR 64			/* requests at once */

static char directory[] = "/tmp/colinux-disk-XXXXXX";
static struct error error;

static const char *path(const char *name)
{
	static char text[4][128];
	static int turn;

	snprintf(text[turn++ & 3], 128, "%s/%s", directory, name);
	return text[(turn - 1) & 3];
}

static int sh(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int sh(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return system(command);
}

static void put(const char *name, size_t at, const void *bytes, size_t length)
{
	int fd = open(path(name), O_RDWR | O_CREAT, 0600);

	if (fd < 0 || pwrite(fd, bytes, length, at) != (ssize_t)length)
		die(name);
	close(fd);
}

/* --- Without a server --- */

static int chosen(const char *name, const char *format, bool backed)
{
	int fd = open(path(name), O_RDONLY), got;

	error.text[0] = '\0';
	got = disk_format_choose(path(name), fd, format, backed, &error);
	close(fd);
	return got;
}

static void formats(void)
{
	uint8_t header[1024] = "QFI\xfb\0\0\0\3";

	put("raw.img", 0, header, sizeof(header));
	check(chosen("raw.img", "", false) == DISK_RAW,
	      "a raw image with the header of a qcow2 image stays raw");
	put("x.qcow2", 0, header, sizeof(header));
	check(chosen("x.qcow2", "", false) == DISK_QCOW2 &&
	      chosen("x.qcow2", "raw", false) == DISK_RAW &&
	      chosen("raw.img", "qcow2", false) == DISK_QCOW2,
	      "suffix and header, or what the user says");
	put("y.QCOW2", 0, "not one", 7);
	check(chosen("y.QCOW2", "", false) < 0 &&
	      strstr(error.text, "format=raw"), "a suffix that lies");
	check(chosen("x.qcow2", "", true) < 0, "no backing file: none named");
	header[15] = 1;
	put("x.qcow2", 0, header, sizeof(header));
	check(chosen("x.qcow2", "", false) < 0 &&
	      strstr(error.text, "backing=") &&
	      chosen("x.qcow2", "", true) == DISK_QCOW2,
	      "a backing file has to be named");
	header[15] = 0;
	header[79] = 4;
	put("x.qcow2", 0, header, sizeof(header));
	check(chosen("x.qcow2", "", false) < 0 &&
	      strstr(error.text, "another file"), "data in another file");
	put("v.vhd", 1024 * 1024 - 512, "conectix", 8);
	truncate(path("v.vhd"), 1024 * 1024);
	check(chosen("v.vhd", "", false) == DISK_VHD &&
	      chosen("raw.img", "vhdx", false) < 0 &&
	      chosen("raw.img", "vmdk", false) < 0 &&
	      chosen("raw.img", "vdi", false) < 0 &&
	      chosen("raw.img", "iso", false) < 0, "others");
}

static void addresses(void)
{
	struct nbd_address a;

	check(!nbd_parse("nbd://host/a%20b", &a, &error) &&
	      !strcmp(a.host, "host") && !strcmp(a.port, "10809") &&
	      !strcmp(a.name, "a b"), "nbd://host/export");
	check(!nbd_parse("nbd://[::1]:7/", &a, &error) &&
	      !strcmp(a.host, "::1") && !strcmp(a.port, "7") && !*a.name,
	      "nbd://[::1]:7/");
	check(!nbd_parse("nbd+unix:///d?socket=/run/x%3f", &a, &error) &&
	      !*a.host && !strcmp(a.socket, "/run/x?") && !strcmp(a.name, "d"),
	      "nbd+unix:");
	check(nbd_parse("nbd://", &a, &error) && nbd_parse("nbd:///x", &a,
							   &error) &&
	      nbd_parse("nbd://h:x/", &a, &error) &&
	      nbd_parse("nbd://h:", &a, &error) &&
	      nbd_parse("nbd://[::1", &a, &error) &&
	      nbd_parse("nbd+unix:///d", &a, &error) &&
	      nbd_parse("nbd+unix://d?socket=/x", &a, &error) &&
	      nbd_parse("nbd://h/%00", &a, &error), "no addresses");
}

/* --- Requests --- */

static int pending, failures;

static void io_done(struct disk_request *request, int result)
{
	free(request);
	pending--;
	failures += result != 0;
}

static void submit(struct disk *disk, enum disk_op op, uint64_t offset,
		   struct iovec *iov, int nr, uint64_t length)
{
	struct disk_request *request = calloc(1, sizeof(*request));

	*request = (struct disk_request){
		.op = op, .offset = offset, .length = length, .iov = iov,
		.nr_iov = nr, .unmap = true, .done = io_done,
	};
	pending++;
	disk_submit(disk, request);
}

static void wait_all(struct disk *disk)
{
	struct pollfd poll_fd = { .fd = disk->wait_fd, .events = POLLIN };

	disk_kick(disk);
	while (pending) {
		if (poll(&poll_fd, 1, 60000) <= 0)
			die("a request is lost");
		disk_reap(disk);
	}
}

/* One piece or three, to the end or from it. */
static struct iovec *cut(uint8_t *bytes, size_t length, int nr)
{
	struct iovec *iov = calloc(nr, sizeof(*iov));
	size_t at = 0;

	for (int i = 0; i < nr; i++) {
		iov[i].iov_base = bytes + at;
		iov[i].iov_len = i == nr - 1 ? length - at : 512;
		at += 512;
	}
	return iov;
}

static void fill(uint8_t *bytes, uint64_t seed)
{
	for (size_t i = 0; i < BLOCK; i += 8) {
		uint64_t value = next_random(&seed);

		memcpy(bytes + i, &value, 8);
	}
}

/* What a link in /proc is to; "" when there is none. */
static const char *link_of(const char *process, const char *what)
{
	static char to[300];
	char name[300];
	ssize_t length;

	snprintf(name, sizeof(name), "/proc/%.20s/%s", process, what);
	length = readlink(name, to, sizeof(to) - 1);
	to[length > 0 ? length : 0] = '\0';
	return to;
}

/* The daemon of an image, which it has as its descriptor 4; 0: none. */
static pid_t find_daemon(const char *image)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	pid_t found = 0;

	while (!found && (entry = readdir(proc)))
		if (isdigit((unsigned char)entry->d_name[0]) &&
		    strstr(link_of(entry->d_name, "exe"),
			   "/qemu-storage-daemon") &&
		    strstr(link_of(entry->d_name, "fd/4"), image))
			found = atoi(entry->d_name);
	closedir(proc);
	return found;
}

static void kill_daemon(const char *image)
{
	pid_t pid = find_daemon(image);

	if (!pid)
		die("no qemu-storage-daemon");
	kill(pid, SIGKILL);
}

static struct disk *open_disk(const char *at, bool read_only,
			      const char *backing)
{
	const struct disk_options options = {
		.path = at, .read_only = read_only, .backing = backing,
	};

	error.text[0] = '\0';
	return disk_open(&options, &error);
}

/* Write and verify, at random places; kill the daemon now and then. */
static void load(struct disk *disk, const char *kill_word, int rounds)
{
	static uint8_t out[NR][BLOCK], in[NR][BLOCK];
	struct iovec *iov[NR];
	uint64_t seed = 1;
	unsigned int wrong = 0, killed = 0;

	failures = 0;
	for (int round = 0; round < rounds; round++) {
		uint64_t block[NR];

		for (int i = 0; i < NR; i++) {
			block[i] = (next_random(&seed) % (SIZE / BLOCK / NR)) *
				   NR + i;
			fill(out[i], seed);
			iov[i] = cut(out[i], BLOCK, 1 + i % 3);
			submit(disk, DISK_WRITE, block[i] * BLOCK, iov[i],
			       1 + i % 3, BLOCK);
		}
		disk_kick(disk);
		if (kill_word && round % 3 == 1) {
			kill_daemon(kill_word);
			killed++;
		}
		wait_all(disk);
		for (int i = 0; i < NR; i++) {
			free(iov[i]);
			iov[i] = cut(in[i], BLOCK, 1 + i % 2);
			submit(disk, DISK_READ, block[i] * BLOCK, iov[i],
			       1 + i % 2, BLOCK);
		}
		wait_all(disk);
		for (int i = 0; i < NR; i++) {
			free(iov[i]);
			wrong += memcmp(in[i], out[i], BLOCK) != 0;
		}
	}
	submit(disk, DISK_FLUSH, 0, NULL, 0, 0);
	wait_all(disk);
	check(!wrong && !failures,
	      "%d writes and reads, killed %u times: %u wrong, %d failed",
	      rounds * NR * 2, killed, wrong, failures);
}

static bool all_zero(struct disk *disk, uint64_t at)
{
	static uint8_t bytes[BLOCK];
	struct iovec iov = { bytes, BLOCK };
	unsigned int other = 0;

	memset(bytes, 1, BLOCK);
	submit(disk, DISK_READ, at, &iov, 1, BLOCK);
	wait_all(disk);
	for (unsigned int i = 0; i < BLOCK; i++)
		other += bytes[i] != 0;
	return !other;
}

static void image(const char *format)
{
	static uint8_t big[20 * MiB], back[20 * MiB];
	struct iovec iov;
	char name[32];
	struct disk *disk;

	snprintf(name, sizeof(name), "disk.%s", format);
	if (sh("qemu-img create -q -f %s %s 32M", !strcmp(format, "vhd") ?
	       "vpc" : format, path(name)))
		die("qemu-img");
	disk = open_disk(path(name), false, NULL);
	check(disk && disk->capacity >= SIZE, "%s: opens %s", format,
	      error.text);
	if (!disk)
		return;
	load(disk, NULL, 3);
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = i * 7 + i / 4096;
	iov = (struct iovec){ big, sizeof(big) };
	submit(disk, DISK_WRITE, MiB, &iov, 1, sizeof(big));
	wait_all(disk);
	iov = (struct iovec){ back, sizeof(back) };
	submit(disk, DISK_READ, MiB, &iov, 1, sizeof(back));
	wait_all(disk);
	check(!memcmp(big, back, sizeof(big)), "%s: 20 MiB in one request",
	      format);
	submit(disk, DISK_DISCARD, 2 * MiB, NULL, 0, MiB);
	submit(disk, DISK_ZERO, 4 * MiB, NULL, 0, MiB);
	wait_all(disk);
	check(all_zero(disk, 4 * MiB) && all_zero(disk, 5 * MiB - BLOCK),
	      "%s: zeroes", format);
	check(!open_disk(path(name), false, NULL) &&
	      strstr(error.text, "in use"), "%s: locked", format);
	disk_close(disk);
	check(!find_daemon(name), "%s: closed means that its daemon has ended",
	      format);
	check(!sh("qemu-img check -q -f %s %s 2>/dev/null", format,
		  path(name)) || !strcmp(format, "vhd"), "%s: is consistent",
	      format);
}

static void killed(void)
{
	struct disk *disk;
	int status;

	if (sh("qemu-img create -q -f qcow2 %s 32M", path("killed.qcow2")))
		die("qemu-img");
	disk = open_disk(path("killed.qcow2"), false, NULL);
	load(disk, "killed.qcow2", 9);
	check(disk->losses, "connections were lost: %u", disk->losses);
	/* Another file that has got its name is not the one that was locked. */
	if (sh("cd %s && cp killed.qcow2 other && mv killed.qcow2 kept.qcow2 &&"
	       " mv other killed.qcow2", directory))
		die("mv");
	kill_daemon("kept.qcow2");
	load(disk, NULL, 1);
	check(find_daemon("kept.qcow2") && !find_daemon("killed.qcow2"),
	      "a new daemon has the same file, whatever its name");
	if (sh("mv %s %s", path("kept.qcow2"), path("killed.qcow2")))
		die("mv");
	disk_close(disk);
	/* 3: space is lost, content is not. */
	status = sh("qemu-img check -q %s >/dev/null 2>&1",
		    path("killed.qcow2"));
	check(!status || WEXITSTATUS(status) == 3, "the image is consistent");
}

static uint8_t big[48 * MiB];

static void write_big(struct disk *disk, uint64_t at, uint8_t seed)
{
	struct iovec iov[sizeof(big) / MiB];

	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = i * 7 + i / 4096 + seed;
	for (size_t i = 0; i < sizeof(big) / MiB; i++) {
		iov[i] = (struct iovec){ big + i * MiB, MiB };
		submit(disk, DISK_WRITE, at + i * MiB, &iov[i], 1, MiB);
	}
	wait_all(disk);
}

static unsigned int wrong_big(struct disk *disk, uint64_t at)
{
	static uint8_t back[sizeof(big)];
	struct iovec iov = { back, sizeof(back) };

	memset(back, 0, sizeof(back));
	submit(disk, DISK_READ, at, &iov, 1, sizeof(back));
	wait_all(disk);
	return memcmp(big, back, sizeof(big)) != 0;
}

/*
 * The daemon is not told to write through, so what it has in its memory is lost
 * with it: what was not flushed goes out again, in its order.
 */
static void unflushed(void)
{
	static uint8_t block[2][BLOCK];
	struct iovec iov[2] = { { block[0], BLOCK }, { block[1], BLOCK } };
	static uint8_t back[BLOCK];
	struct iovec in = { back, BLOCK };
	struct disk *disk;

	if (sh("qemu-img create -q -f qcow2 %s 64M", path("unflushed.qcow2")))
		die("qemu-img");
	disk = open_disk(path("unflushed.qcow2"), false, NULL);
	failures = 0;
	fill(block[0], 1);
	fill(block[1], 2);
	for (int i = 0; i < 2; i++) {
		submit(disk, DISK_WRITE, 60 * MiB, &iov[i], 1, BLOCK);
		wait_all(disk);
	}
	submit(disk, DISK_WRITE, 61 * MiB, &iov[0], 1, BLOCK);
	wait_all(disk);
	submit(disk, DISK_ZERO, 61 * MiB, NULL, 0, BLOCK);
	wait_all(disk);
	kill_daemon("unflushed.qcow2");
	submit(disk, DISK_READ, 60 * MiB, &in, 1, BLOCK);
	wait_all(disk);
	check(!memcmp(back, block[1], BLOCK) && all_zero(disk, 61 * MiB) &&
	      disk->losses == 1, "unflushed changes go out again, in order");
	/* More than is kept: flushed in between, and all of it is there. */
	write_big(disk, 0, 1);
	write_big(disk, 8 * MiB, 2);
	kill_daemon("unflushed.qcow2");
	check(!wrong_big(disk, 8 * MiB) && !failures && disk->losses == 2,
	      "96 MiB without a flush");
	submit(disk, DISK_FLUSH, 0, NULL, 0, 0);
	wait_all(disk);
	check(!failures, "and a flush");
	disk_close(disk);
}

/* A server that is there and does not answer. */
static void abandoned(void)
{
	static uint8_t block[BLOCK];
	struct iovec iov = { block, BLOCK };
	struct disk *disk;
	pid_t pid;

	if (sh("qemu-img create -q -f qcow2 %s 32M", path("silent.qcow2")))
		die("qemu-img");
	disk = open_disk(path("silent.qcow2"), false, NULL);
	pid = find_daemon("silent.qcow2");
	failures = 0;
	fill(block, 3);
	submit(disk, DISK_WRITE, 0, &iov, 1, BLOCK);
	wait_all(disk);
	kill(pid, SIGSTOP);
	submit(disk, DISK_READ, 0, &iov, 1, BLOCK);
	submit(disk, DISK_FLUSH, 0, NULL, 0, 0);
	disk_kick(disk);
	disk_abandon(disk);
	disk_reap(disk);
	check(!pending && failures == 2, "requests are given up");
	kill(pid, SIGCONT);
	failures = 0;
	memset(block, 0, BLOCK);
	submit(disk, DISK_READ, 0, &iov, 1, BLOCK);
	wait_all(disk);
	check(!failures && block[0] && disk->losses == 1 && !disk->failed,
	      "and the disk goes on when the server does");
	disk_close(disk);
}

/* What the driver has put into the queue is with the device. */
static bool popped(struct dqueue *queue)
{
	const uint64_t event = queue->used + 4 + 8 * queue->size;

	for (int i = 0; i < 1000; i++) {
		if (load16(queue->guest, event) == queue->next_avail)
			return true;
		usleep(10000);
	}
	return false;
}

/* The same under a guest, which must be able to end, and may be hostile. */
static void silent_under_a_guest(void)
{
	static struct guest guest;
	struct blkdev blk = { .guest = &guest };
	const struct blk_options options = { .direct = false };
	const uint64_t features = VIRTIO_F_VERSION_1 | VIRTIO_F_EVENT_IDX |
				  VIRTIO_F_INDIRECT_DESC | VIRTIO_BLK_F_FLUSH;
	uint64_t irqs;
	pid_t pid;

	guest_init(&guest);
	snprintf(blk.path, sizeof(blk.path), "%s", path("silent.qcow2"));
	blkdev_add(&blk, &options);
	check(!(offered(&guest, blk.device) & VIRTIO_BLK_F_CONFIG_WCE),
	      "a server's cache cannot be turned off");
	blkdev_start(&blk, features);
	check(blkdev_do(&blk, VIRTIO_BLK_T_IN, 0, FIRST, 512, true) == 0,
	      "a guest reads");
	pid = find_daemon("silent.qcow2");
	kill(pid, SIGSTOP);
	while (blk.queue.next_avail != 1 + QUEUE_SIZE)
		blkdev_submit(&blk, 0, VIRTIO_BLK_T_FLUSH, 0, NULL, 0);
	queue_kick(&blk.queue);
	check(popped(&blk.queue), "as many requests as the queue has room for");
	irqs = irq_count(&guest, blk.device);
	blkdev_submit(&blk, 0, VIRTIO_BLK_T_FLUSH, 0, NULL, 0);
	queue_kick(&blk.queue);
	check(wait_irq(&guest, blk.device, irqs) &&
	      device_page(&guest, blk.device)->status &
		      VIRTIO_STATUS_NEEDS_RESET &&
	      strstr(guest.last_report, "more requests than"),
	      "one more breaks the device");
	check(!set_status(&guest, blk.device, 0),
	      "a reset does not wait for ever");
	kill(pid, SIGCONT);
	blkdev_start(&blk, features);
	check(blkdev_do(&blk, VIRTIO_BLK_T_IN, 0, FIRST, 512, true) == 0,
	      "and the guest reads again");
	guest_exit(&guest);
}

/* The process of the one disk that is open: a child of this one, and alive. */
static pid_t find_helper(void)
{
	char text[48];
	pid_t pid = 0;
	FILE *list;

	snprintf(text, sizeof(text), "pgrep -x -P %d colinux-disk",
		 (int)getpid());
	list = popen(text, "r");
	while (list && fgets(text, sizeof(text), list)) {
		text[strcspn(text, "\n")] = '\0';
		/* Those of earlier disks were not waited for: no program. */
		if (*link_of(text, "exe"))
			pid = atoi(text);
	}
	if (list)
		pclose(list);
	if (!pid)
		die("no colinux-disk");
	return pid;
}

/* Who runs the guest gets to know why its disk is dead. */
static void failed_under_a_guest(void)
{
	static struct guest guest;
	struct blkdev blk = { .guest = &guest };
	const struct blk_options options = { .direct = false };
	char text[400] = "";

	guest_init(&guest);
	snprintf(blk.path, sizeof(blk.path), "%s", path("silent.qcow2"));
	blkdev_add(&blk, &options);
	blkdev_start(&blk, VIRTIO_F_VERSION_1);
	kill(find_helper(), SIGKILL);
	kill_daemon("silent.qcow2");
	check(blkdev_do(&blk, VIRTIO_BLK_T_IN, 0, FIRST, 512, true) ==
		      VIRTIO_BLK_S_IOERR &&
	      blkdev_do(&blk, VIRTIO_BLK_T_IN, 0, FIRST, 512, true) ==
		      VIRTIO_BLK_S_IOERR, "requests of a dead disk fail");
	check(guest.reports == 1 && strstr(guest.last_report, "cobd0: ") &&
	      strstr(guest.last_report, "all requests fail"),
	      "which is said once: %s", guest.last_report);
	virtio_bus_describe(guest.bus, blk.device, text, sizeof(text));
	check(strstr(text, "FAILED: the process"), "and shown: %s", text);
	guest_exit(&guest);
}

/* A service manager tells all processes to end; then the guest powers off. */
static void told_to_end(void)
{
	struct disk *disk;
	pid_t helper;

	if (sh("qemu-img create -q -f qcow2 %s 32M", path("told.qcow2")))
		die("qemu-img");
	disk = open_disk(path("told.qcow2"), false, NULL);
	helper = find_helper();
	kill(helper, SIGTERM);
	kill(find_daemon("told.qcow2"), SIGTERM);
	load(disk, NULL, 1);
	check(!kill(helper, 0), "SIGTERM does not end the process of a disk");
	kill(helper, SIGKILL);
	kill_daemon("told.qcow2");
	failures = 0;
	submit(disk, DISK_FLUSH, 0, NULL, 0, 0);
	wait_all(disk);
	check(failures == 1 && disk->failed, "a disk without its process "
	      "fails: %s", disk->failed);
	disk_close(disk);
}

static void backing(void)
{
	char secret[] = "root:secret";
	struct disk *disk;
	char found[16] = "";
	struct iovec iov = { found, 512 };
	static uint8_t sector[512];

	put("base.img", 0, secret, sizeof(secret));
	truncate(path("base.img"), SIZE);
	if (sh("qemu-img create -q -f qcow2 -F raw -b %s %s", path("base.img"),
	       path("over.qcow2")))
		die("qemu-img");
	check(!open_disk(path("over.qcow2"), false, NULL) &&
	      strstr(error.text, "backing=FILE"), "%s", error.text);
	disk = open_disk(path("over.qcow2"), false, path("base.img"));
	check(disk, "a backing file that is named %s", error.text);
	iov.iov_base = sector;
	submit(disk, DISK_READ, 0, &iov, 1, 512);
	wait_all(disk);
	check(!memcmp(sector, secret, sizeof(secret)), "and is read");
	check(!open_disk(path("base.img"), false, NULL) &&
	      strstr(error.text, "in use"), "and nobody writes to it meanwhile");
	disk_close(disk);
	disk = open_disk(path("base.img"), false, NULL);
	check(disk && !open_disk(path("over.qcow2"), false, path("base.img")) &&
	      strstr(error.text, "base.img: another disk or guest writes"),
	      "nor before: %s", error.text);
	disk_close(disk);
}

static void broken(void)
{
	struct disk *disk;

	if (sh("qemu-img create -q -f qcow2 %s 32M", path("broken.qcow2")))
		die("qemu-img");
	put("broken.qcow2", 40, "\xff\xff\xff\xff\xff\xff\xff\xff", 8);
	disk = open_disk(path("broken.qcow2"), false, NULL);
	check(!disk && strstr(error.text, "broken.qcow2: ") &&
	      !strchr(error.text, '\n') && !strchr(error.text, '{'), "%s",
	      error.text);
	/* A descriptor that wants another file: Landlock is in the way. */
	sh("qemu-img create -q -f vmdk %s 1M", path("bad.vmdk"));
	put("bad.vmdk", 12, "\0\0\0\0\0\0\0\0", 8);
	check(!open_disk(path("bad.vmdk"), false, NULL), "%s", error.text);
	check(!disk_open(&(struct disk_options){ .path = path("broken.qcow2"),
						 .direct = true }, &error) &&
	      strstr(error.text, "leave ,direct out"), "%s", error.text);
	check(!open_disk("nbd+unix:///x?socket=/nowhere", false, NULL) &&
	      strstr(error.text, "start it first"), "%s", error.text);
	check(!open_disk("http://localhost:1/x.iso", false, NULL) &&
	      strstr(error.text, "add ,ro"), "%s", error.text);
}

static pid_t serve(const char *name)
{
	pid_t pid = fork();
	char device[300], server[200];

	snprintf(device, sizeof(device), "driver=file,node-name=d,filename=%s",
		 path(name));
	snprintf(server, sizeof(server), "addr.type=unix,addr.path=%s",
		 path("socket"));
	if (!pid) {
		unlink(path("socket"));
		execlp("qemu-storage-daemon", "qemu-storage-daemon",
		       "--blockdev", device, "--nbd-server", server,
		       "--export", "type=nbd,id=d,node-name=d,name=one,"
		       "writable=on", NULL);
		_exit(127);
	}
	return pid;
}

static void remote(void)
{
	char uri[200];
	struct disk *disk;
	pid_t pid;
	int i;

	truncate(path("remote.img"), 0);
	put("remote.img", SIZE - 1, "", 1);
	pid = serve("remote.img");
	for (i = 0; access(path("socket"), F_OK) && i < 1000; i++)
		usleep(10000);
	snprintf(uri, sizeof(uri), "nbd+unix:///two?socket=%s", path("socket"));
	check(!open_disk(uri, false, NULL) && strstr(error.text, "'two'"),
	      "%s", error.text);
	snprintf(uri, sizeof(uri), "nbd+unix:///one?socket=%s", path("socket"));
	disk = open_disk(uri, false, NULL);
	check(disk && disk->capacity == SIZE, "a remote disk %s", error.text);
	load(disk, NULL, 2);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	pid = serve("remote.img");
	load(disk, NULL, 2);
	check(disk->losses == 1, "the server went and came back");
	disk_close(disk);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
	/* os_spawn_self() */
	if (argc > 1 && !strcmp(argv[1], "--disk"))
		return disk_server_main(argc - 1, argv + 1);
	alarm(600);
	if (!mkdtemp(directory))
		die(directory);
	setenv("COLINUX_RUN", path("run"), 1);
	formats();
	addresses();
	if (access("/usr/bin/qemu-storage-daemon", X_OK) ||
	    access("/usr/bin/qemu-img", X_OK)) {
		skip("images", "no qemu-storage-daemon or qemu-img");
	} else {
		image("qcow2");
		image("vmdk");
		image("vhdx");
		image("vdi");
		image("vhd");
		killed();
		unflushed();
		abandoned();
		silent_under_a_guest();
		failed_under_a_guest();
		told_to_end();
		backing();
		broken();
		remote();
	}
	sh("rm -rf %s", directory);
	return done();
}
