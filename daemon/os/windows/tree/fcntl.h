/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What agent/tree_*.c need of POSIX, on NT: this directory's headers stand for
 * the system's when these files are compiled, and tree_files.c does it.
 *
 * A descriptor is the number of a handle (nt.h).  Owners, links and FIFOs are
 * none of NT's; tree_refusal() says so before they are asked for.
 */
#ifndef COLINUX_TREE_FCNTL_H
#define COLINUX_TREE_FCNTL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define AT_FDCWD		(-100)
#define AT_SYMLINK_NOFOLLOW	1

#undef O_RDONLY
#undef O_WRONLY
#undef O_CREAT
#undef O_EXCL
#define O_RDONLY	0
#define O_WRONLY	1	/* with O_CREAT and O_EXCL only */
#define O_CREAT		2
#define O_EXCL		4
#define O_DIRECTORY	8
#define O_NOFOLLOW	16
#define O_NONBLOCK	0
#define O_CLOEXEC	0

#undef SEEK_DATA
#undef SEEK_HOLE
#define SEEK_DATA	3
#define SEEK_HOLE	4

/* Linux' numbers: the other side knows permissions by them. */
#undef S_IFMT
#undef S_IFDIR
#undef S_IFREG
#undef S_IFIFO
#undef S_IFCHR
#undef S_IFLNK
#undef S_ISREG
#undef S_ISDIR
#undef S_ISFIFO
#define S_IFMT		0170000u
#define S_IFIFO		0010000u
#define S_IFCHR		0020000u
#define S_IFDIR		0040000u
#define S_IFREG		0100000u
#define S_IFLNK		0120000u
#define S_ISREG(mode)	(((mode) & S_IFMT) == S_IFREG)
#define S_ISDIR(mode)	(((mode) & S_IFMT) == S_IFDIR)
#define S_ISLNK(mode)	(((mode) & S_IFMT) == S_IFLNK)
#define S_ISFIFO(mode)	(((mode) & S_IFMT) == S_IFIFO)

#define UTIME_OMIT	0x3ffffffe

struct tree_stat {
	uint32_t st_mode;
	uint32_t st_uid, st_gid;	/* 0 */
	int64_t st_size;
	struct timespec st_mtim;
};

struct dirent64 {
	uint16_t d_reclen;
	char d_name[];
};

int tree_openat(int directory, const char *name, int flags);
int tree_close(int fd);
int tree_fstat(int fd, struct tree_stat *status);
int tree_fstatat(int directory, const char *name, struct tree_stat *status,
		 int flags);
ssize_t tree_pread(int fd, void *bytes, size_t length, uint64_t at);
ssize_t tree_pwrite(int fd, const void *bytes, size_t length, uint64_t at);
int tree_ftruncate(int fd, uint64_t size);
/* SEEK_DATA and SEEK_HOLE. */
int64_t tree_lseek(int fd, int64_t at, int whence);
/* Whether the owner may write it: FILE_ATTRIBUTE_READONLY, of files. */
int tree_fchmod(int fd, uint32_t mode);
int tree_futimens(int fd, const struct timespec times[2]);
int tree_mkdirat(int directory, const char *name);
int tree_unlinkat(int directory, const char *name);
ssize_t tree_getdents(int fd, void *buffer, size_t room);
/* What NT has not, whatever the arguments are: -1 with errno ENOTSUP. */
int tree_lacks(int directory, ...);

#undef stat
#undef fstat
#define stat			tree_stat
#define open(path, flags)	tree_openat(AT_FDCWD, path, flags)
#define TREE_OPENAT(directory, name, flags, ...) \
	tree_openat(directory, name, flags)
#define openat(...)		TREE_OPENAT(__VA_ARGS__, 0)
#define close			tree_close
#define fstat			tree_fstat
#define fstatat			tree_fstatat
#define pread			tree_pread
#define pwrite			tree_pwrite
#undef ftruncate
#define ftruncate		tree_ftruncate
#undef lseek
#define lseek			tree_lseek
#define fchmod			tree_fchmod
#define futimens		tree_futimens
#define mkdirat(directory, name, mode)	tree_mkdirat(directory, name)
#define unlinkat(directory, name, flags) tree_unlinkat(directory, name)
#define getdents64		tree_getdents
#define geteuid()		1
#define fchown			tree_lacks
#define fchownat		tree_lacks
#define utimensat		tree_lacks
#define symlinkat(target, ...)	tree_lacks(0, target, __VA_ARGS__)
#define mknodat			tree_lacks
#define readlinkat		tree_lacks

#endif
