/* SPDX-License-Identifier: GPL-2.0 */
/* Facts about the host and this process on Linux: see os.h. */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../../os.h"

const char os_list_separator = ':';
const char *const os_data_directories[] = {
	"/usr/lib/colinux", "/var/lib/colinux", NULL
};

void os_start(int *argc, char ***argv)
{
	/* They are as we want them. */
	(void)argc;
	(void)argv;
}

void os_ignore_broken_pipes(void)
{
	signal(SIGPIPE, SIG_IGN);
}

int64_t os_guest_result(int64_t result)
{
	return result;
}

const char *os_lacks(enum os_feature feature)
{
	/* The first home of all of it. */
	(void)feature;
	return NULL;
}

bool os_is_slash(char c)
{
	return c == '/';
}

bool os_has_drive(const char *path)
{
	(void)path;
	return false;
}

void os_shell(const char *command, const char *argv[4])
{
	argv[0] = "/bin/sh";
	argv[1] = "-c";
	argv[2] = command;
	argv[3] = NULL;
}

void os_modules_directory(const char *release, char *path, size_t room)
{
	snprintf(path, room, "/lib/modules/%.200s", release);
}

enum os_file os_file_kind(const char *path)
{
	struct stat status;

	if (stat(path, &status) < 0 || access(path, R_OK) < 0)
		return OS_FILE_MISSING;
	if (S_ISDIR(status.st_mode))
		return OS_FILE_DIRECTORY;
	return S_ISREG(status.st_mode) ? OS_FILE_REGULAR : OS_FILE_OTHER;
}

int os_host_release(char *release, size_t room)
{
	struct utsname name;

	if (uname(&name) < 0 || strlen(name.release) >= room)
		return -1;
	strcpy(release, name.release);
	return 0;
}

int os_host_kernel(char *path, size_t room, struct error *error)
{
	char release[128];
	int length;

	if (os_host_release(release, sizeof(release)) < 0)
		return error_set(error, "cannot tell the host's kernel; give "
					"kernel=FILE");
	length = snprintf(path, room, "/boot/vmlinuz-%s", release);
	if (length < 0 || (size_t)length >= room)
		return error_set(error, "kernel path too long; give "
					"kernel=FILE");
	if (os_file_kind(path) != OS_FILE_REGULAR)
		return error_set(error, "%s: %s; give kernel=FILE", path,
				 errno ? strerror(errno) : "is no file");
	return 0;
}

int os_private_directory(const char *path, struct error *error)
{
	struct stat status;

	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_set(error, "%s: cannot make the directory: %s",
				 path, strerror(errno));
	/* It may have been there: then it must be a directory of ours alone. */
	if (lstat(path, &status) < 0)
		return error_set(error, "%s: %s", path, strerror(errno));
	if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid())
		return error_set(error, "%s: is not a directory of this user; "
					"remove it", path);
	if ((status.st_mode & 077) && chmod(path, 0700) < 0)
		return error_set(error, "%s: cannot make it private: %s", path,
				 strerror(errno));
	return 0;
}

/* Is fd still what the path names, or was it removed meanwhile? */
static bool same_file(int fd, const char *path)
{
	struct stat opened, named;

	return fstat(fd, &opened) == 0 && lstat(path, &named) == 0 &&
	       opened.st_dev == named.st_dev && opened.st_ino == named.st_ino;
}

int os_lock_file(const char *path, struct error *error)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd;

	for (;;) {
		fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
			  0600);
		if (fd < 0)
			return error_set(error, "%s: %s", path,
					 strerror(errno));
		if (fcntl(fd, F_OFD_SETLK, &lock) < 0) {
			int reason = errno;

			close(fd);
			if (reason == EAGAIN || reason == EACCES)
				return OS_LOCK_HELD;
			return error_set(error, "%s: cannot lock: %s", path,
					 strerror(reason));
		}
		/* Who cleared up after a dead VM removed it in between? */
		if (same_file(fd, path))
			return fd;
		close(fd);
	}
}

