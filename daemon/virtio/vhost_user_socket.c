// SPDX-License-Identifier: GPL-2.0
/* Messages of the vhost-user protocol: see vhost_user_socket.h. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "vhost_user_socket.h"

#define VERSION		1u	/* bits 0-1 of the flags */
#define FLAG_REPLY	4u
#define FLAG_NEED_REPLY	8u
/* Regions in SET_MEM_TABLE ("Multiple memory regions" of the document). */
#define TABLE_REGIONS	8
/* Back-ends answer at once or never; the guest waits meanwhile. */
#define ANSWER_S	10
/* One that comes back is met with the device's lock held: others wait, too. */
#define HURRY_S		1

struct header {
	uint32_t request, flags, size;
};

struct region {
	uint64_t guest, size, user, mmap_offset;
};

struct table {
	uint32_t nr, pad;
	struct region region[TABLE_REGIONS];
};

struct one_region {
	uint64_t pad;
	struct region region;
};

struct state {
	uint32_t index, value;
};

struct config {
	uint32_t offset, size, flags;
	uint8_t bytes[VHOST_USER_CONFIG_MAX];
};

_Static_assert(sizeof(struct header) == 12, "header");

/* Descriptors that go with a message: the same one nr_fds times, or none. */
static int send_message(struct vhost_user_link *link, uint32_t request,
			uint32_t flags, const void *payload, uint32_t size,
			int fd, unsigned int nr_fds)
{
	struct header header = { request, VERSION | flags, size };
	struct iovec iov[2] = {
		{ &header, sizeof(header) },
		{ (void *)payload, size },
	};
	union {
		char room[CMSG_SPACE(TABLE_REGIONS * sizeof(int))];
		struct cmsghdr align;
	} control = { { 0 } };
	struct msghdr message = {
		.msg_iov = iov,
		.msg_iovlen = size ? 2 : 1,
	};
	ssize_t sent;

	if (link->fd < 0)
		return -ENOTCONN;
	if (nr_fds) {
		struct cmsghdr *c = &control.align;
		unsigned int i;

		message.msg_control = control.room;
		message.msg_controllen = CMSG_SPACE(nr_fds * sizeof(int));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nr_fds * sizeof(int));
		for (i = 0; i < nr_fds; i++)
			memcpy(CMSG_DATA(c) + i * sizeof(fd), &fd, sizeof(fd));
	}
	do {
		sent = sendmsg(link->fd, &message, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent < 0)
		return -errno;
	/* It is smaller than any socket's buffer: all or nothing. */
	return (size_t)sent == sizeof(header) + size ? 0 : -EPIPE;
}

