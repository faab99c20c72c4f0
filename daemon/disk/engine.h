/* SPDX-License-Identifier: GPL-2.0 */
/* Between the files of daemon/disk/; owners of disks use disk.h. */
#ifndef DAEMON_DISK_ENGINE_H
#define DAEMON_DISK_ENGINE_H

#include "disk.h"

/* --- image.c --- */

/* Lock an open file against other disks; false when one is in the way. */
bool disk_lock_file(int fd, bool read_only);

/* --- perform.c --- */

/*
 * Do a request to its end: short transfers, EINTR, the ragged end of a file,
 * unaligned buffers with O_DIRECT, file systems that cannot punch.  Any
 * thread.  Returns 0 or a negative errno.
 */
int disk_perform(const struct disk *disk, struct disk_request *request);

/* A transfer of `moved` bytes is done: what is left of the request. */
void disk_advance(struct disk_request *request, uint64_t moved);

/* --- pool.c --- */

struct disk_pool *disk_pool_new(const struct disk *disk);
/* Ends the threads; nothing may be in flight. */
void disk_pool_free(struct disk_pool *pool);
void disk_pool_submit(struct disk_pool *pool, struct disk_request *request);
/* Take the list of requests that are done (request->error set), or NULL. */
struct disk_request *disk_pool_take_done(struct disk_pool *pool);

/* --- unflushed.c --- */

/*
 * What a server has answered since the last flush, with its data: a server that
 * dies takes with it what it has not written, and the guest goes on.  Numbered
 * from 0, oldest first; those from `begin` to before `end` are there.
 */
struct disk_change {
	struct disk_change *next;
	struct disk_request request;	/* WRITE or ZERO; not done() */
	struct iovec piece;
	char bytes[];
};

struct disk_unflushed {
	struct disk_change *first, *last;	/* last: only if there is one */
	uint64_t begin, end;
	uint64_t bytes;			/* of memory */
};

/* Keep a copy of a WRITE or ZERO that is done.  0 or -ENOMEM. */
int disk_unflushed_add(struct disk_unflushed *unflushed,
		       const struct disk_request *request);
/* Free the changes before number `upto`, at most `end`. */
void disk_unflushed_drop(struct disk_unflushed *unflushed, uint64_t upto);

/* --- nbd.c --- */

struct nbd_export;

/*
 * Receive a connection and what it is from the server process; it waits.  The
 * socket or -1.
 */
int disk_nbd_take(int server, struct nbd_export *export, struct error *error);
/* Sets disk->wait_fd.  NULL with a message; server stays the caller's. */
struct disk_nbd *disk_nbd_new(struct disk *disk, int server,
			      struct error *error);
void disk_nbd_free(struct disk_nbd *nbd);
const struct nbd_export *disk_nbd_export(const struct disk_nbd *nbd);
void disk_nbd_submit(struct disk_nbd *nbd, struct disk_request *request);
void disk_nbd_kick(struct disk_nbd *nbd);
/* Look at the descriptors; the list of requests that are done, or NULL. */
struct disk_request *disk_nbd_reap(struct disk_nbd *nbd);
/* Are there such without looking? */
bool disk_nbd_has_done(const struct disk_nbd *nbd);
/* All that is in flight is done, with -EIO. */
void disk_nbd_abandon(struct disk_nbd *nbd);

/* --- uring.c --- */

/* NULL with errno when the host does not let us. */
struct disk_uring *disk_uring_new(const struct disk *disk);
void disk_uring_free(struct disk_uring *uring);
/* False: not for io_uring, give it to the pool. */
bool disk_uring_submit(struct disk_uring *uring, struct disk_request *request);
/* Whether what comes back signals disk->event_fd. */
void disk_uring_events(struct disk_uring *uring, bool on);
/* Tell the kernel; -errno if it refuses for now. */
int disk_uring_kick(struct disk_uring *uring);
/*
 * Take one request that came back, or NULL.  *finish says that the pool shall
 * do what is left of it; else request->error is set.
 */
struct disk_request *disk_uring_take(struct disk_uring *uring, bool *finish);

#endif
