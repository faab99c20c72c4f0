/* SPDX-License-Identifier: GPL-2.0 */
/*
 * NT's back-end of network cards (net/backend.h): there is slirp and no other.
 * It is a thread of this process, since NT has no socket of messages between
 * processes, nor a sandbox that would make a process of its own worth one.
 *
 * Messages go through two lists; the thread waits in select(), which takes
 * nothing but sockets, so one that is connected to itself wakes it.
 */
/* How many sockets one select() takes; before winsock's header. */
#define FD_SETSIZE 1024

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "nt.h"

#include "../../net/backend.h"
#include "../../net/frame.h"
#include "../../net/slirp_stack.h"

/* Bytes that wait: what goes out stays in the queue beyond, what comes in is
 * lost, and TCP repeats it. */
#define OUT_BYTES	(1u << 20)
#define IN_BYTES	(4u << 20)

struct message {
	struct message *next;
	size_t length;
	uint8_t bytes[];
};

struct messages {
	struct message *first, **last;
	size_t bytes;
};

struct nt_backend {
	struct net_backend backend;	/* first */
	/* Constant once the thread runs. */
	bool winsock;		/* started, to be ended */
	pthread_t thread;
	SOCKET wake;

	pthread_mutex_t lock;
	/* Guarded by lock. */
	struct messages in, out;	/* to the guest, from it */
	bool full;		/* somebody waits for room in `out` */
	bool sleeping;		/* the thread is to be woken */
	bool stop;

	/* The thread's. */
	struct slirp_stack *stack;
	fd_set reads, writes, excepts;
	SOCKET polled[FD_SETSIZE];
	int nr_polled;
};

/* --- Messages --- */

static void list_init(struct messages *list)
{
	list->first = NULL;
	list->last = &list->first;
	list->bytes = 0;
}

static struct message *message_new(const struct iovec *iov, int nr)
{
	struct message *message;
	size_t length = 0;
	int i;

	for (i = 0; i < nr; i++)
		length += iov[i].iov_len;
	message = malloc(sizeof(*message) + length);
	if (!message)
		return NULL;
	message->next = NULL;
	message->length = 0;
	for (i = 0; i < nr; i++) {
		memcpy(message->bytes + message->length, iov[i].iov_base,
		       iov[i].iov_len);
		message->length += iov[i].iov_len;
	}
	return message;
}

static void list_add(struct messages *list, struct message *message)
{
	*list->last = message;
	list->last = &message->next;
	list->bytes += message->length;
}

static struct message *list_take(struct messages *list)
{
	struct message *message = list->first;

	if (!message)
		return NULL;
	list->first = message->next;
	list->bytes -= message->length;
	if (!list->first)
		list_init(list);
	return message;
}

static void list_free(struct messages *list)
{
	struct message *message;

	while ((message = list_take(list)))
		free(message);
}

/* --- The device's side --- */

/* Lock held. */
static void wake(struct nt_backend *nt)
{
	if (nt->sleeping)
		send(nt->wake, "", 1, 0);
	nt->sleeping = false;
}

int net_backend_send(struct net_backend *backend, unsigned int pair,
		     const struct iovec *iov, int nr)
{
	struct nt_backend *nt = (struct nt_backend *)backend;
	struct message *message = message_new(iov, nr);

	(void)pair;
	if (!message)
		return -ENOMEM;
	pthread_mutex_lock(&nt->lock);
	nt->full = nt->out.bytes + message->length > OUT_BYTES;
	if (!nt->full) {
		list_add(&nt->out, message);
		message = NULL;
		wake(nt);
	}
	pthread_mutex_unlock(&nt->lock);
	free(message);
	return message ? -EAGAIN : 0;
}

ssize_t net_backend_receive(struct net_backend *backend, unsigned int pair,
			    void *bytes, size_t room)
{
	struct nt_backend *nt = (struct nt_backend *)backend;
	struct message *message;
	ssize_t length = -EAGAIN;

	(void)pair;
	pthread_mutex_lock(&nt->lock);
	message = list_take(&nt->in);
	pthread_mutex_unlock(&nt->lock);
	if (message) {
		length = message->length < room ? message->length : room;
		memcpy(bytes, message->bytes, length);
	}
	free(message);
	return length;
}

void net_backend_event(struct net_backend *backend)
{
	/* The link is always up. */
	(void)backend;
}

