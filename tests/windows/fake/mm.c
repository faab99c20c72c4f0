// SPDX-License-Identifier: GPL-2.0
/*
 * Ex* pool and Mm*: RAM is an area of ours that stands for machine addresses
 * from RAM_BASE on, with a hole; frames are taken and given by number.  What is
 * mapped is known frame by frame: it must be the driver's all the time.
 */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "fake.h"
#include "tap.h"

#define RAM_BASE	0x1000000ull
#define RAM_SIZE	(192ull << 20)
#define HOLE		(96ull << 20)	/* offset of a 2 MiB hole */
#define WINDOW		(2ull << 20)
#define FRAMES		(RAM_SIZE / PAGE_SIZE)
#define DONT_ZERO	1	/* MM_DONT_ZERO_ALLOCATION */

struct fake_nt fake = { .version = 0x0a00 };
struct fake_counts counts;
static u8 taken[FRAMES];
static u8 nt_uses[FRAMES];	/* NT does, for something that stays */
static u16 nr_mapped[FRAMES];
static u8 *ram;
static int fail_at, failables;

#define RULE(max)                                                        \
	do {                                                             \
		if (fcpu.irql > (max) || fcpu.irqs_off)                    \
			die(__func__);                                   \
	} while (0)

void fail_in(int n)
{
	fail_at = n;
	failables = 0;
}

/* Counts a call that may fail; 0 if it is to. */
int failable_calls(void)
{
	failables++;
	return failables == fail_at ? 0 : failables;
}

/* ---- pool ---- */

struct block {
	void *p;
	ULONG tag;
};

#define BLOCKS	8192
static struct block blocks[BLOCKS];
static pthread_mutex_t blocks_lock = PTHREAD_MUTEX_INITIALIZER;

/* The entry of a block; NULL: a free entry. */
static struct block *find_block(const void *p)
{
	for (int i = 0; i < BLOCKS; i++)
		if (blocks[i].p == p)
			return &blocks[i];
	die("pool that was not allocated");
}

PVOID ExAllocatePoolWithTag(POOL_TYPE type, SIZE_T size, ULONG tag)
{
	struct block *b;
	void *p;

	RULE(DISPATCH_LEVEL);
	if (type != (fake.version >= 0x602 ? NT_POOL_NX : NonPagedPool))
		die("pool type");
	if (!failable_calls())
		return NULL;
	/* A page or more is page-aligned. */
	p = size < PAGE_SIZE ? malloc(size) :
			       aligned_alloc(PAGE_SIZE,
					     (size + PAGE_SIZE - 1) &
						     ~(SIZE_T)(PAGE_SIZE - 1));
	memset(p, 0xa5, size);
	pthread_mutex_lock(&blocks_lock);
	b = find_block(NULL);
	b->p = p;
	b->tag = tag;
	counts.pool++;
	pthread_mutex_unlock(&blocks_lock);
	return p;
}

static void free_pool(void *p, ULONG tag)
{
	struct block *b;

	RULE(DISPATCH_LEVEL);
	pthread_mutex_lock(&blocks_lock);
	b = find_block(p);
	if (b->tag != tag)
		die("ExFreePool with another tag");
	b->p = NULL;
	counts.pool--;
	pthread_mutex_unlock(&blocks_lock);
	free(p);
}

VOID ExFreePoolWithTag(PVOID p, ULONG tag)
{
	free_pool(p, tag);
}

VOID ExFreePool(PVOID p)
{
	free_pool(p, 0);
}

/* NT's own pool, for MDLs and ranges. */
static PVOID nt_pool(SIZE_T size)
{
	PVOID p = ExAllocatePoolWithTag(
		fake.version >= 0x602 ? NT_POOL_NX : NonPagedPool, size, 0);

	if (p)
		memset(p, 0, size);
	return p;
}

/* ---- frames ---- */

static bool is_free(u64 frame)
{
	u64 offset = frame * PAGE_SIZE;

	if (frame >= FRAMES || taken[frame] || nt_uses[frame] ||
	    (offset >= HOLE && offset < HOLE + WINDOW))
		return false;
	return !fake.one_fragment || offset / WINDOW % 2;
}

static bool all_free(u64 frame, u64 n)
{
	for (u64 i = 0; i < n; i++)
		if (!is_free(frame + i))
			return false;
	return true;
}

/* `n` frames, aligned to `n`, in [first, last); ~0 if there are none. */
static u64 find_run(u64 n, u64 first, u64 last)
{
	for (u64 f = 0; f + n <= FRAMES; f += WINDOW / PAGE_SIZE)
		if (f >= first && f + n <= last &&
		    (f + RAM_BASE / PAGE_SIZE) % n == 0 && all_free(f, n))
			return f;
	return ~0ull;
}

