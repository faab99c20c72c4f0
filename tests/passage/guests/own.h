/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For guests that bring tables of their own, as a real kernel does: a GDT, a
 * TSS with interrupt stacks, an LDT, page tables that let CPL 3 in.  CS and SS
 * keep the selectors that the guest was entered with.
 */
#ifndef TEST_OWN_H
#define TEST_OWN_H

#include "guest.h"

/* Selectors (the host's kernel and user code segments are below). */
#define SEL_DATA	0x48
#define SEL_DATA2	0x50
#define SEL_USER_DATA	0x5b	/* RPL 3 */
#define SEL_USER_CODE	0x63
#define SEL_TSS		0x70	/* two entries */
#define SEL_LDT		0x80	/* two entries */
#define SEL_IN_LDT	0x0c	/* entry 1 of the LDT */

/* Descriptors (SDM vol. 3, 3.4.5), accessed bit set. */
#define DESC_CODE	0x00af9b000000ffffull
#define DESC_DATA	0x00cf93000000ffffull
#define DESC_USER_CODE	0x00affb000000ffffull
#define DESC_USER_DATA	0x00cff3000000ffffull
#define TSS_BUSY	(1ull << 41)

#define IST_NMI		1
#define IST_IRQ		2

static uint64_t own_gdt[32] __attribute__((aligned(64)));
static uint64_t own_ldt[4] __attribute__((aligned(64)));
static uint8_t own_tss[104] __attribute__((aligned(64)));

struct dtr {
	uint16_t pad[3], limit;
	uint64_t base;
};

static void system_descriptor(unsigned int selector, const void *base,
			      uint64_t limit, uint64_t type)
{
	uint64_t b = (uint64_t)base;

	own_gdt[selector >> 3] = limit | (b & 0xffffff) << 16 |
				 (0x80 | type) << 40 | (b >> 24 & 0xff) << 56;
	own_gdt[(selector >> 3) + 1] = b >> 32;
}

/* Interrupt and entry stacks lie within vCPU 0's stack: see vcpu_id(). */
static void set_stack(unsigned int offset, unsigned int nr)
{
	*(uint64_t *)(own_tss + offset) = STACK_TOP(0) - 0x1000 * nr;
}

/* Load GDT, TSS and, if wanted, LDT. */
static inline void set_up_segments(bool ldt)
{
	struct dtr gdtr = { .limit = sizeof(own_gdt) - 1,
			    .base = (uint64_t)own_gdt };
	uint16_t cs, ss;

	__asm__("mov %%cs, %0" : "=r"(cs));
	__asm__("mov %%ss, %0" : "=r"(ss));
	own_gdt[cs >> 3] = DESC_CODE;
	if (ss >> 3)
		own_gdt[ss >> 3] = DESC_DATA;
	own_gdt[SEL_DATA >> 3] = DESC_DATA;
	own_gdt[SEL_DATA2 >> 3] = DESC_DATA;
	own_gdt[SEL_USER_DATA >> 3] = DESC_USER_DATA;
	own_gdt[SEL_USER_CODE >> 3] = DESC_USER_CODE;
	own_ldt[1] = DESC_DATA;
	set_stack(4, 1);			/* RSP0 */
	set_stack(36 + 8 * (IST_NMI - 1), 2);
	set_stack(36 + 8 * (IST_IRQ - 1), 3);
	*(uint16_t *)(own_tss + 102) = sizeof(own_tss);	/* no I/O bitmap */
	system_descriptor(SEL_TSS, own_tss, sizeof(own_tss) - 1, 9);
	system_descriptor(SEL_LDT, own_ldt, sizeof(own_ldt) - 1, 2);
	__asm__ volatile("lgdt %0" ::"m"(gdtr.limit) : "memory");
	__asm__ volatile("ltr %w0" ::"r"(SEL_TSS) : "memory");
	if (ldt)
		__asm__ volatile("lldt %w0" ::"r"(SEL_LDT) : "memory");
}

/* Have a vector arrive on one of the TSS's stacks. */
static inline __attribute__((unused)) void use_stack(unsigned int vector,
						     uint64_t ist)
{
	idt[2 * vector] |= ist << 32;
}

#define PAGE_USER_2M	0x87ull	/* present, writable, user, large */
#define CR4_LA57	(1ull << 12)

/* Page tables like the runner's, open to CPL 3; at FREE_OFFSET of our data. */
static inline __attribute__((unused)) void set_up_user_paging(void)
{
	uint64_t va = COLINUX_PORT_DATA_VA + FREE_OFFSET;
	uint64_t machine = BOOT->data_machine + FREE_OFFSET;
	uint64_t root = machine;
	int levels = (read_cr4() & CR4_LA57) ? 5 : 4;

	for (int level = levels; level > 2; level--) {
		uint64_t *table = (uint64_t *)va;
		uint64_t index = COLINUX_PORT_TEXT_VA >>
				 (12 + 9 * (level - 1)) & 511;

		va += COLINUX_PAGE_SIZE;
		machine += COLINUX_PAGE_SIZE;
		table[index] = machine | 7;
	}
	((uint64_t *)va)[COLINUX_PORT_TEXT_VA >> 21 & 511] =
		BOOT->port_machine | PAGE_USER_2M;
	((uint64_t *)va)[COLINUX_PORT_DATA_VA >> 21 & 511] =
		BOOT->data_machine | PAGE_USER_2M;
	__asm__ volatile("mov %0, %%cr3" ::"r"(root) : "memory");
}

#endif
