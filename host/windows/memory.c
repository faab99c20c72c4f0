// SPDX-License-Identifier: GPL-2.0
/*
 * Guest RAM on an NT host: physical pages in 2 MiB pieces, held by MDLs and
 * mapped nowhere until somebody asks.  All of it at PASSIVE_LEVEL.  All pieces
 * but those of the kernel image's chunk have an MDL of their own, with which
 * they can go back to NT and come again (release.c).
 *
 * NT 6.1 and later give contiguous chunks on request, moving pages away if
 * they must.  Older systems (and those that ignore the request) are asked for
 * the frames of one 2 MiB window after the other, from the top of memory down:
 * a window that is free is taken whole.
 */
#include "memory.h"

/* One MDL describes at most this much: NT 5.2 allows about 32 MiB. */
#define MDL_MAX		(16ull << 20)
#define RESERVE		(64ull << 20)	/* left to NT */

/* ---- pool ---- */

/* <= DISPATCH_LEVEL. */
void *host_zalloc(size_t size)
{
	void *p = ExAllocatePoolWithTag(nt.pool, size, POOL_TAG);

	if (p)
		memset(p, 0, size);
	return p;
}

void host_zfree(void *p, size_t size)
{
	(void)size;
	if (p)
		ExFreePoolWithTag(p, POOL_TAG);
}

/* Pool of a page or more is page-aligned; a page is contiguous. */
void *host_page_alloc(u64 *machine)
{
	void *page = host_zalloc(PAGE_SIZE);

	if (page)
		*machine = (u64)MmGetPhysicalAddress(page).QuadPart;
	return page;
}

void host_page_free(void *page)
{
	host_zfree(page, PAGE_SIZE);
}

u64 host_code_machine(const void *code)
{
	return (u64)MmGetPhysicalAddress((void *)code).QuadPart;
}

/* ---- frames ---- */

void memory_free_mdl(PMDL mdl)
{
	MmFreePagesFromMdl(mdl);
	ExFreePool(mdl);
}

/*
 * `size` bytes of frames in [low, high), all or nothing; *missing is what was
 * not to be had, if NT says so.
 */
static PMDL take(u64 low, u64 high, u64 skip, u64 size, ULONG flags,
		 u64 *missing)
{
	PHYSICAL_ADDRESS l, h, s;
	PMDL mdl;

	l.QuadPart = (LONGLONG)low;
	h.QuadPart = (LONGLONG)(high - 1);
	s.QuadPart = (LONGLONG)skip;
	/* NT 5.2 refuses flags that it does not know. */
	if (nt.contiguous_chunks)
		flags |= NT_MM_FULLY_REQUIRED;
	mdl = MmAllocatePagesForMdlEx(l, h, s, size, MmCached, flags);
	*missing = mdl ? size - MmGetMdlByteCount(mdl) : size;
	if (mdl && *missing) {
		memory_free_mdl(mdl);
		mdl = NULL;
	}
	return mdl;
}

/* The frames of one window. */
static PMDL take_window(u64 low)
{
	u64 missing;
	PMDL mdl = take(low, low + PIECE, 0, PIECE, 0, &missing);

	/*
	 * ReactOS does not count the page of the highest address in.  Where
	 * NT does, the frame behind the window may come: keep() looks.
	 */
	if (!mdl && missing == PAGE_SIZE)
		mdl = take(low, low + PIECE + PAGE_SIZE, 0, PIECE, 0, &missing);
	return mdl;
}

PMDL memory_take_page(void)
{
	u64 missing;

	return take(0, 1ull << 62, 0, PAGE_SIZE, 0, &missing);
}

static int by_pfn(const struct piece *a, const struct piece *b)
{
	return a->pfn < b->pfn ? -1 : a->pfn > b->pfn;
}

