// SPDX-License-Identifier: GPL-2.0
/* Running this program as `colinux`; see child.h. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

#include "../virtio/tap.h"
#include "child.h"

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void become_colinux(const char *const words[])
{
	const char *arguments[64] = { getenv("FAKE_NAME") };
	const char *output = getenv("FAKE_OUTPUT");
	int nr = 1;

	if (!arguments[0])
		arguments[0] = "colinux";
	/* As the shell's >>. */
	if (output)
		dup2(open(output, O_WRONLY | O_APPEND | O_CLOEXEC), 1);
	for (; *words && nr < 63; words++)
		arguments[nr++] = *words;
	setenv("FAKE_COLINUX", "1", 1);
	/* A VM process leaves much to the end of the process. */
	setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
	execv("/proc/self/exe", (char **)arguments);
	_exit(127);
}

void child_start(struct child *child, bool terminal, const char *const words[])
{
	struct winsize size = { .ws_row = 25, .ws_col = 80 };
	int in[2], out[2];

	memset(child, 0, sizeof(*child));
	if (terminal) {
		child->pid = forkpty(&child->in, NULL, NULL, &size);
		if (child->pid < 0)
			die("forkpty");
		if (!child->pid)
			become_colinux(words);
		child->out = child->in;
		return;
	}
	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		die("pipe");
	child->pid = fork();
	if (child->pid < 0)
		die("fork");
	if (!child->pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		become_colinux(words);
	}
	close(in[0]);
	close(out[1]);
	child->in = in[1];
	child->out = out[0];
}

void child_type(struct child *child, const char *text)
{
	if (write(child->in, text, strlen(text)) < 0)
		note("cannot type: %s", strerror(errno));
}

/* Read what there is, waiting up to `limit` ms; false at the end. */
static bool take_output(struct child *child, int limit)
{
	struct pollfd wait = { .fd = child->out, .events = POLLIN };
	ssize_t length;

	if (poll(&wait, 1, limit) <= 0)
		return true;
	length = read(child->out, child->text + child->length,
		      sizeof(child->text) - 1 - child->length);
	if (length <= 0)
		return false;
	child->length += length;
	return true;
}

bool child_expect(struct child *child, const char *text)
{
	long end = now_ms() + CHILD_LIMIT_MS;

	while (!strstr(child->text, text)) {
		if (now_ms() >= end || !take_output(child, 1000))
			break;
	}
	if (strstr(child->text, text))
		return true;
	note("waited for \"%s\", have: %s", text, child->text);
	return false;
}

int child_end(struct child *child)
{
	int pidfd = syscall(SYS_pidfd_open, child->pid, 0);
	struct pollfd wait[2] = {
		{ .fd = pidfd, .events = POLLIN },
		{ .fd = child->out, .events = POLLIN },
	};
	long end = now_ms() + CHILD_LIMIT_MS;
	int status = -1;

	while (now_ms() < end) {
		poll(wait, 2, 1000);
		if (wait[1].revents && !take_output(child, 0))
			wait[1].fd = -1;
		if (wait[0].revents)
			break;
	}
	if (waitpid(child->pid, &status, WNOHANG) != child->pid) {
		kill(child->pid, SIGKILL);
		waitpid(child->pid, &status, 0);
		note("did not end, has printed: %s", child->text);
		status = -1;
	} else {
		while (wait[1].fd >= 0 && poll(&wait[1], 1, 0) > 0 &&
		       take_output(child, 0))
			;
		status = WIFEXITED(status) ? WEXITSTATUS(status) :
					     128 + WTERMSIG(status);
	}
	close(pidfd);
	close(child->in);
	if (child->out != child->in)
		close(child->out);
	return status;
}

int child_run(struct child *child, const char *const words[])
{
	int status;

	child_start(child, false, words);
	status = child_end(child);
	/* So that it can be part of a test's name. */
	while (child->length && child->text[child->length - 1] == '\n')
		child->text[--child->length] = '\0';
	return status;
}

bool wait_for_path(const char *path)
{
	long end = now_ms() + CHILD_LIMIT_MS;
	char directory[512], event[512];
	struct pollfd wait;
	bool there;

	strncpy(directory, path, sizeof(directory) - 1);
	directory[sizeof(directory) - 1] = '\0';
	*strrchr(directory, '/') = '\0';
	wait.fd = inotify_init1(IN_CLOEXEC);
	wait.events = POLLIN;
	inotify_add_watch(wait.fd, directory, IN_CREATE | IN_MOVED_TO);
	while (!(there = access(path, F_OK) == 0) && now_ms() < end)
		if (poll(&wait, 1, 1000) > 0 &&
		    read(wait.fd, event, sizeof(event)) < 0)
			break;
	close(wait.fd);
	return there;
}
