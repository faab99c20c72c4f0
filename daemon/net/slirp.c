// SPDX-License-Identifier: GPL-2.0
/* Starting the slirp process: see slirp.h for what is said between the two. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../os.h"
#include "backend.h"
#include "slirp.h"

/* It binds a few ports and answers; anything longer is a fault. */
#define ANSWER_MS 10000

/* Wait for the first message. */
static int hear(int fd, const char *key, struct error *error)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char text[ERROR_TEXT];
	ssize_t length;

	if (poll(&wait, 1, ANSWER_MS) != 1)
		return error_set(error, "%s: the slirp process does not answer",
				 key);
	length = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);
	if (length < 1)
		return error_set(error, "%s: the slirp process has ended: %s",
				 key, length ? strerror(errno) : "no reason");
	text[length] = '\0';
	return text[0] == NET_SLIRP_READY ? 0 : error_set(error, "%s", text);
}

int net_slirp_open(const struct net_options *options, const char *key,
		   const char *name, bool sandbox, struct error *error)
{
	const int room = 1024 * 1024;
	const char *const arguments[] = {
		"colinux", "--slirp", name, key, options->text,
		sandbox ? "on" : "off", NULL
	};
	int pair[2], failed;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK,
		       0, pair) < 0)
		return error_set(error, "%s: no sockets for slirp: %s", key,
				 strerror(errno));
	/* More room than others have, where we may; without it works, too. */
	if (setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &room,
		       sizeof(room)) < 0 ||
	    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUFFORCE, &room,
		       sizeof(room)) < 0) {
		setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
		setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	}
	failed = os_spawn_self(arguments, &pair[1], 1, error);
	close(pair[1]);
	if (failed < 0 || hear(pair[0], key, error) < 0) {
		close(pair[0]);
		return -1;
	}
	return pair[0];
}
