// SPDX-License-Identifier: GPL-2.0
/*
 * `colinux --keep restart|once fd|- DIRECTORY|- PROGRAM...`: not for people;
 * the process of keeper.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../command.h"
#include "../keeper.h"
#include "../os.h"

/* A program that ends at once is not started again at once. */
#define PAUSE_MS 1000
/* Shell: the command was not found, or could not be run. */
#define CANNOT_RUN 127

#define PIPE_FD OS_CHILD_FD
#define PASSED_FD (OS_CHILD_FD + 1)

struct keep {
	bool restart, passed;
	const char *read_only;
	char **argv;
	pid_t pid;
	int pidfd;
};

/* The directory, and all that is mounted in it, as this process sees it. */
static int make_read_only(const char *directory)
{
	struct mount_attr attributes = { .attr_set = MOUNT_ATTR_RDONLY };

	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount(directory, directory, NULL, MS_BIND | MS_REC, NULL) < 0)
		return -1;
	return mount_setattr(AT_FDCWD, directory, AT_RECURSIVE, &attributes,
			     sizeof(attributes));
}

static void run(const struct keep *keep) __attribute__((noreturn));

static void run(const struct keep *keep)
{
	int null = open("/dev/null", O_RDONLY);

	setsid();
	/* What serves the guest is needed until the guest's end. */
	os_outlive(keep->restart);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		_exit(CANNOT_RUN);
	if (keep->read_only && make_read_only(keep->read_only) < 0) {
		say("%s: cannot make it read-only: %s", keep->read_only,
		    strerror(errno));
		_exit(CANNOT_RUN);
	}
	/* The pipe is not the program's. */
	if (keep->passed)
		dup2(PASSED_FD, OS_CHILD_FD);
	closefrom(OS_CHILD_FD + keep->passed);
	execvp(keep->argv[0], keep->argv);
	say("%s: cannot run it: %s", keep->argv[0], strerror(errno));
	_exit(CANNOT_RUN);
}

static int start(struct keep *keep)
{
	keep->pid = fork();
	if (keep->pid < 0)
		return -1;
	if (!keep->pid)
		run(keep);
	keep->pidfd = pidfd_open(keep->pid, 0);
	return keep->pidfd < 0 ? -1 : 0;
}

/* Has the program ended within that time (-1 = wait)? */
static bool ended_within(const struct keep *keep, int ms)
{
	struct pollfd wait = { .fd = keep->pidfd, .events = POLLIN };
	int ready;

	do {
		ready = poll(&wait, 1, ms);
	} while (ready < 0 && errno == EINTR);
	return ready > 0;
}

static void end(const struct keep *keep)
{
	/* Servers do not hear it, but see that their client is gone. */
	kill(-keep->pid, SIGTERM);
	ended_within(keep, KEEPER_PATIENCE_S * 1000);
	/* It, if it was deaf, and what it has left behind. */
	kill(-keep->pid, SIGKILL);
}

/* Wait for the end of the VM process; false: not within that time. */
static bool vm_ended(int ms)
{
	struct pollfd wait = { .fd = PIPE_FD, .events = POLLIN };

	return poll(&wait, 1, ms) > 0;
}

static int keep_it(struct keep *keep)
{
	struct pollfd wait[2] = { { .fd = PIPE_FD, .events = POLLIN },
				  { .events = POLLIN } };

	for (;;) {
		if (start(keep) < 0) {
			say("%s: cannot start it: %s", keep->argv[0],
			    strerror(errno));
			return EXIT_OTHER;
		}
		wait[1].fd = keep->pidfd;
		if (poll(wait, 2, -1) < 0 && errno == EINTR)
			continue;
		if (wait[0].revents) {
			end(keep);
			return 0;
		}
		/*
		 * Others of its group may still run: they go with the guest.
		 * Until then the group's number stays taken by its zombie.
		 */
		if (!keep->restart) {
			vm_ended(-1);
			kill(-keep->pid, SIGTERM);
			return 0;
		}
		/* Its children are deaf, too, and would be in the way. */
		kill(-keep->pid, SIGKILL);
		waitpid(keep->pid, NULL, 0);
		close(keep->pidfd);
		if (vm_ended(PAUSE_MS))
			return 0;
		say("%s has ended: starting it again", keep->argv[0]);
	}
}

int cmd_keep(int argc, char **argv)
{
	struct keep keep;

	if (argc < 5)
		return EXIT_USAGE;
	keep = (struct keep){
		.restart = !strcmp(argv[1], "restart"),
		.passed = !strcmp(argv[2], "fd"),
		.read_only = strcmp(argv[3], "-") ? argv[3] : NULL,
		.argv = argv + 4,
	};
	os_outlive(true);
	prctl(PR_SET_NAME, "colinux-keep");
	return keep_it(&keep);
}
