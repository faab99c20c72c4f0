/* SPDX-License-Identifier: GPL-2.0 */
/* Running other programs: see program.h. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "os.h"
#include "program.h"

/* mke2fs and chroot are in sbin, which users' PATH may lack. */
#define SYSTEM_PATH "/usr/sbin:/sbin:/usr/bin:/bin"

struct program {
	uv_process_t process;
	uv_pipe_t input;
	uv_write_t write;
	uv_signal_t signals[2];
	bool has_input;
	int64_t status;
	int signal;
	bool interrupted;
};

static bool find_program(const char *list, const char *name, char *path,
			 size_t room)
{
	while (list && *list) {
		size_t length = strcspn(list, ":");
		int used = snprintf(path, room, "%.*s/%s", (int)length, list,
				    name);

		if (length && used > 0 && (size_t)used < room &&
		    os_file_kind(path) == OS_FILE_REGULAR)
			return true;
		list += length;
		list += *list == ':';
	}
	return false;
}

static bool find_anywhere(const char *name, char *path, size_t room)
{
	return find_program(getenv("PATH"), name, path, room) ||
	       find_program(SYSTEM_PATH, name, path, room);
}

bool program_exists(const char *name)
{
	char path[4096];

	return find_anywhere(name, path, sizeof(path));
}

static void on_signal(uv_signal_t *signal, int number)
{
	struct program *program = signal->data;

	program->interrupted = true;
	uv_process_kill(&program->process, number);
}

static void on_child_exit(uv_process_t *process, int64_t status, int signal)
{
	struct program *program = process->data;

	program->status = status;
	program->signal = signal;
	uv_close((uv_handle_t *)process, NULL);
	for (int i = 0; i < 2; i++)
		uv_close((uv_handle_t *)&program->signals[i], NULL);
	if (program->has_input &&
	    !uv_is_closing((uv_handle_t *)&program->input))
		uv_close((uv_handle_t *)&program->input, NULL);
}

static void on_written(uv_write_t *write, int status)
{
	struct program *program = write->data;

	(void)status;
	if (!uv_is_closing((uv_handle_t *)&program->input))
		uv_close((uv_handle_t *)&program->input, NULL);
}

static int run(struct program *program, uv_loop_t *loop, const char *path,
	       const char *const arguments[], const char *input)
{
	static const int numbers[] = { SIGINT, SIGTERM };
	uv_stdio_container_t stdio[3] = {
		{ .flags = UV_IGNORE },
		{ .flags = UV_INHERIT_FD, .data.fd = 1 },
		{ .flags = UV_INHERIT_FD, .data.fd = 2 },
	};
	uv_process_options_t options = {
		.file = path,
		.args = (char **)arguments,
		.stdio = stdio,
		.stdio_count = 3,
		.exit_cb = on_child_exit,
	};
	uv_buf_t text = uv_buf_init((char *)input, input ? strlen(input) : 0);
	int result;

	program->process.data = program;
	if (input) {
		program->has_input = true;
		uv_pipe_init(loop, &program->input, 0);
		stdio[0].flags = UV_CREATE_PIPE | UV_READABLE_PIPE;
		stdio[0].data.stream = (uv_stream_t *)&program->input;
	}
	result = uv_spawn(loop, &program->process, &options);
	if (result < 0) {
		uv_close((uv_handle_t *)&program->process, NULL);
		if (input)
			uv_close((uv_handle_t *)&program->input, NULL);
		return result;
	}
	for (int i = 0; i < 2; i++) {
		uv_signal_init(loop, &program->signals[i]);
		program->signals[i].data = program;
		uv_signal_start(&program->signals[i], on_signal, numbers[i]);
	}
	if (input) {
		program->write.data = program;
		uv_write(&program->write, (uv_stream_t *)&program->input,
			 &text, 1, on_written);
	}
	return 0;
}

int program_run(const char *const arguments[], const char *input,
		struct error *error)
{
	struct program program = { 0 };
	char path[4096];
	uv_loop_t loop;
	int result;

	if (!find_anywhere(arguments[0], path, sizeof(path)))
		return error_set(error, "%s is missing", arguments[0]);
	result = uv_loop_init(&loop);
	if (result < 0)
		return error_set(error, "%s", uv_strerror(result));
	result = run(&program, &loop, path, arguments, input);
	uv_run(&loop, UV_RUN_DEFAULT);
	uv_loop_close(&loop);
	if (result < 0)
		return error_set(error, "cannot run %s: %s", path,
				 uv_strerror(result));
	if (program.interrupted)
		return error_set(error, "interrupted");
	if (program.signal)
		return error_set(error, "%s was ended by signal %d",
				 arguments[0], program.signal);
	if (program.status)
		return error_set(error, "%s failed (status %d)", arguments[0],
				 (int)program.status);
	return 0;
}
