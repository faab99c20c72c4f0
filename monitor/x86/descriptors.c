// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptor tables: the passage's own GDT and IDT in each side page, and a
 * look at the host's IDT and TSS to find an interrupt's handler and stack.
 */
#include "cpu.h"

/* Flat ring-0 segments (SDM vol. 3, 3.4.5), present, accessed. */
#define SEG_CODE64	0x00af9b000000ffffull
#define SEG_DATA	0x00cf93000000ffffull
#define SEG_TSS		0x0000890000000067ull	/* 64-bit TSS, 104 bytes */
#define GATE_INTERRUPT	0x8e	/* present, DPL 0, 64-bit interrupt gate */

struct gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, zero;
};

struct dtr {
	u16 limit;
	u64 base;
} __attribute__((packed));

static void set_gate(u64 *idt, u32 vector, u16 cs, u64 handler)
{
	struct gate g = {
		.offset_low = (u16)handler,
		.selector = cs,
		.type = GATE_INTERRUPT,
		.offset_mid = (u16)(handler >> 16),
		.offset_high = (u32)(handler >> 32),
	};

	__builtin_memcpy(&idt[vector * 2], &g, sizeof(g));
}

void side_init(struct colinux_side *side, u64 va, u64 code, u64 peer,
	       u64 inter_cr3, u32 arrive)
{
	u64 base = code - addr_of(colinux_passage_page);
	u16 cs, ss;

	/* Both kernels use these selectors; the passage keeps CS and SS. */
	__asm__("mov %%cs, %0" : "=r"(cs));
	__asm__("mov %%ss, %0" : "=r"(ss));

	__builtin_memset(side, 0, sizeof(*side));
	side->code = code;
	side->arrive = code + arrive;
	side->tr = COLINUX_PASSAGE_TR;
	side->inter_cr3 = inter_cr3;
	side->self = va;
	side->peer = peer;
	side->dr7 = DR7_DISARMED;
	side->gdt[1] = SEG_CODE64;
	side->gdt[cs >> 3] = SEG_CODE64;
	if (ss >> 3)
		side->gdt[ss >> 3] = SEG_DATA;
	/* Nothing is ever taken from it: the page stands in for a TSS. */
	side->gdt[COLINUX_PASSAGE_TR >> 3] = SEG_TSS | (va & 0xffffff) << 16 |
					     (va >> 24 & 0xff) << 56;
	side->gdt[(COLINUX_PASSAGE_TR >> 3) + 1] = va >> 32;
	set_gate(side->idt, 2, cs, base + addr_of(colinux_passage_nmi));
	set_gate(side->idt, 11, cs,
		 base + addr_of(colinux_passage_bad_segment));
	set_gate(side->idt, 12, cs,
		 base + addr_of(colinux_passage_bad_segment));
	set_gate(side->idt, 13, cs,
		 base + addr_of(colinux_passage_bad_segment));
	set_gate(side->idt, 18, cs, base + addr_of(colinux_passage_mce));
	side->passage_gdtr.limit = sizeof(side->gdt) - 1;
	side->passage_gdtr.base =
		va + __builtin_offsetof(struct colinux_side, gdt);
	side->passage_idtr.limit = sizeof(side->idt) - 1;
	side->passage_idtr.base =
		va + __builtin_offsetof(struct colinux_side, idt);
	side->tss_gdt = side->passage_gdtr.base;
}

/* Interrupt stack `ist` (1..7) of this CPU's TSS (SDM vol. 3, 7.7). */
static u64 tss_stack(u32 ist)
{
	struct dtr gdtr;
	u64 low, high, base, stack;
	u16 tr;

	__asm__("str %0" : "=r"(tr));
	__asm__("sgdt %0" : "=m"(gdtr));
	low = *(const u64 *)ptr_at(gdtr.base + (tr & ~7u));
	high = *(const u64 *)ptr_at(gdtr.base + (tr & ~7u) + 8);
	base = (low >> 16 & 0xffffff) | (low >> 56 & 0xff) << 24 |
	       high << 32;
	__builtin_memcpy(&stack, ptr_at(base + 36 + 8 * (ist - 1)),
			 sizeof(stack));
	return stack;
}

bool idt_gate(u32 vector, u64 *handler, u64 *stack)
{
	struct dtr idtr;
	struct gate g;

	__asm__("sidt %0" : "=m"(idtr));
	if (vector * 16 + 15 > idtr.limit)
		return false;
	__builtin_memcpy(&g, ptr_at(idtr.base + vector * 16), sizeof(g));
	if (!(g.type & 0x80))
		return false;
	*handler = g.offset_low | (u64)g.offset_mid << 16 |
		   (u64)g.offset_high << 32;
	*stack = (g.ist & 7) ? tss_stack(g.ist & 7) : 0;
	return true;
}
