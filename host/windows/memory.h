/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest RAM on an NT host: shared by memory.c and release.c.  Everything here
 * at PASSIVE_LEVEL.
 */
#ifndef HOST_WINDOWS_MEMORY_H
#define HOST_WINDOWS_MEMORY_H

#include "driver.h"

#define PIECE		COLINUX_PMD_SIZE
#define PIECE_PAGES	(PIECE / PAGE_SIZE)

struct piece {
	u64 pfn;
	/* That it came with; several may share one.  NULL: NT has it back. */
	PMDL mdl;
};

struct user_piece {
	PMDL mdl;		/* what is mapped */
	void *address;		/* NULL = nothing */
};

struct host_memory {
	struct piece *pieces;	/* sorted by pfn once complete */
	u64 nr, max;
	PMDL *mdls;		/* what is to be freed */
	u64 nr_mdls;
	struct colinux_extent *table;
	u32 nr_extents;

	/* Under the instance's lock, as is pieces[].mdl from here on. */
	PMDL kernel_mdl;	/* of offset 0, host_memory_map() */
	void *kernel;
	struct user_piece *user;	/* PIECE each; NULL = not mapped */
	u64 nr_user;
	PMDL hole;		/* a page: what the process sees of gone pieces */
	bool torn;		/* a piece has lost its place in the process */
};

/* memory.c */
/* The piece that begins with that frame; it must be there. */
struct piece *memory_piece(const struct host_memory *mem, u64 pfn);
/* Exactly the frames of a piece, zeroed; NULL: NT cannot do without them. */
PMDL memory_take_piece(u64 pfn);
/* One zeroed frame, any. */
PMDL memory_take_page(void);
/* Give the frames back to NT, and its MDL. */
void memory_free_mdl(PMDL mdl);
/* The MDL is no longer, or again, one that goes with `mem`. */
void memory_forget(struct host_memory *mem, PMDL mdl);
void memory_remember(struct host_memory *mem, PMDL mdl);
/*
 * Map p->mdl in the calling process, at that address and no other.  0, or
 * -EBUSY: NT does not.
 */
int memory_map_user_piece(struct user_piece *p, void *address);
void memory_unmap_user_piece(struct user_piece *p);
/* Name the frames of `p` in an MDL's array, or the spare page all along. */
void memory_describe_piece(PFN_NUMBER *pfn, const struct piece *p, PMDL hole);
/* The calling thread is being ended. */
bool memory_stopped(void);

#endif
