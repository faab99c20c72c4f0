// SPDX-License-Identifier: GPL-2.0
/*
 * `colinux --disk FORMAT|nbd|http PATH ro|rw BACKING|- BACKING-FORMAT`: not
 * for people; the process of server.h.  Its descriptors: the socket to the VM
 * process, the image, the backing file.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../os.h"
#include "engine.h"
#include "nbd_link.h"
#include "server.h"

#define PROGRAM "qemu-storage-daemon"
/* How long it may take to open an image, or to end. */
#define START_MS 30000
#define END_MS 5000
/* Between two tries at a server that is not there. */
#define PAUSE_MS 500
/* A connection and a socket of our own, in the child. */
#define LISTENER_FD OS_CHILD_FD

#define VM OS_CHILD_FD			/* the socket to the VM process */
/* The same in the child. */
#define IMAGE_FD (OS_CHILD_FD + 1)
#define BACKING_FD (OS_CHILD_FD + 2)

struct server {
	const char *kind, *path;	/* a format, "nbd" or "http" */
	const char *backing, *backing_format;	/* NULL: none */
	bool read_only;
	struct nbd_address address;
	/* A program of our own: */
	int listener, pidfd, messages;
	pid_t pid;			/* 0: it does not run */
};

/* --- In the VM process or in the command --- */

/* A backing file for reading, which nobody shall write to; its format. */
static int open_backing(const char *path, int *fd, struct error *error)
{
	int format;

	*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		return error_set(error, "%s: %s: check the path", path,
				 strerror(errno));
	if (!disk_lock_file(*fd, true))
		format = error_set(error, "%s: another disk or guest writes to "
				   "it: stop that guest, or use a copy", path);
	else
		format = disk_format_choose(path, *fd, "", false, error);
	if (format < 0)
		close(*fd);
	return format;
}

int disk_server_start(const struct disk_options *options,
		      const struct disk_files *files, struct error *error)
{
	enum disk_scheme scheme = disk_scheme_of(options->path);
	bool backed = options->backing && *options->backing;
	const char *argv[] = {
		"colinux", "--disk", scheme == DISK_FILE ?
			disk_format_name(files->format) :
			scheme == DISK_HTTP ? "http" : "nbd",
		options->path, options->read_only ? "ro" : "rw",
		backed ? options->backing : "-", "raw", NULL
	};
	int pair[2], fds[3], nr = 1, chosen, started;

	if (scheme == DISK_HTTP && !options->read_only)
		return error_set(error, "%s: can only be read: add ,ro",
				 options->path);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return error_set(error, "%s: no socket: %s", options->path,
				 strerror(errno));
	fds[0] = pair[1];
	if (scheme == DISK_FILE)
		fds[nr++] = files->image;
	started = 0;
	if (backed) {
		chosen = open_backing(options->backing, &fds[nr], error);
		if (chosen < 0) {
			started = -1;
		} else {
			nr++;
			argv[6] = disk_format_driver(chosen);
		}
	}
	if (!started)
		started = os_spawn_self(argv, fds, nr, error);
	close(pair[1]);
	if (nr == 3)
		close(fds[2]);
	/* Whoever takes it shall not have to wait. */
	if (started >= 0 && send(pair[0], "c", 1, MSG_NOSIGNAL) == 1 &&
	    poll(&(struct pollfd){ .fd = pair[0], .events = POLLIN }, 1,
		 START_MS + END_MS) > 0)
		return pair[0];
	if (started >= 0)
		error_set(error, "%s: the process beside it does not answer",
			  options->path);
	close(pair[0]);
	return -1;
}

void disk_server_end(int socket)
{
	struct pollfd wait = { .fd = socket, .events = POLLIN };
	char rest[64];

	/* Then nothing comes but what is on its way, and the end. */
	shutdown(socket, SHUT_WR);
	while (poll(&wait, 1, 2 * END_MS) > 0 &&
	       recv(socket, rest, sizeof(rest), 0) > 0)
		;
	close(socket);
}

/* --- The program --- */

/* A JSON string; paths are bytes. */
static void put_string(FILE *to, const char *text)
{
	fputc('"', to);
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == '"' || *text == '\\')
			fprintf(to, "\\u%04x", (unsigned char)*text);
		else
			fputc(*text, to);
	}
	fputc('"', to);
}

static void put_file(FILE *to, int fd, bool read_only)
{
	struct stat st;
	bool device = !fstat(fd, &st) && S_ISBLK(st.st_mode);

	fprintf(to, "{\"driver\":\"%s\",\"read-only\":%s,\"locking\":\"off\","
		"\"discard\":\"unmap\",\"filename\":\"/proc/self/fd/%d\"}",
		device ? "host_device" : "file", read_only ? "true" : "false",
		fd);
}

