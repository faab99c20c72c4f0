// SPDX-License-Identifier: GPL-2.0
/*
 * Running a command for a session: its process, its pipes or terminal, and
 * what goes over them.
 *
 * With a terminal this process is the leader of its session and the command a
 * foreground process group of its own, so that the terminal outlives the
 * command until everything is read from it.  Without one the command leads a
 * session.  Either way -pid is its group.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "main.h"

int ioctl(int fd, unsigned long command, ...);

#define DEFAULT_PATH \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define INPUT COLINUX_AGENT_FIRST_WINDOW
/* What a terminal is asked for at most after the command has ended. */
#define LAST_WORDS (1024 * 1024)

enum end_told { TOLD_NOT, TOLD_LINES, TOLD_RAW };
enum stage { STAGE_USER, STAGE_DIRECTORY, STAGE_RUN };

/* What the new process could not do. */
struct failure {
	enum stage stage;
	int error;
};

struct command {
	struct session *session;
	struct user user;
	pid_t pid;
	int signals;		/* signalfd of SIGCHLD */
	int in, out, err;	/* our ends; with a terminal in == out */
	int display;		/* where its X programs connect, or -1 */
	bool ended;		/* the command */
	int status;
	/* Its input, a ring. */
	bool input_ended;
	/* A terminal's: in which mode its end was told, and what is left of that. */
	enum end_told end_told;
	unsigned int ends;
	size_t input_start, input_length;
	uint8_t input[INPUT];
};

static struct command the_command;

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* --- The new process --- */

static void become(const struct command *command)
{
	const struct user *user = &command->user;
	sigset_t none;
	int fd;

	for (int i = 1; i <= 64; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* The agent itself is never to be chosen when memory is short. */
	fd = openat(agent_proc, "self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (write(fd, "0", 1) < 0)
			errno = 0;
		close(fd);
	}
	umask(022);
	errno = 0;
	/* Somebody else than root runs it in tests only. */
	if (geteuid() == 0 && (setgroups(user->nr_groups, user->groups) < 0 ||
			       setgid(user->gid) < 0 || setuid(user->uid) < 0))
		return;
	errno = 0;
}

static void enter_directory(const struct command *command)
{
	const char *wanted = command->session->directory;

	errno = 0;
	if (*wanted) {
		if (chdir(wanted) == 0)
			errno = 0;
	} else if (chdir(command->user.home) == 0 || chdir("/") == 0) {
		errno = 0;
	}
}

static void run_file(struct session *session, const char *path)
{
	/* A script without "#!" is for the shell. */
	static char *shell[AGENT_WORDS + 2];

	execve(path, session->argv, session->envp);
	if (errno != ENOEXEC)
		return;
	shell[0] = (char *)"/bin/sh";
	shell[1] = (char *)path;
	memcpy(shell + 2, session->argv + 1,
	       session->argc * sizeof(*session->argv));
	execve(shell[0], shell, session->envp);
}

/* Does not return if it works; else errno says why. */
static void run(struct session *session)
{
	const char *name = session->argv[0];
	const char *at = session_getenv(session, "PATH");
	size_t name_length = strlen(name);
	char path[4096];
	int error = ENOENT;

	if (strchr(name, '/') || !*name) {
		run_file(session, name);
		return;
	}
	while (at) {
		const char *end = strchr(at, ':');
		size_t length = end ? (size_t)(end - at) : strlen(at);

		if (length + name_length + 2 <= sizeof(path)) {
			memcpy(path, length ? at : ".", length ? length : 1);
			length = length ? length : 1;
			path[length] = '/';
			memcpy(path + length + 1, name, name_length + 1);
			run_file(session, path);
			/* One that is there but cannot be run is the reason. */
			if (errno != ENOENT && errno != ENOTDIR)
				error = errno;
		}
		at = end ? end + 1 : NULL;
	}
	errno = error;
}

__attribute__((noreturn))
static void new_process(struct command *command, const int fds[3], int report)
{
	struct session *session = command->session;
	struct failure failure;
	int pid = getpid();

	if (session->tty) {
		setpgid(0, 0);
		/* SIGTTOU is ignored as yet. */
		ioctl(fds[0], TIOCSPGRP, &pid);
	} else {
		setsid();
	}
	for (int i = 0; i < 3; i++)
		dup2(fds[i], i);
	failure.stage = STAGE_USER;
	become(command);
	if (!errno) {
		failure.stage = STAGE_DIRECTORY;
		enter_directory(command);
	}
	if (!errno) {
		failure.stage = STAGE_RUN;
		run(session);
	}
	failure.error = errno;
	if (write(report, &failure, sizeof(failure)) < 0)
		_exit(1);
	_exit(127);
}

/* --- Starting it --- */

__attribute__((noreturn))
static void cannot(struct command *command, const char *what)
{
	session_fail(command->session, COLINUX_AGENT_CANNOT, what, NULL,
		     errno);
}

/* A pipe of which the command gets one end; ours does not block. */
static int make_pipe(struct command *command, int *theirs, bool we_write)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		cannot(command, "cannot make a pipe");
	*theirs = fds[!we_write];
	/* So that the command can open /dev/stdout and the like. */
	if (command->user.uid)
		fchown(*theirs, command->user.uid, (gid_t)-1);
	fcntl(fds[we_write], F_SETFL, (long)O_NONBLOCK);
	return fds[we_write];
}

