/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What exec.c needs of its host: this process's standard streams, its signals
 * and its terminal.  os/linux/exec_host.c, os/windows/exec_host.c.  One thread.
 */
#ifndef DAEMON_EXEC_HOST_H
#define DAEMON_EXEC_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include <colinux/agent.h>

#include "error.h"

/* From now on signals are for exec_host_signal().  0, or -1 and a message. */
int exec_host_start(int channel, struct error *error);
/* Signals and the terminal as they were. */
void exec_host_stop(void);
/* If standard input is a terminal: all that is typed is input. */
void exec_host_raw(void);
struct colinux_agent_size exec_host_size(void);

/*
 * The next signal that has come, by Linux' number; EXEC_RESIZED: the terminal
 * has another size; 0: none.
 */
#define EXEC_RESIZED 28		/* SIGWINCH */
int exec_host_signal(void);

#define EXEC_CHANNEL	1u	/* the channel can be read */
#define EXEC_INPUT	2u	/* standard input can */
#define EXEC_SIGNAL	4u
/*
 * Wait for one of these, for input only if it is wanted; which.  0: a while has
 * passed, CHANNEL_SILENCE_MS where there are channels for which that matters.
 */
unsigned int exec_host_wait(bool input);
/* Standard input: how many bytes, 0 = the end, -1 = none after all. */
ssize_t exec_host_read(void *bytes, size_t room);
/*
 * Write all to standard output (1) or error (2).  While that takes time
 * signals are told.  0 or an errno; EPIPE: nobody reads it any longer.
 */
int exec_host_write(int fd, const void *bytes, size_t length,
		    void (*signalled)(void *opaque), void *opaque);

#endif
