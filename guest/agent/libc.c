// SPDX-License-Identifier: GPL-2.0
/*
 * The C library of the agent: what it and agent/ call, straight to the kernel.
 * Prototypes are those of the C library's headers.  string.c of /colinux-init
 * is linked, too.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <grp.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../init/sys.h"

#undef errno
int errno_of_agent;

int *__errno_location(void)
{
	return &errno_of_agent;
}

static long result(long ret)
{
	if (ret >= 0)
		return ret;
	errno_of_agent = (int)-ret;
	return -1;
}

#define CALL(nr, a, b, c, d, e)	result(sys_call(nr, a, b, c, d, e))

/* --- Descriptors --- */

ssize_t read(int fd, void *buffer, size_t length)
{
	return CALL(__NR_read, fd, buffer, length, 0, 0);
}

ssize_t write(int fd, const void *buffer, size_t length)
{
	return CALL(__NR_write, fd, buffer, length, 0, 0);
}

ssize_t pread(int fd, void *buffer, size_t length, off_t at)
{
	return CALL(__NR_pread64, fd, buffer, length, at, 0);
}

ssize_t pwrite(int fd, const void *buffer, size_t length, off_t at)
{
	return CALL(__NR_pwrite64, fd, buffer, length, at, 0);
}

off_t lseek(int fd, off_t at, int whence)
{
	return CALL(__NR_lseek, fd, at, whence, 0, 0);
}

int close(int fd)
{
	return (int)CALL(__NR_close, fd, 0, 0, 0, 0);
}

int open(const char *path, int flags, ...)
{
	return (int)CALL(__NR_openat, AT_FDCWD, path, flags, 0, 0);
}

int openat(int directory, const char *path, int flags, ...)
{
	va_list args;
	int mode;

	va_start(args, flags);
	mode = flags & O_CREAT ? va_arg(args, int) : 0;
	va_end(args);
	return (int)CALL(__NR_openat, directory, path, flags, mode, 0);
}

int close_range(unsigned int first, unsigned int last, int flags)
{
	return (int)CALL(__NR_close_range, first, last, flags, 0, 0);
}

int pipe2(int fds[2], int flags)
{
	return (int)CALL(__NR_pipe2, fds, flags, 0, 0, 0);
}

int dup2(int from, int to)
{
	return (int)CALL(__NR_dup2, from, to, 0, 0, 0);
}

int fcntl(int fd, int command, ...)
{
	va_list args;
	long argument;

	va_start(args, command);
	argument = va_arg(args, long);
	va_end(args);
	return (int)CALL(__NR_fcntl, fd, command, argument, 0, 0);
}

int ioctl(int fd, unsigned long command, ...)
{
	va_list args;
	void *argument;

	va_start(args, command);
	argument = va_arg(args, void *);
	va_end(args);
	return (int)CALL(__NR_ioctl, fd, command, argument, 0, 0);
}

int poll(struct pollfd *fds, nfds_t nr, int timeout)
{
	return (int)CALL(__NR_poll, fds, nr, timeout, 0, 0);
}

/* --- Sockets --- */

int socket(int family, int type, int protocol)
{
	return (int)CALL(__NR_socket, family, type, protocol, 0, 0);
}

int bind(int fd, const struct sockaddr *address, socklen_t length)
{
	return (int)CALL(__NR_bind, fd, address, length, 0, 0);
}

int listen(int fd, int backlog)
{
	return (int)CALL(__NR_listen, fd, backlog, 0, 0, 0);
}

int getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
	return (int)CALL(__NR_getsockname, fd, address, length, 0, 0);
}

int shutdown(int fd, int how)
{
	return (int)CALL(__NR_shutdown, fd, how, 0, 0, 0);
}

int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	return (int)CALL(__NR_accept4, fd, address, length, flags, 0);
}