static void make_pipes(struct command *command, int fds[3])
{
	if (command->session->input) {
		command->in = make_pipe(command, &fds[0], true);
	} else {
		fds[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fds[0] < 0) {
			command->in = make_pipe(command, &fds[0], true);
			close_fd(&command->in);
		}
	}
	command->out = make_pipe(command, &fds[1], false);
	command->err = make_pipe(command, &fds[2], false);
}

static void set_size(int fd, struct colinux_agent_size size)
{
	const struct {
		unsigned short rows, columns, x, y;
	} window = { size.rows, size.columns, 0, 0 };

	ioctl(fd, TIOCSWINSZ, &window);
}

static void make_terminal(struct command *command, int fds[3])
{
	int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	int slave, off = 0;

	if (master < 0 && errno == ENOENT)
		master = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0)
		cannot(command, "no terminal: is /dev/pts mounted in the "
		       "guest?  /dev/ptmx");
	if (ioctl(master, TIOCSPTLCK, &off) < 0)
		cannot(command, "no terminal");
	slave = ioctl(master, TIOCGPTPEER,
		      (long)(O_RDWR | O_NOCTTY | O_CLOEXEC));
	if (slave < 0)
		cannot(command, "no terminal");
	set_size(master, command->session->size);
	setsid();
	if (ioctl(slave, TIOCSCTTY, 0L) < 0)
		cannot(command, "no controlling terminal");
	/* So that the command can open /dev/tty's own name, too. */
	if (command->user.uid)
		fchown(slave, command->user.uid, (gid_t)-1);
	fcntl(master, F_SETFL, (long)O_NONBLOCK);
	command->in = command->out = master;
	fds[0] = fds[1] = fds[2] = slave;
}

/* Which of the conventional statuses, and what to say. */
__attribute__((noreturn))
static void say_failure(struct command *command, const struct failure *failure)
{
	struct session *session = command->session;
	bool missing = failure->error == ENOENT || failure->error == ENOTDIR;

	if (session->x11)
		x11_end();
	switch (failure->stage) {
	case STAGE_USER:
		session_fail(session, COLINUX_AGENT_CANNOT,
			     "cannot become the user", session->user,
			     failure->error);
	case STAGE_DIRECTORY:
		session_fail(session, COLINUX_AGENT_CANNOT_RUN,
			     session->directory, NULL, failure->error);
	default:
		session_fail(session, missing ? COLINUX_AGENT_NOT_FOUND :
						COLINUX_AGENT_CANNOT_RUN,
			     session->argv[0], NULL, failure->error);
	}
}

static void start(struct command *command)
{
	struct session *session = command->session;
	struct failure failure;
	int fds[3], report[2];
	ssize_t length;

	command->in = command->out = command->err = -1;
	if (session->tty)
		make_terminal(command, fds);
	else
		make_pipes(command, fds);
	if (pipe2(report, O_CLOEXEC) < 0)
		cannot(command, "cannot make a pipe");
	command->pid = fork();
	if (command->pid < 0)
		cannot(command, "cannot make a process");
	if (!command->pid)
		new_process(command, fds, report[1]);
	if (session->tty)
		setpgid(command->pid, command->pid);
	for (int i = 0; i < 3; i++)
		if (!i || fds[i] != fds[0])
			close(fds[i]);
	close(report[1]);
	/* Comes to its end when the command has begun. */
	length = read(report[0], &failure, sizeof(failure));
	close(report[0]);
	if (length == sizeof(failure))
		say_failure(command, &failure);
}

