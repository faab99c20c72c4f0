// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving a tree: see tree.h.  The sender is not trusted: every name is
 * checked, every directory is opened below the one before without following
 * links, and no other object than regular files is written to.
 */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tree_internal.h"

/* A directory that is being filled. */
struct level {
	int fd;			/* -1 = it could not be made: skip what is in */
	size_t path_length;	/* of the path of what it is in */
	struct colinux_agent_entry entry;
};

struct receiver {
	struct tree *tree;
	struct tree_target *target;
	bool first;
	unsigned int depth;
	struct level level[COLINUX_AGENT_DEPTH + 1];
	/* The file that is being written; -1 = none, or it cannot be. */
	int file;
	bool in_file;
	struct colinux_agent_entry entry;
	size_t path_length;	/* to cut the path to when it is done */
};

static bool bad(struct receiver *r, const char *what)
{
	tree_note(r->tree, what, 0);
	return false;
}

static int here(const struct receiver *r)
{
	return r->level[r->depth].fd;
}

static mode_t mode_of(const struct tree *tree,
		      const struct colinux_agent_entry *entry)
{
	return entry->mode & (tree->keep_suid ? 07777 : 0777);
}

static void times_of(const struct colinux_agent_entry *entry,
		     struct timespec times[2])
{
	times[0].tv_sec = 0;
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_sec = (time_t)entry->mtime;
	times[1].tv_nsec = entry->mtime_nsec < 1000000000 ?
				   entry->mtime_nsec : 0;
}

/* Owner, permissions, time of an open file or directory, in this order. */
static void finish_open(struct receiver *r, int fd,
			const struct colinux_agent_entry *entry)
{
	struct timespec times[2];

	times_of(entry, times);
	if ((geteuid() == 0 && fchown(fd, entry->uid, entry->gid) < 0) ||
	    fchmod(fd, mode_of(r->tree, entry)) < 0 ||
	    futimens(fd, times) < 0)
		tree_note(r->tree, "cannot set owner, permissions or time",
			  errno);
}

/* The same for what cannot be opened. */
static void finish_named(struct receiver *r, const char *name,
			 const struct colinux_agent_entry *entry)
{
	struct timespec times[2];

	times_of(entry, times);
	if (geteuid() == 0 &&
	    fchownat(here(r), name, entry->uid, entry->gid,
		     AT_SYMLINK_NOFOLLOW) < 0)
		tree_note(r->tree, "cannot set the owner", errno);
	utimensat(here(r), name, times, AT_SYMLINK_NOFOLLOW);
}

/*
 * Make room for a new entry: a file or link that is there is replaced.  A
 * directory, a device or the like is not.
 */
static bool clear_place(struct receiver *r, const char *name)
{
	struct stat status;

	if (fstatat(here(r), name, &status, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return true;
		tree_note(r->tree, "cannot look at", errno);
		return false;
	}
	if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode) &&
	    !S_ISFIFO(status.st_mode)) {
		tree_note(r->tree, S_ISDIR(status.st_mode) ?
				  "is a directory: not replaced" :
				  "is a device or socket: not replaced", 0);
		return false;
	}
	if (unlinkat(here(r), name, 0) < 0) {
		tree_note(r->tree, "cannot replace", errno);
		return false;
	}
	return true;
}

static void begin_file(struct receiver *r, const char *name, bool refused)
{
	r->in_file = true;
	r->file = -1;
	if (refused || here(r) < 0 || !clear_place(r, name))
		return;
	r->file = openat(here(r), name, O_WRONLY | O_CREAT | O_EXCL |
					O_NOFOLLOW | O_CLOEXEC, 0600);
	if (r->file < 0)
		tree_note(r->tree, "cannot create", errno);
}

static bool take_data(struct receiver *r, const struct frame *frame)
{
	const uint8_t *bytes = frame->payload + sizeof(uint64_t);
	size_t length = frame->length - sizeof(uint64_t);
	uint64_t at;

	if (!r->in_file || frame->length < sizeof(uint64_t))
		return bad(r, "the other side sends data of no file");
	memcpy(&at, frame->payload, sizeof(at));
	if (at > INT64_MAX - COLINUX_AGENT_PAYLOAD)
		return bad(r, "the other side sends an offset that cannot be");
	if (r->tree->progress)
		r->tree->progress(r->tree->opaque, r->tree->path, length);
	while (length && r->file >= 0) {
		ssize_t written = pwrite(r->file, bytes, length, at);

		if (written <= 0) {
			tree_note(r->tree, "cannot write", errno);
			close(r->file);
			r->file = -1;
			break;
		}
		bytes += written;
		length -= written;
		at += written;
	}
	return true;
}

