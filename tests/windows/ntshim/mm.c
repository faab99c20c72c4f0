// SPDX-License-Identifier: GPL-2.0
/*
 * Ex* pool and Mm*: every page has a struct page; MDLs hold page frame
 * numbers as on NT.
 */
#include <linux/io.h>
#include <linux/memory_hotplug.h>
#include <linux/mman.h>
#include <linux/nodemask.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>
#include "shim.h"

#define REQUIRE_CHUNKS	0x20
#define DONT_ZERO	1

/* ---- pool ---- */

struct block {
	size_t size;
	ULONG tag;
};

static DEFINE_XARRAY(blocks);	/* pool by address */

NTAPI PVOID ExAllocatePoolWithTag(POOL_TYPE type, SIZE_T size, ULONG tag)
{
	/* Pool of a page or more is page-aligned. */
	void *p = size > PAGE_SIZE ? kvmalloc(PAGE_ALIGN(size), GFP_KERNEL) :
				     kmalloc(size, GFP_KERNEL);
	struct block *b = kmalloc(sizeof(*b), GFP_KERNEL);

	if (!p || !b || (size >= PAGE_SIZE && offset_in_page(p))) {
		kvfree(p);
		kfree(b);
		return NULL;
	}
	b->size = size;
	b->tag = tag;
	/* Not zeroed: the driver must not rely on it. */
	memset(p, 0xa5, size);
	xa_store(&blocks, (unsigned long)p >> 3, b, GFP_KERNEL);
	atomic_inc(&counts.pool);
	return p;
}

static void free_pool(void *p, ULONG tag)
{
	struct block *b = xa_erase(&blocks, (unsigned long)p >> 3);

	if (WARN_ON(!b || b->tag != tag))
		return;
	ke_forget(p, b->size);
	memset(p, 0x5a, b->size);
	kfree(b);
	kvfree(p);
	atomic_dec(&counts.pool);
}

NTAPI VOID ExFreePoolWithTag(PVOID p, ULONG tag)
{
	free_pool(p, tag);
}

NTAPI VOID ExFreePool(PVOID p)
{
	free_pool(p, 0);
}

/* ---- frames ---- */

/* A bit each frame of the machine: the driver has it. */
static unsigned long *owned, frames_end;
static DEFINE_SPINLOCK(owned_lock);
static struct page *spare;	/* what is seen of frames that it has not */

int mm_init(void)
{
	int nid;

	for_each_online_node(nid)
		frames_end = max(frames_end, node_end_pfn(nid));
	owned = vzalloc(BITS_TO_LONGS(frames_end) * sizeof(long));
	spare = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (owned && spare)
		return 0;
	mm_exit();
	return -ENOMEM;
}

void mm_exit(void)
{
	if (spare)
		__free_page(spare);
	vfree(owned);
}

struct page *mm_get_page(unsigned long pfn)
{
	struct page *page;

	spin_lock(&owned_lock);
	page = test_bit(pfn, owned) ? pfn_to_page(pfn) : spare;
	get_page(page);
	spin_unlock(&owned_lock);
	return page;
}

static void set_owner(unsigned long pfn, bool driver)
{
	spin_lock(&owned_lock);
	if (driver)
		__set_bit(pfn, owned);
	else
		WARN_ON(!__test_and_clear_bit(pfn, owned));
	spin_unlock(&owned_lock);
}

static bool usable(unsigned long pfn, unsigned long nr)
{
	struct page *first = pfn_to_online_page(pfn);

	for (unsigned long i = pfn; i < pfn + nr; i++) {
		struct page *page = pfn_to_online_page(i);

		if (!page || page_zone(page) != page_zone(first) ||
		    PageReserved(page) || PageHuge(page))
			return false;
	}
	return true;
}

/* Exactly these frames. */
static bool take_range(unsigned long pfn, unsigned long nr)
{
	/* Somebody may have looked at one while it went. */
	main_unmap(pfn, nr);
	return usable(pfn, nr) &&
	       !alloc_contig_range(pfn, pfn + nr, MIGRATE_MOVABLE,
				   GFP_KERNEL | __GFP_NOWARN);
}

/* An aligned chunk in [low, high); 0 if there is none. */
static unsigned long take_chunk(unsigned long nr, unsigned long low,
				unsigned long high)
{
	int nid;

	if (nr <= 1ul << 10 && !low && high >= frames_end) {
		int order = order_base_2(nr);
		/* Movable: so that given frames can be had again. */
		struct page *page = alloc_pages(
			GFP_KERNEL | __GFP_MOVABLE | __GFP_NOWARN |
				__GFP_NORETRY, order);

		if (page) {
			split_page(page, order);
			return page_to_pfn(page);
		}
	}
	for_each_online_node(nid) {
		for (int z = MAX_NR_ZONES - 1; z >= 0; z--) {
			struct zone *zone = &NODE_DATA(nid)->node_zones[z];
			unsigned long pfn, end;

			if (!zone->spanned_pages)
				continue;
			end = min(zone->zone_start_pfn + zone->spanned_pages,
				  high);
			pfn = ALIGN(max(zone->zone_start_pfn, low), nr);
			for (; pfn + nr <= end; pfn += nr)
				if (take_range(pfn, nr))
					return pfn;
		}
	}
	return 0;
}

