/* SPDX-License-Identifier: GPL-2.0 */
/*
 * User-mode NAT: libslirp, set up from a card's options, with its clock and
 * timers.  Whoever owns one moves the messages (frames, each behind a struct
 * net_header), waits for sockets, and tells it; one thread at a time.  No
 * guest memory, no driver, no host but what libslirp asks of it.
 */
#ifndef DAEMON_NET_SLIRP_STACK_H
#define DAEMON_NET_SLIRP_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <slirp/libslirp.h>

#include "../error.h"
#include "options.h"

struct slirp_stack;

/*
 * For card `key` of guest `name`.  Messages to the guest are given to send(),
 * in two pieces that are its own only during the call.  Redirections listen
 * from now on.  NULL and a message on failure.
 */
struct slirp_stack *slirp_stack_new(const struct net_options *options,
				    const char *key, const char *name,
				    void (*send)(void *opaque,
						 const struct iovec *iov),
				    void *opaque, struct error *error);
/* NULL is fine. */
void slirp_stack_free(struct slirp_stack *stack);

/* A message from the guest, of any content; its bytes may change. */
void slirp_stack_input(struct slirp_stack *stack, uint8_t *message,
		       size_t length);

/*
 * Call add() for each socket to wait for (SLIRP_POLL_*; it returns a number of
 * the caller's, -1 = no room).  Returns the most milliseconds to wait.
 */
uint32_t slirp_stack_fill(struct slirp_stack *stack, SlirpAddPollCb add,
			  void *opaque);
/*
 * After that: what happened at the sockets, by the numbers of add(), or
 * `failed`; and the timers.
 */
void slirp_stack_poll(struct slirp_stack *stack, bool failed,
		      SlirpGetREventsCb revents, void *opaque);

#endif
