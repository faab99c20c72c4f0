/* SPDX-License-Identifier: GPL-2.0 */
/* Control socket, server side: see control.h. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "os.h"

#define MAX_CLIENTS 32
/* They stay: there must be room for `stop` and the like beside them. */
#define MAX_STREAMS 24
#define ANSWER_ROOM (60 * 1024)
#define STREAM_CHUNK (16 * 1024)
#define TOLD_ROOM 1024

enum client_state {
	CLIENT_REQUEST,		/* its line has not come yet */
	CLIENT_ANSWER,		/* the owner is working on it */
	CLIENT_STREAM,		/* reads and writes the console */
	CLIENT_CLOSING,		/* the last bytes are being written */
};

struct control_files;

struct control_client {
	struct control *control;
	struct control_client *next;
	uv_pipe_t pipe;
	uv_write_t write;
	enum client_state state;
	bool writing, close_requested, finish;
	struct control_files *files;	/* being waited for, or NULL */
	control_files_fn told;		/* ... in a line: for whom, or NULL */
	void *told_opaque;
	size_t told_length;
	char told_line[TOLD_ROOM];
	char line[PROTOCOL_LINE];
	size_t line_length;
	char answer[ANSWER_ROOM];
	size_t answer_length;
	/* CLIENT_STREAM: */
	uint64_t position;	/* in the console's output */
	bool paused;		/* not reading: the guest's input is full */
	char input[4096];
	char chunk[STREAM_CHUNK];
};

struct control {
	uv_loop_t *loop;
	uv_pipe_t listener;
	struct console *console;
	struct control_ops ops;
	struct control_client *clients;
	unsigned int nr_clients;
	bool closing, listener_closed;
	void (*closed)(void *opaque);
	void *closed_opaque;
};

static void stream_pump(struct control_client *client);
static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer);
static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buffer);

/*
 * Libuv would drop them, so reading is ours until they are here: by a second
 * descriptor of the socket, since an event loop knows each one only once.
 */
struct control_files {
	uv_poll_t poll;
	struct control_client *client;
	control_files_fn taken;
	void *opaque;
	int fd;
};

static void on_files_closed(uv_handle_t *handle)
{
	struct control_files *files = handle->data;

	close(files->fd);
	free(files);
}

static void check_closed(struct control *control)
{
	if (control->closing && control->listener_closed &&
	    !control->clients && control->closed)
		control->closed(control->closed_opaque);
}

static void on_client_closed(uv_handle_t *handle)
{
	struct control_client *client = handle->data;
	struct control *control = client->control;
	struct control_client **at = &control->clients;

	while (*at != client)
		at = &(*at)->next;
	*at = client->next;
	control->nr_clients--;
	free(client);
	check_closed(control);
}

static void client_close(struct control_client *client)
{
	if (client->close_requested)
		return;
	client->close_requested = true;
	if (client->files) {
		uv_close((uv_handle_t *)&client->files->poll,
			 on_files_closed);
		client->files = NULL;
	}
	if (client->state == CLIENT_ANSWER)
		client->control->ops.gone(client->control->ops.opaque, client);
	uv_close((uv_handle_t *)&client->pipe, on_client_closed);
}

static void on_written(uv_write_t *write, int status)
{
	struct control_client *client = write->data;

	client->writing = false;
	if (status < 0 || client->state == CLIENT_CLOSING)
		client_close(client);
	else if (client->state == CLIENT_STREAM)
		stream_pump(client);
}

static void client_write(struct control_client *client, char *bytes,
			 size_t length)
{
	uv_buf_t buffer = uv_buf_init(bytes, length);

	client->write.data = client;
	client->writing = true;
	if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &buffer, 1,
		     on_written) < 0) {
		client->writing = false;
		client_close(client);
	}
}

