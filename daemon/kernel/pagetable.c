// SPDX-License-Identifier: GPL-2.0
/*
 * First page tables, built in our memory for the machine addresses at which
 * they will lie.  2 MiB pages only.  The kernel leaves them at once for its
 * own, so nothing here is write-protected or no-execute (which would also
 * need EFER.NXE).
 */
#include <stdlib.h>

#include "pagetable.h"

/* SDM 4.5: bits of a table entry, of a 2 MiB page, and address bits. */
#define ENTRY_TABLE 0x23ull	/* present, writable, accessed */
#define ENTRY_PAGE 0xe3ull	/* the same, dirty, large */
#define ENTRY_ADDRESS 0x000ffffffffff000ull

static uint8_t *new_page(struct page_tables *t, struct error *error)
{
	if (t->nr == t->room) {
		unsigned int room = t->room ? t->room * 2 : 16;
		uint8_t *more = realloc(t->pages,
					(size_t)room * COLINUX_PAGE_SIZE);

		if (!more) {
			error_set(error, "out of memory for page tables");
			return NULL;
		}
		t->pages = more;
		t->room = room;
	}
	memset(t->pages + (size_t)t->nr * COLINUX_PAGE_SIZE, 0,
	       COLINUX_PAGE_SIZE);
	return t->pages + (size_t)t->nr++ * COLINUX_PAGE_SIZE;
}

int page_tables_init(struct page_tables *t, unsigned int levels,
		     uint64_t machine, struct error *error)
{
	memset(t, 0, sizeof(*t));
	if (levels != 4 && levels != 5)
		return error_set(error, "%u page table levels: 4 or 5 are "
				 "expected", levels);
	t->levels = levels;
	t->machine = machine;
	return new_page(t, error) ? 0 : -1;
}

void page_tables_free(struct page_tables *t)
{
	free(t->pages);
	memset(t, 0, sizeof(*t));
}

int page_tables_map(struct page_tables *t, uint64_t virtual, uint64_t machine,
		    struct error *error)
{
	unsigned int page = 0;
	size_t at;

	if ((virtual | machine) % COLINUX_PMD_SIZE ||
	    machine & ~ENTRY_ADDRESS)
		return error_set(error, "page tables: misaligned address");
	for (unsigned int level = t->levels;; level--) {
		uint64_t entry;

		at = (size_t)page * COLINUX_PAGE_SIZE +
		     8 * (virtual >> (12 + 9 * (level - 1)) & 511);
		entry = get64(t->pages + at);
		if (level == 2)
			break;
		if (!entry) {
			entry = (t->machine +
				 (uint64_t)t->nr * COLINUX_PAGE_SIZE) |
				ENTRY_TABLE;
			if (!new_page(t, error))
				return -1;
			put64(t->pages + at, entry);
		}
		page = ((entry & ENTRY_ADDRESS) - t->machine) /
		       COLINUX_PAGE_SIZE;
	}
	put64(t->pages + at, machine | ENTRY_PAGE);
	return 0;
}
