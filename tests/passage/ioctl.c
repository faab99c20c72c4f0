// SPDX-License-Identifier: GPL-2.0
/*
 * The driver's calls with hostile arguments, in wrong order and from several
 * threads; run as root on the box's host.  Prints TAP.
 *
 * usage: ioctl SPIN.bin
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "run.h"
#include "tap.h"

#define MIB		(1ull << 20)
#define FUNCTIONS	10
#define FUZZ_ROUNDS	20000

static const struct {
	const char *name;
	unsigned long request;
	unsigned int size;
} calls[FUNCTIONS] = {
#define ENTRY(n) { #n, _IOWR(COLINUX_IOC_TYPE, COLINUX_IOC_##n, TYPE_##n), \
		   sizeof(TYPE_##n) }
	ENTRY(VERSION), ENTRY(CREATE), ENTRY(GET_EXTENTS), ENTRY(VCPU_SETUP),
	ENTRY(VCPU_RUN), ENTRY(SET_IRQ), ENTRY(IRQFD), ENTRY(DOORBELL),
	ENTRY(KICK), ENTRY(STATS),
};

static int open_device(void)
{
	int fd = open("/dev/colinux", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		fatal("/dev/colinux");
	return fd;
}

/* errno of a call, 0 = it succeeded. */
static int error_of(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? errno : 0;
}

static int create(int fd, uint64_t memory, uint64_t image, uint32_t vcpus)
{
	struct colinux_create c = {
		.memory = memory, .image = image, .nr_vcpus = vcpus,
		.name = "ioctl",
	};

	return CALL(fd, CREATE, &c) < 0 ? errno : 0;
}

static void wrong_codes(void)
{
	char buffer[16384] = { 0 };
	int fd = open_device(), bad = 0;

	for (unsigned int nr = FUNCTIONS; nr < 256; nr++)
		/* tests/memory/release.c has these two. */
		if (nr != COLINUX_IOC_RELEASE && nr != COLINUX_IOC_RECLAIM)
			bad += error_of(fd, _IOC(3, COLINUX_IOC_TYPE, nr, 64),
					buffer) != ENOTTY;
	check(!bad, "functions that there are not: ENOTTY");
	for (int i = bad = 0; i < FUNCTIONS; i++) {
		bad += error_of(fd, _IOC(3, COLINUX_IOC_TYPE, i,
					 calls[i].size - 8), buffer) != EINVAL;
		bad += error_of(fd, _IOC(3, COLINUX_IOC_TYPE, i,
					 calls[i].size + 8), buffer) != EINVAL;
		bad += error_of(fd, _IOC(3, COLINUX_IOC_TYPE, i, 16383),
				buffer) != EINVAL;
		bad += error_of(fd, _IOC(3, 'x', i, calls[i].size), buffer) !=
		       ENOTTY;
	}
	check(!bad, "wrong sizes: EINVAL; wrong type: ENOTTY");
	for (int i = bad = 0; i < FUNCTIONS; i++) {
		bad += error_of(fd, calls[i].request, NULL) != EFAULT;
		bad += error_of(fd, calls[i].request, (void *)-4096l) !=
		       EFAULT;
		bad += error_of(fd, calls[i].request,
				(void *)0xffff888000000000) != EFAULT;
	}
	check(!bad, "arguments that cannot be read: EFAULT");
	close(fd);
}

static void before_create(void)
{
	struct colinux_version v = { .abi_version = 12345 };
	char buffer[sizeof(struct colinux_stats)] = { 0 };
	int fd = open_device(), bad = 0;

	check(error_of(fd, calls[0].request, &v) == EPROTO &&
		      v.abi_version == COLINUX_ABI_VERSION && v.tsc_khz &&
		      (v.levels == 4 || v.levels == 5),
	      "VERSION with another version: EPROTO and the driver's own");
	for (int i = 2; i < FUNCTIONS; i++)
		bad += error_of(fd, calls[i].request, buffer) != ENODEV;
	check(!bad, "calls before CREATE: ENODEV");
	check(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED &&
		      errno == ENODEV,
	      "mmap before CREATE: ENODEV");
	check(read(fd, buffer, 1) < 0 && write(fd, buffer, 1) < 0,
	      "it cannot be read or written");
	close(fd);
}

