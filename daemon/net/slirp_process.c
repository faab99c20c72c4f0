// SPDX-License-Identifier: GPL-2.0
/*
 * The slirp process: a loop around libslirp.  One thread; no guest memory, no
 * driver.  What comes in through the socket is the guest's and is checked by
 * libslirp and net_finish_checksum().
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <slirp/libslirp.h>

#include "../os.h"
#include "frame.h"
#include "slirp.h"

/*
 * Classic coLinux' addresses, and those of everybody who uses slirp:
 * 10.0.2.0/24 with router .2, name server .3, guest .15; fec0::/64.
 */
#define NETWORK		0x0a000200u
#define NETMASK		0xffffff00u
#define ROUTER		(NETWORK + 2)
#define NAME_SERVER	(NETWORK + 3)
#define GUEST		(NETWORK + 15)
#define PREFIX6		"fec0::"

/*
 * Frames that wait for room in the socket: what a few dozen connections with
 * windows of 64 KiB have on the way.  TCP repeats what is dropped beyond.
 */
#define WAITING_BYTES	(4u << 20)
#define MAX_POLLED	4096
#define BATCH		64

struct message {
	STAILQ_ENTRY(message) next;
	size_t length;
	uint8_t bytes[];
};

struct timer {
	LIST_ENTRY(timer) next;
	SlirpTimerCb callback;
	void *opaque;
	int64_t expires;	/* ms, of now_ns(); -1 = off */
};

struct server {
	Slirp *slirp;
	int fd;
	STAILQ_HEAD(, message) waiting;
	size_t waiting_bytes;
	LIST_HEAD(, timer) timers;
	struct pollfd polled[MAX_POLLED];
	int nr_polled;
	uint8_t input[NET_MESSAGE_MAX];
};

/* --- libslirp's callbacks --- */

