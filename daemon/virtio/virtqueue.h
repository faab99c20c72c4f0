/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One split virtqueue (virtio 1.2 section 2.7), device side.  Validates
 * everything that the driver wrote; back-ends see only iovecs.
 *
 * Owns the positions in the rings.  Knows nothing of devices, locks, events.
 * Locking is the caller's (the device's lock).
 *
 * A queue that the driver has broken stays broken until it is set up again:
 * `error` says why, and virtqueue_pop() returns -EPROTO.
 */
#ifndef DAEMON_VIRTIO_VIRTQUEUE_H
#define DAEMON_VIRTIO_VIRTQUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "../memory.h"

/*
 * Pieces of one chain after translation.  A device that promises S segments of
 * at most COLINUX_PMD_SIZE bytes needs 2 * (S + 2): extents are not smaller
 * than that, so that a segment crosses one border at most.
 */
#define VIRTQUEUE_MAX_IOV	256

/*
 * A ring in guest RAM; in two parts if it crosses a border of extents that
 * are neighbours in the machine but not in the mapping.
 */
struct virtqueue_ring {
	uint8_t *part[2];
	uint64_t split;		/* bytes in part[0] */
	uint64_t length;
};

struct virtqueue {
	const struct guest_memory *memory;
	const char *error;	/* why the queue is broken, or NULL */
	bool enabled;
	bool event_index;	/* VIRTIO_F_EVENT_IDX negotiated */
	bool indirect;		/* VIRTIO_F_INDIRECT_DESC negotiated */
	uint16_t size;
	uint16_t next_avail;	/* free-running, as the ring's own indexes */
	uint16_t next_used;
	uint16_t signalled;	/* next_used at the last interrupt decision */
	uint16_t in_flight;	/* chains popped and not yet pushed */
	struct virtqueue_ring desc, avail, used;
};

/* One request: nr_out readable pieces first, then nr_in writable ones. */
struct virtqueue_chain {
	uint16_t head;
	uint16_t nr_out, nr_in;
	uint64_t out_bytes, in_bytes;
	struct iovec iov[VIRTQUEUE_MAX_IOV];
};

/* Where the driver put a queue: machine addresses. */
struct virtqueue_setup {
	uint16_t size, max_size;
	uint64_t desc, avail, used;
	bool event_index, indirect;
};

/*
 * Start using a queue at index 0.  -EINVAL for a bad size or alignment,
 * -EFAULT when a ring is not in guest RAM.
 */
int virtqueue_enable(struct virtqueue *queue, const struct guest_memory *memory,
		     const struct virtqueue_setup *setup);
/* Forget the queue; nothing may be in flight. */
void virtqueue_disable(struct virtqueue *queue);

/*
 * Take the next chain: 1 = taken, 0 = none, -EPROTO = the queue is broken.
 * The chain is only filled as far as its counts say.
 */
int virtqueue_pop(struct virtqueue *queue, struct virtqueue_chain *chain);
/* Is there a chain to pop (true as well if the queue turns out broken)? */
bool virtqueue_has_more(struct virtqueue *queue);
/* Give a chain back with `written` bytes in its writable part. */
void virtqueue_push(struct virtqueue *queue, uint16_t head, uint32_t written);
/*
 * The same for chains that belong together: fill in the n-th (from 0) of them,
 * then show all of them at once.
 */
void virtqueue_fill(struct virtqueue *queue, uint16_t n, uint16_t head,
		    uint32_t written);
void virtqueue_show(struct virtqueue *queue, uint16_t nr);

/* Where the used ring ends (free-running): whatever others put there. */
uint16_t virtqueue_used_index(const struct virtqueue *queue);

/* Does the driver want an interrupt for what was pushed since the last call? */
bool virtqueue_wants_interrupt(struct virtqueue *queue);

/* Ask the driver not to ring; a hint that saves hypercalls. */
void virtqueue_mute(struct virtqueue *queue);
/* Ask for the next ring; true = chains came meanwhile: pop again. */
bool virtqueue_unmute(struct virtqueue *queue);
/*
 * For queues whose chains wait for the device: as virtqueue_has_more(), and the
 * driver rings for the next chain if there is none, and only then.
 */
bool virtqueue_ready(struct virtqueue *queue);

/* --- iovec helpers for back-ends --- */

/* Copy out up to length bytes from the front; returns how many. */
size_t iovec_read(const struct iovec *iov, int nr, void *to, size_t length);
/* Copy into the front, up to length bytes; returns how many. */
size_t iovec_write(const struct iovec *iov, int nr, const void *from,
		   size_t length);
/* Drop length bytes from the front, in place; they must be there. */
void iovec_skip(struct iovec **iov, int *nr, uint64_t length);
/* Drop length bytes from the end, in place; they must be there. */
void iovec_trim(struct iovec *iov, int *nr, uint64_t length);

#endif
