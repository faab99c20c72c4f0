// SPDX-License-Identifier: GPL-2.0
/*
 * What newer CPUs added: XCR0, XSS, AVX-512, PKRU, FSGSBASE, PCID.  A feature
 * that the CPU lacks is a SKIP, never a pass.
 */
#include "guest.h"

#define CR4_FSGSBASE	(1ull << 16)
#define CR4_PCIDE	(1ull << 17)
#define CR4_OSXSAVE	(1ull << 18)
#define CR4_PKE		(1ull << 22)
#define MSR_XSS		0xda0
#define MSR_TSC_AUX	0xc0000103
#define XCR0_AVX512	0xe0

static uint32_t l1c, l7b, l7c, lxa;
static uint8_t zmm_in[128] __attribute__((aligned(64)));
static uint8_t zmm_out[128] __attribute__((aligned(64)));

static uint64_t xgetbv(void)
{
	uint32_t lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

static void xsetbv(uint64_t v)
{
	__asm__ volatile("xsetbv" ::"c"(0), "a"((uint32_t)v),
			 "d"((uint32_t)(v >> 32)));
}

/* Full switches, with a sleep in between. */
static void be_away(void)
{
	hypercall(COLINUX_HC_YIELD, 0, 0, 0);
	hypercall(COLINUX_HC_TIMER, rdtsc() + BOOT->tsc_khz * 5, 0, 0);
	hypercall(COLINUX_HC_HALT, 0, 0, 0);
	take();
}

static void xcr0(void)
{
	uint32_t a, b, c, d;

	if (!(l1c >> 26 & 1)) {
		skip("XCR0", "no XSAVE");
		return;
	}
	write_cr4(read_cr4() | CR4_OSXSAVE);
	check(xgetbv() == 1, "XCR0 at the start is the reset value");
	xsetbv(3);
	be_away();
	check(xgetbv() == 3, "XCR0, fewer components than the host's");
	cpuid(0xd, 0, &a, &b, &c, &d);
	xsetbv(a & ~XCR0_AVX512 & 0x207);
	be_away();
	check(xgetbv() == (a & ~XCR0_AVX512 & 0x207), "XCR0, more");
}

static void avx512(void)
{
	uint32_t a, b, c, d;
	uint32_t k = 0;
	bool ok = true;

	cpuid(0xd, 0, &a, &b, &c, &d);
	if (!(l1c >> 26 & 1) || !(l7b >> 16 & 1) ||
	    (a & XCR0_AVX512) != XCR0_AVX512) {
		skip("AVX-512 registers", "not on this CPU");
		return;
	}
	xsetbv(xgetbv() | XCR0_AVX512 | 7);
	for (unsigned int i = 0; i < sizeof(zmm_in); i++)
		zmm_in[i] = (uint8_t)(i * 11 + 5);
	__asm__ volatile("vmovdqa64 %0, %%zmm3" ::"m"(zmm_in[0]) : "memory");
	__asm__ volatile("vmovdqa64 %0, %%zmm31" ::"m"(zmm_in[64]) : "memory");
	__asm__ volatile("kmovw %0, %%k5" ::"r"(0x5aa5));
	be_away();
	__asm__ volatile("vmovdqa64 %%zmm3, %0" : "=m"(zmm_out[0])::"memory");
	__asm__ volatile("vmovdqa64 %%zmm31, %0" : "=m"(zmm_out[64])::"memory");
	__asm__ volatile("kmovw %%k5, %0" : "=r"(k));
	for (unsigned int i = 0; i < sizeof(zmm_in); i++)
		ok &= zmm_in[i] == zmm_out[i];
	check(ok && k == 0x5aa5, "AVX-512 registers");
}

static void xss(void)
{
	uint32_t a, b, c, d;
	uint64_t want;

	if (!(lxa >> 3 & 1)) {
		skip("XSS", "no XSAVES on this CPU");
		return;
	}
	cpuid(0xd, 1, &a, &b, &c, &d);
	want = (uint64_t)d << 32 | c;
	wrmsr(MSR_XSS, want);
	be_away();
	check(rdmsr(MSR_XSS) == want, "XSS");
	wrmsr(MSR_XSS, 0);
}

static void pkru(void)
{
	uint32_t v;

	if (!(l7c >> 3 & 1)) {
		skip("PKRU", "no protection keys on this CPU");
		return;
	}
	write_cr4(read_cr4() | CR4_PKE);
	__asm__ volatile("wrpkru" ::"a"(0x5a5a5a50), "c"(0), "d"(0));
	be_away();
	__asm__ volatile("rdpkru" : "=a"(v) : "c"(0) : "rdx");
	check(v == 0x5a5a5a50, "PKRU");
	__asm__ volatile("wrpkru" ::"a"(0), "c"(0), "d"(0));
	write_cr4(read_cr4() & ~CR4_PKE);
	be_away();
	check(!(read_cr4() & CR4_PKE), "CR4.PKE off again");
}

static void fsgsbase(void)
{
	uint64_t fs, gs;

	wrmsr(0xc0000100, 0x7f0000001000);
	AREA->side.gs_base = 0xffff888000777000;
	be_away();
	check(rdmsr(0xc0000100) == 0x7f0000001000 &&
		      rdmsr(0xc0000101) == 0xffff888000777000,
	      "FS and GS base with CR4.FSGSBASE off");
	if (!(l7b & 1)) {
		skip("FS and GS base with CR4.FSGSBASE on", "not on this CPU");
		return;
	}
	write_cr4(read_cr4() | CR4_FSGSBASE);
	__asm__ volatile("wrfsbase %0" ::"r"(0x7f0000002000));
	AREA->side.gs_base = 0xffff888000888000;
	be_away();
	__asm__ volatile("rdfsbase %0" : "=r"(fs));
	__asm__ volatile("rdgsbase %0" : "=r"(gs));
	check(fs == 0x7f0000002000 && gs == 0xffff888000888000,
	      "FS and GS base with CR4.FSGSBASE on");
}

static void pcid(void)
{
	uint64_t cr3;

	if (!(l1c >> 17 & 1)) {
		skip("CR4.PCIDE and a PCID in CR3",
		     "not on this CPU (QEMU's TCG has none)");
		return;
	}
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	write_cr4(read_cr4() | CR4_PCIDE);
	__asm__ volatile("mov %0, %%cr3" ::"r"(cr3 | 5) : "memory");
	be_away();
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	check((cr3 & 0xfff) == 5 && (read_cr4() & CR4_PCIDE),
	      "CR4.PCIDE and a PCID in CR3");
	__asm__ volatile("mov %0, %%cr3" ::"r"(cr3 & ~0xfffull) : "memory");
	write_cr4(read_cr4() & ~CR4_PCIDE);
}

static void guest_main(void)
{
	uint32_t a, b, c, d, max, ext;

	cpuid(0, 0, &max, &b, &c, &d);
	cpuid(1, 0, &a, &b, &l1c, &d);
	if (max >= 7)
		cpuid(7, 0, &a, &l7b, &l7c, &d);
	if (max >= 0xd)
		cpuid(0xd, 1, &lxa, &b, &c, &d);
	cpuid(0x80000001, 0, &a, &b, &c, &ext);
	xcr0();
	avx512();
	xss();
	pkru();
	fsgsbase();
	pcid();
	if (ext >> 27 & 1) {
		wrmsr(MSR_TSC_AUX, 0x1234);
		be_away();
		check(rdmsr(MSR_TSC_AUX) == 0x1234, "TSC_AUX");
	} else {
		skip("TSC_AUX", "no RDTSCP on this CPU");
	}
}