static PMDL new_mdl(SIZE_T bytes)
{
	SIZE_T pages = bytes >> PAGE_SHIFT;
	PMDL mdl = ExAllocatePoolWithTag(0, sizeof(*mdl) + pages * 8, 0);

	if (!mdl)
		return NULL;
	memset(mdl, 0, sizeof(*mdl));
	mdl->ByteCount = (ULONG)bytes;
	return mdl;
}

static void free_frames(PPFN_NUMBER pfn, SIZE_T n)
{
	for (SIZE_T i = 0; i < n; i++)
		set_owner(pfn[i], false);
	for (SIZE_T i = 0; i < n;) {
		SIZE_T run = 1;

		while (i + run < n && pfn[i + run] == pfn[i] + run)
			run++;
		main_unmap(pfn[i], run);
		i += run;
	}
	for (SIZE_T i = 0; i < n; i++) {
		__free_page(pfn_to_page(pfn[i]));
		if (i % 1024 == 1023)
			cond_resched();
	}
	atomic_sub(n, &counts.frames);
}

NTAPI PMDL MmAllocatePagesForMdlEx(PHYSICAL_ADDRESS low, PHYSICAL_ADDRESS high,
				   PHYSICAL_ADDRESS skip, SIZE_T total,
				   MEMORY_CACHING_TYPE cache, ULONG flags)
{
	/* The highest address is in the last page that may be taken. */
	unsigned long first = low.QuadPart >> PAGE_SHIFT;
	unsigned long end = (high.QuadPart >> PAGE_SHIFT) + 1;
	bool anywhere = !first && end >= frames_end;
	SIZE_T chunk = flags & REQUIRE_CHUNKS ? skip.QuadPart :
		       anywhere		      ? PAGE_SIZE :
						total;
	SIZE_T done = 0, nr = chunk >> PAGE_SHIFT;
	PMDL mdl;
	PPFN_NUMBER out;

	if (flags & ~3u && old_nt)
		return NULL;
	/* Scattered pages of a larger range are more than we can do. */
	if (WARN_ON(!(flags & REQUIRE_CHUNKS) && !anywhere &&
		    end - first != nr))
		return NULL;
	mdl = new_mdl(total);
	if (!mdl)
		return NULL;
	out = MmGetMdlPfnArray(mdl);
	for (; done < total; done += chunk) {
		unsigned long pfn;

		if (flags & REQUIRE_CHUNKS || anywhere)
			pfn = take_chunk(nr, first, end);
		else
			pfn = take_range(first, nr) ? first : 0;
		if (!pfn)
			break;
		for (SIZE_T i = 0; i < nr; i++) {
			memset(page_address(pfn_to_page(pfn + i)),
			       flags & DONT_ZERO ? 0x5a : 0, PAGE_SIZE);
			set_owner(pfn + i, true);
			*out++ = pfn + i;
			if (i % 1024 == 1023)
				cond_resched();
		}
		atomic_add(nr, &counts.frames);
	}
	if (done < total) {
		free_frames(MmGetMdlPfnArray(mdl), done >> PAGE_SHIFT);
		ExFreePool(mdl);
		return NULL;
	}
	return mdl;
}

NTAPI VOID MmFreePagesFromMdl(PMDL mdl)
{
	SIZE_T n = mdl->ByteCount >> PAGE_SHIFT;

	free_frames(MmGetMdlPfnArray(mdl), n);
	/* It says nothing any more (ReactOS: an end-of-list mark). */
	memset(MmGetMdlPfnArray(mdl), 0xff, n * sizeof(PFN_NUMBER));
}

/* The driver looks at them from the last: whole zones, holes and all. */
NTAPI PPHYSICAL_MEMORY_RANGE MmGetPhysicalMemoryRanges(void)
{
	PPHYSICAL_MEMORY_RANGE r =
		ExAllocatePoolWithTag(0, 64 * sizeof(*r), 0);
	int nid, n = 0;

	if (!r)
		return NULL;
	memset(r, 0, 64 * sizeof(*r));
	for_each_online_node(nid)
		for (int z = 0; z < MAX_NR_ZONES && n < 63; z++) {
			struct zone *zone = &NODE_DATA(nid)->node_zones[z];

			if (!zone->spanned_pages)
				continue;
			r[n].BaseAddress.QuadPart = zone->zone_start_pfn
						    << PAGE_SHIFT;
			r[n++].NumberOfBytes.QuadPart = zone->spanned_pages
							<< PAGE_SHIFT;
		}
	return r;
}

