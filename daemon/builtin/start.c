/* SPDX-License-Identifier: GPL-2.0 */
/*
 * colinux start: a guest in the background.  This command again, as
 * `colinux run --background`, in a session of its own; what it says until the
 * guest runs comes through a pipe, the line "ready NAME PID" at the end.  Others
 * may have that pipe for longer: nobody waits for its end then.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "../command.h"

struct start {
	uv_process_t process;
	uv_pipe_t output;
	bool ready, exited;
	int64_t status;
	char line[4096];
	size_t length;
};

static void take_line(struct start *start, const char *line)
{
	char name[CONFIG_NAME];
	int pid;

	if (sscanf(line, "ready %31s %d", name, &pid) == 2) {
		start->ready = true;
		printf("%s %d\n", name, pid);
	} else {
		fprintf(stderr, "%s\n", line);
	}
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct start *start = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(start->line + start->length,
			      sizeof(start->line) - 1 - start->length);
}

static void on_read(uv_stream_t *stream, ssize_t nread, const uv_buf_t *buffer)
{
	struct start *start = stream->data;
	char *at = start->line, *newline;

	(void)buffer;
	if (nread < 0) {
		uv_close((uv_handle_t *)stream, NULL);
		return;
	}
	start->length += nread;
	while ((newline = memchr(at, '\n', start->length))) {
		*newline = '\0';
		take_line(start, at);
		start->length -= newline + 1 - at;
		at = newline + 1;
		if (!start->ready)
			continue;
		/* Out of our hands; else its status is to come. */
		uv_close((uv_handle_t *)stream, NULL);
		if (!start->exited)
			uv_unref((uv_handle_t *)&start->process);
		return;
	}
	memmove(start->line, at, start->length);
	if (start->length == sizeof(start->line) - 1)
		start->length = 0;
}

static void on_child_exit(uv_process_t *process, int64_t status, int signal)
{
	struct start *start = process->data;

	start->exited = true;
	start->status = signal ? EXIT_OTHER : status;
	uv_close((uv_handle_t *)process, NULL);
}

static int spawn(struct start *start, char **arguments)
{
	uv_stdio_container_t stdio[3] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_CREATE_PIPE | UV_WRITABLE_PIPE,
		  .data.stream = (uv_stream_t *)&start->output },
		{ .flags = UV_IGNORE },
	};
	uv_process_options_t options = {
		.file = arguments[0],
		.args = arguments,
		.stdio = stdio,
		.stdio_count = 3,
		.exit_cb = on_child_exit,
		.flags = UV_PROCESS_DETACHED | UV_PROCESS_WINDOWS_HIDE,
	};
	uv_loop_t *loop = uv_default_loop();
	int result;

	uv_pipe_init(loop, &start->output, 0);
	start->output.data = start;
	start->process.data = start;
	result = uv_spawn(loop, &start->process, &options);
	if (result < 0) {
		say("cannot start %s: %s", arguments[0], uv_strerror(result));
		return EXIT_OTHER;
	}
	uv_read_start((uv_stream_t *)&start->output, on_alloc, on_read);
	uv_run(loop, UV_RUN_DEFAULT);
	if (start->ready)
		return 0;
	if (start->exited && start->status)
		return start->status;
	say("the guest has not started");
	return EXIT_OTHER;
}

int cmd_start(int argc, char **argv)
{
	char self[CONFIG_PATH];
	size_t length = sizeof(self);
	struct start *start;
	char **arguments;
	int status, nr = 0;

	if (wants_help("start", argc, argv))
		return 0;
	if (argc < 2)
		return usage_error("start", "give a configuration");
	if (uv_exepath(self, &length) < 0) {
		say("cannot find this program itself");
		return EXIT_OTHER;
	}
	start = calloc(1, sizeof(*start));
	arguments = calloc(argc + 4, sizeof(*arguments));
	if (!start || !arguments) {
		free(start);
		free(arguments);
		say("out of memory");
		return EXIT_OTHER;
	}
	arguments[nr++] = self;
	arguments[nr++] = "run";
	arguments[nr++] = "--background";
	for (int i = 1; i < argc; i++)
		arguments[nr++] = argv[i];
	status = spawn(start, arguments);
	free(arguments);
	free(start);
	return status;
}
