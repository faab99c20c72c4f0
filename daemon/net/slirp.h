/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The slirp process: user-mode NAT by libslirp in a process of its own, so
 * that the VM process need not open sockets, and an error in the network stack
 * is not one in the process that owns the guest.
 *
 * It talks to the VM process over one SOCK_SEQPACKET socket: first one message,
 * NET_SLIRP_READY or why it failed, then frames, each behind a struct
 * net_header.  It ends when the socket is closed.
 */
#ifndef DAEMON_NET_SLIRP_H
#define DAEMON_NET_SLIRP_H

#include <stdbool.h>

#include "options.h"

/* No text of an error begins like that. */
#define NET_SLIRP_READY '+'

/*
 * Be the slirp process of card `key` of guest `name` on the socket fd, which
 * is closed at the end.  Returns an exit status.  sandbox: give up rights
 * after the redirections are bound.
 */
int net_slirp_serve(int fd, const struct net_options *options,
		    const char *key, const char *name, bool sandbox);

#endif
