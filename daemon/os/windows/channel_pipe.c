// SPDX-License-Identifier: GPL-2.0
/* A channel's socket on NT: see agent/channel_io.h. */
#include <errno.h>

#include "../../../agent/channel_io.h"
#include "socket.h"

static ssize_t result_of(ssize_t result)
{
	if (result >= 0)
		return result;
	return errno == EAGAIN ? CHANNEL_NOT_NOW : CHANNEL_BROKEN;
}

ssize_t channel_io_read(int fd, void *bytes, size_t room)
{
	struct iovec iov = { bytes, room };

	return result_of(os_socket_read(fd, &iov, 1));
}

ssize_t channel_io_write(int fd, struct iovec *parts, int nr)
{
	return result_of(os_socket_write(fd, parts, nr));
}

bool channel_io_wait(int fd, bool in, bool out, int timeout)
{
	return nt_socket_wait(fd, in, out, timeout);
}

/* Windows has no sockets to guests of its own (vsock=vhost). */

int os_connect_guest(uint32_t cid, uint32_t port, bool *again)
{
	(void)cid;
	(void)port;
	*again = false;
	errno = ENOSYS;
	return -1;
}

bool os_guest_socket_shut(int socket)
{
	(void)socket;
	return false;
}

void os_guest_socket_probe(int socket)
{
	(void)socket;
}