static void bad_create(void)
{
	static const struct {
		const char *what;
		uint64_t memory, image;
		uint32_t vcpus;
		int err;
	} list[] = {
		{ "nothing", 0, 0, 1, EINVAL },
		{ "odd memory", 8 * MIB + 1, 8 * MIB, 1, EINVAL },
		{ "image too small", 8 * MIB, 2 * MIB, 1, EINVAL },
		{ "image too big", 8 * MIB, 10 * MIB, 1, EINVAL },
		{ "no vCPU", 8 * MIB, 8 * MIB, 0, EINVAL },
		{ "65 vCPUs", 8 * MIB, 8 * MIB, 65, EINVAL },
		{ "memory beyond any address", 1ull << 62, 8 * MIB, 1, EINVAL },
		{ "more memory than there is", 1ull << 40, 8 * MIB, 1, ENOMEM },
		{ "an image of that size", 1ull << 40, 1ull << 40, 1, ENOMEM },
	};
	struct colinux_create c = {
		.memory = 8 * MIB, .image = 8 * MIB, .nr_vcpus = 1,
	};
	int fd = open_device();

	for (unsigned int i = 0; i < sizeof(list) / sizeof(list[0]); i++)
		check(create(fd, list[i].memory, list[i].image,
			     list[i].vcpus) == list[i].err,
		      "CREATE: %s: %s", list[i].what, strerror(list[i].err));
	c.flags = 1;
	check(error_of(fd, calls[1].request, &c) == EINVAL, "CREATE: flags");
	c.flags = 0;
	c.watchdog = COLINUX_WATCHDOG_MAX + 1;
	check(error_of(fd, calls[1].request, &c) == EINVAL, "CREATE: watchdog");
	c.watchdog = 0;
	memset(c.name, 'x', sizeof(c.name));
	check(error_of(fd, calls[1].request, &c) == EINVAL,
	      "CREATE: a name without end");
	check(create(fd, 8 * MIB, 8 * MIB, 64) == 0, "CREATE: 64 vCPUs");
	check(create(fd, 8 * MIB, 8 * MIB, 1) == EEXIST, "CREATE twice: EEXIST");
	close(fd);
}

static void bad_arguments(void)
{
	struct colinux_extent table[4];
	struct colinux_get_extents get = { .table = (uintptr_t)table, .nr = 4 };
	struct colinux_vcpu_setup setup = { 0 };
	struct colinux_run run = { 0 };
	struct colinux_set_irq irq = { 0 };
	struct colinux_kick kick = { 0 };
	struct colinux_stats stats = { 0 };
	int fd = open_device();

	if (create(fd, 8 * MIB, 8 * MIB, 2))
		fatal("CREATE");
	check(CALL(fd, GET_EXTENTS, &get) == 0 && get.nr == 1 &&
		      table[0].size == 8 * MIB &&
		      table[0].machine % (2 * MIB) == 0,
	      "GET_EXTENTS");
	get.nr = 0;
	check(CALL(fd, GET_EXTENTS, &get) == 0 && get.nr == 1,
	      "GET_EXTENTS without room says how many there are");
	get.nr = ~0u;
	get.table = 0xffff888000000000;
	check(CALL(fd, GET_EXTENTS, &get) && errno == EFAULT,
	      "GET_EXTENTS into the kernel: EFAULT");
	get.pad = 1;
	check(CALL(fd, GET_EXTENTS, &get) && errno == EINVAL,
	      "GET_EXTENTS: padding: EINVAL");

	setup.cr3 = table[0].machine + 8 * MIB;
	check(CALL(fd, VCPU_SETUP, &setup) && errno == EINVAL,
	      "SETUP: CR3 behind the guest's memory: EINVAL");
	setup.cr3 = 0;
	check(CALL(fd, VCPU_SETUP, &setup) && errno == EINVAL,
	      "SETUP: the host's page 0 as CR3: EINVAL");
	setup.cr3 = table[0].machine;
	setup.vcpu = 2;
	check(CALL(fd, VCPU_SETUP, &setup) && errno == EINVAL,
	      "SETUP: no such vCPU: EINVAL");
	setup.vcpu = 0;
	setup.pad = 1;
	check(CALL(fd, VCPU_SETUP, &setup) && errno == EINVAL,
	      "SETUP: padding: EINVAL");

	check(CALL(fd, VCPU_RUN, &run) && errno == EINVAL,
	      "RUN before SETUP: EINVAL");
	run.vcpu = ~0u;
	check(CALL(fd, VCPU_RUN, &run) && errno == EINVAL,
	      "RUN: no such vCPU: EINVAL");
	irq.device = 64;
	check(CALL(fd, SET_IRQ, &irq) && errno == EINVAL, "SET_IRQ: device 64");
	irq.device = 0;
	irq.irq = 17;
	check(CALL(fd, SET_IRQ, &irq) && errno == EINVAL,
	      "SET_IRQ: interrupt 17");
	kick.vcpu = 2;
	check(CALL(fd, KICK, &kick) && errno == EINVAL, "KICK: vCPU 2 of 2");
	kick.vcpu = 1;
	kick.virq = 64;
	check(CALL(fd, KICK, &kick) && errno == EINVAL, "KICK: bit 64");
	kick.virq = 63;
	check(CALL(fd, KICK, &kick) == 0, "KICK of a vCPU that never ran");
	stats.vcpu = 2;
	check(CALL(fd, STATS, &stats) && errno == EINVAL, "STATS: vCPU 2 of 2");
	close(fd);
}