/* The first frame at or above an address. */
static u64 frame_of(PHYSICAL_ADDRESS a)
{
	u64 address = (u64)a.QuadPart;

	return address < RAM_BASE ? 0 :
	       (address - RAM_BASE + PAGE_SIZE - 1) / PAGE_SIZE;
}

PMDL MmAllocatePagesForMdlEx(PHYSICAL_ADDRESS low, PHYSICAL_ADDRESS high,
			     PHYSICAL_ADDRESS skip, SIZE_T total,
			     MEMORY_CACHING_TYPE cache, ULONG flags)
{
	u64 n = total / PAGE_SIZE, chunk = 0, got = 0;
	u64 first = frame_of(low), last = frame_of(high);
	PFN_NUMBER *out;
	PMDL mdl;

	RULE(DISPATCH_LEVEL);
	if (cache != MmCached || total % PAGE_SIZE)
		die("MmAllocatePagesForMdlEx");
	if (fake.version < 0x600 && total > 32ull << 20)
		die("an MDL that NT 5.2 cannot have");
	if (flags & NT_MM_REQUIRE_CHUNKS)
		chunk = (u64)skip.QuadPart / PAGE_SIZE;
	if (flags & ~3u && fake.version < 0x601)
		die("a flag that NT 5.2 does not know");
	/* The last page counts in if all of it is in the range. */
	last = fake.reactos ? (high.QuadPart - RAM_BASE) / PAGE_SIZE : last;
	if (!failable_calls())
		return NULL;
	mdl = nt_pool(sizeof(*mdl) + n * sizeof(*out));
	if (!mdl)
		return NULL;
	mdl->ByteCount = (ULONG)total;
	out = MmGetMdlPfnArray(mdl);
	if (chunk && !fake.ignores_chunks) {
		for (; got < n; got += chunk) {
			u64 f = find_run(chunk, first, last);

			if (f == ~0ull)
				break;
			for (u64 i = 0; i < chunk; i++) {
				taken[f + i] = 1;
				*out++ = RAM_BASE / PAGE_SIZE + f + i;
			}
		}
	} else {
		/* ReactOS: zeroed pages (let it be every third) first. */
		for (int zeroed = fake.reactos; zeroed >= 0; zeroed--)
			for (u64 f = first; f < last && f < FRAMES && got < n;
			     f++)
				if (is_free(f) && (!zeroed || f % 3 == 0)) {
					taken[f] = 1;
					*out++ = RAM_BASE / PAGE_SIZE + f;
					got++;
				}
	}
	counts.frames += (int)got;
	/* Less than wanted: what there is, and the driver must look. */
	mdl->ByteCount = (ULONG)(got * PAGE_SIZE);
	if (!got) {
		ExFreePool(mdl);
		return NULL;
	}
	for (u64 i = 0; i < got; i++)
		memset(ram + (MmGetMdlPfnArray(mdl)[i] * PAGE_SIZE - RAM_BASE),
		       flags & DONT_ZERO ? 0x5a : 0, PAGE_SIZE);
	return mdl;
}

VOID MmFreePagesFromMdl(PMDL mdl)
{
	RULE(APC_LEVEL);
	for (u64 i = 0; i < mdl->ByteCount / PAGE_SIZE; i++) {
		u64 f = MmGetMdlPfnArray(mdl)[i] - RAM_BASE / PAGE_SIZE;

		if (f >= FRAMES || !taken[f])
			die("a frame that was not taken");
		if (nr_mapped[f])
			die("a frame that is mapped still goes back");
		taken[f] = 0;
		/* NT's from here on, and so is what the MDL said. */
		memset(ram + f * PAGE_SIZE, 0xdd, PAGE_SIZE);
		MmGetMdlPfnArray(mdl)[i] = ~0ull;
	}
	counts.frames -= (int)(mdl->ByteCount / PAGE_SIZE);
}

PPHYSICAL_MEMORY_RANGE MmGetPhysicalMemoryRanges(void)
{
	PPHYSICAL_MEMORY_RANGE r;

	RULE(0);
	if (!failable_calls())
		return NULL;
	r = nt_pool(3 * sizeof(*r));
	if (!r)
		return NULL;
	/* Not aligned to anything but pages. */
	r[0].BaseAddress.QuadPart = RAM_BASE + PAGE_SIZE;
	r[0].NumberOfBytes.QuadPart = HOLE - 2 * PAGE_SIZE;
	r[1].BaseAddress.QuadPart = RAM_BASE + HOLE + WINDOW;
	r[1].NumberOfBytes.QuadPart = RAM_SIZE - HOLE - WINDOW;
	return r;
}

