// SPDX-License-Identifier: GPL-2.0
/*
 * What the tests of SMP and time run inside guests (and, for comparison, on the
 * host): static, alone.
 *
 *   guest lock THREADS ROUNDS    contended kernel locks; ticks that it took
 *   guest tlb THREADS ROUNDS     no stale translation after mprotect, munmap
 *   guest clock SECONDS          clocks that never run backwards across CPUs
 *   guest burn THREADS SECONDS   CPU time: load
 *   guest sleep ROUNDS NS        how much too long sleeps are: minimum, median
 *   guest ping ROUNDS            a byte to CPU 1 and back, ns that it took each
 *   guest times                  MONOTONIC_RAW and REALTIME at a TSC value
 *
 * One line of output, "NAME: ...", and status 0; a broken promise is "NAME: bad
 * ..." and status 1.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 64
#define NS 1000000000ull
#define PAGE 4096

static pthread_t threads[MAX_THREADS];
static unsigned int nr_threads;
static unsigned long rounds;

static void must(int good, const char *what)
{
	if (!good) {
		perror(what);
		exit(2);
	}
}

static uint64_t ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * NS + t.tv_nsec;
}

static void start(void *(*body)(void *))
{
	for (uintptr_t i = 0; i < nr_threads; i++)
		must(!pthread_create(&threads[i], NULL, body, (void *)i),
		     "pthread_create");
}

static void join(void)
{
	for (unsigned int i = 0; i < nr_threads; i++)
		pthread_join(threads[i], NULL);
}

/* ---- lock ---- */

static int pipe_fds[2];

/*
 * Everybody on the same locks: a pipe's wait queue and mutex, a directory's,
 * the process's memory map, and the parent's list of children.
 */
static void *lock_body(void *arg)
{
	char name[32], byte = 0;

	snprintf(name, sizeof(name), "/tmp/lock.%lu", (uintptr_t)arg);
	for (unsigned long i = 0; i < rounds; i++) {
		void *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		int fd = open(name, O_CREAT | O_WRONLY, 0600);

		must(p != MAP_FAILED && fd >= 0, "mmap, open");
		*(volatile char *)p = 1;
		must(write(pipe_fds[1], &byte, 1) == 1, "write");
		must(read(pipe_fds[0], &byte, 1) == 1, "read");
		close(fd);
		unlink(name);
		munmap(p, PAGE);
	}
	return NULL;
}

static int run_lock(void)
{
	uint64_t begin = ticks();

	must(!pipe(pipe_fds), "pipe");
	start(lock_body);
	join();
	printf("lock: %llu\n", (unsigned long long)(ticks() - begin));
	return 0;
}

/* ---- tlb ---- */

static char *volatile shared;
static atomic_uint phase, seen;
static atomic_bool stop, bad;
static __thread sigjmp_buf jump;

static void fault(int signal)
{
	(void)signal;
	siglongjmp(jump, 1);
}

/* A writer in a tight loop: after mprotect() returned, it must fault. */
static void *tlb_body(void *arg)
{
	unsigned int mine = (uintptr_t)arg + 1, last = 0;

	for (;;) {
		unsigned int p;

		while ((p = atomic_load(&phase)) == last) {
			if (atomic_load(&stop))
				return NULL;
			sched_yield();
		}
		last = p;
		if (!sigsetjmp(jump, 1)) {
			atomic_fetch_add(&seen, 1);
			for (;;)
				((volatile unsigned int *)shared)[mine * 16]++;
		}
		atomic_fetch_add(&seen, 1);
	}
}

static void wait_seen(unsigned int count)
{
	while (atomic_load(&seen) != count)
		sched_yield();
	atomic_store(&seen, 0);
}

static int run_tlb(void)
{
	struct sigaction action = { .sa_handler = fault };
	char before[PAGE];

	sigaction(SIGSEGV, &action, NULL);
	shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	must(shared != MAP_FAILED, "mmap");
	start(tlb_body);
	for (unsigned long i = 0; i < rounds; i++) {
		must(!mprotect(shared, PAGE, PROT_READ | PROT_WRITE),
		     "mprotect");
		atomic_fetch_add(&phase, 1);
		wait_seen(nr_threads);	/* all write */
		must(!mprotect(shared, PAGE, PROT_READ), "mprotect");
		/* From here on no write may arrive. */
		memcpy(before, shared, PAGE);
		wait_seen(nr_threads);	/* all have faulted */
		if (memcmp(before, shared, PAGE))
			bad = true;
	}
	stop = true;
	join();
	printf("tlb: %s\n", bad ? "bad: a write after mprotect" : "ok");
	return bad;
}

/* ---- clock ---- */