static void events(void)
{
	struct colinux_event e = { .device = 64, .fd = -1 };
	int fd = open_device(), event = eventfd(0, EFD_CLOEXEC), bad = 0;
	uint64_t one = 1;

	if (create(fd, 8 * MIB, 8 * MIB, 1) || event < 0)
		fatal("CREATE");
	bad |= !CALL(fd, IRQFD, &e) || errno != EINVAL;
	bad |= !CALL(fd, DOORBELL, &e) || errno != EINVAL;
	e.device = 0;
	e.queue = 16;
	bad |= !CALL(fd, DOORBELL, &e) || errno != EINVAL;
	e.queue = 17;
	bad |= !CALL(fd, IRQFD, &e) || errno != EINVAL;
	e.queue = 0;
	e.fd = -2;
	bad |= !CALL(fd, IRQFD, &e) || errno != EINVAL;
	bad |= !CALL(fd, DOORBELL, &e) || errno != EINVAL;
	e.fd = 1ll << 40;
	bad |= !CALL(fd, IRQFD, &e) || errno != EINVAL;
	bad |= !CALL(fd, DOORBELL, &e) || errno != EINVAL;
	check(!bad, "IRQFD, DOORBELL: device, queue or fd out of range: EINVAL");
	e.fd = 1000;
	bad |= !CALL(fd, IRQFD, &e) || errno != EBADF;
	bad |= !CALL(fd, DOORBELL, &e) || errno != EBADF;
	e.fd = fd;
	bad |= !CALL(fd, IRQFD, &e) || errno != EINVAL;
	bad |= !CALL(fd, DOORBELL, &e) || errno != EINVAL;
	e.fd = 0;
	bad |= !CALL(fd, DOORBELL, &e) || errno != EINVAL;
	check(!bad, "no file: EBADF; another kind of file: EINVAL");
	e.fd = event;
	for (int i = 0; i < 3; i++) {
		bad |= CALL(fd, IRQFD, &e) || CALL(fd, DOORBELL, &e);
		bad |= write(event, &one, sizeof(one)) != sizeof(one);
	}
	check(!bad, "tied again and again");
	e.fd = -1;
	bad |= CALL(fd, IRQFD, &e) || CALL(fd, IRQFD, &e);
	bad |= CALL(fd, DOORBELL, &e) || CALL(fd, DOORBELL, &e);
	check(!bad, "untied, twice");
	e.fd = event;
	for (e.device = 0; e.device < 64; e.device++)
		bad |= CALL(fd, IRQFD, &e) || CALL(fd, DOORBELL, &e);
	close(event);
	close(fd);
	check(!bad, "closed with everything tied, the event object first");
}

static sigjmp_buf bus_error;

static void on_bus_error(int sig)
{
	siglongjmp(bus_error, sig);
}

static void mappings(void)
{
	int fd = open_device(), status;
	volatile unsigned char *p;
	unsigned char *map;
	pid_t child;

	if (create(fd, 8 * MIB, 8 * MIB, 1))
		fatal("CREATE");
	check(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED &&
		      errno == EINVAL,
	      "a private mapping: EINVAL");
	check(mmap(NULL, 8 * MIB + 4096, PROT_READ, MAP_SHARED, fd, 0) ==
			      MAP_FAILED &&
		      errno == EINVAL,
	      "more than there is: EINVAL");
	check(mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd, 8 * MIB - 4096) ==
			      MAP_FAILED &&
		      errno == EINVAL,
	      "over the end: EINVAL");
	check(mmap(NULL, 8192, PROT_READ, MAP_SHARED, fd,
		   0x7ffffffffffff000) == MAP_FAILED,
	      "far behind the end");
	map = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		   4 * MIB);
	if (map == MAP_FAILED)
		fatal("mmap");
	p = map;
	check(!p[0] && !p[4 * MIB - 1], "memory is zero");
	p[4 * MIB - 1] = 77;
	child = fork();
	if (!child)
		_exit(p[4 * MIB - 1] == 77 ? 0 : 1);
	waitpid(child, &status, 0);
	check(status == 0, "a child sees it, and its end ends nothing");
	map = mremap(map, 4 * MIB, 4 * MIB + 8192, MREMAP_MAYMOVE);
	if (map != MAP_FAILED) {
		signal(SIGBUS, on_bus_error);
		p = map;
		if (!sigsetjmp(bus_error, 1)) {
			p[4 * MIB] = 1;
			check(false, "a grown mapping has nothing behind the end");
		} else {
			check(p[4 * MIB - 1] == 77,
			      "a grown mapping has nothing behind the end");
		}
		signal(SIGBUS, SIG_DFL);
	} else {
		check(true, "a mapping cannot grow");
		map = (unsigned char *)p;
	}
	close(fd);
	check(p[4 * MIB - 1] == 77, "memory is there until it is unmapped");
	munmap(map, 4 * MIB + 8192);
}

