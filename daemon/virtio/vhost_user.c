// SPDX-License-Identifier: GPL-2.0
/*
 * Any virtio device served by another process through vhost-user.  We show the
 * guest its features and configuration, hand over rings and memory when the
 * driver is ready, and take them back at a reset.  What a ring contains is the
 * other process's affair: it sees all of guest RAM.
 *
 * When that process dies the guest sees a slow device: we connect again and
 * again, and hand the rings over from where the used ring ends, so that what
 * was in flight is done once more.  That is right for those who answer in
 * order; others keep notes of what they have taken (INFLIGHT_SHMFD), which we
 * hand on to their successor.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "bus.h"
#include "vhost_user_socket.h"

#define PATH_MOST 108		/* of struct sockaddr_un */
#define RETRY_MS 200
/* A back-end that is slow to start has that long to answer. */
#define CALL_MS 10000
#define MOST_QUEUES 4

/*
 * Bits of a device's own (0-23, 50-63: 2.2), and of rings those that only
 * concern the two who use them.
 */
#define OWN_FEATURES	(UINT64_C(0xffffff) | UINT64_C(0xfffc) << 48)
#define RING_FEATURES	(VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC | \
			 VIRTIO_F_EVENT_IDX)

struct kind {
	const char *name;
	uint32_t device_id;
	uint16_t nr_queues;
	uint16_t queue_size;
	uint32_t config_len;	/* asked of the back-end, unless it is ours */
	uint64_t without;	/* features that need our help, which we lack */
};

/*
 * 5.1 to 5.20.  Network: the address is the front end's to give; the control
 * queue (bits 17 to 23 and what uses it) and the link would be, too.  Block:
 * bit 12 is multiqueue.  File systems: queue 0 is for requests that overtake;
 * a request has as many pages as the queue has descriptors.
 * Not here: devices whose configuration the front end has to make or to
 * mediate in ways of their own (scsi, gpu, input).
 */
static const struct kind kinds[] = {
	{ "net", VIRTIO_ID_NET, 2, 256, 0,
	  VIRTIO_NET_F_MTU | UINT64_C(0xff0000) | UINT64_C(0xfffc) << 48 },
	{ "blk", VIRTIO_ID_BLOCK, 1, 128, VIRTIO_BLK_CONFIG_LEN,
	  VIRTIO_BIT(12) },
	{ "rng", VIRTIO_ID_RNG, 1, 64, 0, 0 },
	{ "vsock", 19, 3, 128, 8, 0 },
	{ "sound", 25, 4, 64, 12, 0 },
	{ "fs", VIRTIO_ID_FS, 2, 1024, 40, 0 },
	{ "i2c", 34, 1, 64, 0, 0 },
	{ "gpio", 41, 2, 64, 8, 0 },
};

struct vhost_user {
	struct virtio_device device;
	struct virtio_device_type type;	/* device.type */
	const struct kind *kind;
	char path[PATH_MOST];
	int memory_fd;			/* not owned */
	int epoll, timer;
	int kick[MOST_QUEUES], call[MOST_QUEUES];
	bool own_config;		/* config is ours, not the back-end's */
	uint64_t own_features;		/* that come with it */

	/* Guarded by device.lock. */
	struct vhost_user_link link;
	struct vhost_user_link calling;	/* the next one: no answer yet */
	struct vhost_user_inflight inflight;
	int notes;			/* inflight's memory; -1 = none */
	bool begun;			/* it has the driver's features */
	bool given;			/* it has memory, until it goes away */
	bool tied;			/* doorbells and interrupt go past us */
	bool on[MOST_QUEUES];		/* rings that are handed over */
	unsigned int losses;		/* how often the back-end went away */
	bool told;			/* why it cannot be had back */
};

static struct vhost_user *of(struct virtio_device *device)
{
	return (struct vhost_user *)device;
}

/* --- Connection --- */

