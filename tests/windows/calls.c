// SPDX-License-Identifier: GPL-2.0
/*
 * The requests of colinux.sys one by one, good and bad, through ntshim.ko's
 * /dev/colinux.  Prints TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <colinux/hypercall.h>
#include <colinux/ioctl.h>

#define CALL(nr, type) _IOWR(COLINUX_IOC_TYPE, nr, type)
#define MEMORY	(64ull << 20)
#define IMAGE	(24ull << 20)

static unsigned int count, failed;

static void check(int good, const char *what)
{
	printf("%sok %u - %s\n", good ? "" : "not ", ++count, what);
	failed += !good;
}

/* 0 or errno. */
static int call(int fd, unsigned long code, void *arg)
{
	return ioctl(fd, code, arg) ? errno : 0;
}

static int version(int fd, uint32_t abi)
{
	struct colinux_version v = { .abi_version = abi };
	int err = call(fd, CALL(COLINUX_IOC_VERSION, struct colinux_version),
		       &v);

	return v.abi_version == COLINUX_ABI_VERSION && v.tsc_khz ? err : -1;
}

static int create(int fd, uint64_t memory, uint64_t image, uint32_t vcpus,
		  uint32_t *nr)
{
	struct colinux_create c = {
		.memory = memory, .image = image, .nr_vcpus = vcpus,
	};
	int err = call(fd, CALL(COLINUX_IOC_CREATE, struct colinux_create),
		       &c);

	*nr = c.nr_extents;
	return err;
}

static void without_vm(int fd)
{
	struct colinux_kick kick = { 0 };
	struct colinux_map map = { 0 };
	struct colinux_event event = { .fd = -1 };
	char byte = 0;

	check(call(fd, CALL(COLINUX_IOC_KICK, struct colinux_kick), &kick) ==
		      ENODEV, "KICK without a VM");
	check(call(fd, CALL(COLINUX_IOC_MAP, struct colinux_map), &map) ==
		      ENODEV, "MAP without a VM");
	check(call(fd, CALL(COLINUX_IOC_IRQFD, struct colinux_event),
		   &event) == ENODEV, "IRQFD without a VM");
	check(call(fd, CALL(COLINUX_IOC_KICK, char), &byte) == EINVAL,
	      "a struct of another size");
	check(call(fd, CALL(77, char), &byte) == ENOTTY, "no such call");
}

static uint64_t extents(int fd, uint32_t nr)
{
	struct colinux_extent *table = calloc(nr, sizeof(*table));
	struct colinux_get_extents get = {
		.table = (uintptr_t)table, .nr = nr,
	};
	uint64_t sum = 0;
	int good = 1;

	check(!call(fd, CALL(COLINUX_IOC_GET_EXTENTS,
			     struct colinux_get_extents), &get) &&
		      get.nr == nr, "GET_EXTENTS");
	for (uint32_t i = 0; i < nr; i++) {
		sum += table[i].size;
		good &= !((table[i].machine | table[i].size) & 0x1fffff);
	}
	check(good && sum == MEMORY && table[0].size >= IMAGE,
	      "extents: aligned, complete, the first holds the image");
	free(table);
	return sum;
}

static uint64_t *mappings(int fd)
{
	struct colinux_map map = { 0 }, again = { 0 }, bad = { .size = 1 };
	uint64_t *ram, *other;
	int good = 1;

	check(call(fd, CALL(COLINUX_IOC_MAP, struct colinux_map), &bad) ==
		      EINVAL, "MAP with something in it");
	check(!call(fd, CALL(COLINUX_IOC_MAP, struct colinux_map), &map) &&
		      map.address && map.size == MEMORY, "MAP");
	check(call(fd, CALL(COLINUX_IOC_MAP, struct colinux_map), &again) ==
		      EEXIST, "MAP again");
	ram = (uint64_t *)(uintptr_t)map.address;
	other = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (!ram || other == MAP_FAILED) {
		check(0, "two mappings to compare");
		exit(1);
	}
	for (uint64_t i = COLINUX_KERNEL_OFFSET / 8; i < MEMORY / 8; i += 512)
		good &= !ram[i];
	check(good, "guest RAM is zero");
	for (uint64_t i = COLINUX_KERNEL_OFFSET / 8; i < MEMORY / 8; i += 512)
		ram[i] = i;
	for (uint64_t i = COLINUX_KERNEL_OFFSET / 8; i < MEMORY / 8; i += 512)
		good &= other[i] == i;
	check(good, "the mapping is guest RAM, in order");
	munmap(other, MEMORY);
	return ram;
}

