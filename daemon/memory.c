/* SPDX-License-Identifier: GPL-2.0 */
/* Guest RAM and its one address translation: see memory.h. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <colinux/layout.h>

#include "memory.h"

static int compare_ranges(const void *left, const void *right)
{
	const struct guest_range *a = left, *b = right;

	return a->machine < b->machine ? -1 : a->machine > b->machine;
}

/* Join ranges that are neighbours on both sides; refuse overlaps. */
static int merge_ranges(struct guest_memory *memory, struct error *error)
{
	struct guest_range *ranges = memory->ranges;
	size_t i, last = 0;

	for (i = 1; i < memory->nr_ranges; i++) {
		uint64_t end = ranges[last].machine + ranges[last].size;

		if (ranges[i].machine < end)
			return error_set(error, "guest memory: the driver's "
					 "extents overlap at machine address "
					 "0x%" PRIx64 ": reload colinux.ko",
					 ranges[i].machine);
		if (ranges[i].machine == end &&
		    ranges[i].offset ==
			    ranges[last].offset + ranges[last].size)
			ranges[last].size += ranges[i].size;
		else
			ranges[++last] = ranges[i];
	}
	memory->nr_ranges = last + 1;
	return 0;
}

int guest_memory_init(struct guest_memory *memory, void *base,
		      const struct colinux_extent *table, size_t nr,
		      struct error *error)
{
	uint64_t offset = 0;
	size_t i;

	*memory = (struct guest_memory){ .base = base };
	if (!nr)
		return error_set(error, "guest memory: the driver gave no "
				 "extents: reload colinux.ko");
	memory->ranges = calloc(nr, sizeof(*memory->ranges));
	if (!memory->ranges)
		return error_set(error, "guest memory: no memory for a table "
				 "of %zu extents: use a smaller mem=", nr);
	memory->nr_ranges = nr;
	for (i = 0; i < nr; i++) {
		uint64_t machine = table[i].machine, size = table[i].size;

		if (!size || (machine | size) % COLINUX_PAGE_SIZE ||
		    machine + size < machine || offset + size < offset) {
			guest_memory_free(memory);
			return error_set(error, "guest memory: bad extent 0x%"
					 PRIx64 "+0x%" PRIx64 " from the "
					 "driver: reload colinux.ko", machine,
					 size);
		}
		memory->ranges[i] = (struct guest_range){
			.machine = machine, .size = size, .offset = offset,
		};
		offset += size;
	}
	memory->size = offset;
	qsort(memory->ranges, nr, sizeof(*memory->ranges), compare_ranges);
	if (merge_ranges(memory, error)) {
		guest_memory_free(memory);
		return -1;
	}
	return 0;
}

void guest_memory_free(struct guest_memory *memory)
{
	free(memory->ranges);
	*memory = (struct guest_memory){ 0 };
}

void *guest_memory_at(const struct guest_memory *memory, uint64_t offset,
		      uint64_t length)
{
	if (offset > memory->size || length > memory->size - offset)
		return NULL;
	return memory->base + offset;
}

/* The range that holds a machine address, or NULL. */
static const struct guest_range *find_range(const struct guest_memory *memory,
					    uint64_t machine)
{
	size_t low = 0, high = memory->nr_ranges;

	/* Before low all start at or below it; from high on, above it. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memory->ranges[middle].machine <= machine)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low)
		return NULL;
	if (machine - memory->ranges[low - 1].machine >=
	    memory->ranges[low - 1].size)
		return NULL;
	return &memory->ranges[low - 1];
}

void *guest_memory_pointer(const struct guest_memory *memory,
			   uint64_t machine, uint64_t length)
{
	const struct guest_range *range = find_range(memory, machine);
	uint64_t start;

	if (!range || !length)
		return NULL;
	start = machine - range->machine;
	if (length > range->size - start)
		return NULL;
	return memory->base + range->offset + start;
}

int guest_memory_iovec(const struct guest_memory *memory, uint64_t machine,
		       uint64_t length, struct iovec *iov, int max)
{
	const struct guest_range *range = find_range(memory, machine);
	const struct guest_range *end = memory->ranges + memory->nr_ranges;
	int nr = 0;

	if (!range || !length)
		return -EFAULT;
	/*
	 * A range that does not continue where the last one ended fails, and
	 * so does the end of the table; machine + length cannot wrap unnoticed
	 * because no range does.
	 */
	for (;;) {
		uint64_t start = machine - range->machine;
		uint64_t part = range->size - start;

		if (part > length)
			part = length;
		if (nr == max)
			return -E2BIG;
		iov[nr].iov_base = memory->base + range->offset + start;
		iov[nr].iov_len = part;
		nr++;
		length -= part;
		if (!length)
			return nr;
		machine += part;
		range++;
		if (range == end || range->machine != machine)
			return -EFAULT;
	}
}
