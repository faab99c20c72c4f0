// SPDX-License-Identifier: GPL-2.0
/*
 * The host's end of vsock connections: local stream sockets.  A program of the
 * host connects to the VM's socket, says "CONNECT PORT\n", and reads
 * "OK PORT\n" or "ERR TEXT\n"; then the connection is the guest's.  A program
 * of the guest that connects to port N of the host reaches the socket PATH_N,
 * where that is allowed.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <colinux/agent.h>

#include "../os.h"
#include "vsock.h"

#define LISTENER UINT64_MAX
/*
 * Ports of programs of the host, from 1: reserved ones, since who may use the
 * guest's socket is root in the guest.  The agent looks at that; more of them
 * than there are streams.
 */
#define PORTS COLINUX_AGENT_PEERS
_Static_assert(VSOCK_STREAMS < PORTS, "a port for each");

/* --- The table --- */

struct vsock_stream *vsock_find(struct virtio_vsock *vsock,
				uint32_t guest_port, uint32_t host_port)
{
	for (unsigned int i = 0; i < VSOCK_STREAMS; i++) {
		struct vsock_stream *stream = &vsock->stream[i];

		if (stream->state != VSOCK_FREE &&
		    stream->state != VSOCK_GREET &&
		    stream->state != VSOCK_DRAIN &&
		    stream->guest_port == guest_port &&
		    stream->host_port == host_port)
			return stream;
	}
	return NULL;
}

/* A place; one whose end only the guest has not confirmed is good enough. */
static struct vsock_stream *new_stream(struct virtio_vsock *vsock, int fd)
{
	struct vsock_stream *stream = NULL;
	uint32_t generation;

	for (unsigned int i = 0; i < VSOCK_STREAMS; i++) {
		if (vsock->stream[i].state == VSOCK_LINGER && !stream)
			stream = &vsock->stream[i];
		if (vsock->stream[i].state != VSOCK_FREE)
			continue;
		stream = &vsock->stream[i];
		break;
	}
	if (!stream)
		return NULL;
	if (stream->state == VSOCK_LINGER)
		vsock_release(vsock, stream, NULL);
	generation = stream->generation + 1;
	*stream = (struct vsock_stream){
		.generation = generation,
		.fd = fd,
		.readable = true,
		.writable = true,
	};
	vsock->nr_streams++;
	return stream;
}

static void drop_buffer(struct vsock_stream *stream)
{
	free(stream->buffer);
	stream->buffer = NULL;
	stream->start = stream->length = 0;
}

static void close_socket(struct vsock_stream *stream)
{
	if (stream->fd >= 0)
		os_socket_close(stream->fd);
	stream->fd = -1;
	drop_buffer(stream);
}

/* A few bytes into an empty socket: they fit, or nobody is there. */
static bool say_to(int fd, const char *text)
{
	struct iovec iov = { (char *)text, strlen(text) };

	return os_socket_write(fd, &iov, 1) >= 0;
}

static void tell_host(struct vsock_stream *stream, const char *text)
{
	if (!say_to(stream->fd, text))
		stream->writable = false;
}

void vsock_release(struct virtio_vsock *vsock, struct vsock_stream *stream,
		   const char *why)
{
	char line[128];

	if (stream->state == VSOCK_FREE)
		return;
	if (why && (stream->state == VSOCK_GREET ||
		    stream->state == VSOCK_REQUEST)) {
		snprintf(line, sizeof(line), "ERR %s\n", why);
		tell_host(stream, line);
	}
	close_socket(stream);
	stream->state = VSOCK_FREE;
	vsock->nr_streams--;
}

void vsock_reset(struct virtio_vsock *vsock, struct vsock_stream *stream)
{
	(void)vsock;
	close_socket(stream);
	stream->state = VSOCK_RESET;
	stream->pending = VSOCK_SEND_RST;
}

static bool watch(struct virtio_vsock *vsock, struct vsock_stream *stream)
{
	return !os_watch_add(vsock->watch, stream->fd,
			     (uint64_t)stream->generation << 32 |
				     (stream - vsock->stream));
}

