// SPDX-License-Identifier: GPL-2.0
/*
 * The agent's processes.  /colinux-init starts it before the guest's own init
 * runs, so it needs nothing of the root file system and is there with any
 * init.  It stays in the initramfs; each session goes to the root of process
 * 1, whatever that is by then.
 *
 * The first process only starts the second again when it dies; the second
 * listens; each session is a process of its own.
 *
 * Its argv[0] begins with '@': systemd then leaves it alone when it ends all
 * processes of an initrd (systemd's ROOT_STORAGE_DAEMONS).
 */
#include "main.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <linux/vm_sockets.h>
#include <unistd.h>

#include "agent.h"

#define SERVE_FD 3		/* of --serve; of the pipe of /colinux-init */
#define NO_VSOCK 3		/* exit status: starting again is no use */
#define PAUSE_MS 1000		/* before it is started again */
#define BACKLOG 128

int agent_proc = -1;

static int kernel_log = -1;
static bool wait_for_root;

static void say(const char *text)
{
	static const char start[] = "<4>colinux-agent: ";
	char line[256];
	size_t length = strlen(text);

	if (length > sizeof(line) - sizeof(start) - 1)
		length = sizeof(line) - sizeof(start) - 1;
	memcpy(line, start, sizeof(start) - 1);
	memcpy(line + sizeof(start) - 1, text, length);
	line[sizeof(start) - 1 + length] = '\n';
	if (write(kernel_log, line, sizeof(start) + length) < 0)
		errno = 0;
}

/* Go to the root of process 1; -1 = it is the initramfs, but not for good. */
static int enter_root(void)
{
	int root = openat(agent_proc, "1/root",
			  O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat ours, its;

	if (root < 0)
		return errno;
	if (wait_for_root && !fstat(root, &its) &&
	    !fstatat(AT_FDCWD, "/", &ours, 0) && ours.st_dev == its.st_dev &&
	    ours.st_ino == its.st_ino)
		return -1;
	if (fchdir(root) < 0 || chroot(".") < 0 || chdir("/") < 0)
		return errno;
	close(root);
	return 0;
}

/* For tests: everything is where it is. */
static int stay(void)
{
	return 0;
}

__attribute__((noreturn))
static void listen_for_ever(void)
{
	struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_cid = VMADDR_CID_ANY,
		.svm_port = COLINUX_AGENT_PORT,
	};
	int listener = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (listener < 0) {
		say("no vsock in this kernel: colinux exec and cp will not "
		    "work");
		_exit(NO_VSOCK);
	}
	/* Ended sessions need not be waited for. */
	signal(SIGCHLD, SIG_IGN);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(listener, BACKLOG) < 0) {
		say("cannot listen on its port");
		_exit(1);
	}
	for (;;) {
		struct sockaddr_vm peer = { .svm_cid = VMADDR_CID_ANY };
		socklen_t length = sizeof(peer);
		int fd = accept4(listener, (struct sockaddr *)&peer, &length,
				 SOCK_CLOEXEC);

		if (fd < 0 && errno != EINTR && errno != ECONNABORTED)
			poll(NULL, 0, PAUSE_MS);
		if (fd < 0)
			continue;
		/*
		 * Not a program of the guest itself, by the loopback, nor one
		 * of a user of the host without rights.
		 */
		if (peer.svm_cid == VMADDR_CID_HOST &&
		    peer.svm_port <= COLINUX_AGENT_PEERS && !fork()) {
			close(listener);
			session_serve(fd, enter_root);
		}
		close(fd);
	}
}

static void set_up(void)
{
	int null, score;

	kernel_log = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	agent_proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	null = open("/dev/null", O_RDWR);
	if (null >= 0)
		for (int i = 0; i < 3; i++)
			dup2(null, i);
	if (null > 2)
		close(null);
	setsid();
	umask(022);
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	/* When memory is short, who could look into it is needed. */
	score = openat(agent_proc, "self/oom_score_adj",
		       O_WRONLY | O_CLOEXEC);
	if (score >= 0) {
		if (write(score, "-1000", 5) < 0)
			say("oom_score_adj cannot be set");
		close(score);
	}
	/* /colinux-init waits for this before it moves /dev and /proc. */
	close(SERVE_FD);
}

/*
 * @colinux-agent [--wait-for-root], from /colinux-init with a pipe as
 * descriptor 3; or --serve: one session on descriptor 3, here.
 */
int main(int argc, char **argv)
{
	int status;

	if (argc == 2 && !strcmp(argv[1], "--serve")) {
		agent_proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
		fcntl(SERVE_FD, F_SETFD, (long)FD_CLOEXEC);
		session_serve(SERVE_FD, stay);
	}
	wait_for_root = argc == 2 && !strcmp(argv[1], "--wait-for-root");
	set_up();
	prctl(PR_SET_NAME, "colinux-keeper");
	for (;;) {
		pid_t pid = fork();

		if (!pid) {
			prctl(PR_SET_NAME, "colinux-agent");
			listen_for_ever();
		}
		if (pid > 0 && waitpid(pid, &status, 0) == pid &&
		    WIFEXITED(status) && WEXITSTATUS(status) == NO_VSOCK)
			return NO_VSOCK;
		poll(NULL, 0, PAUSE_MS);
		say("starts again");
	}
}
