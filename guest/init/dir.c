// SPDX-License-Identifier: GPL-2.0
/*
 * Walking and removing directory trees with getdents64(2).
 */
#include "dir.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "sys.h"

#define DT_DIR	4		/* file type "directory" of getdents64(2) */

struct dirent64 {
	unsigned long ino;
	long off;
	unsigned short reclen;
	unsigned char type;
	char name[];
};

bool for_each_entry(int dir, bool (*each)(int dir, const char *name, int type,
					  void *data), void *data)
{
	char buf[2048] __attribute__((aligned(8)));
	const struct dirent64 *entry;
	long n, at;

	while ((n = sys_call(__NR_getdents64, dir, buf, sizeof(buf), 0,
			     0)) > 0) {
		for (at = 0; at < n; at += entry->reclen) {
			entry = (const void *)(buf + at);
			if (!strcmp(entry->name, ".") ||
			    !strcmp(entry->name, ".."))
				continue;
			if (each(dir, entry->name, entry->type, data))
				return true;
		}
	}
	return false;
}

static bool remove_entry(int dir, const char *name, int type, void *data)
{
	const struct stat *top = data;
	struct stat here;
	int fd;

	if (type != DT_DIR) {
		sys_unlinkat(dir, name, 0);
		return false;
	}
	fd = sys_openat(dir, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (!sys_call(__NR_fstat, fd, &here, 0, 0, 0) &&
	    here.st_dev == top->st_dev)
		for_each_entry(fd, remove_entry, data);
	sys_close(fd);
	/* Fails on a mount point and on what was not emptied: as it should. */
	sys_unlinkat(dir, name, AT_REMOVEDIR);
	return false;
}

void remove_below(int dir)
{
	struct stat top;

	if (!sys_call(__NR_fstat, dir, &top, 0, 0, 0))
		for_each_entry(dir, remove_entry, &top);
	sys_close(dir);
}
