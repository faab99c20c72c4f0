/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Requests of `colinux disk` to a running VM: those that wait for the guest.
 * In the event loop's thread only; private to session.c.
 */
#ifndef DAEMON_SESSION_DISKS_H
#define DAEMON_SESSION_DISKS_H

#include <uv.h>

#include "control.h"
#include "machine.h"

#define DISK_WAITERS 8

/* A client that waits for the guest to take a disk or to let it go. */
struct disk_waiter {
	struct session_disks *disks;
	struct control_client *client;	/* NULL = free */
	struct protocol_request request;
	bool asking;			/* for the files */
	uint64_t since;			/* uv_now() of the request */
	uv_timer_t timer;
};

struct session_disks {
	struct machine *machine;
	struct disk_waiter waiters[DISK_WAITERS];
};

void session_disks_init(struct session_disks *disks, uv_loop_t *loop,
			struct machine *machine);
/* Is it one of ours?  Then it is answered, now or later. */
bool session_disks_request(struct session_disks *disks,
			   struct control_client *client,
			   const struct protocol_request *request);
/* A client is gone. */
void session_disks_gone(struct session_disks *disks,
			struct control_client *client);
/* Something has changed at the machine's devices. */
void session_disks_changed(struct session_disks *disks);
/* The guest has ended: answer all. */
void session_disks_end(struct session_disks *disks);
/* Close the handles. */
void session_disks_close(struct session_disks *disks);

#endif
