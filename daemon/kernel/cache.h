/* SPDX-License-Identifier: GPL-2.0 */
/* Files with what takes long to find out about a kernel. */
#ifndef DAEMON_KERNEL_CACHE_H
#define DAEMON_KERNEL_CACHE_H

#include "file.h"

/*
 * decompress() of a kernel's payload, by way of the file vmlinux-HASH in
 * directory; NULL = without.  A file that cannot be read, written or trusted is
 * passed over.
 */
int unpack_cached(struct bytes payload, const char *what, size_t limit,
		  size_t hint, const char *directory, struct blob *out,
		  struct error *error);

#endif
