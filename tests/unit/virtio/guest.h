/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A guest without a kernel: fake guest RAM of scattered extents, a bus with
 * fake host operations, and a small virtio driver.  Everything is public so
 * that tests can also break the rules.
 */
#ifndef VIRTIO_TEST_GUEST_H
#define VIRTIO_TEST_GUEST_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <colinux/device.h>

#include "../../../daemon/memory.h"
#include "../../../daemon/virtio/spec.h"
#include "../../../daemon/virtio/virtio.h"

#define MiB (1024ull * 1024)

/*
 * Guest RAM: 4 + 2 + 2 + 2 + 2 + 2 MiB.  In machine addresses SECOND follows
 * THIRD, and FOURTH the FIRST, but not so in RAM: buffers there are in two
 * pieces.  FIFTH and SIXTH are neighbours in both.  The device pages are at
 * FIRST + 3 MiB (layout.h).
 */
#define FIRST	0x100000000ull
#define SECOND	0x40000000ull
#define THIRD	0x3fe00000ull
#define FOURTH	0x100400000ull
#define FIFTH	0x80000000ull
#define SIXTH	0x80200000ull
#define RAM_SIZE (14 * MiB)
/* Nothing is here. */
#define HOLE	0x200000000ull

struct guest {
	void *block;			/* that `ram` is in */
	uint8_t *ram;
	struct guest_memory memory;
	struct virtio_bus *bus;
	uint64_t next_free;		/* machine address, in FIFTH */
	/* What the driver does in an interrupt; NULL: nothing. */
	void (*on_irq)(struct guest *guest, unsigned int device);

	pthread_mutex_t lock;
	pthread_cond_t irq;
	/* Guarded by lock. */
	uint64_t irqs[COLINUX_MAX_DEVICES];
	int doorbell[COLINUX_MAX_DEVICES][COLINUX_DEVICE_QUEUES];
	/* Pages (by RAM offset) that the host has, and does not give back. */
	bool gone[RAM_SIZE / 4096], stubborn[RAM_SIZE / 4096];
	unsigned int bad_ranges;	/* against the rules of the driver */
	unsigned int reports;
	char last_report[200];
};

/* A driver's queue. */
struct dqueue {
	struct guest *guest;
	unsigned int device, index;
	uint16_t size;
	uint64_t desc, avail, used;	/* machine addresses */
	bool event_index;
	uint16_t next_avail, next_used, kicked;
	uint16_t next_desc;		/* descriptors are used round robin */
};

/* A piece of a request. */
struct piece {
	uint64_t machine;
	uint32_t length;
	bool writable;
};

void guest_init(struct guest *guest);
void guest_exit(struct guest *guest);

/* Host pointer of a byte range that is contiguous; dies otherwise. */
void *at(struct guest *guest, uint64_t machine, uint64_t length);
uint16_t load16(struct guest *guest, uint64_t machine);
void store16(struct guest *guest, uint64_t machine, uint16_t value);
void put_desc(struct guest *guest, uint64_t machine, uint64_t addr,
	      uint32_t len, uint16_t flags, uint16_t next);
/* Zeroed memory of FIFTH and SIXTH, aligned to 4096; never given back. */
uint64_t guest_alloc(struct guest *guest, uint64_t length);
void copy_in(struct guest *guest, uint64_t machine, const void *from,
	     uint64_t length);
void copy_out(struct guest *guest, uint64_t machine, void *to,
	      uint64_t length);

struct colinux_device_page *device_page(struct guest *guest,
					unsigned int device);
int64_t command(struct guest *guest, unsigned int device, unsigned int nr,
		uint64_t a, uint64_t b);
/* Write a status and tell. */
int64_t set_status(struct guest *guest, unsigned int device, uint32_t status);
/* Reset, and negotiate up to FEATURES_OK. */
int64_t negotiate(struct guest *guest, unsigned int device, uint64_t features);
/* All of what the device offers. */
uint64_t offered(struct guest *guest, unsigned int device);

/* Describe a queue to the device; rings at `where`, 0 = allocate. */
int64_t queue_on(struct guest *guest, struct dqueue *queue,
		 unsigned int device, unsigned int index, uint16_t size,
		 uint64_t where);
int64_t queue_off(struct dqueue *queue);

/* Put a chain of pieces into the ring; indirect = table there, or 0. */
uint16_t queue_add(struct dqueue *queue, const struct piece *pieces, int nr,
		   uint64_t indirect);
/* Show what was added and ring, if the device wants it. */
void queue_kick(struct dqueue *queue);
void ring_doorbell(struct dqueue *queue);
/* Next used element; waits for interrupts, false after ten seconds. */
bool queue_wait(struct dqueue *queue, uint32_t *head, uint32_t *length);
/* Is there a used element? */
bool queue_has_used(struct dqueue *queue);
uint64_t irq_count(struct guest *guest, unsigned int device);
/* Wait until there were more than `old` interrupts; false when too long. */
bool wait_irq(struct guest *guest, unsigned int device, uint64_t old);
/* The same for reports. */
bool wait_report(struct guest *guest, unsigned int old);

/* xorshift64*: the same numbers every time. */
uint64_t next_random(uint64_t *state);

#endif
