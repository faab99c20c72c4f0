// SPDX-License-Identifier: GPL-2.0
/*
 * Runs tiny bare-metal guests, one thread each, on the real driver: the
 * passage tests.  A guest is a flat binary linked at COLINUX_PORT_TEXT_VA +
 * 0x1000 that prints TAP lines with HC_CONSOLE and ends with HC_END.
 *
 * usage: passage-run [-t SECONDS] GUEST.bin [GUEST.bin]...
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <colinux/hypercall.h>
#include <colinux/ioctl.h>

#define MEMORY		(8ull << 20)
#define TABLES		0x500000	/* first page tables, in guest RAM */
#define PRESENT_RW	3
#define PAGE_2M		0x80

#define CALL(nr, type) _IOWR(COLINUX_IOC_TYPE, nr, type)

struct guest {
	const char *file;
	int fd;
	unsigned char *ram;
	struct colinux_extent extent;
	pthread_t thread;
	int failed;
};

static pthread_mutex_t output = PTHREAD_MUTEX_INITIALIZER;

static void die(const char *what)
{
	fprintf(stderr, "passage-run: %s: %s\n", what, strerror(errno));
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

static void load(struct guest *g)
{
	struct colinux_version version = { .abi_version = COLINUX_ABI_VERSION };
	struct colinux_create create = {
		.memory = MEMORY, .image = MEMORY, .nr_vcpus = 1,
	};
	struct colinux_get_extents extents = {
		.table = (uintptr_t)&g->extent, .nr = 1,
	};
	struct colinux_vcpu_setup setup = { 0 };
	struct colinux_boot_info *boot;
	unsigned int next = 1;
	ssize_t n;
	int file;

	g->fd = open("/dev/colinux", O_RDWR | O_CLOEXEC);
	if (g->fd < 0)
		die("/dev/colinux");
	if (ioctl(g->fd, CALL(COLINUX_IOC_VERSION, struct colinux_version),
		  &version))
		die("VERSION");
	snprintf(create.name, sizeof(create.name), "%.60s", g->file);
	if (ioctl(g->fd, CALL(COLINUX_IOC_CREATE, struct colinux_create),
		  &create))
		die("CREATE");
	if (ioctl(g->fd, CALL(COLINUX_IOC_GET_EXTENTS,
			      struct colinux_get_extents), &extents))
		die("GET_EXTENTS");
	g->ram = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, g->fd,
		      0);
	if (g->ram == MAP_FAILED)
		die("mmap");

	file = open(g->file, O_RDONLY);
	if (file < 0)
		die(g->file);
	n = read(file, g->ram + COLINUX_PORT_LINK_TEXT, 0x100000);
	if (n <= 0)
		die(g->file);
	close(file);

	map(g, (int)version.levels, COLINUX_PORT_TEXT_VA,
	    g->extent.machine + COLINUX_PORT_TEXT_OFFSET, &next);
	map(g, (int)version.levels, COLINUX_PORT_DATA_VA,
	    g->extent.machine + COLINUX_PORT_DATA_OFFSET, &next);
	boot = (void *)(g->ram + COLINUX_PORT_DATA_OFFSET + COLINUX_BOOT_INFO);
	boot->magic = COLINUX_BOOT_MAGIC;
	boot->abi_version = COLINUX_ABI_VERSION;
	boot->nr_vcpus = 1;
	boot->tsc_khz = version.tsc_khz;
	boot->port_machine = g->extent.machine;
	boot->data_machine = g->extent.machine + COLINUX_PORT_DATA_OFFSET;

	setup.rip = COLINUX_PORT_TEXT_VA + COLINUX_PORT_LINK_TEXT;
	setup.rsp = COLINUX_PORT_DATA_VA + COLINUX_VCPU_AREAS - 64;
	setup.cr3 = g->extent.machine + TABLES;
	if (ioctl(g->fd, CALL(COLINUX_IOC_VCPU_SETUP,
			      struct colinux_vcpu_setup), &setup))
		die("VCPU_SETUP");
}

static void console(struct guest *g, uint64_t machine, uint64_t len)
{
	if (len > 4096 || machine < g->extent.machine ||
	    machine + len > g->extent.machine + MEMORY)
		return;
	pthread_mutex_lock(&output);
	fwrite(g->ram + (machine - g->extent.machine), 1, len, stdout);
	fflush(stdout);
	pthread_mutex_unlock(&output);
}

static void *run(void *arg)
{
	struct guest *g = arg;
	struct colinux_run r = { 0 };

	for (;;) {
		if (ioctl(g->fd, CALL(COLINUX_IOC_VCPU_RUN, struct colinux_run),
			  &r)) {
			if (errno == EINTR)
				continue;
			die("VCPU_RUN");
		}
		if (r.exit == COLINUX_RUN_INTR)
			continue;
		if (r.exit == COLINUX_RUN_KILLED) {
			printf("# %s: ended: %s\n", g->file, r.reason);
			g->failed = 1;
			return NULL;
		}
		if (r.nr == COLINUX_HC_CONSOLE) {
			console(g, r.args[1], r.args[2]);
			r.ret = 0;
		} else if (r.nr == COLINUX_HC_END) {
			g->failed = r.args[0] != COLINUX_END_POWEROFF;
			return NULL;
		} else {
			r.ret = -ENOSYS;
		}
	}
}

static void too_long(int sig)
{
	static const char text[] = "not ok - time limit\n";

	(void)sig;
	if (write(1, text, sizeof(text) - 1) < 0)
		_exit(3);
	_exit(3);
}

int main(int argc, char **argv)
{
	struct guest *guests;
	int opt, failed = 0;
	unsigned int limit = 60;

	while ((opt = getopt(argc, argv, "t:")) != -1) {
		if (opt != 't')
			return 2;
		limit = (unsigned int)atoi(optarg);
	}
	signal(SIGALRM, too_long);
	alarm(limit);
	guests = calloc((size_t)argc, sizeof(*guests));
	if (!guests)
		die("memory");
	for (int i = optind; i < argc; i++) {
		guests[i].file = argv[i];
		load(&guests[i]);
	}
	for (int i = optind; i < argc; i++)
		if (pthread_create(&guests[i].thread, NULL, run, &guests[i]))
			die("thread");
	for (int i = optind; i < argc; i++) {
		pthread_join(guests[i].thread, NULL);
		failed |= guests[i].failed;
	}
	return failed;
}
