/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The NBD protocol (https://github.com/NetworkBlockDevice/nbd,
 * doc/proto.md): its numbers, addresses, and the beginning of a connection.
 * What follows that is nbd.c's.  Blocking, so for the process beside the VM.
 *
 * Own code rather than libnbd: requests go out again over the next connection
 * when a server comes back, from the guest's own pages.
 */
#ifndef DAEMON_DISK_NBD_LINK_H
#define DAEMON_DISK_NBD_LINK_H

#include <stdint.h>

#include "../error.h"

#define NBD_PORT "10809"

/* Transmission flags of an export. */
#define NBD_FLAG_READ_ONLY	(1u << 1)
#define NBD_FLAG_FLUSH		(1u << 2)
#define NBD_FLAG_FUA		(1u << 3)
#define NBD_FLAG_TRIM		(1u << 5)
#define NBD_FLAG_ZEROES		(1u << 6)

enum nbd_command {
	NBD_CMD_READ = 0,
	NBD_CMD_WRITE = 1,
	NBD_CMD_DISC = 2,
	NBD_CMD_FLUSH = 3,
	NBD_CMD_TRIM = 4,
	NBD_CMD_WRITE_ZEROES = 6,
};

#define NBD_CMD_FLAG_FUA	(1u << 0)
#define NBD_CMD_FLAG_NO_HOLE	(1u << 1)

#define NBD_REQUEST_MAGIC	0x25609513u
#define NBD_REPLY_MAGIC		0x67446698u

/* On the wire, big endian. */
struct nbd_request {
	uint32_t magic;
	uint16_t flags, command;
	uint64_t cookie, offset;
	uint32_t length;
} __attribute__((packed));

struct nbd_reply {
	uint32_t magic, error;
	uint64_t cookie;
} __attribute__((packed));

_Static_assert(sizeof(struct nbd_request) == 28, "request");
_Static_assert(sizeof(struct nbd_reply) == 16, "reply");

/* What a server says about an export. */
struct nbd_export {
	uint64_t size;
	uint32_t flags;
	uint32_t block;		/* smallest unit, 1 to 4096 */
	uint32_t most;		/* bytes in one request */
};

/* Where a server is. */
struct nbd_address {
	char host[256];		/* "" = socket */
	char port[8];
	char socket[108];
	char name[256];		/* of the export */
};

/* nbd://HOST[:PORT][/EXPORT] or nbd+unix:///[EXPORT]?socket=PATH. */
int nbd_parse(const char *uri, struct nbd_address *address,
	      struct error *error);

/* A connected socket, or -1. */
int nbd_connect(const struct nbd_address *address, struct error *error);

/* Up to transmission; each answer has to come within ten seconds.  0 or -1. */
int nbd_handshake(int fd, const char *name, struct nbd_export *export,
		  struct error *error);

#endif
