/* SPDX-License-Identifier: GPL-2.0 */
/* What the two halves of tree.h share (tree_path.c). */
#ifndef AGENT_TREE_INTERNAL_H
#define AGENT_TREE_INTERNAL_H

#include "tree.h"

/* A problem with tree->path; error = errno, 0 = what says it all. */
void tree_note(struct tree *tree, const char *what, int error);
/* A note that came from the other side. */
void tree_note_of_other(struct tree *tree, const struct frame *frame);
/* Append to a text, as far as there is room; what is used of it then. */
size_t tree_append(char *text, size_t used, size_t room, const char *more);
/* Append a component to tree->path, as far as there is room. */
void tree_enter(struct tree *tree, const char *name);

/*
 * Why this system cannot have an entry of that type (COLINUX_AGENT_FILE, ...)
 * and name in a directory, for people; NULL: it can.  tree_refusal.c; on NT
 * daemon/os/windows/tree_names.c.
 */
const char *tree_refusal(int directory, uint32_t type, const char *name);

#endif
