// SPDX-License-Identifier: GPL-2.0
/*
 * The agent of `colinux exec` is started here, before the guest's own init, so
 * that it needs nothing of the root file system: see guest/agent/main.c.
 */
#include "agent.h"

#include <fcntl.h>

#include "say.h"
#include "sys.h"

#define AGENT_PIPE	3	/* the agent closes it when it is ready */

/* An argument of its command line that begins with '@': see there. */
#define AGENT_NAME	"@colinux-agent"

__attribute__((noreturn))
static void become_agent(const struct boot_options *options, const int pipe[2],
			 char **envp)
{
	char *argv[] = {
		(char *)AGENT_NAME,
		options->root[0] ? (char *)"--wait-for-root" : NULL, NULL
	};

	sys_close(pipe[0]);
	if (pipe[1] != AGENT_PIPE) {
		sys_call(__NR_dup2, pipe[1], AGENT_PIPE, 0, 0, 0);
		sys_close(pipe[1]);
	}
	sys_execve(AGENT_PATH, argv, envp);
	sys_exit(1);
}

void start_agent(const struct boot_options *options, char **envp)
{
	int pipe[2];
	long pid;
	char c;

	if (sys_access(AGENT_PATH, X_OK) ||
	    sys_call(__NR_pipe2, pipe, 0, 0, 0, 0))
		return;
	pid = sys_call(__NR_fork, 0, 0, 0, 0, 0);
	if (!pid)
		become_agent(options, pipe, envp);
	sys_close(pipe[1]);
	if (pid > 0)
		sys_read(pipe[0], &c, 1);
	else
		say("cannot start " AGENT_PATH ": ", error_text(pid));
	sys_close(pipe[0]);
	sys_unlinkat(AT_FDCWD, AGENT_PATH, 0);
}
