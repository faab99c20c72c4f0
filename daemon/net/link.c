// SPDX-License-Identifier: GPL-2.0
/*
 * The state of an interface of the host, from rtnetlink(7): the guest's cable
 * is plugged in while the interface is up and has a carrier.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend.h"

/* One message is some 1.5 KiB; the manual's advice is 8 KiB. */
#define ROOM 8192

static int ask(const struct net_backend *backend)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} request = {
		.header = {
			.nlmsg_len = sizeof(request),
			.nlmsg_type = RTM_GETLINK,
			.nlmsg_flags = NLM_F_REQUEST,
		},
		.info = { .ifi_index = backend->interface },
	};

	return send(backend->link_fd, &request, sizeof(request), 0) ==
	       sizeof(request) ? 0 : -errno;
}

int net_link_open(struct net_backend *backend)
{
	struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK,
	};

	backend->link_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC |
				  SOCK_NONBLOCK, NETLINK_ROUTE);
	if (backend->link_fd < 0 ||
	    bind(backend->link_fd, (struct sockaddr *)&address,
		 sizeof(address)) < 0)
		return -errno;
	return ask(backend);
}

static void take_message(struct net_backend *backend,
			 const struct nlmsghdr *message)
{
	const struct ifinfomsg *info = NLMSG_DATA(message);

	if (message->nlmsg_type != RTM_NEWLINK &&
	    message->nlmsg_type != RTM_DELLINK)
		return;
	if (message->nlmsg_len < NLMSG_LENGTH(sizeof(*info)) ||
	    info->ifi_index != (int)backend->interface)
		return;
	backend->up = message->nlmsg_type == RTM_NEWLINK &&
		      info->ifi_flags & IFF_UP &&
		      info->ifi_flags & IFF_RUNNING;
}

void net_link_read(struct net_backend *backend)
{
	_Alignas(struct nlmsghdr) char bytes[ROOM];
	const struct nlmsghdr *message;
	ssize_t length;

	for (;;) {
		length = recv(backend->link_fd, bytes, sizeof(bytes), 0);
		/* Messages were lost: ask how things are. */
		if (length < 0 && errno == ENOBUFS && !ask(backend))
			continue;
		if (length <= 0)
			return;
		for (message = (const void *)bytes;
		     NLMSG_OK(message, (size_t)length);
		     message = NLMSG_NEXT(message, length))
			take_message(backend, message);
	}
}
