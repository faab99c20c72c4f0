// SPDX-License-Identifier: GPL-2.0
/*
 * Run on the host: take all of its memory that a guest could have, by the
 * driver, and give every other block of 2 MiB back: what is free is in pieces of
 * that size, and nothing can be moved out of the way.  Holds the rest until
 * killed.  A line "run MB" on stdin gives a piece of that size back.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <colinux/ioctl.h>

#define BLOCK (2ull << 20)
#define PORT (2 * BLOCK)	/* the driver keeps these */
#define EXTENTS 4096
#define LEFT (32 * BLOCK)	/* for the host's programs meanwhile */

static struct colinux_extent extents[EXTENTS];
static uint32_t nr_extents;
static int vm;

static void fatal(const char *what)
{
	printf("blocks: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Bytes that the kernel thinks a program could have. */
static uint64_t available(void)
{
	char line[100];
	FILE *f = fopen("/proc/meminfo", "r");
	uint64_t kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "MemAvailable: %lu kB", &kb) == 1)
			break;
	if (!f || !kb)
		fatal("/proc/meminfo");
	fclose(f);
	return kb << 10;
}

/* All that the driver gives: less by and by. */
static uint64_t take_all(void)
{
	struct colinux_create create = { .image = 4 * BLOCK, .nr_vcpus = 1,
					 .name = "blocks" };
	struct colinux_get_extents get = { .table = (uintptr_t)extents,
					   .nr = EXTENTS };

	for (create.memory = (available() - LEFT) & -BLOCK;;
	     create.memory -= 4 * BLOCK) {
		vm = open("/dev/colinux", O_RDWR | O_CLOEXEC);
		if (vm < 0 || create.memory < 64 * BLOCK)
			fatal("/dev/colinux");
		if (!ioctl(vm, _IOWR(COLINUX_IOC_TYPE, COLINUX_IOC_CREATE,
				     struct colinux_create), &create))
			break;
		if (errno != ENOMEM)
			fatal("CREATE");
		close(vm);
	}
	if (ioctl(vm, _IOWR(COLINUX_IOC_TYPE, COLINUX_IOC_GET_EXTENTS,
			    struct colinux_get_extents), &get))
		fatal("GET_EXTENTS");
	nr_extents = get.nr;
	return create.memory;
}

/* Give a block back; what is gone already stays so. */
static bool give(uint64_t offset)
{
	struct colinux_range range = { .offset = offset, .size = BLOCK };

	return !ioctl(vm, _IOWR(COLINUX_IOC_TYPE, COLINUX_IOC_RELEASE,
				struct colinux_range), &range);
}

static uint64_t give_every_other(void)
{
	uint64_t offset = 0, given = 0;

	for (uint32_t i = 0; i < nr_extents; i++)
		for (uint64_t at = extents[i].machine;
		     at < extents[i].machine + extents[i].size;
		     at += BLOCK, offset += BLOCK)
			if (offset >= PORT && at / BLOCK % 2 && give(offset))
				given += BLOCK;
	return given;
}

static bool give_run(uint64_t size)
{
	uint64_t offset = 0;

	for (uint32_t i = 0; i < nr_extents; offset += extents[i++].size) {
		if (extents[i].size < size + PORT)
			continue;
		for (uint64_t at = PORT; at < size + PORT; at += BLOCK)
			give(offset + at);
		return true;
	}
	return false;
}

int main(void)
{
	unsigned long mb;
	uint64_t all;

	setvbuf(stdout, NULL, _IOLBF, 0);
	all = take_all();
	printf("blocks: %lu of %lu MB free\n", give_every_other() >> 20,
	       all >> 20);
	while (scanf(" run %lu", &mb) == 1)
		printf("blocks: %s of %lu MB\n",
		       give_run((uint64_t)mb << 20) ? "a run" : "no run", mb);
	for (;;)
		pause();
}