/* --- From the guest to the host --- */

/* Both directions are over for the guest: the host may read what is left. */
static void drain_or_free(struct virtio_vsock *vsock,
			  struct vsock_stream *stream)
{
	if (stream->length)
		stream->state = VSOCK_DRAIN;
	else
		vsock_release(vsock, stream, NULL);
}

/* The host has closed while there was something for it. */
static void host_is_gone(struct virtio_vsock *vsock,
			 struct vsock_stream *stream)
{
	if (stream->state == VSOCK_DRAIN)
		vsock_release(vsock, stream, NULL);
	else
		vsock_reset(vsock, stream);
}

static void forwarded(struct vsock_stream *stream, uint32_t length)
{
	stream->fwd_cnt += length;
	/* Half of the room is news for the guest. */
	if (stream->fwd_cnt - stream->told_fwd_cnt >= VSOCK_BUFFER / 2)
		stream->pending |= VSOCK_SEND_CREDIT;
}

/* Bytes that the socket took; -1 = the host's end is gone. */
static ssize_t push(struct vsock_stream *stream, struct iovec *iov, int nr)
{
	ssize_t sent = os_socket_write(stream->fd, iov, nr);

	if (sent >= 0)
		return sent;
	if (errno != EAGAIN)
		return -1;
	stream->writable = false;
	return 0;
}

/* Pass on what waits. */
static void flush(struct virtio_vsock *vsock, struct vsock_stream *stream)
{
	while (stream->length && stream->writable) {
		uint32_t part = VSOCK_BUFFER - stream->start;
		struct iovec iov = {
			.iov_base = stream->buffer + stream->start,
			.iov_len = part < stream->length ? part :
							   stream->length,
		};
		ssize_t sent = push(stream, &iov, 1);

		if (sent < 0) {
			host_is_gone(vsock, stream);
			return;
		}
		stream->start = (stream->start + sent) % VSOCK_BUFFER;
		stream->length -= sent;
		forwarded(stream, sent);
	}
	if (stream->length)
		return;
	drop_buffer(stream);
	if (stream->state == VSOCK_DRAIN)
		vsock_release(vsock, stream, NULL);
	else if (stream->guest_ended)
		os_socket_shutdown(stream->fd, true);
}

/* Keep what the socket has no room for. */
static void keep(struct virtio_vsock *vsock, struct vsock_stream *stream,
		 struct iovec *iov, int nr, uint32_t length)
{
	if (!stream->buffer)
		stream->buffer = malloc(VSOCK_BUFFER);
	if (!stream->buffer) {
		vsock_reset(vsock, stream);
		return;
	}
	while (length) {
		uint32_t end = (stream->start + stream->length) % VSOCK_BUFFER;
		uint32_t part = VSOCK_BUFFER - end;

		if (part > length)
			part = length;
		iovec_read(iov, nr, stream->buffer + end, part);
		iovec_skip(&iov, &nr, part);
		stream->length += part;
		length -= part;
	}
}

void vsock_deliver(struct virtio_vsock *vsock, struct vsock_stream *stream,
		   struct iovec *iov, int nr, uint32_t length)
{
	ssize_t sent;

	if (!length)
		return;
	if (!stream->length && stream->writable) {
		sent = push(stream, iov, nr);
		if (sent < 0) {
			host_is_gone(vsock, stream);
			return;
		}
		forwarded(stream, sent);
		length -= sent;
		iovec_skip(&iov, &nr, sent);
	}
	if (length)
		keep(vsock, stream, iov, nr, length);
}

void vsock_guest_shutdown(struct virtio_vsock *vsock,
			  struct vsock_stream *stream, uint32_t flags)
{
	if (flags & VIRTIO_VSOCK_SHUTDOWN_SEND && !stream->guest_ended) {
		stream->guest_ended = true;
		if (!stream->length)
			os_socket_shutdown(stream->fd, true);
	}
	if (flags & VIRTIO_VSOCK_SHUTDOWN_RCV && !stream->host_ended) {
		stream->host_ended = true;
		os_socket_shutdown(stream->fd, false);
	}
	if (stream->guest_ended && flags & VIRTIO_VSOCK_SHUTDOWN_RCV)
		drain_or_free(vsock, stream);
}

