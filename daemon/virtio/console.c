/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-console (virtio 1.2 section 5.3), one port with size: hvc0.  Moves
 * bytes between the rings and the callbacks of its owner; knows nothing of
 * terminals.
 *
 * Nothing is lost either way: output that the owner does not take stays here
 * and then in the ring; input is asked for only when the guest has a buffer.
 *
 * The callbacks run without device.lock, so between two steps of
 * console_serve() a reset may have happened.  What must survive it is in the
 * two staging buffers, which only the server (device.service) touches.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device.h"

#define QUEUE_INPUT 0		/* 5.3.2: receiveq(port0) */
#define QUEUE_OUTPUT 1		/* transmitq(port0) */
#define QUEUE_SIZE 64
#define STAGING 4096

struct staging {
	size_t start, end;
	uint8_t bytes[STAGING];
};

struct virtio_console {
	struct virtio_device device;
	const struct virtio_console_ops *ops;
	void *opaque;

	/* Only the server's. */
	struct staging input, output;
	struct virtqueue_chain input_chain;

	/* Guarded by device.lock. */
	bool has_output;		/* output_chain is not copied yet */
	struct iovec *output_iov;	/* what is left of it */
	int output_nr;
	struct virtqueue_chain output_chain;
};

/* --- Output --- */

/* Give the owner what is staged; false: it does not take all now. */
static bool deliver_output(struct virtio_console *console)
{
	struct staging *out = &console->output;
	bool all;

	pthread_mutex_unlock(&console->device.lock);
	while (out->start < out->end) {
		size_t taken = console->ops->output(console->opaque,
						    out->bytes + out->start,
						    out->end - out->start);

		if (!taken)
			break;
		out->start += taken;
	}
	all = out->start == out->end;
	if (all)
		out->start = out->end = 0;
	pthread_mutex_lock(&console->device.lock);
	return all;
}

/* Move the next piece of the chain to the empty staging buffer. */
static void stage_output(struct virtio_console *console)
{
	struct staging *out = &console->output;

	out->end = iovec_read(console->output_iov, console->output_nr,
			      out->bytes, sizeof(out->bytes));
	iovec_skip(&console->output_iov, &console->output_nr, out->end);
	if (console->output_nr)
		return;
	console->has_output = false;
	virtqueue_push(&console->device.queue[QUEUE_OUTPUT],
		       console->output_chain.head, 0);
}

static void serve_output(struct virtio_console *console)
{
	struct virtio_device *device = &console->device;
	struct virtqueue *queue = &device->queue[QUEUE_OUTPUT];

	do {
		virtqueue_mute(queue);
		while (deliver_output(console)) {
			struct virtqueue_chain *chain = &console->output_chain;

			if (!virtio_device_runs(device))
				return;
			if (!console->has_output) {
				if (!virtio_device_pop(device, QUEUE_OUTPUT,
						       chain))
					break;
				console->has_output = true;
				console->output_iov = chain->iov;
				console->output_nr = chain->nr_out;
			}
			stage_output(console);
		}
		virtio_device_interrupt(device, QUEUE_OUTPUT);
		/*
		 * Stuck: the owner's virtio_console_output_ready() brings us
		 * back; no doorbell is needed.
		 */
		if (console->output.start < console->output.end)
			return;
	} while (virtqueue_unmute(queue) && virtio_device_runs(device));
}

/* --- Input --- */

/* Ask the owner for input; false: none now. */
static bool fetch_input(struct virtio_console *console)
{
	struct staging *in = &console->input;

	if (in->start < in->end)
		return true;
	pthread_mutex_unlock(&console->device.lock);
	in->start = 0;
	in->end = console->ops->input(console->opaque, in->bytes,
				      sizeof(in->bytes));
	pthread_mutex_lock(&console->device.lock);
	return in->end > 0;
}

