/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a virtio device and the bus agree on.  Private to daemon/virtio/; the
 * VM process uses virtio.h.  rng.c is the model of a device.
 *
 * Threads and locks.  Each device has one thread, which waits for doorbells,
 * for the back-end and for virtio_device_wake(), and then serves the device.
 * vCPU threads come in with commands.  Order of locks:
 *
 *	command		one command at a time; held while a reset waits for I/O
 *	service		one server at a time (the device's thread)
 *	lock		the state of the device and its queues
 *
 * All callbacks of struct virtio_device_type run with `lock` held; a device
 * may drop it in serve() only, and must then expect queue_off() to have run.
 */
#ifndef DAEMON_VIRTIO_DEVICE_H
#define DAEMON_VIRTIO_DEVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <colinux/device.h>

#include "../error.h"
#include "spec.h"
#include "virtio.h"
#include "virtqueue.h"

struct virtio_device;

struct virtio_device_type {
	const char *name;		/* for people: "block" */
	uint32_t device_id;
	uint16_t nr_queues;
	uint16_t queue_size[COLINUX_DEVICE_QUEUES];	/* largest sizes */
	/*
	 * A doorbell, a wake or the start: look at all queues.  Only called
	 * while the driver is ready and the device neither broken nor paused.
	 */
	void (*serve)(struct virtio_device *device);
	/* The back-end's event_fd was signalled; called in any state. */
	void (*complete)(struct virtio_device *device);
	/*
	 * A reset has waited long for requests in flight: have them fail, if
	 * that can be done.  NULL: it cannot.
	 */
	void (*abandon)(struct virtio_device *device);
	/* A queue goes off with nothing in flight: drop what refers to it. */
	void (*queue_off)(struct virtio_device *device, unsigned int queue);
	/*
	 * The driver wrote length bytes at offset; they are inside the config
	 * space.  0 or negative errno.  NULL: nothing is writable.
	 */
	int (*config_write)(struct virtio_device *device, uint32_t offset,
			    uint32_t length, const uint8_t *bytes);
	/*
	 * Its thread leaves the CPU to a vCPU that runs: a driver that queues
	 * many requests gets them served in one go.
	 */
	bool batch;
	/* Its thread connects to sockets, which may be other users'. */
	bool connects;
	/* More for virtio_bus_describe(); NULL: nothing to say. */
	void (*describe)(struct virtio_device *device, char *text,
			 size_t room);
	/* The device's thread is gone: free the device itself as well. */
	void (*free)(struct virtio_device *device);
};

/* All types there are (types.c). */
extern const struct virtio_device_type *const virtio_device_types[];
extern const size_t virtio_nr_device_types;

extern const struct virtio_device_type virtio_balloon_type;
extern const struct virtio_device_type virtio_blk_type;
extern const struct virtio_device_type virtio_console_type;
extern const struct virtio_device_type virtio_net_type;
extern const struct virtio_device_type virtio_rng_type;
extern const struct virtio_device_type virtio_vsock_type;

/* The common part; the first member of each device's own struct. */
struct virtio_device {
	/* Constant once the device is on the bus. */
	const struct virtio_device_type *type;
	struct virtio_bus *bus;
	unsigned int number;
	char tag[32];
	uint64_t features;		/* offered */
	uint32_t config_len;
	int event_fd;			/* of the back-end, not owned; or -1 */
	int wake_fd;
	int doorbell_fd[COLINUX_DEVICE_QUEUES];
	pthread_t thread;

	pthread_mutex_t command;
	pthread_mutex_t service;
	pthread_mutex_t lock;
	pthread_cond_t quiet;		/* in_flight has become 0 */

	/* Guarded by lock. */
	struct colinux_device_page *page;	/* NULL: bus not started */
	uint64_t driver_features;	/* accepted */
	uint32_t status;
	bool broken;
	bool paused;			/* a command waits for in_flight == 0 */
	bool stop;			/* the thread shall end */
	enum virtio_plug plug;
	uint32_t generation;		/* of config, even */
	uint32_t in_flight;		/* requests at the back-end */
	struct virtqueue queue[COLINUX_DEVICE_QUEUES];
	_Alignas(8) uint8_t config[COLINUX_DEVICE_CONFIG];
};

/*
 * Put a device on the bus and start its thread; on a bus that is started the
 * guest is told.  The device has set type, tag, features (own ones; those of
 * the transport are added), config, config_len and event_fd.  Returns its
 * number, or -1 with nothing changed.
 */
int virtio_device_add(struct virtio_bus *bus, struct virtio_device *device,
		      struct error *error);

/*
 * The device of a slot, which then stays until virtio_bus_put(); NULL: there
 * is none.  Any thread.
 */
struct virtio_device *virtio_bus_get(struct virtio_bus *bus,
				     unsigned int number);
void virtio_bus_put(struct virtio_bus *bus, struct virtio_device *device);

/* Device of that number, or NULL; for tests, where nobody removes it. */
struct virtio_device *virtio_bus_device(struct virtio_bus *bus, int number);

/* Any thread, no lock needed: have the device's thread call serve(). */
void virtio_device_wake(struct virtio_device *device);

/*
 * One turn of the device's thread: complete if `completions`, then serve (for
 * completions may free what serve() waited for).  No locks held.  Only the
 * thread and tests call it.
 */
void virtio_device_turn(struct virtio_device *device, bool completions);

/* --- With device->lock held --- */

/* May queues be served? */
bool virtio_device_runs(const struct virtio_device *device);

/*
 * Next chain of a queue: false = none.  A chain that breaks the rules breaks
 * the device.
 */
bool virtio_device_pop(struct virtio_device *device, unsigned int queue,
		       struct virtqueue_chain *chain);

/* Mark the device broken (2.1.2) and report the reason, once until reset. */
void virtio_device_break(struct virtio_device *device, const char *reason);

/* A line for the VM's log, after the device's tag. */
void virtio_device_report(const struct virtio_device *device,
			  const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Interrupt the guest if it wants to know of what was pushed to the queue. */
void virtio_device_interrupt(struct virtio_device *device, unsigned int queue);

/* A request went to the back-end; reset waits until all are back. */
void virtio_device_get(struct virtio_device *device);
void virtio_device_put(struct virtio_device *device);

/* device->config has changed: show it to the guest. */
void virtio_device_config_changed(struct virtio_device *device);

#endif