int net_backend_use(struct net_backend *backend, unsigned int nr)
{
	/* There is one pair. */
	(void)backend;
	(void)nr;
	return 0;
}

int net_backend_watch(struct net_backend *backend, unsigned int pair, bool on)
{
	/* For vhost-net, which there is not. */
	(void)backend;
	(void)pair;
	(void)on;
	return 0;
}

int net_backend_guest_offloads(struct net_backend *backend, bool checksum,
			       bool tso4, bool tso6)
{
	/* slirp sends whole and small frames only. */
	(void)backend;
	(void)checksum;
	(void)tso4;
	(void)tso6;
	return 0;
}

/* --- The thread --- */

static void on_send(void *opaque, const struct iovec *iov)
{
	struct nt_backend *nt = opaque;
	struct message *message = message_new(iov, 2);
	bool first = false;

	if (!message)
		return;
	pthread_mutex_lock(&nt->lock);
	if (nt->in.bytes + message->length <= IN_BYTES) {
		/* The device takes all there are, once it is told. */
		first = !nt->in.first;
		list_add(&nt->in, message);
		message = NULL;
	}
	pthread_mutex_unlock(&nt->lock);
	free(message);
	if (first)
		os_event_signal(nt->backend.event_fd);
}

static void add_to(fd_set *set, SOCKET socket)
{
	/* FD_SET() looks through all of it for doubles. */
	set->fd_array[set->fd_count++] = socket;
}

static int on_add_poll(int fd, int events, void *opaque)
{
	struct nt_backend *nt = opaque;

	if (nt->nr_polled == FD_SETSIZE)
		return -1;
	nt->polled[nt->nr_polled] = fd;
	if (events & SLIRP_POLL_IN)
		add_to(&nt->reads, fd);
	/* A connection that fails is an exception, not a chance to write. */
	if (events & SLIRP_POLL_OUT) {
		add_to(&nt->writes, fd);
		add_to(&nt->excepts, fd);
	}
	return nt->nr_polled++;
}

static int on_revents(int index, void *opaque)
{
	struct nt_backend *nt = opaque;
	int events = 0;
	SOCKET socket;

	if (index < 0 || index >= nt->nr_polled)
		return 0;
	socket = nt->polled[index];
	if (FD_ISSET(socket, &nt->reads))
		events |= SLIRP_POLL_IN;
	if (FD_ISSET(socket, &nt->writes))
		events |= SLIRP_POLL_OUT;
	if (FD_ISSET(socket, &nt->excepts))
		events |= SLIRP_POLL_ERR;
	return events;
}

/* Wait up to that many milliseconds, unless there are messages; false: stop. */
static bool sleep_until(struct nt_backend *nt, uint32_t timeout, bool *failed)
{
	struct timeval limit = { 0, 0 };
	char bytes[16];
	bool stop;

	pthread_mutex_lock(&nt->lock);
	stop = nt->stop;
	nt->sleeping = !stop && !nt->out.first;
	if (nt->sleeping) {
		limit.tv_sec = timeout / 1000;
		limit.tv_usec = timeout % 1000 * 1000;
	}
	pthread_mutex_unlock(&nt->lock);
	if (stop)
		return false;
	*failed = select(0, &nt->reads, &nt->writes, &nt->excepts, &limit) < 0;
	pthread_mutex_lock(&nt->lock);
	nt->sleeping = false;
	pthread_mutex_unlock(&nt->lock);
	if (!*failed && FD_ISSET(nt->wake, &nt->reads))
		while (recv(nt->wake, bytes, sizeof(bytes), 0) > 0)
			;
	return true;
}

static void take_messages(struct nt_backend *nt)
{
	struct messages out;
	struct message *message;
	bool full;

	pthread_mutex_lock(&nt->lock);
	out = nt->out;
	list_init(&nt->out);
	full = nt->full;
	nt->full = false;
	pthread_mutex_unlock(&nt->lock);
	if (full)
		os_event_signal(nt->backend.event_fd);
	while ((message = out.first)) {
		out.first = message->next;
		slirp_stack_input(nt->stack, message->bytes, message->length);
		free(message);
	}
}

