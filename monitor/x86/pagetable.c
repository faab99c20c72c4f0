// SPDX-License-Identifier: GPL-2.0
/*
 * The intermediate page table: a handful of 4 KiB pages mapped at the same
 * place as in the host or in the guest, in the host's paging depth (CR4.LA57
 * cannot change in long mode).
 */
#include "cpu.h"
#include "../host.h"

#define PTE_PRESENT	1ull
#define PTE_WRITE	2ull
#define PTE_ACCESSED	0x20ull
#define PTE_DIRTY	0x40ull
#define PTE_ADDRESS	0x000ffffffffff000ull
#define TABLE_FLAGS	(PTE_PRESENT | PTE_WRITE | PTE_ACCESSED)

/* A new table; its index in the pool, or -errno. */
static int new_table(struct page_pool *pool)
{
	u32 i = pool->nr;

	if (i == PAGE_POOL_MAX)
		return -CO_E2BIG;
	pool->page[i].table = host_page_alloc(&pool->page[i].machine);
	if (!pool->page[i].table)
		return -CO_ENOMEM;
	pool->nr++;
	return (int)i;
}

static u64 *find_table(struct page_pool *pool, u64 machine)
{
	for (u32 i = 0; i < pool->nr; i++)
		if (pool->page[i].machine == machine)
			return pool->page[i].table;
	return NULL;
}

int page_pool_init(struct page_pool *pool)
{
	int i;

	__builtin_memset(pool, 0, sizeof(*pool));
	pool->levels = (read_cr4() & CR4_LA57) ? 5 : 4;
	i = new_table(pool);
	if (i < 0)
		return i;
	pool->root = pool->page[i].machine;
	return 0;
}

void page_pool_free(struct page_pool *pool)
{
	while (pool->nr)
		host_page_free(pool->page[--pool->nr].table);
}

int page_pool_map(struct page_pool *pool, u64 va, u64 machine)
{
	u64 *table = pool->page[0].table;
	u64 pte = (machine & PTE_ADDRESS) | TABLE_FLAGS | PTE_DIRTY;

	for (u32 level = pool->levels; level > 1; level--) {
		u64 *entry = &table[va >> (12 + 9 * (level - 1)) & 511];

		if (!*entry) {
			int i = new_table(pool);

			if (i < 0)
				return i;
			*entry = pool->page[i].machine | TABLE_FLAGS;
		}
		table = find_table(pool, *entry & PTE_ADDRESS);
	}
	if (table[va >> 12 & 511] && table[va >> 12 & 511] != pte)
		return -CO_EEXIST;
	table[va >> 12 & 511] = pte;
	return 0;
}
