/* SPDX-License-Identifier: GPL-2.0 */
/* Sessions with the agent in a guest: see agent.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "../agent/channel_io.h"
#include "agent.h"
#include "os.h"
#include "protocol.h"

#define MS 1000000ull
/* Between two tries: a guest that boots says nothing when it is ready. */
#define FIRST_PAUSE_MS 20
#define LONGEST_PAUSE_MS 250
#define TIMEOUT_MAX 86400
#define PORT_MS 10000		/* for a port that is said to be there */
/* agent_disconnect() */
#define LAST_MS 1000

struct attempt {
	const struct runtime *runtime;
	uint64_t end;		/* uv_hrtime() */
	struct error *error;
	bool again;		/* this failure may pass */
};

/* Until something can be read; false when the time is over. */
static bool wait_readable(int fd, uint64_t end)
{
	uint64_t now;

	/* Less than the time that is left may be a signal's doing. */
	do {
		now = uv_hrtime();
		if (channel_io_wait(fd, true, false,
				    now < end ? (end - now) / MS + 1 : 0))
			return true;
	} while (now < end);
	return false;
}

static int may_pass(struct attempt *attempt, const char *what)
{
	attempt->again = true;
	return error_set(attempt->error, "%s: no answer from the guest's "
			 "agent: %s", attempt->runtime->name, what);
}

/* The answer to CONNECT, and not a byte more. */
static int read_line(struct attempt *attempt, int fd, char *line, size_t room)
{
	size_t used = 0;
	ssize_t got;

	while (used + 1 < room) {
		if (!wait_readable(fd, attempt->end))
			return may_pass(attempt, "it does not answer");
		got = channel_io_read(fd, line + used, 1);
		if (got == CHANNEL_NOT_NOW)
			continue;
		if (got != 1)
			return may_pass(attempt, "the connection was closed");
		if (line[used] == '\n')
			break;
		used++;
	}
	line[used] = '\0';
	protocol_clean(line);
	return 0;
}

/* By the host's kernel.  A socket or -1. */
static int connect_cid(struct attempt *attempt, uint32_t cid, uint32_t port)
{
	int fd = os_connect_guest(cid, port, &attempt->again);

	if (fd >= 0)
		return fd;
	if (attempt->again)
		return may_pass(attempt, strerror(errno));
	return error_set(attempt->error, "%s: no reserved port of vsock: %s",
			 attempt->runtime->name, strerror(errno));
}

/* By the VM's process.  A socket or -1. */
static int connect_socket(struct attempt *attempt)
{
	int fd = os_connect(attempt->runtime->vsock);

	if (fd >= 0)
		return fd;
	if (errno == EAGAIN || errno == EINTR)
		return may_pass(attempt, strerror(errno));
	return error_set(attempt->error, "%s: %s: %s: does it run with "
			 "vsock=off?", attempt->runtime->name,
			 attempt->runtime->vsock, strerror(errno));
}

static int ask_for_port(struct attempt *attempt, int fd, uint32_t port)
{
	char line[128];
	struct iovec iov = { .iov_base = line };

	iov.iov_len = snprintf(line, sizeof(line), "CONNECT %u\n", port);
	/* Into an empty socket: all of it. */
	if (channel_io_write(fd, &iov, 1) < 0)
		return may_pass(attempt, "the connection was closed");
	if (read_line(attempt, fd, line, sizeof(line)) < 0)
		return -1;
	if (!strncmp(line, "OK ", 3))
		return 0;
	return may_pass(attempt, !strncmp(line, "ERR ", 4) ? line + 4 : line);
}

uint32_t agent_failure(const struct frame *frame, struct error *error)
{
	struct colinux_agent_fail fail = { COLINUX_AGENT_CANNOT };
	char text[ERROR_TEXT];
	size_t length;

	if (frame->length < sizeof(fail)) {
		error_set(error, "a failure without a reason");
		return fail.problem;
	}
	memcpy(&fail, frame->payload, sizeof(fail));
	length = frame->length - sizeof(fail);
	if (length > sizeof(text) - 1)
		length = sizeof(text) - 1;
	memcpy(text, frame->payload + sizeof(fail), length);
	text[length] = '\0';
	protocol_clean(text);
	error_set(error, "%s", text);
	return fail.problem;
}

