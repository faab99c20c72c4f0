/* SPDX-License-Identifier: GPL-2.0 */
/* Guest memory of a test, and looking into it as the CPU would. */
#ifndef KERNEL_TEST_GUEST_RAM_H
#define KERNEL_TEST_GUEST_RAM_H

#include "../../../daemon/kernel/kernel.h"
#include "fake_kernel.h"

#define RAM_EXTENTS_MAX 256

struct guest_ram {
	uint8_t *ram;
	size_t size;
	struct colinux_extent extents[RAM_EXTENTS_MAX];
	unsigned int nr;
};

/* nr extents, out of order, some above 4 GiB; the first has 10 MiB. */
void ram_init(struct guest_ram *ram, unsigned int nr);
void ram_free(struct guest_ram *ram);

/* A complete request for that memory. */
struct load_request ram_request(const struct guest_ram *ram,
				const struct blob *port, unsigned int levels);

/* Where a machine address, a port address or a kernel symbol is. */
const uint8_t *ram_machine(const struct guest_ram *ram, uint64_t machine);
const uint8_t *ram_virtual(const struct guest_ram *ram, uint64_t addr);
const uint8_t *ram_kernel(const struct guest_ram *ram,
			  const struct fake_kernel *fake, const char *symbol);

/* Are `length` bytes at an offset all of one value? */
bool ram_all(const struct guest_ram *ram, uint64_t offset, uint64_t length,
	     uint8_t value);

/* Walk page tables; false = not mapped. */
bool ram_walk(const struct guest_ram *ram, uint64_t cr3, unsigned int levels,
	      uint64_t addr, uint64_t *machine);

/* Does the e820 map of boot_params describe this memory? */
bool ram_e820_matches(const struct guest_ram *ram, const uint8_t *params);

#endif
