// SPDX-License-Identifier: GPL-2.0
/*
 * Makes a VM of a flat guest binary: memory, first page tables, boot
 * information, first registers.  Knows nothing of how it is run.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "run.h"

#define TABLES		0x500000	/* first page tables, in guest RAM */
#define PRESENT_RW	3
#define PAGE_2M		0x80

void fatal(const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what,
		strerror(errno));
	exit(1);
}

/* Map one 2 MiB page at `va` in the tables at RAM offset TABLES. */
static void map(struct guest *g, int levels, uint64_t va, uint64_t machine,
		unsigned int *next)
{
	uint64_t *table = (uint64_t *)(g->ram + TABLES);

	for (int level = levels; level > 2; level--) {
		uint64_t *e = &table[va >> (12 + 9 * (level - 1)) & 511];

		if (!*e) {
			*e = (g->extent.machine + TABLES + 4096ull * *next) |
			     PRESENT_RW;
			(*next)++;
		}
		table = (uint64_t *)(g->ram + (*e & ~0xfffull) -
				     g->extent.machine);
	}
	table[va >> 21 & 511] = machine | PRESENT_RW | PAGE_2M;
}

static void read_image(struct guest *g)
{
	ssize_t n;
	int file;

	file = open(g->file, O_RDONLY);
	if (file < 0)
		fatal(g->file);
	n = read(file, g->ram + COLINUX_PORT_LINK_TEXT, 0x100000);
	if (n <= 0)
		fatal(g->file);
	close(file);
}

void load(struct guest *g)
{
	struct colinux_version version = { .abi_version = COLINUX_ABI_VERSION };
	struct colinux_create create = {
		.memory = MEMORY, .image = MEMORY, .nr_vcpus = VCPUS,
		.watchdog = g->watchdog,
	};
	struct colinux_get_extents extents = {
		.table = (uintptr_t)&g->extent, .nr = 1,
	};
	struct colinux_vcpu_setup setup = { 0 };
	struct colinux_boot_info *boot;
	unsigned int next = 1;
	const char *name = strrchr(g->file, '/');

	g->name = name ? name + 1 : g->file;
	g->fd = open("/dev/colinux", O_RDWR | O_CLOEXEC);
	if (g->fd < 0)
		fatal("/dev/colinux");
	if (CALL(g->fd, VERSION, &version))
		fatal("VERSION");
	snprintf(create.name, sizeof(create.name), "%.60s", g->name);
	if (CALL(g->fd, CREATE, &create))
		fatal("CREATE");
	if (CALL(g->fd, GET_EXTENTS, &extents))
		fatal("GET_EXTENTS");
	g->ram = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, g->fd,
		      0);
	if (g->ram == MAP_FAILED)
		fatal("mmap");
	read_image(g);

	map(g, (int)version.levels, COLINUX_PORT_TEXT_VA,
	    g->extent.machine + COLINUX_PORT_TEXT_OFFSET, &next);
	map(g, (int)version.levels, COLINUX_PORT_DATA_VA,
	    g->extent.machine + COLINUX_PORT_DATA_OFFSET, &next);
	boot = (void *)(g->ram + COLINUX_PORT_DATA_OFFSET + COLINUX_BOOT_INFO);
	boot->magic = COLINUX_BOOT_MAGIC;
	boot->abi_version = COLINUX_ABI_VERSION;
	boot->nr_vcpus = VCPUS;
	boot->tsc_khz = version.tsc_khz;
	boot->port_machine = g->extent.machine;
	boot->data_machine = g->extent.machine + COLINUX_PORT_DATA_OFFSET;

	setup.rip = COLINUX_PORT_TEXT_VA + COLINUX_PORT_LINK_TEXT;
	setup.rsp = COLINUX_PORT_DATA_VA + COLINUX_VCPU_AREAS - 64;
	setup.cr3 = g->extent.machine + TABLES;
	if (CALL(g->fd, VCPU_SETUP, &setup))
		fatal("VCPU_SETUP");
}
