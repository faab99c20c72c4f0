// SPDX-License-Identifier: GPL-2.0
/*
 * The vhost-user front end against a back-end written here from the protocol's
 * document: a source of "random" bytes.  Set-up, requests, memory in many
 * pieces, a back-end that dies with a request in hand and comes back, resets,
 * one that answers wrong, or not at all.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../virtio/guest.h"
#include "../virtio/tap.h"

#define PATTERN 0x5a
#define NEED_REPLY 8u

struct message {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct {
			uint32_t index, value;
		} state;
		struct {
			uint32_t index, flags;
			uint64_t desc, used, avail, log;
		} ring;
		struct {
			uint32_t nr, pad;
			struct {
				uint64_t guest, size, user, offset;
			} region[8];
		} table;
		struct {
			uint64_t pad, guest, size, user, offset;
		} one;
		struct {
			uint64_t size, offset;
			uint16_t nr_queues, queue_size;
			uint32_t pad;
		} inflight;
		uint8_t bytes[512];
	};
} __attribute__((packed, aligned(8)));

#define HEAD 12

static struct guest guest;
static struct dqueue queue;
static int device, memory;
static char path[64], directory[40] = "/tmp/colinux-vhost-XXXXXX";

/* The back-end's; its thread's alone while it runs. */
static struct {
	pthread_t thread;
	int listener, fd, kick, call;
	bool lazy;		/* takes requests and does not answer */
	unsigned int only;	/* answers only every so many-th; 0 = all */
	bool noting;		/* has INFLIGHT_SHMFD */
	uint8_t *notes;		/* by head: taken, not answered */
	bool wrong;		/* answers GET_FEATURES with rubbish */
	bool mute;		/* answers that, and no more */
	sem_t asked;		/* posted when it is mute */
	uint64_t features;	/* as the front end set them */
	unsigned int slots;	/* has CONFIGURE_MEM_SLOTS, and so many */
	unsigned int nr_ram;
	struct {
		uint64_t guest, size, user;
		uint8_t *at;
	} ram[16];
	uint16_t size, next;
	uint64_t desc, avail, used;
	bool enabled;
	unsigned int taken;	/* chains */
	int control[2];		/* a byte: the connection ends here */
} be;

/* Address of the guest (machine), or of the front end. */
static uint8_t *translate(uint64_t address, bool user)
{
	for (unsigned int i = 0; i < be.nr_ram; i++) {
		uint64_t start = user ? be.ram[i].user : be.ram[i].guest;

		if (address - start < be.ram[i].size)
			return be.ram[i].at + (address - start);
	}
	die("the back-end got a wrong address");
}

static void map(uint64_t machine, uint64_t size, uint64_t user, uint64_t offset,
		int fd)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			offset);

	if (at == MAP_FAILED || be.nr_ram == 16)
		die("back-end mmap");
	close(fd);
	be.ram[be.nr_ram].guest = machine;
	be.ram[be.nr_ram].size = size;
	be.ram[be.nr_ram].user = user;
	be.ram[be.nr_ram++].at = at;
}

static void map_table(const struct message *m, const int *fds)
{
	for (uint32_t i = 0; i < m->table.nr; i++)
		map(m->table.region[i].guest, m->table.region[i].size,
		    m->table.region[i].user, m->table.region[i].offset, fds[i]);
}

static void unmap_all(void)
{
	while (be.nr_ram) {
		be.nr_ram--;
		munmap(be.ram[be.nr_ram].at, be.ram[be.nr_ram].size);
	}
}

static void answer(const struct message *m, uint32_t size)
{
	struct message reply = *m;

	reply.flags = 5;
	reply.size = size;
	if (send(be.fd, &reply, HEAD + size, MSG_NOSIGNAL) < 0)
		die("back-end send");
}

