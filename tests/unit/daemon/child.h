/* SPDX-License-Identifier: GPL-2.0 */
/* Running this program as `colinux` and talking to it, with time limits. */
#ifndef DAEMON_TEST_CHILD_H
#define DAEMON_TEST_CHILD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Longest wait for anything; nothing of it is slept when all is well. */
#define CHILD_LIMIT_MS 20000

struct child {
	pid_t pid;
	int in, out;		/* its stdin and its stdout + stderr */
	char text[64 * 1024];	/* all that it has printed */
	size_t length;
};

/* colinux WORD... (NULL at the end); with a terminal or with pipes. */
void child_start(struct child *child, bool terminal, const char *const words[]);
/* Type into it. */
void child_type(struct child *child, const char *text);
/* Wait until it has printed text (anywhere). */
bool child_expect(struct child *child, const char *text);
/* Wait for its end; its exit status, 128 + signal, or -1 after the limit. */
int child_end(struct child *child);
/* The three at once: run it to its end. */
int child_run(struct child *child, const char *const words[]);
/* Wait until a path is there. */
bool wait_for_path(const char *path);

#define COMMAND(...) ((const char *const[]){ __VA_ARGS__, NULL })

#endif
