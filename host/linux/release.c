// SPDX-License-Identifier: GPL-2.0
/*
 * Pages of guest RAM that the host has back for a while (the guest's balloon).
 *
 * The host may use such a frame for anything: taking it back means to move
 * away what is in it (alloc_contig_range()), which works for user memory and
 * page cache, not for kernel objects or pages under I/O.  Frames come from
 * movable page blocks (memory.c), where the kernel puts the former.  It works
 * on whole page blocks (2 MiB): a page of the guest in it would be in the way.
 *
 * A page that is gone reads and writes as one spare page for the VM process:
 * a guest that hands out addresses in its balloon hurts itself only.
 */
#include <linux/memory_hotplug.h>
#include <linux/mmzone.h>
#include <linux/slab.h>
#include <colinux/layout.h>
#include "memory.h"

#define BLOCK_PAGES (COLINUX_PMD_SIZE / PAGE_SIZE)

/* What can be released: blocks of one piece. */
struct part {
	unsigned long index, nr;	/* pages of guest RAM */
	unsigned long pfn;
	unsigned long block, nr_blocks;	/* the same in blocks: bits */
};

/* The contract: whole blocks inside of one extent, or nothing. */
static bool find_part(const struct host_memory *mem, u64 offset, u64 size,
		      struct part *out)
{
	unsigned long first = 0;

	if (!size || (offset | size) & (COLINUX_PMD_SIZE - 1))
		return false;
	out->index = offset >> PAGE_SHIFT;
	out->nr = size >> PAGE_SHIFT;
	out->block = out->index / BLOCK_PAGES;
	out->nr_blocks = out->nr / BLOCK_PAGES;
	for (unsigned int i = 0; i < mem->nr; i++) {
		const struct piece *p = &mem->pieces[i];

		if (out->index - first < p->nr) {
			out->pfn = p->pfn + (out->index - first);
			return out->nr <= p->nr - (out->index - first);
		}
		first += p->nr;
	}
	return false;
}

static int prepare(struct host_memory *mem)
{
	unsigned long *gone;

	if (mem->gone)
		return 0;
	if (!mem->hole)
		mem->hole = alloc_page(GFP_KERNEL | __GFP_ZERO);
	gone = kvcalloc(BITS_TO_LONGS(mem->pages / BLOCK_PAGES), sizeof(long),
			GFP_KERNEL);
	if (!mem->hole || !gone) {
		kvfree(gone);
		return -ENOMEM;
	}
	smp_store_release(&mem->gone, gone);
	return 0;
}

static void zap(struct host_memory *mem, const struct part *part)
{
	struct address_space *mapping = READ_ONCE(mem->mapping);

	/* Other VMs' mappings of these offsets go too, and come when touched. */
	if (mapping)
		unmap_mapping_range(mapping, (loff_t)part->index << PAGE_SHIFT,
				    (loff_t)part->nr << PAGE_SHIFT, 1);
}

int host_memory_release(struct host_memory *mem, u64 offset, u64 size)
{
	struct piece piece;
	struct part part;
	int err;

	if (!find_part(mem, offset, size, &part))
		return -EINVAL;
	mutex_lock(&mem->lock);
	err = prepare(mem);
	if (!err && find_next_bit(mem->gone, part.block + part.nr_blocks,
				  part.block) < part.block + part.nr_blocks)
		err = -EINVAL;
	if (!err) {
		/* Whoever took a page before has a reference of its own. */
		spin_lock(&mem->gone_lock);
		bitmap_set(mem->gone, part.block, part.nr_blocks);
		spin_unlock(&mem->gone_lock);
		zap(mem, &part);
		piece = (struct piece){ part.pfn, part.nr };
		for (unsigned long i = 0; i < piece.nr; i++)
			__free_page(pfn_to_page(piece.pfn + i));
	}
	mutex_unlock(&mem->lock);
	return err;
}

/* Memory may have been unplugged meanwhile. */
static bool online(const struct part *part)
{
	for (unsigned long i = 0; i < part->nr; i++)
		if (!pfn_to_online_page(part->pfn + i))
			return false;
	return true;
}

int host_memory_reclaim(struct host_memory *mem, u64 offset, u64 size)
{
	struct part part;
	int err;

	if (!find_part(mem, offset, size, &part))
		return -EINVAL;
	mutex_lock(&mem->lock);
	err = -EINVAL;
	if (!mem->gone ||
	    find_next_zero_bit(mem->gone, part.block + part.nr_blocks,
			       part.block) < part.block + part.nr_blocks)
		goto out;
	/* A mapping that came in late keeps a page from being free. */
	zap(mem, &part);
	err = -EBUSY;
	if (!online(&part))
		goto out;
	err = alloc_contig_range(part.pfn, part.pfn + part.nr, MIGRATE_MOVABLE,
				 GFP_KERNEL | __GFP_NOWARN);
	if (err) {
		err = err == -EINTR ? -EINTR : -EBUSY;
		goto out;
	}
	memory_zero(part.pfn, part.nr);
	spin_lock(&mem->gone_lock);
	bitmap_clear(mem->gone, part.block, part.nr_blocks);
	spin_unlock(&mem->gone_lock);
	/* The spare page, where somebody looked meanwhile. */
	zap(mem, &part);
out:
	mutex_unlock(&mem->lock);
	return err;
}

struct page *host_memory_get_page(struct host_memory *mem, unsigned long index)
{
	unsigned long *gone, left = index;
	struct page *page = NULL;

	for (unsigned int i = 0; i < mem->nr && !page; i++) {
		if (left < mem->pieces[i].nr)
			page = pfn_to_page(mem->pieces[i].pfn + left);
		else
			left -= mem->pieces[i].nr;
	}
	if (!page)
		return NULL;
	spin_lock(&mem->gone_lock);
	gone = smp_load_acquire(&mem->gone);
	if (gone && test_bit(index / BLOCK_PAGES, gone))
		page = mem->hole;
	get_page(page);
	spin_unlock(&mem->gone_lock);
	return page;
}

void host_memory_set_mapping(struct host_memory *mem,
			     struct address_space *mapping)
{
	WRITE_ONCE(mem->mapping, mapping);
}
