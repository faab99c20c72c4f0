/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The words of the control socket; no I/O here.
 *
 * A connection carries one request, a line:   VERB [KEY=NUMBER]...\n
 * The answer is any number of lines           KEY VALUE...\n
 * and then one of                             ok\n    error TEXT\n
 * after which the server closes; only after the "ok" of the verb `console`
 * the connection goes on as the raw byte stream of the console, both ways.
 *
 * Text is printable ASCII and UTF-8 bytes; control characters are refused in
 * requests and replaced by '?' in answers.
 */
#ifndef DAEMON_PROTOCOL_H
#define DAEMON_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define PROTOCOL_LINE 512	/* longest request line with its newline */

enum protocol_verb {
	PROTOCOL_STATUS,	/* name, pid, state, uptime, mem, ... */
	PROTOCOL_STATS,		/* counters of each vCPU, devices */
	PROTOCOL_STOP,		/* timeout= force=0|1; answers at the end */
	PROTOCOL_KILL,		/* answers at the end */
	PROTOCOL_CONSOLE,	/* columns= rows= scrollback=BYTES */
	PROTOCOL_RESIZE,	/* columns= rows= */
	/*
	 * disk=N read-only=0|1 direct=0|1.  The answer begins with "send files":
	 * then comes a message of the disk's name for people and descriptors
	 * (struct disk_files), and then the rest of the answer.
	 */
	PROTOCOL_DISK_ADD,
	PROTOCOL_DISK_REMOVE,	/* disk=N force=0|1 */
	PROTOCOL_DISK_RESIZE,	/* disk=N size=BYTES; no size: it has changed */
	PROTOCOL_MEMORY,	/* target=MB fresh=0|1 */
};

struct protocol_request {
	enum protocol_verb verb;
	/* What was not given is -1. */
	int64_t timeout, force, columns, rows, scrollback;
	int64_t disk, read_only, direct, size;
	int64_t target, fresh;
};

/* Parse a line without its newline.  Everything unknown is refused. */
int protocol_parse(const char *line, size_t length,
		   struct protocol_request *request, struct error *error);

/* Write the line of a request; returns its length (below PROTOCOL_LINE). */
size_t protocol_format(const struct protocol_request *request, char *line,
		       size_t room);

/* A request with nothing given. */
void protocol_request_init(struct protocol_request *request,
			   enum protocol_verb verb);

/* Replace control characters, so that text stays on its line. */
void protocol_clean(char *text);

/*
 * Split an answer line (no newline) at its first blank.  Returns the value
 * ("" if none); *key is NUL-terminated in place.
 */
char *protocol_split(char *line);

#endif