/* Heap sort: no recursion on a kernel stack. */
static void sort(struct piece *p, u64 n)
{
	for (u64 root = n / 2, end = n; end > 1;) {
		struct piece x;
		u64 i, child;

		if (root) {
			x = p[--root];
		} else {
			x = p[--end];
			p[end] = p[0];
		}
		for (i = root; (child = 2 * i + 1) < end; i = child) {
			if (child + 1 < end &&
			    by_pfn(&p[child], &p[child + 1]) < 0)
				child++;
			if (by_pfn(&x, &p[child]) >= 0)
				break;
			p[i] = p[child];
		}
		p[i] = x;
	}
}

/*
 * Are its frames whole, aligned pieces, one after the other?  A piece's own
 * pages come in any order (ReactOS: zeroed ones first); none comes twice, so it
 * is whole when all lie in it.
 */
static bool has_whole_pieces(PMDL mdl)
{
	const PFN_NUMBER *pfn = MmGetMdlPfnArray(mdl);
	u64 pages = MmGetMdlByteCount(mdl) / PAGE_SIZE;

	if (pages % PIECE_PAGES)
		return false;
	for (u64 i = 0; i < pages; i++)
		if (pfn[i] / PIECE_PAGES != pfn[i - i % PIECE_PAGES] / PIECE_PAGES)
			return false;
	return true;
}

void memory_remember(struct host_memory *mem, PMDL mdl)
{
	mem->mdls[mem->nr_mdls++] = mdl;
}

void memory_forget(struct host_memory *mem, PMDL mdl)
{
	u64 m = 0;

	while (mem->mdls[m] != mdl)
		m++;
	mem->mdls[m] = mem->mdls[--mem->nr_mdls];
}

/* Keep an MDL of whole pieces that there is room for; otherwise free it. */
static bool keep(struct host_memory *mem, PMDL mdl)
{
	const PFN_NUMBER *pfn = MmGetMdlPfnArray(mdl);
	u64 pages = MmGetMdlByteCount(mdl) / PAGE_SIZE;

	if (!has_whole_pieces(mdl) ||
	    mem->nr + pages / PIECE_PAGES > mem->max) {
		memory_free_mdl(mdl);
		return false;
	}
	for (u64 i = 0; i < pages; i += PIECE_PAGES) {
		mem->pieces[mem->nr].pfn = pfn[i] & ~(PIECE_PAGES - 1);
		mem->pieces[mem->nr++].mdl = mdl;
	}
	memory_remember(mem, mdl);
	return true;
}

/* Give back piece `i`, which has an MDL of its own. */
static void drop(struct host_memory *mem, u64 i)
{
	PMDL mdl = mem->pieces[i].mdl;

	memory_forget(mem, mdl);
	mem->nr--;
	memmove(&mem->pieces[i], &mem->pieces[i + 1],
		(mem->nr - i) * sizeof(mem->pieces[0]));
	memory_free_mdl(mdl);
}

bool memory_stopped(void)
{
	return PsIsThreadTerminating(nt_current_thread());
}

/* `size` bytes in aligned, contiguous chunks of `chunk`. */
static bool take_chunks(struct host_memory *mem, u64 size, u64 chunk)
{
	u64 missing;
	PMDL mdl = take(0, 1ull << 62, chunk, size, NT_MM_REQUIRE_CHUNKS,
			&missing);

	return mdl && keep(mem, mdl);
}

PMDL memory_take_piece(u64 pfn)
{
	u64 low = pfn * PAGE_SIZE, missing;
	PMDL mdl = NULL;

	if (nt.contiguous_chunks)
		mdl = take(low, low + PIECE, PIECE, PIECE, NT_MM_REQUIRE_CHUNKS,
			   &missing);
	if (!mdl)
		mdl = take_window(low);
	if (mdl && (!has_whole_pieces(mdl) ||
		    MmGetMdlPfnArray(mdl)[0] / PIECE_PAGES !=
			    pfn / PIECE_PAGES)) {
		memory_free_mdl(mdl);
		mdl = NULL;
	}
	return mdl;
}

/*
 * Windows of 2 MiB, downwards, until mem has all its pieces and, if `run` is
 * not 0, the last `run` of them are adjacent.  What breaks a run is kept for
 * the rest of RAM as long as there is room for it.
 */