/* Send the next piece of the console unless one is under way. */
static void stream_pump(struct control_client *client)
{
	size_t length;

	if (client->writing || client->close_requested)
		return;
	length = console_read_noted(client->control->console,
				    &client->position, client->chunk,
				    sizeof(client->chunk));
	if (length)
		client_write(client, client->chunk, length);
	else if (client->finish)
		client_close(client);
}

/* --- Descriptors from a client --- */

static const char go[] = "send files\n";

static void on_files(uv_poll_t *poll, int status, int events)
{
	struct control_files *files = poll->data;
	struct control_client *client = files->client;
	char text[1024];
	int fds[CONTROL_FILES], nr;

	(void)events;
	nr = status < 0 ? 0 : os_receive_files(files->fd, text, sizeof(text),
					       fds, CONTROL_FILES);
	client->files = NULL;
	uv_poll_stop(&files->poll);
	uv_close((uv_handle_t *)&files->poll, on_files_closed);
	uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read);
	protocol_clean(text);
	files->taken(files->opaque, client, text, fds, nr);
}

static void on_told_asked(uv_write_t *write, int status)
{
	(void)status;
	free(write);
}

/* Where sockets carry none: the client says in a line where they are. */
static void ask_to_tell(struct control_client *client, control_files_fn taken,
			void *opaque)
{
	uv_write_t *request = malloc(sizeof(*request));
	uv_buf_t buffer = uv_buf_init((char *)go, sizeof(go) - 1);

	if (!request || uv_write(request, (uv_stream_t *)&client->pipe,
				 &buffer, 1, on_told_asked) < 0) {
		free(request);
		taken(opaque, client, "", NULL, 0);
		return;
	}
	client->told = taken;
	client->told_opaque = opaque;
}

static void take_told(struct control_client *client, const char *bytes,
		      size_t length)
{
	control_files_fn taken = client->told;
	const char *newline = memchr(bytes, '\n', length);
	size_t part = newline ? (size_t)(newline - bytes) : length;
	int fds[CONTROL_FILES], nr = 0;
	char text[TOLD_ROOM] = "";
	uv_os_fd_t fd;

	/* What has no room is no such line. */
	if (part >= TOLD_ROOM - client->told_length)
		part = TOLD_ROOM - client->told_length - 1;
	memcpy(client->told_line + client->told_length, bytes, part);
	client->told_length += part;
	client->told_line[client->told_length] = '\0';
	if (!newline && client->told_length < TOLD_ROOM - 1)
		return;
	client->told = NULL;
	if (newline && uv_fileno((uv_handle_t *)&client->pipe, &fd) >= 0)
		nr = os_told_files(fd, client->told_line, text, sizeof(text),
				   fds, CONTROL_FILES);
	protocol_clean(text);
	taken(client->told_opaque, client, text, fds, nr);
}

void control_take_files(struct control_client *client, control_files_fn taken,
			void *opaque)
{
	struct control_files *files;
	uv_os_fd_t fd;

	if (!os_sockets_carry_files) {
		ask_to_tell(client, taken, opaque);
		return;
	}
	files = calloc(1, sizeof(*files));
	if (files)
		files->fd = uv_fileno((uv_handle_t *)&client->pipe, &fd) < 0 ?
				    -1 : os_duplicate_socket(fd);
	if (!files || files->fd < 0 ||
	    uv_poll_init(client->control->loop, &files->poll, files->fd) < 0) {
		if (files && files->fd >= 0)
			close(files->fd);
		free(files);
		taken(opaque, client, "", NULL, 0);
		return;
	}
	files->client = client;
	files->taken = taken;
	files->opaque = opaque;
	files->poll.data = files;
	client->files = files;
	uv_read_stop((uv_stream_t *)&client->pipe);
	uv_poll_start(&files->poll, UV_READABLE, on_files);
	/* Short, and nothing else was written: it goes out at once. */
	if (write(files->fd, go, sizeof(go) - 1) < 0)
		client_close(client);
}

