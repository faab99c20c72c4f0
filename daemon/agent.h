/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sessions with the agent in a guest, for the commands exec and cp: over the
 * VM's vsock socket, which only the owner of the VM can use.
 */
#ifndef DAEMON_AGENT_H
#define DAEMON_AGENT_H

#include "../agent/channel.h"
#include "error.h"
#include "runtime.h"

/* How long the commands wait for a guest that is starting, in seconds. */
#define AGENT_TIMEOUT 60

/*
 * Begin a session; tries again until the guest is ready, `timeout` seconds at
 * most.  Afterwards agent_disconnect() ends it.  0, or -1 and a message.
 */
int agent_connect(const struct runtime *runtime, unsigned int timeout,
		  struct channel *channel, struct error *error);

/*
 * A stream to a port of the guest's, for which somebody there waits.  A socket
 * that is the caller's, or -1 and a message.
 */
int agent_connect_port(const struct runtime *runtime, uint32_t port,
		       struct error *error);

/*
 * End a session.  By the host's kernel: waits, for a second at most, until the
 * guest has closed its side, whose last packet would else end the session that
 * has the same port next.
 */
void agent_disconnect(struct channel *channel);

/*
 * The text of a COLINUX_AGENT_FAIL frame, cleaned for a terminal; returns its
 * problem.
 */
uint32_t agent_failure(const struct frame *frame, struct error *error);

/* "--timeout" of exec and cp: seconds, -1 = it is none. */
int agent_parse_timeout(const char *text);

#endif
