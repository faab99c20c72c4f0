/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host's end of `colinux exec`: see exec.h.
 *
 * One loop over the channel, standard input and signals.  Output is written
 * before anything else is read from the channel, so a slow reader slows the
 * command down, as in a pipeline.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "exec.h"
#include "exec_host.h"
#include "x11.h"

/* 128 + SIGPIPE, as a shell says it. */
#define BROKEN_PIPE 141

struct exec {
	const struct exec_options *options;
	struct channel *channel;
	struct error *error;
	uint32_t window;	/* bytes of input that may be sent */
	bool input_open;
	int status;		/* -1 = it runs */
};

/* --- To the guest --- */

static void forward_signals(void *opaque)
{
	struct exec *exec = opaque;
	struct colinux_agent_size size;
	int number;

	while ((number = exec_host_signal())) {
		if (number != EXEC_RESIZED) {
			channel_send_number(exec->channel,
					    COLINUX_AGENT_SIGNAL, number);
		} else if (exec->options->tty) {
			size = exec_host_size();
			channel_send(exec->channel, COLINUX_AGENT_RESIZE,
				     &size, sizeof(size), NULL, 0);
		}
	}
}

static void send_input(struct exec *exec)
{
	static char buffer[COLINUX_AGENT_PAYLOAD];
	size_t room = sizeof(buffer);
	ssize_t length;

	if (room > exec->window)
		room = exec->window;
	length = exec_host_read(buffer, room);
	if (length < 0)
		return;
	if (!length)
		exec->input_open = false;
	exec->window -= length;
	channel_send(exec->channel, COLINUX_AGENT_STDIN, buffer, length, NULL,
		     0);
}

static int fits(const char *what, const char *text, struct error *error)
{
	if (!text || strlen(text) <= COLINUX_AGENT_PAYLOAD)
		return 0;
	return error_set(error, "%s is too long: %zu bytes, at most %u can be "
			 "sent", what, strlen(text), COLINUX_AGENT_PAYLOAD);
}

/* A frame that is too long would end the session, without a reason. */
static int check_lengths(const struct exec_options *options,
			 struct error *error)
{
	char what[40];

	for (int i = 0; options->argv[i]; i++) {
		snprintf(what, sizeof(what), "word %d of the command", i + 1);
		if (fits(what, options->argv[i], error) < 0)
			return -1;
	}
	for (int i = 0; i < options->nr_env; i++) {
		snprintf(what, sizeof(what), "-e number %d", i + 1);
		if (fits(what, options->env[i], error) < 0)
			return -1;
	}
	return fits("-u", options->user, error) < 0 ||
	       fits("-w", options->directory, error) < 0 ? -1 : 0;
}

static void describe(struct exec *exec)
{
	const struct exec_options *options = exec->options;
	struct channel *channel = exec->channel;
	struct colinux_agent_size size;
	const char *term = getenv("TERM");

	for (char **word = options->argv; *word; word++)
		channel_send_text(channel, COLINUX_AGENT_ARG, *word);
	if (options->tty) {
		size = exec_host_size();
		channel_send(channel, COLINUX_AGENT_TTY, &size, sizeof(size),
			     NULL, 0);
		channel_send(channel, COLINUX_AGENT_ENV, "TERM=", 5,
			     term && *term ? term : "dumb",
			     term && *term ? strlen(term) : 4);
	}
	for (int i = 0; i < options->nr_env; i++)
		channel_send_text(channel, COLINUX_AGENT_ENV,
				  options->env[i]);
	if (options->user)
		channel_send_text(channel, COLINUX_AGENT_USER, options->user);
	if (options->directory)
		channel_send_text(channel, COLINUX_AGENT_DIRECTORY,
				  options->directory);
	if (options->x11)
		channel_send(channel, COLINUX_AGENT_X11, NULL, 0, NULL, 0);
	channel_send_number(channel, COLINUX_AGENT_RUN, options->input);
}

/* --- From the guest --- */

static void take_output(struct exec *exec, const struct frame *frame, int fd)
{
	int problem = exec_host_write(fd, frame->payload, frame->length,
				      forward_signals, exec);

	if (!problem)
		return;
	if (problem == EPIPE) {
		/* As a program in a pipeline: quietly. */
		exec->status = BROKEN_PIPE;
		error_set(exec->error, "%s", "");
		return;
	}
	exec->status = COLINUX_AGENT_CANNOT;
	error_set(exec->error, "cannot write to standard %s: %s",
		  fd == 1 ? "output" : "error", strerror(problem));
}

static void take_frame(struct exec *exec, const struct frame *frame)
{
	switch (frame->type) {
	case COLINUX_AGENT_STDOUT:
		take_output(exec, frame, 1);
		break;
	case COLINUX_AGENT_STDERR:
		take_output(exec, frame, 2);
		break;
	case COLINUX_AGENT_WINDOW:
		exec->window += frame_number(frame);
		if (exec->window > COLINUX_AGENT_FIRST_WINDOW)
			exec->window = COLINUX_AGENT_FIRST_WINDOW;
		break;
	case COLINUX_AGENT_X11_CLIENT:
		if (exec->options->x11)
			x11_client(frame_number(frame));
		break;
	case COLINUX_AGENT_EXIT:
		exec->status = frame_number(frame) & 0xff;
		break;
	case COLINUX_AGENT_FAIL:
		exec->status = agent_failure(frame, exec->error) & 0xff;
		break;
	default:
		exec->status = COLINUX_AGENT_CANNOT;
		error_set(exec->error, "the agent in the guest speaks "
			  "nonsense");
	}
}

static void serve(struct exec *exec)
{
	unsigned int what = exec_host_wait(exec->input_open && exec->window);
	struct frame frame;

	if (!what && exec->channel->silence)
		exec->channel->silence(exec->channel->fd);
	if (what & EXEC_SIGNAL)
		forward_signals(exec);
	if (what & EXEC_INPUT)
		send_input(exec);
	if (what & EXEC_CHANNEL)
		channel_fill(exec->channel);
	while (exec->status < 0 && channel_next(exec->channel, &frame))
		take_frame(exec, &frame);
	if (exec->status < 0 && exec->channel->ended) {
		exec->status = COLINUX_AGENT_CANNOT;
		error_set(exec->error, "%s: the guest or its agent has ended "
			  "before the command", exec->options->name);
	}
}

int exec_run(const struct exec_options *options, struct channel *channel,
	     struct error *error)
{
	struct exec exec = {
		.options = options,
		.channel = channel,
		.error = error,
		.window = COLINUX_AGENT_FIRST_WINDOW,
		.input_open = options->input,
		.status = -1,
	};

	error_set(error, "%s", "");
	if (check_lengths(options, error) < 0 ||
	    exec_host_start(channel->fd, error) < 0)
		return COLINUX_AGENT_CANNOT;
	describe(&exec);
	if (options->tty)
		exec_host_raw();
	while (exec.status < 0)
		serve(&exec);
	exec_host_stop();
	return exec.status;
}
