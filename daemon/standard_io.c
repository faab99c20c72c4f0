/* SPDX-License-Identifier: GPL-2.0 */
/* Standard input and output of a VM process: see standard_io.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
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

struct output {
	struct console *console;
	uint64_t position;	/* in it: what comes next */
	uint64_t dropped;	/* bytes that the log had and has no longer */
	bool log;
};

/*
 * Begin the log anew when it is full.  Others write to it as well (say(),
 * helpers), so its size is asked for; their lines are nowhere else and go.
 */
static void cut_log(struct output *output)
{
	const off_t size = lseek(1, 0, SEEK_END);
	uint64_t start = console_start(output->console);
	char note[CONSOLE_NOTE];
	uv_fs_t request;

	if (size < LOG_LIMIT || uv_fs_ftruncate(NULL, &request, 1, 0, NULL) < 0)
		return;
	uv_fs_req_cleanup(&request);
	/* The scrollback is written once more. */
	if (start > output->position)
		start = output->position;
	output->dropped += size - (output->position - start);
	output->position = start;
	write_all(note, snprintf(note, sizeof(note),
				 "[colinux: %" PRIu64 " bytes of the log "
				 "dropped]\n", output->dropped));
}

static void output_thread(void *opaque)
{
	struct output *output = opaque;
	char buffer[16 * 1024];
	size_t length;

	while (console_wait(output->console, output->position)) {
		if (output->log)
			cut_log(output);
		length = console_read_noted(output->console, &output->position,
					    buffer, sizeof(buffer));
		write_all(buffer, length);
	}
	free(output);
}

int standard_output_start(uv_thread_t *thread, struct console *console,
			  bool log)
{
	struct output *output = malloc(sizeof(*output));
	int result;

	if (!output)
		return UV_ENOMEM;
	*output = (struct output){ .console = console, .log = log };
	result = uv_thread_create(thread, output_thread, output);
	if (result < 0)
		free(output);
	return result;
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
