/* SPDX-License-Identifier: GPL-2.0 */
/* The kernel's own symbol table, as compiled into every vmlinux. */
#ifndef DAEMON_KERNEL_KALLSYMS_H
#define DAEMON_KERNEL_KALLSYMS_H

#include "elf64.h"

struct ksym {
	uint64_t addr;
	const char *name;
	uint32_t next;		/* next of the same hash, see kallsyms.c */
	char type;		/* as nm prints it: 'T' text, 'd' data, ... */
};

struct kallsyms {
	struct ksym *syms;	/* by ascending address, as the kernel's */
	unsigned int nr;
	const char *layout;	/* which of the known layouts, for people */
	char *strings;
	uint32_t *hash;
};

/*
 * Find and decode the table in a vmlinux.  0, or -1 with error set;
 * kallsyms_free() when done.  The result does not refer to the file.
 */
int kallsyms_decode(const struct elf *vmlinux, struct kallsyms *out,
		    struct error *error);
void kallsyms_free(struct kallsyms *k);

/*
 * A symbol of that name, or NULL; *count (may be NULL) is the number of
 * different addresses that the name stands for.
 */
const struct ksym *kallsyms_find(const struct kallsyms *k, const char *name,
				 unsigned int *count);

/* Address of a symbol that must exist once.  0, or -1 with error set. */
int kallsyms_unique(const struct kallsyms *k, const char *name,
		    uint64_t *addr, struct error *error);

/*
 * Index of the last symbol with addr <= the given one, or -1.  With several
 * of that address, the last of them.
 */
long kallsyms_at(const struct kallsyms *k, uint64_t addr);

#endif
