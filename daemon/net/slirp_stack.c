// SPDX-License-Identifier: GPL-2.0
/*
 * What libslirp asks of us, and its set-up: see slirp_stack.h.  What comes in
 * is the guest's and is checked by libslirp and net_finish_checksum().
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frame.h"
#include "slirp_stack.h"

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

struct timer {
	struct timer *next;
	SlirpTimerCb callback;
	void *opaque;
	int64_t expires;	/* ms, of now_ns(); -1 = off */
};

struct slirp_stack {
	Slirp *slirp;
	struct timer *timers;
	void (*send)(void *opaque, const struct iovec *iov);
	void *opaque;
};

/* --- libslirp's callbacks --- */

static int64_t now_ns(void *opaque)
{
	struct timespec now;

	(void)opaque;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static ssize_t on_send(const void *frame, size_t length, void *opaque)
{
	/* Its checksums are whole: the guest need not add them up again. */
	static const struct net_header header = {
		.flags = NET_HEADER_DATA_VALID,
		.num_buffers = 1,
	};
	struct slirp_stack *stack = opaque;
	const struct iovec iov[2] = {
		{ (void *)&header, sizeof(header) },
		{ (void *)frame, length },
	};

	stack->send(stack->opaque, iov);
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
	struct slirp_stack *stack = opaque;
	struct timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		abort();
	timer->callback = callback;
	timer->opaque = timer_opaque;
	timer->expires = -1;
	timer->next = stack->timers;
	stack->timers = timer;
	return timer;
}

static void on_timer_free(void *timer, void *opaque)
{
	struct slirp_stack *stack = opaque;
	struct timer **at = &stack->timers;

	while (*at != timer)
		at = &(*at)->next;
	*at = (*at)->next;
	free(timer);
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

/* --- Turns --- */

void slirp_stack_input(struct slirp_stack *stack, uint8_t *message,
		       size_t length)
{
	struct net_header header;
	uint8_t *frame = message + sizeof(header);

	if (length < sizeof(header) + NET_FRAME_MIN)
		return;
	memcpy(&header, message, sizeof(header));
	length -= sizeof(header);
	/* A large frame (TSO) is a large segment to libslirp. */
	if (net_finish_checksum(&header, frame, length))
		slirp_input(stack->slirp, frame, length);
}

/* Milliseconds until the next timer, at most `limit`. */
static uint32_t next_timer(struct slirp_stack *stack, uint32_t limit)
{
	int64_t now = now_ns(stack) / 1000000, left;
	struct timer *timer;

	for (timer = stack->timers; timer; timer = timer->next) {
		if (timer->expires < 0)
			continue;
		left = timer->expires > now ? timer->expires - now : 0;
		if (left < limit)
			limit = left;
	}
	return limit;
}

static void run_timers(struct slirp_stack *stack)
{
	int64_t now = now_ns(stack) / 1000000;
	struct timer *timer;

	for (timer = stack->timers; timer; timer = timer->next) {
		if (timer->expires < 0 || timer->expires > now)
			continue;
		timer->expires = -1;
		timer->callback(timer->opaque);
	}
}

uint32_t slirp_stack_fill(struct slirp_stack *stack, SlirpAddPollCb add,
			  void *opaque)
{
	uint32_t timeout = INT32_MAX;

	slirp_pollfds_fill(stack->slirp, &timeout, add, opaque);
	return next_timer(stack, timeout);
}

void slirp_stack_poll(struct slirp_stack *stack, bool failed,
		      SlirpGetREventsCb revents, void *opaque)
{
	slirp_pollfds_poll(stack->slirp, failed, revents, opaque);
	run_timers(stack);
}

/* --- Set-up --- */

static Slirp *new_slirp(struct slirp_stack *stack, const char *name)
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
	return slirp_new(&config, &callbacks, stack);
}

/* Not every C library has a text for the errors of sockets. */
static const char *why_not(int number)
{
	switch (number) {
	case EADDRINUSE:
		return "it is in use";
	case EADDRNOTAVAIL:
		return "the host has no such address";
	default:
		return strerror(number);
	}
}

static int add_redirections(struct slirp_stack *stack, const char *key,
			    const struct net_options *options,
			    struct error *error)
{
	struct in_addr listen = { 0 }, guest = { 0 };
	unsigned int i, port;

	listen.s_addr = htonl(INADDR_LOOPBACK);
	if (*options->listen)
		inet_pton(AF_INET, options->listen, &listen);
	for (i = 0; i < options->nr_redirections; i++) {
		const struct net_redirection *r = &options->redirection[i];

		for (port = 0; port < r->count; port++)
			if (slirp_add_hostfwd(stack->slirp, r->udp, listen,
					      r->host + port, guest,
					      r->guest + port) < 0)
				return error_set(error, "%s: cannot listen at "
						 "%s port %u of the host: %s: "
						 "redirect another one", key,
						 r->udp ? "UDP" : "TCP",
						 r->host + port,
						 why_not(errno));
	}
	return 0;
}

struct slirp_stack *slirp_stack_new(const struct net_options *options,
				    const char *key, const char *name,
				    void (*send)(void *opaque,
						 const struct iovec *iov),
				    void *opaque, struct error *error)
{
	struct slirp_stack *stack = calloc(1, sizeof(*stack));

	if (!stack) {
		error_set(error, "%s: out of memory", key);
		return NULL;
	}
	stack->send = send;
	stack->opaque = opaque;
	stack->slirp = new_slirp(stack, name);
	if (!stack->slirp)
		error_set(error, "%s: libslirp does not start", key);
	else if (!add_redirections(stack, key, options, error))
		return stack;
	slirp_stack_free(stack);
	return NULL;
}

void slirp_stack_free(struct slirp_stack *stack)
{
	if (!stack)
		return;
	if (stack->slirp)
		slirp_cleanup(stack->slirp);
	free(stack);
}
