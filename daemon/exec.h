/* SPDX-License-Identifier: GPL-2.0 */
/* A command in a guest, its streams and its signals: for `colinux exec`. */
#ifndef DAEMON_EXEC_H
#define DAEMON_EXEC_H

#include <stdbool.h>

#include "../agent/channel.h"
#include "error.h"

struct exec_options {
	const char *name;	/* of the guest */
	const char *user;	/* NULL = root */
	const char *directory;	/* NULL = the user's */
	bool input;		/* standard input goes to the command */
	bool tty;
	bool x11;		/* its X programs have a display; x11_open() was */
	char **env;		/* NAME=VALUE */
	int nr_env;
	char **argv;		/* ends with NULL */
};

/*
 * Run it over a session that has begun (agent.h) until it ends, with this
 * process's standard streams; catches signals and, with a terminal, puts it
 * into raw mode meanwhile.  Returns the exit status: the command's, or 125 to
 * 127 and a message.
 */
int exec_run(const struct exec_options *options, struct channel *channel,
	     struct error *error);

#endif