ssize_t recv(int fd, void *buffer, size_t length, int flags)
{
	return result(sys6(__NR_recvfrom, fd, (long)buffer, (long)length,
			   flags, 0, 0));
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	return CALL(__NR_sendmsg, fd, message, flags, 0, 0);
}

/* --- Files --- */

int fstat(int fd, struct stat *status)
{
	return (int)CALL(__NR_fstat, fd, status, 0, 0, 0);
}

int fstatat(int directory, const char *path, struct stat *status, int flags)
{
	return (int)CALL(__NR_newfstatat, directory, path, status, flags, 0);
}

ssize_t getdents64(int fd, void *buffer, size_t length)
{
	return CALL(__NR_getdents64, fd, buffer, length, 0, 0);
}

int mkdirat(int directory, const char *path, mode_t mode)
{
	return (int)CALL(__NR_mkdirat, directory, path, mode, 0, 0);
}

int mknodat(int directory, const char *path, mode_t mode, dev_t device)
{
	return (int)CALL(__NR_mknodat, directory, path, mode, device, 0);
}

int unlinkat(int directory, const char *path, int flags)
{
	return (int)CALL(__NR_unlinkat, directory, path, flags, 0, 0);
}

int symlinkat(const char *target, int directory, const char *path)
{
	return (int)CALL(__NR_symlinkat, target, directory, path, 0, 0);
}

ssize_t readlinkat(int directory, const char *path, char *text, size_t room)
{
	return CALL(__NR_readlinkat, directory, path, text, room, 0);
}

int fchown(int fd, uid_t user, gid_t group)
{
	return (int)CALL(__NR_fchown, fd, user, group, 0, 0);
}

int fchownat(int directory, const char *path, uid_t user, gid_t group,
	     int flags)
{
	return (int)CALL(__NR_fchownat, directory, path, user, group, flags);
}

int fchmod(int fd, mode_t mode)
{
	return (int)CALL(__NR_fchmod, fd, mode, 0, 0, 0);
}

int ftruncate(int fd, off_t size)
{
	return (int)CALL(__NR_ftruncate, fd, size, 0, 0, 0);
}

int utimensat(int directory, const char *path, const struct timespec times[2],
	      int flags)
{
	return (int)CALL(__NR_utimensat, directory, path, times, flags, 0);
}

int futimens(int fd, const struct timespec times[2])
{
	return (int)CALL(__NR_utimensat, fd, NULL, times, 0, 0);
}

int chdir(const char *path)
{
	return (int)CALL(__NR_chdir, path, 0, 0, 0, 0);
}

int fchdir(int fd)
{
	return (int)CALL(__NR_fchdir, fd, 0, 0, 0, 0);
}

int chroot(const char *path)
{
	return (int)CALL(__NR_chroot, path, 0, 0, 0, 0);
}

/* --- Processes --- */

pid_t fork(void)
{
	return (pid_t)CALL(__NR_fork, 0, 0, 0, 0, 0);
}

int execve(const char *path, char *const argv[], char *const envp[])
{
	return (int)CALL(__NR_execve, path, argv, envp, 0, 0);
}

void _exit(int status)
{
	sys_exit(status);
}

pid_t waitpid(pid_t pid, int *status, int flags)
{
	return (pid_t)CALL(__NR_wait4, pid, status, flags, 0, 0);
}

int kill(pid_t pid, int number)
{
	return (int)CALL(__NR_kill, pid, number, 0, 0, 0);
}

pid_t setsid(void)
{
	return (pid_t)CALL(__NR_setsid, 0, 0, 0, 0, 0);
}

int setpgid(pid_t pid, pid_t group)
{
	return (int)CALL(__NR_setpgid, pid, group, 0, 0, 0);
}

pid_t getpid(void)
{
	return (pid_t)sys_call(__NR_getpid, 0, 0, 0, 0, 0);
}

uid_t geteuid(void)
{
	return (uid_t)sys_call(__NR_geteuid, 0, 0, 0, 0, 0);
}

