// SPDX-License-Identifier: GPL-2.0
/* Guest memory of a test: see guest_ram.h. */
#include <stdlib.h>

#include "../virtio/tap.h"
#include "guest_ram.h"

#define FIRST_SIZE (10u << 20)

void ram_init(struct guest_ram *ram, unsigned int nr)
{
	memset(ram, 0, sizeof(*ram));
	ram->nr = nr;
	for (unsigned int i = 0; i < nr; i++) {
		/* Every third below 4 GiB, and each below the one before. */
		uint64_t base = i % 3 == 2 ? 0x80000000 : 0x1240000000;

		ram->extents[i].machine = base - i * 0x600000ull;
		ram->extents[i].size = i ? 0x200000 : FIRST_SIZE;
		ram->size += ram->extents[i].size;
	}
	ram->ram = calloc(1, ram->size);
	if (!ram->ram)
		die("out of memory");
}

void ram_free(struct guest_ram *ram)
{
	free(ram->ram);
}

struct load_request ram_request(const struct guest_ram *ram,
				const struct blob *port, unsigned int levels)
{
	static const struct bytes initrds[] = {
		{ (const uint8_t *)"12345", 5 }, { (const uint8_t *)"abc", 3 },
	};

	return (struct load_request){
		.ram = ram->ram,
		.extents = ram->extents,
		.nr_extents = ram->nr,
		.levels = levels,
		.tsc_khz = 2500000,
		.pat = 0x1234,
		.nr_vcpus = 2,
		.nr_devices = 3,
		.cmdline = "user=1 -- init words",
		.colinux_init = true,
		.initrds = initrds,
		.nr_initrds = 2,
		.port = blob_bytes(port),
		.port_name = "port.o",
	};
}

const uint8_t *ram_machine(const struct guest_ram *ram, uint64_t machine)
{
	const uint8_t *start = ram->ram;

	for (unsigned int i = 0; i < ram->nr; i++) {
		const struct colinux_extent *e = &ram->extents[i];

		if (machine >= e->machine && machine - e->machine < e->size)
			return start + (machine - e->machine);
		start += e->size;
	}
	die("a machine address that is not the guest's");
}

const uint8_t *ram_virtual(const struct guest_ram *ram, uint64_t addr)
{
	if (addr < COLINUX_PORT_TEXT_VA ||
	    addr >= COLINUX_PORT_DATA_VA + COLINUX_PMD_SIZE)
		die("not an address of the port");
	return ram->ram + (addr - COLINUX_PORT_TEXT_VA);
}

const uint8_t *ram_kernel(const struct guest_ram *ram,
			  const struct fake_kernel *fake, const char *symbol)
{
	return ram->ram + COLINUX_KERNEL_OFFSET +
	       (fake_kernel_symbol(fake, symbol) - FAKE_TEXT);
}

bool ram_all(const struct guest_ram *ram, uint64_t offset, uint64_t length,
	     uint8_t value)
{
	for (uint64_t i = 0; i < length; i++)
		if (ram->ram[offset + i] != value)
			return false;
	return true;
}

bool ram_walk(const struct guest_ram *ram, uint64_t cr3, unsigned int levels,
	      uint64_t addr, uint64_t *machine)
{
	uint64_t table = cr3;

	for (unsigned int level = levels;; level--) {
		unsigned int shift = 12 + 9 * (level - 1);
		uint64_t entry = get64(ram_machine(ram, table) +
				       8 * (addr >> shift & 511));

		if (!(entry & 1))
			return false;
		table = entry & 0x000ffffffffff000ull;
		if (level == 2) {
			if (!(entry & 0x80) || !(entry & 2))
				die("not a writable large page");
			*machine = table + (addr & 0x1fffff);
			return true;
		}
	}
}

/* Entry i of the map, wherever it is. */
static bool get_entry(const struct guest_ram *ram, const uint8_t *params,
		      unsigned int i, uint64_t *addr, uint64_t *size,
		      uint32_t *type)
{
	const uint8_t *p;

	if (i < params[0x1e8]) {
		p = params + 0x2d0 + 20 * i;
	} else {
		uint64_t data = get64(params + 0x250);

		if (!data)
			return false;
		p = ram_machine(ram, data);
		i -= params[0x1e8];
		if (get64(p) || get32(p + 8) != 1 || i >= get32(p + 12) / 20)
			return false;
		p += 16 + 20 * i;
	}
	*addr = get64(p);
	*size = get64(p + 8);
	*type = get32(p + 16);
	return true;
}

bool ram_e820_matches(const struct guest_ram *ram, const uint8_t *params)
{
	uint64_t addr, size, last = 0, bytes = 0, reserved = 0;
	unsigned int i;
	uint32_t type;

	for (i = 0; get_entry(ram, params, i, &addr, &size, &type); i++) {
		bool known = false;

		if (addr < last)
			return false;
		last = addr + size;
		for (unsigned int e = 0; e < ram->nr; e++) {
			uint64_t start = ram->extents[e].machine;

			known |= addr >= start &&
				 addr + size <= start + ram->extents[e].size;
		}
		if (!known)
			return false;
		bytes += size;
		if (type == 2) {
			reserved += size;
			if (addr != ram->extents[0].machine)
				return false;
		}
	}
	return i == ram->nr + 1 && bytes == ram->size &&
	       reserved == COLINUX_KERNEL_OFFSET;
}
