/* SPDX-License-Identifier: GPL-2.0 */
/*
 * `colinux console`: this terminal, or standard input and output, attached to
 * a guest's console.  Changes of the window's size go by connections of their
 * own, so that the stream stays plain bytes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client_internal.h"
#include "os.h"
#include "terminal.h"

struct attached {
	struct client client;
	struct terminal *terminal;
	uv_poll_t input;	/* standard input when it is no terminal */
	bool polling;
	bool closed, detached;
	uint16_t columns, rows;
};

struct outgoing {
	uv_write_t write;
	char text[];
};

static void close_all(struct attached *attached)
{
	if (attached->closed)
		return;
	attached->closed = true;
	terminal_close(attached->terminal);
	if (attached->polling)
		uv_close((uv_handle_t *)&attached->input, NULL);
	uv_close((uv_handle_t *)&attached->client.pipe, NULL);
}

static void on_sent(uv_write_t *write, int status)
{
	(void)status;
	free(write->data);
}

static void send_text(struct attached *attached, const char *text,
		      size_t length)
{
	struct outgoing *out;
	uv_buf_t buffer;

	if (attached->closed || !length)
		return;
	out = malloc(sizeof(*out) + length);
	if (!out)
		return;
	memcpy(out->text, text, length);
	out->write.data = out;
	buffer = uv_buf_init(out->text, length);
	if (uv_write(&out->write, (uv_stream_t *)&attached->client.pipe,
		     &buffer, 1, on_sent) < 0)
		free(out);
}

static size_t on_typed(void *opaque, const char *text, size_t length)
{
	send_text(opaque, text, length);
	return length;
}

static void on_escape(void *opaque, char key)
{
	static const char help[] =
		"\r\ncolinux: Ctrl-] d: detach  Ctrl-] Ctrl-]: send Ctrl-]\r\n";
	struct attached *attached = opaque;

	if (key == 'd' || key == '.' || key == 'q') {
		attached->detached = true;
		close_all(attached);
		return;
	}
	if (write(STDERR_FILENO, help, sizeof(help) - 1) < 0)
		return;
}

static void on_resized(void *opaque, uint16_t columns, uint16_t rows)
{
	struct attached *attached = opaque;
	struct protocol_request request;
	bool first = !attached->columns;

	attached->columns = columns;
	attached->rows = rows;
	/* The first size goes with the request itself. */
	if (first)
		return;
	protocol_request_init(&request, PROTOCOL_RESIZE);
	request.columns = columns;
	request.rows = rows;
	client_request(attached->client.runtime, &request, NULL, NULL, NULL);
}

static void on_input(uv_poll_t *poll, int status, int events)
{
	struct attached *attached = poll->data;
	char text[4096];
	ssize_t length;

	(void)events;
	length = status < 0 ? 0 : read(0, text, sizeof(text));
	if (length < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	/* The end of the input is not the end of the reading. */
	if (length <= 0)
		uv_poll_stop(poll);
	else
		send_text(attached, text, length);
}

static int write_out(const char *text, size_t length)
{
	ssize_t written;

	while (length) {
		written = write(STDOUT_FILENO, text, length);
		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return -1;
		text += written;
		length -= written;
	}
	return 0;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct attached *attached = handle->data;
	struct client *client = &attached->client;

	(void)suggested;
	*buffer = uv_buf_init(client->buffer + client->length,
			      sizeof(client->buffer) - client->length);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buffer)
{
	struct attached *attached = stream->data;
	struct client *client = &attached->client;
	char *newline;
	size_t used;

	(void)buffer;
	if (nread < 0) {
		close_all(attached);
		return;
	}
	client->length += nread;
	if (!client->answered) {
		newline = memchr(client->buffer, '\n', client->length);
		if (!newline)
			return;
		*newline = '\0';
		used = newline + 1 - client->buffer;
		client->length -= used;
		if (!client_take_line(client, client->buffer) ||
		    client->failed) {
			close_all(attached);
			return;
		}
		memmove(client->buffer, client->buffer + used, client->length);
	}
	/* Nobody reads any longer, or the disk is full. */
	if (write_out(client->buffer, client->length) < 0) {
		error_set(client->error, "standard output: %s",
			  strerror(errno));
		client->failed = true;
		close_all(attached);
	}
	client->length = 0;
}

static void on_connect(uv_connect_t *connect, int status)
{
	struct attached *attached = connect->data;

	client_connected(&attached->client, status, on_alloc, on_read);
	if (attached->client.status < 0) {
		/* client_connected() has closed the pipe. */
		attached->closed = true;
		terminal_close(attached->terminal);
		if (attached->polling)
			uv_close((uv_handle_t *)&attached->input, NULL);
	}
}

static int open_input(struct attached *attached, struct error *error)
{
	const struct terminal_ops ops = {
		.input = on_typed,
		.command = on_escape,
		.resized = on_resized,
		.opaque = attached,
	};
	uv_loop_t *loop = &attached->client.loop;

	attached->terminal = terminal_open(loop, &ops, error);
	if (attached->terminal)
		return 0;
	if (*error->text)
		return -1;
	/* A regular file cannot be polled, nor is it any use here. */
	if (uv_poll_init(loop, &attached->input, 0) == 0) {
		attached->polling = true;
		attached->input.data = attached;
		uv_poll_start(&attached->input, UV_READABLE, on_input);
	}
	return 0;
}

int client_console(const struct runtime *runtime, int64_t scrollback,
		   bool *detached, struct error *error)
{
	struct attached *attached = calloc(1, sizeof(*attached));
	struct protocol_request request;
	int result;

	if (!attached)
		return error_set(error, "out of memory");
	protocol_request_init(&request, PROTOCOL_CONSOLE);
	request.scrollback = scrollback;
	result = client_open(&attached->client, runtime, &request, on_connect,
			     error);
	if (!result && open_input(attached, error) < 0)
		result = -1;
	if (!result) {
		struct client *client = &attached->client;

		client->pipe.data = attached;
		client->connect.data = attached;
		if (attached->columns) {
			request.columns = attached->columns;
			request.rows = attached->rows;
			client->request_length = protocol_format(
				&request, client->request,
				sizeof(client->request));
		}
		result = client_close(client);
	}
	*detached = attached->detached;
	terminal_free(attached->terminal);
	free(attached);
	return result;
}
