// SPDX-License-Identifier: GPL-2.0
/*
 * Segments: a guest with its own GDT, TSS, interrupt stacks and LDT, and with
 * a descriptor that is gone when it comes back.
 */
#include "own.h"

#define FS_BASE 0xc0000100
#define GS_BASE 0xc0000101

static struct dtr before_gdt, after_gdt, before_idt, after_idt;

static uint16_t selector_tr(void)
{
	uint16_t v;

	__asm__ volatile("str %0" : "=r"(v));
	return v;
}

static uint16_t selector_ldt(void)
{
	uint16_t v;

	__asm__ volatile("sldt %0" : "=r"(v));
	return v;
}

#define GET(seg)                                              \
	({                                                    \
		uint16_t v_;                                  \
		__asm__ volatile("mov %%" #seg ", %0" : "=r"(v_)); \
		v_;                                           \
	})
#define SET(seg, value) \
	__asm__ volatile("mov %0, %%" #seg ::"r"((uint32_t)(value)) : "memory")

static void some_interrupts(void)
{
	uint64_t target = irqs + 5, start = rdtsc();

	__asm__ volatile("sti");
	while (irqs < target && rdtsc() - start < BOOT->tsc_khz * 20000)
		;
	__asm__ volatile("cli");
}

static bool tables_are_back(void)
{
	__asm__ volatile("sgdt %0" : "=m"(after_gdt.limit));
	__asm__ volatile("sidt %0" : "=m"(after_idt.limit));
	return before_gdt.limit == after_gdt.limit &&
	       before_gdt.base == after_gdt.base &&
	       before_idt.limit == after_idt.limit &&
	       before_idt.base == after_idt.base;
}

static void early(void)
{
	uint16_t tr = selector_tr();

	/* TR cannot be null: it is the passage's own, in the page's GDT. */
	hypercall(COLINUX_HC_NOP, 0, 0, 0);
	hypercall(COLINUX_HC_YIELD, 0, 0, 0);
	some_interrupts();
	check(selector_tr() == tr && tr == COLINUX_PASSAGE_TR,
	      "an early guest without a TSS");
}

static void loaded(void)
{
	uint64_t fs = 0x7f1122334000, gs = 0xffff888012345000;
	uint64_t sum;

	set_up_segments(true);
	use_stack(2, IST_NMI);
	for (unsigned int v = 32; v < 256; v++)
		use_stack(v, IST_IRQ);
	__asm__ volatile("sgdt %0" : "=m"(before_gdt.limit));
	__asm__ volatile("sidt %0" : "=m"(before_idt.limit));
	SET(ds, SEL_DATA);
	SET(es, SEL_IN_LDT);
	SET(fs, SEL_DATA2);
	SET(gs, SEL_DATA);
	wrmsr(FS_BASE, fs);
	wrmsr(GS_BASE, gs);
	AREA->side.gs_base = gs;
	sum = own_gdt[SEL_TSS >> 3];

	hypercall(COLINUX_HC_NOP, 0, 0, 0);
	check(tables_are_back(), "GDTR and IDTR after a light switch");
	hypercall(COLINUX_HC_YIELD, 0, 0, 0);
	some_interrupts();
	check(tables_are_back(), "GDTR and IDTR after full switches");
	check(selector_tr() == SEL_TSS, "TR");
	check(own_gdt[SEL_TSS >> 3] == sum && (sum & TSS_BUSY),
	      "nobody wrote the descriptor of our TSS");
	check(selector_ldt() == SEL_LDT, "LDTR");
	check(GET(ds) == SEL_DATA && GET(es) == SEL_IN_LDT, "DS, ES in an LDT");
	check(GET(fs) == SEL_DATA2 && GET(gs) == SEL_DATA, "FS, GS");
	check(rdmsr(FS_BASE) == fs && rdmsr(GS_BASE) == gs,
	      "their bases are not the descriptors'");
}

static void vanishing(void)
{
	uint64_t fs = 0x7f5566778000;

	SET(ds, SEL_DATA2);
	SET(es, SEL_IN_LDT);
	SET(fs, SEL_DATA2);
	wrmsr(FS_BASE, fs);
	own_gdt[SEL_DATA2 >> 3] = 0;			/* no descriptor */
	own_ldt[1] = DESC_DATA & ~(1ull << 47);		/* not present */
	hypercall(COLINUX_HC_YIELD, 0, 0, 0);
	check(GET(ds) == 0 && GET(es) == 0 && GET(fs) == 0,
	      "descriptors that are gone give null selectors");
	check(rdmsr(FS_BASE) == fs, "and leave FS base alone");
	some_interrupts();
	check(tables_are_back() && selector_tr() == SEL_TSS,
	      "everything else is still there");
	__asm__ volatile("lldt %w0" ::"r"(0));
	hypercall(COLINUX_HC_YIELD, 0, 0, 0);
	check(selector_ldt() == 0, "no LDT again");
}

static void guest_main(void)
{
	early();
	loaded();
	vanishing();
}
