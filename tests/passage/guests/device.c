// SPDX-License-Identifier: GPL-2.0
/*
 * Does what no guest may do, as far as it harms nobody: the plugin's test must
 * see each of it.  Port 0x80 is the diagnostic port, which nobody reads.
 */
#include "own.h"

#define APIC		0xfee00000ull
#define UNCACHED_2M	0x93ull		/* present, writable, PCD, large */
#define APIC_ID		0x20
#define VIEW		(COLINUX_PORT_DATA_VA + COLINUX_PMD_SIZE)

/* Read a register of the host's interrupt controller through its memory. */
static void read_apic(void)
{
	uint64_t tables = read_cr4() & CR4_LA57 ? 3 : 2;
	uint64_t *last = (uint64_t *)(COLINUX_PORT_DATA_VA + FREE_OFFSET +
				      tables * COLINUX_PAGE_SIZE);

	set_up_user_paging();
	last[VIEW >> 21 & 511] = APIC | UNCACHED_2M;
	note("APIC ID register:", *(volatile uint32_t *)(VIEW + APIC_ID));
}

static void guest_main(void)
{
	uint64_t v;
	uint8_t byte;

	__asm__ volatile("inb $0x80, %0" : "=a"(byte));
	__asm__ volatile("outb %0, %%dx" ::"a"(byte), "d"((uint16_t)0x80));
	__asm__ volatile("wbinvd");
	__asm__ volatile("mov %%cr8, %0; mov %0, %%cr8" : "=r"(v));
	wrmsr(0x277, rdmsr(0x277));	/* PAT, the value that it has */
	wrmsr(0xc0000082, 0);		/* allowed: LSTAR */
	read_apic();
	check(true, "did it");
}
