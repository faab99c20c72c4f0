// SPDX-License-Identifier: GPL-2.0
/* A channel's socket: see channel_io.h. */
#include "channel_io.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

static ssize_t result_of(ssize_t result)
{
	if (result >= 0)
		return result;
	return errno == EAGAIN || errno == EINTR ? CHANNEL_NOT_NOW :
						   CHANNEL_BROKEN;
}

ssize_t channel_io_read(int fd, void *bytes, size_t room)
{
	return result_of(recv(fd, bytes, room, MSG_DONTWAIT));
}

ssize_t channel_io_write(int fd, struct iovec *parts, int nr)
{
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = nr };

	return result_of(sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}

bool channel_io_wait(int fd, bool in, bool out, int timeout)
{
	struct pollfd poll_fd = {
		.fd = fd,
		.events = (in ? POLLIN : 0) | (out ? POLLOUT : 0),
	};

	return poll(&poll_fd, 1, timeout) > 0;
}