/* --- From the host to the guest --- */

/* The host's program has closed, or will send no more. */
static void host_ended(struct virtio_vsock *vsock, struct vsock_stream *stream)
{
	/* The event that says so may be yet to come. */
	if (os_socket_hung_up(stream->fd))
		stream->hung_up = true;
	stream->host_ended = true;
	stream->shutdown |= VIRTIO_VSOCK_SHUTDOWN_SEND;
	stream->pending |= VSOCK_SEND_SHUTDOWN;
	if (!stream->hung_up)
		return;
	stream->shutdown |= VIRTIO_VSOCK_SHUTDOWN_RCV;
	if (stream->length || stream->state != VSOCK_OPEN) {
		vsock_reset(vsock, stream);
		return;
	}
	close_socket(stream);
	stream->state = VSOCK_LINGER;
}

uint32_t vsock_fetch(struct virtio_vsock *vsock, struct vsock_stream *stream,
		     struct iovec *iov, int nr)
{
	ssize_t length = os_socket_read(stream->fd, iov, nr);

	if (length > 0)
		return length;
	stream->readable = false;
	if (length == 0)
		host_ended(vsock, stream);
	else if (errno != EAGAIN)
		vsock_reset(vsock, stream);
	return 0;
}

void vsock_accepted(struct virtio_vsock *vsock, struct vsock_stream *stream)
{
	char line[32];

	(void)vsock;
	stream->state = VSOCK_OPEN;
	snprintf(line, sizeof(line), "OK %u\n", stream->host_port);
	tell_host(stream, line);
}

static void take_greeting(struct virtio_vsock *vsock,
			  struct vsock_stream *stream)
{
	char line[VSOCK_GREETING + 1], *end = line, *newline;
	ssize_t length = os_socket_peek(stream->fd, line, VSOCK_GREETING);
	struct iovec iov = { line, 0 };
	unsigned long port = ULONG_MAX;

	if (length < 0 && errno == EAGAIN)
		return;
	if (length <= 0) {
		vsock_release(vsock, stream, NULL);
		return;
	}
	newline = memchr(line, '\n', length);
	if (!newline && length < (ssize_t)VSOCK_GREETING)
		return;
	if (newline)
		*newline = '\0';
	line[VSOCK_GREETING] = '\0';
	if (!strncmp(line, "CONNECT ", 8) && line[8] >= '0' && line[8] <= '9')
		port = strtoul(line + 8, &end, 10);
	if (!newline || port >= UINT32_MAX || *end) {
		vsock_release(vsock, stream, "say CONNECT PORT");
		return;
	}
	iov.iov_len = newline + 1 - line;
	if (os_socket_read(stream->fd, &iov, 1) < 0 ||
	    !virtio_device_runs(&vsock->device)) {
		vsock_release(vsock, stream, "the guest has no driver for "
			      "vsock yet");
		return;
	}
	do {
		stream->host_port = 1 + vsock->next_port++ % PORTS;
	} while (vsock_find(vsock, port, stream->host_port));
	stream->guest_port = port;
	stream->state = VSOCK_REQUEST;
	stream->pending = VSOCK_SEND_REQUEST;
}

static void accept_one(struct virtio_vsock *vsock, int fd)
{
	struct vsock_stream *stream;

	if (vsock->options.allowed && !vsock->options.allowed(fd)) {
		os_socket_close(fd);
		return;
	}
	stream = new_stream(vsock, fd);
	if (!stream) {
		say_to(fd, "ERR too many connections\n");
		os_socket_close(fd);
		return;
	}
	stream->state = VSOCK_GREET;
	if (!watch(vsock, stream))
		vsock_release(vsock, stream, NULL);
}

static void accept_all(struct virtio_vsock *vsock)
{
	int fd;

	while ((fd = os_accept(vsock->options.listener)) >= 0)
		accept_one(vsock, fd);
}