void control_line(struct control_client *client, const char *format, ...)
{
	size_t room = sizeof(client->answer) - client->answer_length;
	char *at = client->answer + client->answer_length;
	va_list args;
	int length;

	/* Keep room for the last line. */
	if (room <= ERROR_TEXT + 16)
		return;
	room -= ERROR_TEXT + 16;
	va_start(args, format);
	length = vsnprintf(at, room, format, args);
	va_end(args);
	if (length < 0)
		return;
	protocol_clean(at);
	length = strlen(at);
	at[length] = '\n';
	client->answer_length += length + 1;
}

void control_done(struct control_client *client, const char *problem)
{
	char *at = client->answer + client->answer_length;

	if (problem) {
		snprintf(at, ERROR_TEXT + 8, "error %.*s", ERROR_TEXT - 1,
			 problem);
		protocol_clean(at);
		strcat(at, "\n");
	} else {
		strcpy(at, "ok\n");
	}
	client->answer_length += strlen(at);
	client->state = CLIENT_CLOSING;
	client_write(client, client->answer, client->answer_length);
}

static void resize(struct control_client *client,
		   const struct protocol_request *request)
{
	if (request->columns > 0 && request->rows > 0)
		console_resize(client->control->console, request->columns,
			       request->rows);
}

static unsigned int nr_streams(const struct control *control)
{
	unsigned int nr = 0;

	for (struct control_client *c = control->clients; c; c = c->next)
		nr += c->state == CLIENT_STREAM;
	return nr;
}

static void start_stream(struct control_client *client,
			 const struct protocol_request *request)
{
	struct console *console = client->control->console;
	uint64_t end = console_end(console);
	uint64_t back = request->scrollback < 0 ? CONSOLE_SCROLLBACK :
						  request->scrollback;

	if (nr_streams(client->control) >= MAX_STREAMS) {
		control_done(client, "too many terminals are attached already");
		return;
	}
	/* What went before is not lost to who was not there. */
	if (back > CONSOLE_SCROLLBACK)
		back = CONSOLE_SCROLLBACK;
	resize(client, request);
	client->position = end > back ? end - back : 0;
	client->state = CLIENT_STREAM;
	client_write(client, strcpy(client->answer, "ok\n"), 3);
}

static void take_request(struct control_client *client)
{
	struct control *control = client->control;
	struct protocol_request request;
	struct error error;

	client->state = CLIENT_ANSWER;
	if (protocol_parse(client->line, client->line_length, &request,
			   &error) < 0) {
		control_done(client, error.text);
		return;
	}
	switch (request.verb) {
	case PROTOCOL_CONSOLE:
		start_stream(client, &request);
		break;
	case PROTOCOL_RESIZE:
		resize(client, &request);
		control_done(client, NULL);
		break;
	default:
		control->ops.request(control->ops.opaque, client, &request);
	}
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct control_client *client = handle->data;
	size_t room = sizeof(client->input);

	(void)suggested;
	if (client->state == CLIENT_STREAM) {
		size_t free = console_input_room(client->control->console);

		room = free < room ? free : room;
	}
	*buffer = uv_buf_init(client->input, room);
}

