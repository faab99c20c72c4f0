// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-net (virtio 1.2 section 5.1): moves frames between the rings and a
 * back-end (net/backend.h).  Knows nothing of what is behind the back-end's
 * descriptors.
 *
 * A card has a pair of queues for each descriptor of the back-end; with more
 * than one it has a control queue as well, by which the driver says how many
 * of them it uses.
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

#include "../net/frame.h"
#include "bus.h"
#include "device.h"
#include "vhost_net.h"

/* 5.1.2: receiveq1, transmitq1, receiveq2, ... */
#define QUEUE_RX(pair) (2 * (pair))
#define QUEUE_TX(pair) (2 * (pair) + 1)
#define QUEUE_SIZE 256
/* Frames of one direction before the other one has its turn. */
#define BATCH 64

/* A chain that is filled but not shown to the guest yet. */
struct filled {
	uint16_t head;
	uint32_t written;
};

/* A pair of queues and its end of the back-end; guarded by device.lock. */
struct pair {
	struct virtio_net *net;
	unsigned int number;	/* of the back-end's pair */
	unsigned int rx, tx;	/* numbers of the queues */
	struct vhost_net vhost;
	bool vhost_failed;	/* not worth another try before a reset */
	bool has_output;	/* output waits for the back-end */
	struct virtqueue_chain output;
	size_t frame_length;	/* of frame, with its header; 0 = none */
	size_t frame_done;	/* of that, copied to the guest */
	unsigned int nr_filled;	/* chains that the frame is in */
	struct filled filled[QUEUE_SIZE];
	struct virtqueue_chain first, input;
	uint8_t frame[NET_MESSAGE_MAX];
};

struct virtio_net {
	struct virtio_device device;
	struct net_backend *backend;
	unsigned int nr_pairs;

	/* Guarded by device.lock. */
	unsigned int used;	/* pairs that the driver uses */
	bool driver_known;	/* the back-end knows the driver's offloads */
	uint64_t dropped;	/* frames that did not go out or in */
	bool told_dead;		/* that the back-end has ended */
	bool told_slow;		/* why the kernel does not move the frames */
	struct virtqueue_chain control;
	struct pair pair[];
};

/* --- From the guest --- */

/* Hand a frame over; false: no room now. */
static bool send_frame(struct pair *pair,
		       const struct virtqueue_chain *chain)
{
	int ret;

	if (chain->out_bytes < sizeof(struct net_header) + NET_FRAME_MIN ||
	    chain->out_bytes > NET_MESSAGE_MAX) {
		pair->net->dropped++;
		return true;
	}
	ret = net_backend_send(pair->net->backend, pair->number, chain->iov,
			       chain->nr_out);
	if (!ret)
		return true;
	if (ret == -EAGAIN)
		return false;
	/* A network may lose frames; a dead one loses all. */
	pair->net->dropped++;
	return true;
}

/* Returns false when there may be more to do that no event announces. */
static bool serve_tx(struct pair *pair)
{
	struct virtio_device *device = &pair->net->device;
	struct virtqueue *queue = &device->queue[pair->tx];
	unsigned int nr = 0;

	do {
		virtqueue_mute(queue);
		for (;;) {
			if (!pair->has_output &&
			    !virtio_device_pop(device, pair->tx, &pair->output))
				break;
			pair->has_output = !send_frame(pair, &pair->output);
			/* The back-end's event brings us back. */
			if (pair->has_output)
				goto out;
			virtqueue_push(queue, pair->output.head, 0);
			if (++nr == BATCH)
				goto out;
		}
		/* The driver may wait for the chains before it goes on. */
		virtio_device_interrupt(device, pair->tx);
	} while (virtqueue_unmute(queue) && virtio_device_runs(device));
out:
	virtio_device_interrupt(device, pair->tx);
	return nr < BATCH;
}

/* --- To the guest --- */

/* Have a frame in pair->frame; false: none now. */
static bool fetch_frame(struct pair *pair)
{
	ssize_t length;

	while (!pair->frame_length) {
		length = net_backend_receive(pair->net->backend, pair->number,
					     pair->frame, sizeof(pair->frame));
		if (length < 0)
			return false;
		if ((size_t)length < sizeof(struct net_header) + NET_FRAME_MIN)
			continue;
		pair->frame_length = length;
		pair->frame_done = 0;
		pair->nr_filled = 0;
	}
	return true;
}

