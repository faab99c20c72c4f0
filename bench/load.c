// SPDX-License-Identifier: GPL-2.0
/*
 * load: how long whole programs take, on any kernel.  Static, alone.
 *
 *   load time NAME ROUNDS COMMAND...   runs COMMAND that often, its output
 *                                      thrown away
 *   load parallel NAME ROUNDS N LOOPS  N processes that compute LOOPS each, at
 *                                      the same time
 *
 * One line, "load NAME TICKS": the fastest round, in ticks of the TSC, which
 * are instructions where the machine counts these (box/run --icount).  Status 1
 * when a round fails.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES_MAX 64

static uint64_t ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

static int run_command(char **argv)
{
	int status, nothing;
	pid_t child = fork();

	if (!child) {
		nothing = open("/dev/null", O_RDWR);
		dup2(nothing, 0);
		dup2(nothing, 1);
		execv(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		return -1;
	return status;
}

static void compute(unsigned long left)
{
	__asm__ volatile("1: dec %0; jnz 1b" : "+r"(left));
}

static int run_parallel(char **argv)
{
	unsigned long n = strtoul(argv[0], NULL, 0);
	unsigned long loops = strtoul(argv[1], NULL, 0);
	int status, failed = n < 1 || n > PROCESSES_MAX || !loops;

	for (unsigned long i = 0; !failed && i < n; i++) {
		pid_t child = fork();

		if (!child) {
			compute(loops);
			_exit(0);
		}
		failed = child < 0;
	}
	while (wait(&status) > 0)
		failed |= status;
	return failed;
}

int main(int argc, char **argv)
{
	uint64_t best = UINT64_MAX;
	int parallel, failed = 0;

	parallel = argc == 6 && !strcmp(argv[1], "parallel");
	if (!parallel && (argc < 5 || strcmp(argv[1], "time"))) {
		fprintf(stderr, "usage: load time|parallel NAME ROUNDS ...\n");
		return 2;
	}
	for (long left = strtol(argv[3], NULL, 0); left > 0 && !failed;
	     left--) {
		uint64_t start = ticks(), took;

		failed = parallel ? run_parallel(argv + 4) :
				    run_command(argv + 4);
		took = ticks() - start;
		if (took < best)
			best = took;
	}
	if (failed || best == UINT64_MAX) {
		printf("load %s failed\n", argv[2]);
		return 1;
	}
	printf("load %s %" PRIu64 "\n", argv[2], best);
	return 0;
}
