/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The vhost-user protocol (QEMU's docs/interop/vhost-user.rst), front end:
 * messages on a connected socket.  Knows no devices.  What the other end
 * answers is checked; a wrong or late answer is an error, and then the
 * connection is of no more use.
 *
 * All functions return 0 or a negative errno unless they say otherwise.
 */
#ifndef DAEMON_VIRTIO_VHOST_USER_SOCKET_H
#define DAEMON_VIRTIO_VHOST_USER_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../memory.h"

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_GET_INFLIGHT_FD = 31,
	VHOST_USER_SET_INFLIGHT_FD = 32,
	VHOST_USER_GET_MAX_MEM_SLOTS = 36,
	VHOST_USER_ADD_MEM_REG = 37,
};

/* In the virtio features: the two below are there. */
#define VHOST_USER_F_PROTOCOL_FEATURES	(UINT64_C(1) << 30)
#define VHOST_USER_P_REPLY_ACK		(UINT64_C(1) << 3)
#define VHOST_USER_P_CONFIG		(UINT64_C(1) << 9)
#define VHOST_USER_P_INFLIGHT		(UINT64_C(1) << 12)
#define VHOST_USER_P_MEM_SLOTS		(UINT64_C(1) << 15)

/* Bytes of configuration that one message carries. */
#define VHOST_USER_CONFIG_MAX 256

struct vhost_user_ring {
	uint32_t index, flags;	/* flags: 0 */
	uint64_t desc, used, avail, log;
};

struct vhost_user_link {
	int fd;			/* -1 = not connected */
	uint64_t protocol;	/* features of the protocol that both have */
	uint64_t ranges;	/* of guest RAM that the back-end takes */
};

/*
 * Connect to a socket and begin, in two steps.  The first one asks for what the
 * second one hears, so the socket is readable when that need not wait; wait:
 * connecting and answers may take their time.
 */
int vhost_user_call(struct vhost_user_link *link, const char *path, bool wait);
/* *features are the virtio ones that the back-end has. */
int vhost_user_greet(struct vhost_user_link *link, uint64_t *features);
void vhost_user_disconnect(struct vhost_user_link *link);

/* One message with a number, with an acknowledgement where there is one. */
int vhost_user_set_u64(struct vhost_user_link *link,
		       enum vhost_user_request request, uint64_t value);
/*
 * Give the back-end guest RAM, which is the file memory_fd from offset 0 and
 * has at most link->ranges ranges; once per connection.
 */
int vhost_user_set_memory(struct vhost_user_link *link,
			  const struct guest_memory *memory, int memory_fd);
/*
 * The back-end's notes of what it has taken, in memory that outlives it.  Its
 * content is the back-end's affair.
 */
struct vhost_user_inflight {
	uint64_t size, offset;
	uint16_t nr_queues, queue_size;
	uint32_t pad;		/* others send it, too */
};

/* Have it make some (nr_queues, queue_size are set); the descriptor. */
int vhost_user_get_inflight(struct vhost_user_link *link,
			    struct vhost_user_inflight *inflight);
/* Give it those that another one has left; fd stays the caller's. */
int vhost_user_set_inflight(struct vhost_user_link *link,
			    const struct vhost_user_inflight *inflight,
			    int fd);
/* SET_VRING_NUM, _BASE, _ENABLE. */
int vhost_user_set_state(struct vhost_user_link *link,
			 enum vhost_user_request request, uint32_t index,
			 uint32_t value);
int vhost_user_set_ring(struct vhost_user_link *link,
			const struct vhost_user_ring *ring);
/* SET_VRING_KICK, _CALL. */
int vhost_user_set_event(struct vhost_user_link *link,
			 enum vhost_user_request request, uint32_t index,
			 int fd);
/* Stop a ring; the index of the next chain to take, or a negative errno. */
int vhost_user_stop_ring(struct vhost_user_link *link, uint32_t index);
/* The device's configuration, length bytes from offset 0. */
int vhost_user_get_config(struct vhost_user_link *link, void *to,
			  uint32_t length);
int vhost_user_set_config(struct vhost_user_link *link, uint32_t offset,
			  const void *from, uint32_t length);

#endif
