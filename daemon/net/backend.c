// SPDX-License-Identifier: GPL-2.0
/* What all network back-ends have in common: see backend.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "backend.h"

/* Edge-triggered: nobody is woken again for frames that wait. */
static int watch(struct net_backend *backend, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events | EPOLLET,
				     .data.fd = fd };

	return epoll_ctl(backend->event_fd, EPOLL_CTL_ADD, fd, &event);
}

struct net_backend *net_backend_new(enum net_kind kind, int fd,
				    struct error *error)
{
	struct net_backend *backend = calloc(1, sizeof(*backend));

	if (!backend) {
		close(fd);
		error_set(error, "network: out of memory");
		return NULL;
	}
	backend->kind = kind;
	backend->link_fd = -1;
	backend->remover = -1;
	backend->up = true;
	backend->offloads = true;
	snprintf(backend->text, sizeof(backend->text), "%s",
		 net_kind_name(kind));
	backend->event_fd = epoll_create1(EPOLL_CLOEXEC);
	if (net_backend_add_pair(backend, fd) == 0)
		return backend;
	error_set(error, "network: cannot wait for frames: %s: raise the limit "
		  "of open files (ulimit -n)", strerror(errno));
	net_backend_free(backend);
	return NULL;
}

int net_backend_watch(struct net_backend *backend, unsigned int pair, bool on)
{
	if (on)
		return watch(backend, backend->fd[pair], EPOLLIN | EPOLLOUT) < 0 ?
			       -errno : 0;
	return epoll_ctl(backend->event_fd, EPOLL_CTL_DEL, backend->fd[pair],
			 NULL) < 0 ? -errno : 0;
}

int net_backend_add_pair(struct net_backend *backend, int fd)
{
	if (watch(backend, fd, EPOLLIN | EPOLLOUT) < 0) {
		close(fd);
		return -1;
	}
	backend->fd[backend->nr_pairs] = fd;
	backend->vhost_fd[backend->nr_pairs++] = -1;
	return 0;
}

void net_backend_free(struct net_backend *backend)
{
	unsigned int i;

	if (!backend)
		return;
	if (backend->event_fd >= 0)
		close(backend->event_fd);
	if (backend->link_fd >= 0)
		close(backend->link_fd);
	for (i = 0; i < backend->nr_pairs; i++) {
		if (backend->vhost_fd[i] >= 0)
			close(backend->vhost_fd[i]);
		close(backend->fd[i]);
	}
	if (backend->remover >= 0)
		close(backend->remover);
	free(backend);
}

void net_backend_event(struct net_backend *backend)
{
	struct epoll_event events[NET_PAIRS + 1];
	int i, nr = epoll_wait(backend->event_fd, events, NET_PAIRS + 1, 0);

	for (i = 0; i < nr; i++)
		if (events[i].data.fd == backend->link_fd)
			net_link_read(backend);
}

int net_backend_send(struct net_backend *backend, unsigned int pair,
		     const struct iovec *iov, int nr)
{
	while (writev(backend->fd[pair], iov, nr) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

ssize_t net_backend_receive(struct net_backend *backend, unsigned int pair,
			    void *message, size_t room)
{
	ssize_t length;

	do {
		length = read(backend->fd[pair], message, room);
	} while (length < 0 && errno == EINTR);
	/* EIO: a TAP interface that is down. */
	if (!length || (length < 0 && errno == ECONNRESET))
		backend->dead = true;
	if (length > 0)
		return length;
	return length ? -errno : -ECONNRESET;
}

int net_backend_guest_offloads(struct net_backend *backend, bool checksum,
			       bool tso4, bool tso6)
{
	/* The slirp process sends whole and small frames only. */
	if (backend->kind == NET_SLIRP)
		return 0;
	return net_tap_offloads(backend, checksum, tso4, tso6);
}

int net_backend_use(struct net_backend *backend, unsigned int nr)
{
	unsigned int i;
	int ret = 0;

	/* A socket is what it is. */
	if (backend->kind == NET_SLIRP)
		return 0;
	for (i = 1; !ret && i < backend->nr_pairs; i++) {
		ret = net_tap_attach(backend->fd[i], i < nr);
		/* It already is what it shall be. */
		if (ret == -EINVAL)
			ret = 0;
	}
	return ret;
}

/*
 * More pairs are for the kernel's threads, one each: frames that go through
 * this process gain nothing from them.
 */
static unsigned int open_vhosts(int vhost[NET_PAIRS], unsigned int wanted)
{
	unsigned int nr = 0;

	do {
		vhost[nr] = net_tap_open_vhost();
	} while (vhost[nr] >= 0 && ++nr < wanted && nr < NET_PAIRS);
	return nr;
}

/* Give each pair its own, close what is left. */
static void hand_out(struct net_backend *backend, const int vhost[NET_PAIRS],
		     unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++)
		if (backend && i < backend->nr_pairs)
			backend->vhost_fd[i] = vhost[i];
		else
			close(vhost[i]);
}

struct net_backend *net_backend_open(const struct net_options *options,
				     const char *key, const char *name,
				     const uint8_t mac[NET_MAC],
				     unsigned int cpus, bool sandbox,
				     struct error *error)
{
	struct net_backend *backend;
	int fd, vhost[NET_PAIRS];
	unsigned int nr_vhosts;

	if (options->kind == NET_SLIRP) {
		fd = net_slirp_open(options, key, name, sandbox, error);
		return fd < 0 ? NULL : net_backend_new(NET_SLIRP, fd, error);
	}
	nr_vhosts = open_vhosts(vhost, cpus);
	backend = options->kind == NET_MACVTAP ?
			  net_macvtap_open(options, key, mac, nr_vhosts,
					   error) :
			  net_tap_open(options, key, nr_vhosts, error);
	hand_out(backend, vhost, nr_vhosts);
	if (!backend)
		return NULL;
	/* Nobody reads the others before the guest asks for them. */
	net_backend_use(backend, 1);
	if (net_link_open(backend) < 0 ||
	    watch(backend, backend->link_fd, EPOLLIN) < 0) {
		error_set(error, "%s: cannot follow the state of %s: %s", key,
			  backend->text, strerror(errno));
		net_backend_free(backend);
		return NULL;
	}
	return backend;
}
