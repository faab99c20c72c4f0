// SPDX-License-Identifier: GPL-2.0
/*
 * virtio-vsock (virtio 1.2 section 5.10): stream sockets between guest and
 * host.  This file has the queues and the packets; what is at the host's end
 * is vsock_stream.c's.
 *
 * Flow control is by credit (5.10.6.3), both ways: a guest that sends more
 * than it was allowed to loses the connection, and nothing is read from a
 * socket of the host that the guest has no room for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../os.h"
#include "vsock.h"

#define QUEUE_RX 0u		/* 5.10.2 */
#define QUEUE_TX 1u
#define QUEUE_EVENT 2u		/* only for migration: never used */
#define QUEUE_SIZE 256
#define HEADER sizeof(struct virtio_vsock_header)
/* Packets until others get the lock. */
#define BATCH 256u

/* --- To the guest --- */

static void reply_rst(struct virtio_vsock *vsock, uint32_t guest_port,
		      uint32_t host_port)
{
	/* serve_tx() takes no packet when there is no room. */
	vsock->reply[vsock->nr_replies].guest_port = guest_port;
	vsock->reply[vsock->nr_replies++].host_port = host_port;
}

/* Fill the guest's buffer and give it back. */
static void put_packet(struct virtio_vsock *vsock,
		       struct virtio_vsock_header *header)
{
	struct virtqueue_chain *chain = &vsock->rx;

	header->src_cid = VIRTIO_VSOCK_HOST_CID;
	header->dst_cid = vsock->options.cid;
	header->type = VIRTIO_VSOCK_TYPE_STREAM;
	iovec_write(chain->iov + chain->nr_out, chain->nr_in, header, HEADER);
	virtqueue_push(&vsock->device.queue[QUEUE_RX], chain->head,
		       HEADER + header->len);
	vsock->has_rx = false;
}

static void put_reply(struct virtio_vsock *vsock)
{
	struct virtio_vsock_header header = {
		.op = VIRTIO_VSOCK_OP_RST,
		.src_port = vsock->reply[0].host_port,
		.dst_port = vsock->reply[0].guest_port,
	};

	memmove(&vsock->reply[0], &vsock->reply[1],
		--vsock->nr_replies * sizeof(vsock->reply[0]));
	put_packet(vsock, &header);
}

static void put_of_stream(struct virtio_vsock *vsock,
			  struct vsock_stream *stream, uint16_t op,
			  uint32_t flags, uint32_t length)
{
	struct virtio_vsock_header header = {
		.op = op,
		.flags = flags,
		.len = length,
		.src_port = stream->host_port,
		.dst_port = stream->guest_port,
		.buf_alloc = VSOCK_BUFFER,
		.fwd_cnt = stream->fwd_cnt,
	};

	/* Every packet tells the credit. */
	stream->told_fwd_cnt = stream->fwd_cnt;
	stream->pending &= ~VSOCK_SEND_CREDIT;
	put_packet(vsock, &header);
}

/* Bytes that the guest has room for. */
static uint32_t credit(const struct vsock_stream *stream)
{
	uint32_t under_way = stream->tx_cnt - stream->peer_fwd_cnt;

	return under_way < stream->peer_buf_alloc ?
		       stream->peer_buf_alloc - under_way : 0;
}

/* The next piece from the host; false: there is none. */
static bool put_data(struct virtio_vsock *vsock, struct vsock_stream *stream)
{
	struct virtqueue_chain *chain = &vsock->rx;
	uint64_t room = chain->in_bytes - HEADER;
	struct iovec *iov = vsock->iov;
	uint32_t length, most = credit(stream);
	int nr = chain->nr_in;

	if (!most || !room)
		return false;
	memcpy(iov, chain->iov + chain->nr_out, nr * sizeof(*iov));
	iovec_skip(&iov, &nr, HEADER);
	if (room > most)
		iovec_trim(iov, &nr, room - most);
	length = vsock_fetch(vsock, stream, iov, nr);
	if (!length)
		return false;
	stream->tx_cnt += length;
	put_of_stream(vsock, stream, VIRTIO_VSOCK_OP_RW, 0, length);
	return true;
}

