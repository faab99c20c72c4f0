// SPDX-License-Identifier: GPL-2.0
/*
 * Run in a guest, or on the host: fill MB of memory with the address of each
 * word, mixed, then look at all of it ROUNDS times, inverting it each time.
 * `hold` keeps the memory until it is killed.
 *
 *   pattern MB [ROUNDS [hold]]
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE 4096ul

static uint64_t word(size_t i, uint64_t flip)
{
	return (i * 0x9e3779b97f4a7c15ull) ^ flip;
}

/* Two words a page would miss a frame that is mapped twice by halves. */
#define STEP 64		/* words: one of each 512 bytes */

int main(int argc, char **argv)
{
	size_t size = argc > 1 ? strtoul(argv[1], NULL, 10) << 20 : 0;
	unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
	volatile uint64_t *at;
	uint64_t flip = 0;
	size_t bad = 0;

	at = mmap(NULL, size, PROT_READ | PROT_WRITE,
		  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED) {
		perror("pattern: mmap");
		return 1;
	}
	for (size_t i = 0; i < size / 8; i += STEP)
		at[i] = word(i, flip);
	for (unsigned long round = 0; round < rounds; round++) {
		for (size_t i = 0; i < size / 8; i += STEP) {
			bad += at[i] != word(i, flip);
			at[i] = word(i, ~flip);
		}
		flip = ~flip;
	}
	printf("pattern: %zu MB, %zu wrong\n", size >> 20, bad);
	fflush(stdout);
	while (argc > 3 && !strcmp(argv[3], "hold"))
		pause();
	return bad != 0;
}