/* --- While it runs --- */

static void take_input(struct command *command, const struct frame *frame)
{
	size_t length = frame->length, end;

	if (!length)
		command->input_ended = true;
	/* More than the window: the other side breaks the rules. */
	if (length > INPUT - command->input_length) {
		command->session->channel.ended = true;
		return;
	}
	for (size_t i = 0; i < length; i++) {
		end = (command->input_start + command->input_length++) % INPUT;
		command->input[end] = frame->payload[i];
	}
}

static void send_signal(struct command *command, uint32_t number)
{
	int group = command->pid;

	if (command->ended || number < 1 || number > 64)
		return;
	/* With a terminal: whoever has it at the moment. */
	if (command->session->tty &&
	    ioctl(command->out, TIOCGPGRP, &group) < 0)
		group = command->pid;
	if (group > 1)
		kill(-group, (int)number);
}

static void on_frame(void *opaque, const struct frame *frame)
{
	struct command *command = opaque;
	struct colinux_agent_size size;

	switch (frame->type) {
	case COLINUX_AGENT_STDIN:
		take_input(command, frame);
		break;
	case COLINUX_AGENT_SIGNAL:
		send_signal(command, frame_number(frame));
		break;
	case COLINUX_AGENT_RESIZE:
		if (frame->length != sizeof(size) || !command->session->tty)
			break;
		memcpy(&size, frame->payload, sizeof(size));
		set_size(command->out, size);
		break;
	default:
		command->session->channel.ended = true;
	}
}

/* Pass on input as far as the command takes it. */
static void give_input(struct command *command)
{
	struct channel *channel = &command->session->channel;
	uint32_t given = 0;

	while (command->input_length) {
		size_t part = INPUT - command->input_start;
		ssize_t length;

		if (part > command->input_length)
			part = command->input_length;
		/* Nobody reads it any longer: as into a closed pipe. */
		length = command->in < 0 ? (ssize_t)part :
			 write(command->in,
			       command->input + command->input_start, part);
		if (length < 0 && errno == EAGAIN)
			break;
		if (length <= 0) {
			if (!command->session->tty)
				close_fd(&command->in);
			else
				command->in = -1;
			continue;
		}
		command->input_start = (command->input_start +
					(size_t)length) % INPUT;
		command->input_length -= (size_t)length;
		given += (uint32_t)length;
	}
	if (given)
		channel_send_number(channel, COLINUX_AGENT_WINDOW, given);
}

/*
 * A terminal has no end of input, but a character for it (VEOF, Ctrl-D).  Twice:
 * behind an unfinished line the first only makes the line be read.  In raw mode,
 * too: editors of lines and the like take it themselves, as from a keyboard; who
 * does not waits as for a keyboard.  What was told in one mode is a NUL or data
 * for who reads in the other: it is told again when the mode has changed, which
 * is seen when the command writes something, such as a prompt.
 *
 * false: it waits for room.
 */
static bool end_terminal(struct command *command)
{
	struct termios modes;
	enum end_told now;

	if (ioctl(command->in, TCGETS, &modes) < 0)
		return true;
	now = modes.c_lflag & ICANON ? TOLD_LINES : TOLD_RAW;
	if (command->end_told != now) {
		command->end_told = now;
		command->ends = 2;
	}
	for (; command->ends; command->ends--)
		if (write(command->in, &modes.c_cc[VEOF], 1) < 0)
			return errno != EAGAIN;
	return true;
}

/* All of the input is with the command: so is its end.  false: not yet. */
static bool end_input(struct command *command)
{
	if (command->in < 0)
		return true;
	if (command->input_length)
		return false;
	if (!command->input_ended)
		return true;
	if (command->session->tty)
		return end_terminal(command);
	close_fd(&command->in);
	return true;
}

/* Pass on up to `most` bytes of an output; false = none now, or none ever. */
static bool pass_output(struct command *command, int *fd, uint32_t type,
			size_t *most)
{
	static uint8_t buffer[COLINUX_AGENT_PAYLOAD];
	size_t room = sizeof(buffer);
	ssize_t length;

	if (*fd < 0 || !*most)
		return false;
	if (room > *most)
		room = *most;
	length = read(*fd, buffer, room);
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (length <= 0) {
		/* EIO: no process has the terminal open. */
		if (command->in == *fd)
			command->in = -1;
		close_fd(fd);
		return false;
	}
	*most -= (size_t)length;
	return channel_send(&command->session->channel, type, buffer,
			    (size_t)length, NULL, 0);
}

