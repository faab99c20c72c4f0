// SPDX-License-Identifier: GPL-2.0
/* The intermediate page table, walked as the CPU would walk it. */
#include "vm_fixture.h"

#define PRESENT		1ull
#define WRITE		2ull
#define USER		4ull
#define LARGE		0x80ull
#define NX		(1ull << 63)
#define ADDRESS		0x000ffffffffff000ull

/* Machine address of `va`, ~0 when there is none. Tables are where they say. */
static u64 walk(const struct page_pool *pool, u64 va, u32 levels)
{
	const u64 *table = ptr_at(pool->root);

	for (u32 level = levels;; level--) {
		u64 e = table[va >> (12 + 9 * (level - 1)) & 511];

		if (!(e & PRESENT) || !(e & WRITE) || (e & (USER | NX)))
			return ~0ull;
		if (level == 1)
			return (e & ADDRESS) | (va & 4095);
		if (e & LARGE)
			return ~0ull;
		table = ptr_at(e & ADDRESS);
	}
}

/* Number of pages that are mapped. */
static u32 leaves(u64 machine, u32 level)
{
	const u64 *table = ptr_at(machine);
	u32 n = 0;

	for (u32 i = 0; i < 512; i++)
		if (table[i] & PRESENT)
			n += level == 1 ? 1 : leaves(table[i] & ADDRESS,
						     level - 1);
	return n;
}

static void depth(u32 levels)
{
	static const u64 vas[] = {
		0xffffffffc0400000,	/* module space */
		0xffffffffc0401000,
		0xff11000012345000,	/* a five-level direct map */
		0xffff888000000000,
		COLINUX_PORT_TEXT_VA,
		COLINUX_VCPU_AREA_VA(63ull),
		0xfffffffffffff000,
	};
	const u32 n = sizeof(vas) / sizeof(vas[0]);
	struct page_pool pool;
	bool ok = true;

	fake_reset();
	if (levels == 5)
		fake_cpu.cr4 |= CR4_LA57;
	check(page_pool_init(&pool) == 0 && pool.levels == levels,
	      "%u levels", levels);
	for (u32 i = 0; i < n; i++)
		ok &= page_pool_map(&pool, vas[i], 0x10000000 + i * 4096) == 0;
	for (u32 i = 0; i < n; i++)
		ok &= walk(&pool, vas[i] + 5, levels) ==
		      0x10000005 + i * 4096;
	check(ok && leaves(pool.root, levels) == n,
	      "every page is mapped, writable, supervisor, executable");
	check(walk(&pool, 0xffffffffc0402000, levels) == ~0ull &&
		      walk(&pool, 0x1000, levels) == ~0ull,
	      "and no other");
	check(page_pool_map(&pool, vas[0], 0x10000000) == 0,
	      "the same page again");
	check(page_pool_map(&pool, vas[0], 0x20000000) == -CO_EEXIST,
	      "another page at the same place: EEXIST");
	page_pool_free(&pool);
	check(!fake_host.allocated, "all tables given back");
	page_pool_free(&pool);
	check(!fake_host.allocated && !fake_host.violations, "twice is fine");
}

static void limits(void)
{
	struct page_pool pool;
	int err = 0;

	fake_reset();
	page_pool_init(&pool);
	for (u64 i = 0; !err && i < 100; i++)
		err = page_pool_map(&pool, i << 39, 0x1000);
	check(err == -CO_E2BIG && pool.nr == PAGE_POOL_MAX,
	      "more tables than there is room for: E2BIG");
	page_pool_free(&pool);

	for (int fail = 1; fail <= 4; fail++) {
		fake_reset();
		fake_host.fail_at = fail;
		err = page_pool_init(&pool);
		if (!err)
			err = page_pool_map(&pool, 0x1000, 0x1000);
		page_pool_free(&pool);
		check(err == -CO_ENOMEM && !fake_host.allocated,
		      "allocation %d fails: ENOMEM", fail);
	}
}

/* What vcpu_create() maps is what the passage needs. */
static void of_a_vcpu(void)
{
	struct vm *vm = new_vm(2);
	struct vcpu *v = vm->vcpus[1];

	check(walk(&v->tables, COLINUX_PORT_TEXT_VA, 4) == FAKE_MACHINE &&
		      walk(&v->tables, COLINUX_VCPU_AREA_VA(1ull), 4) ==
			      v->area_machine &&
		      walk(&v->tables, addr_of(v->side), 4) ==
			      v->side_machine &&
		      walk(&v->tables, addr_of(colinux_passage_page), 4) ==
			      FAKE_CODE,
	      "a vCPU's table maps both copies of the passage, both sides");
	check(leaves(v->tables.root, 4) == 4, "and nothing else");
	check(v->side->inter_cr3 == v->tables.root &&
		      v->area->side.inter_cr3 == v->tables.root &&
		      v->side->peer == COLINUX_VCPU_AREA_VA(1ull) &&
		      v->area->side.peer == addr_of(v->side),
	      "both sides know it and each other");
	check(v->side->passage_idtr.limit == 19 * 16 - 1 &&
		      v->side->passage_gdtr.limit == 32 * 8 - 1 &&
		      v->area->side.passage_gdtr.base ==
			      COLINUX_VCPU_AREA_VA(1ull) +
				      __builtin_offsetof(struct colinux_side,
							 gdt),
	      "the passage's own descriptor tables");
	end_vm(vm, "page table");
}

int main(void)
{
	depth(4);
	depth(5);
	limits();
	of_a_vcpu();
	return done();
}