int setuid(uid_t user)
{
	return (int)CALL(__NR_setuid, user, 0, 0, 0, 0);
}

int setgid(gid_t group)
{
	return (int)CALL(__NR_setgid, group, 0, 0, 0, 0);
}

int setgroups(size_t nr, const gid_t *groups)
{
	return (int)CALL(__NR_setgroups, nr, groups, 0, 0, 0);
}

mode_t umask(mode_t mask)
{
	return (mode_t)sys_call(__NR_umask, mask, 0, 0, 0, 0);
}

int prctl(int option, ...)
{
	va_list args;
	long argument;

	va_start(args, option);
	argument = va_arg(args, long);
	va_end(args);
	return (int)CALL(__NR_prctl, option, argument, 0, 0, 0);
}

/* --- Signals: sets of 64, no handlers --- */

#define KERNEL_SET 8

struct kernel_action {
	void *handler;
	unsigned long flags;
	void *restorer;
	unsigned long mask;
};

/* The C library's, for SIG_IGN and SIG_DFL only. */
__sighandler_t signal(int number, __sighandler_t handler)
{
	const struct kernel_action action = { .handler = (void *)handler };

	CALL(__NR_rt_sigaction, number, &action, NULL, KERNEL_SET, 0);
	return SIG_DFL;
}

int sigemptyset(sigset_t *set)
{
	memset(set, 0, sizeof(*set));
	return 0;
}

int sigaddset(sigset_t *set, int number)
{
	*(unsigned long *)set |= 1ul << (number - 1);
	return 0;
}

int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	return (int)CALL(__NR_rt_sigprocmask, how, set, old, KERNEL_SET, 0);
}

int signalfd(int fd, const sigset_t *set, int flags)
{
	return (int)CALL(__NR_signalfd4, fd, set, KERNEL_SET, flags, 0);
}

/* --- Text --- */

char *strrchr(const char *text, int c)
{
	const char *found = NULL;

	do {
		if (*text == (char)c)
			found = text;
	} while (*text++);
	return (char *)found;
}

void *memchr(const void *from, int value, size_t length)
{
	const unsigned char *at = from;

	for (; length; length--, at++)
		if (*at == (unsigned char)value)
			return (void *)at;
	return NULL;
}

void *memmove(void *to, const void *from, size_t length)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	if (t <= f || t >= f + length)
		return memcpy(to, from, length);
	while (length--)
		t[length] = f[length];
	return to;
}

char *strerror(int error)
{
	static char other[] = "error 1234";
	static const struct {
		int error;
		const char *text;
	} texts[] = {
		{ EPERM, "Operation not permitted" },
		{ ENOENT, "No such file or directory" },
		{ EIO, "Input/output error" },
		{ E2BIG, "Argument list too long" },
		{ ENOEXEC, "Exec format error" },
		{ ENOMEM, "Cannot allocate memory" },
		{ EACCES, "Permission denied" },
		{ EBUSY, "Device or resource busy" },
		{ EEXIST, "File exists" },
		{ ENODEV, "No such device" },
		{ ENOTDIR, "Not a directory" },
		{ EISDIR, "Is a directory" },
		{ EINVAL, "Invalid argument" },
		{ EMFILE, "Too many open files" },
		{ ETXTBSY, "Text file busy" },
		{ EFBIG, "File too large" },
		{ ENOSPC, "No space left on device" },
		{ EROFS, "Read-only file system" },
		{ ENAMETOOLONG, "File name too long" },
		{ ENOTEMPTY, "Directory not empty" },
		{ ELOOP, "Too many levels of symbolic links" },
		{ EOPNOTSUPP, "Operation not supported" },
		{ EDQUOT, "Disk quota exceeded" },
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].error == error)
			return (char *)texts[i].text;
	for (int i = 9; i > 5; i--, error /= 10)
		other[i] = (char)('0' + error % 10);
	return other;
}