static struct guest guest;

static void nothing(int sig)
{
	(void)sig;
}

/* Runs until the descriptor is gone; the last errno. */
static void *spinner(void *arg)
{
	struct colinux_run r = { 0 };

	(void)arg;
	while (!CALL(guest.fd, VCPU_RUN, &r))
		r.ret = 0;
	return (void *)(long)errno;
}

static void wait_until_running(void)
{
	struct colinux_stats s = { 0 };

	do {
		if (CALL(guest.fd, STATS, &s))
			fatal("STATS");
	} while (s.exits_irq < 3);
}

static void several_threads(const char *file)
{
	struct colinux_vcpu_setup setup = { 0 };
	struct colinux_run r = { 0 };
	struct sigaction act = { .sa_handler = nothing };
	pthread_t thread;
	void *result;
	int copy;

	sigaction(SIGUSR1, &act, NULL);
	guest.file = file;
	load(&guest);
	setup.cr3 = guest.extent.machine;
	if (pthread_create(&thread, NULL, spinner, NULL))
		fatal("thread");
	wait_until_running();
	check(CALL(guest.fd, VCPU_RUN, &r) && errno == EBUSY,
	      "RUN of a vCPU that runs: EBUSY");
	check(CALL(guest.fd, VCPU_SETUP, &setup) && errno == EBUSY,
	      "SETUP of a vCPU that runs: EBUSY");
	/* Close it under the running thread; its call keeps the VM. */
	copy = guest.fd;
	munmap(guest.ram, MEMORY);
	close(copy);
	check(CALL(copy, STATS, &r) && errno == EBADF, "closed while it runs");
	pthread_kill(thread, SIGUSR1);
	pthread_join(thread, &result);
	check((long)result == EBADF, "a signal ends the thread's last run");
}

/* Numbers that tell something, and any others. */
static uint64_t some_number(void)
{
	static const uint64_t list[] = {
		0, 1, 2, 7, 63, 64, 65, 4096, 8 * MIB, 1ull << 31, 1ull << 32,
		1ull << 47, 1ull << 63, ~0ull, 0xffff888000000000,
	};
	unsigned int n = (unsigned int)random() % 20;

	return n < sizeof(list) / sizeof(list[0]) ?
		       list[n] : (uint64_t)random() << 31 ^ (uint64_t)random();
}

static void fuzz(void)
{
	union {
		uint64_t words[64];
		struct colinux_vcpu_setup setup;
		struct colinux_stats stats;	/* the largest */
	} buffer;
	int fd = open_device(), bad = 0, done_calls = 0;

	srandom(4711);
	for (int i = 0; i < FUZZ_ROUNDS; i++) {
		unsigned int nr = (unsigned int)random() % FUNCTIONS;

		for (int n = 0; n < 64; n++)
			buffer.words[n] = some_number();
		/* Never a vCPU that could really run what is nowhere. */
		if (nr == COLINUX_IOC_VCPU_SETUP)
			buffer.setup.pad = 1;
		if (ioctl(fd, calls[nr].request, &buffer) == 0)
			done_calls++;
		else
			bad += errno == EIO || errno == ENOSYS;
		if (i % 1000 == 999) {
			close(fd);
			fd = open_device();
			if (i % 2000 == 999 && create(fd, 8 * MIB, 8 * MIB, 4))
				fatal("CREATE");
		}
	}
	close(fd);
	check(!bad && done_calls > 100, "%d random calls, %d of them good",
	      FUZZ_ROUNDS, done_calls);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	wrong_codes();
	before_create();
	bad_create();
	bad_arguments();
	events();
	mappings();
	several_threads(argv[1]);
	fuzz();
	return done();
}
