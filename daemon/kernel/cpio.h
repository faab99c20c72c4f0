/* SPDX-License-Identifier: GPL-2.0 */
/* Writing an initrd: the newc format of cpio, in memory. */
#ifndef DAEMON_KERNEL_CPIO_H
#define DAEMON_KERNEL_CPIO_H

#include "file.h"

struct cpio {
	struct blob out;
	size_t room;
	unsigned int inode;
	bool failed;		/* out of memory: everything after is skipped */
};

/*
 * Add a directory or a regular file; mode is 0755 or the like.  cpio_file()
 * returns the contents' offset in the archive.
 */
void cpio_directory(struct cpio *cpio, const char *name, unsigned int mode);
size_t cpio_file(struct cpio *cpio, const char *name, unsigned int mode,
		 struct bytes contents);

/* Add the trailer; the archive is in cpio->out then.  -1 = out of memory. */
int cpio_finish(struct cpio *cpio, struct error *error);

#endif