/* ---- the balloon ---- */

#define BLOCK	COLINUX_PMD_SIZE
#define BLOCKS	(MEMORY / BLOCK)
#define FRAMES	(BLOCK / 4096)

static int range(int fd, unsigned int nr, uint64_t offset, uint64_t size)
{
	struct colinux_range r = { .offset = offset, .size = size };

	return call(fd, CALL(nr, struct colinux_range), &r);
}

/* How many frames the driver has. */
static long frames(void)
{
	FILE *held = fopen("/sys/module/ntshim/parameters/held", "r");
	char line[512], *at = NULL;
	long n = -1;

	if (held && fgets(line, sizeof(line), held))
		at = strstr(line, " page frames");
	while (at && at > line && at[-1] >= '0' && at[-1] <= '9')
		at--;
	if (at)
		n = strtol(at, NULL, 10);
	if (held)
		fclose(held);
	return n;
}

/* Is a block, as the process sees it, made of that word? */
static int is_all(const uint64_t *ram, uint64_t block, uint64_t word)
{
	const uint64_t *at = ram + block * (BLOCK / 8);

	for (uint64_t i = 0; i < BLOCK / 8; i++)
		if (at[i] != word)
			return 0;
	return 1;
}

/* Each block goes that came by itself; what stays where it is, and how. */
static unsigned int release_all(int fd, const uint64_t *ram, char *gone)
{
	unsigned int nr = 0, wrong = 0;

	for (uint64_t i = 0; i < BLOCKS; i++) {
		int err = range(fd, COLINUX_IOC_RELEASE, i * BLOCK, BLOCK);

		gone[i] = !err;
		nr += !err;
		wrong += err && err != (i < 2 ? EINVAL : EBUSY);
		/* mappings() has numbered the words at the start of pages. */
		wrong += err && i >= 2 &&
			 ram[i * (BLOCK / 8)] != i * (BLOCK / 8);
		wrong += !err && range(fd, COLINUX_IOC_RELEASE, i * BLOCK,
				       BLOCK) != EINVAL;
	}
	check(!wrong, "RELEASE: what cannot go stays as it is");
	return nr;
}

/*
 * The host may keep a frame that it uses: EBUSY then, and all as before.
 * Returns the number of those that came.
 */
static unsigned int reclaim_all(int fd, const uint64_t *ram, const char *gone)
{
	unsigned int nr = 0, wrong = 0;

	for (uint64_t i = 0; i < BLOCKS; i++) {
		int err = range(fd, COLINUX_IOC_RECLAIM, i * BLOCK, BLOCK);

		nr += !err;
		wrong += err && err != (gone[i] ? EBUSY : EINVAL);
		wrong += gone[i] && is_all(ram, i, 0) != !err;
	}
	check(!wrong, "RECLAIM: a block comes zeroed, or not at all");
	return nr;
}

static void balloon(int fd, uint64_t *ram)
{
	char gone[BLOCKS];
	unsigned int out, in;
	long before = frames();
	uint64_t last = BLOCKS;

	check(range(fd, COLINUX_IOC_RECLAIM, 8 * BLOCK, BLOCK) == EINVAL,
	      "RECLAIM of what was not released");
	out = release_all(fd, ram, gone);
	/* The image is in a chunk of 32 MiB, if in one. */
	check(out >= 14 && out <= BLOCKS - 2, "most blocks can go");
	/* One is the spare page. */
	check(frames() == before - (long)out * (long)FRAMES + 1,
	      "the host has their frames, and no others");
	for (uint64_t i = 0; i < BLOCKS; i++)
		last = gone[i] ? i : last;
	for (uint64_t i = 0; i < 512; i++)
		ram[last * (BLOCK / 8) + i] = 0xabcd;
	for (uint64_t i = 0; i < BLOCKS; i++)
		out -= gone[i] && is_all(ram, i, 0xabcd);
	check(!out, "one spare page is in the place of all of them");
	in = reclaim_all(fd, ram, gone);
	for (uint64_t i = 0; i < BLOCKS; i++)
		out += gone[i];
	printf("# %u of %u blocks came back at once\n", in, out);
	check(in > 0 && frames() == before - (long)(out - in) *
					     (long)FRAMES + 1,
	      "blocks are back, and so are their frames");
}

