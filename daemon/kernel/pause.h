/* SPDX-License-Identifier: GPL-2.0 */
/* Where the kernel spins: the `pause` instructions that yield instead. */
#ifndef DAEMON_KERNEL_PAUSE_H
#define DAEMON_KERNEL_PAUSE_H

#include "kallsyms.h"

struct pause_sites {
	uint64_t *addr;		/* virtual addresses, ascending */
	unsigned int nr;
	unsigned int left;	/* found, but left alone: see pause.c */
	bool cached;		/* came from the cache */
};

/* `pause`, and what replaces it: int $0x1b, a private gate of the port. */
#define PAUSE_LENGTH 2
#define PAUSE_OLD "\xf3\x90"
#define PAUSE_NEW "\xcd\x1b"

/*
 * Find the sites in a vmlinux.  0, or -1 with error set (out of memory, no
 * text); free with pause_free().
 */
int pause_find(const struct elf *vmlinux, const struct kallsyms *syms,
	       struct pause_sites *out, struct error *error);

/*
 * The same through a cache file in directory, NULL = $XDG_CACHE_HOME/colinux,
 * /var/cache/colinux as root, else ~/.cache/colinux.  A cache that cannot be
 * read, written or trusted is passed over.
 */
int pause_find_cached(const struct elf *vmlinux, const struct kallsyms *syms,
		      const char *build_id, const char *directory,
		      struct pause_sites *out, struct error *error);
/* Is there a pause at each of them? */
bool pause_are_here(const struct elf *vmlinux, const struct pause_sites *sites);
void pause_free(struct pause_sites *sites);

/* Is a function one whose pauses are left alone? */
bool pause_is_excluded(const char *function);

#endif
