// SPDX-License-Identifier: GPL-2.0
/*
 * X programs that a command starts: their display is a socket here, the user's
 * alone.  For each connection to it we listen at a port of vsock for one from
 * the host, tell the host which, and pass bytes between the two, in a process
 * of its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <linux/vm_sockets.h>
#include <unistd.h>

#include "../../agent/relay.h"
#include "agent.h"

#define DIRECTORY "/tmp/.X11-unix"	/* where X programs look, by X's rules */
#define FIRST 10			/* as for ssh: below are X servers' own */
#define DISPLAYS 90
#define HOST_MS 10000			/* for the host to come */

static struct sockaddr_un address = { .sun_family = AF_UNIX };

/* Made if it is not there; a link, or somebody's own, is none. */
static int directory_problem(void)
{
	struct stat status;
	int made;

	umask(0);
	made = mkdirat(AT_FDCWD, DIRECTORY, 01777);
	umask(022);
	if (made < 0 && errno != EEXIST)
		return errno;
	if (fstatat(AT_FDCWD, DIRECTORY, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return errno;
	return S_ISDIR(status.st_mode) && status.st_uid == geteuid() ? 0 :
								       EPERM;
}

/* ":10", and its socket's name in `address`. */
static void name_display(int number, char name[4])
{
	static const char path[] = DIRECTORY "/X";

	name[0] = ':';
	name[1] = (char)('0' + number / 10);
	name[2] = (char)('0' + number % 10);
	name[3] = '\0';
	memcpy(address.sun_path, path, sizeof(path) - 1);
	memcpy(address.sun_path + sizeof(path) - 1, name + 1, 3);
}

int x11_listen(struct session *session, const struct user *user)
{
	int error = directory_problem(), bound = -1;
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char name[4];

	if (error)
		session_fail(session, COLINUX_AGENT_CANNOT,
			     "no display in the guest", DIRECTORY, error);
	umask(0177);
	for (int i = 0; bound < 0 && i < DISPLAYS; i++) {
		name_display(FIRST + i, name);
		bound = bind(listener, (struct sockaddr *)&address,
			     sizeof(address));
		if (bound < 0 && errno != EADDRINUSE)
			break;
	}
	umask(022);
	if (bound < 0 ||
	    fchownat(AT_FDCWD, address.sun_path, user->uid, user->gid,
		     AT_SYMLINK_NOFOLLOW) < 0 || listen(listener, 16) < 0)
		session_fail(session, COLINUX_AGENT_CANNOT,
			     "no display in the guest", address.sun_path,
			     errno);
	if (!session_setenv(session, "DISPLAY", name))
		session_fail(session, COLINUX_AGENT_CANNOT,
			     "the environment is too long", NULL, 0);
	return listener;
}

/* A socket that listens at a port of its own; the port, or 0. */
static uint32_t listen_for_host(int stream)
{
	struct sockaddr_vm here = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = VMADDR_PORT_ANY,
	};
	socklen_t length = sizeof(here);

	if (bind(stream, (struct sockaddr *)&here, sizeof(here)) < 0 ||
	    listen(stream, 1) < 0 ||
	    getsockname(stream, (struct sockaddr *)&here, &length) < 0)
		return 0;
	return here.svm_port;
}

/* The connection from the host, not from a program here; -1: none came. */
static int accept_host(int stream)
{
	struct pollfd poll_fd = { .fd = stream, .events = POLLIN };

	while (poll(&poll_fd, 1, HOST_MS) > 0) {
		struct sockaddr_vm peer = { .svm_cid = VMADDR_CID_ANY };
		socklen_t length = sizeof(peer);
		int fd = accept4(stream, (struct sockaddr *)&peer, &length,
				 SOCK_CLOEXEC);

		if (fd >= 0 && peer.svm_cid == VMADDR_CID_HOST &&
		    peer.svm_port <= COLINUX_AGENT_PEERS)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

/* Has nothing of the session open: that ends when it ends. */
__attribute__((noreturn))
static void pass_on(int client, int stream)
{
	int host;

	dup2(client, 0);
	dup2(stream, 1);
	close_range(2, ~0u, 0);
	host = accept_host(1);
	if (host >= 0)
		relay(0, host);
	_exit(0);
}

void x11_accept(struct session *session, int listener)
{
	int client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	int stream = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint32_t port = client < 0 || stream < 0 ? 0 : listen_for_host(stream);

	if (port && !fork())
		pass_on(client, stream);
	if (client >= 0)
		close(client);
	if (stream >= 0)
		close(stream);
	if (port)
		channel_send_number(&session->channel, COLINUX_AGENT_X11_CLIENT,
				    port);
}

void x11_end(void)
{
	unlinkat(AT_FDCWD, address.sun_path, 0);
}
