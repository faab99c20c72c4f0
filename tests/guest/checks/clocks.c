// SPDX-License-Identifier: GPL-2.0
/* The vDSO and the system calls tell the same; the CPU number is right. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>
#include "checks.h"

#define ROUNDS 5000
#define VSYSCALL 0xffffffffff600000ul

static uint64_t by_call(clockid_t clock)
{
	struct timespec t;

	syscall(SYS_clock_gettime, clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint64_t by_vdso(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void forwards(clockid_t clock, const char *name)
{
	uint64_t last = 0;
	bool good = true;

	for (int i = 0; i < ROUNDS; i++) {
		uint64_t a, b;

		if (i % 256 == 0)
			pin(i / 256 % nr_cpus());
		a = by_vdso(clock);
		b = by_call(clock);
		good &= last <= a && a <= b;
		last = b;
	}
	check(good, "%s: vDSO and system call go forwards together", name);
}

/* Each process sees what another one saw before as past. */
static void across(void)
{
	uint64_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
				MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	unsigned int nr = nr_cpus() < 2 ? 2 : nr_cpus();
	int children[64];
	bool good = true;

	for (unsigned int n = 0; n < nr && n < 64; n++) {
		children[n] = fork();
		if (children[n])
			continue;
		pin(n % nr_cpus());
		for (int i = 0; i < 20 * ROUNDS; i++) {
			uint64_t seen = __atomic_load_n(shared,
							__ATOMIC_SEQ_CST);
			uint64_t now = by_vdso(CLOCK_MONOTONIC);

			if (now < seen)
				_exit(1);
			__atomic_compare_exchange_n(shared, &seen, now, false,
						    __ATOMIC_SEQ_CST,
						    __ATOMIC_SEQ_CST);
		}
		_exit(0);
	}
	for (unsigned int n = 0; n < nr && n < 64; n++)
		good &= child_ok(children[n]);
	check(good, "CLOCK_MONOTONIC: not backwards from process to process");
	munmap(shared, 4096);
}

static void cpu_numbers(void)
{
	bool good = true;

	for (unsigned int i = 0; i < 200; i++) {
		unsigned int cpu = ~0u;
		cpu_set_t set;

		pin(i % nr_cpus());
		sched_getaffinity(0, sizeof(set), &set);
		syscall(SYS_getcpu, &cpu, NULL, NULL);
		good &= CPU_ISSET(cpu, &set) &&
			(unsigned int)sched_getcpu() == cpu;
	}
	check(good, "getcpu: the vDSO's CPU is the one it is pinned to");
}

static void vsyscall(void)
{
	int (*call)(struct timeval *, void *) = (void *)VSYSCALL;
	struct timeval a, b, c;
	char line[256];
	bool there = false;
	FILE *maps = fopen("/proc/self/maps", "r");

	while (maps && fgets(line, sizeof(line), maps))
		there |= strstr(line, "[vsyscall]") != NULL;
	if (maps)
		fclose(maps);
	if (!there) {
		skip("vsyscall", "this kernel has none");
		return;
	}
	gettimeofday(&a, NULL);
	call(&b, NULL);
	gettimeofday(&c, NULL);
	check(!timercmp(&a, &b, >) && !timercmp(&b, &c, >),
	      "the old vsyscall page tells the time");
}

void check_clocks(void)
{
	forwards(CLOCK_MONOTONIC, "CLOCK_MONOTONIC");
	forwards(CLOCK_REALTIME, "CLOCK_REALTIME");
	forwards(CLOCK_BOOTTIME, "CLOCK_BOOTTIME");
	across();
	cpu_numbers();
	vsyscall();
}
