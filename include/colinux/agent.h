/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the commands `exec` and `cp` and the agent in the guest say to each
 * other, over one stream socket (vsock) per session.
 *
 * Each message is a frame: type and length, then so many bytes.  The command
 * begins with AGENT_HELLO, which the agent answers with AGENT_READY or
 * AGENT_FAIL.  Then either
 *
 *   exec: ARG... [ENV...] [USER] [DIRECTORY] [TTY] [X11] RUN, then STDIN, SIGNAL
 *	and RESIZE; the agent sends STDOUT, STDERR, WINDOW, X11_CLIENT and at last
 *	EXIT or FAIL
 *   copy from the guest: GET; the agent sends FAIL, or the entries of a tree
 *   copy to the guest: PUT; the agent answers READY or FAIL, the command sends
 *	the entries of a tree
 *
 * A tree: an entry per file in depth-first order; names are single components,
 * what follows a DIRECTORY is inside it until its UP.  A FILE is followed by
 * DATA frames, holes left out, and END, which has the length at which the file
 * was found to end.  NOTE frames (either side: a problem
 * with one file, for people) may be anywhere.  The sender ends with DONE, and
 * who receives answers with DONE.
 *
 * The agent closes when the command has closed or shut its side.  Neither
 * side trusts the other: lengths and names are checked, and everything is
 * bounded.
 */
#ifndef COLINUX_AGENT_H
#define COLINUX_AGENT_H

#include "types.h"

#define COLINUX_AGENT_VERSION	1u
/*
 * Port of vsock.  Below 1024: in the guest only root can listen there.
 */
#define COLINUX_AGENT_PORT	1011u
/*
 * Ports of the host, from 1, whose sessions the agent serves: those for which
 * the host's kernel wants CAP_NET_BIND_SERVICE, as any of its users can connect
 * to a guest of vsock=vhost.
 */
#define COLINUX_AGENT_PEERS	1023u
#define COLINUX_AGENT_PAYLOAD	65536u	/* most bytes of a frame */
/*
 * Bytes of standard input that may be sent before the agent has given more
 * with WINDOW.
 */
#define COLINUX_AGENT_FIRST_WINDOW 65536u
#define COLINUX_AGENT_DEPTH	128u	/* of directories in a tree */

enum colinux_agent_frame_type {
	/* Both: the version, 32 bits. */
	COLINUX_AGENT_HELLO = 1,
	COLINUX_AGENT_READY = 2,
	/* struct colinux_agent_fail, then a text for people. */
	COLINUX_AGENT_FAIL = 3,

	/* exec, to the agent.  Texts have no NUL at their end. */
	COLINUX_AGENT_ARG = 10,		/* the next word of the command */
	COLINUX_AGENT_ENV = 11,		/* NAME=VALUE */
	COLINUX_AGENT_USER = 12,	/* NAME, UID, either with :GROUP */
	COLINUX_AGENT_DIRECTORY = 13,
	COLINUX_AGENT_TTY = 14,		/* struct colinux_agent_size */
	COLINUX_AGENT_RUN = 15,		/* 32 bits: 1 = there is an input */
	COLINUX_AGENT_STDIN = 16,	/* bytes; none = the end */
	COLINUX_AGENT_SIGNAL = 17,	/* 32 bits */
	COLINUX_AGENT_RESIZE = 18,	/* struct colinux_agent_size */
	COLINUX_AGENT_X11 = 19,		/* give the command a display */

	/* exec, from the agent. */
	COLINUX_AGENT_STDOUT = 20,
	COLINUX_AGENT_STDERR = 21,
	COLINUX_AGENT_WINDOW = 22,	/* 32 bits: so much more */
	COLINUX_AGENT_EXIT = 23,	/* 32 bits: 0-255, or 128 + signal */
	/*
	 * 32 bits: a program that uses the display is at that port of vsock, for
	 * 10 seconds, from which on its bytes go both ways.
	 */
	COLINUX_AGENT_X11_CLIENT = 24,

	/* copy, to the agent: a path. */
	COLINUX_AGENT_GET = 30,
	COLINUX_AGENT_PUT = 31,

	/* trees */
	COLINUX_AGENT_DIR = 40,		/* struct colinux_agent_entry, name */
	COLINUX_AGENT_FILE = 41,	/* the same */
	COLINUX_AGENT_FIFO = 42,	/* the same */
	COLINUX_AGENT_LINK = 43,	/* the same, NUL, target */
	COLINUX_AGENT_UP = 44,
	COLINUX_AGENT_DATA = 45,	/* offset, 64 bits, then the bytes */
	/*
	 * 64 bits: the length, whatever the entry says: what /sys has is shorter
	 * than its size.  None (older agents): the size, or more.
	 */
	COLINUX_AGENT_END = 46,
	COLINUX_AGENT_NOTE = 47,	/* text */
	COLINUX_AGENT_DONE = 48,
};

struct colinux_agent_frame {
	__u32 type;
	__u32 length;
};

/* Why a session cannot be; also exit statuses of the command `exec`. */
enum colinux_agent_problem {
	COLINUX_AGENT_NOT_YET = 1,	/* the guest is not ready: try again */
	COLINUX_AGENT_CANNOT = 125,
	COLINUX_AGENT_CANNOT_RUN = 126,
	COLINUX_AGENT_NOT_FOUND = 127,
};

struct colinux_agent_fail {
	__u32 problem;
};

struct colinux_agent_size {
	__u16 rows, columns;
};

struct colinux_agent_entry {
	__u32 mode;		/* permissions: 07777 */
	__u32 uid, gid;
	__u32 mtime_nsec;
	__u64 mtime;		/* seconds, signed */
	__u64 size;		/* of a FILE */
};

_Static_assert(sizeof(struct colinux_agent_frame) == 8, "frame");
_Static_assert(sizeof(struct colinux_agent_size) == 4, "size");
_Static_assert(sizeof(struct colinux_agent_entry) == 32, "entry");

#endif
