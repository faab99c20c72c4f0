// SPDX-License-Identifier: GPL-2.0
/*
 * Guest RAM on a Linux host: ordinary pages (each with its own reference
 * count, so they can be mapped and used for I/O), in few physically contiguous
 * extents.
 *
 * First choice are 4 MiB buddy blocks, which come out adjacent on most
 * machines and are cheap; when no run of them is long enough for the kernel
 * image, alloc_contig_range() clears one by migrating what sits there.
 */
#include <linux/sort.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/sched/signal.h>
#include <linux/memory_hotplug.h>
#include <linux/nodemask.h>
#include "memory.h"

#define BLOCK_ORDER	10	/* 4 MiB, the buddy allocator's largest */
#define SMALL_ORDER	9	/* 2 MiB, the unit of guest RAM */
#define SMALL_PAGES	(1ul << SMALL_ORDER)
#define RESERVE_PAGES	(16ul << (20 - PAGE_SHIFT))	/* left to the host */

static int by_pfn(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	return x->pfn < y->pfn ? -1 : x->pfn > y->pfn;
}

static void add_piece(struct host_memory *mem, unsigned long pfn,
		      unsigned long nr)
{
	mem->pieces[mem->nr].pfn = pfn;
	mem->pieces[mem->nr++].nr = nr;
	mem->pages += nr;
}

void memory_free_pages(struct host_memory *mem, const struct piece *p,
		       unsigned long index)
{
	for (unsigned long i = 0; i < p->nr; i++) {
		if (!mem->gone ||
		    !test_bit((index + i) / SMALL_PAGES, mem->gone))
			__free_page(pfn_to_page(p->pfn + i));
		if (i % 1024 == 1023)
			cond_resched();
	}
}

/* Blocks of `order` until `pages` are there; false when there are no more. */
static bool add_blocks(struct host_memory *mem, unsigned long pages,
		       unsigned int order)
{
	while (mem->pages + (1ul << order) <= pages) {
		struct page *page;

		if (fatal_signal_pending(current))
			return false;
		/* Movable: so that a page of it can come back (release.c). */
		page = alloc_pages(GFP_KERNEL | __GFP_MOVABLE | __GFP_ZERO |
					   __GFP_NOWARN | __GFP_NORETRY, order);
		if (!page)
			return false;
		split_page(page, order);
		add_piece(mem, page_to_pfn(page), 1ul << order);
		cond_resched();
	}
	return true;
}

static void merge(struct host_memory *mem)
{
	unsigned int out = 0;

	if (!mem->nr)
		return;
	sort(mem->pieces, mem->nr, sizeof(mem->pieces[0]), by_pfn, NULL);
	for (unsigned int i = 1; i < mem->nr; i++) {
		struct piece *last = &mem->pieces[out];

		if (last->pfn + last->nr == mem->pieces[i].pfn)
			last->nr += mem->pieces[i].nr;
		else
			mem->pieces[++out] = mem->pieces[i];
	}
	mem->nr = out + 1;
}

/* Put the longest piece first; true if it has `pages`. */
static bool longest_first(struct host_memory *mem, unsigned long pages)
{
	unsigned int best = 0;

	if (!mem->nr)
		return false;
	for (unsigned int i = 1; i < mem->nr; i++)
		if (mem->pieces[i].nr > mem->pieces[best].nr)
			best = i;
	swap(mem->pieces[0], mem->pieces[best]);
	return mem->pieces[0].nr >= pages;
}

/*
 * In use, and not by what can be moved?  As the kernel asks before it tries
 * (has_unmovable_pages()); without a reference, so only as good as a guess.
 */
static bool is_fixed(struct page *page)
{
	struct page *head = compound_head(page);

	return page_ref_count(head) && !PageLRU(head) && !__PageMovable(head);
}

/* The first page of these that cannot be cleared, or 0. */
static unsigned long find_obstacle(struct zone *zone, unsigned long pfn,
				   unsigned long nr)
{
	for (unsigned long i = pfn; i < pfn + nr; i++) {
		struct page *page = pfn_to_online_page(i);

		if (!page || page_zone(page) != zone || PageReserved(page) ||
		    PageHuge(page) || is_fixed(page))
			return i;
	}
	return 0;
}

/* How far clear_run() has looked: what failed once is not tried again. */
struct cursor {
	int nid, zone;
	unsigned long pfn;	/* 0 = the start of the zone */
};

#define CURSOR_START ((struct cursor){ first_online_node, MAX_NR_ZONES - 1, 0 })

/* One run of `pages` by migration, 2 MiB-aligned; its first pfn or 0. */
static unsigned long clear_run(unsigned long pages, struct cursor *at)
{
	for (; at->nid < MAX_NUMNODES; at->nid = next_online_node(at->nid)) {
		for (; at->zone >= 0; at->zone--, at->pfn = 0) {
			struct zone *zone =
				&NODE_DATA(at->nid)->node_zones[at->zone];
			unsigned long end = zone->zone_start_pfn +
					    zone->spanned_pages;

			if (!at->pfn)
				at->pfn = ALIGN(zone->zone_start_pfn,
						SMALL_PAGES);
			while (at->pfn + pages <= end) {
				unsigned long pfn = at->pfn, obstacle;

				if (fatal_signal_pending(current))
					return 0;
				cond_resched();
				obstacle = find_obstacle(zone, pfn, pages);
				at->pfn = ALIGN((obstacle ?: pfn) + 1,
						SMALL_PAGES);
				if (obstacle)
					continue;
				if (alloc_contig_range(pfn, pfn + pages,
						       MIGRATE_MOVABLE,
						       GFP_KERNEL |
						       __GFP_NOWARN))
					continue;
				at->pfn = pfn + ALIGN(pages, SMALL_PAGES);
				return pfn;
			}
		}
		at->zone = MAX_NR_ZONES - 1;
		at->pfn = 0;
	}
	return 0;
}

