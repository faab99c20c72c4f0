/* SPDX-License-Identifier: GPL-2.0 */
/* daemon/memory.c: the extent table. */
#include <errno.h>
#include <string.h>

#include "guest.h"
#include "tap.h"

static bool refused(const struct colinux_extent *table, size_t nr)
{
	struct guest_memory memory;
	struct error error = { "" };
	static uint8_t byte;

	if (!guest_memory_init(&memory, &byte, table, nr, &error)) {
		guest_memory_free(&memory);
		return false;
	}
	return error.text[0];
}

static void bad_tables(void)
{
	const struct colinux_extent overlap[] = { { 0x5000, 0x3000 },
						  { 0x4000, 0x2000 } };
	const struct colinux_extent twice[] = { { 0x5000, 0x1000 },
						{ 0x5000, 0x1000 } };
	const struct colinux_extent inside[] = { { 0x5000, 0x9000 },
						 { 0x6000, 0x1000 } };
	const struct colinux_extent empty[] = { { 0x5000, 0 } };
	const struct colinux_extent odd[] = { { 0x5001, 0x1000 } };
	const struct colinux_extent odd_size[] = { { 0x5000, 0x1800 } };
	const struct colinux_extent wraps[] = { { -0x1000ull, 0x2000 } };
	const struct colinux_extent sums[] = { { 0, 1ull << 63 },
					       { 1ull << 63, 1ull << 63 } };

	check(refused(NULL, 0), "no extents are refused");
	check(refused(overlap, 2), "overlapping extents are refused");
	check(refused(twice, 2), "the same extent twice is refused");
	check(refused(inside, 2), "an extent inside another is refused");
	check(refused(empty, 1), "an empty extent is refused");
	check(refused(odd, 1), "an unaligned extent is refused");
	check(refused(odd_size, 1), "an unaligned size is refused");
	check(refused(wraps, 1), "an extent that wraps is refused");
	check(refused(sums, 2), "a sum that wraps is refused");
}

static void lookups(struct guest *guest)
{
	struct guest_memory *memory = &guest->memory;
	uint8_t *ram = guest->ram;
	struct iovec iov[4];

	check(memory->size == RAM_SIZE && memory->nr_ranges == 5,
	      "neighbours in both orders are joined");
	check(guest_memory_pointer(memory, FIRST, 1) == ram, "first byte");
	check(guest_memory_pointer(memory, FIRST + 4 * MiB - 1, 1) ==
	      ram + 4 * MiB - 1, "last byte of an extent");
	check(guest_memory_pointer(memory, SIXTH - 16, 32) ==
	      ram + 12 * MiB - 16, "across joined extents");
	check(!guest_memory_pointer(memory, SECOND - 16, 32),
	      "no single pointer across scattered extents");
	check(!guest_memory_pointer(memory, THIRD - 1, 1) &&
	      !guest_memory_pointer(memory, SECOND + 2 * MiB, 1) &&
	      !guest_memory_pointer(memory, 0, 1) &&
	      !guest_memory_pointer(memory, HOLE, 1) &&
	      !guest_memory_pointer(memory, UINT64_MAX, 1),
	      "outside of guest RAM");
	check(!guest_memory_pointer(memory, FIRST, 0), "length 0");
	check(!guest_memory_pointer(memory, FIRST, UINT64_MAX) &&
	      !guest_memory_pointer(memory, FIRST + 1, UINT64_MAX),
	      "lengths that overflow");
	check(guest_memory_iovec(memory, SECOND - 16, 48, iov, 4) == 2 &&
	      iov[0].iov_base == ram + 8 * MiB - 16 && iov[0].iov_len == 16 &&
	      iov[1].iov_base == ram + 4 * MiB && iov[1].iov_len == 32,
	      "two pieces across scattered extents");
	check(guest_memory_iovec(memory, SECOND - 16, 48, iov, 1) == -E2BIG,
	      "more pieces than room");
	check(guest_memory_iovec(memory, FOURTH + 2 * MiB - 1, 2, iov, 4) ==
	      -EFAULT, "the end of an extent without neighbour");
	check(guest_memory_iovec(memory, FIRST, UINT64_MAX, iov, 4) ==
	      -EFAULT && guest_memory_iovec(memory, UINT64_MAX, 2, iov, 4) ==
	      -EFAULT && guest_memory_iovec(memory, FIRST, 0, iov, 4) ==
	      -EFAULT, "iovec lengths that overflow, and 0");
	check(guest_memory_at(memory, 0, RAM_SIZE) == ram &&
	      guest_memory_at(memory, RAM_SIZE - 1, 1) == ram + RAM_SIZE - 1 &&
	      !guest_memory_at(memory, RAM_SIZE, 1) &&
	      !guest_memory_at(memory, 1, RAM_SIZE) &&
	      !guest_memory_at(memory, 1, UINT64_MAX), "RAM offsets");
}

/* The slow and obvious way. */
static void *reference(const struct colinux_extent *table, size_t nr,
		       uint8_t *base, uint64_t machine)
{
	uint64_t offset = 0;
	size_t i;

	for (i = 0; i < nr; offset += table[i++].size)
		if (machine >= table[i].machine &&
		    machine - table[i].machine < table[i].size)
			return base + offset + (machine - table[i].machine);
	return NULL;
}

static void random_tables(void)
{
	static uint8_t base[64 * 4096];
	uint64_t state = 42, wrong = 0;

	for (int round = 0; round < 200; round++) {
		struct colinux_extent table[16];
		struct guest_memory memory;
		uint64_t machine = 0;
		size_t nr = 1 + next_random(&state) % 16;

		for (size_t i = 0; i < nr; i++) {
			machine += next_random(&state) % 3 * 4096;
			table[i].machine = machine;
			table[i].size = (1 + next_random(&state) % 4) * 4096;
			machine += table[i].size;
		}
		for (size_t i = nr; i > 1; i--) {
			size_t j = next_random(&state) % i;
			struct colinux_extent swap = table[j];

			table[j] = table[i - 1];
			table[i - 1] = swap;
		}
		if (guest_memory_init(&memory, base, table, nr, NULL)) {
			wrong++;
			continue;
		}
		for (int probe = 0; probe < 500; probe++) {
			uint64_t where = next_random(&state) % (machine + 8192);
			uint64_t length = 1 + next_random(&state) % 12000;
			struct iovec iov[16];
			int n = guest_memory_iovec(&memory, where, length, iov,
						   16);
			uint64_t k = 0;
			bool all = true;

			for (uint64_t b = 0; b < length; b += 64)
				all = all && reference(table, nr, base,
						       where + b);
			all = all && reference(table, nr, base,
					       where + length - 1);
			wrong += all != (n > 0);
			for (int i = 0; i < n; k += iov[i++].iov_len)
				wrong += iov[i].iov_base !=
					reference(table, nr, base, where + k);
			wrong += n > 0 && k != length;
		}
		guest_memory_free(&memory);
	}
	check(!wrong, "100,000 random lookups agree with a linear search");
}

int main(void)
{
	struct guest guest;

	bad_tables();
	guest_init(&guest);
	lookups(&guest);
	guest_exit(&guest);
	random_tables();
	return done();
}
