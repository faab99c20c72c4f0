// SPDX-License-Identifier: GPL-2.0
/* Processes that the VM process starts before it enters its sandbox: os.h. */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#include "../../os.h"

extern char **environ;

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
		failed = posix_spawnp(&pid, path, actions, attributes,
				      (char *const *)argv, environ);
	return failed ? -failed : pid;
}

static int spawn(const char *path, const char *const argv[], int fd)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	int result;

	result = -posix_spawn_file_actions_init(&actions);
	if (result)
		return result;
	result = -posix_spawnattr_init(&attributes);
	if (!result) {
		if (fd >= 0)
			result = -posix_spawn_file_actions_adddup2(&actions, fd,
								   OS_CHILD_FD);
		/* Whatever some library has left open is not the child's. */
		if (!result)
			result = -posix_spawn_file_actions_addclosefrom_np(
				&actions, fd >= 0 ? OS_CHILD_FD + 1 :
						    OS_CHILD_FD);
		if (!result)
			result = start(&actions, &attributes, path, argv);
		posix_spawnattr_destroy(&attributes);
	}
	posix_spawn_file_actions_destroy(&actions);
	return result;
}

int os_spawn_self(const char *const argv[], int fd, struct error *error)
{
	int pid = spawn("/proc/self/exe", argv, fd);

	return pid < 0 ? error_set(error, "cannot start %s %s: %s", argv[0],
				   argv[1], strerror(-pid)) : pid;
}
