// SPDX-License-Identifier: GPL-2.0
/*
 * Run on the host: take MB of its memory by single pages, give every other one
 * back and hold the rest until killed.  No two free pages of it are neighbours.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096ul

int main(int argc, char **argv)
{
	size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) << 20 : 0;
	char *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || madvise(at, size, MADV_NOHUGEPAGE)) {
		perror("fragment");
		return 1;
	}
	for (size_t i = 0; i < size; i += PAGE)
		at[i] = i >> 12 | 1;
	for (size_t i = 0; i < size; i += 2 * PAGE)
		if (madvise(at + i, PAGE, MADV_DONTNEED)) {
			perror("fragment");
			return 1;
		}
	printf("fragmented %zu MB\n", size >> 20);
	fflush(stdout);
	for (;;)
		pause();
}
