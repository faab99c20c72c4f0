/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a port object asks of the kernel beyond symbols: expectations that are
 * checked, and the few bytes of the kernel that are changed.  The language is
 * documented in docs/port-link.md.
 */
#ifndef DAEMON_KERNEL_DIRECTIVE_H
#define DAEMON_KERNEL_DIRECTIVE_H

#include "image.h"
#include "link.h"

#define PATCH_MAX 8

/* Bytes to change in the kernel image; the old ones have been verified. */
struct patch {
	uint64_t addr;
	unsigned int length;
	uint8_t bytes[PATCH_MAX];
};

struct patch_list {
	struct patch *list;
	unsigned int nr, room;
};

/* 0, or -1 with error set (out of memory). */
int patch_add(struct patch_list *patches, uint64_t addr, const void *bytes,
	      unsigned int length, struct error *error);
void patch_free(struct patch_list *patches);

/*
 * Check every string of .colinux.expect and turn those of .colinux.preset and
 * .colinux.patch into patches.  Nothing is written.  0, or -1 with error set.
 */
int directives_check(const struct guest_image *image,
		     const struct link_names *names,
		     const struct linked_port *port,
		     struct patch_list *patches, struct error *error);

#endif
