/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System calls without a C library.  Every wrapper returns what the kernel
 * returns: zero or more, or a negative errno.
 */
#ifndef INIT_SYS_H
#define INIT_SYS_H

#include <stddef.h>
#include <asm/unistd.h>

static inline long sys6(long nr, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	long ret;

	__asm__ volatile("syscall"
			 : "=a" (ret)
			 : "a" (nr), "D" (a), "S" (b), "d" (c), "r" (r10),
			   "r" (r8), "r" (r9)
			 : "rcx", "r11", "memory");
	return ret;
}

#define sys_call(nr, a, b, c, d, e) \
	sys6((nr), (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

static inline int sys_openat(int dir, const char *path, int flags)
{
	return (int)sys_call(__NR_openat, dir, path, flags, 0644, 0);
}

static inline long sys_read(int fd, void *buf, size_t len)
{
	return sys_call(__NR_read, fd, buf, len, 0, 0);
}

static inline long sys_write(int fd, const void *buf, size_t len)
{
	return sys_call(__NR_write, fd, buf, len, 0, 0);
}

static inline int sys_close(int fd)
{
	return (int)sys_call(__NR_close, fd, 0, 0, 0, 0);
}

static inline int sys_mkdir(const char *path, int mode)
{
	return (int)sys_call(__NR_mkdir, path, mode, 0, 0, 0);
}

static inline int sys_unlinkat(int dir, const char *path, int flags)
{
	return (int)sys_call(__NR_unlinkat, dir, path, flags, 0, 0);
}

static inline int sys_symlink(const char *target, const char *path)
{
	return (int)sys_call(__NR_symlink, target, path, 0, 0, 0);
}

static inline long sys_readlink(const char *path, char *buf, size_t size)
{
	return sys_call(__NR_readlink, path, buf, size, 0, 0);
}

static inline int sys_mknod(const char *path, unsigned int mode,
			    unsigned long dev)
{
	return (int)sys_call(__NR_mknod, path, mode, dev, 0, 0);
}

static inline int sys_access(const char *path, int mode)
{
	return (int)sys_call(__NR_access, path, mode, 0, 0, 0);
}

static inline int sys_mount(const char *source, const char *target,
			    const char *type, unsigned long flags,
			    const void *data)
{
	return (int)sys_call(__NR_mount, source, target, type, flags, data);
}

static inline int sys_umount(const char *target, int flags)
{
	return (int)sys_call(__NR_umount2, target, flags, 0, 0, 0);
}

static inline int sys_chdir(const char *path)
{
	return (int)sys_call(__NR_chdir, path, 0, 0, 0, 0);
}

static inline int sys_chroot(const char *path)
{
	return (int)sys_call(__NR_chroot, path, 0, 0, 0, 0);
}

static inline int sys_execve(const char *path, char **argv, char **envp)
{
	return (int)sys_call(__NR_execve, path, argv, envp, 0, 0);
}

__attribute__((noreturn)) static inline void sys_exit(int status)
{
	for (;;)
		sys_call(__NR_exit_group, status, 0, 0, 0, 0);
}

#endif