static int say_hello(struct attempt *attempt, struct channel *channel)
{
	struct error problem;
	struct frame frame;

	channel_send_number(channel, COLINUX_AGENT_HELLO,
			    COLINUX_AGENT_VERSION);
	while (!channel_next(channel, &frame)) {
		if (channel->ended)
			return may_pass(attempt, "it has ended");
		if (!wait_readable(channel->fd, attempt->end))
			return may_pass(attempt, "it does not answer");
		channel_fill(channel);
	}
	if (frame.type == COLINUX_AGENT_READY)
		return 0;
	if (frame.type != COLINUX_AGENT_FAIL)
		return error_set(attempt->error, "%s: the agent in the guest "
				 "speaks nonsense", attempt->runtime->name);
	if (agent_failure(&frame, &problem) == COLINUX_AGENT_NOT_YET)
		return may_pass(attempt, problem.text);
	return error_set(attempt->error, "%s: %.400s", attempt->runtime->name,
			 problem.text);
}

/* To a port of the guest's, by either way.  A socket or -1. */
static int connect_port(struct attempt *attempt, uint32_t port)
{
	uint32_t cid = runtime_cid(attempt->runtime);
	int fd;

	attempt->again = false;
	if (cid)
		return connect_cid(attempt, cid, port);
	fd = connect_socket(attempt);
	if (fd < 0 || !ask_for_port(attempt, fd, port))
		return fd;
	os_socket_close(fd);
	return -1;
}

static int try_once(struct attempt *attempt, struct channel *channel)
{
	int fd = connect_port(attempt, COLINUX_AGENT_PORT);

	if (fd < 0)
		return -1;
	channel_init(channel, fd);
	/* A guest that restarts says nothing by itself. */
	if (runtime_cid(attempt->runtime))
		channel->silence = os_guest_socket_probe;
	if (!say_hello(attempt, channel))
		return 0;
	os_socket_close(fd);
	return -1;
}

int agent_connect(const struct runtime *runtime, unsigned int timeout,
		  struct channel *channel, struct error *error)
{
	struct attempt attempt = {
		.runtime = runtime,
		.end = uv_hrtime() + timeout * 1000 * MS,
		.error = error,
	};
	int pause = FIRST_PAUSE_MS;

	while (try_once(&attempt, channel) < 0) {
		if (!attempt.again)
			return -1;
		if (!runtime_is_running(runtime))
			return error_set(error, "%s has ended", runtime->name);
		if (uv_hrtime() >= attempt.end)
			return -1;
		uv_sleep(pause);
		pause = pause * 2 < LONGEST_PAUSE_MS ? pause * 2 :
						       LONGEST_PAUSE_MS;
	}
	return 0;
}

int agent_connect_port(const struct runtime *runtime, uint32_t port,
		       struct error *error)
{
	struct attempt attempt = {
		.runtime = runtime,
		.end = uv_hrtime() + PORT_MS * MS,
		.error = error,
	};

	return connect_port(&attempt, port);
}

void agent_disconnect(struct channel *channel)
{
	const uint64_t end = uv_hrtime() + LAST_MS * MS;

	if (os_guest_socket_shut(channel->fd)) {
		while (!channel->ended && uv_hrtime() < end &&
		       wait_readable(channel->fd, end)) {
			/* What still comes is for nobody. */
			channel->start = channel->end = 0;
			channel_fill(channel);
		}
	}
	os_socket_close(channel->fd);
}

int agent_parse_timeout(const char *text)
{
	unsigned long seconds;
	char *end;

	if (*text < '0' || *text > '9')
		return -1;
	seconds = strtoul(text, &end, 10);
	return *end || seconds > TIMEOUT_MAX ? -1 : (int)seconds;
}