static int hunt_range(struct host_memory *mem, u64 low, u64 high, u64 run)
{
	u64 got = 0;		/* length of the run at the end of pieces */

	low = (low + PIECE - 1) & ~(PIECE - 1);
	for (high &= ~(PIECE - 1); high > low; high -= PIECE) {
		PMDL mdl;

		if (memory_stopped())
			return -CO_EINTR;
		if (mem->nr == mem->max)
			drop(mem, 0);	/* not in the run: it is too short */
		mdl = take_window(high - PIECE);
		/* Frames that we hold already are not given again. */
		if (!mdl || !keep(mem, mdl)) {
			got = 0;
			continue;
		}
		got++;
		if (run ? got == run : mem->nr == mem->max)
			return 0;
	}
	return -CO_ENOMEM;
}

static int hunt(struct host_memory *mem, u64 run)
{
	PPHYSICAL_MEMORY_RANGE ranges = MmGetPhysicalMemoryRanges();
	int err = -CO_ENOMEM;
	u64 n = 0;

	if (!ranges)
		return -CO_ENOMEM;
	while (ranges[n].NumberOfBytes.QuadPart)
		n++;
	while (n-- && err == -CO_ENOMEM) {
		u64 low = (u64)ranges[n].BaseAddress.QuadPart;

		err = hunt_range(mem, low,
				 low + (u64)ranges[n].NumberOfBytes.QuadPart,
				 run);
	}
	ExFreePool(ranges);
	return err;
}

static u64 power_of_two(u64 at_least)
{
	u64 p = PIECE;

	while (p < at_least)
		p *= 2;
	return p;
}

/* The run that holds the kernel image, then the rest. */
static int take_all(struct host_memory *mem, u64 image)
{
	u64 chunk = power_of_two(image);
	int err;

	if (!(nt.contiguous_chunks && chunk <= mem->max * PIECE &&
	      take_chunks(mem, chunk, chunk))) {
		err = hunt(mem, (image + PIECE - 1) / PIECE);
		if (err)
			return err == -CO_ENOMEM ? -CO_E2BIG : err;
	}
	while (nt.contiguous_chunks && mem->nr < mem->max) {
		if (memory_stopped())
			return -CO_EINTR;
		if (!take_chunks(mem, PIECE, PIECE))
			break;
	}
	return mem->nr < mem->max ? hunt(mem, 0) : 0;
}

/* Merge adjacent pieces; the longest run becomes extent 0. */
static int make_table(struct host_memory *mem)
{
	struct colinux_extent *t, first;
	u32 n = 0, best = 0;

	sort(mem->pieces, mem->nr);
	for (u64 i = 0; i < mem->nr; i++)
		n += !i ||
		     mem->pieces[i - 1].pfn + PIECE_PAGES != mem->pieces[i].pfn;
	t = host_zalloc(n * sizeof(*t));
	if (!t)
		return -CO_ENOMEM;
	mem->table = t;
	mem->nr_extents = n;
	n = 0;
	for (u64 i = 0; i < mem->nr; i++) {
		u64 machine = mem->pieces[i].pfn * PAGE_SIZE;

		if (i && t[n - 1].machine + t[n - 1].size == machine) {
			t[n - 1].size += PIECE;
			continue;
		}
		t[n].machine = machine;
		t[n++].size = PIECE;
	}
	for (u32 i = 1; i < n; i++)
		if (t[i].size > t[best].size)
			best = i;
	first = t[best];
	t[best] = t[0];
	t[0] = first;
	return 0;
}

/* All of RAM, in pages. */
static u64 all_pages(void)
{
	PPHYSICAL_MEMORY_RANGE ranges = MmGetPhysicalMemoryRanges();
	u64 n = 0;

	for (u64 i = 0; ranges && ranges[i].NumberOfBytes.QuadPart; i++)
		n += (u64)ranges[i].NumberOfBytes.QuadPart / PAGE_SIZE;
	if (ranges)
		ExFreePool(ranges);
	return n;
}

/*
 * NT would give all that it has before it says no, and suffer.  Where it does
 * not say what it has, all of RAM is the limit.
 */