/* One more descriptor than the front end wants. */
static void answer_notes(struct message *m)
{
	struct iovec iov = { m, HEAD + sizeof(m->inflight) };
	union {
		char room[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr message = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	int fd = memfd_create("notes", MFD_CLOEXEC);
	const int fds[2] = { fd, fd };

	if (fd < 0 || ftruncate(fd, 4096))
		die("notes");
	m->inflight.size = 4096;
	m->flags = 5;
	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&control.align), fds, sizeof(fds));
	if (sendmsg(be.fd, &message, MSG_NOSIGNAL) < 0)
		die("back-end send");
	close(fd);
}

static void handle(struct message *m, const int *fds)
{
	switch (m->request) {
	case 1:			/* GET_FEATURES */
		m->u64 = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC |
			 VIRTIO_F_EVENT_IDX | VIRTIO_BIT(30) | VIRTIO_BIT(34);
		answer(m, be.wrong ? 4 : 8);
		return;
	case 15:		/* GET_PROTOCOL_FEATURES: REPLY_ACK, more */
		if (be.mute) {
			sem_post(&be.asked);
			return;
		}
		m->u64 = VIRTIO_BIT(3) | VIRTIO_BIT(0) |
			 (be.noting ? VIRTIO_BIT(12) : 0) |
			 (be.slots ? VIRTIO_BIT(15) : 0);
		answer(m, 8);
		return;
	case 11:		/* GET_VRING_BASE */
		m->state.value = be.next;
		be.enabled = false;
		answer(m, 8);
		return;
	case 31:		/* GET_INFLIGHT_FD */
		answer_notes(m);
		return;
	case 36:		/* GET_MAX_MEM_SLOTS */
		m->u64 = be.slots;
		answer(m, 8);
		return;
	case 37:		/* ADD_MEM_REG */
		map(m->one.guest, m->one.size, m->one.user, m->one.offset,
		    fds[0]);
		break;
	case 32:
		be.notes = mmap(NULL, m->inflight.size, PROT_READ | PROT_WRITE,
				MAP_SHARED, fds[0], m->inflight.offset);
		if (be.notes == MAP_FAILED)
			die("notes");
		close(fds[0]);
		break;
	case 2:
		be.features = m->u64;
		break;
	case 5:
		unmap_all();
		map_table(m, fds);
		break;
	case 8:
		be.size = m->state.value;
		break;
	case 9:
		be.desc = m->ring.desc;
		be.avail = m->ring.avail;
		be.used = m->ring.used;
		break;
	case 10:
		be.next = m->state.value;
		break;
	case 12:
		be.kick = fds[0];
		break;
	case 13:
		be.call = fds[0];
		break;
	case 18:
		be.enabled = m->state.value;
		break;
	}
	if (m->flags & NEED_REPLY) {
		m->u64 = 0;
		answer(m, 8);
	}
}

/* One message; false at the end. */
static bool message(void)
{
	struct message m;
	struct iovec iov = { &m, HEAD };
	char room[CMSG_SPACE(8 * sizeof(int))] __attribute__((aligned(8)));
	struct msghdr header = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = room, .msg_controllen = sizeof(room),
	};
	int fds[8] = { -1 };
	struct cmsghdr *c;

	if (recvmsg(be.fd, &header, MSG_WAITALL) != HEAD)
		return false;
	if (m.size > sizeof(m.bytes) || (m.flags & 3) != 1)
		die("the front end sends rubbish");
	if (m.size && recv(be.fd, m.bytes, m.size, MSG_WAITALL) !=
		      (ssize_t)m.size)
		return false;
	c = CMSG_FIRSTHDR(&header);
	if (c)
		memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	handle(&m, fds);
	return true;
}

/* One descriptor, writable; the answer goes into the next used element. */
static void do_chain(uint8_t *used, uint16_t head)
{
	uint8_t *d = translate(be.desc, true) + 16 * head;
	uint16_t *index = (uint16_t *)(used + 2);
	uint32_t length, elem[2];
	uint64_t address;

	memcpy(&address, d, 8);
	memcpy(&length, d + 8, 4);
	memset(translate(address, false), PATTERN, length);
	elem[0] = head;
	elem[1] = length;
	memcpy(used + 4 + 8 * (*index % be.size), elem, 8);
	if (be.notes)
		be.notes[head] = 0;
	__atomic_store_n(index, *index + 1, __ATOMIC_RELEASE);
}

