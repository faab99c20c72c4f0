// SPDX-License-Identifier: GPL-2.0
/*
 * The slirp process: moves messages between its socket and slirp_stack.c, and
 * waits for all sockets.  One thread; no guest memory, no driver.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "../os.h"
#include "frame.h"
#include "slirp.h"
#include "slirp_stack.h"

/*
 * Frames that wait for room in the socket: what a few dozen connections with
 * windows of 64 KiB have on the way.  TCP repeats what is dropped beyond.
 */
#define WAITING_BYTES	(4u << 20)
#define BATCH		64
/*
 * Open files that are left for what the guest does, where each redirected port
 * is one.
 */
#define SPARE_FILES	64

struct message {
	STAILQ_ENTRY(message) next;
	size_t length;
	uint8_t bytes[];
};

struct server {
	struct slirp_stack *stack;
	int fd;
	STAILQ_HEAD(, message) waiting;
	size_t waiting_bytes;
	struct pollfd *polled;
	int nr_polled, room;
	uint8_t input[NET_MESSAGE_MAX];
};

/* --- What the stack asks for --- */

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

static void on_send(void *opaque, const struct iovec *iov)
{
	struct server *server = opaque;

	/* In their order. */
	if (!STAILQ_EMPTY(&server->waiting) || writev(server->fd, iov, 2) < 0)
		keep(server, iov);
}

static bool more_room(struct server *server)
{
	int room = server->room ? 2 * server->room : 64;
	struct pollfd *more = realloc(server->polled, room * sizeof(*more));

	if (!more)
		return false;
	server->polled = more;
	server->room = room;
	return true;
}

static int on_add_poll(int fd, int events, void *opaque)
{
	struct server *server = opaque;
	struct pollfd *polled;

	if (server->nr_polled == server->room && !more_room(server))
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
	int i;

	for (i = 0; i < BATCH; i++) {
		ssize_t length = recv(server->fd, server->input,
				      sizeof(server->input), MSG_DONTWAIT);

		if (length < 0)
			return errno == EAGAIN || errno == EINTR;
		if (!length)
			return false;
		slirp_stack_input(server->stack, server->input, length);
	}
	return true;
}

static void loop(struct server *server)
{
	for (;;) {
		uint32_t timeout;
		int nr;

		server->nr_polled = 0;
		on_add_poll(server->fd, SLIRP_POLL_IN |
			    (STAILQ_EMPTY(&server->waiting) ? 0 :
			     SLIRP_POLL_OUT), server);
		timeout = slirp_stack_fill(server->stack, on_add_poll, server);
		nr = poll(server->polled, server->nr_polled, timeout);
		if (nr < 0 && errno != EINTR)
			return;
		if (nr > 0 && server->polled[0].revents & POLLOUT)
			flush(server);
		if (nr > 0 && server->polled[0].revents & ~POLLOUT &&
		    !take_frames(server))
			return;
		slirp_stack_poll(server->stack, nr < 0, on_revents, server);
	}
}

/* --- Life --- */

/* As many files as may be; the redirections have to be among them. */
static int raise_limit(const struct net_options *options, const char *key,
		       struct error *error)
{
	unsigned int i, nr = 0;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return error_set(error, "%s: no limit of open files: %s", key,
				 strerror(errno));
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	for (i = 0; i < options->nr_redirections; i++)
		nr += options->redirection[i].count;
	if (nr && nr + SPARE_FILES > limit.rlim_max)
		return error_set(error, "%s: %u redirected ports need %u open "
				 "files, and the limit is %llu: raise it "
				 "(ulimit -n), or redirect fewer", key, nr,
				 nr + SPARE_FILES,
				 (unsigned long long)limit.rlim_max);
	return 0;
}

static int set_up(struct server *server, const struct net_options *options,
		  const char *key, const char *name, bool sandbox,
		  struct error *error)
{
	struct error why;

	if (raise_limit(options, key, error) < 0)
		return -1;
	server->stack = slirp_stack_new(options, key, name, on_send, server,
					error);
	if (!server->stack)
		return -1;
	if (!sandbox || !os_enter_network_sandbox(&why))
		return 0;
	return error_set(error, "%s: the slirp process: %s", key, why.text);
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
	if (set_up(server, options, key, name, sandbox, &error) < 0) {
		send(fd, error.text, strlen(error.text), MSG_NOSIGNAL);
	} else if (send(fd, &ready, 1, MSG_NOSIGNAL) == 1) {
		loop(server);
		status = 0;
	}
	slirp_stack_free(server->stack);
	while ((message = STAILQ_FIRST(&server->waiting))) {
		STAILQ_REMOVE_HEAD(&server->waiting, next);
		free(message);
	}
	close(fd);
	free(server->polled);
	free(server);
	return status;
}