void memory_zero(unsigned long pfn, unsigned long pages)
{
	for (unsigned long i = 0; i < pages; i++) {
		clear_page(page_address(pfn_to_page(pfn + i)));
		if (i % 1024 == 1023)
			cond_resched();
	}
}

static void release_all(struct host_memory *mem)
{
	unsigned long index = 0;

	for (unsigned int i = 0; i < mem->nr; i++) {
		memory_free_pages(mem, &mem->pieces[i], index);
		index += mem->pieces[i].nr;
	}
	mem->nr = 0;
	mem->pages = 0;
}

/* Image first by migration, then blocks for the rest. */
static int allocate_around_image(struct host_memory *mem, unsigned long pages,
				 unsigned long image)
{
	struct cursor cursor = CURSOR_START;
	unsigned long pfn = clear_run(image, &cursor);

	if (!pfn)
		return fatal_signal_pending(current) ? -EINTR : -E2BIG;
	memory_zero(pfn, image);
	add_piece(mem, pfn, image);
	add_blocks(mem, pages, BLOCK_ORDER);
	add_blocks(mem, pages, SMALL_ORDER);
	cursor = CURSOR_START;
	while (mem->pages < pages && !fatal_signal_pending(current)) {
		unsigned long nr = min(pages - mem->pages, SMALL_PAGES);

		pfn = clear_run(nr, &cursor);
		if (!pfn)
			break;
		memory_zero(pfn, nr);
		add_piece(mem, pfn, nr);
	}
	if (mem->pages < pages)
		return fatal_signal_pending(current) ? -EINTR : -ENOMEM;
	merge(mem);
	return longest_first(mem, image) ? 0 : -E2BIG;
}

static int allocate(struct host_memory *mem, unsigned long pages,
		    unsigned long image)
{
	if (add_blocks(mem, pages, BLOCK_ORDER) &&
	    add_blocks(mem, pages, SMALL_ORDER)) {
		merge(mem);
		if (longest_first(mem, image))
			return 0;
	}
	release_all(mem);
	if (fatal_signal_pending(current))
		return -EINTR;
	return allocate_around_image(mem, pages, image);
}

int host_memory_alloc(u64 size, u64 image, struct host_memory **out,
		      const struct colinux_extent **table, u32 *nr)
{
	unsigned long pages = size >> PAGE_SHIFT;
	unsigned long image_pages = ALIGN(image, PMD_SIZE) >> PAGE_SHIFT;
	struct host_memory *mem;
	int err;

	if (pages + RESERVE_PAGES > si_mem_available())
		return -ENOMEM;
	mem = kzalloc(sizeof(*mem), GFP_KERNEL);
	if (!mem)
		return -ENOMEM;
	mutex_init(&mem->lock);
	spin_lock_init(&mem->gone_lock);
	mem->max = pages / SMALL_PAGES + 1;
	mem->pieces = kvcalloc(mem->max, sizeof(*mem->pieces), GFP_KERNEL);
	err = -ENOMEM;
	if (!mem->pieces)
		goto fail;
	err = allocate(mem, pages, image_pages);
	if (err)
		goto fail;
	mem->table = kvcalloc(mem->nr, sizeof(*mem->table), GFP_KERNEL);
	err = -ENOMEM;
	if (!mem->table)
		goto fail;
	for (unsigned int i = 0; i < mem->nr; i++) {
		mem->table[i].machine = (u64)mem->pieces[i].pfn << PAGE_SHIFT;
		mem->table[i].size = (u64)mem->pieces[i].nr << PAGE_SHIFT;
	}
	*out = mem;
	*table = mem->table;
	*nr = mem->nr;
	return 0;
fail:
	host_memory_free(mem);
	return err;
}

void host_memory_free(struct host_memory *mem)
{
	release_all(mem);
	kvfree(mem->gone);
	if (mem->hole)
		__free_page(mem->hole);
	kvfree(mem->table);
	kvfree(mem->pieces);
	kfree(mem);
}

void *host_memory_map(struct host_memory *mem, u64 size)
{
	/* x86-64 has all of RAM in its direct map. */
	if (size > (u64)mem->pieces[0].nr << PAGE_SHIFT)
		return NULL;
	return page_address(pfn_to_page(mem->pieces[0].pfn));
}

void *host_zalloc(size_t size)
{
	return kvzalloc(size, GFP_KERNEL);
}

void host_zfree(void *p, size_t size)
{
	kvfree(p);
}

void *host_page_alloc(u64 *machine)
{
	unsigned long page = get_zeroed_page(GFP_KERNEL);

	if (page)
		*machine = __pa(page);
	return (void *)page;
}

void host_page_free(void *page)
{
	free_page((unsigned long)page);
}

u64 host_code_machine(const void *code)
{
	return (u64)vmalloc_to_pfn(code) << PAGE_SHIFT |
	       offset_in_page(code);
}
