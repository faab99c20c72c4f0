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
	backend->fd = fd;
	backend->link_fd = -1;
	backend->vhost_fd = -1;
	backend->remover = -1;
	backend->up = true;
	backend->offloads = true;
	snprintf(backend->text, sizeof(backend->text), "%s",
		 net_kind_name(kind));
	backend->event_fd = epoll_create1(EPOLL_CLOEXEC);
	if (backend->event_fd >= 0 && !watch(backend, fd, EPOLLIN | EPOLLOUT))
		return backend;
	error_set(error, "network: cannot wait for frames: %s: raise the limit "
		  "of open files (ulimit -n)", strerror(errno));
	net_backend_free(backend);
	return NULL;
}

void net_backend_free(struct net_backend *backend)
{
	if (!backend)
		return;
	if (backend->event_fd >= 0)
		close(backend->event_fd);
	if (backend->link_fd >= 0)
		close(backend->link_fd);
	if (backend->vhost_fd >= 0)
		close(backend->vhost_fd);
	close(backend->fd);
	if (backend->remover >= 0)
		close(backend->remover);
	free(backend);
}

void net_backend_event(struct net_backend *backend)
{
	struct epoll_event events[4];
	int i, nr = epoll_wait(backend->event_fd, events, 4, 0);

	for (i = 0; i < nr; i++)
		if (events[i].data.fd == backend->link_fd)
			net_link_read(backend);
}

int net_backend_guest_offloads(struct net_backend *backend, bool checksum,
			       bool tso4, bool tso6)
{
	/* The slirp process sends whole and small frames only. */
	if (backend->kind == NET_SLIRP)
		return 0;
	return net_tap_offloads(backend, checksum, tso4, tso6);
}

struct net_backend *net_backend_open(const struct net_options *options,
				     const char *key, const char *name,
				     const uint8_t mac[NET_MAC],
				     struct error *error)
{
	struct net_backend *backend;
	int fd;

	if (options->kind == NET_SLIRP) {
		fd = net_slirp_open(options, key, name, error);
		return fd < 0 ? NULL : net_backend_new(NET_SLIRP, fd, error);
	}
	backend = options->kind == NET_MACVTAP ?
			  net_macvtap_open(options, key, mac, error) :
			  net_tap_open(options, key, error);
	if (!backend)
		return NULL;
	net_tap_find_vhost(backend);
	if (net_link_open(backend) < 0 ||
	    watch(backend, backend->link_fd, EPOLLIN) < 0) {
		error_set(error, "%s: cannot follow the state of %s: %s", key,
			  backend->text, strerror(errno));
		net_backend_free(backend);
		return NULL;
	}
	return backend;
}
