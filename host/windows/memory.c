// SPDX-License-Identifier: GPL-2.0
/*
 * Guest RAM on an NT host: physical pages in 2 MiB pieces, held by MDLs and
 * mapped nowhere until somebody asks.  All of it at PASSIVE_LEVEL.
 *
 * NT 6.1 and later give contiguous chunks on request, moving pages away if
 * they must.  Older systems (and those that ignore the request) are asked for
 * the frames of one 2 MiB window after the other, from the top of memory down:
 * a window that is free is taken whole.
 */
#include "driver.h"

#define PIECE		COLINUX_PMD_SIZE
#define PIECE_PAGES	(PIECE / PAGE_SIZE)
/* One MDL describes at most this much: NT 5.2 allows about 32 MiB. */
#define BATCH		(16ull << 20)
#define RESERVE		(64ull << 20)	/* left to NT */

struct piece {
	u64 pfn;
	PMDL mdl;		/* that it came with; several may share one */
};

struct user_piece {
	PMDL mdl;
	void *address;
};

struct host_memory {
	struct piece *pieces;	/* sorted by pfn once complete */
	u64 nr, max;
	PMDL *mdls;		/* what is to be freed */
	u64 nr_mdls;
	struct colinux_extent *table;
	u32 nr_extents;

	/* Under the instance's lock. */
	PMDL kernel_mdl;	/* of offset 0, host_memory_map() */
	void *kernel;
	struct user_piece *user;	/* PIECE each; NULL = not mapped */
	u64 nr_user;
};

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

/*
 * NT can give frames to itself, but no driver can ask for given ones: what it
 * gets by address range is what happens to be free.
 */
int host_memory_release(struct host_memory *mem, u64 offset, u64 size)
{
	(void)mem;
	(void)offset;
	(void)size;
	return -CO_EOPNOTSUPP;
}

int host_memory_reclaim(struct host_memory *mem, u64 offset, u64 size)
{
	return host_memory_release(mem, offset, size);
}

/* ---- frames ---- */

static void free_mdl(PMDL mdl)
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
		free_mdl(mdl);
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
 * Keep an MDL whose frames are whole, aligned pieces, one after the other;
 * otherwise free it.  A piece's own pages come in any order (ReactOS: zeroed
 * ones first); none comes twice, so it is whole when all lie in it.
 */
static bool keep(struct host_memory *mem, PMDL mdl)
{
	const PFN_NUMBER *pfn = MmGetMdlPfnArray(mdl);
	u64 pages = MmGetMdlByteCount(mdl) / PAGE_SIZE;

	if (pages % PIECE_PAGES || mem->nr + pages / PIECE_PAGES > mem->max)
		goto no;
	for (u64 i = 0; i < pages; i++)
		if (pfn[i] / PIECE_PAGES != pfn[i - i % PIECE_PAGES] / PIECE_PAGES)
			goto no;
	for (u64 i = 0; i < pages; i += PIECE_PAGES) {
		mem->pieces[mem->nr].pfn = pfn[i] & ~(PIECE_PAGES - 1);
		mem->pieces[mem->nr++].mdl = mdl;
	}
	mem->mdls[mem->nr_mdls++] = mdl;
	return true;
no:
	free_mdl(mdl);
	return false;
}

/* Give back piece `i`, which has an MDL of its own. */
static void drop(struct host_memory *mem, u64 i)
{
	PMDL mdl = mem->pieces[i].mdl;
	u64 m = 0;

	while (mem->mdls[m] != mdl)
		m++;
	mem->mdls[m] = mem->mdls[--mem->nr_mdls];
	mem->nr--;
	memmove(&mem->pieces[i], &mem->pieces[i + 1],
		(mem->nr - i) * sizeof(mem->pieces[0]));
	free_mdl(mdl);
}

static bool stopped(void)
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

		if (stopped())
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
		u64 size = (mem->max - mem->nr) * PIECE;

		if (stopped())
			return -CO_EINTR;
		if (!take_chunks(mem, size < BATCH ? size : BATCH, PIECE))
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
		free_mdl(mem->mdls[--mem->nr_mdls]);
	host_zfree(mem->table, 0);
	host_zfree(mem->pieces, 0);
	host_zfree(mem->mdls, 0);
	host_zfree(mem, sizeof(*mem));
}

/* ---- mappings ---- */

static u64 machine_of(const struct host_memory *mem, u64 offset)
{
	u32 i = 0;

	while (offset >= mem->table[i].size)
		offset -= mem->table[i++].size;
	return mem->table[i].machine + offset;
}

/* An MDL for a part of guest RAM; its pages are locked while `mem` exists. */
static PMDL describe(const struct host_memory *mem, u64 offset, u64 size)
{
	PMDL mdl = IoAllocateMdl(NULL, (ULONG)size, FALSE, FALSE, NULL);
	PFN_NUMBER *pfn;

	if (!mdl)
		return NULL;
	pfn = MmGetMdlPfnArray(mdl);
	for (u64 i = 0; i < size / PAGE_SIZE; i++)
		pfn[i] = machine_of(mem, offset + i * PAGE_SIZE) / PAGE_SIZE;
	mdl->MdlFlags |= MDL_PAGES_LOCKED;
	return mdl;
}

void *host_memory_map(struct host_memory *mem, u64 size)
{
	if (size > mem->table[0].size || size > BATCH || mem->kernel_mdl)
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

void host_memory_unmap_user(struct host_memory *mem)
{
	for (u64 i = 0; i < mem->nr_user; i++) {
		if (mem->user[i].address)
			MmUnmapLockedPages(mem->user[i].address,
					   mem->user[i].mdl);
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
		void *want = (u8 *)base + offset;

		p->mdl = describe(mem, offset, PIECE);
		if (!p->mdl)
			return -CO_ENOMEM;
		p->address = want;
		if (!NT_SUCCESS(nt_guarded(map_piece, p))) {
			p->address = NULL;
			return -CO_EBUSY;
		}
		if (p->address != want)
			return -CO_EBUSY;
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
