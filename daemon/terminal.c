/* SPDX-License-Identifier: GPL-2.0 */
/* The user's terminal: see terminal.h. */
#include <stdlib.h>
#include <string.h>

#include "os.h"
#include "terminal.h"

struct terminal {
	struct terminal_ops ops;
	uv_tty_t input;
	uv_signal_t winch;
	bool escaped;
	char buffer[1024];
	/* Filtered text that the taker had no room for yet. */
	char pending[1024];
	size_t nr_pending;
	bool closed;
};

size_t terminal_filter(bool *escaped, const char *in, size_t length, char *out,
		       void (*command)(void *opaque, char key), void *opaque)
{
	size_t nr = 0;

	for (size_t i = 0; i < length; i++) {
		if (*escaped) {
			*escaped = false;
			if (in[i] == TERMINAL_ESCAPE)
				out[nr++] = in[i];
			else
				command(opaque, in[i]);
		} else if (in[i] == TERMINAL_ESCAPE) {
			*escaped = true;
		} else {
			out[nr++] = in[i];
		}
	}
	return nr;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct terminal *terminal = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(terminal->buffer, sizeof(terminal->buffer));
}

static void flush_pending(struct terminal *terminal)
{
	size_t taken;

	if (!terminal->nr_pending)
		return;
	taken = terminal->ops.input(terminal->ops.opaque, terminal->pending,
				    terminal->nr_pending);
	terminal->nr_pending -= taken;
	memmove(terminal->pending, terminal->pending + taken,
		terminal->nr_pending);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buffer)
{
	struct terminal *terminal = stream->data;

	if (nread < 0) {
		/* The terminal is gone; SIGHUP says what that means. */
		uv_read_stop(stream);
		return;
	}
	terminal->nr_pending = terminal_filter(
		&terminal->escaped, buffer->base, nread, terminal->pending,
		terminal->ops.command, terminal->ops.opaque);
	flush_pending(terminal);
	if (terminal->nr_pending)
		uv_read_stop(stream);
}

void terminal_resume(struct terminal *terminal)
{
	if (terminal->closed || !terminal->nr_pending)
		return;
	flush_pending(terminal);
	if (!terminal->nr_pending)
		uv_read_start((uv_stream_t *)&terminal->input, on_alloc,
			      on_read);
}

static void on_winch(uv_signal_t *signal, int number)
{
	struct terminal *terminal = signal->data;
	int columns, rows;

	(void)number;
	if (uv_tty_get_winsize(&terminal->input, &columns, &rows) == 0)
		terminal->ops.resized(terminal->ops.opaque, columns, rows);
}

struct terminal *terminal_open(uv_loop_t *loop, const struct terminal_ops *ops,
			       struct error *error)
{
	struct terminal *terminal;
	int result;

	error_set(error, "%s", "");
	if (!os_is_terminal(0))
		return NULL;
	terminal = calloc(1, sizeof(*terminal));
	if (!terminal) {
		error_set(error, "out of memory");
		return NULL;
	}
	terminal->ops = *ops;
	terminal->input.data = terminal;
	terminal->winch.data = terminal;
	result = uv_tty_init(loop, &terminal->input, 0, 1);
	if (result < 0) {
		error_set(error, "cannot use the terminal: %s",
			  uv_strerror(result));
		free(terminal);
		return NULL;
	}
	uv_signal_init(loop, &terminal->winch);
	uv_signal_start(&terminal->winch, on_winch, SIGWINCH);
	atexit(terminal_restore);
	uv_tty_set_mode(&terminal->input, UV_TTY_MODE_RAW);
	uv_read_start((uv_stream_t *)&terminal->input, on_alloc, on_read);
	on_winch(&terminal->winch, 0);
	return terminal;
}

void terminal_close(struct terminal *terminal)
{
	if (!terminal || terminal->closed)
		return;
	terminal->closed = true;
	uv_tty_set_mode(&terminal->input, UV_TTY_MODE_NORMAL);
	uv_close((uv_handle_t *)&terminal->input, NULL);
	uv_close((uv_handle_t *)&terminal->winch, NULL);
}

void terminal_free(struct terminal *terminal)
{
	free(terminal);
}

void terminal_restore(void)
{
	uv_tty_reset_mode();
}
