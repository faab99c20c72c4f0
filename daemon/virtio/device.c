/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The thread of a virtio device and what devices call: queues, interrupts,
 * configuration.  Commands of the guest are in virtio.c.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../os.h"
#include "bus.h"
#include "device.h"

/* --- For devices, lock held --- */

bool virtio_device_runs(const struct virtio_device *device)
{
	return device->page && !device->broken && !device->paused &&
	       device->status & VIRTIO_STATUS_DRIVER_OK;
}

bool virtio_device_pop(struct virtio_device *device, unsigned int queue,
		       struct virtqueue_chain *chain)
{
	int got;

	if (!virtio_device_runs(device))
		return false;
	got = virtqueue_pop(&device->queue[queue], chain);
	if (got < 0)
		virtio_device_break(device, device->queue[queue].error);
	return got > 0;
}

void virtio_device_report(const struct virtio_device *device,
			  const char *format, ...)
{
	char line[400];
	va_list args;
	int at;

	if (!device->bus->ops->report)
		return;
	at = snprintf(line, sizeof(line), "%s: ", device->tag);
	va_start(args, format);
	vsnprintf(line + at, sizeof(line) - at, format, args);
	va_end(args);
	device->bus->ops->report(device->bus->opaque, line);
}

void virtio_device_break(struct virtio_device *device, const char *reason)
{
	if (device->broken)
		return;
	device->broken = true;
	virtio_device_report(device, "the guest's driver broke the rules of "
			     "virtio (%s); the device waits for a reset",
			     reason);
	if (!device->page)
		return;
	__atomic_fetch_or(&device->page->status, VIRTIO_STATUS_NEEDS_RESET,
			  __ATOMIC_SEQ_CST);
	/* 2.1.2: told by a configuration change. */
	virtio_device_config_changed(device);
}

void virtio_device_interrupt(struct virtio_device *device, unsigned int queue)
{
	if (device->page && virtqueue_wants_interrupt(&device->queue[queue]))
		device->bus->ops->set_irq(device->bus->opaque, device->number,
					  queue);
}

void virtio_device_get(struct virtio_device *device)
{
	device->in_flight++;
}

void virtio_device_put(struct virtio_device *device)
{
	if (!--device->in_flight)
		pthread_cond_broadcast(&device->quiet);
}

void virtio_device_config_changed(struct virtio_device *device)
{
	struct colinux_device_page *page = device->page;

	device->generation += 2;
	if (!page)
		return;
	/* Odd while the bytes change: the guest reads until both are equal. */
	__atomic_store_n(&page->config_generation, device->generation - 1,
			 __ATOMIC_SEQ_CST);
	virtio_page_write_config(device);
	__atomic_store_n(&page->config_generation, device->generation,
			 __ATOMIC_SEQ_CST);
	if (device->status & VIRTIO_STATUS_DRIVER_OK)
		device->bus->ops->set_irq(device->bus->opaque, device->number,
					  COLINUX_IRQ_PAGE);
}

/* --- Any thread --- */

void virtio_device_wake(struct virtio_device *device)
{
	os_event_signal(device->wake_fd);
}

/* --- The thread --- */

_Static_assert(COLINUX_DEVICE_QUEUES + 2 <= OS_EVENTS, "waits for all");

void virtio_device_turn(struct virtio_device *device, bool completions)
{
	pthread_mutex_lock(&device->service);
	pthread_mutex_lock(&device->lock);
	if (completions)
		device->type->complete(device);
	if (virtio_device_runs(device))
		device->type->serve(device);
	pthread_mutex_unlock(&device->lock);
	pthread_mutex_unlock(&device->service);
}

