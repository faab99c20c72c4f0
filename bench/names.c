// SPDX-License-Identifier: GPL-2.0
/*
 * names: a storm of names in a directory, on any kernel.  Static, alone.
 *
 *   names NAME DIRECTORY FILES ROUNDS
 *
 * Each file is made, written, looked at, renamed, found in the directory and
 * removed: six operations.  One line, "load NAME TICKS": the fastest round,
 * ticks of the TSC per operation.
 */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPERATIONS 6

static uint64_t ticks(void)
{
	uint32_t lo, hi;

	__asm__ volatile("lfence; rdtsc" : "=a"(lo), "=d"(hi)::"memory");
	return (uint64_t)hi << 32 | lo;
}

static const char *path(const char *kind, unsigned long n)
{
	static char text[2][64];
	static int which;

	which = !which;
	snprintf(text[which], sizeof(text[which]), "%s%lu", kind, n);
	return text[which];
}

static int make(unsigned long n)
{
	int fd = open(path("a", n), O_CREAT | O_EXCL | O_WRONLY, 0600);
	int failed = fd < 0 || write(fd, "name", 4) != 4;

	return (fd >= 0 && close(fd) < 0) || failed;
}

static unsigned long count(void)
{
	struct dirent *entry;
	unsigned long found = 0;
	DIR *directory = opendir(".");

	while (directory && (entry = readdir(directory)))
		found += entry->d_name[0] == 'b';
	if (directory)
		closedir(directory);
	return found;
}

static int storm(unsigned long files)
{
	struct stat status;
	unsigned long n;
	int failed = 0;

	for (n = 0; n < files; n++)
		failed |= make(n);
	for (n = 0; n < files; n++)
		failed |= stat(path("a", n), &status) || status.st_size != 4;
	for (n = 0; n < files; n++)
		failed |= rename(path("a", n), path("b", n));
	failed |= count() != files;
	for (n = 0; n < files; n++)
		failed |= unlink(path("b", n));
	return failed;
}

int main(int argc, char **argv)
{
	uint64_t best = UINT64_MAX, took;
	unsigned long files, rounds;
	int failed = 0;

	if (argc != 5 || chdir(argv[2]) < 0) {
		fprintf(stderr, "usage: names NAME DIRECTORY FILES ROUNDS\n");
		return 2;
	}
	files = strtoul(argv[3], NULL, 0);
	for (rounds = strtoul(argv[4], NULL, 0); rounds && !failed; rounds--) {
		took = ticks();
		failed = storm(files);
		took = ticks() - took;
		if (took < best)
			best = took;
	}
	if (failed || !files || best == UINT64_MAX) {
		printf("load %s failed\n", argv[1]);
		return 1;
	}
	printf("load %s %" PRIu64 "\n", argv[1], best / (files * OPERATIONS));
	return 0;
}
