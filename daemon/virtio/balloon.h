/* SPDX-License-Identifier: GPL-2.0 */
/*
 * virtio-balloon (virtio 1.2 section 5.5): memory that the guest gives up goes
 * back to the host, the very frames, and comes back the same way; by blocks of
 * 2 MiB, so that a part of a block in the balloon is of no use to anybody.
 *
 * Taking frames back can fail, and the guest cannot be told so: what it has
 * returned it uses.  So frames are taken back first, in the order in which
 * Linux returns them (the last one first), and the guest is asked for no more
 * than that.  A request for others is answered when the host has them again.
 */
#ifndef DAEMON_VIRTIO_BALLOON_H
#define DAEMON_VIRTIO_BALLOON_H

#include "virtio.h"

struct virtio_balloon;

/* 5.5.6.3 Memory statistics tags, as far as we know them. */
#define BALLOON_STATS 10

struct balloon_state {
	bool driver;		/* the guest has one */
	bool supported;		/* the host can have frames back */
	bool stuck;		/* gave up taking back what was asked for */
	/* Pages of 4 KiB: */
	uint64_t target;	/* that the balloon should have */
	uint64_t pages;		/* in the balloon */
	uint64_t released;	/* of these, the host has */
	uint64_t waiting;	/* that the guest waits for */
	/* Statistics, UINT64_MAX = unknown; serial counts the times they came. */
	uint64_t serial;
	uint64_t stat[BALLOON_STATS];
};

/* Names of the statistics; is it bytes (else a count)? */
extern const char *const balloon_stat_names[BALLOON_STATS];
bool balloon_stat_is_bytes(unsigned int stat);

/* Add the device; its number or -1. *balloon is valid until bus_free. */
int virtio_balloon_add(struct virtio_bus *bus, struct virtio_balloon **balloon,
		       struct error *error);
/* Any thread: how many pages it should have.  More than RAM: all of it. */
void virtio_balloon_set(struct virtio_balloon *balloon, uint64_t pages);
void virtio_balloon_state(struct virtio_balloon *balloon,
			  struct balloon_state *state);
/* Any thread: ask the guest for new statistics. */
void virtio_balloon_ask(struct virtio_balloon *balloon);
/*
 * The guest starts again, the bus is reset and no vCPU runs: have all of its
 * memory back.  0, or -1 with error set when the host cannot give it within
 * ten seconds.
 */
int virtio_balloon_empty(struct virtio_balloon *balloon, struct error *error);

#endif