static bool there_is(u64 size)
{
	struct nt_performance *p = host_zalloc(sizeof(*p));
	u64 pages;

	if (!p)
		return false;
	if (NT_SUCCESS(ZwQuerySystemInformation(NT_PERFORMANCE, p, sizeof(*p),
						NULL)))
		pages = p->available_pages;
	else
		pages = all_pages();
	host_zfree(p, sizeof(*p));
	return size / PAGE_SIZE + RESERVE / PAGE_SIZE <= pages;
}

int host_memory_alloc(u64 size, u64 image, struct host_memory **out,
		      const struct colinux_extent **table, u32 *nr)
{
	struct host_memory *mem;
	int err = -CO_ENOMEM;

	if (!there_is(size))
		return -CO_ENOMEM;
	mem = host_zalloc(sizeof(*mem));
	if (!mem)
		return -CO_ENOMEM;
	mem->max = size / PIECE;
	mem->pieces = host_zalloc(mem->max * sizeof(mem->pieces[0]));
	mem->mdls = host_zalloc(mem->max * sizeof(mem->mdls[0]));
	if (mem->pieces && mem->mdls)
		err = take_all(mem, image);
	if (!err)
		err = make_table(mem);
	if (err) {
		host_memory_free(mem);
		return err;
	}
	*out = mem;
	*table = mem->table;
	*nr = mem->nr_extents;
	return 0;
}

void host_memory_free(struct host_memory *mem)
{
	if (mem->kernel)
		MmUnmapLockedPages(mem->kernel, mem->kernel_mdl);
	if (mem->kernel_mdl)
		IoFreeMdl(mem->kernel_mdl);
	while (mem->nr_mdls)
		memory_free_mdl(mem->mdls[--mem->nr_mdls]);
	if (mem->hole)
		memory_free_mdl(mem->hole);
	host_zfree(mem->table, 0);
	host_zfree(mem->pieces, 0);
	host_zfree(mem->mdls, 0);
	host_zfree(mem, sizeof(*mem));
}

/* ---- mappings ---- */

struct piece *memory_piece(const struct host_memory *mem, u64 pfn)
{
	u64 low = 0, high = mem->nr;

	while (high - low > 1) {
		u64 middle = (low + high) / 2;

		if (mem->pieces[middle].pfn <= pfn)
			low = middle;
		else
			high = middle;
	}
	return &mem->pieces[low];
}

/* The piece at an offset in guest RAM. */
static const struct piece *piece_at(const struct host_memory *mem, u64 offset)
{
	u32 i = 0;

	while (offset >= mem->table[i].size)
		offset -= mem->table[i++].size;
	return memory_piece(mem, (mem->table[i].machine + offset) / PAGE_SIZE);
}

void memory_describe_piece(PFN_NUMBER *pfn, const struct piece *p, PMDL hole)
{
	for (u64 i = 0; i < PIECE_PAGES; i++)
		pfn[i] = hole ? MmGetMdlPfnArray(hole)[0] : p->pfn + i;
}

/*
 * An MDL for pieces of guest RAM; its pages are locked while `mem` has them,
 * and the spare page is for those that it has not.
 */
static PMDL describe(const struct host_memory *mem, u64 offset, u64 size)
{
	PMDL mdl = IoAllocateMdl(NULL, (ULONG)size, FALSE, FALSE, NULL);

	if (!mdl)
		return NULL;
	for (u64 at = 0; at < size; at += PIECE) {
		const struct piece *p = piece_at(mem, offset + at);

		memory_describe_piece(MmGetMdlPfnArray(mdl) + at / PAGE_SIZE,
				      p, p->mdl ? NULL : mem->hole);
	}
	mdl->MdlFlags |= MDL_PAGES_LOCKED;
	return mdl;
}

void *host_memory_map(struct host_memory *mem, u64 size)
{
	if (size > mem->table[0].size || size > MDL_MAX || size % PIECE ||
	    mem->kernel_mdl)
		return NULL;
	mem->kernel_mdl = describe(mem, 0, size);
	if (!mem->kernel_mdl)
		return NULL;
	mem->kernel = MmMapLockedPagesSpecifyCache(
		mem->kernel_mdl, KernelMode, MmCached, NULL, FALSE,
		NormalPagePriority | nt.map_flags);
	return mem->kernel;
}

