/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host's end of `colinux exec`: see exec.h.
 *
 * One loop over the socket, standard input and a pipe that the signal handler
 * writes to.  Output is written before anything else is read from the socket,
 * so a slow reader slows the command down, as in a pipeline.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "agent.h"
#include "exec.h"

static const int forwarded[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH,
};
#define NR_FORWARDED (sizeof(forwarded) / sizeof(forwarded[0]))

struct exec {
	const struct exec_options *options;
	struct channel *channel;
	struct error *error;
	uint32_t window;	/* bytes of input that may be sent */
	bool input_open;
	int status;		/* -1 = it runs */
	struct sigaction old[NR_FORWARDED];
	bool raw;
	struct termios modes;	/* to be restored */
};

static int signal_pipe[2] = { -1, -1 };

static void on_signal(int number)
{
	unsigned char byte = number;
	int saved = errno;

	/* A full pipe has news enough in it. */
	if (write(signal_pipe[1], &byte, 1) < 0)
		errno = 0;
	errno = saved;
}

static void catch_signals(struct exec *exec)
{
	struct sigaction action = { .sa_handler = on_signal };

	for (size_t i = 0; i < NR_FORWARDED; i++) {
		sigaction(forwarded[i], NULL, &exec->old[i]);
		/* What is ignored (nohup) stays so; not for the window. */
		if (exec->old[i].sa_handler != SIG_IGN)
			sigaction(forwarded[i], &action, NULL);
	}
}

static void release_signals(struct exec *exec)
{
	for (size_t i = 0; i < NR_FORWARDED; i++)
		sigaction(forwarded[i], &exec->old[i], NULL);
}

/* --- The terminal --- */

static struct colinux_agent_size terminal_size(void)
{
	struct winsize window;

	for (int fd = 0; fd < 3; fd++)
		if (ioctl(fd, TIOCGWINSZ, &window) == 0 && window.ws_row)
			return (struct colinux_agent_size){ window.ws_row,
							    window.ws_col };
	return (struct colinux_agent_size){ 24, 80 };
}

static void make_raw(struct exec *exec)
{
	struct termios raw;

	if (!exec->options->tty || tcgetattr(0, &exec->modes) < 0)
		return;
	raw = exec->modes;
	cfmakeraw(&raw);
	exec->raw = tcsetattr(0, TCSADRAIN, &raw) == 0;
}

static void restore(struct exec *exec)
{
	if (exec->raw)
		tcsetattr(0, TCSADRAIN, &exec->modes);
	exec->raw = false;
}

/* --- To the guest --- */

static void forward_signals(struct exec *exec)
{
	struct colinux_agent_size size;
	unsigned char number;

	while (read(signal_pipe[0], &number, 1) == 1) {
		if (number != SIGWINCH) {
			channel_send_number(exec->channel,
					    COLINUX_AGENT_SIGNAL, number);
		} else if (exec->options->tty) {
			size = terminal_size();
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
	length = read(0, buffer, room);
	if (length < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (length <= 0) {
		exec->input_open = false;
		length = 0;
	}
	exec->window -= length;
	channel_send(exec->channel, COLINUX_AGENT_STDIN, buffer, length, NULL,
		     0);
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
		size = terminal_size();
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
	channel_send_number(channel, COLINUX_AGENT_RUN, options->input);
}

/* --- From the guest --- */

/* All of it, whatever comes between; false = nobody reads any longer. */
static bool write_out(struct exec *exec, int fd, const uint8_t *bytes,
		      size_t length)
{
	struct pollfd fds[2] = {
		{ .fd = fd, .events = POLLOUT },
		{ .fd = signal_pipe[0], .events = POLLIN },
	};
	ssize_t written;

	while (length) {
		/* A signal must get through although the reader is slow. */
		poll(fds, 2, -1);
		if (fds[1].revents)
			forward_signals(exec);
		if (!fds[0].revents)
			continue;
		written = write(fd, bytes, length);
		if (written < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (written < 0)
			return false;
		bytes += written;
		length -= written;
	}
	return true;
}

static void take_output(struct exec *exec, const struct frame *frame, int fd)
{
	if (write_out(exec, fd, frame->payload, frame->length))
		return;
	if (errno == EPIPE) {
		/* As a program in a pipeline: quietly. */
		exec->status = 128 + SIGPIPE;
		error_set(exec->error, "%s", "");
		return;
	}
	exec->status = COLINUX_AGENT_CANNOT;
	error_set(exec->error, "cannot write to standard %s: %s",
		  fd == 1 ? "output" : "error", strerror(errno));
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
	bool reads = exec->input_open && exec->window;
	struct pollfd fds[3] = {
		{ .fd = exec->channel->fd, .events = POLLIN },
		{ .fd = signal_pipe[0], .events = POLLIN },
		{ .fd = reads ? 0 : -1, .events = POLLIN },
	};
	struct frame frame;

	poll(fds, 3, -1);
	if (fds[1].revents)
		forward_signals(exec);
	if (fds[2].revents)
		send_input(exec);
	if (fds[0].revents)
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
	if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) < 0) {
		error_set(error, "cannot make a pipe: %s", strerror(errno));
		return COLINUX_AGENT_CANNOT;
	}
	signal(SIGPIPE, SIG_IGN);
	catch_signals(&exec);
	describe(&exec);
	make_raw(&exec);
	while (exec.status < 0)
		serve(&exec);
	restore(&exec);
	release_signals(&exec);
	return exec.status;
}