/* One packet of a stream, if it has any. */
static bool put_next(struct virtio_vsock *vsock, struct vsock_stream *stream)
{
	static const struct {
		unsigned int bit;
		uint16_t op;
	} order[] = {
		{ VSOCK_SEND_RST, VIRTIO_VSOCK_OP_RST },
		{ VSOCK_SEND_REQUEST, VIRTIO_VSOCK_OP_REQUEST },
		{ VSOCK_SEND_RESPONSE, VIRTIO_VSOCK_OP_RESPONSE },
		{ VSOCK_SEND_SHUTDOWN, VIRTIO_VSOCK_OP_SHUTDOWN },
		{ VSOCK_SEND_CREDIT, VIRTIO_VSOCK_OP_CREDIT_UPDATE },
	};

	if (stream->state == VSOCK_FREE)
		return false;
	if (stream->state == VSOCK_OPEN && stream->readable &&
	    !stream->host_ended && !(stream->pending & VSOCK_SEND_RESPONSE) &&
	    put_data(vsock, stream))
		return true;
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		if (!(stream->pending & order[i].bit))
			continue;
		stream->pending &= ~order[i].bit;
		put_of_stream(vsock, stream, order[i].op,
			      order[i].bit == VSOCK_SEND_SHUTDOWN ?
				      stream->shutdown : 0, 0);
		if (order[i].bit == VSOCK_SEND_RST)
			vsock_release(vsock, stream, NULL);
		return true;
	}
	return false;
}

/* The streams take turns. */
static bool put_any(struct virtio_vsock *vsock)
{
	if (vsock->nr_replies) {
		put_reply(vsock);
		return true;
	}
	for (unsigned int i = 0; vsock->nr_streams && i < VSOCK_STREAMS; i++) {
		unsigned int n = (vsock->next + i) % VSOCK_STREAMS;

		if (put_next(vsock, &vsock->stream[n])) {
			vsock->next = (n + 1) % VSOCK_STREAMS;
			return true;
		}
	}
	return false;
}

/* An empty buffer of the guest in vsock->rx. */
static bool take_buffer(struct virtio_vsock *vsock)
{
	struct virtio_device *device = &vsock->device;
	struct virtqueue *queue = &device->queue[QUEUE_RX];

	if (vsock->has_rx)
		return true;
	if (!virtqueue_ready(queue) ||
	    !virtio_device_pop(device, QUEUE_RX, &vsock->rx))
		return false;
	if (vsock->rx.in_bytes < HEADER) {
		virtio_device_break(device, "a buffer has no room for a "
				    "packet's header");
		return false;
	}
	vsock->has_rx = true;
	return true;
}

static unsigned int serve_rx(struct virtio_vsock *vsock)
{
	unsigned int nr = 0;

	while (nr < BATCH && virtio_device_runs(&vsock->device) &&
	       (vsock->nr_replies || vsock->nr_streams) &&
	       take_buffer(vsock) && put_any(vsock))
		nr++;
	virtio_device_interrupt(&vsock->device, QUEUE_RX);
	return nr;
}

/* --- From the guest --- */

static void take_data(struct virtio_vsock *vsock, struct vsock_stream *stream,
		      uint32_t length)
{
	struct virtqueue_chain *chain = &vsock->tx;
	struct iovec *iov = chain->iov;
	int nr = chain->nr_out;

	/* What it has sent and we have not passed on. */
	if (stream->guest_ended ||
	    length > VSOCK_BUFFER - (stream->rx_cnt - stream->fwd_cnt)) {
		vsock_reset(vsock, stream);
		return;
	}
	stream->rx_cnt += length;
	iovec_skip(&iov, &nr, HEADER);
	if (chain->out_bytes - HEADER > length)
		iovec_trim(iov, &nr, chain->out_bytes - HEADER - length);
	vsock_deliver(vsock, stream, iov, nr, length);
}

