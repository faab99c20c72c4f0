// SPDX-License-Identifier: GPL-2.0
/*
 * Offsets for passage.S, taken from the C structures.  Compiled to assembly
 * text only; scripts/offsets turns the marked lines into a header.  gcc and
 * mingw must give the same header (a check in `make check`).
 */
#include <colinux/passage.h>

#define OFFSET(name, member)                                        \
	__asm__ volatile("\n#define " name " %c0" ::"i"(            \
		__builtin_offsetof(struct colinux_side, member)))

void offsets(void);
void offsets(void)
{
	OFFSET("SIDE_RSP", rsp);
	OFFSET("SIDE_CR0", cr0);
	OFFSET("SIDE_CR2", cr2);
	OFFSET("SIDE_CR3", cr3);
	OFFSET("SIDE_CR4", cr4);
	OFFSET("SIDE_GS_BASE", gs_base);
	OFFSET("SIDE_DR7", dr7);
	OFFSET("SIDE_DS", ds);
	OFFSET("SIDE_ES", es);
	OFFSET("SIDE_FS", fs);
	OFFSET("SIDE_GS", gs);
	OFFSET("SIDE_SS", ss);
	OFFSET("SIDE_TR", tr);
	OFFSET("SIDE_LDTR", ldtr);
	OFFSET("SIDE_RELOAD", reload);
	OFFSET("SIDE_GDTR", gdtr.limit);
	OFFSET("SIDE_GDT_BASE", gdtr.base);
	OFFSET("SIDE_IDTR", idtr.limit);
	OFFSET("SIDE_PASSAGE_GDTR", passage_gdtr.limit);
	OFFSET("SIDE_PASSAGE_IDTR", passage_idtr.limit);
	OFFSET("SIDE_ARRIVE", arrive);
	OFFSET("SIDE_INTER_CR3", inter_cr3);
	OFFSET("SIDE_PEER", peer);
	OFFSET("SIDE_NOTED", noted);
	OFFSET("SIDE_BOUNCE", bounce);
	OFFSET("SIDE_TSS_GDT", tss_gdt);
	OFFSET("SIDE_GDT", gdt);
	__asm__ volatile("\n#define SIDE_NO_TR %c0" ::"i"(COLINUX_PASSAGE_TR));
}
