// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-net (virtio 1.2 section 5.1), one pair of queues: moves frames
 * between the rings and a back-end (net/backend.h).  Knows nothing of what is
 * behind the back-end's descriptor.
 *
 * Backpressure both ways: a frame that the back-end has no room for stays in
 * its chain, and frames that the guest has no buffers for stay in the
 * back-end.  A chain never leaves the queue before its frame is copied, and
 * all of that happens under the device's lock, so a reset needs no waiting.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../net/frame.h"
#include "device.h"
#include "vhost_net.h"

#define QUEUE_RX 0		/* 5.1.2: receiveq1 */
#define QUEUE_TX 1		/* transmitq1 */
#define QUEUE_SIZE 256
/* Frames of one direction before the other one has its turn. */
#define BATCH 64

/* A chain that is filled but not shown to the guest yet. */
struct filled {
	uint16_t head;
	uint32_t written;
};

struct virtio_net {
	struct virtio_device device;
	struct net_backend *backend;
	struct vhost_net vhost;

	/* Guarded by device.lock. */
	bool vhost_failed;	/* not worth another try before a reset */
	bool driver_known;	/* the back-end knows the driver's offloads */
	bool has_output;	/* output waits for the back-end */
	struct virtqueue_chain output;
	size_t frame_length;	/* of frame, with its header; 0 = none */
	size_t frame_done;	/* of that, copied to the guest */
	unsigned int nr_filled;	/* chains that the frame is in */
	struct filled filled[QUEUE_SIZE];
	struct virtqueue_chain first, input;
	uint64_t dropped;	/* frames that did not go out or in */
	uint8_t frame[NET_MESSAGE_MAX];
};

/* --- From the guest --- */

/* Hand a frame over; false: no room now. */
static bool send_frame(struct virtio_net *net,
		       const struct virtqueue_chain *chain)
{
	ssize_t length;

	if (chain->out_bytes < sizeof(struct net_header) + NET_FRAME_MIN ||
	    chain->out_bytes > NET_MESSAGE_MAX) {
		net->dropped++;
		return true;
	}
	do {
		length = writev(net->backend->fd, chain->iov, chain->nr_out);
	} while (length < 0 && errno == EINTR);
	if (length >= 0)
		return true;
	if (errno == EAGAIN)
		return false;
	/* A network may lose frames; a dead one loses all. */
	net->dropped++;
	return true;
}

/* Returns false when there may be more to do that no event announces. */
static bool serve_tx(struct virtio_net *net)
{
	struct virtio_device *device = &net->device;
	struct virtqueue *queue = &device->queue[QUEUE_TX];
	unsigned int nr = 0;

	do {
		virtqueue_mute(queue);
		for (;;) {
			if (!net->has_output &&
			    !virtio_device_pop(device, QUEUE_TX, &net->output))
				break;
			net->has_output = !send_frame(net, &net->output);
			/* The back-end's event brings us back. */
			if (net->has_output)
				goto out;
			virtqueue_push(queue, net->output.head, 0);
			if (++nr == BATCH)
				goto out;
		}
		/* The driver may wait for the chains before it goes on. */
		virtio_device_interrupt(device, QUEUE_TX);
	} while (virtqueue_unmute(queue) && virtio_device_runs(device));
out:
	virtio_device_interrupt(device, QUEUE_TX);
	return nr < BATCH;
}

/* --- To the guest --- */

/* Have a frame in net->frame; false: none now. */
static bool fetch_frame(struct virtio_net *net)
{
	ssize_t length;

	while (!net->frame_length) {
		length = read(net->backend->fd, net->frame,
			      sizeof(net->frame));
		if (length < 0 && errno == EINTR)
			continue;
		if (!length || (length < 0 && errno != EAGAIN)) {
			/* EIO: a TAP interface that is down.  Others: gone. */
			if (!length || errno == ECONNRESET)
				net->backend->dead = true;
			return false;
		}
		if (length < 0)
			return false;
		if ((size_t)length < sizeof(struct net_header) + NET_FRAME_MIN)
			continue;
		net->frame_length = length;
		net->frame_done = 0;
		net->nr_filled = 0;
	}
	return true;
}

