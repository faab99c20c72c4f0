/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Between vsock.c (the device: queues and packets) and vsock_stream.c (the
 * host's end of each connection).  All of it runs with device.lock held.
 *
 * The guest is hostile: the number of connections, what each may have waiting
 * here, and the answers that wait for its buffers are bounded.
 */
#ifndef DAEMON_VIRTIO_VSOCK_H
#define DAEMON_VIRTIO_VSOCK_H

#include "device.h"

#define VSOCK_STREAMS 256u
/* Bytes of the guest that wait for the host's end: buf_alloc of 5.10.6.3. */
#define VSOCK_BUFFER (128u * 1024)
#define VSOCK_REPLIES 64u
/* Longest "CONNECT PORT\n". */
#define VSOCK_GREETING 32u

enum vsock_state {
	VSOCK_FREE,
	VSOCK_GREET,	/* a program of the host has not said CONNECT yet */
	VSOCK_REQUEST,	/* ... and waits for the guest's answer */
	VSOCK_OPEN,
	VSOCK_LINGER,	/* the host's end is closed, the guest was told */
	VSOCK_DRAIN,	/* the guest's end is closed, the host reads the rest */
	VSOCK_RESET,	/* only a RST is left to send */
};

/* Packets that a stream wants to send, bits of `pending`. */
#define VSOCK_SEND_REQUEST	1u
#define VSOCK_SEND_RESPONSE	2u
#define VSOCK_SEND_SHUTDOWN	4u
#define VSOCK_SEND_CREDIT	8u
#define VSOCK_SEND_RST		16u

struct virtio_vsock;

struct vsock_stream {
	enum vsock_state state;
	uint32_t generation;	/* tells events of an earlier user apart */
	int fd;			/* -1 = none */
	uint32_t guest_port, host_port;
	unsigned int pending;
	uint32_t shutdown;	/* flags of the SHUTDOWN to send */
	/* The socket, edge-triggered: true until it said EAGAIN. */
	bool readable, writable;
	bool hung_up;		/* both directions, by the host */
	bool host_ended;	/* no more bytes from the host */
	bool guest_ended;	/* no more bytes from the guest */
	/* To the guest, 5.10.6.3; free-running. */
	uint32_t peer_buf_alloc, peer_fwd_cnt, tx_cnt;
	/* From the guest. */
	uint32_t rx_cnt, fwd_cnt, told_fwd_cnt;
	uint8_t *buffer;	/* VSOCK_BUFFER bytes, a ring; NULL = empty */
	uint32_t start, length;
};

struct virtio_vsock {
	struct virtio_device device;
	struct vsock_options options;
	char *path;		/* of the sockets, or NULL */
	int watch;		/* over the sockets (os.h) */
	uint32_t next_port;
	unsigned int nr_streams, next;
	struct vsock_stream stream[VSOCK_STREAMS];
	/* RST for packets of no stream. */
	unsigned int nr_replies;
	struct {
		uint32_t guest_port, host_port;
	} reply[VSOCK_REPLIES];
	bool has_rx;		/* rx is an empty buffer of the guest */
	struct virtqueue_chain rx, tx;
	struct iovec iov[VIRTQUEUE_MAX_IOV];
};

/* --- vsock_stream.c --- */

/* The stream between two ports, or NULL. */
struct vsock_stream *vsock_find(struct virtio_vsock *vsock,
				uint32_t guest_port, uint32_t host_port);
/* The guest asks for a port of the host; NULL = refused. */
struct vsock_stream *vsock_connect(struct virtio_vsock *vsock,
				   uint32_t guest_port, uint32_t host_port);
/* The guest has accepted. */
void vsock_accepted(struct virtio_vsock *vsock, struct vsock_stream *stream);
/*
 * Bytes of the guest for the host.  The caller has checked the credit: they
 * fit.  iov is used up.
 */
void vsock_deliver(struct virtio_vsock *vsock, struct vsock_stream *stream,
		   struct iovec *iov, int nr, uint32_t length);
/* The guest sends no more (SEND) or receives no more (RCV). */
void vsock_guest_shutdown(struct virtio_vsock *vsock,
			  struct vsock_stream *stream, uint32_t flags);
/*
 * Read up to room bytes for the guest into iov.  0 = none: now, or ever, and
 * then `pending` says what the guest is to be told.
 */
uint32_t vsock_fetch(struct virtio_vsock *vsock, struct vsock_stream *stream,
		     struct iovec *iov, int nr);
/* Close the host's end and have a RST sent. */
void vsock_reset(struct virtio_vsock *vsock, struct vsock_stream *stream);
/* Close the host's end, tell nobody; why = NULL, or a word for the host. */
void vsock_release(struct virtio_vsock *vsock, struct vsock_stream *stream,
		   const char *why);
/* The guest's driver is gone: what is buffered still goes to the host. */
void vsock_forget_guest(struct virtio_vsock *vsock);
/* Look at all sockets that have changed. */
void vsock_events(struct virtio_vsock *vsock);
/* Start with the listening socket; -1 and a message on failure. */
int vsock_open(struct virtio_vsock *vsock, struct error *error);
void vsock_close(struct virtio_vsock *vsock);

#endif
