/* SPDX-License-Identifier: GPL-2.0 */
/* Standard input and output of a VM process: see standard_io.h. */
#include <errno.h>
#include <unistd.h>

#include "standard_io.h"

static void write_all(const char *text, size_t length)
{
	ssize_t written;

	while (length) {
		written = write(1, text, length);
		if (written < 0 && errno == EINTR)
			continue;
		/* Nobody reads any longer: the guest goes on all the same. */
		if (written <= 0)
			return;
		text += written;
		length -= written;
	}
}

static void output_thread(void *opaque)
{
	struct console *console = opaque;
	uint64_t position = 0;
	char buffer[16 * 1024];
	size_t length;

	while (console_wait(console, position)) {
		length = console_read_noted(console, &position, buffer,
					    sizeof(buffer));
		write_all(buffer, length);
	}
}

int standard_output_start(uv_thread_t *thread, struct console *console)
{
	return uv_thread_create(thread, output_thread, console);
}

static void input_thread(void *opaque)
{
	struct console *console = opaque;
	char buffer[4096];
	ssize_t length;

	for (;;) {
		length = read(0, buffer, sizeof(buffer));
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			return;
		console_input_all(console, buffer, length);
	}
}

int standard_input_start(struct console *console)
{
	uv_thread_t thread;

	return uv_thread_create(&thread, input_thread, console);
}