/* The frame is in the chains: write its header and show them. */
static void finish_frame(struct virtio_net *net)
{
	struct virtqueue *queue = &net->device.queue[QUEUE_RX];
	struct net_header header;
	unsigned int i;

	memcpy(&header, net->frame, sizeof(header));
	header.num_buffers = net->nr_filled;
	/* 5.1.6.4.1: no flags for a driver that does not know them. */
	if (!(net->device.driver_features & VIRTIO_NET_F_GUEST_CSUM))
		header.flags = 0;
	iovec_write(net->first.iov + net->first.nr_out, net->first.nr_in,
		    &header, sizeof(header));
	for (i = 0; i < net->nr_filled; i++)
		virtqueue_fill(queue, i, net->filled[i].head,
			       net->filled[i].written);
	virtqueue_show(queue, net->nr_filled);
	net->frame_length = 0;
}

/* Copy the frame into chains; false: the guest has too few now. */
static bool place_frame(struct virtio_net *net)
{
	struct virtio_device *device = &net->device;
	bool merge = device->driver_features & VIRTIO_NET_F_MRG_RXBUF;

	while (net->frame_done < net->frame_length) {
		struct virtqueue_chain *chain =
			net->nr_filled ? &net->input : &net->first;
		size_t left = net->frame_length - net->frame_done, done;

		if (!virtio_device_pop(device, QUEUE_RX, chain))
			return false;
		/* 5.1.6.3.1: room for the header; without merging, for all. */
		if (chain->in_bytes < (net->nr_filled ? 1 :
				       sizeof(struct net_header)) ||
		    (!merge && chain->in_bytes < left)) {
			virtio_device_break(device, "a receive buffer is too "
					    "small");
			return false;
		}
		done = iovec_write(chain->iov + chain->nr_out, chain->nr_in,
				   net->frame + net->frame_done, left);
		net->frame_done += done;
		net->filled[net->nr_filled++] = (struct filled){
			.head = chain->head,
			.written = done,
		};
		if (net->nr_filled == QUEUE_SIZE &&
		    net->frame_done < net->frame_length) {
			virtio_device_break(device, "the receive buffers are "
					    "too small for a frame");
			return false;
		}
	}
	finish_frame(net);
	return true;
}

static bool serve_rx(struct virtio_net *net)
{
	struct virtio_device *device = &net->device;
	struct virtqueue *queue = &device->queue[QUEUE_RX];
	unsigned int nr = 0;

	while (virtio_device_runs(device)) {
		/* No doorbell is wanted while there are buffers. */
		if (!virtqueue_has_more(queue) && !virtqueue_unmute(queue))
			break;
		virtqueue_mute(queue);
		if (!fetch_frame(net))
			break;
		if (place_frame(net) && ++nr == BATCH)
			break;
	}
	virtio_device_interrupt(device, QUEUE_RX);
	return nr < BATCH;
}

/* --- The rest of a device --- */

static void show_link(struct virtio_net *net)
{
	struct virtio_net_config config;
	uint16_t status = net->backend->up && !net->backend->dead ?
				  VIRTIO_NET_S_LINK_UP : 0;

	memcpy(&config, net->device.config, sizeof(config));
	if (config.status == status)
		return;
	config.status = status;
	memcpy(net->device.config, &config, sizeof(config));
	virtio_device_config_changed(&net->device);
}

static void tell_backend(struct virtio_net *net)
{
	uint64_t features = net->device.driver_features;

	if (net->driver_known)
		return;
	net->driver_known = true;
	net_backend_guest_offloads(net->backend,
				   features & VIRTIO_NET_F_GUEST_CSUM,
				   features & VIRTIO_NET_F_GUEST_TSO4,
				   features & VIRTIO_NET_F_GUEST_TSO6);
}

/* Is the kernel to do the work, and does it? */
static bool offloaded(struct virtio_net *net)
{
	struct virtio_device *device = &net->device;

	if (net->vhost.running)
		return true;
	if (net->vhost.fd < 0 || net->vhost_failed ||
	    !device->queue[QUEUE_RX].enabled ||
	    !device->queue[QUEUE_TX].enabled || net->nr_filled)
		return false;
	/* It works without as well: not worth more than a note. */
	if (vhost_net_start(&net->vhost, device, net->backend->fd) < 0)
		net->vhost_failed = true;
	return net->vhost.running;
}