NTAPI PHYSICAL_ADDRESS MmGetPhysicalAddress(PVOID va)
{
	PHYSICAL_ADDRESS a;

	if (is_vmalloc_addr(va))
		a.QuadPart = ((u64)vmalloc_to_pfn(va) << PAGE_SHIFT) |
			     offset_in_page(va);
	else
		a.QuadPart = __pa(va);
	return a;
}

/* ---- MDLs and mappings ---- */

NTAPI PMDL IoAllocateMdl(PVOID va, ULONG size, BOOLEAN secondary, BOOLEAN quota,
			 PIRP irp)
{
	PMDL mdl = new_mdl(size);

	if (mdl)
		atomic_inc(&counts.mdls);
	return mdl;
}

NTAPI VOID IoFreeMdl(PMDL mdl)
{
	atomic_dec(&counts.mdls);
	ExFreePool(mdl);
}

static PVOID map_kernel(PMDL mdl)
{
	unsigned int n = mdl->ByteCount >> PAGE_SHIFT;
	struct page **pages = kvcalloc(n, sizeof(*pages), GFP_KERNEL);
	void *at;

	if (!pages)
		return NULL;
	for (unsigned int i = 0; i < n; i++)
		pages[i] = pfn_to_page(MmGetMdlPfnArray(mdl)[i]);
	at = vmap(pages, n, VM_MAP, PAGE_KERNEL);
	kvfree(pages);
	return at;
}

static DEFINE_MUTEX(pending_lock);
static PMDL pending;
static struct task_struct *pending_task;

int mm_map_pending(struct vm_area_struct *vma)
{
	int err = 0;

	if (READ_ONCE(pending_task) != current)
		return -ENOENT;
	for (unsigned int i = 0; !err && i < pending->ByteCount >> PAGE_SHIFT;
	     i++)
		err = vm_insert_page(vma, vma->vm_start + i * PAGE_SIZE,
				     pfn_to_page(MmGetMdlPfnArray(pending)[i]));
	return err;
}

static PVOID map_user(PMDL mdl, PVOID address)
{
	unsigned long at;

	mutex_lock(&pending_lock);
	pending = mdl;
	WRITE_ONCE(pending_task, current);
	at = vm_mmap(current_device_file(), (unsigned long)address,
		     mdl->ByteCount, PROT_READ | PROT_WRITE,
		     MAP_SHARED | MAP_FIXED_NOREPLACE, 0);
	WRITE_ONCE(pending_task, NULL);
	mutex_unlock(&pending_lock);
	return IS_ERR_VALUE(at) ? NULL : (PVOID)at;
}

NTAPI PVOID MmMapLockedPagesSpecifyCache(PMDL mdl, KPROCESSOR_MODE mode,
					 MEMORY_CACHING_TYPE cache,
					 PVOID address, ULONG bugcheck,
					 ULONG priority)
{
	PVOID at;

	if (WARN_ON(!(mdl->MdlFlags & MDL_PAGES_LOCKED)))
		return NULL;
	at = mode == KernelMode ? map_kernel(mdl) : map_user(mdl, address);
	if (at)
		atomic_inc(&counts.mappings);
	return at;
}

NTAPI VOID MmUnmapLockedPages(PVOID address, PMDL mdl)
{
	if (is_vmalloc_addr(address))
		vunmap(address);
	else if (current->mm)	/* or it went with the process */
		vm_munmap((unsigned long)address, mdl->ByteCount);
	atomic_dec(&counts.mappings);
}

NTAPI PVOID MmMapIoSpace(PHYSICAL_ADDRESS at, SIZE_T size,
			 MEMORY_CACHING_TYPE cache)
{
	WARN_ON(cache != MmNonCached);
	return ioremap(at.QuadPart, size);
}

NTAPI VOID MmUnmapIoSpace(PVOID address, SIZE_T size)
{
	iounmap(address);
}

NTAPI NTSTATUS ZwAllocateVirtualMemory(HANDLE process, PVOID *base,
				       ULONG_PTR zero_bits, PSIZE_T size,
				       ULONG type, ULONG protect)
{
	unsigned long at = vm_mmap(NULL, 0, *size, PROT_NONE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
				   0);

	*base = (PVOID)at;
	return IS_ERR_VALUE(at) ? STATUS_NO_MEMORY : STATUS_SUCCESS;
}

static SIZE_T reserved_size;	/* of the one reservation there is at a time */

NTAPI NTSTATUS ZwFreeVirtualMemory(HANDLE process, PVOID *base, PSIZE_T size,
				   ULONG type)
{
	struct vm_area_struct *vma;

	mmap_read_lock(current->mm);
	vma = find_vma(current->mm, (unsigned long)*base);
	reserved_size = vma ? vma->vm_end - (unsigned long)*base : 0;
	mmap_read_unlock(current->mm);
	vm_munmap((unsigned long)*base, reserved_size);
	return STATUS_SUCCESS;
}
