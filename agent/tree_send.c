// SPDX-License-Identifier: GPL-2.0
/* Sending a tree: see tree.h. */
#include "tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tree_internal.h"

static bool send_entry(struct tree *tree, uint32_t type,
		       const struct stat *status, const char *name,
		       const char *target)
{
	struct colinux_agent_entry entry = {
		.mode = status->st_mode & 07777,
		.uid = status->st_uid,
		.gid = status->st_gid,
		.mtime = status->st_mtim.tv_sec,
		.mtime_nsec = status->st_mtim.tv_nsec,
		.size = type == COLINUX_AGENT_FILE ? status->st_size : 0,
	};
	size_t length = strlen(name);
	char text[2 * TREE_PATH];

	memcpy(text, name, length);
	if (target) {
		text[length++] = '\0';
		memcpy(text + length, target, strlen(target));
		length += strlen(target);
	}
	return channel_send(tree->channel, type, &entry, sizeof(entry), text,
			    length);
}

/*
 * Bytes from `at` to `end`; less if the file is shorter than it says or has
 * become so: then *length is where it ends.
 */
static bool send_range(struct tree *tree, int fd, uint64_t at, uint64_t end,
		       uint64_t *length)
{
	while (at < end) {
		size_t room = sizeof(tree->block);
		ssize_t got = pread(fd, tree->block,
				    end - at < room ? end - at : room, at);

		if (got < 0)
			tree_note(tree, "cannot read", errno);
		/* What was sent is there, also behind what cannot be read. */
		if (!got || (got < 0 && at > *length))
			*length = at;
		if (got <= 0)
			return true;
		if (!channel_send(tree->channel, COLINUX_AGENT_DATA, &at,
				  sizeof(at), tree->block, got))
			return false;
		if (tree->progress)
			tree->progress(tree->opaque, tree->path, got);
		at += got;
	}
	return true;
}

/* The parts of a file that are not holes; *length is its size. */
static bool send_contents(struct tree *tree, int fd, uint64_t *length)
{
	const uint64_t size = *length;
	off_t data, hole = 0;

	while ((uint64_t)hole < size) {
		data = lseek(fd, hole, SEEK_DATA);
		if (data < 0 && errno == ENXIO)
			return true;	/* the rest is a hole */
		/* A file system that does not know, as in /proc. */
		if (data < 0)
			return send_range(tree, fd, hole, size, length);
		hole = lseek(fd, data, SEEK_HOLE);
		if (hole < 0 || (uint64_t)hole > size)
			hole = size;
		if (!send_range(tree, fd, data, hole, length))
			return false;
	}
	return true;
}

static bool send_file(struct tree *tree, int directory, const char *name,
		      const char *as)
{
	int fd = openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
					 O_CLOEXEC);
	struct stat status;
	uint64_t length;
	bool going;

	if (fd < 0 || fstat(fd, &status) < 0) {
		tree_note(tree, "cannot open", errno);
		if (fd >= 0)
			close(fd);
		return !tree->channel->ended;
	}
	length = status.st_size;
	/* What has no size but contents (/proc) is read to its end. */
	if (S_ISREG(status.st_mode) && !status.st_size)
		going = send_entry(tree, COLINUX_AGENT_FILE, &status, as,
				   NULL) &&
			send_range(tree, fd, 0, UINT64_MAX, &length);
	else
		going = send_entry(tree, COLINUX_AGENT_FILE, &status, as,
				   NULL) &&
			send_contents(tree, fd, &length);
	close(fd);
	return going && channel_send(tree->channel, COLINUX_AGENT_END, &length,
				     sizeof(length), NULL, 0);
}

static bool send_link(struct tree *tree, int directory, const char *name,
		      const char *as, const struct stat *status)
{
	char target[TREE_PATH];
	ssize_t length = readlinkat(directory, name, target,
				    sizeof(target) - 1);

	if (length < 0) {
		tree_note(tree, "cannot read the link", errno);
		return !tree->channel->ended;
	}
	target[length] = '\0';
	return send_entry(tree, COLINUX_AGENT_LINK, status, as, target);
}

static bool send_any(struct tree *tree, int directory, const char *name,
		     const char *as, unsigned int depth, bool follow);

/* All entries of an open directory. */
static bool send_inside(struct tree *tree, int fd, unsigned int depth)
{
	_Alignas(8) char buffer[4096];
	size_t length = strlen(tree->path);
	ssize_t got;

	while ((got = getdents64(fd, buffer, sizeof(buffer))) > 0) {
		for (ssize_t at = 0; at < got;) {
			struct dirent64 *entry = (void *)(buffer + at);
			bool going;

			at += entry->d_reclen;
			if (!strcmp(entry->d_name, ".") ||
			    !strcmp(entry->d_name, ".."))
				continue;
			tree_enter(tree, entry->d_name);
			going = send_any(tree, fd, entry->d_name,
					 entry->d_name, depth, false);
			tree->path[length] = '\0';
			if (!going)
				return false;
		}
	}
	if (got < 0)
		tree_note(tree, "cannot read the directory", errno);
	return !tree->channel->ended;
}

static bool send_directory(struct tree *tree, int directory, const char *name,
			   const char *as, const struct stat *status,
			   unsigned int depth, bool follow)
{
	bool going;
	int fd;

	if (depth == COLINUX_AGENT_DEPTH) {
		tree_note(tree, "too many directories in each other", 0);
		return !tree->channel->ended;
	}
	fd = openat(directory, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC |
				     (follow ? 0 : O_NOFOLLOW));
	if (fd < 0) {
		tree_note(tree, "cannot open", errno);
		return !tree->channel->ended;
	}
	going = send_entry(tree, COLINUX_AGENT_DIR, status, as, NULL) &&
		send_inside(tree, fd, depth + 1) &&
		channel_send(tree->channel, COLINUX_AGENT_UP, NULL, 0, NULL,
			     0);
	close(fd);
	return going;
}

static bool send_any(struct tree *tree, int directory, const char *name,
		     const char *as, unsigned int depth, bool follow)
{
	struct stat status;

	if (fstatat(directory, name, &status,
		    follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0) {
		tree_note(tree, "cannot look at", errno);
		return !tree->channel->ended;
	}
	switch (status.st_mode & S_IFMT) {
	case S_IFREG:
		return send_file(tree, directory, name, as);
	case S_IFDIR:
		return send_directory(tree, directory, name, as, &status,
				      depth, follow);
	case S_IFLNK:
		return send_link(tree, directory, name, as, &status);
	case S_IFIFO:
		return send_entry(tree, COLINUX_AGENT_FIFO, &status, as, NULL);
	default:
		tree_note(tree, "left out: a device or socket", 0);
		return !tree->channel->ended;
	}
}

int tree_readable(const char *path)
{
	struct stat status;

	if (strlen(path) >= TREE_PATH)
		return ENAMETOOLONG;
	return fstatat(AT_FDCWD, path, &status, AT_SYMLINK_NOFOLLOW) < 0 ?
		       errno : 0;
}

bool tree_send(struct tree *tree, const char *path)
{
	size_t length = strlen(path);
	char name[TREE_NAME];

	if (length >= TREE_PATH)
		return false;
	memcpy(tree->path, path, length + 1);
	tree_base_name(path, name);
	/* "link/" means what it leads to. */
	return send_any(tree, AT_FDCWD, path, name, 0,
			length && path[length - 1] == '/') &&
	       channel_send(tree->channel, COLINUX_AGENT_DONE, NULL, 0, NULL,
			    0);
}
