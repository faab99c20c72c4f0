// SPDX-License-Identifier: GPL-2.0
/* fork, vfork, exec, exit, copy on write: in storms. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "checks.h"

#define FORKS 200
#define AT_ONCE 24
#define EXECS 40
#define PAGES 64

static void statuses(void)
{
	bool good = true;

	for (int i = 0; i < FORKS; i++) {
		int status, child = fork();

		if (!child)
			_exit(i & 0xff);
		good &= waitpid(child, &status, 0) == child &&
			WIFEXITED(status) && WEXITSTATUS(status) == (i & 0xff);
	}
	check(good, "%d children, each with its status", FORKS);
}

static void at_once(void)
{
	uint8_t seen[AT_ONCE] = { 0 };
	bool good = true;
	int status;

	for (int i = 0; i < AT_ONCE; i++)
		if (!fork()) {
			sleep_ms(1);
			_exit(i);
		}
	for (int i = 0; i < AT_ONCE; i++) {
		good &= wait(&status) > 0 && WIFEXITED(status) &&
			WEXITSTATUS(status) < AT_ONCE;
		seen[WEXITSTATUS(status) % AT_ONCE]++;
	}
	for (int i = 0; i < AT_ONCE; i++)
		good &= seen[i] == 1;
	check(good, "%d at once", AT_ONCE);
}

static void execs(void)
{
	volatile bool good = true;	/* vfork() returns twice */
	char number[12];

	for (volatile int i = 0; i < EXECS; i++) {
		int status, child = i & 1 ? vfork() : fork();

		if (!child) {
			snprintf(number, sizeof(number), "%d", i);
			execl("/proc/self/exe", "checks", "--exit", number,
			      NULL);
			_exit(255);
		}
		good &= waitpid(child, &status, 0) == child &&
			WIFEXITED(status) && WEXITSTATUS(status) == i;
	}
	check(good, "%d programs executed", EXECS);
}

/* Each generation changes a page and finds the others as they were. */
static int generation(volatile uint32_t *pages, int depth)
{
	int child = 0;

	for (int i = 0; i < PAGES; i++)
		if (pages[i * 1024] != (i < depth ? 1000u + i : (uint32_t)i))
			return 1;
	if (depth == 8)
		return 0;
	pages[depth * 1024] = 1000 + depth;
	child = fork();
	if (!child)
		_exit(generation(pages, depth + 1));
	/* What the child wrote is not ours. */
	if (!child_ok(child) || pages[(depth + 1) * 1024] != depth + 1u)
		return 1;
	return 0;
}

static void copies(void)
{
	uint32_t *pages = mmap(NULL, PAGES * 4096, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (int i = 0; i < PAGES; i++)
		pages[i * 1024] = i;
	check(generation(pages, 0) == 0, "copy on write over 8 generations");
	munmap(pages, PAGES * 4096);
}

void check_processes(void)
{
	fflush(NULL);
	statuses();
	at_once();
	execs();
	copies();
}
