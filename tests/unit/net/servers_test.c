// SPDX-License-Identifier: GPL-2.0
/*
 * vhost-user with the servers that people use: a disk of qemu-storage-daemon,
 * which is killed and started again under load, and virtiofsd's first answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../virtio/guest.h"
#include "../virtio/tap.h"

#define STORAGE_DAEMON "/usr/bin/qemu-storage-daemon"
#define VIRTIOFSD "/usr/lib/qemu/virtiofsd"
#define DISK (4 * MiB)
#define SECTORS 8u

static struct guest guest;
static int memory;
static char directory[40] = "/tmp/colinux-servers-XXXXXX";
static char path[64], image[64];

static pid_t run(char *const argv[])
{
	pid_t pid = fork();

	if (pid < 0)
		die("fork");
	if (pid)
		return pid;
	/* Sanitizers' preloads and our output are not theirs. */
	dup2(open("/dev/null", O_RDWR), 1);
	dup2(1, 2);
	execv(argv[0], argv);
	_exit(127);
}

/* Wait until somebody listens at path; false after 20 seconds. */
static bool wait_socket(void)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int turn, ret;

	strcpy(at.sun_path, path);
	for (turn = 0; turn < 400; turn++) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		ret = connect(fd, (void *)&at, sizeof(at));
		close(fd);
		if (!ret)
			return true;
		poll(NULL, 0, 50);
	}
	return false;
}

static pid_t start_disk(void)
{
	char blockdev[160], export[200];
	char *const argv[] = {
		STORAGE_DAEMON, "--blockdev", blockdev, "--export", export,
		NULL
	};
	pid_t pid;

	snprintf(blockdev, sizeof(blockdev),
		 "driver=file,node-name=d,filename=%s", image);
	snprintf(export, sizeof(export), "type=vhost-user-blk,id=e,node-name=d,"
		 "writable=on,addr.type=unix,addr.path=%s", path);
	unlink(path);
	pid = run(argv);
	/* It takes one client after the other: this one says nothing. */
	if (!wait_socket())
		die("qemu-storage-daemon does not listen");
	return pid;
}

static void stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static int add(const char *kind, const void *config, uint32_t length)
{
	const struct vhost_user_options options = {
		.tag = kind, .kind = kind, .path = path, .memory_fd = memory,
		.config = config, .config_len = length,
	};
	struct error error;
	int device = virtio_vhost_user_add(guest.bus, &options, &error);

	if (device < 0)
		die(error.text);
	return device;
}

static struct dqueue queue;

/* One request of the disk: SECTORS at a sector, from or to `data`. */
static uint16_t submit(uint64_t header, uint32_t type, uint64_t sector,
		       uint64_t data)
{
	const struct virtio_blk_header h = { .type = type, .sector = sector };
	const struct piece pieces[] = {
		{ header, sizeof(h), false },
		{ data, SECTORS * 512, type == VIRTIO_BLK_T_IN },
		{ header + 64, 1, true },
	};

	copy_in(&guest, header, &h, sizeof(h));
	*(uint8_t *)at(&guest, header + 64, 1) = 0xff;
	return queue_add(&queue, pieces, 3, 0);
}

static bool finish(uint64_t header)
{
	uint32_t head, length;

	return queue_wait(&queue, &head, &length) &&
	       *(uint8_t *)at(&guest, header + 64, 1) == 0;
}

