// SPDX-License-Identifier: GPL-2.0
/*
 * Standard streams, signals and the console of `colinux exec` on NT: see
 * exec_host.h.  A loop of libuv's waits for all of them; what may block (pipes
 * and files) is done by its threads.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "../../exec_host.h"
#include "socket.h"

/* Linux' numbers of what a console gives: Ctrl-C, Ctrl-Break, its end. */
static const struct {
	int windows, linux_number;
} signals[] = {
	{ SIGINT, 2 }, { SIGBREAK, 3 }, { SIGHUP, 1 }, { SIGWINCH, 28 },
};
#define NR_SIGNALS (sizeof(signals) / sizeof(signals[0]))

static struct {
	uv_loop_t loop;
	int channel;
	uv_async_t changed;		/* the channel's socket */
	uv_signal_t signal[NR_SIGNALS];
	bool pending[NR_SIGNALS];
	/* Standard input: one piece at a time. */
	bool is_console;
	uv_tty_t console;
	uv_fs_t request;
	bool reading, arrived, ended;
	char input[4096];
	size_t start, end;
} host;

static void on_changed(uv_async_t *async)
{
	/* That the loop has been woken is all. */
	(void)async;
}

static void on_change(void *opaque)
{
	uv_async_send(opaque);
}

static void on_signal(uv_signal_t *signal, int number)
{
	(void)number;
	host.pending[signal - host.signal] = true;
}

int exec_host_start(int channel, struct error *error)
{
	if (uv_loop_init(&host.loop) < 0 ||
	    uv_async_init(&host.loop, &host.changed, on_changed) < 0)
		return error_set(error, "cannot make an event loop");
	for (size_t i = 0; i < NR_SIGNALS; i++) {
		uv_signal_init(&host.loop, &host.signal[i]);
		uv_signal_start(&host.signal[i], on_signal,
				signals[i].windows);
	}
	if (os_is_terminal(0))
		host.is_console = !uv_tty_init(&host.loop, &host.console, 0, 1);
	host.channel = channel;
	nt_socket_notify(channel, on_change, &host.changed);
	return 0;
}

void exec_host_stop(void)
{
	nt_socket_notify(host.channel, NULL, NULL);
	if (host.is_console)
		uv_tty_set_mode(&host.console, UV_TTY_MODE_NORMAL);
	/* A read that never ends may be under way: the loop stays as it is. */
	for (size_t i = 0; i < NR_SIGNALS; i++)
		uv_signal_stop(&host.signal[i]);
}

void exec_host_raw(void)
{
	if (host.is_console)
		uv_tty_set_mode(&host.console, UV_TTY_MODE_RAW);
}

struct colinux_agent_size exec_host_size(void)
{
	static const DWORD outputs[] = { STD_OUTPUT_HANDLE, STD_ERROR_HANDLE };
	CONSOLE_SCREEN_BUFFER_INFO info;

	for (int i = 0; i < 2; i++)
		if (GetConsoleScreenBufferInfo(GetStdHandle(outputs[i]),
					       &info))
			return (struct colinux_agent_size){
				info.srWindow.Bottom - info.srWindow.Top + 1,
				info.srWindow.Right - info.srWindow.Left + 1,
			};
	return (struct colinux_agent_size){ 24, 80 };
}

int exec_host_signal(void)
{
	for (size_t i = 0; i < NR_SIGNALS; i++)
		if (host.pending[i]) {
			host.pending[i] = false;
			return signals[i].linux_number;
		}
	return 0;
}

static bool has_signal(void)
{
	bool any = false;

	for (size_t i = 0; i < NR_SIGNALS; i++)
		any |= host.pending[i];
	return any;
}

/* --- Standard input --- */

static void take_input(ssize_t length)
{
	host.reading = false;
	host.arrived = true;
	host.start = 0;
	host.end = length > 0 ? length : 0;
	host.ended = length <= 0;
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	(void)handle;
	(void)suggested;
	/* One piece: what was not taken yet is not written over. */
	*buffer = host.arrived ? uv_buf_init(NULL, 0) :
				 uv_buf_init(host.input, sizeof(host.input));
}

static void on_typed(uv_stream_t *stream, ssize_t length, const uv_buf_t *buffer)
{
	(void)buffer;
	if (!length || length == UV_ENOBUFS)
		return;
	uv_read_stop(stream);
	take_input(length);
}

static void on_read(uv_fs_t *request)
{
	take_input(request->result);
	uv_fs_req_cleanup(request);
}

static void start_input(void)
{
	uv_buf_t buffer = uv_buf_init(host.input, sizeof(host.input));

	if (host.reading || host.arrived)
		return;
	host.reading = true;
	if (host.is_console) {
		if (uv_read_start((uv_stream_t *)&host.console, on_alloc,
				  on_typed) < 0)
			take_input(0);
	} else if (uv_fs_read(&host.loop, &host.request, 0, &buffer, 1, -1,
			      on_read) < 0) {
		take_input(0);
	}
}

unsigned int exec_host_wait(bool input)
{
	unsigned int what;

	if (input)
		start_input();
	for (;;) {
		what = (nt_socket_readable(host.channel) ? EXEC_CHANNEL : 0) |
		       (input && host.arrived ? EXEC_INPUT : 0) |
		       (has_signal() ? EXEC_SIGNAL : 0);
		/* Others get their turn also while one has always news. */
		uv_run(&host.loop, what ? UV_RUN_NOWAIT : UV_RUN_ONCE);
		if (what)
			return what;
	}
}

ssize_t exec_host_read(void *bytes, size_t room)
{
	size_t length = host.end - host.start;

	if (!host.arrived)
		return -1;
	if (length > room)
		length = room;
	memcpy(bytes, host.input + host.start, length);
	host.start += length;
	host.arrived = host.start < host.end;
	return length;
}

/* --- Standard output and error --- */

static void on_written(uv_fs_t *request)
{
	*(bool *)request->data = true;
}

int exec_host_write(int fd, const void *bytes, size_t length,
		    void (*signalled)(void *opaque), void *opaque)
{
	const char *at = bytes;

	while (length) {
		uv_buf_t buffer = uv_buf_init((char *)at, length);
		bool done = false;
		uv_fs_t request = { .data = &done };
		ssize_t written = uv_fs_write(&host.loop, &request, fd,
					      &buffer, 1, -1, on_written);

		while (!written && !done) {
			uv_run(&host.loop, UV_RUN_ONCE);
			if (has_signal())
				signalled(opaque);
		}
		if (done)
			written = request.result;
		uv_fs_req_cleanup(&request);
		if (written == UV_EPIPE || written == UV_EOF)
			return EPIPE;
		if (written <= 0)
			return EIO;
		at += written;
		length -= written;
	}
	return 0;
}
