/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A root that cannot be written (a live CD, a squashfs image) under one that
 * can: a tmpfs over it.
 */
#ifndef INIT_LIVE_H
#define INIT_LIVE_H

#include "cmdline.h"

/* Is that a file system that nobody can write to? */
bool is_read_only_fs(const char *type);

/*
 * NEW_ROOT is a mounted medium of that type.  Find the root file system in it,
 * if it is a CD-ROM, and have NEW_ROOT be an overlay of a tmpfs and that.
 * Does not return if that fails.
 */
void make_live_root(const struct boot_options *options, const char *type);

#endif
