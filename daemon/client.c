/* SPDX-License-Identifier: GPL-2.0 */
/* Control socket, client side: requests.  See client.h. */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "client_internal.h"

int client_find(const char *name, struct runtime *runtime,
		struct error *error)
{
	if (runtime_paths(runtime, name, error) < 0)
		return -1;
	if (!runtime_is_running(runtime))
		return error_set(error, "no guest called %s is running; see: "
					"colinux ps", name);
	return 0;
}

/* Take one complete line of the answer; true when it is the last. */
bool client_take_line(struct client *client, char *line)
{
	char *value;

	if (!strcmp(line, "ok")) {
		client->answered = true;
		return true;
	}
	value = protocol_split(line);
	if (!strcmp(line, "error")) {
		client->answered = true;
		client->failed = true;
		protocol_clean(value);
		error_set(client->error, "%s", value);
		return true;
	}
	protocol_clean(line);
	protocol_clean(value);
	if (client->line)
		client->line(client->opaque, line, value);
	return false;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct client *client = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(client->buffer + client->length,
			      sizeof(client->buffer) - client->length);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buffer)
{
	struct client *client = stream->data;
	char *newline, *at = client->buffer;
	bool last = false;

	(void)buffer;
	if (nread < 0) {
		uv_close((uv_handle_t *)stream, NULL);
		return;
	}
	client->length += nread;
	while (!last && (newline = memchr(at, '\n', client->length))) {
		*newline = '\0';
		client->length -= newline + 1 - at;
		last = client_take_line(client, at);
		at = newline + 1;
	}
	memmove(client->buffer, at, client->length);
	if (last || client->length == sizeof(client->buffer))
		uv_close((uv_handle_t *)stream, NULL);
}

static void on_connect(uv_connect_t *connect, int status)
{
	client_connected(connect->data, status, on_alloc, on_read);
}

void client_connected(struct client *client, int status, uv_alloc_cb alloc,
		      uv_read_cb read)
{
	uv_stream_t *stream = (uv_stream_t *)&client->pipe;
	uv_buf_t request = uv_buf_init(client->request,
				       client->request_length);

	if (uv_is_closing((uv_handle_t *)stream))
		return;		/* too late */
	if (!status)
		status = uv_write(&client->write, stream, &request, 1, NULL);
	if (!status)
		status = uv_read_start(stream, alloc, read);
	client->status = status;
	if (status < 0)
		uv_close((uv_handle_t *)stream, NULL);
}

int client_open(struct client *client, const struct runtime *runtime,
		const struct protocol_request *request, uv_connect_cb connected,
		struct error *error)
{
	int result;

	memset(client, 0, sizeof(*client));
	client->runtime = runtime;
	client->error = error;
	client->request_length = protocol_format(request, client->request,
						 sizeof(client->request));
	result = uv_loop_init(&client->loop);
	if (result < 0)
		return error_set(error, "%s", uv_strerror(result));
	uv_pipe_init(&client->loop, &client->pipe, 0);
	uv_timer_init(&client->loop, &client->limit);
	uv_unref((uv_handle_t *)&client->limit);
	client->pipe.data = client;
	client->limit.data = client;
	client->connect.data = client;
	uv_pipe_connect(&client->connect, &client->pipe, runtime->control,
			connected);
	return 0;
}

int client_close(struct client *client)
{
	uv_run(&client->loop, UV_RUN_DEFAULT);
	uv_close((uv_handle_t *)&client->limit, NULL);
	uv_run(&client->loop, UV_RUN_DEFAULT);
	uv_loop_close(&client->loop);
	if (client->status < 0)
		return error_set(client->error, "%s cannot be reached: %s",
				 client->runtime->name,
				 uv_strerror(client->status));
	if (!client->answered)
		return error_set(client->error,
				 "%s ended before it answered",
				 client->runtime->name);
	return client->failed ? -1 : 0;
}

static void on_limit(uv_timer_t *timer)
{
	struct client *client = timer->data;

	if (uv_is_closing((uv_handle_t *)&client->pipe))
		return;
	client->status = UV_ETIMEDOUT;
	uv_close((uv_handle_t *)&client->pipe, NULL);
}

int client_request_within(const struct runtime *runtime,
			  const struct protocol_request *request,
			  client_line_fn line, void *opaque, unsigned int ms,
			  struct error *error)
{
	struct client *client = malloc(sizeof(*client));
	int result;

	if (!client)
		return error_set(error, "out of memory");
	result = client_open(client, runtime, request, on_connect, error);
	client->line = line;
	client->opaque = opaque;
	if (!result && ms)
		uv_timer_start(&client->limit, on_limit, ms, 0);
	if (!result)
		result = client_close(client);
	if (client->status == UV_ETIMEDOUT)
		result = 1;
	free(client);
	return result;
}

int client_request(const struct runtime *runtime,
		   const struct protocol_request *request, client_line_fn line,
		   void *opaque, struct error *error)
{
	return client_request_within(runtime, request, line, opaque, 0, error);
}
