// SPDX-License-Identifier: GPL-2.0
/*
 * Memory in many pieces.  The kernel's memblock has room for 128 of them and
 * finds more of it below 1 MiB, where a PC has memory and a guest of ours has
 * none: what comes after the 128th piece would be left out.  So the kernel's
 * e820__memblock_setup() is ours, the same but for where it may find room.
 */
#include "port.h"

struct e820_table;

extern struct e820_table *e820_table KERNEL("e820_table");
extern char memblock[] KERNEL("memblock");
int memblock_add(u64 base, u64 size) KERNEL("memblock_add");
void memblock_allow_resize(void) KERNEL("memblock_allow_resize");
void memblock_trim_memory(u64 align) KERNEL("memblock_trim_memory");

EXPECT_FUNC("memblock_add int(phys_addr_t,phys_addr_t)");
EXPECT_FUNC("memblock_allow_resize void(void)");
EXPECT_FUNC("memblock_trim_memory void(phys_addr_t)");
EXPECT_FUNC("e820__memblock_setup void(void)");
PATCH("jump e820__memblock_setup = port_memblock_setup");

void port_memblock_setup(void);

/* Boot, between early_reserve_memory() and init_mem_mapping(). */
void port_memblock_setup(void)
{
	u64 *limit = &MEMBER(u64, memblock, "memblock.current_limit");
	const char *entry = (char *)e820_table + OFFSET("e820_table.entries");
	u32 nr = MEMBER(u32, e820_table, "e820_table.nr_entries");
	u64 old = *limit;

	/*
	 * Anywhere: the direct map comes page by page with the faults of the
	 * early IDT.  What is in use already is reserved.
	 */
	*limit = ~0ull;
	memblock_allow_resize();
	for (; nr--; entry += SIZEOF("e820_entry"))
		/* There is nothing but RAM and reserved memory, bootparams.c */
		if (MEMBER(u32, entry, "e820_entry.type") !=
		    (u32)ENUM("E820_TYPE_RESERVED"))
			memblock_add(MEMBER(u64, entry, "e820_entry.addr"),
				     MEMBER(u64, entry, "e820_entry.size"));
	memblock_trim_memory(COLINUX_PAGE_SIZE);
	*limit = old;
}
