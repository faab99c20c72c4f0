/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-colinux, host side: the device table, the shared pages and the
 * guest's commands (include/colinux/device.h).
 *
 * The truth about a device is in struct virtio_device; its page is only how
 * the two sides talk.  What the guest may write there is loaded once per
 * command: status, driver_features, queue[n], bytes of config.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <colinux/layout.h>

#include "bus.h"
#include "device.h"

/* How long a reset waits for a back-end before it abandons requests. */
#define QUIET_S 5

/* For people who read the page: "coli". */
#define VENDOR_ID 0x696c6f63u

#define load_once(field)	__atomic_load_n(&(field), __ATOMIC_RELAXED)
#define store(field, value)	\
	__atomic_store_n(&(field), (value), __ATOMIC_RELAXED)

/* --- Pages --- */

void virtio_page_write_config(struct virtio_device *device)
{
	uint32_t i;

	for (i = 0; i < device->config_len; i++)
		store(device->page->config[i], device->config[i]);
}

/* Show a device in its state after reset; magic last. */
static void write_page(struct virtio_device *device)
{
	struct colinux_device_page *page = device->page;
	unsigned int i;

	memset(page, 0, sizeof(*page));
	page->device_id = device->type->device_id;
	page->vendor_id = VENDOR_ID;
	page->config_generation = device->generation;
	page->device_features = device->features;
	page->nr_queues = device->type->nr_queues;
	page->config_len = device->config_len;
	memcpy(page->tag, device->tag, sizeof(page->tag));
	for (i = 0; i < device->type->nr_queues; i++)
		page->queue[i].max_size = device->type->queue_size[i];
	virtio_page_write_config(device);
	__atomic_store_n(&page->magic, COLINUX_DEVICE_MAGIC, __ATOMIC_RELEASE);
}

/* The page says what the device believes. */
static void page_write_state(struct virtio_device *device)
{
	uint32_t status = device->status;

	if (device->broken)
		status |= VIRTIO_STATUS_NEEDS_RESET;
	store(device->page->status, status);
}

/* --- Quiet --- */

static void set_plug(struct virtio_device *device, enum virtio_plug plug)
{
	device->plug = plug;
	if (device->bus->ops->plugged)
		device->bus->ops->plugged(device->bus->opaque, device->number);
}

/*
 * Wait until nothing is in flight, with lock held (dropped while waiting);
 * serve() is not called before the caller clears `paused` again.  A back-end
 * that does not answer must not keep a guest from ending.
 */
static void pause_device(struct virtio_device *device)
{
	struct timespec until;

	device->paused = true;
	while (device->in_flight) {
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_sec += QUIET_S;
		if (pthread_cond_timedwait(&device->quiet, &device->lock,
					   &until) == ETIMEDOUT &&
		    device->in_flight && device->type->abandon)
			device->type->abandon(device);
	}
}

static void queue_off(struct virtio_device *device, unsigned int queue)
{
	if (!device->queue[queue].enabled)
		return;
	device->type->queue_off(device, queue);
	virtqueue_disable(&device->queue[queue]);
}

/* Lock held.  Afterwards the device does not know any guest address. */
static void reset_device(struct virtio_device *device)
{
	unsigned int i;

	pause_device(device);
	for (i = 0; i < device->type->nr_queues; i++)
		queue_off(device, i);
	device->status = 0;
	device->driver_features = 0;
	device->broken = false;
	device->paused = false;
}

/* Tie all doorbells of a device, or untie them. */
static int tie_doorbells(struct virtio_device *device, bool tie)
{
	struct virtio_bus *bus = device->bus;
	unsigned int i;
	int ret;

	for (i = 0; i < device->type->nr_queues; i++) {
		ret = bus->ops->doorbell(bus->opaque, device->number, i,
					 tie ? device->doorbell_fd[i] : -1);
		if (ret && tie)
			return ret;
	}
	return 0;
}

/* --- Commands, lock held, page there --- */

static int64_t command_reset(struct virtio_device *device)
{
	unsigned int i;

	reset_device(device);
	store(device->page->driver_features, 0);
	for (i = 0; i < device->type->nr_queues; i++)
		store(device->page->queue[i].enable, 0);
	virtio_page_write_config(device);
	page_write_state(device);
	return 0;
}