struct vsock_stream *vsock_connect(struct virtio_vsock *vsock,
				   uint32_t guest_port, uint32_t host_port)
{
	struct vsock_stream *stream;
	char path[512];
	int fd;

	if (!vsock->path ||
	    snprintf(path, sizeof(path), "%s_%u", vsock->path, host_port) >=
		    (int)sizeof(path))
		return NULL;
	fd = os_connect(path);
	if (fd < 0)
		return NULL;
	stream = new_stream(vsock, fd);
	if (!stream) {
		os_socket_close(fd);
		return NULL;
	}
	stream->guest_port = guest_port;
	stream->host_port = host_port;
	stream->state = VSOCK_OPEN;
	stream->pending = VSOCK_SEND_RESPONSE;
	if (watch(vsock, stream))
		return stream;
	vsock_release(vsock, stream, NULL);
	return NULL;
}

/* --- Events --- */

static void stream_event(struct virtio_vsock *vsock,
			 struct vsock_stream *stream,
			 const struct os_change *change)
{
	stream->readable |= change->readable;
	stream->writable |= change->writable;
	stream->hung_up |= change->hung_up;
	if (stream->state == VSOCK_GREET)
		take_greeting(vsock, stream);
	/* Half a line, and no more will come. */
	if (stream->state == VSOCK_GREET && change->ended)
		vsock_release(vsock, stream, NULL);
	if (stream->state == VSOCK_REQUEST && stream->hung_up)
		vsock_reset(vsock, stream);
	if ((stream->state == VSOCK_OPEN || stream->state == VSOCK_DRAIN) &&
	    stream->length)
		flush(vsock, stream);
	/* It had ended its own direction before and is now gone altogether. */
	if (stream->state == VSOCK_OPEN && stream->hung_up &&
	    stream->host_ended)
		host_ended(vsock, stream);
}

void vsock_events(struct virtio_vsock *vsock)
{
	struct os_change changes[OS_CHANGES];
	int nr;

	do {
		nr = os_watch_next(vsock->watch, changes, OS_CHANGES);
		for (int i = 0; i < nr; i++) {
			uint64_t data = changes[i].token;
			struct vsock_stream *stream;

			if (data == LISTENER) {
				accept_all(vsock);
				continue;
			}
			stream = &vsock->stream[data % VSOCK_STREAMS];
			/* It may be another one's place by now. */
			if (stream->fd >= 0 &&
			    stream->generation == data >> 32)
				stream_event(vsock, stream, &changes[i]);
		}
	} while (nr == OS_CHANGES);
}

void vsock_forget_guest(struct virtio_vsock *vsock)
{
	for (unsigned int i = 0; i < VSOCK_STREAMS; i++) {
		struct vsock_stream *stream = &vsock->stream[i];

		if (stream->state == VSOCK_GREET ||
		    stream->state == VSOCK_DRAIN)
			continue;
		stream->pending = 0;
		if (stream->state == VSOCK_OPEN)
			drain_or_free(vsock, stream);
		else
			vsock_release(vsock, stream, "the guest's driver is "
				      "gone");
	}
}

/* --- Life --- */

int vsock_open(struct virtio_vsock *vsock, struct error *error)
{
	for (unsigned int i = 0; i < VSOCK_STREAMS; i++)
		vsock->stream[i].fd = -1;
	vsock->watch = os_watch_new();
	if (vsock->watch < 0 ||
	    (vsock->options.listener >= 0 &&
	     os_watch_add(vsock->watch, vsock->options.listener,
			  LISTENER) < 0))
		return error_set(error, "vsock: cannot watch sockets: %s",
				 strerror(errno));
	return 0;
}

void vsock_close(struct virtio_vsock *vsock)
{
	for (unsigned int i = 0; i < VSOCK_STREAMS; i++)
		vsock_release(vsock, &vsock->stream[i], NULL);
	if (vsock->options.listener >= 0)
		os_socket_close(vsock->options.listener);
	if (vsock->watch >= 0)
		os_watch_free(vsock->watch);
}