static void *device_thread(void *opaque)
{
	struct virtio_device *device = opaque;
	const unsigned int nr = device->type->nr_queues + 2;
	int events[COLINUX_DEVICE_QUEUES + 2];
	bool signalled[COLINUX_DEVICE_QUEUES + 2];
	unsigned int i;

	os_thread_drop_rights(device->type->connects);
	os_thread_name(device->tag);
	if (device->type->batch)
		os_thread_batch();
	events[0] = device->wake_fd;
	/* -1: no back-end events. */
	events[1] = device->event_fd;
	for (i = 2; i < nr; i++)
		events[i] = device->doorbell_fd[i - 2];
	for (;;) {
		bool stop;

		os_event_wait(events, nr, signalled);
		for (i = 0; i < nr; i++)
			if (signalled[i])
				os_event_clear(events[i]);
		virtio_device_turn(device, signalled[1]);
		pthread_mutex_lock(&device->lock);
		stop = device->stop;
		pthread_mutex_unlock(&device->lock);
		if (stop)
			return NULL;
	}
}

static void stop_thread(struct virtio_device *device)
{
	pthread_mutex_lock(&device->lock);
	device->stop = true;
	pthread_mutex_unlock(&device->lock);
	virtio_device_wake(device);
	pthread_join(device->thread, NULL);
}

static void close_events(struct virtio_device *device)
{
	unsigned int i;

	os_event_free(device->wake_fd);
	for (i = 0; i < device->type->nr_queues; i++)
		os_event_free(device->doorbell_fd[i]);
}

static int open_events(struct virtio_device *device)
{
	unsigned int i;
	bool failed;

	device->wake_fd = os_event_new();
	failed = device->wake_fd < 0;
	for (i = 0; i < device->type->nr_queues; i++) {
		device->doorbell_fd[i] = os_event_new();
		failed = failed || device->doorbell_fd[i] < 0;
	}
	if (!failed)
		return 0;
	close_events(device);
	return -1;
}

/* Into the first free slot; the guest sees it if the bus is started. */
static int take_slot(struct virtio_bus *bus, struct virtio_device *device,
		     struct error *error)
{
	unsigned int n = 0;
	int ret = 0;

	pthread_mutex_lock(&bus->lock);
	while (n < COLINUX_MAX_DEVICES && (bus->device[n] || bus->users[n]))
		n++;
	if (n == COLINUX_MAX_DEVICES) {
		ret = error_set(error, "%s: a guest has at most %d devices: "
				"leave some out", device->tag,
				COLINUX_MAX_DEVICES);
	} else {
		device->number = n;
		if (bus->started)
			ret = virtio_device_show(device, error);
		if (!ret)
			bus->device[n] = device;
		else
			virtio_device_hide(device);
	}
	if (!ret && bus->started)
		bus->ops->set_irq(bus->opaque, n, COLINUX_IRQ_PAGE);
	pthread_mutex_unlock(&bus->lock);
	return ret;
}

int virtio_device_add(struct virtio_bus *bus, struct virtio_device *device,
		      struct error *error)
{
	int ret;

	device->bus = bus;
	device->features |= VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT_DESC |
			    VIRTIO_F_EVENT_IDX;
	pthread_mutex_init(&device->command, NULL);
	pthread_mutex_init(&device->service, NULL);
	pthread_mutex_init(&device->lock, NULL);
	pthread_cond_init(&device->quiet, NULL);
	if (open_events(device)) {
		error_set(error, "%s: no event descriptors: %s: raise the "
			  "limit of open files (ulimit -n)", device->tag,
			  strerror(errno));
		goto fail;
	}
	ret = os_thread_start(&device->thread, 0, device_thread, device);
	if (ret) {
		close_events(device);
		error_set(error, "%s: cannot start a thread: %s: raise the "
			  "limit of processes (ulimit -u)", device->tag,
			  strerror(ret));
		goto fail;
	}
	if (!take_slot(bus, device, error))
		return device->number;
	stop_thread(device);
	close_events(device);
fail:
	virtio_device_destroy_locks(device);
	return -1;
}

void virtio_device_destroy_locks(struct virtio_device *device)
{
	pthread_cond_destroy(&device->quiet);
	pthread_mutex_destroy(&device->lock);
	pthread_mutex_destroy(&device->service);
	pthread_mutex_destroy(&device->command);
}

void virtio_device_remove(struct virtio_device *device)
{
	stop_thread(device);
	close_events(device);
	virtio_device_destroy_locks(device);
	device->type->free(device);
}