/* What its predecessor has taken and not answered. */
static void work_notes(void)
{
	uint8_t *used = translate(be.used, true);
	unsigned int head, nr = 0;

	for (head = 0; be.notes && head < be.size; head++)
		nr += be.notes[head];
	be.next = *(uint16_t *)(used + 2) + nr;
	for (head = 0; be.notes && head < be.size; head++)
		if (be.notes[head])
			do_chain(used, head);
}

/* All chains there are. */
static void work(void)
{
	uint16_t *avail = (uint16_t *)translate(be.avail, true);
	uint8_t *used = translate(be.used, true);
	const uint64_t one = 1;

	if (be.notes && !be.taken)
		work_notes();
	for (;;) {
		/* avail_event: ring for the next one. */
		__atomic_store_n((uint16_t *)(used + 4 + 8 * be.size),
				 be.next, __ATOMIC_SEQ_CST);
		if (be.next == __atomic_load_n(&avail[1], __ATOMIC_SEQ_CST))
			break;
		uint16_t head = avail[2 + be.next % be.size];

		be.taken++;
		be.next++;
		if (be.notes)
			be.notes[head] = 1;
		if (!be.lazy && (!be.only || be.taken % be.only == 0))
			do_chain(used, head);
	}
	if (!be.lazy && write(be.call, &one, sizeof(one)) < 0)
		die("call");
}

static void *backend(void *opaque)
{
	char byte;

	(void)opaque;
	be.fd = accept(be.listener, NULL, NULL);
	be.kick = be.call = -1;
	for (;;) {
		struct pollfd fds[3] = {
			{ .fd = be.fd, .events = POLLIN },
			{ .fd = be.control[0], .events = POLLIN },
			{ .fd = be.enabled ? be.kick : -1, .events = POLLIN },
		};
		uint64_t count;

		if (poll(fds, 3, -1) < 0)
			continue;
		if (fds[0].revents && !message())
			break;
		if (fds[2].revents & POLLIN &&
		    read(be.kick, &count, sizeof(count)) > 0)
			work();
		if (fds[1].revents) {
			if (read(be.control[0], &byte, 1) != 1)
				die("control");
			break;
		}
	}
	be.enabled = false;
	unmap_all();
	be.notes = NULL;
	close(be.fd);
	if (be.kick >= 0)
		close(be.kick);
	if (be.call >= 0)
		close(be.call);
	return NULL;
}

static void backend_start(bool lazy)
{
	be.lazy = lazy;
	be.taken = 0;
	if (pthread_create(&be.thread, NULL, backend, NULL))
		die("thread");
}

static void backend_stop(void)
{
	if (write(be.control[1], "", 1) != 1)
		die("control");
	pthread_join(be.thread, NULL);
}

static void start(void)
{
	if (negotiate(&guest, device, offered(&guest, device)) ||
	    queue_on(&guest, &queue, device, 0, 64, 0) ||
	    set_status(&guest, device, 15))
		die("start");
}

static bool request(uint64_t machine, uint32_t length)
{
	uint8_t *bytes = at(&guest, machine, length);

	memset(bytes, 0, length);
	queue_add(&queue, &(struct piece){ machine, length, true }, 1, 0);
	queue_kick(&queue);
	return true;
}

static bool answered(uint64_t machine, uint32_t length)
{
	const uint8_t *bytes = at(&guest, machine, length);
	uint32_t head, got;

	if (!queue_wait(&queue, &head, &got) || got != length)
		return false;
	for (uint32_t i = 0; i < length; i++)
		if (bytes[i] != PATTERN)
			return false;
	return true;
}

static void open_listener(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	if (!mkdtemp(directory))
		die("mkdtemp");
	snprintf(path, sizeof(path), "%s/socket", directory);
	strcpy(address.sun_path, path);
	be.listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (be.listener < 0 ||
	    bind(be.listener, (void *)&address, sizeof(address)) < 0 ||
	    listen(be.listener, 4) < 0 || pipe(be.control) < 0 ||
	    sem_init(&be.asked, 0, 0) < 0)
		die("listener");
}