/* Pool is where it is; the rest does not matter here. */
PHYSICAL_ADDRESS MmGetPhysicalAddress(PVOID va)
{
	PHYSICAL_ADDRESS a = { .QuadPart = (LONGLONG)va };

	return a;
}

/* ---- mappings ---- */

PMDL IoAllocateMdl(PVOID va, ULONG size, BOOLEAN secondary, BOOLEAN quota,
		   PIRP irp)
{
	PMDL mdl;

	RULE(DISPATCH_LEVEL);
	if (va || secondary || quota || irp || size > 32u << 20)
		die("IoAllocateMdl");
	if (!failable_calls())
		return NULL;
	mdl = nt_pool(sizeof(*mdl) + size / PAGE_SIZE * sizeof(PFN_NUMBER));
	if (mdl) {
		mdl->ByteCount = size;
		counts.mdls++;
	}
	return mdl;
}

VOID IoFreeMdl(PMDL mdl)
{
	RULE(DISPATCH_LEVEL);
	counts.mdls--;
	ExFreePool(mdl);
}

static __thread jmp_buf *guard;

NTSTATUS nt_guarded(NTSTATUS (*fn)(void *arg), void *arg)
{
	jmp_buf here;
	NTSTATUS status;

	if (setjmp(here)) {
		guard = NULL;
		return STATUS_ACCESS_VIOLATION;
	}
	guard = &here;
	status = fn(arg);
	guard = NULL;
	return status;
}

static void raise_exception(const char *what)
{
	if (!guard)
		die(what);
	longjmp(*guard, 1);
}

VOID ProbeForWrite(PVOID address, SIZE_T size, ULONG alignment)
{
	(void)size, (void)alignment;
	if ((ULONG_PTR)address < PAGE_SIZE || (LONGLONG)address < 0)
		raise_exception("an exception nobody catches");
}

#define USER_BASE	0x700000000000ull
static PEPROCESS mapped_in;
static u64 next_user = USER_BASE;

/* A mapping, and the frames that it had when it was made. */
struct mapping {
	u8 *address;
	u64 nr;
	PFN_NUMBER *pfn;
};

#define MAPPINGS	256
static struct mapping mapping[MAPPINGS];

static struct mapping *find_mapping(const void *address)
{
	for (int i = 0; i < MAPPINGS; i++)
		if (mapping[i].address == address)
			return &mapping[i];
	die("no such mapping");
}

static void count_mapped(const struct mapping *m, int by)
{
	for (u64 i = 0; i < m->nr; i++)
		nr_mapped[m->pfn[i] - RAM_BASE / PAGE_SIZE] += (u16)by;
}

static void *add_mapping(void *address, PMDL mdl)
{
	struct mapping *m = find_mapping(NULL);
	size_t bytes = mdl->ByteCount / PAGE_SIZE * sizeof(PFN_NUMBER);

	*m = (struct mapping){ address, mdl->ByteCount / PAGE_SIZE,
			       malloc(bytes) };
	memcpy(m->pfn, MmGetMdlPfnArray(mdl), bytes);
	count_mapped(m, 1);
	counts.mappings++;
	return address;
}

static bool overlaps(const u8 *address, u64 size)
{
	for (int i = 0; i < MAPPINGS; i++)
		if (mapping[i].address && address < mapping[i].address +
		    mapping[i].nr * PAGE_SIZE &&
		    mapping[i].address < address + size)
			return true;
	return false;
}

/* Registers of a device: one page at a time. */
static u8 io_space[PAGE_SIZE];
static bool io_mapped;

PVOID MmMapIoSpace(PHYSICAL_ADDRESS at, SIZE_T size, MEMORY_CACHING_TYPE cache)
{
	RULE(0);
	if (at.QuadPart % PAGE_SIZE || size != PAGE_SIZE ||
	    cache != MmNonCached || io_mapped)
		die("MmMapIoSpace");
	io_mapped = failable_calls();
	return io_mapped ? io_space : NULL;
}

VOID MmUnmapIoSpace(PVOID address, SIZE_T size)
{
	RULE(0);
	if (address != io_space || size != PAGE_SIZE || !io_mapped)
		die("MmUnmapIoSpace");
	io_mapped = false;
}

