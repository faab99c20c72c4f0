/* SPDX-License-Identifier: GPL-2.0 */
/*
 * THE map of what coLinux owns inside a guest: guest RAM offsets on the left,
 * guest virtual addresses on the right.  Both sides of the passage, the driver
 * and the loader take every address from here.
 *
 * Guest RAM is a list of machine-physical extents.  An *offset* is a position
 * in their concatenation; extent 0 starts at a 2 MiB boundary and is big
 * enough for the port and the kernel image.
 *
 *  offset in RAM                      guest virtual address
 *  0x0000000  +--------------------+  COLINUX_PORT_TEXT_VA  (RX, 2 MiB)
 *             | passage code page  |    + 0x0000   written by the driver
 *             | port .text .rodata |    + 0x1000   written by the loader
 *  0x0200000  +--------------------+  COLINUX_PORT_DATA_VA  (RW NX, 2 MiB)
 *             | boot information   |    + 0x000000 one page, struct colinux_boot_info
 *             | port .data .bss    |    + 0x001000
 *             | vCPU areas         |    + 0x080000 64 x 8 KiB, struct colinux_vcpu_area
 *             | device pages       |    + 0x100000 64 x 4 KiB, struct colinux_device_page
 *             | port heap          |    + 0x140000 the port's own use
 *  0x0400000  +--------------------+
 *             | kernel image ...   |  at its linked address (0xffffffff81000000)
 *
 * The two 2 MiB pages are entries 508 and 509 of the kernel's static
 * level2_fixmap_pgt (arch/x86/kernel/head_64.S), which nothing else uses, and
 * they are in the page tables of the very first CR3 as well.
 */
#ifndef COLINUX_LAYOUT_H
#define COLINUX_LAYOUT_H

#define COLINUX_PAGE_SIZE		0x1000
#define COLINUX_PMD_SIZE		0x200000

#define COLINUX_PORT_TEXT_VA		0xffffffffff800000
#define COLINUX_PORT_DATA_VA		0xffffffffffa00000
#define COLINUX_PORT_TEXT_INDEX		508	/* in level2_fixmap_pgt */
#define COLINUX_PORT_DATA_INDEX		509

#define COLINUX_PORT_TEXT_OFFSET	0x000000	/* in guest RAM */
#define COLINUX_PORT_DATA_OFFSET	0x200000
#define COLINUX_KERNEL_OFFSET		0x400000

/* Inside the text region. */
#define COLINUX_PASSAGE_PAGE		0x0000
#define COLINUX_PORT_LINK_TEXT		0x1000

/* Inside the data region. */
#define COLINUX_BOOT_INFO		0x000000
#define COLINUX_PORT_LINK_DATA		0x001000
#define COLINUX_VCPU_AREAS		0x080000
#define COLINUX_VCPU_AREA_SIZE		0x2000
#define COLINUX_MAX_VCPUS		64
#define COLINUX_DEVICE_PAGES		0x100000
#define COLINUX_MAX_DEVICES		64
#define COLINUX_PORT_HEAP		0x140000
#define COLINUX_PORT_HEAP_SIZE		0x0c0000

/* Guest virtual address of the area of vCPU n. */
#define COLINUX_VCPU_AREA_VA(n) \
	(COLINUX_PORT_DATA_VA + COLINUX_VCPU_AREAS + \
	 (n) * COLINUX_VCPU_AREA_SIZE)
/* Guest virtual address of the page of device n. */
#define COLINUX_DEVICE_PAGE_VA(n) \
	(COLINUX_PORT_DATA_VA + COLINUX_DEVICE_PAGES + \
	 (n) * COLINUX_PAGE_SIZE)

#endif