static int64_t now_ns(void *opaque)
{
	struct timespec now;

	(void)opaque;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void keep(struct server *server, const struct iovec *iov)
{
	size_t length = iov[0].iov_len + iov[1].iov_len;
	struct message *message;

	if (server->waiting_bytes + length > WAITING_BYTES)
		return;
	message = malloc(sizeof(*message) + length);
	if (!message)
		return;
	message->length = length;
	memcpy(message->bytes, iov[0].iov_base, iov[0].iov_len);
	memcpy(message->bytes + iov[0].iov_len, iov[1].iov_base,
	       iov[1].iov_len);
	STAILQ_INSERT_TAIL(&server->waiting, message, next);
	server->waiting_bytes += length;
}

static ssize_t on_send(const void *frame, size_t length, void *opaque)
{
	/* Its checksums are whole: the guest need not add them up again. */
	static const struct net_header header = {
		.flags = NET_HEADER_DATA_VALID,
		.num_buffers = 1,
	};
	struct server *server = opaque;
	struct iovec iov[2] = {
		{ (void *)&header, sizeof(header) },
		{ (void *)frame, length },
	};

	/* In their order. */
	if (!STAILQ_EMPTY(&server->waiting) || writev(server->fd, iov, 2) < 0)
		keep(server, iov);
	return length;
}

static void on_guest_error(const char *text, void *opaque)
{
	/* A guest's fault is the guest's; a hostile one would fill the log. */
	(void)text;
	(void)opaque;
}

static void *on_timer_new(SlirpTimerCb callback, void *timer_opaque,
			  void *opaque)
{
	struct server *server = opaque;
	struct timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		abort();
	timer->callback = callback;
	timer->opaque = timer_opaque;
	timer->expires = -1;
	LIST_INSERT_HEAD(&server->timers, timer, next);
	return timer;
}

static void on_timer_free(void *timer, void *opaque)
{
	struct timer *t = timer;

	(void)opaque;
	LIST_REMOVE(t, next);
	free(t);
}

static void on_timer_mod(void *timer, int64_t expires, void *opaque)
{
	struct timer *t = timer;

	(void)opaque;
	t->expires = expires;
}

static void on_poll_fd(int fd, void *opaque)
{
	/* All descriptors are asked for anew in each turn. */
	(void)fd;
	(void)opaque;
}

static void on_notify(void *opaque)
{
	/* There is one thread: it looks anyway. */
	(void)opaque;
}

static const SlirpCb callbacks = {
	.send_packet = on_send,
	.guest_error = on_guest_error,
	.clock_get_ns = now_ns,
	.timer_new = on_timer_new,
	.timer_free = on_timer_free,
	.timer_mod = on_timer_mod,
	.register_poll_fd = on_poll_fd,
	.unregister_poll_fd = on_poll_fd,
	.notify = on_notify,
};

static int on_add_poll(int fd, int events, void *opaque)
{
	struct server *server = opaque;
	struct pollfd *polled;

	if (server->nr_polled == MAX_POLLED)
		return -1;
	polled = &server->polled[server->nr_polled];
	*polled = (struct pollfd){ .fd = fd };
	/* POLLERR and POLLHUP come unasked. */
	if (events & SLIRP_POLL_IN)
		polled->events |= POLLIN;
	if (events & SLIRP_POLL_OUT)
		polled->events |= POLLOUT;
	if (events & SLIRP_POLL_PRI)
		polled->events |= POLLPRI;
	return server->nr_polled++;
}

static int on_revents(int index, void *opaque)
{
	struct server *server = opaque;
	int got, events = 0;

	if (index < 0 || index >= server->nr_polled)
		return 0;
	got = server->polled[index].revents;
	if (got & POLLIN)
		events |= SLIRP_POLL_IN;
	if (got & POLLOUT)
		events |= SLIRP_POLL_OUT;
	if (got & POLLPRI)
		events |= SLIRP_POLL_PRI;
	if (got & POLLERR)
		events |= SLIRP_POLL_ERR;
	if (got & POLLHUP)
		events |= SLIRP_POLL_HUP;
	return events;
}

/* --- The loop --- */

/* Send what waits; stops when the socket is full. */
static void flush(struct server *server)
{
	struct message *message;

	while ((message = STAILQ_FIRST(&server->waiting))) {
		if (send(server->fd, message->bytes, message->length,
			 MSG_NOSIGNAL) < 0 &&
		    (errno == EAGAIN || errno == ENOBUFS))
			return;
		STAILQ_REMOVE_HEAD(&server->waiting, next);
		server->waiting_bytes -= message->length;
		free(message);
	}
}

/* Frames from the guest; false at the end of the socket. */
static bool take_frames(struct server *server)
{
	struct net_header header;
	uint8_t *frame = server->input + sizeof(header);
	int i;

	for (i = 0; i < BATCH; i++) {
		ssize_t length = recv(server->fd, server->input,
				      sizeof(server->input), MSG_DONTWAIT);

		if (length < 0)
			return errno == EAGAIN || errno == EINTR;
		if (!length)
			return false;
		if ((size_t)length < sizeof(header) + NET_FRAME_MIN)
			continue;
		memcpy(&header, server->input, sizeof(header));
		length -= sizeof(header);
		/* A large frame (TSO) is a large segment to libslirp. */
		if (net_finish_checksum(&header, frame, length))
			slirp_input(server->slirp, frame, length);
	}
	return true;
}

/* Milliseconds until the next timer, at most `limit`. */
static uint32_t next_timer(struct server *server, uint32_t limit)
{
	int64_t now = now_ns(server) / 1000000, left;
	struct timer *timer;

	LIST_FOREACH(timer, &server->timers, next) {
		if (timer->expires < 0)
			continue;
		left = timer->expires > now ? timer->expires - now : 0;
		if (left < limit)
			limit = left;
	}
	return limit;
}

static void run_timers(struct server *server)
{
	int64_t now = now_ns(server) / 1000000;
	struct timer *timer;

	LIST_FOREACH(timer, &server->timers, next) {
		if (timer->expires < 0 || timer->expires > now)
			continue;
		timer->expires = -1;
		timer->callback(timer->opaque);
	}
}

static void loop(struct server *server)
{
	for (;;) {
		uint32_t timeout = INT32_MAX;
		int nr;

		server->nr_polled = 0;
		on_add_poll(server->fd, SLIRP_POLL_IN |
			    (STAILQ_EMPTY(&server->waiting) ? 0 :
			     SLIRP_POLL_OUT), server);
		slirp_pollfds_fill(server->slirp, &timeout, on_add_poll,
				   server);
		nr = poll(server->polled, server->nr_polled,
			  next_timer(server, timeout));
		if (nr < 0 && errno != EINTR)
			return;
		if (nr > 0 && server->polled[0].revents & POLLOUT)
			flush(server);
		if (nr > 0 && server->polled[0].revents & ~POLLOUT &&
		    !take_frames(server))
			return;
		slirp_pollfds_poll(server->slirp, nr < 0, on_revents, server);
		run_timers(server);
	}
}

/* --- Set-up --- */

static Slirp *new_slirp(struct server *server, const char *name)
{
	SlirpConfig config = {
		.version = 1,
		.in_enabled = true,
		.vnetwork.s_addr = htonl(NETWORK),
		.vnetmask.s_addr = htonl(NETMASK),
		.vhost.s_addr = htonl(ROUTER),
		.vdhcp_start.s_addr = htonl(GUEST),
		.vnameserver.s_addr = htonl(NAME_SERVER),
		.in6_enabled = true,
		.vprefix_len = 64,
		.vhostname = name,
	};

	inet_pton(AF_INET6, PREFIX6, &config.vprefix_addr6);
	inet_pton(AF_INET6, PREFIX6 "2", &config.vhost6);
	inet_pton(AF_INET6, PREFIX6 "3", &config.vnameserver6);
	return slirp_new(&config, &callbacks, server);
}

static int add_redirections(struct server *server, const char *key,
			    const struct net_options *options,
			    struct error *error)
{
	struct in_addr listen = { htonl(INADDR_LOOPBACK) }, guest = { 0 };
	unsigned int i, port;

	if (*options->listen)
		inet_pton(AF_INET, options->listen, &listen);
	for (i = 0; i < options->nr_redirections; i++) {
		const struct net_redirection *r = &options->redirection[i];

		for (port = 0; port < r->count; port++)
			if (slirp_add_hostfwd(server->slirp, r->udp, listen,
					      r->host + port, guest,
					      r->guest + port) < 0)
				return error_set(error, "%s: cannot listen at "
						 "%s port %u of the host: %s: "
						 "redirect another one", key,
						 r->udp ? "UDP" : "TCP",
						 r->host + port,
						 strerror(errno));
	}
	return 0;
}

static int set_up(struct server *server, const struct net_options *options,
		  const char *key, const char *name, bool sandbox,
		  struct error *error)
{
	server->slirp = new_slirp(server, name);
	if (!server->slirp)
		return error_set(error, "%s: libslirp does not start", key);
	if (add_redirections(server, key, options, error) < 0)
		return -1;
	return sandbox ? os_enter_network_sandbox(error) : 0;
}

int net_slirp_serve(int fd, const struct net_options *options,
		    const char *key, const char *name, bool sandbox)
{
	struct server *server = calloc(1, sizeof(*server));
	const char ready = NET_SLIRP_READY;
	struct error error = { "" };
	struct message *message;
	int status = 1;

	if (!server) {
		close(fd);
		return status;
	}
	server->fd = fd;
	STAILQ_INIT(&server->waiting);
	LIST_INIT(&server->timers);
	if (set_up(server, options, key, name, sandbox, &error) < 0) {
		send(fd, error.text, strlen(error.text), MSG_NOSIGNAL);
	} else if (send(fd, &ready, 1, MSG_NOSIGNAL) == 1) {
		loop(server);
		status = 0;
	}
	if (server->slirp)
		slirp_cleanup(server->slirp);
	while ((message = STAILQ_FIRST(&server->waiting))) {
		STAILQ_REMOVE_HEAD(&server->waiting, next);
		free(message);
	}
	close(fd);
	free(server);
	return status;
}
