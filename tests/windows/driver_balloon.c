// SPDX-License-Identifier: GPL-2.0
/*
 * RELEASE and RECLAIM of host/windows/ against the fake NT: which frames go and
 * come, what the process sees, whatever fails.
 */
#include <stdio.h>
#include <string.h>
#include "driver_test.h"
#include "tap.h"

#define BLOCK		COLINUX_PMD_SIZE
#define BLOCKS_MAX	32

static int range(FILE_OBJECT *file, u32 function, u64 offset, u64 size)
{
	struct colinux_range r = { .offset = offset, .size = size };

	return call(file, function, &r);
}

static int release(FILE_OBJECT *file, u64 offset, u64 size)
{
	return range(file, COLINUX_IOC_RELEASE, offset, size);
}

static int reclaim(FILE_OBJECT *file, u64 offset, u64 size)
{
	return range(file, COLINUX_IOC_RECLAIM, offset, size);
}

/* Extents of a VM and where its memory is mapped. */
struct ram {
	FILE_OBJECT *file;
	struct colinux_extent extent[64];
	u32 nr;
	u64 base;
};

static void map_ram(struct ram *ram)
{
	struct colinux_map map = { 0 };

	if (call(ram->file, COLINUX_IOC_MAP, &map))
		die("MAP");
	ram->base = map.address;
}

static void open_ram(struct ram *ram)
{
	struct colinux_get_extents get = {
		.table = (u64)ram->extent, .nr = 64,
	};

	ram->file = open_vm();
	if (call(ram->file, COLINUX_IOC_GET_EXTENTS, &get))
		die("GET_EXTENTS");
	ram->nr = get.nr;
	map_ram(ram);
}

/* Two blocks of an extent that can be released, from the end of RAM down. */
static u64 two_blocks(const struct ram *ram)
{
	u64 end = 64 * MB;

	for (u32 i = ram->nr; i--; end -= ram->extent[i].size)
		if (ram->extent[i].size >= 2 * BLOCK)
			return end - 2 * BLOCK;
	die("no extent of 4 MiB");
}

static u64 machine_of(const struct ram *ram, u64 offset)
{
	u32 i = 0;

	while (offset >= ram->extent[i].size)
		offset -= ram->extent[i++].size;
	return ram->extent[i].machine + offset;
}

static bool all_bytes(u64 address, u8 value)
{
	for (u64 i = 0; i < BLOCK; i++)
		if (*fake_user(address + i) != value)
			return false;
	return true;
}

static void fill_bytes(u64 address, u8 value)
{
	for (u64 i = 0; i < BLOCK; i += PAGE_SIZE)
		memset(fake_user(address + i), value, PAGE_SIZE);
}

/* Every block is released that came by itself, and comes back. */
static void all_blocks(u32 version)
{
	bool gone[BLOCKS_MAX] = { false };
	int frames, released = 0, busy = 0, other = 0, wrong = 0;
	struct ram ram;

	open_ram(&ram);
	frames = counts.frames;
	for (u64 i = 0; i < BLOCKS_MAX; i++) {
		int err = release(ram.file, i * BLOCK, BLOCK);

		gone[i] = !err;
		released += !err;
		busy += err == -16;
		other += err && err != -16;
	}
	/*
	 * The chunk with the image's 20 MiB is one of 32; the port may be in
	 * what lies before it.
	 */
	check(released + busy == 30 && other == 2 &&
		      (version < 0x601 ? !busy : busy >= 14 && busy <= 16),
	      "%x: RELEASE of all but the port, and but the image's chunk (%d, "
	      "%d, %d)", version, released, busy, other);
	/* One is the spare page. */
	check(counts.frames == frames - released * 512 + 1,
	      "%x: NT has their frames", version);
	for (u64 i = 0; i < BLOCKS_MAX; i++)
		if (gone[i])
			fill_bytes(ram.base + i * BLOCK, 0x77);
	for (u64 i = 0; i < BLOCKS_MAX; i++)
		wrong += gone[i] && (release(ram.file, i * BLOCK, BLOCK) != -22 ||
				     reclaim(ram.file, i * BLOCK, BLOCK));
	check(!wrong, "%x: twice is EINVAL; RECLAIM", version);
	for (u64 i = 2; i < BLOCKS_MAX; i++) {
		wrong += !all_bytes(ram.base + i * BLOCK, 0);
		wrong += reclaim(ram.file, i * BLOCK, BLOCK) != -22;
		fill_bytes(ram.base + i * BLOCK, (u8)i);
	}
	for (u64 i = 2; i < BLOCKS_MAX; i++)
		wrong += !all_bytes(ram.base + i * BLOCK, (u8)i);
	check(!wrong && counts.frames == frames + 1,
	      "%x: they are back, zeroed, each at its place", version);
	close_device(ram.file);
}