/* Raises an exception when the process has no room at that address. */
static NTSTATUS NTAPI map_piece(void *arg)
{
	struct user_piece *p = arg;
	void *at = MmMapLockedPagesSpecifyCache(
		p->mdl, UserMode, MmCached, p->address, FALSE,
		NormalPagePriority | nt.map_flags);

	if (!at)
		return STATUS_NO_MEMORY;
	p->address = at;
	return STATUS_SUCCESS;
}

int memory_map_user_piece(struct user_piece *p, void *address)
{
	p->address = address;
	if (!NT_SUCCESS(nt_guarded(map_piece, p))) {
		p->address = NULL;
		return -CO_EBUSY;
	}
	if (p->address == address)
		return 0;
	memory_unmap_user_piece(p);
	return -CO_EBUSY;
}

void memory_unmap_user_piece(struct user_piece *p)
{
	if (p->address)
		MmUnmapLockedPages(p->address, p->mdl);
	p->address = NULL;
}

void host_memory_unmap_user(struct host_memory *mem)
{
	for (u64 i = 0; i < mem->nr_user; i++) {
		memory_unmap_user_piece(&mem->user[i]);
		if (mem->user[i].mdl)
			IoFreeMdl(mem->user[i].mdl);
	}
	host_zfree(mem->user, 0);
	mem->user = NULL;
	mem->nr_user = 0;
}

/*
 * A free range of the process, aligned to pieces: found by reserving it for a
 * moment.
 */
static NTSTATUS find_room(u64 total, void **base)
{
	SIZE_T size = total + PIECE;
	NTSTATUS status;
	void *start;

	*base = NULL;
	status = ZwAllocateVirtualMemory(NtCurrentProcess(), base, 0, &size,
					 MEM_RESERVE | MEM_TOP_DOWN,
					 PAGE_NOACCESS);
	if (!NT_SUCCESS(status))
		return status;
	size = 0;
	start = *base;
	*base = ptr_at((addr_of(start) + PIECE - 1) & ~(PIECE - 1));
	return ZwFreeVirtualMemory(NtCurrentProcess(), &start, &size,
				   MEM_RELEASE);
}

static int try_map(struct host_memory *mem, u64 total)
{
	void *base;

	if (!NT_SUCCESS(find_room(total, &base)))
		return -CO_ENOMEM;
	/*
	 * One page table each: a ReactOS with assertions stops when it unmaps
	 * an MDL that goes beyond one.
	 */
	mem->nr_user = total / PIECE;
	mem->user = host_zalloc(mem->nr_user * sizeof(mem->user[0]));
	if (!mem->user) {
		mem->nr_user = 0;
		return -CO_ENOMEM;
	}
	for (u64 i = 0; i < mem->nr_user; i++) {
		struct user_piece *p = &mem->user[i];
		u64 offset = i * PIECE;
		int err;

		p->mdl = describe(mem, offset, PIECE);
		if (!p->mdl)
			return -CO_ENOMEM;
		err = memory_map_user_piece(p, (u8 *)base + offset);
		if (err)
			return err;
	}
	return 0;
}

int host_memory_map_user(struct host_memory *mem, struct colinux_map *arg)
{
	u64 total = mem->nr * PIECE;
	int err = -CO_EBUSY;

	if (arg->address || arg->size)
		return -CO_EINVAL;
	if (mem->user)
		return -CO_EEXIST;
	/* Another thread may take the room that was found: look again. */
	for (u32 tries = 0; err == -CO_EBUSY && tries < 8; tries++) {
		err = try_map(mem, total);
		if (err)
			host_memory_unmap_user(mem);
	}
	if (err)
		return err == -CO_EBUSY ? -CO_ENOMEM : err;
	arg->address = addr_of(mem->user[0].address);
	arg->size = total;
	return 0;
}
