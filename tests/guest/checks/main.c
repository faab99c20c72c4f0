// SPDX-License-Identifier: GPL-2.0
/* usage: checks [SUBJECT]...: run the checks of these, or all. */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "checks.h"

static const struct {
	const char *name;
	void (*run)(void);
} subjects[] = {
	{ "timers", check_timers },
	{ "signals", check_signals },
	{ "futexes", check_futexes },
	{ "registers", check_registers },
	{ "debug", check_debug },
	{ "clocks", check_clocks },
	{ "compat", check_compat },
	{ "processes", check_processes },
	{ "rseq", check_rseq },
};

#define NR_SUBJECTS (sizeof(subjects) / sizeof(subjects[0]))

static unsigned int count, failed;
static cpu_set_t cpus;

bool check(bool ok, const char *format, ...)
{
	va_list args;

	printf("%s %u - ", ok ? "ok" : "not ok", ++count);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
	failed += !ok;
	return ok;
}

void skip(const char *what, const char *why)
{
	printf("ok %u - %s # SKIP %s\n", ++count, what, why);
	fflush(stdout);
}

void die(const char *what)
{
	printf("not ok %u - %s: %s\n", ++count, what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

bool child_ok(int pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return status == 0;
}

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void sleep_ms(unsigned int ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

unsigned int nr_cpus(void)
{
	return CPU_COUNT(&cpus);
}

void pin(unsigned int n)
{
	cpu_set_t set;
	int cpu = -1;

	do
		cpu += 1;
	while (!CPU_ISSET(cpu, &cpus) || n--);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

int main(int argc, char **argv)
{
	/* What check_processes() executes. */
	if (argc == 3 && !strcmp(argv[1], "--exit"))
		return atoi(argv[2]);
	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		die("sched_getaffinity");
	for (size_t i = 0; i < NR_SUBJECTS; i++) {
		bool wanted = argc == 1;

		for (int a = 1; a < argc; a++)
			wanted |= !strcmp(argv[a], subjects[i].name);
		if (wanted) {
			printf("# %s\n", subjects[i].name);
			fflush(stdout);
			subjects[i].run();
			sched_setaffinity(0, sizeof(cpus), &cpus);
		}
	}
	printf("1..%u\n", count);
	return failed != 0;
}