static void *slirp_thread(void *opaque)
{
	struct nt_backend *nt = opaque;
	bool failed;

	for (;;) {
		uint32_t timeout;

		FD_ZERO(&nt->reads);
		FD_ZERO(&nt->writes);
		FD_ZERO(&nt->excepts);
		nt->nr_polled = 0;
		on_add_poll(nt->wake, SLIRP_POLL_IN, nt);
		timeout = slirp_stack_fill(nt->stack, on_add_poll, nt);
		if (!sleep_until(nt, timeout, &failed))
			return NULL;
		take_messages(nt);
		slirp_stack_poll(nt->stack, failed, on_revents, nt);
	}
}

/* --- Life --- */

/*
 * A datagram socket that only hears itself; INVALID_SOCKET: none, and winsock's
 * error.
 */
static SOCKET open_wake(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	SOCKET wake = socket(AF_INET, SOCK_DGRAM, 0);
	int length = sizeof(at), code;
	u_long on = 1;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (wake == INVALID_SOCKET)
		return wake;
	if (!bind(wake, (void *)&at, sizeof(at)) &&
	    !getsockname(wake, (void *)&at, &length) &&
	    !connect(wake, (void *)&at, sizeof(at)) &&
	    !ioctlsocket(wake, FIONBIO, &on))
		return wake;
	code = WSAGetLastError();
	closesocket(wake);
	WSASetLastError(code);
	return INVALID_SOCKET;
}

/* libslirp does not look whether there are sockets. */
static int open_sockets(struct nt_backend *nt, const char *key,
			struct error *error)
{
	WSADATA data;
	int code = WSAStartup(MAKEWORD(2, 0), &data);

	nt->winsock = !code;
	if (!code) {
		nt->wake = open_wake();
		if (nt->wake != INVALID_SOCKET)
			return 0;
		code = WSAGetLastError();
	}
	return error_set(error, "%s: no TCP/IP for slirp: %s: install it in "
			 "Windows, or leave this card out", key,
			 nt_message(code));
}

static int start(struct nt_backend *nt, const struct net_options *options,
		 const char *key, const char *name, struct error *error)
{
	if (nt->backend.event_fd == -1)
		return error_set(error, "%s: cannot make an event for slirp",
				 key);
	if (open_sockets(nt, key, error))
		return -1;
	nt->stack = slirp_stack_new(options, key, name, on_send, nt, error);
	if (!nt->stack)
		return -1;
	if (os_thread_start(&nt->thread, 0, slirp_thread, nt))
		return error_set(error, "%s: cannot start a thread for slirp",
				 key);
	return 0;
}

static void free_rest(struct nt_backend *nt)
{
	slirp_stack_free(nt->stack);
	if (nt->wake != INVALID_SOCKET)
		closesocket(nt->wake);
	if (nt->winsock)
		WSACleanup();
	os_event_free(nt->backend.event_fd);
	list_free(&nt->in);
	list_free(&nt->out);
	pthread_mutex_destroy(&nt->lock);
	free(nt);
}

struct net_backend *net_backend_open(const struct net_options *options,
				     const char *key, const char *name,
				     const uint8_t mac[NET_MAC],
				     unsigned int cpus, bool sandbox,
				     struct error *error)
{
	struct nt_backend *nt = calloc(1, sizeof(*nt));
	struct net_backend *backend;

	(void)mac;
	(void)cpus;
	(void)sandbox;
	if (!nt) {
		error_set(error, "%s: out of memory", key);
		return NULL;
	}
	backend = &nt->backend;
	backend->kind = options->kind;
	backend->nr_pairs = 1;
	backend->fd[0] = backend->vhost_fd[0] = -1;
	backend->link_fd = backend->remover = -1;
	backend->up = backend->offloads = true;
	backend->event_fd = os_event_new();
	strcpy(backend->text, net_kind_name(options->kind));
	nt->wake = INVALID_SOCKET;
	pthread_mutex_init(&nt->lock, NULL);
	list_init(&nt->in);
	list_init(&nt->out);
	if (!start(nt, options, key, name, error))
		return backend;
	free_rest(nt);
	return NULL;
}

void net_backend_free(struct net_backend *backend)
{
	struct nt_backend *nt = (struct nt_backend *)backend;

	if (!nt)
		return;
	pthread_mutex_lock(&nt->lock);
	nt->stop = true;
	wake(nt);
	pthread_mutex_unlock(&nt->lock);
	pthread_join(nt->thread, NULL);
	free_rest(nt);
}
