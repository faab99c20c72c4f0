// SPDX-License-Identifier: GPL-2.0
/*
 * A port of the guest's own beside an interface of the host (macvtap in mode
 * "bridge"): made with rtnetlink(7), used through the character device
 * /dev/tapN that the kernel makes for it.
 *
 * It does not go away with its descriptor, and the VM process may not remove
 * it from within its sandbox: a process that does nothing else waits for the
 * end of the VM process and removes it then (net_macvtap_wait()).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../os.h"
#include "backend.h"
#include "frame.h"

/* devtmpfs has the device at once, udev may take a moment to permit it. */
#define DEVICE_MS 2000
#define STEP_MS 20

struct request {
	struct nlmsghdr header;
	struct ifinfomsg info;
	char attributes[256];
};

static struct rtattr *add(struct request *request, unsigned short type,
			  const void *data, size_t length)
{
	struct rtattr *attribute = (void *)((char *)request +
					NLMSG_ALIGN(request->header.nlmsg_len));

	attribute->rta_type = type;
	attribute->rta_len = RTA_LENGTH(length);
	if (length)
		memcpy(RTA_DATA(attribute), data, length);
	request->header.nlmsg_len = NLMSG_ALIGN(request->header.nlmsg_len) +
				    RTA_ALIGN(attribute->rta_len);
	return attribute;
}

static void end_nest(struct request *request, struct rtattr *nest)
{
	nest->rta_len = (char *)request + request->header.nlmsg_len -
			(char *)nest;
}

/* Send and wait for the acknowledgement: 0 or a negative errno. */
static int ask(struct request *request)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char more[512];
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	ssize_t length = -1;

	if (fd < 0)
		return -errno;
	request->header.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (send(fd, request, request->header.nlmsg_len, 0) > 0)
		length = recv(fd, &answer, sizeof(answer), 0);
	close(fd);
	if (length < (ssize_t)NLMSG_LENGTH(sizeof(answer.error)) ||
	    answer.header.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return answer.error.error;
}

static int make(int lower, const char *name, const uint8_t mac[NET_MAC])
{
	/*
	 * All multicast: which groups the guest has joined nobody tells the
	 * host, and those of its IPv6 neighbours are among them.
	 */
	const unsigned int flags = IFF_UP | IFF_ALLMULTI;
	struct request request = {
		.header = {
			.nlmsg_len = NLMSG_LENGTH(sizeof(request.info)),
			.nlmsg_type = RTM_NEWLINK,
			.nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL,
		},
		.info = { .ifi_flags = flags, .ifi_change = flags },
	};
	const uint32_t mode = MACVLAN_MODE_BRIDGE;
	struct rtattr *info, *data;

	add(&request, IFLA_LINK, &lower, sizeof(lower));
	add(&request, IFLA_IFNAME, name, strlen(name) + 1);
	add(&request, IFLA_ADDRESS, mac, NET_MAC);
	info = add(&request, IFLA_LINKINFO, NULL, 0);
	add(&request, IFLA_INFO_KIND, "macvtap", 7);
	data = add(&request, IFLA_INFO_DATA, NULL, 0);
	add(&request, IFLA_MACVLAN_MODE, &mode, sizeof(mode));
	end_nest(&request, data);
	end_nest(&request, info);
	return ask(&request);
}

static int unmake(int index)
{
	struct request request = {
		.header = {
			.nlmsg_len = NLMSG_LENGTH(sizeof(request.info)),
			.nlmsg_type = RTM_DELLINK,
		},
		.info = { .ifi_index = index },
	};

	return ask(&request);
}

int net_macvtap_wait(int fd, const char *index)
{
	struct pollfd wait = { .fd = fd };

	/* Only its end is told (POLLHUP). */
	while (poll(&wait, 1, -1) < 0 && errno == EINTR)
		;
	return unmake(atoi(index)) ? 1 : 0;
}