/* A packet of an existing stream. */
static void take_of_stream(struct virtio_vsock *vsock,
			   struct vsock_stream *stream,
			   const struct virtio_vsock_header *header)
{
	stream->peer_buf_alloc = header->buf_alloc;
	stream->peer_fwd_cnt = header->fwd_cnt;
	if (header->op == VIRTIO_VSOCK_OP_RST) {
		vsock_release(vsock, stream, "the guest refuses: no program "
			      "listens there");
	} else if (header->op == VIRTIO_VSOCK_OP_SHUTDOWN &&
		   stream->state == VSOCK_LINGER) {
		vsock_reset(vsock, stream);
	} else if (header->op == VIRTIO_VSOCK_OP_RESPONSE &&
		   stream->state == VSOCK_REQUEST) {
		vsock_accepted(vsock, stream);
	} else if (stream->state != VSOCK_OPEN) {
		/* In VSOCK_RESET it is under way already. */
		if (stream->state != VSOCK_RESET)
			vsock_reset(vsock, stream);
	} else if (header->op == VIRTIO_VSOCK_OP_RW) {
		take_data(vsock, stream, header->len);
	} else if (header->op == VIRTIO_VSOCK_OP_SHUTDOWN) {
		vsock_guest_shutdown(vsock, stream, header->flags);
		/* 5.10.6.6: both ends agree that it is over. */
		if (stream->state != VSOCK_OPEN)
			reply_rst(vsock, header->src_port, header->dst_port);
	} else if (header->op == VIRTIO_VSOCK_OP_CREDIT_REQUEST) {
		stream->pending |= VSOCK_SEND_CREDIT;
	} else if (header->op != VIRTIO_VSOCK_OP_CREDIT_UPDATE) {
		vsock_reset(vsock, stream);
	}
}

static void take_packet(struct virtio_vsock *vsock)
{
	struct virtqueue_chain *chain = &vsock->tx;
	struct virtio_vsock_header header;
	struct vsock_stream *stream;

	if (iovec_read(chain->iov, chain->nr_out, &header, HEADER) < HEADER ||
	    header.src_cid != vsock->options.cid ||
	    header.dst_cid != VIRTIO_VSOCK_HOST_CID)
		return;		/* to nobody */
	stream = vsock_find(vsock, header.src_port, header.dst_port);
	if (header.type != VIRTIO_VSOCK_TYPE_STREAM ||
	    header.len > chain->out_bytes - HEADER ||
	    (header.len && header.op != VIRTIO_VSOCK_OP_RW)) {
		if (stream && stream->state != VSOCK_RESET)
			vsock_reset(vsock, stream);
		else if (!stream && header.op != VIRTIO_VSOCK_OP_RST)
			reply_rst(vsock, header.src_port, header.dst_port);
		return;
	}
	if (stream) {
		take_of_stream(vsock, stream, &header);
		return;
	}
	if (header.op == VIRTIO_VSOCK_OP_REQUEST) {
		stream = vsock_connect(vsock, header.src_port,
				       header.dst_port);
		if (stream) {
			stream->peer_buf_alloc = header.buf_alloc;
			stream->peer_fwd_cnt = header.fwd_cnt;
			return;
		}
	}
	if (header.op != VIRTIO_VSOCK_OP_RST)
		reply_rst(vsock, header.src_port, header.dst_port);
}