static void net_serve(struct virtio_device *device)
{
	struct virtio_net *net = (struct virtio_net *)device;
	bool all;

	tell_backend(net);
	if (offloaded(net))
		return;
	all = serve_tx(net);
	all = serve_rx(net) && all;
	if (net->backend->dead)
		show_link(net);
	if (!all)
		virtio_device_wake(device);
}

static void net_complete(struct virtio_device *device)
{
	struct virtio_net *net = (struct virtio_net *)device;

	net_backend_event(net->backend);
	show_link(net);
}

static void net_queue_off(struct virtio_device *device, unsigned int queue)
{
	struct virtio_net *net = (struct virtio_net *)device;

	vhost_net_stop(&net->vhost, device);
	net->vhost_failed = false;
	net->driver_known = false;
	if (queue == QUEUE_TX) {
		net->has_output = false;
		return;
	}
	/* A frame that is partly there is lost with its buffers. */
	if (net->nr_filled && net->frame_length) {
		net->frame_length = 0;
		net->dropped++;
	}
	net->nr_filled = 0;
}

static void net_describe(struct virtio_device *device, char *text,
			 size_t room)
{
	struct virtio_net *net = (struct virtio_net *)device;
	struct virtio_net_config config;
	uint64_t dropped;
	bool vhost;

	pthread_mutex_lock(&device->lock);
	memcpy(&config, device->config, sizeof(config));
	dropped = net->dropped;
	vhost = net->vhost.running;
	pthread_mutex_unlock(&device->lock);
	snprintf(text, room, "%s%s, %02x:%02x:%02x:%02x:%02x:%02x, %s%s",
		 net->backend->text, vhost ? " by vhost-net" : "",
		 config.mac[0], config.mac[1],
		 config.mac[2], config.mac[3], config.mac[4], config.mac[5],
		 config.status & VIRTIO_NET_S_LINK_UP ? "up" : "down",
		 dropped ? ", lost frames" : "");
}

static void net_free(struct virtio_device *device)
{
	struct virtio_net *net = (struct virtio_net *)device;

	vhost_net_exit(&net->vhost);
	net_backend_free(net->backend);
	free(net);
}

const struct virtio_device_type virtio_net_type = {
	.name = "network",
	.device_id = VIRTIO_ID_NET,
	.nr_queues = 2,
	.queue_size = { QUEUE_SIZE, QUEUE_SIZE },
	.serve = net_serve,
	.complete = net_complete,
	.queue_off = net_queue_off,
	.describe = net_describe,
	.free = net_free,
};

/* What the card can do is what its back-end can. */
static uint64_t features_of(const struct net_backend *backend)
{
	uint64_t features = VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS |
			    VIRTIO_NET_F_MRG_RXBUF;

	if (!backend->offloads)
		return features;
	features |= VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM |
		    VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6;
	if (backend->kind != NET_SLIRP)
		features |= VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6;
	return features;
}

int virtio_net_add(struct virtio_bus *bus,
		   const struct net_device_options *options,
		   struct error *error)
{
	struct virtio_net *net = calloc(1, sizeof(*net));
	struct virtio_net_config config = { .status = 0 };
	struct virtio_device *device;
	int number;

	if (!net) {
		net_backend_free(options->backend);
		return error_set(error, "%s: out of memory", options->tag);
	}
	net->backend = options->backend;
	vhost_net_init(&net->vhost, net->backend->vhost_fd);
	device = &net->device;
	device->type = &virtio_net_type;
	device->event_fd = net->backend->event_fd;
	device->features = features_of(net->backend);
	memcpy(config.mac, options->mac, sizeof(config.mac));
	config.status = net->backend->up ? VIRTIO_NET_S_LINK_UP : 0;
	memcpy(device->config, &config, sizeof(config));
	/* Up to status: the other fields have features of their own. */
	device->config_len = __builtin_offsetof(struct virtio_net_config,
						max_virtqueue_pairs);
	snprintf(device->tag, sizeof(device->tag), "%s", options->tag);
	number = virtio_device_add(bus, device, error);
	if (number < 0)
		net_free(device);
	return number;
}
