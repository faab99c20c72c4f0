/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The agent: a process in the guest that runs commands and copies files for
 * `colinux exec` and `colinux cp`.
 *
 *	main.c		starting, listening, one process per session
 *	session.c	the beginning of a session: who wants what
 *	command.c	a command: its process, pipes or terminal, its streams
 *	x11.c		a display for the command's X programs
 *	user.c		users and groups of the guest
 *
 * Plain C with the calls that libc.c has.
 */
#ifndef GUEST_AGENT_H
#define GUEST_AGENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "../../agent/channel.h"

#define AGENT_WORDS 4096	/* of a command, and of its environment */
#define AGENT_TEXT (512 * 1024)	/* their bytes */
#define AGENT_GROUPS 256

/* --- session.c --- */

struct session {
	struct channel channel;
	/* What the command is to be. */
	char *argv[AGENT_WORDS + 1];
	char *envp[AGENT_WORDS + 1];
	unsigned int argc, envc;
	char user[256];
	char directory[4096];	/* "" = the user's */
	bool tty, input, x11;
	struct colinux_agent_size size;
	char text[AGENT_TEXT];
	size_t text_used;
};

/*
 * Serve a connection to its end; does not return.  The calling process is the
 * session's own.  enter: go to the root of the guest's init first, as 0; an
 * errno, or -1 = there is none yet.
 */
__attribute__((noreturn))
void session_serve(int fd, int (*enter)(void));

/* Tell why and wait for the other side to close; does not return. */
__attribute__((noreturn))
void session_fail(struct session *session, uint32_t problem, const char *what,
		  const char *about, int error);
/* Wait until the other side has closed; does not return. */
__attribute__((noreturn))
void session_end(struct session *session);
/* Add NAME=VALUE, in place of an older one; false = too much. */
bool session_setenv(struct session *session, const char *name,
		    const char *value);
const char *session_getenv(const struct session *session, const char *name);

/* --- command.c --- */

__attribute__((noreturn))
void command_serve(struct session *session);

/* --- user.c --- */

struct user {
	uid_t uid;
	gid_t gid;
	size_t nr_groups;
	gid_t groups[AGENT_GROUPS];
	char name[64], home[256], shell[256];
};

/*
 * USER or UID, either with :GROUP or :GID, from /etc/passwd and /etc/group;
 * "" = root, whatever there is.  false = no such user or group.
 */
bool user_find(const char *spec, struct user *user);

/* --- x11.c --- */

/*
 * Make a display for this user and put it into the environment; the socket that
 * is to be watched for x11_accept().  Ends the session when there can be none.
 */
int x11_listen(struct session *session, const struct user *user);
/* A program connects: pass that on to the host. */
void x11_accept(struct session *session, int listener);
/* The display's name is free again. */
void x11_end(void);

#endif
