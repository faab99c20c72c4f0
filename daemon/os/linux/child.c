// SPDX-License-Identifier: GPL-2.0
/* Processes that the VM process starts before it enters its sandbox: os.h. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#include "../../os.h"

extern char **environ;

static int child_output = -1;

void os_child_output(int fd)
{
	child_output = fd;
}

static int start(posix_spawn_file_actions_t *actions,
		 posix_spawnattr_t *attributes, const char *path,
		 const char *const argv[])
{
	sigset_t none, all;
	pid_t pid;
	int failed;

	sigemptyset(&none);
	sigfillset(&all);
	/* Its own session: the terminal's Ctrl-C is the guest's affair. */
	failed = posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSID |
					  POSIX_SPAWN_SETSIGMASK |
					  POSIX_SPAWN_SETSIGDEF);
	if (!failed)
		failed = posix_spawnattr_setsigmask(attributes, &none);
	if (!failed)
		failed = posix_spawnattr_setsigdefault(attributes, &all);
	if (!failed)
		failed = posix_spawn(&pid, path, actions, attributes,
				      (char *const *)argv, environ);
	return failed ? -failed : pid;
}

/* Descriptors in two steps, since the new numbers may be among the old. */
static int pass(posix_spawn_file_actions_t *actions, const int *fds, int nr)
{
	/* Above all that are passed on. */
	int i, high = OS_CHILD_FD + nr, result = 0;

	for (i = 1; !result && i <= 2 && child_output >= 0; i++)
		result = posix_spawn_file_actions_adddup2(actions,
							  child_output, i);
	for (i = 0; i < nr; i++)
		if (fds[i] >= high)
			high = fds[i] + 1;
	for (i = 0; !result && i < nr; i++)
		result = posix_spawn_file_actions_adddup2(actions, fds[i],
							  high + i);
	for (i = 0; !result && i < nr; i++)
		result = posix_spawn_file_actions_adddup2(actions, high + i,
							  OS_CHILD_FD + i);
	/* Whatever some library has left open is not the child's. */
	if (!result)
		result = posix_spawn_file_actions_addclosefrom_np(actions,
							OS_CHILD_FD + nr);
	return -result;
}

int os_spawn_self(const char *const argv[], const int *fds, int nr,
		  struct error *error)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int result;

	result = -posix_spawn_file_actions_init(&actions);
	if (!result) {
		result = -posix_spawnattr_init(&attributes);
		if (!result) {
			result = pass(&actions, fds, nr);
			if (!result)
				result = start(&actions, &attributes,
					       "/proc/self/exe", argv);
			posix_spawnattr_destroy(&attributes);
		}
		posix_spawn_file_actions_destroy(&actions);
	}
	return result < 0 ? error_set(error, "cannot start %s %s: %s", argv[0],
				      argv[1], strerror(-result)) : result;
}

void os_outlive(bool on)
{
	signal(SIGTERM, on ? SIG_IGN : SIG_DFL);
	signal(SIGINT, on ? SIG_IGN : SIG_DFL);
	signal(SIGHUP, on ? SIG_IGN : SIG_DFL);
}