static bool look_at_signals(struct command *command)
{
	struct signalfd_siginfo info;
	int status;
	pid_t pid;

	while (read(command->signals, &info, sizeof(info)) > 0)
		;
	/* Those of x11_accept() end as well. */
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != command->pid)
			continue;
		command->ended = true;
		command->status = WIFSIGNALED(status) ?
					  128 + WTERMSIG(status) :
					  WEXITSTATUS(status);
	}
	return command->ended;
}

/*
 * What was written before the command ended; what others who have inherited
 * its output write from now on is not waited for.
 */
static void last_words(struct command *command)
{
	size_t out = LAST_WORDS, err = LAST_WORDS;
	int there;

	if (!command->session->tty) {
		out = ioctl(command->out, FIONREAD, &there) < 0 ? 0 :
		      (size_t)there;
		err = ioctl(command->err, FIONREAD, &there) < 0 ? 0 :
		      (size_t)there;
	}
	while (pass_output(command, &command->out, COLINUX_AGENT_STDOUT, &out))
		;
	while (pass_output(command, &command->err, COLINUX_AGENT_STDERR, &err))
		;
}

static void wait_and_serve(struct command *command)
{
	struct channel *channel = &command->session->channel;
	struct pollfd fds[] = {
		{ .fd = channel->fd, .events = POLLIN },
		{ .fd = command->signals, .events = POLLIN },
		{ .fd = command->out, .events = POLLIN },
		{ .fd = command->err, .events = POLLIN },
		{ .fd = -1, .events = POLLOUT },
		{ .fd = command->display, .events = POLLIN },
	};
	size_t most = SIZE_MAX;
	struct frame frame;

	/* Some may have come with the last one of the description. */
	while (channel_next(channel, &frame))
		on_frame(command, &frame);
	give_input(command);
	/* What is left of either waits for room. */
	if (!end_input(command))
		fds[4].fd = command->in;
	poll(fds, 6, -1);
	if (fds[0].revents)
		channel_fill(channel);
	if (fds[2].revents)
		pass_output(command, &command->out, COLINUX_AGENT_STDOUT,
			    &most);
	if (fds[3].revents)
		pass_output(command, &command->err, COLINUX_AGENT_STDERR,
			    &most);
	if (fds[5].revents)
		x11_accept(command->session, command->display);
	if (fds[1].revents && look_at_signals(command))
		last_words(command);
}

static void set_environment(struct session *session, const struct user *user)
{
	static const char *const names[] = {
		"PATH", "HOME", "USER", "LOGNAME", "SHELL",
	};
	const char *const values[] = {
		DEFAULT_PATH, user->home, user->name, user->name, user->shell,
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!session_getenv(session, names[i]) &&
		    !session_setenv(session, names[i], values[i]))
			session_fail(session, COLINUX_AGENT_CANNOT,
				     "the environment is too long", NULL, 0);
}

void command_serve(struct session *session)
{
	static const int ignored[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTTIN, SIGTTOU, SIGTSTP,
	};
	struct command *command = &the_command;
	sigset_t set;

	command->session = session;
	if (!session->argc)
		session_fail(session, COLINUX_AGENT_CANNOT, "no command", NULL,
			     0);
	if (!user_find(session->user, &command->user))
		session_fail(session, COLINUX_AGENT_CANNOT,
			     "the guest has no such user or group",
			     session->user, 0);
	set_environment(session, &command->user);
	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	command->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (command->signals < 0)
		cannot(command, "no signals");
	command->display = session->x11 ? x11_listen(session, &command->user) :
					  -1;
	start(command);
	session->channel.incoming = on_frame;
	session->channel.opaque = command;
	while (!command->ended && !session->channel.ended)
		wait_and_serve(command);
	session->channel.incoming = NULL;
	if (session->x11)
		x11_end();
	if (!command->ended) {
		/* The other side is gone: as if its line were cut. */
		kill(-command->pid, SIGHUP);
		kill(-command->pid, SIGCONT);
		_exit(0);
	}
	channel_send_number(&session->channel, COLINUX_AGENT_EXIT,
			    (uint32_t)command->status);
	session_end(session);
}
