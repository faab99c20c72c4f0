// SPDX-License-Identifier: GPL-2.0
/*
 * Does what no guest may do, as far as it harms nobody: the plugin's test must
 * see each of it.  Port 0x80 is the diagnostic port, which nobody reads.
 */
#include "guest.h"

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
	check(true, "did it");
}
