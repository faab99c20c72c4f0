/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Copying files and directories over a channel: `colinux cp`.  The same code
 * sends and receives in the guest and on the host.
 *
 * Kept: kind, permissions, times (of files and directories), holes, symbolic
 * links as such; the owner if we are root.  Set-user-ID and set-group-ID bits
 * are kept only if the receiver says so.  Hard links become files of their
 * own; devices and sockets are left out with a note.
 *
 * What is received cannot get out of the target: names are single components,
 * and no symbolic link is followed below it.
 */
#ifndef AGENT_TREE_H
#define AGENT_TREE_H

#include "channel.h"

#define TREE_PATH 4096
#define TREE_NAME 256

struct tree {
	struct channel *channel;
	/*
	 * A problem with one file, for people; on the other side or here.
	 * Cleaned for a terminal.
	 */
	void (*note)(void *opaque, bool other, const char *text);
	/* May be NULL: so many bytes more of this file are done. */
	void (*progress)(void *opaque, const char *name, uint64_t bytes);
	void *opaque;
	bool send_notes;	/* notes also go to the other side */
	bool keep_suid;		/* receiver: keep permissions above 0777 */
	uint64_t problems;	/* notes so far, of both sides */
	/* Private. */
	char path[TREE_PATH];	/* where we are, for messages */
	uint8_t block[COLINUX_AGENT_PAYLOAD - sizeof(uint64_t)];
};

/*
 * Can `path` be sent?  0 or an errno: for an answer before anything is sent.
 */
int tree_readable(const char *path);
/*
 * The name that what is at `path` is sent under: its last component, without
 * '/' after it; "." for what has none that could be a name elsewhere.
 */
void tree_base_name(const char *path, char name[TREE_NAME]);
/* Send what is at `path`, up to DONE.  false = the channel has ended. */
bool tree_send(struct tree *tree, const char *path);

/* Where received entries go. */
struct tree_target {
	int directory;		/* of the first entry */
	const char *name;	/* its name there; "" = as the sender calls it */
	bool must_be_directory;	/* the path ended in '/' */
	/*
	 * If `name` is "": the only name that the first entry may have; NULL = any,
	 * of a sender that may choose what it writes here.
	 */
	const char *expected;
};

/*
 * Find the target: an existing directory, into which the copy goes, or a name
 * in one.  The caller's own path: symbolic links in it are followed, but not
 * the last component of a name.  0 or an errno.  `path` must stay.
 */
int tree_open_target(const char *path, struct tree_target *target);
/*
 * Receive up to DONE (consumed) and close target->directory.  false = the
 * channel has ended or the sender broke the rules (with a note).
 */
bool tree_receive(struct tree *tree, struct tree_target *target);

/* A '?' for each character that a terminal would do something at. */
void tree_clean(char *text);

/* --- For tests --- */

/* May an entry have this name? */
bool tree_name_valid(const char *name, size_t length);

#endif
