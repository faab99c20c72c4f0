// SPDX-License-Identifier: GPL-2.0
/*
 * TAP interfaces of the host (Documentation/networking/tuntap.rst): made for
 * the guest and gone with it, or ones that exist already and stay.
 *
 * Each ioctl here needs CAP_NET_ADMIN, but not on an interface that belongs to
 * the user already (ip tuntap add ... user NAME).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend.h"
#include "frame.h"

#define TUN "/dev/net/tun"
#define VHOST "/dev/vhost-net"

int net_tap_offloads(struct net_backend *backend, bool checksum, bool tso4,
		     bool tso6)
{
	unsigned long flags = 0;

	/* TSO without checksums makes no sense to the kernel, nor to 5.1.3.1 */
	if (checksum)
		flags = TUN_F_CSUM | (tso4 ? TUN_F_TSO4 : 0) |
			(tso6 ? TUN_F_TSO6 : 0);
	/* They are the interface's, whichever pair is asked. */
	return ioctl(backend->fd[0], TUNSETOFFLOAD, flags) < 0 ? -errno : 0;
}

int net_tap_open_vhost(void)
{
	return open(VHOST, O_RDWR | O_CLOEXEC);
}

int net_tap_attach(int fd, bool attach)
{
	struct ifreq request = {
		.ifr_flags = attach ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE,
	};

	return ioctl(fd, TUNSETQUEUE, &request) < 0 ? -errno : 0;
}

