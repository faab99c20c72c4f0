// SPDX-License-Identifier: GPL-2.0
/* Moving the bytes of serial ports: see serial.h.  serial_open.c opens them. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os.h"
#include "serial_internal.h"

const char *serial_text(const struct serial *serial)
{
	return serial->text;
}

/* --- Clients of a socket --- */

static void watch(struct serial *serial, int fd)
{
	/* Edge-triggered: what the guest has no room for wakes nobody. */
	struct epoll_event event = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.fd = fd,
	};

	epoll_ctl(serial->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* Lock held.  The one that is there stays; others wait for their turn. */
static void take_client(struct serial *serial)
{
	if (serial->listener < 0 || serial->fd >= 0)
		return;
	serial->fd = accept4(serial->listener, NULL, NULL,
			     SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (serial->fd >= 0)
		watch(serial, serial->fd);
}

/* Lock held. */
static void drop_client(struct serial *serial)
{
	if (serial->listener < 0 || serial->fd < 0)
		return;
	close(serial->fd);
	serial->fd = -1;
	take_client(serial);
}

/* --- The device's side --- */

/* Nobody has the other end of our pseudo-terminal open. */
static bool abandoned(const struct serial *serial)
{
	struct pollfd state = { .fd = serial->fd };

	return serial->is_pty && poll(&state, 1, 0) == 1 &&
	       state.revents & POLLHUP;
}

size_t serial_output(struct serial *serial, const void *text, size_t length)
{
	ssize_t done;
	bool again;

	pthread_mutex_lock(&serial->lock);
	do {
		again = false;
		if (serial->fd < 0) {
			done = length;
			break;
		}
		done = serial->listener < 0 ?
			       write(serial->fd, text, length) :
			       send(serial->fd, text, length, MSG_NOSIGNAL);
		if (done >= 0)
			break;
		again = errno == EINTR;
		done = 0;
		if (again || (errno == EAGAIN && !abandoned(serial)))
			continue;
		/* A client that is gone, a full disk: what is left is lost. */
		if (errno == EPIPE || errno == ECONNRESET)
			drop_client(serial);
		done = length;
	} while (again);
	pthread_mutex_unlock(&serial->lock);
	return done;
}

size_t serial_input(struct serial *serial, void *buffer, size_t room)
{
	ssize_t got = -1;

	pthread_mutex_lock(&serial->lock);
	while (serial->fd >= 0 && !serial->no_input) {
		got = read(serial->fd, buffer, room);
		if (got > 0 || (got < 0 && errno != EINTR &&
				errno != ECONNRESET))
			break;
		if (got < 0 && errno == EINTR)
			continue;
		/* The end of a client; the next one may have text already. */
		if (serial->listener < 0)
			break;
		drop_client(serial);
	}
	pthread_mutex_unlock(&serial->lock);
	return got > 0 ? got : 0;
}

/* --- The thread --- */

static void *serial_thread(void *opaque)
{
	struct serial *serial = opaque;
	const struct serial_device *device = &serial->device;
	struct epoll_event events[4];

	os_thread_drop_rights(false);
	for (;;) {
		int i, nr = epoll_wait(serial->epoll, events, 4, -1);

		for (i = 0; i < nr; i++) {
			if (events[i].data.fd == serial->stop[0])
				return NULL;
			if (events[i].data.fd != serial->listener)
				continue;
			pthread_mutex_lock(&serial->lock);
			take_client(serial);
			pthread_mutex_unlock(&serial->lock);
		}
		if (nr > 0) {
			device->input_ready(device->opaque);
			device->output_ready(device->opaque);
		}
	}
}

int serial_connect(struct serial *serial, const struct serial_device *device,
		   struct error *error)
{
	struct epoll_event event = { .events = EPOLLIN };
	sigset_t all, old;
	int failed;

	serial->device = *device;
	serial->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (serial->epoll < 0 || pipe2(serial->stop, O_CLOEXEC) < 0)
		return error_set(error, "%s: no descriptors: %s", serial->text,
				 strerror(errno));
	event.data.fd = serial->stop[0];
	epoll_ctl(serial->epoll, EPOLL_CTL_ADD, serial->stop[0], &event);
	if (serial->listener >= 0) {
		event.events |= EPOLLET;
		event.data.fd = serial->listener;
		epoll_ctl(serial->epoll, EPOLL_CTL_ADD, serial->listener,
			  &event);
	}
	/* Files cannot be waited for (EPERM) and need not. */
	if (serial->fd >= 0)
		watch(serial, serial->fd);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	failed = pthread_create(&serial->thread, NULL, serial_thread, serial);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (failed)
		return error_set(error, "%s: cannot start a thread: %s",
				 serial->text, strerror(failed));
	serial->has_thread = true;
	return 0;
}

void serial_stop(struct serial *serial)
{
	if (!serial || !serial->has_thread)
		return;
	close(serial->stop[1]);
	serial->stop[1] = -1;
	pthread_join(serial->thread, NULL);
	serial->has_thread = false;
}

void serial_close(struct serial *serial)
{
	if (!serial)
		return;
	serial_stop(serial);
	for (int i = 0; i < 2; i++)
		if (serial->stop[i] >= 0)
			close(serial->stop[i]);
	if (serial->epoll >= 0)
		close(serial->epoll);
	if (serial->fd >= 0)
		close(serial->fd);
	if (serial->listener >= 0)
		close(serial->listener);
	/* Refused in a sandbox: then the name stays, and is taken over. */
	if (*serial->name)
		unlink(serial->name);
	pthread_mutex_destroy(&serial->lock);
	free(serial);
}