/* The frame is in the chains: write its header and show them. */
static void finish_frame(struct pair *pair)
{
	struct virtqueue *queue = &pair->net->device.queue[pair->rx];
	struct net_header header;
	unsigned int i;

	memcpy(&header, pair->frame, sizeof(header));
	header.num_buffers = pair->nr_filled;
	/* 5.1.6.4.1: no flags for a driver that does not know them. */
	if (!(pair->net->device.driver_features & VIRTIO_NET_F_GUEST_CSUM))
		header.flags = 0;
	iovec_write(pair->first.iov + pair->first.nr_out, pair->first.nr_in,
		    &header, sizeof(header));
	for (i = 0; i < pair->nr_filled; i++)
		virtqueue_fill(queue, i, pair->filled[i].head,
			       pair->filled[i].written);
	virtqueue_show(queue, pair->nr_filled);
	pair->frame_length = 0;
}

/* Copy the frame into chains; false: the guest has too few now. */
static bool place_frame(struct pair *pair)
{
	struct virtio_device *device = &pair->net->device;
	bool merge = device->driver_features & VIRTIO_NET_F_MRG_RXBUF;

	while (pair->frame_done < pair->frame_length) {
		struct virtqueue_chain *chain =
			pair->nr_filled ? &pair->input : &pair->first;
		size_t left = pair->frame_length - pair->frame_done, done;

		if (!virtio_device_pop(device, pair->rx, chain))
			return false;
		/* 5.1.6.3.1: room for the header; without merging, for all. */
		if (chain->in_bytes < (pair->nr_filled ? 1 :
				       sizeof(struct net_header)) ||
		    (!merge && chain->in_bytes < left)) {
			virtio_device_break(device, "a receive buffer is too "
					    "small");
			return false;
		}
		done = iovec_write(chain->iov + chain->nr_out, chain->nr_in,
				   pair->frame + pair->frame_done, left);
		pair->frame_done += done;
		pair->filled[pair->nr_filled++] = (struct filled){
			.head = chain->head,
			.written = done,
		};
		if (pair->nr_filled == QUEUE_SIZE &&
		    pair->frame_done < pair->frame_length) {
			virtio_device_break(device, "the receive buffers are "
					    "too small for a frame");
			return false;
		}
	}
	finish_frame(pair);
	return true;
}

static bool serve_rx(struct pair *pair)
{
	struct virtio_device *device = &pair->net->device;
	struct virtqueue *queue = &device->queue[pair->rx];
	unsigned int nr = 0;

	while (virtio_device_runs(device)) {
		if (!virtqueue_ready(queue) || !fetch_frame(pair))
			break;
		if (place_frame(pair) && ++nr == BATCH)
			break;
	}
	virtio_device_interrupt(device, pair->rx);
	return nr < BATCH;
}

/* --- The back-end --- */

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

