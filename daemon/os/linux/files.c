// SPDX-License-Identifier: GPL-2.0
/* Descriptors on local sockets (unix(7), SCM_RIGHTS): see os.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../os.h"

#define MOST 8

const bool os_sockets_carry_files = true;

union control {
	struct cmsghdr header;
	char room[CMSG_SPACE(MOST * sizeof(int))];
};

int os_duplicate_socket(uv_os_fd_t socket)
{
	return fcntl(socket, F_DUPFD_CLOEXEC, 0);
}

int os_send_files(int socket, const char *text, const int *fds, int nr)
{
	union control control = { .room = "" };
	struct iovec iov = { (char *)text, strlen(text) + 1 };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = nr ? control.room : NULL,
		.msg_controllen = nr ? CMSG_SPACE(nr * sizeof(int)) : 0,
	};
	ssize_t sent;

	if (nr > MOST)
		return -EINVAL;
	if (nr) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(nr * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, nr * sizeof(int));
	}
	do
		sent = sendmsg(socket, &message, MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	return sent < 0 ? -errno : 0;
}

int os_receive_files(int socket, char *text, size_t room, int *fds, int most)
{
	union control control;
	struct iovec iov = { text, room };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room),
	};
	const struct cmsghdr *header;
	int got[MOST], nr = 0, i;
	ssize_t length;

	text[0] = '\0';
	do
		length = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
	while (length < 0 && errno == EINTR);
	if (length <= 0)
		return 0;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_level == SOL_SOCKET &&
	    header->cmsg_type == SCM_RIGHTS) {
		nr = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(got, CMSG_DATA(header), nr * sizeof(int));
	}
	if (nr > most || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ||
	    text[length - 1]) {
		for (i = 0; i < nr; i++)
			close(got[i]);
		text[0] = '\0';
		return 0;
	}
	memcpy(fds, got, nr * sizeof(int));
	return nr;
}

int os_told_files(uv_os_fd_t socket, char *line, char *text, size_t room,
		  int *fds, int most)
{
	/* Nobody is told: they are carried. */
	(void)socket;
	(void)line;
	(void)room;
	(void)fds;
	(void)most;
	text[0] = '\0';
	return 0;
}

void os_close_files(const int *fds, int nr)
{
	for (int i = 0; i < nr; i++)
		close(fds[i]);
}