static void disk(void)
{
	uint64_t header = guest_alloc(&guest, 4096), state = 1;
	uint64_t out = guest_alloc(&guest, 65536), in = THIRD;
	uint8_t *bytes = at(&guest, out, 65536);
	struct colinux_device_page *page;
	struct virtio_blk_config config;
	struct error error;
	unsigned int i, turn;
	bool ok = true;
	int device, fd;
	pid_t pid;

	fd = open(image, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, DISK) < 0)
		die(image);
	pid = start_disk();
	device = add("blk", NULL, 0);
	if (virtio_bus_start(guest.bus, &error) < 1)
		die(error.text);
	page = device_page(&guest, device);
	memcpy(&config, (void *)page->config, sizeof(config));
	check(config.capacity == DISK / 512, "the disk's configuration");
	if (negotiate(&guest, device, offered(&guest, device)) ||
	    queue_on(&guest, &queue, device, 0, 128, 0) ||
	    set_status(&guest, device, 15))
		die("start");
	for (turn = 0; ok && turn < 5; turn++) {
		for (i = 0; i < 65536; i++)
			bytes[i] = next_random(&state);
		for (i = 0; i < 16; i++)
			submit(header + 128 * i, VIRTIO_BLK_T_OUT,
			       turn * 128 + i * SECTORS, out + i * 4096);
		queue_kick(&queue);
		/* In the middle, if it is not too fast for that. */
		if (turn % 2) {
			stop(pid);
			pid = start_disk();
		}
		for (i = 0; ok && i < 16; i++) {
			uint32_t head, length;

			ok = queue_wait(&queue, &head, &length);
		}
		for (i = 0; ok && i < 16; i++)
			ok = *(uint8_t *)at(&guest, header + 128 * i + 64,
					    1) == 0;
		submit(header, VIRTIO_BLK_T_IN, turn * 128 + 3 * SECTORS, in);
		queue_kick(&queue);
		ok = ok && finish(header) &&
		     !memcmp(at(&guest, in, 4096), bytes + 3 * 4096, 4096);
	}
	check(ok, "80 writes, read back, the server killed twice");
	virtio_bus_reset(guest.bus);
	stop(pid);
	close(fd);
}

/* The FUSE protocol's first request, from include/uapi/linux/fuse.h. */
static void folder(void)
{
	struct virtio_fs_config config = { "cofs0", 1 };
	char source[80], socket_option[80];
	char *const argv[] = {
		VIRTIOFSD, socket_option, "-o", source, "-o",
		"sandbox=chroot", NULL
	};
	uint64_t buffer = guest_alloc(&guest, 4096);
	uint32_t request[14] = { 56, 26, 1 };	/* length, FUSE_INIT, id */
	uint32_t reply[20] = { 0 }, head, length;
	struct dqueue hiprio;
	struct error error;
	int device, turn;
	pid_t pid;

	request[10] = 7;			/* version 7.31 */
	request[11] = 31;
	snprintf(source, sizeof(source), "source=%s", directory);
	snprintf(socket_option, sizeof(socket_option), "--socket-path=%s",
		 path);
	unlink(path);
	pid = run(argv);
	/* It takes one client in its life: only look for the name. */
	for (turn = 0; turn < 400 && access(path, F_OK); turn++)
		poll(NULL, 0, 50);
	device = add("fs", &config, sizeof(config));
	if (virtio_bus_start(guest.bus, &error) < 1)
		die(error.text);
	check(!memcmp((void *)device_page(&guest, device)->config, "cofs0", 6),
	      "the folder's configuration");
	if (negotiate(&guest, device, offered(&guest, device)) ||
	    queue_on(&guest, &hiprio, device, 0, 128, 0) ||
	    queue_on(&guest, &queue, device, 1, 128, 0) ||
	    set_status(&guest, device, 15))
		die("start");
	copy_in(&guest, buffer, request, sizeof(request));
	{
		const struct piece pieces[] = {
			{ buffer, 40, false }, { buffer + 40, 16, false },
			{ buffer + 1024, 16, true },
			{ buffer + 1040, 64, true },
		};

		queue_add(&queue, pieces, 4, 0);
	}
	queue_kick(&queue);
	check(queue_wait(&queue, &head, &length) && length >= 40,
	      "virtiofsd answers");
	copy_out(&guest, buffer + 1024, reply, sizeof(reply));
	check(reply[1] == 0 && reply[4] == 7, "FUSE 7.%u", reply[5]);
	virtio_bus_reset(guest.bus);
	stop(pid);
}

static void open_guest(void)
{
	guest_init(&guest);
	if (mmap(guest.ram, RAM_SIZE, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, memory, 0) != guest.ram)
		die("mmap");
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	memory = memfd_create("ram", MFD_CLOEXEC);
	if (memory < 0 || ftruncate(memory, RAM_SIZE) < 0 ||
	    !mkdtemp(directory))
		die("set-up");
	snprintf(path, sizeof(path), "%s/socket", directory);
	snprintf(image, sizeof(image), "%s/image", directory);
	if (access(STORAGE_DAEMON, X_OK)) {
		skip("a disk", "no " STORAGE_DAEMON);
	} else {
		open_guest();
		disk();
		guest_exit(&guest);
	}
	if (access(VIRTIOFSD, X_OK) || geteuid()) {
		skip("a folder", "no " VIRTIOFSD ", or not root");
	} else {
		open_guest();
		folder();
		guest_exit(&guest);
	}
	unlink(image);
	unlink(path);
	rmdir(directory);
	return done();
}