PVOID MmMapLockedPagesSpecifyCache(PMDL mdl, KPROCESSOR_MODE mode,
				   MEMORY_CACHING_TYPE cache, PVOID address,
				   ULONG bugcheck, ULONG priority)
{
	PFN_NUMBER *pfn = MmGetMdlPfnArray(mdl);

	RULE(mode == KernelMode ? DISPATCH_LEVEL : APC_LEVEL);
	if (cache != MmCached || bugcheck ||
	    !(mdl->MdlFlags & MDL_PAGES_LOCKED) ||
	    priority != (NormalPagePriority | (fake.version >= 0x602 ?
						       NT_MDL_NO_EXECUTE :
						       0u)))
		die("MmMapLockedPagesSpecifyCache");
	for (u64 i = 0; i < mdl->ByteCount / PAGE_SIZE; i++)
		if (!taken[pfn[i] - RAM_BASE / PAGE_SIZE])
			die("a page that is not ours is mapped");
	if (mode == KernelMode) {
		if (!failable_calls())
			return NULL;
		for (u64 i = 1; i < mdl->ByteCount / PAGE_SIZE; i++)
			if (pfn[i] != pfn[0] + i)
				die("not contiguous");
		return add_mapping(ram + (pfn[0] * PAGE_SIZE - RAM_BASE), mdl);
	}
	if (overlaps(address, mdl->ByteCount))
		raise_exception("an exception nobody catches");
	if (!failable_calls() || fake.mappings_refused-- > 0)
		raise_exception("an exception nobody catches");
	mapped_in = self->process;
	fake.last_map_size = (u64)address - USER_BASE + mdl->ByteCount;
	if (fake.mappings_moved-- > 0)
		address = (u8 *)address + (1ull << 40);
	return add_mapping(address, mdl);
}

VOID MmUnmapLockedPages(PVOID address, PMDL mdl)
{
	struct mapping *m = find_mapping(address);

	RULE(DISPATCH_LEVEL);
	if (!address || m->nr != mdl->ByteCount / PAGE_SIZE ||
	    memcmp(m->pfn, MmGetMdlPfnArray(mdl), m->nr * sizeof(*m->pfn)))
		die("unmapped with an MDL that says something else");
	count_mapped(m, -1);
	free(m->pfn);
	memset(m, 0, sizeof(*m));
	if ((u8 *)address < ram || (u8 *)address >= ram + RAM_SIZE)
		if (mapped_in != self->process)
			die("unmapped in another process");
	counts.mappings--;
}

NTSTATUS ZwAllocateVirtualMemory(HANDLE process, PVOID *base,
				 ULONG_PTR zero_bits, PSIZE_T size, ULONG type,
				 ULONG protect)
{
	RULE(0);
	if (process != NtCurrentProcess() || zero_bits || *base ||
	    !(type & MEM_RESERVE) || protect != PAGE_NOACCESS)
		die("ZwAllocateVirtualMemory");
	if (!failable_calls())
		return STATUS_NO_MEMORY;
	*base = (PVOID)next_user;
	(void)size;
	counts.handles++;
	return STATUS_SUCCESS;
}

NTSTATUS ZwFreeVirtualMemory(HANDLE process, PVOID *base, PSIZE_T size,
			     ULONG type)
{
	RULE(0);
	if (process != NtCurrentProcess() || *base != (PVOID)next_user ||
	    *size || type != MEM_RELEASE)
		die("ZwFreeVirtualMemory");
	counts.handles--;
	return STATUS_SUCCESS;
}

u8 *fake_user(u64 address)
{
	for (int i = 0; i < MAPPINGS; i++) {
		struct mapping *m = &mapping[i];
		u64 in = address - (u64)m->address;

		if (m->address && in < m->nr * PAGE_SIZE)
			return ram + (m->pfn[in / PAGE_SIZE] * PAGE_SIZE -
				      RAM_BASE) + in % PAGE_SIZE;
	}
	return NULL;
}

void fake_nt_uses(u64 machine, u64 size, bool uses)
{
	u64 first = (machine - RAM_BASE) / PAGE_SIZE;

	for (u64 f = first; f < first + size / PAGE_SIZE; f++) {
		if (uses && taken[f])
			die("NT uses what the driver has");
		nt_uses[f] = uses;
	}
}

/* Free pages, for SystemPerformanceInformation. */
u32 fake_available_pages(void);
u32 fake_available_pages(void)
{
	u32 n = 0;

	for (u64 f = 0; f < FRAMES; f++)
		n += !taken[f];
	return n;
}

__attribute__((constructor)) static void start(void)
{
	ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ram == MAP_FAILED)
		die("mmap");
}
