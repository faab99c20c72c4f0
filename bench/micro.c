// SPDX-License-Identifier: GPL-2.0
/*
 * micro: what the basic operations of a kernel cost, on any kernel.  Static,
 * alone, without options, so that it runs in the smallest initrd.
 *
 *   micro [-d N] [NAME...]   a line per benchmark: NAME TICKS-PER-OPERATION
 *
 * N divides the operations of a round, for machines that are slow.
 *
 * A tick is one of the TSC; in a machine that counts instructions instead of
 * time (box/run --icount) it is one instruction.  Each benchmark runs in rounds
 * and reports the median one, so that a timer interrupt does not matter but
 * what every round pays does.  Files are made in /tmp.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS 11
#define COPY_SIZE (1u << 20)
#define PIPE_SIZE 4096
#define PAGES 512
#define PAGE 4096

struct bench {
	const char *name;
	unsigned int operations;	/* in a round */
	unsigned int least;		/* however it is divided */
	void (*run)(unsigned int operations);
};

static const char *self;
static char *copy_from, *copy_to;

static uint64_t ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

static void must(int good, const char *what)
{
	if (!good) {
		perror(what);
		exit(1);
	}
}

static void run_cpu(unsigned int n)
{
	uint64_t x = n;

	while (n--)
		__asm__ volatile("imul $1103515245, %0, %0\n\tinc %0" : "+r"(x));
}

static void run_syscall(unsigned int n)
{
	while (n--)
		syscall(SYS_getppid);
}

static void run_clock(unsigned int n)
{
	struct timespec now;

	while (n--)
		clock_gettime(CLOCK_MONOTONIC, &now);
}

static void run_memcpy(unsigned int n)
{
	while (n--) {
		memcpy(copy_to, copy_from, COPY_SIZE);
		__asm__ volatile("" ::: "memory");
	}
}

/* Two processes that have only each other to give the CPU to. */
static void run_yield(unsigned int n)
{
	pid_t child = fork();

	must(child >= 0, "fork");
	for (unsigned int i = 0; i < n / 2; i++)
		sched_yield();
	if (!child)
		_exit(0);
	waitpid(child, NULL, 0);
}

/* A byte to and fro: two context switches each. */
static void run_ping(unsigned int n)
{
	int there[2], back[2];
	char c = 0;
	pid_t child;

	must(!pipe(there) && !pipe(back), "pipe");
	child = fork();
	must(child >= 0, "fork");
	if (!child) {
		close(there[1]);
		while (read(there[0], &c, 1) == 1)
			must(write(back[1], &c, 1) == 1, "write");
		_exit(0);
	}
	while (n--)
		must(write(there[1], &c, 1) == 1 && read(back[0], &c, 1) == 1,
		     "pipe");
	close(there[0]);
	close(there[1]);
	waitpid(child, NULL, 0);
	close(back[0]);
	close(back[1]);
}

static void run_pipe(unsigned int n)
{
	char page[PIPE_SIZE] = { 0 };
	int ends[2];

	must(!pipe(ends), "pipe");
	while (n--)
		must(write(ends[1], page, sizeof(page)) == sizeof(page) &&
			     read(ends[0], page, sizeof(page)) == sizeof(page),
		     "pipe");
	close(ends[0]);
	close(ends[1]);
}

static void run_fork(unsigned int n)
{
	while (n--) {
		pid_t child = fork();

		must(child >= 0, "fork");
		if (!child)
			_exit(0);
		waitpid(child, NULL, 0);
	}
}

static void run_exec(unsigned int n)
{
	while (n--) {
		pid_t child = fork();

		must(child >= 0, "fork");
		if (!child) {
			execl(self, self, "nothing", NULL);
			_exit(1);
		}
		waitpid(child, NULL, 0);
	}
}

/* An operation is a page. */
static void run_fault(unsigned int n)
{
	for (; n >= PAGES; n -= PAGES) {
		char *at = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		must(at != MAP_FAILED, "mmap");
		madvise(at, PAGES * PAGE, MADV_NOHUGEPAGE);
		for (unsigned int i = 0; i < PAGES; i++)
			((volatile char *)at)[i * PAGE] = 1;
		munmap(at, PAGES * PAGE);
	}
}

static void run_mmap(unsigned int n)
{
	while (n--) {
		void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		must(at != MAP_FAILED, "mmap");
		munmap(at, PAGE);
	}
}

static void run_file(unsigned int n)
{
	while (n--) {
		int fd = open("/tmp/bench-micro", O_CREAT | O_EXCL | O_WRONLY,
			      0600);

		must(fd >= 0 && write(fd, "x", 1) == 1, "/tmp/bench-micro");
		close(fd);
		unlink("/tmp/bench-micro");
	}
}

static const struct bench benches[] = {
	{ "cpu", 1000000, 1000, run_cpu },
	{ "memcpy-1M", 8, 1, run_memcpy },
	{ "clock_gettime", 20000, 100, run_clock },
	{ "syscall", 20000, 100, run_syscall },
	{ "yield", 4000, 100, run_yield },
	{ "pipe-ping", 1000, 50, run_ping },
	{ "pipe-4k", 2000, 100, run_pipe },
	{ "fork+exit", 40, 4, run_fork },
	{ "fork+exec", 20, 2, run_exec },
	{ "page-fault", PAGES * 4, PAGES, run_fault },
	{ "mmap+munmap", 2000, 100, run_mmap },
	{ "file-create", 500, 50, run_file },
};

static int by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void measure(const struct bench *bench, unsigned int divide)
{
	unsigned int operations = bench->operations / divide;
	uint64_t rounds[ROUNDS];

	/* The pages of a mapping are one unit. */
	if (bench->run == run_fault)
		operations = operations / PAGES * PAGES;
	if (operations < bench->least)
		operations = bench->least;
	bench->run(operations);
	for (int i = 0; i < ROUNDS; i++) {
		uint64_t start = ticks();

		bench->run(operations);
		rounds[i] = ticks() - start;
	}
	qsort(rounds, ROUNDS, sizeof(rounds[0]), by_size);
	printf("micro %s %.2f\n", bench->name,
	       (double)rounds[ROUNDS / 2] / operations);
	fflush(stdout);
}

static int wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], name))
			return 1;
	return argc < 2;
}

int main(int argc, char **argv)
{
	unsigned int divide = 1;

	if (argc == 2 && !strcmp(argv[1], "nothing"))
		return 0;
	self = argv[0];
	if (argc > 2 && !strcmp(argv[1], "-d")) {
		divide = (unsigned int)strtoul(argv[2], NULL, 0);
		must(divide > 0, "-d");
		argv += 2;
		argc -= 2;
	}
	copy_from = calloc(1, COPY_SIZE);
	copy_to = calloc(1, COPY_SIZE);
	must(copy_from && copy_to, "memory");
	memset(copy_from, 1, COPY_SIZE);
	for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++)
		if (wanted(benches[i].name, argc, argv))
			measure(&benches[i], divide);
	return 0;
}