static void serve_input(struct virtio_console *console)
{
	struct virtio_device *device = &console->device;
	struct virtqueue *queue = &device->queue[QUEUE_INPUT];
	struct virtqueue_chain *chain = &console->input_chain;
	struct staging *in = &console->input;

	while (virtio_device_runs(device)) {
		size_t done;

		if (!virtqueue_ready(queue) || !fetch_input(console) ||
		    !virtio_device_pop(device, QUEUE_INPUT, chain))
			break;
		done = iovec_write(chain->iov + chain->nr_out, chain->nr_in,
				   in->bytes + in->start, in->end - in->start);
		in->start += done;
		virtqueue_push(queue, chain->head, done);
	}
	virtio_device_interrupt(device, QUEUE_INPUT);
}

static void console_serve(struct virtio_device *device)
{
	struct virtio_console *console = (struct virtio_console *)device;

	serve_output(console);
	serve_input(console);
}

/* --- The rest of a device --- */

static void console_complete(struct virtio_device *device)
{
	/* No event_fd: the owner calls the functions below. */
	(void)device;
}

static void console_queue_off(struct virtio_device *device,
			      unsigned int queue)
{
	struct virtio_console *console = (struct virtio_console *)device;

	if (queue == QUEUE_OUTPUT)
		console->has_output = false;
}

static void console_free(struct virtio_device *device)
{
	free(device);
}

const struct virtio_device_type virtio_console_type = {
	.name = "console",
	.device_id = VIRTIO_ID_CONSOLE,
	.nr_queues = 2,
	.queue_size = { QUEUE_SIZE, QUEUE_SIZE },
	.serve = console_serve,
	.complete = console_complete,
	.queue_off = console_queue_off,
	.free = console_free,
};

static int add(struct virtio_bus *bus, const char *tag, uint64_t features,
	       const struct virtio_console_ops *ops, void *opaque,
	       struct virtio_console **result, struct error *error)
{
	struct virtio_console *console = calloc(1, sizeof(*console));
	struct virtio_device *device;
	int number;

	if (!console)
		return error_set(error, "%s: out of memory", tag);
	device = &console->device;
	device->type = &virtio_console_type;
	device->event_fd = -1;
	device->features = features;
	device->config_len = sizeof(struct virtio_console_config);
	snprintf(device->tag, sizeof(device->tag), "%s", tag);
	console->ops = ops;
	console->opaque = opaque;
	/* Before its thread asks. */
	*result = console;
	number = virtio_device_add(bus, device, error);
	if (number < 0) {
		*result = NULL;
		free(console);
	}
	return number;
}

int virtio_console_add(struct virtio_bus *bus,
		       const struct virtio_console_ops *ops, void *opaque,
		       struct virtio_console **result, struct error *error)
{
	return add(bus, "console", VIRTIO_CONSOLE_F_SIZE, ops, opaque, result,
		   error);
}

int virtio_serial_add(struct virtio_bus *bus, const char *tag,
		      const struct virtio_console_ops *ops, void *opaque,
		      struct virtio_console **result, struct error *error)
{
	return add(bus, tag, 0, ops, opaque, result, error);
}

void virtio_console_input_ready(struct virtio_console *console)
{
	virtio_device_wake(&console->device);
}

void virtio_console_output_ready(struct virtio_console *console)
{
	virtio_device_wake(&console->device);
}

bool virtio_console_flush(struct virtio_console *console)
{
	struct virtio_device *device = &console->device;
	bool all;

	pthread_mutex_lock(&device->service);
	pthread_mutex_lock(&device->lock);
	if (virtio_device_runs(device))
		serve_output(console);
	else
		deliver_output(console);
	all = console->output.start == console->output.end &&
	      !(console->has_output && virtio_device_runs(device));
	pthread_mutex_unlock(&device->lock);
	pthread_mutex_unlock(&device->service);
	return all;
}

void virtio_console_resize(struct virtio_console *console, uint16_t columns,
			   uint16_t rows)
{
	const struct virtio_console_config config = {
		.cols = columns,
		.rows = rows,
	};
	struct virtio_device *device = &console->device;

	pthread_mutex_lock(&device->lock);
	if (memcmp(device->config, &config, sizeof(config))) {
		memcpy(device->config, &config, sizeof(config));
		virtio_device_config_changed(device);
	}
	pthread_mutex_unlock(&device->lock);
}
