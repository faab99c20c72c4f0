/* SPDX-License-Identifier: GPL-2.0 */
/* Guest RAM on a Linux host: shared by memory.c and release.c. */
#ifndef HOST_LINUX_MEMORY_H
#define HOST_LINUX_MEMORY_H

#include "driver.h"

struct piece {
	unsigned long pfn, nr;
};

struct host_memory {
	struct piece *pieces;		/* sorted and merged; [0] holds the image */
	unsigned int nr, max;
	unsigned long pages;		/* in all pieces */
	struct colinux_extent *table;

	/* release.c */
	struct mutex lock;		/* one release or reclaim at a time */
	struct address_space *mapping;	/* of the VM's file, once mapped */
	struct page *hole;		/* what the process sees of gone pages */
	unsigned long *gone;		/* a bit each 2 MiB; NULL = none yet */
	spinlock_t gone_lock;		/* its bits; hole and gone stay */
};

/* memory.c */
/* Give back pages of a piece whose first one is page `index` of the RAM. */
void memory_free_pages(struct host_memory *mem, const struct piece *p,
		       unsigned long index);
void memory_zero(unsigned long pfn, unsigned long pages);

#endif