static int tie(int fd, unsigned int function, uint32_t device, uint32_t queue,
	       int64_t event)
{
	struct colinux_event e = {
		.device = device, .queue = queue, .fd = event,
	};

	return call(fd, _IOWR(COLINUX_IOC_TYPE, function, struct colinux_event),
		    &e);
}

static void events(int fd)
{
	int e = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	for (unsigned int f = COLINUX_IOC_IRQFD; f <= COLINUX_IOC_DOORBELL;
	     f++) {
		check(tie(fd, f, 64, 0, e) == EINVAL, "no such device");
		check(tie(fd, f, 0, 0, -2) == EINVAL, "a bad handle");
		check(tie(fd, f, 0, 0, 999) == EINVAL, "an unknown handle");
		check(!tie(fd, f, 0, 0, -1), "untie nothing");
		check(!tie(fd, f, 63, 0, e), "tie");
		check(!tie(fd, f, 63, 0, e), "tie again");
		check(!tie(fd, f, 1, 0, e), "another device");
		check(!tie(fd, f, 63, 0, -1), "untie");
	}
	check(tie(fd, COLINUX_IOC_DOORBELL, 0, 16, e) == EINVAL,
	      "no such queue");
	close(e);
}

static void vcpus(int fd)
{
	struct colinux_run run = { .vcpu = 0 };
	struct colinux_kick kick = { .vcpu = 2 };
	struct colinux_set_irq irq = { .device = 64 };

	check(call(fd, CALL(COLINUX_IOC_VCPU_RUN, struct colinux_run), &run) ==
		      EINVAL, "RUN without registers");
	run.vcpu = 2;
	check(call(fd, CALL(COLINUX_IOC_VCPU_RUN, struct colinux_run), &run) ==
		      EINVAL, "RUN of a vCPU that is not there");
	check(call(fd, CALL(COLINUX_IOC_KICK, struct colinux_kick), &kick) ==
		      EINVAL, "KICK of a vCPU that is not there");
	check(call(fd, CALL(COLINUX_IOC_SET_IRQ, struct colinux_set_irq),
		   &irq) == EINVAL, "SET_IRQ of a device that is not there");
	irq.device = 63;
	check(!call(fd, CALL(COLINUX_IOC_SET_IRQ, struct colinux_set_irq),
		    &irq), "SET_IRQ");
}

int main(void)
{
	int fd = open("/dev/colinux", O_RDWR | O_CLOEXEC);
	uint32_t nr;

	if (fd < 0) {
		perror("/dev/colinux");
		return 1;
	}
	check(!version(fd, COLINUX_ABI_VERSION), "VERSION");
	check(version(fd, 12345) == EPROTO, "VERSION of another ABI");
	without_vm(fd);
	check(create(fd, MEMORY + 1, IMAGE, 2, &nr) == EINVAL, "a bad size");
	check(create(fd, MEMORY, IMAGE, 0, &nr) == EINVAL, "no vCPU");
	nr = (uint32_t)create(fd, 1ull << 45, IMAGE, 2, &nr);
	check(nr == ENOMEM || nr == E2BIG, "more memory than there is");
	check(!create(fd, MEMORY, IMAGE, 2, &nr), "CREATE");
	extents(fd, nr);
	check(create(fd, MEMORY, IMAGE, 2, &nr) == EEXIST, "CREATE again");
	balloon(fd, mappings(fd));
	events(fd);
	vcpus(fd);
	/* Left mapped and tied: closing takes it all back. */
	printf("1..%u\n", count);
	return failed != 0;
}
