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
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <colinux/agent.h>

#include "vsock.h"

#define EVENTS 64
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
		close(stream->fd);
	stream->fd = -1;
	drop_buffer(stream);
}

static void tell_host(struct vsock_stream *stream, const char *text)
{
	/* A few bytes into an empty socket: they fit, or nobody is there. */
	if (send(stream->fd, text, strlen(text),
		 MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
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
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.u64 = (uint64_t)stream->generation << 32 |
			    (stream - vsock->stream),
	};

	return !epoll_ctl(vsock->epoll_fd, EPOLL_CTL_ADD, stream->fd, &event);
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
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = nr };
	ssize_t sent;

	do {
		sent = sendmsg(stream->fd, &message,
			       MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent >= 0)
		return sent;
	if (errno != EAGAIN && errno != ENOBUFS && errno != ENOMEM)
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
		shutdown(stream->fd, SHUT_WR);
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
			shutdown(stream->fd, SHUT_WR);
	}
	if (flags & VIRTIO_VSOCK_SHUTDOWN_RCV && !stream->host_ended) {
		stream->host_ended = true;
		shutdown(stream->fd, SHUT_RD);
	}
	if (stream->guest_ended && flags & VIRTIO_VSOCK_SHUTDOWN_RCV)
		drain_or_free(vsock, stream);
}

/* --- From the host to the guest --- */

/* The host's program has closed, or will send no more. */
static void host_ended(struct virtio_vsock *vsock, struct vsock_stream *stream)
{
	struct pollfd poll_fd = { .fd = stream->fd };

	/* The event that says so may be yet to come. */
	if (poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLHUP)
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
	ssize_t length;

	do {
		length = readv(stream->fd, iov, nr);
	} while (length < 0 && errno == EINTR);
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
	ssize_t length = recv(stream->fd, line, VSOCK_GREETING,
			      MSG_PEEK | MSG_DONTWAIT);
	unsigned long port = ULONG_MAX;

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
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
	if (recv(stream->fd, line, newline + 1 - line, MSG_DONTWAIT) < 0 ||
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
	static const char full[] = "ERR too many connections\n";
	struct vsock_stream *stream;

	if (vsock->options.allowed && !vsock->options.allowed(fd)) {
		close(fd);
		return;
	}
	stream = new_stream(vsock, fd);
	if (!stream) {
		if (send(fd, full, sizeof(full) - 1,
			 MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			errno = 0;
		close(fd);
		return;
	}
	stream->state = VSOCK_GREET;
	if (!watch(vsock, stream))
		vsock_release(vsock, stream, NULL);
}

static void accept_all(struct virtio_vsock *vsock)
{
	int fd;

	while ((fd = accept4(vsock->options.listener, NULL, NULL,
			     SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
		accept_one(vsock, fd);
}

struct vsock_stream *vsock_connect(struct virtio_vsock *vsock,
				   uint32_t guest_port, uint32_t host_port)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct vsock_stream *stream;
	int fd;

	if (!vsock->path ||
	    snprintf(at.sun_path, sizeof(at.sun_path), "%s_%u", vsock->path,
		     host_port) >= (int)sizeof(at.sun_path))
		return NULL;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return NULL;
	stream = connect(fd, (struct sockaddr *)&at, sizeof(at)) ?
			 NULL : new_stream(vsock, fd);
	if (!stream) {
		close(fd);
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
			 struct vsock_stream *stream, uint32_t events)
{
	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		stream->readable = true;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		stream->writable = true;
	if (events & (EPOLLHUP | EPOLLERR))
		stream->hung_up = true;
	if (stream->state == VSOCK_GREET)
		take_greeting(vsock, stream);
	/* Half a line, and no more will come. */
	if (stream->state == VSOCK_GREET &&
	    events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
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
	struct epoll_event events[EVENTS];
	int nr;

	do {
		nr = epoll_wait(vsock->epoll_fd, events, EVENTS, 0);
		for (int i = 0; i < nr; i++) {
			uint64_t data = events[i].data.u64;
			struct vsock_stream *stream;

			if (data == LISTENER) {
				accept_all(vsock);
				continue;
			}
			stream = &vsock->stream[data % VSOCK_STREAMS];
			/* It may be another one's place by now. */
			if (stream->fd >= 0 &&
			    stream->generation == data >> 32)
				stream_event(vsock, stream, events[i].events);
		}
	} while (nr == EVENTS);
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
	struct epoll_event event = {
		.events = EPOLLIN,
		.data.u64 = LISTENER,
	};

	for (unsigned int i = 0; i < VSOCK_STREAMS; i++)
		vsock->stream[i].fd = -1;
	vsock->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (vsock->epoll_fd < 0 ||
	    (vsock->options.listener >= 0 &&
	     epoll_ctl(vsock->epoll_fd, EPOLL_CTL_ADD,
		       vsock->options.listener, &event) < 0))
		return error_set(error, "vsock: cannot watch sockets: %s",
				 strerror(errno));
	return 0;
}

void vsock_close(struct virtio_vsock *vsock)
{
	for (unsigned int i = 0; i < VSOCK_STREAMS; i++)
		vsock_release(vsock, &vsock->stream[i], NULL);
	if (vsock->epoll_fd >= 0)
		close(vsock->epoll_fd);
	if (vsock->options.listener >= 0)
		close(vsock->options.listener);
}
