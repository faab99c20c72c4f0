// SPDX-License-Identifier: GPL-2.0
/* Names, places and messages of a tree: see tree.h. */
#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "tree_internal.h"

bool tree_name_valid(const char *name, size_t length)
{
	if (!length || length >= TREE_NAME || memchr(name, '/', length) ||
	    memchr(name, '\0', length))
		return false;
	return !(name[0] == '.' &&
		 (length == 1 || (length == 2 && name[1] == '.')));
}

void tree_base_name(const char *path, char name[TREE_NAME])
{
	size_t end = strlen(path), start;

	while (end > 1 && path[end - 1] == '/')
		end--;
	start = end;
	while (start && path[start - 1] != '/')
		start--;
	if (!tree_name_valid(path + start, end - start)) {
		memcpy(name, ".", 2);
		return;
	}
	memcpy(name, path + start, end - start);
	name[end - start] = '\0';
}

void tree_enter(struct tree *tree, const char *name)
{
	size_t length = strlen(tree->path), more = strlen(name);

	if (length + 1 + more >= sizeof(tree->path))
		return;
	if (length && tree->path[length - 1] != '/')
		tree->path[length++] = '/';
	memcpy(tree->path + length, name, more + 1);
}

size_t tree_append(char *text, size_t used, size_t room, const char *more)
{
	while (*more && used + 1 < room)
		text[used++] = *more++;
	text[used] = '\0';
	return used;
}

void tree_clean(char *text)
{
	for (uint8_t *at = (uint8_t *)text; *at; at++) {
		/* U+0080 to U+009F are control characters, too, in UTF-8. */
		if (*at == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0)
			*at++ = '?';
		else if (*at >= ' ' && *at != 0x7f)
			continue;
		*at = '?';
	}
}

void tree_note(struct tree *tree, const char *what, int error)
{
	char text[TREE_PATH + 128];
	size_t used = tree_append(text, 0, TREE_PATH, tree->path);

	used = tree_append(text, used, sizeof(text), ": ");
	used = tree_append(text, used, sizeof(text), what);
	if (error) {
		used = tree_append(text, used, sizeof(text), ": ");
		tree_append(text, used, sizeof(text), strerror(error));
	}
	/* The names may be of a guest's choice. */
	tree_clean(text);
	tree->problems++;
	if (tree->note)
		tree->note(tree->opaque, false, text);
	if (tree->send_notes)
		channel_send_text(tree->channel, COLINUX_AGENT_NOTE, text);
}

void tree_note_of_other(struct tree *tree, const struct frame *frame)
{
	char text[TREE_PATH + 128];

	tree->problems++;
	if (!frame_text(frame, text, sizeof(text)))
		memcpy(text, "(a message that cannot be shown)", 33);
	tree_clean(text);
	if (tree->note)
		tree->note(tree->opaque, true, text);
}

int tree_open_target(const char *path, struct tree_target *target)
{
	size_t length = strlen(path), end = length, start;
	char parent[TREE_PATH];

	if (!length)
		return ENOENT;
	if (length >= sizeof(parent))
		return ENAMETOOLONG;
	target->name = "";
	target->expected = NULL;
	target->must_be_directory = path[length - 1] == '/';
	target->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (target->directory >= 0)
		return 0;
	if (errno != ENOENT && errno != ENOTDIR)
		return errno;
	while (end > 1 && path[end - 1] == '/')
		end--;
	start = end;
	while (start && path[start - 1] != '/')
		start--;
	if (!tree_name_valid(path + start, end - start))
		return ENOENT;
	/* "x/" is for a directory; the receiver cuts at the length. */
	target->name = path + start;
	memcpy(parent, start ? path : ".", start ? start : 1);
	parent[start ? start : 1] = '\0';
	target->directory = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return target->directory < 0 ? errno : 0;
}