/* Its link is down for good: people should know why. */
static void report_dead(struct virtio_net *net)
{
	if (net->told_dead)
		return;
	net->told_dead = true;
	virtio_device_report(&net->device, "the %s process has ended: no link "
			     "until the guest is started anew",
			     net_kind_name(net->backend->kind));
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

/* --- The kernel's vhost-net --- */

/* There is one, and it does not do; it works without as well. */
static void report_slow(struct virtio_net *net, int ret)
{
	char remedy[80] = "";

	if (net->told_slow)
		return;
	net->told_slow = true;
	if (ret == -E2BIG)
		snprintf(remedy, sizeof(remedy), ": memory is in %zu pieces, "
			 "raise max_mem_regions of the module vhost",
			 net->device.bus->memory->nr_ranges);
	virtio_device_report(&net->device, "without the kernel's vhost-net, as "
			     "that refuses this card: %s%s", strerror(-ret),
			     remedy);
}

static void take_back(struct pair *pair)
{
	struct virtio_net *net = pair->net;

	if (pair->vhost.running)
		net_backend_watch(net->backend, pair->number, true);
	vhost_net_stop(&pair->vhost, &net->device);
}

/* Is the kernel to do the work, and does it? */
static bool offloaded(struct pair *pair)
{
	struct virtio_device *device = &pair->net->device;
	int ret;

	if (pair->vhost.running)
		return true;
	if (pair->vhost.rings.fd < 0 || pair->vhost_failed ||
	    !device->queue[pair->rx].enabled ||
	    !device->queue[pair->tx].enabled || pair->nr_filled)
		return false;
	ret = vhost_net_start(&pair->vhost, device,
			      pair->net->backend->fd[pair->number]);
	if (ret < 0) {
		pair->vhost_failed = true;
		report_slow(pair->net, ret);
	}
	if (pair->vhost.running)
		net_backend_watch(pair->net->backend, pair->number, false);
	return pair->vhost.running;
}

/* --- The control queue --- */

/* With MQ it is behind all pairs that there are (5.1.2). */
static unsigned int control_queue(const struct virtio_net *net)
{
	return net->device.driver_features & VIRTIO_NET_F_MQ ?
		       2 * net->nr_pairs : 2;
}

/* The first `nr` pairs have frames. */
static int use_pairs(struct virtio_net *net, unsigned int nr)
{
	unsigned int i;
	int ret;

	for (i = nr; i < net->nr_pairs; i++)
		take_back(&net->pair[i]);
	ret = net_backend_use(net->backend, nr);
	if (!ret)
		net->used = nr;
	return ret;
}

static uint8_t control(struct virtio_net *net,
		       const struct virtio_net_control *request)
{
	unsigned int nr = request->data[0] | request->data[1] << 8;

	if (request->class != VIRTIO_NET_CTRL_MQ ||
	    request->command != VIRTIO_NET_CTRL_MQ_PAIRS_SET ||
	    !(net->device.driver_features & VIRTIO_NET_F_MQ) ||
	    nr < 1 || nr > net->nr_pairs)
		return VIRTIO_NET_ERR;
	return use_pairs(net, nr) ? VIRTIO_NET_ERR : VIRTIO_NET_OK;
}

static void serve_control(struct virtio_net *net)
{
	struct virtio_device *device = &net->device;
	const struct virtqueue_chain *chain = &net->control;
	unsigned int number = control_queue(net);
	struct virtqueue *queue = &device->queue[number];
	struct virtio_net_control request;
	uint8_t answer;

	if (!queue->enabled)
		return;
	do {
		virtqueue_mute(queue);
		while (virtio_device_pop(device, number, &net->control)) {
			answer = VIRTIO_NET_ERR;
			if (iovec_read(chain->iov, chain->nr_out, &request,
				       sizeof(request)) == sizeof(request))
				answer = control(net, &request);
			virtqueue_push(queue, chain->head,
				       iovec_write(chain->iov + chain->nr_out,
						   chain->nr_in, &answer, 1));
		}
	} while (virtqueue_unmute(queue) && virtio_device_runs(device));
	virtio_device_interrupt(device, number);
}

/* --- The device --- */

static void net_serve(struct virtio_device *device)
{
	struct virtio_net *net = (struct virtio_net *)device;
	bool all = true;
	unsigned int i;

	tell_backend(net);
	if (net->nr_pairs > 1)
		serve_control(net);
	for (i = 0; i < net->used; i++) {
		if (offloaded(&net->pair[i]))
			continue;
		all = serve_tx(&net->pair[i]) && all;
		all = serve_rx(&net->pair[i]) && all;
	}
	if (net->backend->dead) {
		report_dead(net);
		show_link(net);
	}
	if (!all)
		virtio_device_wake(device);
}

static void net_complete(struct virtio_device *device)
{
	struct virtio_net *net = (struct virtio_net *)device;

	net_backend_event(net->backend);
	show_link(net);
}

static void pair_off(struct pair *pair, unsigned int queue)
{
	take_back(pair);
	pair->vhost_failed = false;
	if (queue == pair->tx) {
		pair->has_output = false;
		return;
	}
	/* A frame that is partly there is lost with its buffers. */
	if (pair->nr_filled && pair->frame_length) {
		pair->frame_length = 0;
		pair->net->dropped++;
	}
	pair->nr_filled = 0;
}

static void net_queue_off(struct virtio_device *device, unsigned int queue)
{
	struct virtio_net *net = (struct virtio_net *)device;

	net->driver_known = false;
	/* 5.1.5: a driver that begins has one pair. */
	if (queue == QUEUE_RX(0))
		use_pairs(net, 1);
	if (queue < 2 * net->nr_pairs)
		pair_off(&net->pair[queue / 2], queue);
}

static void net_describe(struct virtio_device *device, char *text,
			 size_t room)
{
	struct virtio_net *net = (struct virtio_net *)device;
	struct virtio_net_config config;
	char queues[40] = "";
	uint64_t dropped;
	unsigned int used;
	bool vhost;

	pthread_mutex_lock(&device->lock);
	memcpy(&config, device->config, sizeof(config));
	dropped = net->dropped;
	used = net->used;
	vhost = net->pair[0].vhost.running;
	pthread_mutex_unlock(&device->lock);
	if (net->nr_pairs > 1)
		snprintf(queues, sizeof(queues), ", %u of %u queues", used,
			 net->nr_pairs);
	snprintf(text, room, "%s%s%s, %02x:%02x:%02x:%02x:%02x:%02x, %s%s",
		 net->backend->text, vhost ? " by vhost-net" : "", queues,
		 config.mac[0], config.mac[1],
		 config.mac[2], config.mac[3], config.mac[4], config.mac[5],
		 config.status & VIRTIO_NET_S_LINK_UP ? "up" : "down",
		 dropped ? ", lost frames" : "");
}

static void net_free(struct virtio_device *device)
{
	struct virtio_net *net = (struct virtio_net *)device;
	unsigned int i;

	for (i = 0; i < net->nr_pairs; i++)
		vhost_net_exit(&net->pair[i].vhost);
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

#define Q QUEUE_SIZE

static const struct virtio_device_type several_pairs_type = {
	.name = "network",
	.device_id = VIRTIO_ID_NET,
	.nr_queues = 2 * NET_PAIRS + 1,
	/* Any but the first two may turn out to be the control queue. */
	.queue_size = { Q, Q, Q, Q, Q, Q, Q, Q, Q, Q, Q, Q, Q, Q, Q },
	.serve = net_serve,
	.complete = net_complete,
	.queue_off = net_queue_off,
	.describe = net_describe,
	.free = net_free,
};

#undef Q

/* What the card can do is what its back-end can. */
static uint64_t features_of(const struct net_backend *backend)
{
	uint64_t features = VIRTIO_NET_F_MAC | VIRTIO_NET_F_STATUS |
			    VIRTIO_NET_F_MRG_RXBUF;

	if (backend->nr_pairs > 1)
		features |= VIRTIO_NET_F_CTRL_VQ | VIRTIO_NET_F_MQ;
	if (!backend->offloads)
		return features;
	features |= VIRTIO_NET_F_CSUM | VIRTIO_NET_F_GUEST_CSUM |
		    VIRTIO_NET_F_HOST_TSO4 | VIRTIO_NET_F_HOST_TSO6;
	if (backend->kind != NET_SLIRP)
		features |= VIRTIO_NET_F_GUEST_TSO4 | VIRTIO_NET_F_GUEST_TSO6;
	return features;
}

/* NULL: out of memory. */
static struct virtio_net *net_new(struct net_backend *backend)
{
	unsigned int i, nr = backend->nr_pairs;
	struct virtio_net *net = calloc(1, sizeof(*net) +
					nr * sizeof(net->pair[0]));

	if (!net)
		return NULL;
	net->backend = backend;
	net->nr_pairs = nr;
	net->used = 1;
	for (i = 0; i < nr; i++) {
		struct pair *pair = &net->pair[i];

		pair->net = net;
		pair->number = i;
		pair->rx = QUEUE_RX(i);
		pair->tx = QUEUE_TX(i);
	}
	return net;
}

static void open_vhosts(struct virtio_net *net)
{
	unsigned int i;

	for (i = 0; i < net->nr_pairs; i++) {
		int fd = net->backend->vhost_fd[i];
		int ret = vhost_net_init(&net->pair[i].vhost, fd,
					 net->pair[i].rx);

		if (ret < 0 && fd >= 0)
			report_slow(net, ret);
	}
}

int virtio_net_add(struct virtio_bus *bus,
		   const struct net_device_options *options,
		   struct error *error)
{
	struct virtio_net *net = net_new(options->backend);
	struct virtio_net_config config = { .status = 0 };
	struct virtio_device *device;
	int number;

	if (!net) {
		net_backend_free(options->backend);
		return error_set(error, "%s: out of memory", options->tag);
	}
	device = &net->device;
	device->type = net->nr_pairs > 1 ? &several_pairs_type :
					   &virtio_net_type;
	device->event_fd = net->backend->event_fd;
	device->features = features_of(net->backend);
	memcpy(config.mac, options->mac, sizeof(config.mac));
	config.status = net->backend->up ? VIRTIO_NET_S_LINK_UP : 0;
	config.max_virtqueue_pairs = net->nr_pairs;
	memcpy(device->config, &config, sizeof(config));
	/* The fields behind have features of their own. */
	device->config_len = net->nr_pairs > 1 ?
		__builtin_offsetof(struct virtio_net_config, mtu) :
		__builtin_offsetof(struct virtio_net_config,
				   max_virtqueue_pairs);
	snprintf(device->tag, sizeof(device->tag), "%s", options->tag);
	device->bus = bus;
	open_vhosts(net);
	number = virtio_device_add(bus, device, error);
	if (number < 0)
		net_free(device);
	return number;
}