/* A header, and the descriptor that came with it. */
static int receive_header(int fd, struct header *header, int *passed)
{
	struct iovec iov = { header, sizeof(*header) };
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		/* Padding would be room for a second one. */
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	const struct cmsghdr *c;
	ssize_t got;

	*passed = -1;
	do {
		got = recvmsg(fd, &message, MSG_WAITALL | MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	c = got > 0 ? CMSG_FIRSTHDR(&message) : NULL;
	if (c && c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
	    c->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(passed, CMSG_DATA(c), sizeof(int));
	if (got < 0)
		return -errno;
	return got == sizeof(*header) ? 0 : -ECONNRESET;
}

static int receive_all(int fd, void *to, size_t size)
{
	uint8_t *at = to;
	ssize_t got;

	while (size) {
		got = recv(fd, at, size, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -ECONNRESET;
		at += got;
		size -= got;
	}
	return 0;
}

/* The answer to `request`; its payload has exactly this size. */
static int receive(struct vhost_user_link *link, uint32_t request,
		   void *payload, uint32_t size)
{
	struct header header;
	int ret = receive_all(link->fd, &header, sizeof(header));

	if (ret)
		return ret;
	if (header.request != request || header.size != size ||
	    (header.flags & 7) != (VERSION | FLAG_REPLY))
		return -EPROTO;
	return receive_all(link->fd, payload, size);
}

/* A message with an acknowledgement, if the other end knows such. */
static int acknowledged(struct vhost_user_link *link, uint32_t request,
			const void *payload, uint32_t size, int fd,
			unsigned int nr_fds)
{
	bool ask = link->protocol & VHOST_USER_P_REPLY_ACK;
	uint64_t status = 0;
	int ret;

	ret = send_message(link, request, ask ? FLAG_NEED_REPLY : 0, payload,
			   size, fd, nr_fds);
	if (!ret && ask)
		ret = receive(link, request, &status, sizeof(status));
	return ret ? ret : status ? -EIO : 0;
}

int vhost_user_set_u64(struct vhost_user_link *link,
		       enum vhost_user_request request, uint64_t value)
{
	return acknowledged(link, request, &value, sizeof(value), -1, 0);
}

static int get_u64(struct vhost_user_link *link,
		   enum vhost_user_request request, uint64_t *value)
{
	int ret = send_message(link, request, 0, NULL, 0, -1, 0);

	return ret ? ret : receive(link, request, value, sizeof(*value));
}

static int set_patience(int fd, unsigned int seconds)
{
	const struct timeval limit = { .tv_sec = seconds };

	return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
			  sizeof(limit)) < 0 ||
	       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit,
			  sizeof(limit)) < 0 ? -errno : 0;
}

static int open_socket(const char *path, bool wait)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, ret;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
		    (wait ? 0 : SOCK_NONBLOCK), 0);
	if (fd < 0)
		return -errno;
	ret = set_patience(fd, wait ? ANSWER_S : HURRY_S);
	/* Only connecting does not wait. */
	if (!ret && (connect(fd, (struct sockaddr *)&address,
			     sizeof(address)) < 0 ||
		     fcntl(fd, F_SETFL, 0) < 0))
		ret = -errno;
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

int vhost_user_call(struct vhost_user_link *link, const char *path, bool wait)
{
	int ret;

	*link = (struct vhost_user_link){ .fd = open_socket(path, wait) };
	if (link->fd < 0) {
		ret = link->fd;
		link->fd = -1;
		return ret;
	}
	ret = send_message(link, VHOST_USER_GET_FEATURES, 0, NULL, 0, -1, 0);
	if (ret)
		vhost_user_disconnect(link);
	return ret;
}

int vhost_user_greet(struct vhost_user_link *link, uint64_t *features)
{
	const uint64_t ours = VHOST_USER_P_REPLY_ACK | VHOST_USER_P_CONFIG |
			      VHOST_USER_P_INFLIGHT | VHOST_USER_P_MEM_SLOTS;
	uint64_t theirs = 0;
	int ret;

	ret = receive(link, VHOST_USER_GET_FEATURES, features,
		      sizeof(*features));
	if (!ret && *features & VHOST_USER_F_PROTOCOL_FEATURES) {
		ret = get_u64(link, VHOST_USER_GET_PROTOCOL_FEATURES, &theirs);
		theirs &= ours;
		if (!ret)
			ret = vhost_user_set_u64(link,
					VHOST_USER_SET_PROTOCOL_FEATURES,
					theirs);
		link->protocol = theirs;
	}
	link->ranges = TABLE_REGIONS;
	if (!ret && theirs & VHOST_USER_P_MEM_SLOTS) {
		ret = get_u64(link, VHOST_USER_GET_MAX_MEM_SLOTS,
			      &link->ranges);
		/* The other message takes that many anyway. */
		if (link->ranges < TABLE_REGIONS)
			link->ranges = TABLE_REGIONS;
	}
	if (!ret)
		ret = acknowledged(link, VHOST_USER_SET_OWNER, NULL, 0, -1, 0);
	if (!ret)
		ret = set_patience(link->fd, ANSWER_S);
	if (ret)
		vhost_user_disconnect(link);
	return ret;
}

void vhost_user_disconnect(struct vhost_user_link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	*link = (struct vhost_user_link){ .fd = -1 };
}

static struct region region_of(const struct guest_memory *memory, size_t i)
{
	const struct guest_range *range = &memory->ranges[i];

	return (struct region){
		.guest = range->machine,
		.size = range->size,
		.user = (uintptr_t)memory->base + range->offset,
		.mmap_offset = range->offset,
	};
}

int vhost_user_set_memory(struct vhost_user_link *link,
			  const struct guest_memory *memory, int memory_fd)
{
	struct table table = { .nr = memory->nr_ranges };
	struct one_region one = { 0 };
	size_t i;
	int ret = 0;

	if (memory->nr_ranges <= TABLE_REGIONS) {
		for (i = 0; i < memory->nr_ranges; i++)
			table.region[i] = region_of(memory, i);
		return acknowledged(link, VHOST_USER_SET_MEM_TABLE, &table,
				    8 + table.nr * sizeof(struct region),
				    memory_fd, table.nr);
	}
	if (memory->nr_ranges > link->ranges)
		return -E2BIG;
	for (i = 0; !ret && i < memory->nr_ranges; i++) {
		one.region = region_of(memory, i);
		ret = acknowledged(link, VHOST_USER_ADD_MEM_REG, &one,
				   sizeof(one), memory_fd, 1);
	}
	return ret;
}

int vhost_user_set_state(struct vhost_user_link *link,
			 enum vhost_user_request request, uint32_t index,
			 uint32_t value)
{
	const struct state state = { index, value };

	return acknowledged(link, request, &state, sizeof(state), -1, 0);
}

int vhost_user_set_ring(struct vhost_user_link *link,
			const struct vhost_user_ring *ring)
{
	return acknowledged(link, VHOST_USER_SET_VRING_ADDR, ring,
			    sizeof(*ring), -1, 0);
}

int vhost_user_set_event(struct vhost_user_link *link,
			 enum vhost_user_request request, uint32_t index,
			 int fd)
{
	/* Bit 8 would say that there is no descriptor. */
	const uint64_t value = index;

	return acknowledged(link, request, &value, sizeof(value), fd, 1);
}

int vhost_user_stop_ring(struct vhost_user_link *link, uint32_t index)
{
	struct state state = { index, 0 };
	int ret;

	ret = send_message(link, VHOST_USER_GET_VRING_BASE, 0, &state,
			   sizeof(state), -1, 0);
	if (!ret)
		ret = receive(link, VHOST_USER_GET_VRING_BASE, &state,
			      sizeof(state));
	return ret ? ret : (int)(state.value & 0xffff);
}

int vhost_user_get_config(struct vhost_user_link *link, void *to,
			  uint32_t length)
{
	struct config config = { .size = length };
	const uint32_t size = __builtin_offsetof(struct config, bytes) + length;
	int ret;

	if (length > sizeof(config.bytes))
		return -EINVAL;
	ret = send_message(link, VHOST_USER_GET_CONFIG, 0, &config, size, -1,
			   0);
	if (!ret)
		ret = receive(link, VHOST_USER_GET_CONFIG, &config, size);
	if (!ret)
		memcpy(to, config.bytes, length);
	return ret;
}

int vhost_user_set_config(struct vhost_user_link *link, uint32_t offset,
			  const void *from, uint32_t length)
{
	struct config config = { .offset = offset, .size = length };

	if (length > sizeof(config.bytes))
		return -EINVAL;
	memcpy(config.bytes, from, length);
	return acknowledged(link, VHOST_USER_SET_CONFIG, &config,
			    __builtin_offsetof(struct config, bytes) + length,
			    -1, 0);
}

int vhost_user_get_inflight(struct vhost_user_link *link,
			    struct vhost_user_inflight *inflight)
{
	const uint32_t size = sizeof(*inflight);
	struct header header;
	int fd = -1, ret;

	ret = send_message(link, VHOST_USER_GET_INFLIGHT_FD, 0, inflight, size,
			   -1, 0);
	if (!ret)
		ret = receive_header(link->fd, &header, &fd);
	if (!ret && (header.request != VHOST_USER_GET_INFLIGHT_FD ||
		     header.size != size || fd < 0 ||
		     (header.flags & 7) != (VERSION | FLAG_REPLY)))
		ret = -EPROTO;
	if (!ret)
		ret = receive_all(link->fd, inflight, size);
	if (!ret)
		return fd;
	if (fd >= 0)
		close(fd);
	return ret;
}

int vhost_user_set_inflight(struct vhost_user_link *link,
			    const struct vhost_user_inflight *inflight, int fd)
{
	return acknowledged(link, VHOST_USER_SET_INFLIGHT_FD, inflight,
			    sizeof(*inflight), fd, 1);
}