static unsigned int serve_tx(struct virtio_vsock *vsock)
{
	struct virtio_device *device = &vsock->device;
	struct virtqueue *queue = &device->queue[QUEUE_TX];
	unsigned int nr = 0;

	do {
		virtqueue_mute(queue);
		while (nr < BATCH && vsock->nr_replies < VSOCK_REPLIES &&
		       virtio_device_pop(device, QUEUE_TX, &vsock->tx)) {
			take_packet(vsock);
			virtqueue_push(queue, vsock->tx.head, 0);
			nr++;
		}
		/* serve_rx() makes room, or a doorbell of the other queue. */
		if (nr == BATCH || vsock->nr_replies == VSOCK_REPLIES)
			break;
	} while (virtio_device_runs(device) && virtqueue_unmute(queue));
	virtio_device_interrupt(device, QUEUE_TX);
	return nr;
}

/* --- The rest of a device --- */

static void vsock_serve(struct virtio_device *device)
{
	struct virtio_vsock *vsock = (struct virtio_vsock *)device;
	bool full = vsock->nr_replies == VSOCK_REPLIES;
	unsigned int nr_tx = serve_tx(vsock), nr_rx = serve_rx(vsock);

	full = full || vsock->nr_replies == VSOCK_REPLIES;
	/* More may be waiting; others had no turn yet. */
	if (nr_tx == BATCH || nr_rx == BATCH || (full && nr_rx))
		virtio_device_wake(device);
}

static void vsock_complete(struct virtio_device *device)
{
	vsock_events((struct virtio_vsock *)device);
}

static void vsock_queue_off(struct virtio_device *device, unsigned int queue)
{
	struct virtio_vsock *vsock = (struct virtio_vsock *)device;

	if (queue == QUEUE_EVENT)
		return;
	if (queue == QUEUE_RX)
		vsock->has_rx = false;
	vsock->nr_replies = 0;
	vsock_forget_guest(vsock);
}

static void vsock_describe(struct virtio_device *device, char *text,
			   size_t room)
{
	struct virtio_vsock *vsock = (struct virtio_vsock *)device;
	unsigned int nr;

	pthread_mutex_lock(&device->lock);
	nr = vsock->nr_streams;
	pthread_mutex_unlock(&device->lock);
	snprintf(text, room, "CID %u, %u connection%s", vsock->options.cid, nr,
		 nr == 1 ? "" : "s");
}

static void vsock_free(struct virtio_device *device)
{
	struct virtio_vsock *vsock = (struct virtio_vsock *)device;

	vsock_close(vsock);
	free(vsock->path);
	free(vsock);
}

const struct virtio_device_type virtio_vsock_type = {
	.name = "vsock",
	.device_id = VIRTIO_ID_VSOCK,
	.nr_queues = 3,
	.queue_size = { QUEUE_SIZE, QUEUE_SIZE, 8 },
	.serve = vsock_serve,
	.complete = vsock_complete,
	.queue_off = vsock_queue_off,
	.describe = vsock_describe,
	.free = vsock_free,
};

int virtio_vsock_add(struct virtio_bus *bus,
		     const struct vsock_options *options, struct error *error)
{
	struct virtio_vsock *vsock = calloc(1, sizeof(*vsock));
	const struct virtio_vsock_config config = {
		.guest_cid = options->cid,
	};
	struct virtio_device *device;
	int number;

	if (!vsock)
		return error_set(error, "vsock: out of memory");
	vsock->options = *options;
	vsock->watch = -1;
	if (options->connect_path) {
		vsock->path = strdup(options->connect_path);
		if (!vsock->path) {
			free(vsock);
			return error_set(error, "vsock: out of memory");
		}
	}
	device = &vsock->device;
	device->type = &virtio_vsock_type;
	snprintf(device->tag, sizeof(device->tag), "vsock");
	memcpy(device->config, &config, sizeof(config));
	device->config_len = sizeof(config);
	number = vsock_open(vsock, error);
	device->event_fd = number < 0 ? -1 : os_watch_event(vsock->watch);
	if (!number)
		number = virtio_device_add(bus, device, error);
	if (number < 0) {
		/* The listening socket stays the caller's then. */
		vsock->options.listener = -1;
		vsock_free(device);
	}
	return number;
}