/* Have somebody remove it; the pipe's end that is ours stays open. */
static int start_remover(int index, struct error *error)
{
	char number[16];
	const char *const argv[] = { "colinux", "--macvtap", number, NULL };
	int pipe_fds[2], result;

	snprintf(number, sizeof(number), "%d", index);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_set(error, "no pipe: %s", strerror(errno));
	result = os_spawn_self(argv, pipe_fds, 1, error);
	close(pipe_fds[0]);
	if (result >= 0)
		return pipe_fds[1];
	close(pipe_fds[1]);
	return -1;
}

static int open_device(int index)
{
	char path[32];
	int fd, waited;

	snprintf(path, sizeof(path), "/dev/tap%d", index);
	for (waited = 0;; waited += STEP_MS) {
		fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (fd >= 0 || waited >= DEVICE_MS)
			return fd;
		poll(NULL, 0, STEP_MS);
	}
}

/* Frames with our header, as with TAP devices; each descriptor is a queue. */
static int set_header(int fd, bool several)
{
	struct ifreq request = {
		.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
			     (several ? IFF_MULTI_QUEUE : 0),
	};
	int size = sizeof(struct net_header);

	return ioctl(fd, TUNSETIFF, &request) < 0 ||
	       ioctl(fd, TUNSETVNETHDRSZ, &size) < 0 ? -1 : 0;
}

/* As many more as there are to be had. */
static void add_pairs(struct net_backend *backend, int index,
		      unsigned int pairs)
{
	while (backend->nr_pairs < pairs) {
		int fd = open_device(index);

		if (fd < 0)
			return;
		if (set_header(fd, true) < 0) {
			close(fd);
			return;
		}
		if (net_backend_add_pair(backend, fd) < 0)
			return;
	}
}

static struct net_backend *open_made(const struct net_options *options,
				     const char *key, const char *name,
				     int index, unsigned int pairs,
				     struct error *error)
{
	struct net_backend *backend;
	struct error why;
	int fd, remover = start_remover(index, &why);

	if (remover < 0) {
		unmake(index);
		error_set(error, "%s: %s", key, why.text);
		return NULL;
	}
	/* From here on closing `remover` takes everything back. */
	fd = open_device(index);
	if (fd < 0 || set_header(fd, pairs > 1) < 0) {
		error_set(error, "%s: /dev/tap%d: %s: is devtmpfs or udev at "
			  "work?", key, index, strerror(errno));
		if (fd >= 0)
			close(fd);
		close(remover);
		return NULL;
	}
	backend = net_backend_new(NET_MACVTAP, fd, error);
	if (!backend) {
		close(remover);
		return NULL;
	}
	if (pairs > 1)
		add_pairs(backend, index, pairs);
	backend->remover = remover;
	backend->interface = index;
	snprintf(backend->text, sizeof(backend->text), "%s beside %s", name,
		 options->interface);
	return backend;
}

struct net_backend *net_macvtap_open(const struct net_options *options,
				     const char *key,
				     const uint8_t mac[NET_MAC],
				     unsigned int pairs, struct error *error)
{
	char name[IFNAMSIZ];
	int ret, lower = if_nametoindex(options->interface);

	if (!lower) {
		error_set(error, "%s: the host has no interface %s: see `ip "
			  "link`", key, options->interface);
		return NULL;
	}
	/* The address is unique in its network, and so is the name. */
	snprintf(name, sizeof(name), "co%02x%02x%02x%02x%02x%02x", mac[0],
		 mac[1], mac[2], mac[3], mac[4], mac[5]);
	ret = make(lower, name, mac);
	if (ret == -EEXIST) {
		error_set(error, "%s: the host has an interface %s already: if "
			  "no guest uses it, remove it with `ip link del %s`",
			  key, name, name);
		return NULL;
	}
	if (ret) {
		error_set(error, "%s: cannot make a macvtap interface beside "
			  "%s: %s: load the module macvtap, and run as root",
			  key, options->interface, strerror(-ret));
		return NULL;
	}
	return open_made(options, key, name, if_nametoindex(name), pairs,
			 error);
}