void os_unlock_file(int handle)
{
	close(handle);
}

bool os_file_is_locked(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool locked;

	if (fd < 0)
		return false;
	/* Asks only, so that it never disturbs who wants the lock. */
	locked = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	close(fd);
	return locked;
}

int os_runtime_directory(char *path, size_t room, struct error *error)
{
	const char *own = getenv("COLINUX_RUN");
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	int length;

	if (own && *own == '/')
		length = snprintf(path, room, "%s", own);
	else if (geteuid() == 0)
		length = snprintf(path, room, "/run/colinux");
	else if (xdg && *xdg == '/')
		length = snprintf(path, room, "%s/colinux", xdg);
	else
		return error_set(error, "XDG_RUNTIME_DIR is not set: nowhere "
					"to put the control socket; set it or "
					"COLINUX_RUN");
	if (length < 0 || (size_t)length >= room)
		return error_set(error, "the run-time directory's path is too "
					"long; set COLINUX_RUN");
	return os_private_directory(path, error);
}

int os_control_path(const char *directory, const char *name, char *path,
		    size_t room, struct error *error)
{
	int length = snprintf(path, room, "%s/control", directory);

	(void)name;
	if (length < 0 || (size_t)length >= room ||
	    (size_t)length >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return error_set(error, "%s: too long for a socket; set "
				 "COLINUX_RUN to a shorter directory", path);
	return 0;
}

#define LISTEN_BACKLOG 64

int os_listen(const char *path, struct error *error)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
			0);

	/* Shorter than the control socket, which was found to fit. */
	snprintf(at.sun_path, sizeof(at.sun_path), "%.107s", path);
	if (fd >= 0 && !bind(fd, (struct sockaddr *)&at, sizeof(at)) &&
	    !listen(fd, LISTEN_BACKLOG))
		return fd;
	error_set(error, "%s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

bool os_peer_allowed(uv_os_fd_t socket)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return false;
	return peer.uid == geteuid() || peer.uid == 0;
}

bool os_socket_allowed(int socket)
{
	return os_peer_allowed(socket);
}

int os_open_log(const char *path, struct error *error)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND |
			    O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return error_set(error, "%s: cannot write the log: %s", path,
				 strerror(errno));
	return fd;
}

void os_join_output(void)
{
	fflush(stderr);
	dup2(STDOUT_FILENO, STDERR_FILENO);
}

void os_use_output(int fd)
{
	fflush(stdout);
	fflush(stderr);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	close(fd);
}

/* /proc/buddyinfo: free blocks of 4 KiB << n, by zone. */
static uint64_t large_blocks(const char *line)
{
	uint64_t bytes = 0;
	unsigned long long count;
	int length;

	line = strstr(line, "zone");
	if (!line || sscanf(line, "zone %*s%n", &length))
		return 0;
	line += length;
	for (unsigned int order = 0;
	     sscanf(line, "%llu%n", &count, &length) == 1; order++) {
		if (order >= 9)
			bytes += (count * 4096) << order;
		line += length;
	}
	return bytes;
}

void os_free_memory(uint64_t *available, uint64_t *large)
{
	FILE *file = fopen("/proc/meminfo", "re");
	unsigned long long kb;
	char line[512];

	*available = 0;
	*large = 0;
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %llu", &kb) == 1)
			*available = kb * 1024;
	if (file)
		fclose(file);
	file = fopen("/proc/buddyinfo", "re");
	while (file && fgets(line, sizeof(line), file))
		*large += large_blocks(line);
	if (file)
		fclose(file);
}

void os_small_pages(void)
{
	/* Best effort: from Linux 3.15. */
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

void os_trim_memory(void)
{
	malloc_trim(0);
}

bool os_is_root(void)
{
	return geteuid() == 0;
}

bool os_is_terminal(int fd)
{
	return isatty(fd);
}