/* Bytes of a console client that the guest is to get. */
static void take_input(struct control_client *client, size_t length)
{
	/* on_alloc() asked for no more than there is room for. */
	console_input(client->control->console, client->input, length);
	if (!console_input_room(client->control->console)) {
		client->paused = true;
		uv_read_stop((uv_stream_t *)&client->pipe);
	}
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buffer)
{
	struct control_client *client = stream->data;
	size_t length = nread, rest;
	char *newline;

	(void)buffer;
	if (nread == UV_ENOBUFS) {
		client->paused = true;
		uv_read_stop(stream);
		return;
	}
	if (nread < 0) {
		client_close(client);
		return;
	}
	if (client->state == CLIENT_STREAM) {
		take_input(client, length);
		return;
	}
	if (client->state == CLIENT_ANSWER && client->told) {
		take_told(client, client->input, length);
		return;
	}
	/* Else a client has nothing to say after its request. */
	if (client->state != CLIENT_REQUEST)
		return;
	newline = memchr(client->input, '\n', length);
	rest = newline ? (size_t)(newline - client->input) : length;
	if (client->line_length + rest > sizeof(client->line) - 1) {
		client->state = CLIENT_ANSWER;
		control_done(client, "the request is too long");
		return;
	}
	memcpy(client->line + client->line_length, client->input, rest);
	client->line_length += rest;
	if (!newline)
		return;
	take_request(client);
	rest++;
	if (client->state == CLIENT_STREAM && length > rest)
		console_input(client->control->console, client->input + rest,
			      length - rest);
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct control *control = listener->data;
	struct control_client *client;
	uv_os_fd_t fd;

	if (status < 0)
		return;
	client = calloc(1, sizeof(*client));
	if (!client)
		return;
	client->control = control;
	client->state = CLIENT_REQUEST;
	client->pipe.data = client;
	if (uv_pipe_init(control->loop, &client->pipe, 0) < 0) {
		free(client);
		return;
	}
	client->next = control->clients;
	control->clients = client;
	control->nr_clients++;
	if (uv_accept(listener, (uv_stream_t *)&client->pipe) < 0 ||
	    uv_fileno((uv_handle_t *)&client->pipe, &fd) < 0 ||
	    !os_peer_allowed(fd) || control->nr_clients > MAX_CLIENTS ||
	    uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read) < 0)
		client_close(client);
}

struct control *control_new(uv_loop_t *loop, const char *path,
			    struct console *console,
			    const struct control_ops *ops, struct error *error)
{
	struct control *control = calloc(1, sizeof(*control));
	int result;

	if (!control) {
		error_set(error, "out of memory");
		return NULL;
	}
	control->loop = loop;
	control->console = console;
	control->ops = *ops;
	control->listener.data = control;
	result = uv_pipe_init(loop, &control->listener, 0);
	if (result < 0) {
		free(control);
		error_set(error, "%s: %s", path, uv_strerror(result));
		return NULL;
	}
	result = uv_pipe_bind(&control->listener, path);
	if (!result)
		result = uv_listen((uv_stream_t *)&control->listener, 8,
				   on_connection);
	if (result < 0) {
		error_set(error, "%s: cannot make the control socket: %s",
			  path, uv_strerror(result));
		uv_close((uv_handle_t *)&control->listener, NULL);
		uv_run(loop, UV_RUN_NOWAIT);
		free(control);
		return NULL;
	}
	return control;
}

void control_console_changed(struct control *control)
{
	struct control_client *client = control->clients;

	for (; client; client = client->next) {
		if (client->state != CLIENT_STREAM || client->close_requested)
			continue;
		stream_pump(client);
		if (client->paused && console_input_room(control->console) &&
		    !client->close_requested) {
			client->paused = false;
			uv_read_start((uv_stream_t *)&client->pipe, on_alloc,
				      on_read);
		}
	}
}

static void on_listener_closed(uv_handle_t *handle)
{
	struct control *control = handle->data;

	control->listener_closed = true;
	check_closed(control);
}

void control_close(struct control *control, void (*closed)(void *opaque),
		   void *opaque)
{
	struct control_client *client = control->clients;

	control->closing = true;
	control->closed = closed;
	control->closed_opaque = opaque;
	uv_close((uv_handle_t *)&control->listener, on_listener_closed);
	for (; client; client = client->next) {
		client->finish = true;
		if (client->state == CLIENT_STREAM)
			stream_pump(client);
		else if (client->state != CLIENT_CLOSING)
			client_close(client);
	}
}

void control_drop_clients(struct control *control)
{
	for (struct control_client *c = control->clients; c; c = c->next)
		client_close(c);
}

void control_free(struct control *control)
{
	free(control);
}