static int add(const char *kind, struct error *error)
{
	const struct vhost_user_options options = {
		.tag = "vhost0", .kind = kind, .path = path,
		.memory_fd = memory,
	};

	error->text[0] = '\0';
	return virtio_vhost_user_add(guest.bus, &options, error);
}

static void errors(void)
{
	struct error error;

	check(add("printer", &error) < 0 &&
	      strstr(error.text, "no vhost-user device"), "an unknown kind");
	be.wrong = true;
	backend_start(false);
	check(add("rng", &error) < 0 && strstr(error.text, "no vhost-user") &&
	      strstr(error.text, path), "a back-end that answers wrong");
	pthread_join(be.thread, NULL);
	be.wrong = false;
	strcat(path, "x");
	check(add("rng", &error) < 0 && strstr(error.text, "start it first"),
	      "nobody is there");
	path[strlen(path) - 1] = '\0';
}

static void work_and_reset(void)
{
	uint64_t buffer = guest_alloc(&guest, 4096);
	bool ok = true;
	int i;

	check(!(offered(&guest, device) & (VIRTIO_BIT(30) | VIRTIO_BIT(34))) &&
	      device_page(&guest, device)->device_id == VIRTIO_ID_RNG,
	      "the guest sees the device's features, not the protocol's");
	start();
	for (i = 0; ok && i < 200; i++)
		ok = request(buffer, 1 + i) && answered(buffer, 1 + i);
	check(ok, "200 requests");
	check(be.features & VIRTIO_F_EVENT_IDX, "the driver's features");
	ok = request(THIRD + 100, 50) && answered(THIRD + 100, 50) &&
	     request(SIXTH + 4096, 50) && answered(SIXTH + 4096, 50);
	check(ok, "all of memory");
	check(command(&guest, device, COLINUX_DEV_RESET, 0, 0) == 0, "reset");
	start();
	check(request(buffer, 10) && answered(buffer, 10), "and again");
}

static void death(void)
{
	uint64_t buffer = guest_alloc(&guest, 4096);
	uint64_t irqs;
	bool ok;
	int i;

	backend_stop();
	/* Nobody is there: the request waits. */
	request(buffer, 100);
	backend_start(false);
	check(answered(buffer, 100), "a back-end comes back");
	backend_stop();
	backend_start(true);
	irqs = irq_count(&guest, device);
	/* The new one is connected once it has rung the guest. */
	ok = wait_irq(&guest, device, irqs);
	for (i = 0; i < 10; i++)
		request(buffer + 100 * i, 100);
	backend_stop();
	check(ok && be.taken <= 10, "one that takes requests and dies");
	backend_start(false);
	for (i = 0; ok && i < 10; i++)
		ok = answered(buffer + 100 * i, 100);
	check(ok, "its requests are done by the next one");
	backend_stop();
	check(command(&guest, device, COLINUX_DEV_RESET, 0, 0) == 0,
	      "a reset while nobody is there");
	start();
	request(buffer, 5);
	backend_start(false);
	check(answered(buffer, 5), "the driver was first");
}

/* A reset and a description; how many seconds they take. */
static time_t seconds(void)
{
	struct timespec from, to;
	char text[400];

	clock_gettime(CLOCK_MONOTONIC, &from);
	if (command(&guest, device, COLINUX_DEV_RESET, 0, 0) ||
	    !virtio_bus_describe(guest.bus, device, text, sizeof(text)) ||
	    !strstr(text, "NOT connected"))
		die("reset");
	clock_gettime(CLOCK_MONOTONIC, &to);
	return to.tv_sec - from.tv_sec;
}

