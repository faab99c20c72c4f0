/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Disk images and block devices of the host: opening, locking, geometry, and
 * asynchronous requests.  Knows nothing of virtio or guests; buffers are
 * iovecs that stay valid until the request is done.
 *
 *	image.c		open, lock, size			(disk_open ...)
 *	engine.c	submit, reap, whatever the engine	(disk_submit ...)
 *	format.c	which kind of image it is
 *	server.c	the process beside the VM that serves other formats
 *	nbd.c		everything through such a process, or a remote server
 *	unflushed.c	what such a server may still lose
 *	uring.c		reads, writes and flushes through io_uring
 *	pool.c		everything through a few threads
 *	perform.c	one request, synchronously, to its end
 *
 * submit, kick, reap and resize are called by one thread at a time (the
 * owner's lock); done() is called by disk_reap() only, in its caller's thread.
 */
#ifndef DAEMON_DISK_H
#define DAEMON_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "../error.h"
#include "format.h"

/* Requests that may be in flight at once. */
#define DISK_DEPTH	256

enum disk_op {
	DISK_READ,
	DISK_WRITE,
	DISK_FLUSH,	/* what was done before is on stable storage */
	DISK_DISCARD,	/* the content is not needed any more; a hint */
	DISK_ZERO,	/* reads as zeros afterwards */
};

struct disk_request {
	/* Set by the owner; the engine uses up iov. */
	enum disk_op op;
	bool durable;		/* WRITE, ZERO: on stable storage when done */
	bool unmap;		/* ZERO: space may be given back */
	uint64_t offset;	/* bytes; inside the capacity */
	uint64_t length;	/* bytes; READ, WRITE: sum of iov */
	struct iovec *iov;
	int nr_iov;
	/* error: 0 or a negative errno. */
	void (*done)(struct disk_request *request, int error);

	/* The engine's. */
	struct disk_request *next;
	int error;
};

/* Which machinery does the I/O. */
enum disk_engine {
	DISK_ENGINE_AUTO = 0,	/* io_uring where permitted, else threads */
	DISK_ENGINE_URING = 1,
	DISK_ENGINE_THREADS = 2,
};

/* What a disk is made of, by descriptors; see disk_files_open(). */
struct disk_files {
	int image;		/* opened and locked; -1: it is not here */
	int server;		/* socket of a server process (server.h); -1 */
	enum disk_format format;
};

struct disk_options {
	const char *path;	/* or an address: see disk_scheme_of() */
	const char *format;	/* its name; NULL or "": by the suffix */
	const char *backing;	/* file that a qcow2 image may read; or NULL */
	/* Opened already, by somebody with more rights; NULL: open path. */
	const struct disk_files *files;
	bool read_only;
	bool direct;			/* O_DIRECT */
	uint32_t block_size;		/* 0: choose */
	enum disk_engine engine;
};

struct disk_nbd;
struct disk_uring;
struct disk_pool;

struct disk {
	/* Constant after disk_open(). */
	char *path;
	int fd;				/* of the image; -1 = a remote one */
	int server;			/* of disk_files; -1 */
	enum disk_format format;
	bool read_only, direct, is_device;
	bool no_zeroes;			/* DISK_ZERO will fail */
	uint32_t block_size;		/* logical: 512 to 4096 */
	uint32_t physical_size;		/* what the host writes at once */
	uint32_t discard_alignment;	/* bytes */
	int event_fd;			/* of uring and pool */
	int wait_fd;			/* readable: disk_reap() has work */
	struct disk_nbd *nbd;		/* NULL: the file as it is */
	/* Under the owner's lock: */
	unsigned int losses;		/* of connections */
	const char *failed;		/* why all requests fail; NULL */
	struct disk_uring *uring;	/* NULL: the pool does all */
	struct disk_pool *pool;

	/* Changed by disk_resize(), under the owner's lock. */
	uint64_t bytes;			/* of the file */
	uint64_t capacity;		/* bytes, a multiple of block_size */
};

/*
 * Open an image and lock it: shared for read-only, else exclusive, against
 * other guests.  options->files are not looked at.  0 or -1.
 */
int disk_files_open(const struct disk_options *options,
		    struct disk_files *files, struct error *error);
void disk_files_close(struct disk_files *files);

/*
 * A disk of options->files, which become its own also on failure, or of what
 * disk_files_open() opens.  NULL on failure.
 */
struct disk *disk_open(const struct disk_options *options,
		       struct error *error);
/* Nothing may be in flight. */
void disk_close(struct disk *disk);

/*
 * Give a regular file the size of that many bytes, if it is not smaller, and
 * look at the size again; 0 = only look.  0 or -1.
 */
int disk_resize(struct disk *disk, uint64_t size, struct error *error);

/* "io_uring", "threads", "qcow2", "NBD", ... */
const char *disk_engine_name(const struct disk *disk);

/* Hand in a request; it may start at once or at the next disk_kick(). */
void disk_submit(struct disk *disk, struct disk_request *request);
void disk_kick(struct disk *disk);
/* A flush that waits; any thread.  0 or a negative errno. */
int disk_sync(const struct disk *disk);
/*
 * Call done() of all requests that are.  The owner has read wait_fd before,
 * which clears it or fails.
 */
void disk_reap(struct disk *disk);
/*
 * What is in flight has been for too long: have it fail, if the disk is a
 * server's; disk_reap() tells.  A file's requests come back by themselves.
 */
void disk_abandon(struct disk *disk);
/*
 * While the owner looks by itself io_uring need not signal the event: quiet
 * begins that, loud ends it and looks a last time.
 */
void disk_quiet(struct disk *disk);
void disk_look(struct disk *disk);
void disk_loud(struct disk *disk);

#endif