static void parts(u32 version)
{
	struct ram ram;
	FILE_OBJECT *file;
	u64 at, frames;

	open_ram(&ram);
	file = ram.file;
	at = two_blocks(&ram);
	check(release(file, 0, BLOCK) == -22 &&
		      release(file, 64 * MB, BLOCK) == -22 &&
		      release(file, at, BLOCK / 2) == -22 &&
		      release(file, at + PAGE_SIZE, BLOCK) == -22 &&
		      release(file, at, 0) == -22 &&
		      release(file, at, (u64)-1 & ~(BLOCK - 1)) == -22,
	      "%x: wrong ranges", version);
	check(ram.nr < 2 || release(file, ram.extent[0].size - BLOCK,
				    2 * BLOCK) == -22,
	      "%x: in two extents", version);
	frames = (u64)counts.frames;
	fill_bytes(ram.base + at, 0x11);
	check(!release(file, at + BLOCK, BLOCK) &&
		      release(file, at, 2 * BLOCK) == -22 &&
		      reclaim(file, at, 2 * BLOCK) == -22 &&
		      all_bytes(ram.base + at, 0x11),
	      "%x: half of it is gone: not once more", version);
	check(!release(file, at, BLOCK) &&
		      (u64)counts.frames == frames + 1 - 1024,
	      "%x: the other half", version);
	/* NT has something in the last frame, and does not move it. */
	fake_nt_uses(machine_of(&ram, at + 2 * BLOCK - PAGE_SIZE), PAGE_SIZE,
		     true);
	check(reclaim(file, at, 2 * BLOCK) == -16 &&
		      (u64)counts.frames == frames + 1 - 1024,
	      "%x: one frame is not to be had: EBUSY, and none is taken",
	      version);
	*fake_user(ram.base + at) = 0x22;
	check(*fake_user(ram.base + at + BLOCK) == 0x22,
	      "%x: the spare page is there still", version);
	fake_nt_uses(machine_of(&ram, at), BLOCK, true);
	check(reclaim(file, at, BLOCK) == -16, "%x: nor all of them", version);
	fake_nt_uses(machine_of(&ram, at), 2 * BLOCK, false);
	self->terminating = true;
	check(reclaim(file, at, 2 * BLOCK) == -4,
	      "%x: the thread ends: EINTR", version);
	self->terminating = false;
	fake.reactos = version < 0x600;
	fake.ignores_chunks = true;
	check(!reclaim(file, at, 2 * BLOCK) && all_bytes(ram.base + at, 0) &&
		      all_bytes(ram.base + at + BLOCK, 0),
	      "%x: now they are back, zeroed", version);
	fake.reactos = fake.ignores_chunks = false;
	close_device(file);
	check(!counts.frames && !counts.mappings, "%x: all goes", version);
}

/* Gone before it is mapped; the end of process, handle and driver with it. */
static void ends_without(u32 version)
{
	struct ram ram;
	FILE_OBJECT *file;
	u64 at;

	open_ram(&ram);
	at = two_blocks(&ram);
	close_device(ram.file);
	file = ram.file = open_vm();
	check(!release(file, at, 2 * BLOCK), "%x: RELEASE before MAP", version);
	map_ram(&ram);
	*fake_user(ram.base + at) = 0x33;
	check(*fake_user(ram.base + at + BLOCK + PAGE_SIZE) == 0x33,
	      "%x: MAP shows the spare page", version);
	fake_process_ends(self->process);
	check(release(file, 8 * MB, BLOCK) == -19 && counts.mappings == 1,
	      "%x: the process ends: no call, no mapping any more", version);
	close_device(file);
	check(!counts.frames && !counts.mappings && !counts.mdls,
	      "%x: a VM with a hole goes", version);
}

static void range_fails(u32 version, u32 function)
{
	bool out = function == COLINUX_IOC_RELEASE;
	struct fake_counts before;
	struct ram ram;
	int n, err, failed = 0, wrong = 0;
	u64 at;

	open_ram(&ram);
	at = two_blocks(&ram);
	if (!out && release(ram.file, at, 2 * BLOCK))
		die("RELEASE");
	for (n = 1; n < MAX_FAILURES; n++) {
		before = counts;
		fail_in(n);
		err = range(ram.file, function, at, 2 * BLOCK);
		if (failable_calls() < n)
			break;
		fail_in(0);
		/* It could do without? */
		if (!err && range(ram.file, out ? COLINUX_IOC_RECLAIM :
						  COLINUX_IOC_RELEASE,
				  at, 2 * BLOCK))
			die("the way back");
		failed += err != 0;
		/* The spare page may be there now. */
		if (counts.frames == before.frames + 1) {
			before.frames++;
			before.pool++;
		}
		wrong += (err && err != -12 && err != -16) ||
			 memcmp(&before, &counts, sizeof(counts)) != 0;
	}
	fail_in(0);
	check(!err && failed > 1 && n < MAX_FAILURES && !wrong &&
		      !last_vm->killed,
	      "%x: each of %d calls of %s may fail, and changes nothing",
	      version, n - 1, out ? "RELEASE" : "RECLAIM");
	close_device(ram.file);
}

/* Another thread takes the room in which a block was. */
static void torn(u32 version)
{
	struct ram ram;
	u64 at;

	open_ram(&ram);
	at = two_blocks(&ram);
	fake.mappings_refused = 1;
	check(release(ram.file, at, 2 * BLOCK) == -12 && !last_vm->killed &&
		      fake_user(ram.base + at),
	      "%x: the spare page has no room: all is as it was", version);
	fake.mappings_refused = 2;
	check(release(ram.file, at, BLOCK) == -12 && last_vm->killed &&
		      strstr(last_vm->reason, "lost a place"),
	      "%x: nor the block any more: the VM ends", version);
	fake.mappings_refused = 0;
	check(!fake_user(ram.base + at) && fake_user(ram.base + at + BLOCK),
	      "%x: nothing of it is where others may be", version);
	close_device(ram.file);

	open_ram(&ram);
	if (release(ram.file, at, 2 * BLOCK))
		die("RELEASE");
	fake.mappings_refused = 2;
	check(reclaim(ram.file, at, 2 * BLOCK) == -12 && last_vm->killed,
	      "%x: RECLAIM likewise", version);
	fake.mappings_refused = 0;
	close_device(ram.file);
}

void balloon(u32 version)
{
	start_driver(version);
	all_blocks(version);
	parts(version);
	ends_without(version);
	range_fails(version, COLINUX_IOC_RELEASE);
	range_fails(version, COLINUX_IOC_RECLAIM);
	torn(version);
	unload_driver();
	check(nothing_left(), "%x: the balloon leaves nothing", version);
}