/* Back-ends that are there and do not answer hold up nobody. */
static void silence(void)
{
	struct pollfd called = { .fd = be.listener, .events = POLLIN };
	uint64_t buffer = guest_alloc(&guest, 4096);

	backend_stop();
	check(poll(&called, 1, 10000) == 1 && seconds() < 4,
	      "one that does not answer");
	be.mute = true;
	backend_start(false);
	sem_wait(&be.asked);
	check(seconds() < 5, "one that answers once");
	/* It was given up. */
	pthread_join(be.thread, NULL);
	be.mute = false;
	start();
	request(buffer, 5);
	backend_start(false);
	check(answered(buffer, 5), "and then one that does");
}

/* Effective capabilities of the thread of that name; UINT64_MAX = none is. */
static uint64_t capabilities_now(const char *name)
{
	char at[300], line[80], is[32];
	uint64_t effective = UINT64_MAX;
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	FILE *file;

	if (!tasks)
		die("/proc");
	while ((task = readdir(tasks))) {
		snprintf(at, sizeof(at), "/proc/self/task/%s/status",
			 task->d_name);
		file = fopen(at, "r");
		*is = '\0';
		while (file && fgets(line, sizeof(line), file)) {
			sscanf(line, "Name: %31s", is);
			if (!strcmp(is, name))
				sscanf(line, "CapEff: %" SCNx64, &effective);
		}
		if (file)
			fclose(file);
	}
	closedir(tasks);
	return effective;
}

/* It gives up what it has before it takes its name. */
static uint64_t capabilities(const char *name)
{
	uint64_t effective;

	while ((effective = capabilities_now(name)) == UINT64_MAX)
		sched_yield();
	return effective;
}

/* The back-end may be another user's; other devices need nothing. */
static void rights(void)
{
	struct error error;

	if (virtio_rng_add(guest.bus, &error) < 0)
		die(error.text);
	if (geteuid()) {
		skip("rights of the threads", "root only");
		return;
	}
	check(!(capabilities("vhost0") & ~(UINT64_C(1) << CAP_DAC_OVERRIDE)) &&
	      capabilities("rng") == 0, "rights of the threads");
}

/* It is not there for a while: one line says so. */
static void moved(void)
{
	unsigned int old = guest.reports;
	uint64_t buffer = guest_alloc(&guest, 4096);
	char elsewhere[72];

	snprintf(elsewhere, sizeof(elsewhere), "%s.old", path);
	rename(path, elsewhere);
	backend_stop();
	check(wait_report(&guest, old) && guest.reports == old + 1 &&
	      !strncmp(guest.last_report, "vhost0: cannot connect to ", 26) &&
	      strstr(guest.last_report, path) &&
	      strstr(guest.last_report, strerror(ENOENT)),
	      "one that is not there is reported");
	rename(elsewhere, path);
	request(buffer, 5);
	backend_start(false);
	check(answered(buffer, 5) && guest.reports == old + 1,
	      "once, and comes back");
}

/* One answers out of order and dies; its notes go to the next one. */
static void notes(void)
{
	uint64_t buffer = guest_alloc(&guest, 4096), irqs;
	uint32_t head, length;
	unsigned int nr, i, wrong = 0;

	backend_stop();
	be.noting = true;
	if (command(&guest, device, COLINUX_DEV_RESET, 0, 0))
		die("reset");
	start();
	irqs = irq_count(&guest, device);
	be.only = 3;
	backend_start(false);
	if (!wait_irq(&guest, device, irqs))
		die("no connection");
	memset(at(&guest, buffer, 4096), 0, 4096);
	for (i = 0; i < 10; i++)
		queue_add(&queue, &(struct piece){ buffer + 100 * i, 100, true },
			  1, 0);
	queue_kick(&queue);
	for (nr = 0; nr < 3 && queue_wait(&queue, &head, &length); nr++)
		;
	check(nr == 3 && !*(uint8_t *)at(&guest, buffer, 1),
	      "one that answers the third, the sixth and the ninth");
	backend_stop();
	be.only = 0;
	backend_start(false);
	for (; nr < 10 && queue_wait(&queue, &head, &length); nr++)
		;
	for (i = 0; i < 1000; i++)
		wrong += *(uint8_t *)at(&guest, buffer + i, 1) != PATTERN;
	check(nr == 10 && !wrong && !queue_has_used(&queue),
	      "the others are answered by the next one, once");
	check(request(buffer, 10) && answered(buffer, 10), "and new ones");
}