static int64_t command_status(struct virtio_device *device)
{
	const uint32_t known =
		VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
		VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK |
		VIRTIO_STATUS_FAILED;
	uint32_t new = load_once(device->page->status) &
		       ~VIRTIO_STATUS_NEEDS_RESET;
	uint32_t set = new & ~device->status;
	int64_t ret = 0;

	/* 4.1.4.3.1 and others: writing 0 is a reset. */
	if (!new)
		return command_reset(device);
	/* 2.1.1: bits are only set, except by reset. */
	if (new & ~known || device->status & ~new) {
		ret = -EINVAL;
		new = device->status;
	} else if (set & VIRTIO_STATUS_FEATURES_OK &&
		   !(device->driver_features & VIRTIO_F_VERSION_1)) {
		/* 2.2.2: the bit stays clear when features are not accepted. */
		ret = -EINVAL;
		new &= ~(VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK);
	} else if (set & VIRTIO_STATUS_DRIVER_OK &&
		   !(new & VIRTIO_STATUS_FEATURES_OK)) {
		ret = -EINVAL;
		new &= ~VIRTIO_STATUS_DRIVER_OK;
	}
	device->status = new;
	page_write_state(device);
	/* Buffers may be there already. */
	if (!ret && set & VIRTIO_STATUS_DRIVER_OK) {
		virtio_device_wake(device);
		if (device->plug == VIRTIO_PLUG_SHOWN)
			set_plug(device, VIRTIO_PLUG_DRIVEN);
	}
	return ret;
}

static int64_t command_features(struct virtio_device *device)
{
	uint64_t wanted = load_once(device->page->driver_features);

	if (device->status & VIRTIO_STATUS_FEATURES_OK)
		return -EBUSY;
	if (wanted & ~device->features || !(wanted & VIRTIO_F_VERSION_1)) {
		device->driver_features = 0;
		return -EINVAL;
	}
	device->driver_features = wanted;
	return 0;
}

static int64_t command_queue(struct virtio_device *device, uint64_t index)
{
	struct colinux_device_queue *wish;
	struct virtqueue_setup setup;
	struct virtqueue *queue;
	int ret;

	if (index >= device->type->nr_queues)
		return -EINVAL;
	wish = &device->page->queue[index];
	queue = &device->queue[index];
	if (!load_once(wish->enable)) {
		pause_device(device);
		queue_off(device, index);
		device->paused = false;
		/* The other queues may have been rung meanwhile. */
		virtio_device_wake(device);
		return 0;
	}
	if (queue->enabled)
		return -EBUSY;
	/* 3.1.1: queues are set up after the features are agreed on. */
	if (!(device->status & VIRTIO_STATUS_FEATURES_OK))
		return -EINVAL;
	setup = (struct virtqueue_setup){
		.size = load_once(wish->size),
		.max_size = device->type->queue_size[index],
		.desc = load_once(wish->desc),
		.avail = load_once(wish->avail),
		.used = load_once(wish->used),
		.event_index = device->driver_features & VIRTIO_F_EVENT_IDX,
		.indirect = device->driver_features & VIRTIO_F_INDIRECT_DESC,
	};
	ret = virtqueue_enable(queue, device->bus->memory, &setup);
	if (ret) {
		store(wish->enable, 0);
		return ret;
	}
	virtio_device_wake(device);
	return 0;
}

static int64_t command_config_write(struct virtio_device *device,
				    uint64_t offset, uint64_t length)
{
	uint8_t bytes[COLINUX_DEVICE_CONFIG];
	uint64_t i;
	int ret;

	if (offset > device->config_len ||
	    length > device->config_len - offset)
		return -EINVAL;
	for (i = 0; i < length; i++)
		bytes[i] = load_once(device->page->config[offset + i]);
	ret = device->type->config_write ?
	      device->type->config_write(device, offset, length, bytes) :
	      -EPERM;
	/* Whatever came of it, the page shows the truth again. */
	virtio_page_write_config(device);
	return ret;
}

/*
 * The answer to plug; the slot is empty when the guest has let go.  That we
 * have asked is not looked up in the page, which is the guest's to write:
 * devices that are never asked for have users here.
 */
static int64_t command_eject(struct virtio_device *device, uint64_t answer)
{
	struct colinux_device_page *page = device->page;

	if (device->plug != VIRTIO_PLUG_ASKED || answer > INT_MAX)
		return -EINVAL;
	if (!answer) {
		/* Its driver has done that, if there was one. */
		reset_device(device);
		device->page = NULL;
		store(page->magic, 0);
		tie_doorbells(device, false);
	}
	store(page->plug, COLINUX_PLUG_NONE);
	set_plug(device, answer ? VIRTIO_PLUG_REFUSED : VIRTIO_PLUG_EJECTED);
	return 0;
}

