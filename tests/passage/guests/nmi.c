// SPDX-License-Identifier: GPL-2.0
/*
 * A target for NMIs: goes through every path of the passage, all the time,
 * until somebody sets COLINUX_VIRQ_SHUTDOWN; then says what it has seen.
 */
#include "own.h"

#define FS_BASE		0xc0000100
#define CR4_FSGSBASE	(1ull << 16)
#define CR0_WP		(1ull << 16)
#define DR7_ARMED	0x402ull

#define SET(seg, value) \
	__asm__ volatile("mov %0, %%" #seg ::"r"((uint32_t)(value)) : "memory")

static uint64_t bad;

/* One switch, with everything that the caller keeps in registers checked. */
static void checked_switch(uint64_t nr)
{
	uint64_t wrong;

	AREA->nr = nr;
	AREA->if_enabled = 0;
	*(volatile uint32_t *)&AREA->reason = COLINUX_EXIT_HYPERCALL;
	__asm__ volatile("push %%rbp\n"
			 "mov $0x1111111111111111, %%rbx\n"
			 "mov $0x2222222222222222, %%r12\n"
			 "mov $0x3333333333333333, %%r13\n"
			 "mov $0x4444444444444444, %%r14\n"
			 "mov $0x5555555555555555, %%r15\n"
			 "mov %%rsp, %%rbp\n"
			 "and $-16, %%rsp\n"
			 "push %%rbp; push %%rbp\n"
			 "call passage\n"
			 "pop %%rax\n"
			 "pop %%rcx\n"
			 "xor %%rbp, %%rcx; xor %%rbp, %%rax; or %%rcx, %%rax\n"
			 "mov %%rbp, %%rsp\n"
			 "lea (%%rbx, %%r12), %%rcx\n"
			 "xor %%r13, %%rcx; or %%rcx, %%rax\n"
			 "lea (%%rbx, %%r14), %%rcx\n"
			 "xor %%r15, %%rcx; or %%rcx, %%rax\n"
			 "pop %%rbp\n"
			 : "=a"(wrong)
			 :
			 : "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10",
			   "r11", "r12", "r13", "r14", "r15", "memory", "cc");
	bad |= wrong;
}

static uint64_t *used_gdt(void)
{
	struct dtr gdtr;

	__asm__("sgdt %0" : "=m"(gdtr.limit));
	return (uint64_t *)gdtr.base;
}

/* The variants of the passage's code, by the bits of `turn`. */
static void turn(uint64_t n)
{
	uint64_t gs = 0xffff888000000000 + n * 0x1000, fs = gs + 0x800, v;

	SET(ds, n & 1 ? SEL_DATA : 0);
	SET(es, (n & 2) && !(n & 256) ? SEL_IN_LDT : 0);
	SET(fs, n & 4 ? SEL_DATA2 : 0);
	SET(gs, n & 8 ? SEL_DATA : 0);
	wrmsr(FS_BASE, fs);
	SET(ss, n & 2 ? SEL_DATA : 0);
	__asm__("mov %%cr0, %0" : "=r"(v));
	__asm__ volatile("mov %0, %%cr0" ::"r"(n & 1 ? v ^ CR0_WP : v));
	if (n & 16)	/* the descriptor vanishes */
		used_gdt()[SEL_DATA2 >> 3] = 0;
	AREA->side.gs_base = gs;
	wrmsr(0xc0000101, gs);
	__asm__ volatile("mov %0, %%dr7" ::"r"(n & 1 ? DR7_ARMED : 0x400));

	checked_switch(n & 32 ? COLINUX_HC_YIELD : COLINUX_HC_NOP);

	__asm__ volatile("mov %%dr7, %0" : "=r"(v));
	bad |= v != (n & 1 ? DR7_ARMED : 0x400);
	bad |= rdmsr(FS_BASE) != fs || rdmsr(0xc0000101) != gs;
	__asm__ volatile("str %w0" : "=r"(v));
	bad |= (v & 0xffff) != SEL_TSS;
	__asm__ volatile("mov %%fs, %0" : "=r"(v));
	/* It is loaded again, and gone then, in full switches only. */
	if (!(n & 4) || !(n & 16))
		bad |= (v & 0xffff) != (n & 4 ? SEL_DATA2 : 0);
	else if (n & 32)
		bad |= (v & 0xffff) != 0;
	else
		bad |= (v & 0xffff) && (v & 0xffff) != SEL_DATA2;
	__asm__ volatile("mov %%ss, %0" : "=r"(v));
	bad |= (v & 0xffff) != (n & 2 ? SEL_DATA : 0);
	used_gdt()[SEL_DATA2 >> 3] = DESC_DATA;
	if (n & 64)
		__asm__ volatile("sti; nop; nop; cli" ::: "memory");
}

/* The same descriptors elsewhere: the passage copies TR's again. */
static void move_gdt(void)
{
	static uint64_t other[32] __attribute__((aligned(64)));
	struct dtr gdtr = { .limit = sizeof(other) - 1 };

	for (unsigned int i = 0; i < 32; i++)
		other[i] = own_gdt[i];
	gdtr.base = (uint64_t)(used_gdt() == other ? own_gdt : other);
	__asm__ volatile("lgdt %0" ::"m"(gdtr.limit) : "memory");
}

static void guest_main(void)
{
	uint64_t n = 0;
	uint32_t a, b, c, d, max;

	cpuid(0, 0, &max, &b, &c, &d);
	b = 0;
	if (max >= 7)
		cpuid(7, 0, &a, &b, &c, &d);
	set_up_segments(true);
	put("# ready for NMIs\n");
	while (!pending(COLINUX_VIRQ_SHUTDOWN)) {
		turn(n++);
		if (n % 64 == 0)
			move_gdt();
		if (n % 128 == 0 && (b & 1))
			write_cr4(read_cr4() ^ CR4_FSGSBASE);
		__asm__ volatile("lldt %w0" ::"r"(n & 256 ? 0 : SEL_LDT));
	}
	check(n > 100, "switched all the time");
	check(!bad, "every register was right every time");
	note("switches:", n);
	note("NMIs in the guest:", nmis);
	note("of them noted:", noted_nmis);
}