static void watch(struct vhost_user *vu, int fd)
{
	struct epoll_event event = {
		/* Nothing is said unasked: readable means that it is gone. */
		.events = EPOLLIN | EPOLLRDHUP | EPOLLET,
		.data.fd = fd,
	};

	epoll_ctl(vu->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* It goes off once; 0 = not at all. */
static void set_timer(struct vhost_user *vu, unsigned int ms)
{
	const struct itimerspec when = {
		.it_value.tv_sec = ms / 1000,
		.it_value.tv_nsec = ms % 1000 * 1000000,
	};

	timerfd_settime(vu->timer, 0, &when, NULL);
}

static void lost(struct vhost_user *vu)
{
	if (vu->link.fd < 0)
		return;
	vhost_user_disconnect(&vu->link);
	vu->begun = vu->given = false;
	memset(vu->on, 0, sizeof(vu->on));
	vu->losses++;
	vu->told = false;
	set_timer(vu, RETRY_MS);
}

/* The first failure after each loss; those that follow say the same. */
static void complain(struct vhost_user *vu, const char *why)
{
	if (vu->told)
		return;
	vu->told = true;
	virtio_device_report(&vu->device, "cannot connect to %s again: %s; the "
			     "guest waits for it", vu->path, why);
}

/*
 * Try once.  The lock is free until the back-end answers, and until the next
 * attempt: one that never answers holds up nobody but the guest's driver.
 */
static void call(struct vhost_user *vu)
{
	int ret;

	if (vu->calling.fd >= 0)
		complain(vu, "it does not answer");
	vhost_user_disconnect(&vu->calling);
	ret = vhost_user_call(&vu->calling, vu->path, false);
	if (ret < 0) {
		complain(vu, strerror(-ret));
		set_timer(vu, RETRY_MS);
		return;
	}
	watch(vu, vu->calling.fd);
	set_timer(vu, CALL_MS);
}

/* It has answered; the device must still be what the guest knows it as. */
static void reconnect(struct vhost_user *vu)
{
	uint64_t features, promised = vu->device.features &
				      (OWN_FEATURES | RING_FEATURES) &
				      ~vu->own_features;
	int ret = vhost_user_greet(&vu->calling, &features);

	if (ret < 0 || promised & ~features ||
	    vu->calling.ranges < vu->device.bus->memory->nr_ranges) {
		complain(vu, ret < 0 ? strerror(-ret) : "it can do less than "
			 "the last one");
		vhost_user_disconnect(&vu->calling);
		set_timer(vu, RETRY_MS);
		return;
	}
	set_timer(vu, 0);
	vu->link = vu->calling;
	vu->calling = (struct vhost_user_link){ .fd = -1 };
}

/* --- Rings --- */

static uint64_t ring_address(const struct virtqueue_ring *ring)
{
	return ring->split >= ring->length ? (uintptr_t)ring->part[0] : 0;
}

/* The first back-end since the driver's reset makes the notes. */
static int pass_notes(struct vhost_user *vu)
{
	int i, fd;

	if (!(vu->link.protocol & VHOST_USER_P_INFLIGHT))
		return 0;
	if (vu->notes < 0) {
		vu->inflight = (struct vhost_user_inflight){
			.nr_queues = vu->type.nr_queues,
		};
		for (i = 0; i < vu->type.nr_queues; i++)
			if (vu->device.queue[i].size > vu->inflight.queue_size)
				vu->inflight.queue_size =
					vu->device.queue[i].size;
		fd = vhost_user_get_inflight(&vu->link, &vu->inflight);
		if (fd < 0)
			return fd;
		vu->notes = fd;
	}
	return vhost_user_set_inflight(&vu->link, &vu->inflight, vu->notes);
}

static void drop_notes(struct vhost_user *vu)
{
	if (vu->notes >= 0)
		close(vu->notes);
	vu->notes = -1;
}

static int begin(struct vhost_user *vu)
{
	struct virtio_device *device = &vu->device;
	uint64_t features = device->driver_features & ~vu->own_features;
	int ret;

	if (vu->begun)
		return 0;
	/* Without that bit all rings would run at once; we say when. */
	if (vu->link.protocol)
		features |= VHOST_USER_F_PROTOCOL_FEATURES;
	ret = vhost_user_set_u64(&vu->link, VHOST_USER_SET_FEATURES, features);
	if (!ret)
		ret = pass_notes(vu);
	if (!ret && !vu->given) {
		ret = vhost_user_set_memory(&vu->link, device->bus->memory,
					    vu->memory_fd);
		vu->given = !ret;
	}
	vu->begun = !ret;
	return ret;
}

/* Doorbells go straight to the back-end, interrupts straight to the guest. */
static int tie(struct vhost_user *vu, bool past)
{
	struct virtio_device *device = &vu->device;
	const struct virtio_host_ops *ops = device->bus->ops;
	void *opaque = device->bus->opaque;
	unsigned int i;
	int ret = 0;

	if (vu->tied == past)
		return 0;
	for (i = 0; !ret && i < vu->type.nr_queues; i++) {
		ret = ops->doorbell(opaque, device->number, i, past ?
				    vu->kick[i] : device->doorbell_fd[i]);
		if (!ret && ops->irqfd)
			ret = ops->irqfd(opaque, device->number, i,
					 past ? vu->call[i] : -1);
	}
	vu->tied = past;
	return ret;
}

static int start_ring(struct vhost_user *vu, unsigned int index)
{
	struct virtqueue *queue = &vu->device.queue[index];
	struct vhost_user_link *link = &vu->link;
	const struct vhost_user_ring ring = {
		.index = index,
		.desc = ring_address(&queue->desc),
		.avail = ring_address(&queue->avail),
		.used = ring_address(&queue->used),
	};
	/* What the last one did not finish comes again (see above). */
	uint16_t base = virtqueue_used_index(queue);
	const uint64_t one = 1;
	int ret;

	if (!ring.desc || !ring.avail || !ring.used)
		return -EFAULT;
	ret = vhost_user_set_state(link, VHOST_USER_SET_VRING_NUM, index,
				   queue->size);
	if (!ret)
		ret = vhost_user_set_state(link, VHOST_USER_SET_VRING_BASE,
					   index, base);
	if (!ret)
		ret = vhost_user_set_ring(link, &ring);
	if (!ret)
		ret = vhost_user_set_event(link, VHOST_USER_SET_VRING_CALL,
					   index, vu->call[index]);
	if (!ret)
		ret = vhost_user_set_event(link, VHOST_USER_SET_VRING_KICK,
					   index, vu->kick[index]);
	if (!ret && link->protocol)
		ret = vhost_user_set_state(link, VHOST_USER_SET_VRING_ENABLE,
					   index, 1);
	if (ret)
		return ret;
	vu->on[index] = true;
	/* There may be chains already; and used ones that nobody told of. */
	if (write(vu->kick[index], &one, sizeof(one)) < 0 ||
	    write(vu->call[index], &one, sizeof(one)) < 0)
		return -errno;
	return 0;
}

static void vhost_user_serve(struct virtio_device *device)
{
	struct vhost_user *vu = of(device);
	unsigned int i;
	int ret;

	if (vu->link.fd < 0)
		return;
	ret = begin(vu);
	if (!ret)
		ret = tie(vu, true);
	for (i = 0; !ret && i < vu->type.nr_queues; i++)
		if (device->queue[i].enabled && !vu->on[i])
			ret = start_ring(vu, i);
	if (ret == -EFAULT)
		virtio_device_break(device, "memory that vhost-user cannot "
				    "pass on");
	else if (ret)
		lost(vu);
}

/* Whose `call` is it?  Only without IRQFD. */
static bool queue_of(const struct vhost_user *vu, int fd, unsigned int *queue)
{
	for (*queue = 0; *queue < vu->type.nr_queues; ++*queue)
		if (vu->call[*queue] == fd)
			return true;
	return false;
}

static void vhost_user_complete(struct virtio_device *device)
{
	struct vhost_user *vu = of(device);
	struct epoll_event events[3 + MOST_QUEUES];
	uint64_t count;
	unsigned int queue;
	int i, nr = epoll_wait(vu->epoll, events, 3 + MOST_QUEUES, 0);

	for (i = 0; i < nr; i++) {
		int fd = events[i].data.fd;

		if (fd == vu->timer) {
			if (read(fd, &count, sizeof(count)) > 0 &&
			    vu->link.fd < 0)
				call(vu);
		} else if (fd == vu->calling.fd) {
			reconnect(vu);
		} else if (fd == vu->link.fd) {
			lost(vu);
		} else if (queue_of(vu, fd, &queue) &&
			   read(fd, &count, sizeof(count)) > 0) {
			device->bus->ops->set_irq(device->bus->opaque,
						  device->number, queue);
		}
	}
}

/* All of them: the driver goes, or changes the rings. */
static void vhost_user_queue_off(struct virtio_device *device,
				 unsigned int queue)
{
	struct vhost_user *vu = of(device);
	int ret;

	if (vu->on[queue]) {
		ret = vhost_user_stop_ring(&vu->link, queue);
		vu->on[queue] = false;
		if (ret < 0)
			lost(vu);
	}
	for (unsigned int i = 0; i < vu->type.nr_queues; i++)
		if (vu->on[i])
			return;
	vu->begun = false;
	drop_notes(vu);
	tie(vu, false);
}

/* --- Configuration --- */

static int vhost_user_config_write(struct virtio_device *device,
				   uint32_t offset, uint32_t length,
				   const uint8_t *bytes)
{
	struct vhost_user *vu = of(device);
	int ret;

	if (vu->own_config || !(vu->link.protocol & VHOST_USER_P_CONFIG))
		return -EPERM;
	ret = vhost_user_set_config(&vu->link, offset, bytes, length);
	if (!ret)
		memcpy(device->config + offset, bytes, length);
	else
		lost(vu);
	return ret;
}

static void vhost_user_describe(struct virtio_device *device, char *text,
				size_t room)
{
	struct vhost_user *vu = of(device);
	unsigned int losses;
	bool there;

	pthread_mutex_lock(&device->lock);
	there = vu->link.fd >= 0;
	losses = vu->losses;
	pthread_mutex_unlock(&device->lock);
	snprintf(text, room, "%s, %s, lost %u times", vu->path,
		 there ? "connected" : "NOT connected", losses);
}

/* --- Life --- */

static void vhost_user_free(struct virtio_device *device)
{
	struct vhost_user *vu = of(device);
	unsigned int i;

	vhost_user_disconnect(&vu->link);
	vhost_user_disconnect(&vu->calling);
	drop_notes(vu);
	for (i = 0; i < MOST_QUEUES; i++) {
		if (vu->kick[i] >= 0)
			close(vu->kick[i]);
		if (vu->call[i] >= 0)
			close(vu->call[i]);
	}
	if (vu->timer >= 0)
		close(vu->timer);
	if (vu->epoll >= 0)
		close(vu->epoll);
	free(vu);
}

static const struct virtio_device_type template = {
	.name = "vhost-user",
	.connects = true,
	.serve = vhost_user_serve,
	.complete = vhost_user_complete,
	.queue_off = vhost_user_queue_off,
	.config_write = vhost_user_config_write,
	.describe = vhost_user_describe,
	.free = vhost_user_free,
};

static int open_events(struct vhost_user *vu)
{
	struct epoll_event event = { .events = EPOLLIN };
	unsigned int i;

	vu->epoll = epoll_create1(EPOLL_CLOEXEC);
	vu->timer = timerfd_create(CLOCK_MONOTONIC,
				   TFD_CLOEXEC | TFD_NONBLOCK);
	if (vu->epoll < 0 || vu->timer < 0)
		return -errno;
	for (i = 0; i < vu->type.nr_queues; i++) {
		vu->kick[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		vu->call[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (vu->kick[i] < 0 || vu->call[i] < 0)
			return -errno;
		event.data.fd = vu->call[i];
		/* Without IRQFD we carry the interrupts. */
		if (!vu->device.bus->ops->irqfd &&
		    epoll_ctl(vu->epoll, EPOLL_CTL_ADD, vu->call[i],
			      &event) < 0)
			return -errno;
	}
	event.data.fd = vu->timer;
	if (epoll_ctl(vu->epoll, EPOLL_CTL_ADD, vu->timer, &event) < 0)
		return -errno;
	return 0;
}

/* Connect, and learn what the device is. */
static int learn(struct vhost_user *vu,
		 const struct vhost_user_options *options, struct error *error)
{
	struct virtio_device *device = &vu->device;
	uint64_t features;
	int ret;

	ret = vhost_user_call(&vu->link, vu->path, true);
	if (!ret)
		ret = vhost_user_greet(&vu->link, &features);
	if (ret)
		return error_set(error, "%s: no vhost-user device at %s: %s: "
				 "start it first", options->tag, vu->path,
				 strerror(-ret));
	if (!(features & VIRTIO_F_VERSION_1))
		return error_set(error, "%s: the device at %s is older than "
				 "virtio 1.0", options->tag, vu->path);
	if (vu->link.ranges < device->bus->memory->nr_ranges)
		return error_set(error, "%s: the guest's memory is in %zu "
				 "pieces, and the device at %s takes %" PRIu64
				 ": give the guest less (mem=), or start it "
				 "soon after the host", options->tag,
				 device->bus->memory->nr_ranges, vu->path,
				 vu->link.ranges);
	device->features = features & ~vu->kind->without &
			   (OWN_FEATURES | RING_FEATURES);
	if (options->config_len) {
		vu->own_config = true;
		device->config_len = options->config_len;
		memcpy(device->config, options->config, options->config_len);
		vu->own_features = options->features & ~features;
		device->features |= options->features;
		return 0;
	}
	if (!(vu->link.protocol & VHOST_USER_P_CONFIG))
		return 0;
	ret = vhost_user_get_config(&vu->link, device->config,
				    vu->kind->config_len);
	if (ret)
		return error_set(error, "%s: the device at %s does not tell its"
				 " configuration: %s", options->tag, vu->path,
				 strerror(-ret));
	device->config_len = vu->kind->config_len;
	return 0;
}

static const struct kind *find_kind(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

bool virtio_vhost_user_knows(const char *kind)
{
	return find_kind(kind) != NULL;
}

int virtio_vhost_user_add(struct virtio_bus *bus,
			  const struct vhost_user_options *options,
			  struct error *error)
{
	const struct kind *kind = find_kind(options->kind);
	struct vhost_user *vu;
	unsigned int i;
	int number = -1, ret;

	if (!kind)
		return error_set(error, "%s: %s is no vhost-user device that "
				 "this version knows", options->tag,
				 options->kind);
	if (strlen(options->path) >= PATH_MOST)
		return error_set(error, "%s: the path of a socket has at most "
				 "%d bytes: %s", options->tag, PATH_MOST - 1,
				 options->path);
	vu = calloc(1, sizeof(*vu));
	if (!vu)
		return error_set(error, "%s: out of memory", options->tag);
	vu->kind = kind;
	vu->type = template;
	vu->type.device_id = kind->device_id;
	vu->type.nr_queues = kind->nr_queues;
	for (i = 0; i < kind->nr_queues; i++)
		vu->type.queue_size[i] = kind->queue_size;
	for (i = 0; i < MOST_QUEUES; i++)
		vu->kick[i] = vu->call[i] = -1;
	vu->link.fd = vu->calling.fd = vu->notes = -1;
	vu->memory_fd = options->memory_fd;
	strcpy(vu->path, options->path);
	vu->device.type = &vu->type;
	vu->device.bus = bus;
	snprintf(vu->device.tag, sizeof(vu->device.tag), "%s", options->tag);
	ret = open_events(vu);
	if (ret) {
		error_set(error, "%s: no event descriptors: %s: raise the "
			  "limit of open files (ulimit -n)", options->tag,
			  strerror(-ret));
	} else if (!learn(vu, options, error)) {
		watch(vu, vu->link.fd);
		vu->device.event_fd = vu->epoll;
		number = virtio_device_add(bus, &vu->device, error);
	}
	if (number < 0)
		vhost_user_free(&vu->device);
	return number;
}