int64_t virtio_bus_command(struct virtio_bus *bus, const uint64_t args[6])
{
	struct virtio_device *device;
	int64_t ret;

	device = args[0] < COLINUX_MAX_DEVICES ?
		 virtio_bus_get(bus, args[0]) : NULL;
	if (!device)
		return -ENODEV;
	pthread_mutex_lock(&device->command);
	pthread_mutex_lock(&device->lock);
	if (!device->page) {
		ret = -ENODEV;
	} else {
		switch (args[1]) {
		case COLINUX_DEV_RESET:
			ret = command_reset(device);
			break;
		case COLINUX_DEV_STATUS:
			ret = command_status(device);
			break;
		case COLINUX_DEV_FEATURES:
			ret = command_features(device);
			break;
		case COLINUX_DEV_QUEUE:
			ret = command_queue(device, args[2]);
			break;
		case COLINUX_DEV_CONFIG_WRITE:
			ret = command_config_write(device, args[2], args[3]);
			break;
		case COLINUX_DEV_EJECT:
			ret = command_eject(device, args[2]);
			break;
		default:
			ret = -EINVAL;
		}
	}
	pthread_mutex_unlock(&device->lock);
	pthread_mutex_unlock(&device->command);
	virtio_bus_put(bus, device);
	return ret;
}

/* --- The bus --- */

struct virtio_bus *virtio_bus_new(const struct guest_memory *memory,
				  const struct virtio_host_ops *ops,
				  void *opaque)
{
	struct virtio_bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return NULL;
	bus->memory = memory;
	bus->ops = ops;
	bus->opaque = opaque;
	pthread_mutex_init(&bus->lock, NULL);
	pthread_cond_init(&bus->unused, NULL);
	return bus;
}

struct virtio_device *virtio_bus_get(struct virtio_bus *bus,
				     unsigned int number)
{
	struct virtio_device *device;

	if (number >= COLINUX_MAX_DEVICES)
		return NULL;
	pthread_mutex_lock(&bus->lock);
	device = bus->device[number];
	if (device)
		bus->users[number]++;
	pthread_mutex_unlock(&bus->lock);
	return device;
}

void virtio_bus_put(struct virtio_bus *bus, struct virtio_device *device)
{
	pthread_mutex_lock(&bus->lock);
	if (!--bus->users[device->number])
		pthread_cond_broadcast(&bus->unused);
	pthread_mutex_unlock(&bus->lock);
}

struct virtio_device *virtio_bus_device(struct virtio_bus *bus, int number)
{
	return number < 0 || number >= COLINUX_MAX_DEVICES ?
		       NULL : bus->device[number];
}

static struct colinux_device_page *page_at(struct virtio_bus *bus,
					   unsigned int number)
{
	return guest_memory_at(bus->memory, COLINUX_PORT_DATA_OFFSET +
			       COLINUX_DEVICE_PAGES +
			       number * (uint64_t)COLINUX_PAGE_SIZE,
			       COLINUX_PAGE_SIZE);
}

int virtio_device_show(struct virtio_device *device, struct error *error)
{
	struct virtio_bus *bus = device->bus;
	struct colinux_device_page *page = page_at(bus, device->number);
	int ret;

	if (!page)
		return error_set(error, "%s: guest memory of %" PRIu64 " bytes "
				 "has no room for the device pages: raise mem=",
				 device->tag, bus->memory->size);
	pthread_mutex_lock(&device->lock);
	device->page = page;
	device->plug = VIRTIO_PLUG_SHOWN;
	write_page(device);
	pthread_mutex_unlock(&device->lock);
	ret = tie_doorbells(device, true);
	if (ret)
		return error_set(error, "%s: the driver refuses the doorbell: "
				 "%s: is colinux.ko of the same version?",
				 device->tag, strerror(-ret));
	return 0;
}

int virtio_bus_start(struct virtio_bus *bus, struct error *error)
{
	struct colinux_device_page *page;
	int i, nr = 0, ret = 0;

	pthread_mutex_lock(&bus->lock);
	for (i = 0; i < COLINUX_MAX_DEVICES && !ret; i++) {
		page = page_at(bus, i);
		/* Of a device that the guest had before it restarted. */
		if (page)
			memset(page, 0, sizeof(*page));
		if (!bus->device[i])
			continue;
		nr = i + 1;
		ret = virtio_device_show(bus->device[i], error);
	}
	bus->started = !ret;
	pthread_mutex_unlock(&bus->lock);
	if (!ret)
		return nr;
	virtio_bus_reset(bus);
	return -1;
}

