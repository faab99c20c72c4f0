// SPDX-License-Identifier: GPL-2.0
/*
 * Registers that must survive a trip through the host: general ones under
 * host interrupts, syscall MSRs, FS/GS bases, control registers, debug
 * registers, x87/SSE/AVX state.
 */
#include "guest.h"

#define CR4_OSFXSR	(1ull << 9)
#define CR4_OSXMMEXCPT	(1ull << 10)
#define CR4_FSGSBASE	(1ull << 16)
#define CR4_OSXSAVE	(1ull << 18)

static uint8_t ymm_in[256] __attribute__((aligned(64)));
static uint8_t ymm_out[256] __attribute__((aligned(64)));

/* All 15 registers hold known values while at least `n` interrupts come. */
static bool registers_survive(uint64_t n)
{
	uint64_t end = irqs + n, sum = 0;

	__asm__ volatile("sti");
	while (irqs < end) {
		uint64_t bad;

		__asm__ volatile(
			"push %%rbp\n"
			"mov $0x1111111111111111, %%rbx\n"
			"mov $0x2222222222222222, %%rcx\n"
			"mov $0x3333333333333333, %%rdx\n"
			"mov $0x4444444444444444, %%rsi\n"
			"mov $0x5555555555555555, %%rdi\n"
			"mov $0x6666666666666666, %%rbp\n"
			"mov %%rbx, %%r8; mov %%rcx, %%r9\n"
			"mov %%rdx, %%r10; mov %%rsi, %%r11\n"
			"mov %%rdi, %%r12; mov %%rbp, %%r13\n"
			"mov %%rbx, %%r14; mov %%rcx, %%r15\n"
			"mov $200000, %%eax\n"
			"1: dec %%rax; jnz 1b\n"
			"xor %%rbx, %%r8; or %%r8, %%rax\n"
			"xor %%rcx, %%r9; or %%r9, %%rax\n"
			"xor %%rdx, %%r10; or %%r10, %%rax\n"
			"xor %%rsi, %%r11; or %%r11, %%rax\n"
			"xor %%rdi, %%r12; or %%r12, %%rax\n"
			"xor %%rbp, %%r13; or %%r13, %%rax\n"
			"xor %%rbx, %%r14; or %%r14, %%rax\n"
			"xor %%rcx, %%r15; or %%r15, %%rax\n"
			"mov $0x1111111111111111, %%r8\n"
			"xor %%r8, %%rbx; or %%rbx, %%rax\n"
			"mov $0x6666666666666666, %%r8\n"
			"xor %%r8, %%rbp; or %%rbp, %%rax\n"
			"pop %%rbp\n"
			: "=a"(bad)
			:
			: "rbx", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10",
			  "r11", "r12", "r13", "r14", "r15", "cc");
		sum |= bad;
	}
	__asm__ volatile("cli");
	return !sum;
}

