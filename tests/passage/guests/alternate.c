// SPDX-License-Identifier: GPL-2.0
/*
 * One of two or more guests that take turns, each with state of its own: after
 * every turn all of it is still there.
 */
#include "own.h"

#define SECONDS 3

static uint64_t seed;
static uint8_t xmm_in[256] __attribute__((aligned(64)));
static uint8_t xmm_out[256] __attribute__((aligned(64)));

static uint64_t value(uint64_t n)
{
	uint64_t v = seed + n * 0x9e3779b97f4a7c15;

	v ^= v >> 29;
	return v * 0xbf58476d1ce4e5b9;
}

/* A canonical address. */
static uint64_t address(uint64_t n)
{
	return 0xffff800000000000 | (value(n) & 0x7ffffffff000);
}

static const uint32_t addresses[] = {
	0xc0000082, 0xc0000083, 0xc0000100, 0xc0000102, 0x175, 0x176,
};
#define NR_ADDRESSES (sizeof(addresses) / sizeof(addresses[0]))

static void set_state(uint64_t turn)
{
	for (unsigned int i = 0; i < NR_ADDRESSES; i++)
		wrmsr(addresses[i], address(turn + i));
	wrmsr(0xc0000084, value(turn + 10) & 0x257fd5);
	AREA->side.gs_base = address(turn + 11);
	__asm__ volatile("mov %0, %%cr2" ::"r"(address(turn + 12)));
	__asm__ volatile("mov %0, %%dr0" ::"r"(address(turn + 13)));
	__asm__ volatile("mov %0, %%dr2" ::"r"(address(turn + 14)));
	/* Enabled, on addresses that nobody uses; not everybody has some. */
	__asm__ volatile("mov %0, %%dr7" ::"r"(seed & 0x1000 ? 0x422ull :
							       0x400ull));
	for (unsigned int i = 0; i < sizeof(xmm_in); i++)
		xmm_in[i] = (uint8_t)(value(turn + 20 + i / 8) >> (i % 8 * 8));
	__asm__ volatile("movdqa %0, %%xmm1\n"
			 "movdqa %1, %%xmm9" ::"m"(xmm_in[0]),
			 "m"(xmm_in[16])
			 : "memory");
}

static uint64_t state_is_back(uint64_t turn)
{
	uint64_t v, bad = 0;

	__asm__ volatile("movdqa %%xmm1, %0\n"
			 "movdqa %%xmm9, %1"
			 : "=m"(xmm_out[0]), "=m"(xmm_out[16])
			 :
			 : "memory");
	for (unsigned int i = 0; i < NR_ADDRESSES; i++)
		if (rdmsr(addresses[i]) != address(turn + i))
			bad |= 1ull << i;
	if (rdmsr(0xc0000084) != (value(turn + 10) & 0x257fd5))
		bad |= 1 << 10;
	if (rdmsr(0xc0000101) != address(turn + 11))
		bad |= 1 << 11;
	__asm__ volatile("mov %%cr2, %0" : "=r"(v));
	if (v != address(turn + 12))
		bad |= 1 << 12;
	__asm__ volatile("mov %%dr0, %0" : "=r"(v));
	if (v != address(turn + 13))
		bad |= 1 << 13;
	__asm__ volatile("mov %%dr2, %0" : "=r"(v));
	if (v != address(turn + 14))
		bad |= 1 << 14;
	__asm__ volatile("mov %%dr7, %0" : "=r"(v));
	if (v != (seed & 0x1000 ? 0x422 : 0x400))
		bad |= 1 << 15;
	for (unsigned int i = 0; i < 32; i++)
		if (xmm_out[i] != xmm_in[i])
			bad |= 1 << 16;
	return bad;
}

static void guest_main(void)
{
	uint64_t start = rdtsc(), turns = 0, bad = 0;

	/* Neighbours have other memory, hence other values. */
	seed = BOOT->port_machine >> 9;
	write_cr4(read_cr4() | 1 << 9 | 1 << 10);
	set_up_segments(seed >> 13 & 1);
	while (rdtsc() - start < BOOT->tsc_khz * 1000 * SECONDS) {
		set_state(turns);
		hypercall(turns & 1 ? COLINUX_HC_NOP : COLINUX_HC_YIELD, 0, 0,
			  0);
		bad |= state_is_back(turns);
		__asm__ volatile("sti; nop; cli");
		bad |= state_is_back(turns);
		turns++;
	}
	check(turns > 20, "took many turns");
	check(!bad, "its own state every time");
	note("turns:", turns);
	if (bad)
		note("lost, bit by bit:", bad);
}