/* Where the file ends: there may be a hole, or less than its size said. */
static bool set_length(const struct receiver *r, const struct frame *frame)
{
	uint64_t length = r->entry.size;
	struct stat status;

	if (fstat(r->file, &status) < 0)
		return false;
	/* Not told: what grew meanwhile keeps its length. */
	if (frame->length == sizeof(length))
		memcpy(&length, frame->payload, sizeof(length));
	else if (length < (uint64_t)status.st_size)
		length = status.st_size;
	return length == (uint64_t)status.st_size ||
	       (length <= INT64_MAX && !ftruncate(r->file, length));
}

static bool end_file(struct receiver *r, const struct frame *frame)
{
	if (!r->in_file)
		return bad(r, "the other side ends no file");
	r->in_file = false;
	if (r->file >= 0) {
		if (!set_length(r, frame))
			tree_note(r->tree, "cannot set the size", errno);
		finish_open(r, r->file, &r->entry);
		if (close(r->file) < 0)
			tree_note(r->tree, "cannot write", errno);
		r->file = -1;
	}
	r->tree->path[r->path_length] = '\0';
	return true;
}

static int make_directory(struct receiver *r, const char *name, bool itself,
			  bool refused)
{
	int fd;

	if (refused || here(r) < 0)
		return -1;
	/* The target itself: the contents go there. */
	if (itself)
		return openat(here(r), ".",
			      O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (mkdirat(here(r), name, 0700) < 0 && errno != EEXIST) {
		tree_note(r->tree, "cannot make the directory", errno);
		return -1;
	}
	fd = openat(here(r), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
				   O_CLOEXEC);
	if (fd < 0)
		tree_note(r->tree, "cannot enter the directory", errno);
	return fd;
}

static bool enter(struct receiver *r, const char *name, size_t path_length,
		  bool itself, bool refused,
		  const struct colinux_agent_entry *entry)
{
	struct level *level;
	int fd;

	if (r->depth == COLINUX_AGENT_DEPTH)
		return bad(r, "too many directories in each other");
	fd = make_directory(r, name, itself, refused);
	level = &r->level[++r->depth];
	level->fd = fd;
	level->path_length = path_length;
	level->entry = *entry;
	return true;
}

static bool leave(struct receiver *r)
{
	struct level *level = &r->level[r->depth];

	if (!r->depth)
		return bad(r, "the other side leaves the target");
	if (level->fd >= 0) {
		finish_open(r, level->fd, &level->entry);
		close(level->fd);
	}
	r->depth--;
	r->tree->path[level->path_length] = '\0';
	return true;
}

static void make_link(struct receiver *r, const char *name,
		      const char *target,
		      const struct colinux_agent_entry *entry)
{
	if (here(r) < 0 || !clear_place(r, name))
		return;
	if (symlinkat(target, here(r), name) < 0)
		tree_note(r->tree, "cannot make the link", errno);
	else
		finish_named(r, name, entry);
}

static void make_fifo(struct receiver *r, const char *name,
		      const struct colinux_agent_entry *entry)
{
	if (here(r) < 0 || !clear_place(r, name))
		return;
	if (mknodat(here(r), name, S_IFIFO | (entry->mode & 0777), 0) < 0)
		tree_note(r->tree, "cannot make the FIFO", errno);
	else
		finish_named(r, name, entry);
}

/* What was asked for: else the sender chooses what is replaced here. */
static bool is_expected(struct receiver *r, const char *name)
{
	const char *expected = r->target->expected;
	char text[3 * TREE_NAME];
	size_t used;

	if (!expected || !strcmp(name, expected))
		return true;
	used = tree_append(text, 0, sizeof(text), "asked for ");
	used = tree_append(text, used, sizeof(text), expected);
	used = tree_append(text, used, sizeof(text), ", the other side sends ");
	tree_append(text, used, sizeof(text), name);
	return bad(r, text);
}

/* The first entry takes the name that the target says. */
static bool name_first(struct receiver *r, char *name, bool *itself,
		       bool directory)
{
	size_t length = strlen(r->target->name);

	while (length > 1 && r->target->name[length - 1] == '/')
		length--;
	if (length) {
		memcpy(name, r->target->name, length);
		name[length] = '\0';
		return directory || !r->target->must_be_directory ||
		       bad(r, "is to be a directory: there is none");
	}
	if (!is_expected(r, name))
		return false;
	/* "cp NAME:/dir/. there": the contents. */
	if (strcmp(name, "."))
		return true;
	*itself = true;
	return directory || bad(r, "the other side sends no name");
}

/* Split an entry and check it; target = the text behind the name's NUL. */
static bool parse_entry(struct receiver *r, const struct frame *frame,
			struct colinux_agent_entry *entry, char name[TREE_NAME],
			char target[TREE_PATH])
{
	const char *text = (const char *)frame->payload + sizeof(*entry);
	size_t length, rest;
	const char *nul;
	bool dot;

	if (frame->length < sizeof(*entry))
		return bad(r, "the other side sends an entry without a name");
	memcpy(entry, frame->payload, sizeof(*entry));
	length = frame->length - sizeof(*entry);
	target[0] = '\0';
	if (frame->type == COLINUX_AGENT_LINK) {
		nul = memchr(text, '\0', length);
		rest = nul ? text + length - (nul + 1) : 0;
		if (!rest || rest >= TREE_PATH || memchr(nul + 1, '\0', rest))
			return bad(r, "the other side sends a link to nowhere");
		memcpy(target, nul + 1, rest);
		target[rest] = '\0';
		length = nul - text;
	}
	dot = r->first && length == 1 && *text == '.';
	if (!dot && !tree_name_valid(text, length))
		return bad(r, "the other side sends a name that is none");
	memcpy(name, text, length);
	name[length] = '\0';
	return true;
}

static bool take_entry(struct receiver *r, const struct frame *frame)
{
	size_t path_length = strlen(r->tree->path);
	struct colinux_agent_entry entry;
	char name[TREE_NAME], target[TREE_PATH];
	bool itself = false, refused;
	const char *why;

	if (r->in_file || (!r->first && !r->depth) ||
	    !parse_entry(r, frame, &entry, name, target))
		return bad(r, "the other side breaks the rules");
	if (r->first &&
	    !name_first(r, name, &itself, frame->type == COLINUX_AGENT_DIR))
		return false;
	/* The user knows the name of a target that he gave. */
	if (!itself && !(r->first && *r->target->name))
		tree_enter(r->tree, name);
	r->first = false;
	why = itself || here(r) < 0 ? NULL :
				      tree_refusal(here(r), frame->type, name);
	refused = why;
	if (refused)
		tree_note(r->tree, why, 0);
	switch (frame->type) {
	case COLINUX_AGENT_DIR:
		return enter(r, name, path_length, itself, refused,
			     &entry);
	case COLINUX_AGENT_FILE:
		r->entry = entry;
		r->path_length = path_length;
		begin_file(r, name, refused);
		return true;
	case COLINUX_AGENT_LINK:
		if (!refused)
			make_link(r, name, target, &entry);
		break;
	default:
		if (!refused)
			make_fifo(r, name, &entry);
	}
	r->tree->path[path_length] = '\0';
	return true;
}

/* It cannot send anything. */
static bool take_fail(struct receiver *r, const struct frame *frame)
{
	const size_t skip = sizeof(struct colinux_agent_fail);
	const struct frame text = {
		.payload = frame->payload + skip,
		.length = frame->length - skip,
	};

	if (frame->length < skip)
		return bad(r, "the other side breaks the rules");
	tree_note_of_other(r->tree, &text);
	return false;
}

static bool take_frame(struct receiver *r, const struct frame *frame)
{
	switch (frame->type) {
	case COLINUX_AGENT_DIR:
	case COLINUX_AGENT_FILE:
	case COLINUX_AGENT_LINK:
	case COLINUX_AGENT_FIFO:
		return take_entry(r, frame);
	case COLINUX_AGENT_DATA:
		return take_data(r, frame);
	case COLINUX_AGENT_END:
		return end_file(r, frame);
	case COLINUX_AGENT_UP:
		return !r->in_file ? leave(r) :
				     bad(r, "the other side breaks the rules");
	case COLINUX_AGENT_NOTE:
		tree_note_of_other(r->tree, frame);
		return true;
	case COLINUX_AGENT_FAIL:
		return take_fail(r, frame);
	default:
		return bad(r, "the other side breaks the rules");
	}
}

bool tree_receive(struct tree *tree, struct tree_target *target)
{
	struct receiver r = {
		.tree = tree,
		.target = target,
		.first = true,
		.file = -1,
	};
	struct frame frame;
	bool going = true, done = false;

	r.level[0].fd = target->directory;
	while (going && channel_receive(tree->channel, &frame)) {
		done = frame.type == COLINUX_AGENT_DONE && !r.depth &&
		       !r.in_file;
		if (done)
			break;
		going = take_frame(&r, &frame);
	}
	if (!done && going)
		tree_note(tree, "the copy is not complete: the other side has "
			  "ended", 0);
	if (r.file >= 0)
		close(r.file);
	while (r.depth)
		if (r.level[r.depth--].fd >= 0)
			close(r.level[r.depth + 1].fd);
	close(target->directory);
	return done;
}
