/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Programs of the host that run as long as the guest does (execN=), and those
 * that serve it (virtiofsd).  Each has a keeper: a small process of ours that
 * outlives a VM process that is killed by just long enough to end the program.
 *
 * The VM process holds one end of a pipe; when that is closed, however it came
 * to pass, the keeper ends the program: SIGTERM to its process group, SIGKILL
 * after KEEPER_PATIENCE_S.  Signals to all processes of a service do not end the
 * keeper, nor a program that serves the guest (`restart`) before the guest.
 */
#ifndef DAEMON_KEEPER_H
#define DAEMON_KEEPER_H

#include <stdbool.h>

#include "error.h"

#define KEEPER_PATIENCE_S 5

struct keeper_options {
	const char *const *argv;	/* the program; at most KEEPER_WORDS */
	bool restart;		/* when it ends by itself */
	int fd;			/* its descriptor OS_CHILD_FD; -1 = none */
	const char *read_only;	/* a directory that it may only read, or NULL */
};

#define KEEPER_WORDS 16

/*
 * Start a program.  Returns a number for keeper_stop(), or -1.  To
 * be called before the sandbox.
 */
int keeper_start(const struct keeper_options *options, struct error *error);
/* End it; what keeper_start() returned. */
void keeper_stop(int keeper);

#endif