/* How many descriptors of notes this process has. */
static unsigned int open_notes(void)
{
	char at[300], to[64];
	DIR *fds = opendir("/proc/self/fd");
	struct dirent *fd;
	unsigned int nr = 0;

	if (!fds)
		die("/proc");
	while ((fd = readdir(fds))) {
		snprintf(at, sizeof(at), "/proc/self/fd/%s", fd->d_name);
		memset(to, 0, sizeof(to));
		if (readlink(at, to, sizeof(to) - 1) > 0)
			nr += strstr(to, "memfd:notes") != NULL;
	}
	closedir(fds);
	return nr;
}

/* Guest RAM as a file, in the same place. */
static void open_guest(void)
{
	guest_init(&guest);
	memory = memfd_create("ram", MFD_CLOEXEC);
	if (memory < 0 || ftruncate(memory, RAM_SIZE) < 0 ||
	    mmap(guest.ram, RAM_SIZE, PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, memory, 0) != guest.ram)
		die("memory");
}

static void close_guest(void)
{
	guest_exit(&guest);
	pthread_join(be.thread, NULL);
	close(memory);
}

/* Each range in two halves. */
static void split_memory(void)
{
	struct guest_memory *m = &guest.memory;
	struct guest_range *ranges = calloc(2 * m->nr_ranges, sizeof(*ranges));

	if (!ranges)
		die("calloc");
	for (size_t i = 0; i < m->nr_ranges; i++) {
		struct guest_range *half = &ranges[2 * i];

		half[0] = m->ranges[i];
		half[0].size /= 2;
		half[1] = half[0];
		half[1].machine += half[0].size;
		half[1].offset += half[0].size;
	}
	free(m->ranges);
	m->ranges = ranges;
	m->nr_ranges *= 2;
}

static bool refused(unsigned int slots, const char *text)
{
	struct error error;
	bool ok;

	be.slots = slots;
	backend_start(false);
	ok = add("rng", &error) < 0 && strstr(error.text, "vhost0: ") &&
	     strstr(error.text, "in 10 pieces") && strstr(error.text, text) &&
	     strstr(error.text, "mem=");
	pthread_join(be.thread, NULL);
	return ok;
}

/* More ranges than SET_MEM_TABLE takes. */
static void pieces(void)
{
	struct error error;
	uint64_t buffer;

	open_guest();
	split_memory();
	check(refused(0, "takes 8:") && refused(9, "takes 9:"),
	      "more pieces than a back-end takes");
	be.slots = 10;
	backend_start(false);
	device = add("rng", &error);
	if (device < 0 || virtio_bus_start(guest.bus, &error) != 1)
		die(error.text);
	buffer = guest_alloc(&guest, 4096);
	start();
	check(request(buffer, 10) && answered(buffer, 10) &&
	      request(THIRD + MiB, 50) && answered(THIRD + MiB, 50) &&
	      be.nr_ram == 10, "as many as it takes");
	check(command(&guest, device, COLINUX_DEV_RESET, 0, 0) == 0, "reset");
	start();
	check(request(buffer, 10) && answered(buffer, 10) && be.nr_ram == 10,
	      "it has them still");
	close_guest();
}

int main(void)
{
	struct error error;

	signal(SIGPIPE, SIG_IGN);
	open_guest();
	open_listener();
	errors();
	backend_start(false);
	device = add("rng", &error);
	if (device < 0 || virtio_bus_start(guest.bus, &error) != 1)
		die(error.text);
	work_and_reset();
	rights();
	moved();
	silence();
	death();
	notes();
	close_guest();
	check(open_notes() == 0, "no descriptor is left over");
	be.noting = false;
	pieces();
	unlink(path);
	rmdir(directory);
	return done();
}
