// SPDX-License-Identifier: GPL-2.0
/*
 * x87, SSE, AVX, MXCSR, PKRU of several processes a CPU, each with a pattern of
 * its own, while they are preempted, moved between CPUs and hit by signals
 * whose handlers use the same registers.
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>
#include "checks.h"

#define ROUNDS 60
#define PROCESSES_PER_CPU 3
#define SPIN 20000

struct state {
	uint64_t vector[16][4];		/* YMM, or XMM in the first half */
	double x87;
	uint32_t mxcsr, pkru;
};

static bool has_avx, has_pku;
static volatile sig_atomic_t signals;

static uint32_t read_pkru(void)
{
	uint32_t value, edx;

	__asm__ volatile("rdpkru" : "=a"(value), "=d"(edx) : "c"(0));
	return value;
}

static void write_pkru(uint32_t value)
{
	__asm__ volatile("wrpkru" ::"a"(value), "c"(0), "d"(0) : "memory");
}

#define EACH(op)                                                             \
	op(0) op(1) op(2) op(3) op(4) op(5) op(6) op(7) op(8) op(9) op(10)   \
	op(11) op(12) op(13) op(14) op(15)
#define LOAD_YMM(n) "vmovdqu " #n "*32(%%rbx), %%ymm" #n "\n"
#define SAVE_YMM(n) "vmovdqu %%ymm" #n ", " #n "*32(%%r13)\n"
#define LOAD_XMM(n) "movdqu " #n "*32(%%rbx), %%xmm" #n "\n"
#define SAVE_XMM(n) "movdqu %%xmm" #n ", " #n "*32(%%r13)\n"
/* sched_setaffinity(0, 128, R14), sched_yield(), then spin. */
#define BE_MOVED                                      \
	"mov $203, %%eax\n"                           \
	"xor %%edi, %%edi\n"                          \
	"mov $128, %%esi\n"                           \
	"mov %%r14, %%rdx\n"                          \
	"syscall\n"                                   \
	"mov $24, %%eax\n"                            \
	"syscall\n"                                   \
	"mov %%r15d, %%ecx\n"                         \
	"1: dec %%ecx\n"                              \
	"jnz 1b\n"
#define CLOBBERS                                                              \
	"rax", "rcx", "rdx", "rsi", "rdi", "r11", "memory", "cc", "xmm0",     \
	"xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",       \
	"xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "st"

/* No C in between, which would use the registers as well. */
static void through(const struct state *in, struct state *out, void *cpus)
{
	register void *to __asm__("r13") = out;
	register void *mask __asm__("r14") = cpus;
	register long spin __asm__("r15") = SPIN;

	out->x87 = 0;
	if (has_avx)
		__asm__ volatile("fldl %[x87]\n" EACH(LOAD_YMM) BE_MOVED
				 EACH(SAVE_YMM) "vzeroupper\n"
				 "fstpl %[out87]\n"
				 : [out87] "=m"(out->x87)
				 : "b"(in), "r"(to), "r"(mask), "r"(spin),
				   [x87] "m"(in->x87)
				 : CLOBBERS);
	else
		__asm__ volatile("fldl %[x87]\n" EACH(LOAD_XMM) BE_MOVED
				 EACH(SAVE_XMM) "fstpl %[out87]\n"
				 : [out87] "=m"(out->x87)
				 : "b"(in), "r"(to), "r"(mask), "r"(spin),
				   [x87] "m"(in->x87)
				 : CLOBBERS);
}

static void make_state(struct state *s, uint32_t seed)
{
	memset(s, 0, sizeof(*s));
	for (int i = 0; i < 16; i++)
		for (int j = 0; j < (has_avx ? 4 : 2); j++) {
			seed = seed * 1664525 + 1013904223;
			s->vector[i][j] = (uint64_t)seed << 32 | (seed ^ i);
		}
	s->x87 = seed / 3.0;
	s->mxcsr = 0x1f80 | (seed >> 8 & 3) << 13;	/* rounding */
	s->pkru = (seed >> 4 & 0x3fffffff) << 2;	/* key 0 stays open */
}

/* Uses all that it can. */
static void on_signal(int signal)
{
	static struct state mine, out;
	uint32_t mxcsr = 0x7f80;
	static cpu_set_t cpus;

	(void)signal;
	make_state(&mine, 0xdeadbeef);
	__asm__ volatile("ldmxcsr %0" ::"m"(mxcsr));
	sched_getaffinity(0, sizeof(cpus), &cpus);
	through(&mine, &out, &cpus);
	signals++;
}

static bool run_one(uint32_t seed)
{
	struct state want, got;
	cpu_set_t cpus;
	bool good = true;

	for (int i = 0; i < ROUNDS; i++) {
		uint32_t mxcsr = 0, pkru = 0;

		make_state(&want, seed = seed * 69069 + 1);
		memset(&got, 0, sizeof(got));
		/* From the second to the first. */
		pin((seed >> 24) % nr_cpus());
		sched_getaffinity(0, sizeof(cpus), &cpus);
		pin((seed >> 20) % nr_cpus());
		__asm__ volatile("ldmxcsr %0" ::"m"(want.mxcsr));
		if (has_pku)
			write_pkru(want.pkru);
		through(&want, &got, &cpus);
		__asm__ volatile("stmxcsr %0" : "=m"(mxcsr));
		if (has_pku)
			pkru = read_pkru();
		/* The sticky flags are not ours. */
		good &= (mxcsr & ~0x3fu) == want.mxcsr &&
			(!has_pku || pkru == want.pkru) &&
			got.x87 == want.x87 &&
			!memcmp(got.vector, want.vector, sizeof(want.vector));
	}
	return good;
}

void check_registers(void)
{
	struct itimerval interval = { { 0, 3000 }, { 0, 3000 } };
	unsigned int a, b, c = 0, d, nr = PROCESSES_PER_CPU * nr_cpus();
	int children[64];
	bool good = true;

	__cpuid(1, a, b, c, d);
	has_avx = (c & bit_AVX) && (c & bit_OSXSAVE);
	__cpuid_count(7, 0, a, b, c, d);
	has_pku = c >> 4 & 1;		/* OSPKE */
	if (nr > 64)
		nr = 64;
	fflush(NULL);
	for (unsigned int i = 0; i < nr; i++) {
		children[i] = fork();
		if (children[i])
			continue;
		signal(SIGALRM, on_signal);
		if (i % 2)
			setitimer(ITIMER_REAL, &interval, NULL);
		_exit(!(run_one(i + 1) && (signals || i % 2 == 0)));
	}
	for (unsigned int i = 0; i < nr; i++)
		good &= child_ok(children[i]);
	check(good, "%u processes keep x87, SSE%s, MXCSR%s", nr,
	      has_avx ? ", AVX" : "", has_pku ? ", PKRU" : "");
	if (!has_avx)
		skip("AVX", "this CPU has none");
	if (!has_pku)
		skip("PKRU", "this CPU has none");
}
