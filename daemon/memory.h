/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Guest RAM as the VM process sees it: one mapping of the VM's file
 * descriptor, and the extent table that turns the guest's addresses (machine
 * addresses) into host pointers.  The only such translation in user space.
 *
 * Nothing here changes after guest_memory_init(), so every function may be
 * called from any thread without a lock.  Pointers that come out are to
 * memory that a running guest writes at the same time: copy, then validate.
 */
#ifndef DAEMON_MEMORY_H
#define DAEMON_MEMORY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include <colinux/ioctl.h>

#include "error.h"

/* One extent, or several that are neighbours both in the machine and in RAM. */
struct guest_range {
	uint64_t machine;	/* first machine address */
	uint64_t size;		/* bytes */
	uint64_t offset;	/* in guest RAM, hence in the mapping */
};

struct guest_memory {
	uint8_t *base;		/* the mapping; not owned */
	uint64_t size;		/* bytes of guest RAM */
	size_t nr_ranges;
	struct guest_range *ranges;	/* sorted by machine address */
};

/*
 * Describe guest RAM of the nr extents in table (in RAM order, as GET_EXTENTS
 * gives them), mapped at base.  Overlapping, empty, unaligned or wrapping
 * extents are refused.  The table is copied.
 */
int guest_memory_init(struct guest_memory *memory, void *base,
		      const struct colinux_extent *table, size_t nr,
		      struct error *error);
/* Free the table; the mapping stays the caller's. */
void guest_memory_free(struct guest_memory *memory);

/* Host pointer of length bytes at a RAM offset; NULL when outside. */
void *guest_memory_at(const struct guest_memory *memory, uint64_t offset,
		      uint64_t length);

/*
 * Host pointer of length bytes at a machine address; NULL when any byte of
 * them is outside of guest RAM, or when they are not contiguous on the host.
 * Length 0 is refused.
 */
void *guest_memory_pointer(const struct guest_memory *memory,
			   uint64_t machine, uint64_t length);

/*
 * The same for buffers that may cross from extent to extent: fills up to max
 * iovecs and returns how many; -EFAULT when any byte is outside of guest RAM
 * or length is 0, -E2BIG when max is too small.
 */
int guest_memory_iovec(const struct guest_memory *memory, uint64_t machine,
		       uint64_t length, struct iovec *iov, int max);

#endif
