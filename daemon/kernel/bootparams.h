/* SPDX-License-Identifier: GPL-2.0 */
/*
 * struct boot_params, the "zero page": Documentation/arch/x86/zero-page.rst
 * and boot.rst.  Offsets of our own, so that no kernel header is needed.
 */
#ifndef DAEMON_KERNEL_BOOTPARAMS_H
#define DAEMON_KERNEL_BOOTPARAMS_H

#include <colinux/ioctl.h>
#include <colinux/layout.h>

#include "bzimage.h"

#define BOOT_PARAMS_SIZE COLINUX_PAGE_SIZE
/* Entries that fit in boot_params; more go through SETUP_E820_EXT. */
#define E820_ENTRIES 128

enum { E820_RAM = 1, E820_RESERVED = 2 };

struct e820_entry {
	uint64_t addr, size;
	uint32_t type;
};

/*
 * The memory map of a guest, sorted: its extents, with the port's regions at
 * the start of extent 0 reserved.  Always two entries or more: the kernel
 * does not believe in a shorter map.  malloc()ed, *nr entries; NULL with
 * error set when the extents are unusable.
 */
struct e820_entry *e820_build(const struct colinux_extent *extents,
			      unsigned int nr_extents, unsigned int *nr,
			      struct error *error);

struct boot_params_request {
	const struct bzimage *bzimage;
	const struct e820_entry *e820;
	unsigned int nr_e820;
	uint64_t cmdline_machine;
	uint64_t initrd_machine, initrd_size;
	uint64_t setup_data_machine;	/* where setup_data will be */
};

/* Bytes of setup_data that a map of nr entries needs; 0 = none. */
size_t boot_params_setup_data_size(unsigned int nr_e820);

/*
 * Fill a page with boot_params and, if there are many e820 entries,
 * setup_data of the size above.
 */
void boot_params_fill(const struct boot_params_request *request,
		      uint8_t page[BOOT_PARAMS_SIZE], uint8_t *setup_data);

#endif
