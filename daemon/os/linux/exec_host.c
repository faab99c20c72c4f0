// SPDX-License-Identifier: GPL-2.0
/* Standard streams, signals and the terminal of `colinux exec`: exec_host.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "../../../agent/channel.h"
#include "../../exec_host.h"

static const int forwarded[] = {
	SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH,
};
#define NR_FORWARDED (sizeof(forwarded) / sizeof(forwarded[0]))
_Static_assert(EXEC_RESIZED == SIGWINCH, "by Linux' numbers");

static struct sigaction old[NR_FORWARDED];
static struct termios modes;	/* to be restored */
static bool raw;
static int channel_fd;
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

int exec_host_start(int channel, struct error *error)
{
	struct sigaction action = { .sa_handler = on_signal };

	if (pipe2(signal_pipe, O_CLOEXEC | O_NONBLOCK) < 0)
		return error_set(error, "cannot make a pipe: %s",
				 strerror(errno));
	channel_fd = channel;
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < NR_FORWARDED; i++) {
		sigaction(forwarded[i], NULL, &old[i]);
		/* What is ignored (nohup) stays so; not for the window. */
		if (old[i].sa_handler != SIG_IGN)
			sigaction(forwarded[i], &action, NULL);
	}
	return 0;
}

void exec_host_stop(void)
{
	if (raw)
		tcsetattr(0, TCSADRAIN, &modes);
	raw = false;
	for (size_t i = 0; i < NR_FORWARDED; i++)
		sigaction(forwarded[i], &old[i], NULL);
}

void exec_host_raw(void)
{
	struct termios wanted;

	if (tcgetattr(0, &modes) < 0)
		return;
	wanted = modes;
	cfmakeraw(&wanted);
	raw = tcsetattr(0, TCSADRAIN, &wanted) == 0;
}

struct colinux_agent_size exec_host_size(void)
{
	struct winsize window;

	for (int fd = 0; fd < 3; fd++)
		if (ioctl(fd, TIOCGWINSZ, &window) == 0 && window.ws_row)
			return (struct colinux_agent_size){ window.ws_row,
							    window.ws_col };
	return (struct colinux_agent_size){ 24, 80 };
}

int exec_host_signal(void)
{
	unsigned char number;

	return read(signal_pipe[0], &number, 1) == 1 ? number : 0;
}

unsigned int exec_host_wait(bool input)
{
	struct pollfd fds[3] = {
		{ .fd = channel_fd, .events = POLLIN },
		{ .fd = signal_pipe[0], .events = POLLIN },
		{ .fd = input ? 0 : -1, .events = POLLIN },
	};

	poll(fds, 3, CHANNEL_SILENCE_MS);
	return (fds[0].revents ? EXEC_CHANNEL : 0) |
	       (fds[1].revents ? EXEC_SIGNAL : 0) |
	       (fds[2].revents ? EXEC_INPUT : 0);
}

ssize_t exec_host_read(void *bytes, size_t room)
{
	ssize_t length = read(0, bytes, room);

	if (length < 0 && errno != EINTR && errno != EAGAIN)
		return 0;
	return length;
}

int exec_host_write(int fd, const void *bytes, size_t length,
		    void (*signalled)(void *opaque), void *opaque)
{
	struct pollfd fds[2] = {
		{ .fd = fd, .events = POLLOUT },
		{ .fd = signal_pipe[0], .events = POLLIN },
	};
	const char *at = bytes;
	ssize_t written;

	while (length) {
		/* A signal must get through although the reader is slow. */
		poll(fds, 2, -1);
		if (fds[1].revents)
			signalled(opaque);
		if (!fds[0].revents)
			continue;
		written = write(fd, at, length);
		if (written < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (written < 0)
			return errno;
		at += written;
		length -= written;
	}
	return 0;
}
