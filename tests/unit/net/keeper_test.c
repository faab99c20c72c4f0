// SPDX-License-Identifier: GPL-2.0
/*
 * Keepers: programs end with the VM process, however it ends, with all that
 * they have started; those that shall be are started again.
 *
 * A keeper is this very program again, as it is `colinux` otherwise.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../daemon/command.h"
#include "../../../daemon/keeper.h"
#include "../virtio/tap.h"

static char directory[40] = "/tmp/colinux-keeper-XXXXXX";
static char fifo[64];

/* As command.c has it, but quiet: its lines would not be TAP. */
void say(const char *format, ...)
{
	(void)format;
}

static int start(const char *script, bool restart, int fd)
{
	const char *const argv[] = { "/bin/sh", "-c", script, "sh", fifo,
				     NULL };
	const struct keeper_options options = {
		.argv = argv, .restart = restart, .fd = fd,
	};
	struct error error;
	int pipe_fd = keeper_start(&options, &error);

	if (pipe_fd < 0)
		die(error.text);
	return pipe_fd;
}

/* A line that a program wrote into the fifo; false after ten seconds. */
static bool line(int fd, char *text, size_t room)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	size_t got = 0;

	while (got + 1 < room) {
		if (poll(&wait, 1, 10000) != 1 || read(fd, text + got, 1) != 1)
			return false;
		if (text[got] == '\n')
			break;
		got++;
	}
	text[got] = '\0';
	return true;
}

/* Wait until a process is gone (or a zombie of somebody else's). */
static bool gone(pid_t pid)
{
	char path[32], state = 0;
	FILE *file;

	for (int turn = 0; turn < 200; turn++) {
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		file = fopen(path, "r");
		if (!file)
			return true;
		if (fscanf(file, "%*d %*s %c", &state) != 1)
			state = 0;
		fclose(file);
		if (state == 'Z')
			return true;
		poll(NULL, 0, 50);
	}
	return false;
}

static void ends(int in)
{
	char text[64];
	pid_t self = 0, child = 0;
	int fd;

	fd = start("sleep 100 & echo $$ >$1; echo $! >$1; wait", false, -1);
	check(line(in, text, sizeof(text)) && (self = atoi(text)) > 0 &&
	      line(in, text, sizeof(text)) && (child = atoi(text)) > 0 &&
	      !kill(self, 0) && !kill(child, 0), "a program and its child run");
	close(fd);
	check(gone(self) && gone(child), "they end with us");
	fd = start("trap '' TERM; echo $$ >$1; while :; do sleep 1; done",
		   false, -1);
	check(line(in, text, sizeof(text)) && (self = atoi(text)) > 0,
	      "one that is deaf");
	close(fd);
	check(gone(self), "ends, too");
	/* It has ended, what it started has not. */
	fd = start("sleep 100 & echo $! >$1", false, -1);
	check(line(in, text, sizeof(text)) && (child = atoi(text)) > 0 &&
	      !kill(child, 0), "a program that ends at once");
	close(fd);
	check(gone(child), "leaves nothing behind");
}

static void killed(int in)
{
	char text[64];
	pid_t vm = fork(), self = 0;

	if (vm < 0)
		die("fork");
	if (!vm) {
		start("echo $$ >$1; exec sleep 100", false, -1);
		pause();
		_exit(0);
	}
	check(line(in, text, sizeof(text)) && (self = atoi(text)) > 0,
	      "a VM process");
	kill(vm, SIGKILL);
	waitpid(vm, NULL, 0);
	check(gone(self), "is killed: its program ends");
}

static void restarts(int in)
{
	char one[64], two[64];
	int pair[2], fd;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		die("socketpair");
	fd = start("echo $$ >&3; exec sleep 100", true, pair[1]);
	close(pair[1]);
	check(line(pair[0], one, sizeof(one)), "a program has its descriptor");
	kill(atoi(one), SIGKILL);
	check(line(pair[0], two, sizeof(two)) && strcmp(one, two),
	      "and once more when it is started again");
	close(fd);
	check(gone(atoi(two)), "until we end");
	close(pair[0]);
	(void)in;
}

/* systemctl stop: SIGTERM to all; the guest is still there. */
static void stopped(int in)
{
	char text[64], back[64];
	pid_t self = 0, keeper = 0;
	int pair[2], fd;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		die("socketpair");
	fd = start("echo $$ >&3; echo $PPID >&3; while read x <&3; do "
		   "echo $x >&3; done", true, pair[1]);
	close(pair[1]);
	if (!line(pair[0], text, sizeof(text)) || (self = atoi(text)) <= 0 ||
	    !line(pair[0], text, sizeof(text)) || (keeper = atoi(text)) <= 0)
		die("a server");
	kill(keeper, SIGTERM);
	kill(self, SIGTERM);
	kill(self, SIGHUP);
	check(write(pair[0], "hello\n", 6) == 6 &&
	      line(pair[0], back, sizeof(back)) && !strcmp(back, "hello"),
	      "a server does its work after SIGTERM");
	close(fd);
	check(gone(self), "and its keeper, which ends it");
	close(pair[0]);
	fd = start("echo $$ >$1; echo $PPID >$1; exec sleep 100", false, -1);
	if (!line(in, text, sizeof(text)) || (self = atoi(text)) <= 0 ||
	    !line(in, text, sizeof(text)) || (keeper = atoi(text)) <= 0)
		die("a program");
	kill(keeper, SIGTERM);
	close(fd);
	check(gone(self), "so does the keeper of another program");
	fd = start("echo $$ >$1; exec sleep 100", false, -1);
	if (!line(in, text, sizeof(text)) || (self = atoi(text)) <= 0)
		die("a program");
	kill(self, SIGTERM);
	check(gone(self), "which SIGTERM ends");
	close(fd);
}

static void read_only(void)
{
	const char *const argv[] = {
		"/bin/sh", "-c",
		"echo x >$1/file && echo written >&3 || echo refused >&3",
		"sh", directory, NULL
	};
	struct keeper_options options = { .argv = argv,
					  .read_only = directory };
	struct error error;
	char text[32] = "";
	int pair[2], fd;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		die("socketpair");
	options.fd = pair[1];
	fd = keeper_start(&options, &error);
	close(pair[1]);
	if (fd < 0)
		die(error.text);
	if (!line(pair[0], text, sizeof(text)))
		skip("a directory that may only be read",
		     "no mount namespaces here");
	else
		check(!strcmp(text, "refused"),
		      "a directory that may only be read");
	close(fd);
	close(pair[0]);
}

int main(int argc, char **argv)
{
	int in;

	if (argc > 1 && !strcmp(argv[1], "--keep"))
		return cmd_keep(argc - 1, argv + 1);
	alarm(120);
	if (!mkdtemp(directory))
		die("mkdtemp");
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	if (mkfifo(fifo, 0600) < 0)
		die("mkfifo");
	in = open(fifo, O_RDWR | O_CLOEXEC);
	ends(in);
	killed(in);
	restarts(in);
	stopped(in);
	read_only();
	unlink(fifo);
	rmdir(directory);
	return done();
}
