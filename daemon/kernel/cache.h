/* SPDX-License-Identifier: GPL-2.0 */
/* Files with what takes long to find out about a kernel. */
#ifndef DAEMON_KERNEL_CACHE_H
#define DAEMON_KERNEL_CACHE_H

#include "file.h"

/*
 * $XDG_CACHE_HOME/colinux, /var/cache/colinux as root, else ~/.cache/colinux.
 * False when there is none, or no room for its name.
 */
bool cache_directory(char *out, size_t room);

/*
 * Write a file of the cache, a part after the other; readers see all of it or
 * the one before.  Best effort: without it the next start takes longer.
 */
void cache_write(const char *directory, const char *path,
		 const struct bytes parts[], unsigned int nr);

/*
 * decompress() of a kernel's payload, by way of the file vmlinux-HASH in
 * directory; NULL = without.  A file that cannot be read, written or trusted is
 * passed over.
 */
int unpack_cached(struct bytes payload, const char *what, size_t limit,
		  size_t hint, const char *directory, struct blob *out,
		  struct error *error);

#endif