static void pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	must(!sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

static atomic_ullong last[3];
static atomic_ullong worst[3];
static uint64_t deadline;

static uint64_t read_clock(int which)
{
	switch (which) {
	case 0:
		return now(CLOCK_MONOTONIC);
	case 1:
		return now(CLOCK_MONOTONIC_RAW);
	default:
		return ticks();
	}
}

/* Each CPU reads after what another one has published. */
static void *clock_body(void *arg)
{
	pin((uintptr_t)arg);
	do {
		for (int i = 0; i < 1000; i++) {
			int which = i % 3;
			unsigned long long seen_before, value, old;

			seen_before = atomic_load(&last[which]);
			value = read_clock(which);
			if (value < seen_before) {
				old = atomic_load(&worst[which]);
				while (old < seen_before - value &&
				       !atomic_compare_exchange_weak(
					       &worst[which], &old,
					       seen_before - value))
					;
				continue;
			}
			while (value > seen_before &&
			       !atomic_compare_exchange_weak(&last[which],
							     &seen_before,
							     value))
				;
		}
	} while (now(CLOCK_MONOTONIC) < deadline);
	return NULL;
}

static int run_clock(unsigned long seconds)
{
	bool back;

	nr_threads = sysconf(_SC_NPROCESSORS_ONLN);
	deadline = now(CLOCK_MONOTONIC) + seconds * NS;
	start(clock_body);
	join();
	back = worst[0] || worst[1] || worst[2];
	printf("clock: %s: %u CPUs, backwards by %llu ns, raw %llu ns, "
	       "TSC %llu\n", back ? "bad" : "ok", nr_threads, worst[0],
	       worst[1], worst[2]);
	return back;
}

/* ---- the rest ---- */

static void *burn_body(void *arg)
{
	(void)arg;
	while (now(CLOCK_MONOTONIC) < deadline)
		;
	return NULL;
}

static int run_burn(unsigned long seconds)
{
	deadline = now(CLOCK_MONOTONIC) + seconds * NS;
	start(burn_body);
	join();
	printf("burn: ok\n");
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static int run_sleep(unsigned long ns)
{
	struct timespec t = { ns / NS, ns % NS };
	uint64_t *late = calloc(rounds, sizeof(*late));
	bool early = false;

	must(late && rounds, "calloc");
	for (unsigned long i = 0; i < rounds; i++) {
		uint64_t begin = now(CLOCK_MONOTONIC), took;

		nanosleep(&t, NULL);
		took = now(CLOCK_MONOTONIC) - begin;
		early |= took < ns;
		late[i] = took - ns;
	}
	qsort(late, rounds, sizeof(*late), compare);
	printf("sleep: %s: late by %llu ns, median %llu, most %llu\n",
	       early ? "bad: early" : "ok", (unsigned long long)late[0],
	       (unsigned long long)late[rounds / 2],
	       (unsigned long long)late[rounds - 1]);
	return early;
}

static int there[2], back[2];

static void *ping_body(void *arg)
{
	char byte;

	(void)arg;
	pin(1);
	while (read(there[0], &byte, 1) == 1)
		must(write(back[1], &byte, 1) == 1, "write");
	return NULL;
}

static int run_ping(void)
{
	uint64_t begin;
	char byte = 0;

	must(!pipe(there) && !pipe(back) && rounds, "pipe");
	pin(0);
	nr_threads = 1;
	start(ping_body);
	begin = now(CLOCK_MONOTONIC);
	for (unsigned long i = 0; i < rounds; i++)
		must(write(there[1], &byte, 1) == 1 &&
		     read(back[0], &byte, 1) == 1, "ping");
	printf("ping: %llu\n",
	       (unsigned long long)((now(CLOCK_MONOTONIC) - begin) / rounds));
	close(there[1]);
	join();
	return 0;
}

/*
 * The clocks as near as can be to a TSC value that both sides can compare:
 * of many tries the one that the TSC says was the quickest.
 */
static int run_times(void)
{
	uint64_t best = ~0ull, at = 0, raw = 0, real = 0, mono = 0;

	for (int i = 0; i < 2000; i++) {
		uint64_t before = ticks(), r, w, m, after;

		r = now(CLOCK_MONOTONIC_RAW);
		w = now(CLOCK_REALTIME);
		m = now(CLOCK_MONOTONIC);
		after = ticks();
		if (after - before < best) {
			best = after - before;
			at = before;
			raw = r;
			real = w;
			mono = m;
		}
	}
	printf("times: %llu %llu %llu %llu %llu\n", (unsigned long long)at,
	       (unsigned long long)best, (unsigned long long)raw,
	       (unsigned long long)real, (unsigned long long)mono);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long first = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned long second = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	const char *name = argc > 1 ? argv[1] : "";

	nr_threads = first && first < MAX_THREADS ? first : 1;
	rounds = second;
	if (!strcmp(name, "lock"))
		return run_lock();
	if (!strcmp(name, "tlb"))
		return run_tlb();
	if (!strcmp(name, "clock"))
		return run_clock(first);
	if (!strcmp(name, "burn"))
		return run_burn(second);
	if (!strcmp(name, "times"))
		return run_times();
	if (!strcmp(name, "ping")) {
		rounds = first;
		return run_ping();
	}
	if (!strcmp(name, "sleep")) {
		rounds = first;
		return run_sleep(second);
	}
	fprintf(stderr, "usage: guest lock|tlb|clock|burn|sleep|ping|times ...\n");
	return 2;
}
