/* SPDX-License-Identifier: GPL-2.0 */
/* Files by their UTF-8 paths, which are the host's own: see os.h. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../os.h"

FILE *os_fopen(const char *path, const char *mode)
{
	return fopen(path, mode);
}

/* $XDG_CACHE_HOME/colinux, ~/.cache/colinux, or /var/cache/colinux as root. */
bool os_cache_directory(char *path, size_t room)
{
	const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	int length;

	if (xdg && *xdg == '/')
		length = snprintf(path, room, "%s/colinux", xdg);
	else if (!geteuid())
		length = snprintf(path, room, "/var/cache/colinux");
	else if (home && *home == '/')
		length = snprintf(path, room, "%s/.cache/colinux", home);
	else
		return false;
	return length > 0 && (size_t)length < room;
}

void os_save_file(const char *directory, const char *path,
		  const struct iovec *pieces, unsigned int nr)
{
	char temporary[PATH_MAX + 16];
	bool written = true;
	FILE *file;
	int fd;

	mkdir(directory, 0755);
	snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
	fd = mkstemp(temporary);
	if (fd < 0)
		return;
	file = fdopen(fd, "wb");
	if (!file) {
		close(fd);
		unlink(temporary);
		return;
	}
	for (unsigned int i = 0; i < nr; i++)
		written &= fwrite(pieces[i].iov_base, 1, pieces[i].iov_len,
				  file) == pieces[i].iov_len;
	if (fclose(file) || !written || rename(temporary, path))
		unlink(temporary);
}

int os_open_read(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC);
}

ssize_t os_read_at(int fd, void *bytes, size_t length, uint64_t offset)
{
	return pread(fd, bytes, length, offset);
}

bool os_file_is_own(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) &&
	       st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH));
}

bool os_text_to_utf8(char **text, size_t *length)
{
	/* It is what people write here. */
	(void)text;
	(void)length;
	return true;
}
