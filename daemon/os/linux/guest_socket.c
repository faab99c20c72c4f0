// SPDX-License-Identifier: GPL-2.0
/* Sockets to a guest by the host's kernel (vsock=vhost): see os.h. */
#include <errno.h>
#include <sys/socket.h>
#include <linux/vm_sockets.h>
#include <unistd.h>

#include <colinux/agent.h>

#include "../../os.h"

/*
 * A port of those that the agent serves, from 1.  Any: the last packet of who
 * was killed may still come, and would end who has its port next.
 */
static int bind_reserved(int fd)
{
	struct sockaddr_vm from = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
	};
	unsigned int first;

	if (os_random(&first, sizeof(first)) != sizeof(first))
		first = getpid();
	for (unsigned int i = 0; i < COLINUX_AGENT_PEERS; i++) {
		from.svm_port = 1 + (first + i) % COLINUX_AGENT_PEERS;
		if (!bind(fd, (struct sockaddr *)&from, sizeof(from)))
			return 0;
		if (errno != EADDRINUSE)
			break;
	}
	return -1;
}

int os_connect_guest(uint32_t cid, uint32_t port, bool *again)
{
	const struct sockaddr_vm to = {
		.svm_family = AF_VSOCK,
		.svm_cid = cid,
		.svm_port = port,
	};
	int reason, fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*again = fd >= 0 && !bind_reserved(fd);
	if (*again && !connect(fd, (const struct sockaddr *)&to, sizeof(to)))
		return fd;
	reason = errno;
	if (fd >= 0)
		close(fd);
	errno = reason;
	return -1;
}

/*
 * A new size of our buffer is told to the other side at once, whatever is under
 * way (since Linux 5.5).  One byte more: with less, what is sent meanwhile might
 * not have room.
 */
void os_guest_socket_probe(int socket)
{
	socklen_t length = sizeof(uint64_t);
	uint64_t size;

	if (getsockopt(socket, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &size,
		       &length) < 0)
		return;
	size++;
	setsockopt(socket, AF_VSOCK, SO_VM_SOCKETS_BUFFER_MAX_SIZE, &size,
		   sizeof(size));
	setsockopt(socket, AF_VSOCK, SO_VM_SOCKETS_BUFFER_SIZE, &size,
		   sizeof(size));
}

bool os_guest_socket_shut(int socket)
{
	socklen_t size = sizeof(int);
	int domain;

	return !getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &size) &&
	       domain == AF_VSOCK && !shutdown(socket, SHUT_WR);
}
