/* SPDX-License-Identifier: GPL-2.0 */
/* The page tables that a guest starts on. */
#ifndef DAEMON_KERNEL_PAGETABLE_H
#define DAEMON_KERNEL_PAGETABLE_H

#include <colinux/ioctl.h>
#include <colinux/layout.h>

#include "bytes.h"
#include "../error.h"

/* Tables under construction: contiguous pages, the root first. */
struct page_tables {
	uint8_t *pages;
	unsigned int nr, room;
	unsigned int levels;	/* 4 or 5 */
	uint64_t machine;	/* where pages[0] will be */
};

/*
 * Begin with an empty root that will be at `machine` (page-aligned).
 * 0, or -1 with error set; page_tables_free() when done.
 */
int page_tables_init(struct page_tables *tables, unsigned int levels,
		     uint64_t machine, struct error *error);
void page_tables_free(struct page_tables *tables);

/* Map a 2 MiB page, writable and executable.  0, or -1 with error set. */
int page_tables_map(struct page_tables *tables, uint64_t virtual,
		    uint64_t machine, struct error *error);

#endif