void virtio_device_hide(struct virtio_device *device)
{
	pthread_mutex_lock(&device->command);
	pthread_mutex_lock(&device->lock);
	if (device->page) {
		reset_device(device);
		device->page = NULL;
		tie_doorbells(device, false);
	}
	pthread_mutex_unlock(&device->lock);
	pthread_mutex_unlock(&device->command);
	/* What was printed has reached its owner, too. */
	pthread_mutex_lock(&device->service);
	pthread_mutex_unlock(&device->service);
}

void virtio_bus_reset(struct virtio_bus *bus)
{
	struct virtio_device *device;
	unsigned int i;

	pthread_mutex_lock(&bus->lock);
	bus->started = false;
	pthread_mutex_unlock(&bus->lock);
	for (i = 0; i < COLINUX_MAX_DEVICES; i++) {
		device = virtio_bus_get(bus, i);
		if (!device)
			continue;
		virtio_device_hide(device);
		virtio_bus_put(bus, device);
	}
}

int virtio_bus_eject(struct virtio_bus *bus, unsigned int number, bool force,
		     struct error *error)
{
	struct virtio_device *device = virtio_bus_get(bus, number);
	int ret = -1;

	if (!device)
		return error_set(error, "device %u: there is none", number);
	pthread_mutex_lock(&device->lock);
	if (!device->page) {
		error_set(error, "%s: the guest does not see it any longer",
			  device->tag);
	} else {
		store(device->page->plug, force ? COLINUX_PLUG_FORCE :
						  COLINUX_PLUG_ASK);
		device->plug = VIRTIO_PLUG_ASKED;
		bus->ops->set_irq(bus->opaque, number, COLINUX_IRQ_PAGE);
		ret = 0;
	}
	pthread_mutex_unlock(&device->lock);
	virtio_bus_put(bus, device);
	return ret;
}

void virtio_bus_remove(struct virtio_bus *bus, unsigned int number)
{
	struct virtio_device *device;

	pthread_mutex_lock(&bus->lock);
	device = bus->device[number];
	bus->device[number] = NULL;
	while (bus->users[number])
		pthread_cond_wait(&bus->unused, &bus->lock);
	pthread_mutex_unlock(&bus->lock);
	if (!device)
		return;
	virtio_device_hide(device);
	virtio_device_remove(device);
}

int virtio_bus_find(struct virtio_bus *bus, const char *tag)
{
	int i, found = -1;

	pthread_mutex_lock(&bus->lock);
	for (i = 0; i < COLINUX_MAX_DEVICES && found < 0; i++)
		if (bus->device[i] && !strcmp(bus->device[i]->tag, tag))
			found = i;
	pthread_mutex_unlock(&bus->lock);
	return found;
}

enum virtio_plug virtio_bus_plug(struct virtio_bus *bus, unsigned int number)
{
	struct virtio_device *device = virtio_bus_get(bus, number);
	enum virtio_plug plug;

	if (!device)
		return VIRTIO_PLUG_NONE;
	pthread_mutex_lock(&device->lock);
	plug = device->plug;
	pthread_mutex_unlock(&device->lock);
	virtio_bus_put(bus, device);
	return plug;
}

void virtio_bus_free(struct virtio_bus *bus)
{
	unsigned int i;

	if (!bus)
		return;
	virtio_bus_reset(bus);
	for (i = 0; i < COLINUX_MAX_DEVICES; i++)
		virtio_bus_remove(bus, i);
	pthread_cond_destroy(&bus->unused);
	pthread_mutex_destroy(&bus->lock);
	free(bus);
}

bool virtio_bus_describe(struct virtio_bus *bus, unsigned int number,
			 char *text, size_t room)
{
	struct virtio_device *device = virtio_bus_get(bus, number);
	char more[320] = "";

	if (!device)
		return false;
	if (device->type->describe)
		device->type->describe(device, more, sizeof(more));
	snprintf(text, room, "%s: %s%s%s", device->tag, device->type->name,
		 more[0] ? ", " : "", more);
	virtio_bus_put(bus, device);
	return true;
}