static int open_queue(struct ifreq *request)
{
	int fd = open(TUN, O_RDWR | O_NONBLOCK | O_CLOEXEC), saved;

	if (fd < 0 || ioctl(fd, TUNSETIFF, request) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static int cannot_open(const struct net_options *options, const char *key,
		       const struct ifreq *request, int number,
		       struct error *error)
{
	if (number == EBUSY)
		return error_set(error, "%s: another guest or program has the "
				 "TAP interface %s: end that, or name another "
				 "interface", key, request->ifr_name);
	/* A bridge gets a new one in any case. */
	if (options->kind == NET_BRIDGE)
		return error_set(error, "%s: cannot make a TAP interface: %s: "
				 "run as root", key, strerror(number));
	return error_set(error, "%s: cannot open TAP interface %s: %s: run as "
			 "root, or name one that you make with `ip tuntap add "
			 "dev %s mode tap user USER`", key, request->ifr_name,
			 strerror(number), *options->interface ?
			 options->interface : "tap0");
}

/*
 * Open a TAP interface; its name goes to `name`.  *more: whether it shall have
 * more queues, and then whether it can.
 */
static int open_tap(const struct net_options *options, const char *key,
		    char name[IFNAMSIZ], bool *more, struct error *error)
{
	struct ifreq request = { 0 };
	int fd;

	if (access(TUN, F_OK) < 0)
		return error_set(error, "%s: " TUN ": %s: load the module tun, "
				 "or use slirp", key, strerror(errno));
	request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	if (*more)
		request.ifr_flags |= IFF_MULTI_QUEUE;
	if (options->kind == NET_TUNTAP)
		strcpy(request.ifr_name, options->interface);
	if (!*request.ifr_name)
		strcpy(request.ifr_name, "colinux%d");
	fd = open_queue(&request);
	if (fd < 0 && errno == EINVAL) {
		/* One that exists and was made the other way. */
		request.ifr_flags ^= IFF_MULTI_QUEUE;
		fd = open_queue(&request);
	}
	*more = request.ifr_flags & IFF_MULTI_QUEUE;
	if (fd < 0)
		return cannot_open(options, key, &request, errno, error);
	memcpy(name, request.ifr_name, IFNAMSIZ);
	return fd;
}

/* Headers of our size; refused by kernels before 2.6.34. */
static int set_header_size(int fd)
{
	int size = sizeof(struct net_header);

	return ioctl(fd, TUNSETVNETHDRSZ, &size);
}

/* Up, and with an address of the host when the options give one. */
static int configure(const struct net_options *options, const char *key,
		     const char *name, int control, struct error *error)
{
	struct ifreq request = { 0 };
	struct sockaddr_in *address = (void *)&request.ifr_addr;

	strcpy(request.ifr_name, name);
	if (*options->address) {
		address->sin_family = AF_INET;
		inet_pton(AF_INET, options->address, &address->sin_addr);
		if (ioctl(control, SIOCSIFADDR, &request) < 0)
			return error_set(error, "%s: %s cannot have the "
					 "address %s: %s", key, name,
					 options->address, strerror(errno));
		/* Classic coLinux: a class C network. */
		inet_pton(AF_INET, "255.255.255.0", &address->sin_addr);
		if (ioctl(control, SIOCSIFNETMASK, &request) < 0)
			return error_set(error, "%s: %s: no netmask: %s", key,
					 name, strerror(errno));
	}
	if (ioctl(control, SIOCGIFFLAGS, &request) < 0)
		return error_set(error, "%s: %s: %s", key, name,
				 strerror(errno));
	/* One that exists already may be up, and not ours to change. */
	if (request.ifr_flags & IFF_UP)
		return 0;
	request.ifr_flags |= IFF_UP;
	if (ioctl(control, SIOCSIFFLAGS, &request) < 0)
		return error_set(error, "%s: cannot switch %s on: %s: do it "
				 "with `ip link set %s up`", key, name,
				 strerror(errno), name);
	return 0;
}

static int join_bridge(const struct net_options *options, const char *key,
		       const char *name, int control, struct error *error)
{
	struct ifreq request = { 0 };

	strcpy(request.ifr_name, options->interface);
	request.ifr_ifindex = if_nametoindex(name);
	if (ioctl(control, SIOCBRADDIF, &request) < 0)
		return error_set(error, "%s: cannot put %s into bridge %s: %s: "
				 "make the bridge with `ip link add %s type "
				 "bridge`, and run as root", key, name,
				 options->interface, strerror(errno),
				 options->interface);
	return 0;
}

static int set_up(const struct net_options *options, const char *key,
		  struct net_backend *backend, const char *name,
		  struct error *error)
{
	int control, failed = 0;

	if (set_header_size(backend->fd[0]) < 0)
		return error_set(error, "%s: %s: %s", key, name,
				 strerror(errno));
	control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (control < 0)
		return error_set(error, "%s: no socket: %s", key,
				 strerror(errno));
	if (options->kind == NET_BRIDGE)
		failed = join_bridge(options, key, name, control, error);
	if (!failed)
		failed = configure(options, key, name, control, error);
	close(control);
	return failed;
}

/* More queues of the same interface, as many as there are to be had. */
static void add_pairs(struct net_backend *backend, const char *name,
		      unsigned int pairs)
{
	struct ifreq request = {
		.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR |
			     IFF_MULTI_QUEUE,
	};
	int fd;

	strcpy(request.ifr_name, name);
	while (backend->nr_pairs < pairs) {
		fd = open_queue(&request);
		if (fd < 0)
			return;
		if (set_header_size(fd) < 0) {
			close(fd);
			return;
		}
		if (net_backend_add_pair(backend, fd) < 0)
			return;
	}
}

struct net_backend *net_tap_open(const struct net_options *options,
				 const char *key, unsigned int pairs,
				 struct error *error)
{
	struct net_backend *backend;
	char name[IFNAMSIZ];
	bool more = pairs > 1;
	int fd = open_tap(options, key, name, &more, error);

	if (fd < 0)
		return NULL;
	backend = net_backend_new(options->kind, fd, error);
	if (!backend)
		return NULL;
	snprintf(backend->text, sizeof(backend->text), "%s%s%s", name,
		 options->kind == NET_BRIDGE ? " in " : "",
		 options->kind == NET_BRIDGE ? options->interface : "");
	if (set_up(options, key, backend, name, error) < 0) {
		net_backend_free(backend);
		return NULL;
	}
	if (more)
		add_pairs(backend, name, pairs);
	backend->interface = if_nametoindex(name);
	return backend;
}
