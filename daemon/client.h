/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The control socket, client side: one request, its answer, and for the verb
 * `console` the stream behind it.
 */
#ifndef DAEMON_CLIENT_H
#define DAEMON_CLIENT_H

#include <uv.h>

#include "error.h"
#include "protocol.h"
#include "runtime.h"

/* A line of an answer. */
typedef void (*client_line_fn)(void *opaque, const char *key,
			       const char *value);

/*
 * Send a request and wait for the whole answer; line may be NULL.  0, or -1
 * and the server's message or why it cannot be reached.
 */
int client_request(const struct runtime *runtime,
		   const struct protocol_request *request, client_line_fn line,
		   void *opaque, struct error *error);

/*
 * The same for who asks many: 1, with a message, when there is no answer within so
 * many milliseconds.
 */
int client_request_within(const struct runtime *runtime,
			  const struct protocol_request *request,
			  client_line_fn line, void *opaque, unsigned int ms,
			  struct error *error);

/* Find a running guest by name. */
int client_find(const char *name, struct runtime *runtime,
		struct error *error);

/*
 * Attach standard input and output to the guest's console until the user
 * detaches (*detached) or the guest ends.
 */
int client_console(const struct runtime *runtime, int64_t scrollback,
		   bool *detached, struct error *error);

#endif