/* What qemu-storage-daemon is to open; to be freed. */
static char *block_device(const struct server *server)
{
	bool http = !strcmp(server->kind, "http");
	int format = disk_format_find(server->kind);
	char *text = NULL;
	size_t length;
	FILE *to = open_memstream(&text, &length);

	if (!to)
		return NULL;
	fprintf(to, "{\"driver\":\"%s\",\"node-name\":\"disk\",\"read-only\":%s,"
		"\"discard\":\"unmap\"",
		format < 0 ? "raw" : disk_format_driver(format),
		server->read_only ? "true" : "false");
	if (server->backing) {
		fprintf(to, ",\"backing\":{\"driver\":\"%s\","
			"\"read-only\":true,\"file\":", server->backing_format);
		put_file(to, BACKING_FD, true);
		/* One is named, no other is used. */
		fprintf(to, "%s}", strcmp(server->backing_format, "qcow2") ?
			"" : ",\"backing\":null");
	} else if (format == DISK_QCOW2) {
		fputs(",\"backing\":null", to);
	}
	fputs(",\"file\":", to);
	if (http) {
		fprintf(to, "{\"driver\":\"%s\",\"url\":", server->path[4] ==
			's' ? "https" : "http");
		put_string(to, server->path);
		fputc('}', to);
	} else {
		put_file(to, IMAGE_FD, server->read_only);
	}
	fputc('}', to);
	fclose(to);
	return text;
}

/* The child: nothing but its files, no network, no rights of root's. */
static void run(struct server *server, char *device, int messages)
	__attribute__((noreturn));

static void run(struct server *server, char *device, int messages)
{
	const bool http = !strcmp(server->kind, "http");
	const struct os_confinement confinement = {
		.file = http ? -1 : IMAGE_FD,
		.write = !server->read_only,
		.read_file = server->backing ? BACKING_FD : -1,
		.network = http,
		/* It may name other files; see format.c. */
		.must = !strcmp(server->kind, "vmdk"),
	};
	char *argv[] = {
		PROGRAM, "--blockdev", device, "--nbd-server",
		"addr.type=fd,addr.str=3", "--export", server->read_only ?
			"type=nbd,id=disk,node-name=disk,name=disk" :
			"type=nbd,id=disk,node-name=disk,name=disk,writable=on",
		NULL
	};
	struct error error;

	setsid();
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(messages, STDERR_FILENO) < 0 ||
	    dup2(server->listener, LISTENER_FD) < 0)
		_exit(127);
	closefrom(http ? IMAGE_FD : server->backing ? BACKING_FD + 1 :
						      BACKING_FD);
	os_outlive(false);
	if (os_confine(&confinement, &error) < 0)
		dprintf(STDERR_FILENO, "%s\n", error.text);
	else if (execvp(PROGRAM, argv) < 0 && errno == ENOENT)
		dprintf(STDERR_FILENO, "%s is not installed: on Debian 12 it is"
			" in the package qemu-system-common\n", PROGRAM);
	else
		dprintf(STDERR_FILENO, "%s: %s\n", PROGRAM, strerror(errno));
	_exit(127);
}

/* Listen at a path of this user's alone. */
static int listen_there(struct server *server, struct error *error)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char directory[sizeof(at.sun_path)];

	if (os_runtime_directory(directory, sizeof(directory), error) < 0)
		return -1;
	if (snprintf(at.sun_path, sizeof(at.sun_path), "%s/.disk-%d", directory,
		     (int)getpid()) >= (int)sizeof(at.sun_path))
		return error_set(error, "%s: path too long for a socket: set "
				 "COLINUX_RUN", directory);
	unlink(at.sun_path);
	server->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (server->listener < 0 ||
	    bind(server->listener, (struct sockaddr *)&at, sizeof(at)) < 0 ||
	    chmod(at.sun_path, 0600) < 0 || listen(server->listener, 4) < 0)
		return error_set(error, "%s: %s", at.sun_path, strerror(errno));
	strcpy(server->address.socket, at.sun_path);
	strcpy(server->address.name, "disk");
	return 0;
}

static int start_program(struct server *server, struct error *error)
{
	char *device = block_device(server);
	int messages[2];

	if (!device || pipe2(messages, O_CLOEXEC) < 0) {
		free(device);
		return error_set(error, "cannot start " PROGRAM ": %s",
				 strerror(errno));
	}
	server->pid = fork();
	if (!server->pid)
		run(server, device, messages[1]);
	free(device);
	close(messages[1]);
	server->messages = messages[0];
	if (server->pid > 0)
		server->pidfd = pidfd_open(server->pid, 0);
	if (server->pid < 0 || server->pidfd < 0) {
		close(messages[0]);
		server->pid = 0;
		return error_set(error, "cannot start " PROGRAM ": %s",
				 strerror(errno));
	}
	return 0;
}

static void forget_program(struct server *server)
{
	waitpid(server->pid, NULL, 0);
	close(server->pidfd);
	close(server->messages);
	server->pid = 0;
}

