/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Directories: walking one, and removing a tree.
 */
#ifndef INIT_DIR_H
#define INIT_DIR_H

#include <stdbool.h>

/*
 * Call `each` for every entry of an open directory but "." and ".." until it
 * returns true; returns whether it did.  `type` is DT_* of getdents64(2).  The
 * entry may be removed by the callback.
 */
bool for_each_entry(int dir, bool (*each)(int dir, const char *name, int type,
					  void *data), void *data);

/*
 * Remove everything below an open directory that is on the same file system;
 * other mounts are left alone.  Closes `dir`.
 */
void remove_below(int dir);

#endif