static void msrs(void)
{
	static const struct {
		uint32_t msr;
		uint64_t value;
	} list[] = {
		{ 0xc0000081, 0x0023001000000000 },	/* STAR */
		{ 0xc0000082, 0xffffffff81234560 },	/* LSTAR */
		{ 0xc0000083, 0xffffffff81234570 },	/* CSTAR */
		{ 0xc0000084, 0x47700 },		/* FMASK */
		{ 0xc0000100, 0x00007f1234567000 },	/* FS base */
		{ 0xc0000102, 0x00007f7654321000 },	/* KERNEL_GS base */
		{ 0x174, 0x10 },			/* SYSENTER_CS */
		{ 0x175, 0xffffffff81111000 },		/* SYSENTER_ESP */
		{ 0x176, 0xffffffff81222000 },		/* SYSENTER_EIP */
	};
	bool ok = true;

	for (unsigned int i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		wrmsr(list[i].msr, list[i].value);
	hypercall(COLINUX_HC_YIELD, 0, 0, 0);	/* a full switch */
	for (unsigned int i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		ok &= rdmsr(list[i].msr) == list[i].value;
	check(ok, "syscall, FS and KERNEL_GS MSRs after a full switch");

	wrmsr(0xc0000101, 0xffff888000123000);
	AREA->side.gs_base = 0xffff888000123000;
	hypercall(COLINUX_HC_NOP, 0, 0, 0);
	check(rdmsr(0xc0000101) == 0xffff888000123000, "GS base");
}

static void control_registers(void)
{
	uint64_t cr4, cr2 = 0x123456789abc, back, cr0;

	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	cr4 |= CR4_OSFXSR | CR4_OSXMMEXCPT | (1 << 7) /* PGE */;
	__asm__ volatile("mov %0, %%cr4" ::"r"(cr4));
	__asm__ volatile("mov %0, %%cr2" ::"r"(cr2));
	hypercall(COLINUX_HC_YIELD, 0, 0, 0);
	__asm__ volatile("mov %%cr4, %0" : "=r"(back));
	check(back == cr4, "CR4");
	__asm__ volatile("mov %%cr2, %0" : "=r"(back));
	check(back == cr2, "CR2");
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %0, %%cr0" ::"r"(cr0 ^ 0x10000 /* WP */));
	hypercall(COLINUX_HC_YIELD, 0, 0, 0);
	__asm__ volatile("mov %%cr0, %0" : "=r"(back));
	check(back == (cr0 ^ 0x10000), "CR0.WP");
	__asm__ volatile("mov %0, %%cr0" ::"r"(cr0));
}

static void debug_registers(void)
{
	uint64_t d0 = 0x1000, d3 = 0x4000, d7 = 0x10403, back0, back3, back7;
	uint64_t zero = 0x400;

	__asm__ volatile("mov %0, %%dr0" ::"r"(d0));
	__asm__ volatile("mov %0, %%dr3" ::"r"(d3));
	__asm__ volatile("mov %0, %%dr7" ::"r"(d7));
	hypercall(COLINUX_HC_YIELD, 0, 0, 0);
	__asm__ volatile("mov %%dr0, %0" : "=r"(back0));
	__asm__ volatile("mov %%dr3, %0" : "=r"(back3));
	__asm__ volatile("mov %%dr7, %0" : "=r"(back7));
	check(back0 == d0 && back3 == d3 && back7 == d7, "DR0, DR3, DR7");
	__asm__ volatile("mov %0, %%dr7" ::"r"(zero));

	d0 = 0x123000;
	d3 = 0x456000;
	__asm__ volatile("mov %0, %%dr0" ::"r"(d0));
	__asm__ volatile("mov %0, %%dr3" ::"r"(d3));
	hypercall(COLINUX_HC_YIELD, 0, 0, 0);
	__asm__ volatile("mov %%dr0, %0" : "=r"(back0));
	__asm__ volatile("mov %%dr3, %0" : "=r"(back3));
	check(back0 == d0 && back3 == d3, "DR0, DR3 while DR7 is disarmed");
}

static void vectors(bool avx)
{
	bool ok = true;

	for (unsigned int i = 0; i < sizeof(ymm_in); i++)
		ymm_in[i] = (uint8_t)(i * 7 + 3);
	if (avx) {
		__asm__ volatile("vmovdqa %0, %%ymm0" ::"m"(ymm_in[0]) : "memory");
		__asm__ volatile("vmovdqa %0, %%ymm15" ::"m"(ymm_in[32]) : "memory");
	} else {
		__asm__ volatile("movdqa %0, %%xmm0" ::"m"(ymm_in[0]) : "memory");
		__asm__ volatile("movdqa %0, %%xmm15" ::"m"(ymm_in[32]) : "memory");
	}
	__asm__ volatile("fninit; fldpi; fld1");
	hypercall(COLINUX_HC_YIELD, 0, 0, 0);
	hypercall(COLINUX_HC_TIMER, rdtsc() + BOOT->tsc_khz * 10, 0, 0);
	hypercall(COLINUX_HC_HALT, 0, 0, 0);
	__asm__ volatile("fstpt %0" : "=m"(ymm_out[128])::"memory");
	check(*(uint64_t *)&ymm_out[128] == 1ull << 63 &&
		      *(uint16_t *)&ymm_out[136] == 0x3fff,
	      "x87 stack");
	if (avx) {
		__asm__ volatile("vmovdqa %%ymm0, %0" : "=m"(ymm_out[0])::"memory");
		__asm__ volatile("vmovdqa %%ymm15, %0" : "=m"(ymm_out[32])::"memory");
	} else {
		__asm__ volatile("movdqa %%xmm0, %0" : "=m"(ymm_out[0])::"memory");
		__asm__ volatile("movdqa %%xmm15, %0" : "=m"(ymm_out[32])::"memory");
	}
	for (unsigned int i = 0; i < 64; i++)
		if (avx || (i & 31) < 16)
			ok &= ymm_out[i] == ymm_in[i];
	check(ok, avx ? "AVX registers" : "SSE registers");
}

static void guest_main(void)
{
	uint32_t a, b, c, d;
	uint64_t cr4;
	bool avx;

	check(registers_survive(30), "general registers under interrupts");
	msrs();
	control_registers();
	debug_registers();

	cpuid(1, 0, &a, &b, &c, &d);
	avx = (c >> 26 & 1) && (c >> 28 & 1);
	if (avx) {
		__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
		__asm__ volatile("mov %0, %%cr4" ::"r"(cr4 | CR4_OSXSAVE));
		__asm__ volatile("xsetbv" ::"c"(0), "a"(7), "d"(0));
	}
	vectors(avx);
}