static void end_program(struct server *server)
{
	struct pollfd wait = { .fd = server->pidfd, .events = POLLIN };

	if (!server->pid)
		return;
	kill(server->pid, SIGTERM);
	poll(&wait, 1, END_MS);
	kill(-server->pid, SIGKILL);
	forget_program(server);
}

/* The last line that it has said, without what it repeats of our words. */
static void last_words(const struct server *server, char *text, size_t room)
{
	char all[4096], *line, *at;
	ssize_t length = read(server->messages, all, sizeof(all) - 1);

	all[length > 0 ? length : 0] = '\0';
	while ((line = strrchr(all, '\n')) && !line[1])
		*line = '\0';
	line = strrchr(all, '\n');
	line = line ? line + 1 : all;
	while ((at = strstr(line, "}: ")))
		line = at + 3;
	snprintf(text, room, "%.300s", *line ? line : PROGRAM " has ended");
}

/* --- Connections --- */

/* Has the VM process closed its end? */
static bool vm_gone(int wait_ms)
{
	struct pollfd wait = { .fd = VM, .events = POLLRDHUP };

	return poll(&wait, 1, wait_ms) > 0;
}

/* Until the program speaks on that socket; 0 or -1. */
static int wait_for_program(struct server *server, int fd, struct error *error)
{
	struct pollfd wait[3] = {
		{ .fd = fd, .events = POLLIN },
		{ .fd = server->pidfd, .events = POLLIN },
		{ .fd = VM, .events = POLLRDHUP },
	};
	char words[ERROR_TEXT];

	if (poll(wait, 3, START_MS) > 0 && wait[0].revents)
		return 0;
	if (wait[1].revents)
		last_words(server, words, sizeof(words));
	else
		snprintf(words, sizeof(words), PROGRAM " does not answer");
	return error_set(error, "%s: %.300s", server->path, words);
}

static bool has_program(const struct server *server)
{
	return strcmp(server->kind, "nbd");
}

static bool program_ended(const struct server *server)
{
	struct pollfd wait = { .fd = server->pidfd, .events = POLLIN };

	return server->pid && poll(&wait, 1, 0) > 0;
}

/* A connection that is ready for requests, or -1. */
static int connect_once(struct server *server, struct nbd_export *export,
			struct error *error)
{
	int fd;

	if (program_ended(server))
		forget_program(server);
	if (has_program(server) && !server->pid &&
	    start_program(server, error) < 0)
		return -1;
	fd = nbd_connect(&server->address, error);
	if (fd < 0)
		return -1;
	if ((!has_program(server) ||
	     !wait_for_program(server, fd, error)) &&
	    !nbd_handshake(fd, server->address.name, export, error))
		return fd;
	close(fd);
	return -1;
}

/* For the first wish an error is an answer, later it is tried again. */
static int serve(struct server *server)
{
	char text[ERROR_TEXT + 16], wish;
	struct nbd_export export;
	struct error error;
	bool first = true;
	int fd;

	while (recv(VM, &wish, 1, 0) == 1) {
		do {
			fd = connect_once(server, &export, &error);
		} while (fd < 0 && !first && !vm_gone(PAUSE_MS));
		if (fd < 0) {
			snprintf(text, sizeof(text), "error %s", error.text);
			os_send_files(VM, text, NULL, 0);
			return 1;
		}
		first = false;
		snprintf(text, sizeof(text), "ok %" PRIu64 " %" PRIx32 " %"
			 PRIu32 " %" PRIu32, export.size, export.flags,
			 export.block, export.most);
		os_send_files(VM, text, &fd, 1);
		close(fd);
	}
	return 0;
}

int disk_server_main(int argc, char **argv)
{
	struct server server = { .listener = -1 };
	struct error error;
	char text[ERROR_TEXT + 16];
	int null, status;

	if (argc != 6)
		return 2;
	server.kind = argv[1];
	server.path = argv[2];
	server.read_only = !strcmp(argv[3], "ro");
	if (strcmp(argv[4], "-")) {
		server.backing = argv[4];
		server.backing_format = argv[5];
	}
	prctl(PR_SET_NAME, "colinux-disk");
	/* The guest writes while it powers off; the socket's end is our cue. */
	os_outlive(true);
	/* Whoever reads what the command says waits for us otherwise. */
	null = open("/dev/null", O_RDWR);
	for (int i = 0; null >= 0 && i < 3; i++)
		dup2(null, i);
	if (has_program(&server) ? listen_there(&server, &error) :
				   nbd_parse(server.path, &server.address,
					     &error)) {
		snprintf(text, sizeof(text), "error %s", error.text);
		os_send_files(VM, text, NULL, 0);
		return 1;
	}
	status = serve(&server);
	end_program(&server);
	if (has_program(&server))
		unlink(server.address.socket);
	return status;
}
