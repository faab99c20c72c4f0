/* SPDX-License-Identifier: GPL-2.0 */
/* Between client.c (requests) and client_console.c (the stream). */
#ifndef DAEMON_CLIENT_INTERNAL_H
#define DAEMON_CLIENT_INTERNAL_H

#include "client.h"

struct client {
	uv_loop_t loop;
	uv_pipe_t pipe;
	uv_timer_t limit;	/* for the answer; does not keep the loop going */
	uv_connect_t connect;
	uv_write_t write;
	const struct runtime *runtime;
	struct error *error;
	char request[PROTOCOL_LINE];
	size_t request_length;
	int status;		/* of the connection, a UV_* code */
	bool answered, failed;	/* the last line came; it was "error" */
	client_line_fn line;
	void *opaque;
	size_t length;		/* bytes of an incomplete line in buffer */
	char buffer[32 * 1024];
};

/* Begin to connect; `connected` calls client_connected(). */
int client_open(struct client *client, const struct runtime *runtime,
		const struct protocol_request *request, uv_connect_cb connected,
		struct error *error);
/* Send the request and begin to read. */
void client_connected(struct client *client, int status, uv_alloc_cb alloc,
		      uv_read_cb read);
/* Take a complete line (NUL-terminated); true = it was the last. */
bool client_take_line(struct client *client, char *line);
/* Run the loop to its end; the result of the request. */
int client_close(struct client *client);

#endif
