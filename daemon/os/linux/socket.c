// SPDX-License-Identifier: GPL-2.0
/* Local stream sockets, without waiting, and watching many: see os.h. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../../os.h"

int os_accept(int listener)
{
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static int connect_to(const char *path, int flags)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int reason, fd;

	if (snprintf(at.sun_path, sizeof(at.sun_path), "%s", path) >=
	    (int)sizeof(at.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd < 0 || !connect(fd, (struct sockaddr *)&at, sizeof(at)))
		return fd;
	reason = errno;
	close(fd);
	errno = reason;
	return -1;
}

int os_connect(const char *path)
{
	/* A listener that has its hands full is to be tried again. */
	return connect_to(path, SOCK_NONBLOCK);
}

int os_connect_control(const char *path)
{
	return connect_to(path, 0);
}

ssize_t os_socket_read(int socket, struct iovec *iov, int nr)
{
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = nr };
	ssize_t length;

	do
		length = recvmsg(socket, &message, MSG_DONTWAIT);
	while (length < 0 && errno == EINTR);
	return length;
}

ssize_t os_socket_peek(int socket, void *bytes, size_t room)
{
	ssize_t length;

	do
		length = recv(socket, bytes, room, MSG_PEEK | MSG_DONTWAIT);
	while (length < 0 && errno == EINTR);
	return length;
}

ssize_t os_socket_write(int socket, struct iovec *iov, int nr)
{
	struct msghdr message = { .msg_iov = iov, .msg_iovlen = nr };
	ssize_t sent;

	do
		sent = sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	while (sent < 0 && errno == EINTR);
	if (sent < 0 && (errno == ENOBUFS || errno == ENOMEM))
		errno = EAGAIN;
	return sent;
}

void os_socket_shutdown(int socket, bool write)
{
	shutdown(socket, write ? SHUT_WR : SHUT_RD);
}

bool os_socket_hung_up(int socket)
{
	struct pollfd poll_fd = { .fd = socket };

	return poll(&poll_fd, 1, 0) == 1 && poll_fd.revents & POLLHUP;
}

void os_socket_close(int socket)
{
	close(socket);
}

/* --- Many of them --- */

int os_watch_new(void)
{
	return epoll_create1(EPOLL_CLOEXEC);
}

void os_watch_free(int watch)
{
	close(watch);
}

int os_watch_add(int watch, int socket, uint64_t token)
{
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.u64 = token,
	};

	return epoll_ctl(watch, EPOLL_CTL_ADD, socket, &event);
}

int os_watch_event(int watch)
{
	return watch;
}

int os_watch_next(int watch, struct os_change *changes, int most)
{
	struct epoll_event events[OS_CHANGES];
	int nr = epoll_wait(watch, events,
			    most < OS_CHANGES ? most : OS_CHANGES, 0);

	for (int i = 0; i < nr; i++) {
		uint32_t what = events[i].events;
		bool hung_up = what & (EPOLLHUP | EPOLLERR);

		changes[i] = (struct os_change){
			.token = events[i].data.u64,
			.readable = what & (EPOLLIN | EPOLLRDHUP) || hung_up,
			.writable = what & EPOLLOUT || hung_up,
			.ended = what & EPOLLRDHUP || hung_up,
			.hung_up = hung_up,
		};
	}
	return nr;
}
