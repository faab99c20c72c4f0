// SPDX-License-Identifier: GPL-2.0
/* boot_params and the e820 map: see bootparams.h. */
#include <inttypes.h>
#include <stdlib.h>

#include "bootparams.h"

/* Offsets in struct boot_params. */
#define EXT_RAMDISK_IMAGE 0x0c0
#define EXT_RAMDISK_SIZE 0x0c4
#define EXT_CMD_LINE_PTR 0x0c8
#define E820_COUNT 0x1e8
#define TYPE_OF_LOADER 0x210
#define LOADFLAGS 0x211
#define RAMDISK_IMAGE 0x218
#define RAMDISK_SIZE 0x21c
#define CMD_LINE_PTR 0x228
#define HARDWARE_SUBARCH 0x23c
#define SETUP_DATA 0x250
#define E820_TABLE 0x2d0
#define E820_SIZE 20

#define LOADER_UNDEFINED 0xff
#define LOADED_HIGH 0x01
/* Set by the decompressor that we skip; also randomises the direct map. */
#define KASLR_FLAG 0x02
/*
 * X86_SUBARCH_CE4100: no RTC, i8042 and PnP BIOS (platform-quirks.c), and
 * nothing else on 64-bit.
 */
#define SUBARCH_CE4100 4
#define SETUP_E820_EXT 1
#define SETUP_DATA_HEADER 16

#define PORT_SIZE COLINUX_KERNEL_OFFSET

static int compare_entries(const void *a, const void *b)
{
	const struct e820_entry *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

struct e820_entry *e820_build(const struct colinux_extent *extents,
			      unsigned int nr_extents, unsigned int *nr,
			      struct error *error)
{
	struct e820_entry *map = calloc(nr_extents + 1, sizeof(*map));
	unsigned int used = 0;

	if (!map) {
		error_set(error, "out of memory for the memory map");
		return NULL;
	}
	if (!nr_extents || extents[0].size <= PORT_SIZE) {
		error_set(error, "guest memory: the first extent is too small");
		goto fail;
	}
	for (unsigned int i = 0; i < nr_extents; i++) {
		uint64_t addr = extents[i].machine, size = extents[i].size;

		if (addr % COLINUX_PMD_SIZE || size % COLINUX_PMD_SIZE ||
		    !size || addr + size < addr) {
			error_set(error, "guest memory: extent %u (0x%" PRIx64
				  ", %" PRIu64 " bytes) is not in units of "
				  "2 MiB", i, addr, size);
			goto fail;
		}
		if (i == 0) {
			map[used++] = (struct e820_entry){ addr, PORT_SIZE,
							   E820_RESERVED };
			addr += PORT_SIZE;
			size -= PORT_SIZE;
		}
		map[used++] = (struct e820_entry){ addr, size, E820_RAM };
	}
	qsort(map, used, sizeof(*map), compare_entries);
	for (unsigned int i = 1; i < used; i++) {
		if (map[i - 1].addr + map[i - 1].size > map[i].addr) {
			error_set(error, "guest memory: extents overlap at "
				  "0x%" PRIx64, map[i].addr);
			goto fail;
		}
	}
	*nr = used;
	return map;
fail:
	free(map);
	return NULL;
}

size_t boot_params_setup_data_size(unsigned int nr_e820)
{
	if (nr_e820 <= E820_ENTRIES)
		return 0;
	return SETUP_DATA_HEADER + (size_t)(nr_e820 - E820_ENTRIES) * E820_SIZE;
}

static void put_e820(uint8_t *p, const struct e820_entry *entry)
{
	put64(p, entry->addr);
	put64(p + 8, entry->size);
	put32(p + 16, entry->type);
}

void boot_params_fill(const struct boot_params_request *r,
		      uint8_t page[BOOT_PARAMS_SIZE], uint8_t *setup_data)
{
	unsigned int here = r->nr_e820 < E820_ENTRIES ? r->nr_e820
						      : E820_ENTRIES;
	size_t more = boot_params_setup_data_size(r->nr_e820);

	memset(page, 0, BOOT_PARAMS_SIZE);
	memcpy(page + SETUP_HEADER_OFFSET, r->bzimage->header,
	       r->bzimage->header_size);
	page[TYPE_OF_LOADER] = LOADER_UNDEFINED;
	page[LOADFLAGS] = (page[LOADFLAGS] | LOADED_HIGH) & ~KASLR_FLAG;
	put32(page + HARDWARE_SUBARCH, SUBARCH_CE4100);
	put32(page + CMD_LINE_PTR, r->cmdline_machine);
	put32(page + EXT_CMD_LINE_PTR, r->cmdline_machine >> 32);
	put32(page + RAMDISK_IMAGE, r->initrd_machine);
	put32(page + EXT_RAMDISK_IMAGE, r->initrd_machine >> 32);
	put32(page + RAMDISK_SIZE, r->initrd_size);
	put32(page + EXT_RAMDISK_SIZE, r->initrd_size >> 32);

	page[E820_COUNT] = here;
	for (unsigned int i = 0; i < here; i++)
		put_e820(page + E820_TABLE + i * E820_SIZE, &r->e820[i]);
	if (!more)
		return;
	put64(page + SETUP_DATA, r->setup_data_machine);
	put64(setup_data, 0);	/* the last one */
	put32(setup_data + 8, SETUP_E820_EXT);
	put32(setup_data + 12, more - SETUP_DATA_HEADER);
	for (unsigned int i = here; i < r->nr_e820; i++)
		put_e820(setup_data + SETUP_DATA_HEADER +
				 (size_t)(i - here) * E820_SIZE, &r->e820[i]);
}
