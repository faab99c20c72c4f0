// SPDX-License-Identifier: GPL-2.0
/* Starting a keeper: see keeper.h.  What it does is builtin/keep.c's. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "keeper.h"
#include "os.h"

int keeper_start(const struct keeper_options *options, struct error *error)
{
	const char *argv[KEEPER_WORDS + 6] = { "colinux", "--keep" };
	int nr = 2, i, pipe_fds[2], fds[2], result;

	argv[nr++] = options->restart ? "restart" : "once";
	argv[nr++] = options->fd >= 0 ? "fd" : "-";
	argv[nr++] = options->read_only ? options->read_only : "-";
	for (i = 0; options->argv[i]; i++) {
		if (i == KEEPER_WORDS)
			return error_set(error, "%s: too many arguments",
					 options->argv[0]);
		argv[nr++] = options->argv[i];
	}
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return error_set(error, "%s: no pipe: %s", options->argv[0],
				 strerror(errno));
	fds[0] = pipe_fds[0];
	fds[1] = options->fd;
	result = os_spawn_self(argv, fds, options->fd >= 0 ? 2 : 1, error);
	close(pipe_fds[0]);
	if (result >= 0)
		return pipe_fds[1];
	close(pipe_fds[1]);
	return -1;
}

void keeper_stop(int keeper)
{
	close(keeper);
}
