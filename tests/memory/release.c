// SPDX-License-Identifier: GPL-2.0
/*
 * RELEASE and RECLAIM of the real driver, on the box's host: wrong ranges,
 * pages that are in use, threads that touch and fork meanwhile.  Prints TAP.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <colinux/ioctl.h>

#define MIB (1ull << 20)
#define SIZE (64 * MIB)
#define PAGE 4096ull
#define BLOCK (2 * MIB)
#define ROUNDS 200

static unsigned int tests, failed;
static int vm;
static volatile uint8_t *ram;
static volatile bool stop;

static bool check(bool ok, const char *what)
{
	tests++;
	failed += !ok;
	printf("%sok %u - %s\n", ok ? "" : "not ", tests, what);
	return ok;
}

static void fatal(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static int range(unsigned long nr, uint64_t offset, uint64_t size)
{
	struct colinux_range r = { .offset = offset, .size = size };

	return ioctl(vm, _IOWR(COLINUX_IOC_TYPE, nr, struct colinux_range),
		     &r) < 0 ? errno : 0;
}

static int release(uint64_t offset, uint64_t size)
{
	return range(COLINUX_IOC_RELEASE, offset, size);
}

/* What the host does with a page may take a moment to end. */
static int reclaim(uint64_t offset, uint64_t size)
{
	int err;

	for (int i = 0; i < 200; i++) {
		err = range(COLINUX_IOC_RECLAIM, offset, size);
		if (err != EBUSY)
			return err;
		usleep(20000);
	}
	return err;
}

static void new_vm(void)
{
	/* One extent: a range across two is refused. */
	struct colinux_create c = {
		.memory = SIZE, .image = SIZE, .nr_vcpus = 1,
		.name = "release",
	};
	void *at;

	vm = open("/dev/colinux", O_RDWR | O_CLOEXEC);
	if (vm < 0)
		fatal("/dev/colinux");
	check(range(COLINUX_IOC_RELEASE, 8 * MIB, BLOCK) == ENODEV,
	      "RELEASE before CREATE: ENODEV");
	if (ioctl(vm, _IOWR(COLINUX_IOC_TYPE, COLINUX_IOC_CREATE,
			    struct colinux_create), &c))
		fatal("CREATE");
	at = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, vm, 0);
	if (at == MAP_FAILED)
		fatal("mmap");
	ram = at;
}

static void wrong(void)
{
	check(release(0, BLOCK) == EINVAL && release(BLOCK, BLOCK) ==
	      EINVAL && release(0, SIZE) == EINVAL, "the port: EINVAL");
	check(release(SIZE, BLOCK) == EINVAL &&
	      release(SIZE - BLOCK, 2 * BLOCK) == EINVAL &&
	      release(8 * MIB, -BLOCK) == EINVAL &&
	      release(-BLOCK, BLOCK) == EINVAL, "outside: EINVAL");
	check(release(8 * MIB + PAGE, BLOCK) == EINVAL &&
	      release(8 * MIB, PAGE) == EINVAL && release(8 * MIB, 0) == EINVAL,
	      "no whole blocks: EINVAL");
	check(range(COLINUX_IOC_RECLAIM, 8 * MIB, BLOCK) == EINVAL,
	      "RECLAIM of what was not released: EINVAL");
}

static void once(void)
{
	ram[8 * MIB] = 1;
	ram[8 * MIB + BLOCK] = 2;
	ram[8 * MIB + 2 * BLOCK] = 3;
	check(!release(8 * MIB + BLOCK, BLOCK), "RELEASE");
	check(release(8 * MIB + BLOCK, BLOCK) == EINVAL &&
	      release(8 * MIB, 4 * BLOCK) == EINVAL &&
	      release(8 * MIB, 2 * BLOCK) == EINVAL,
	      "twice, or with others: EINVAL");
	check(range(COLINUX_IOC_RECLAIM, 8 * MIB, 2 * BLOCK) == EINVAL,
	      "RECLAIM with others: EINVAL");
	check(ram[8 * MIB] == 1 && ram[8 * MIB + BLOCK] == 0 &&
	      ram[8 * MIB + 2 * BLOCK] == 3,
	      "a hole, the blocks beside it stay");
	ram[8 * MIB + BLOCK] = 77;
	check(ram[8 * MIB + BLOCK] == 77, "the hole can be written to");
	check(!reclaim(8 * MIB + BLOCK, BLOCK), "RECLAIM");
	check(ram[8 * MIB + BLOCK] == 0 && ram[8 * MIB] == 1, "it is zeroed");
	check(range(COLINUX_IOC_RECLAIM, 8 * MIB + BLOCK, BLOCK) == EINVAL,
	      "twice: EINVAL");
}

/* A page in a pipe is as one under I/O: it lives on with what it had. */
static void in_use(void)
{
	struct iovec iov = { (void *)(ram + 16 * MIB), PAGE };
	uint8_t got[PAGE];
	int fd[2];

	memset((void *)(ram + 16 * MIB), 0x5a, PAGE);
	if (pipe(fd) || vmsplice(fd[1], &iov, 1, 0) != (ssize_t)PAGE)
		fatal("vmsplice");
	check(!release(16 * MIB, BLOCK), "RELEASE of a page in use");
	check(range(COLINUX_IOC_RECLAIM, 16 * MIB, BLOCK) == EBUSY,
	      "RECLAIM while it is: EBUSY");
	check(read(fd[0], got, PAGE) == (ssize_t)PAGE && got[0] == 0x5a &&
	      got[PAGE - 1] == 0x5a, "its user has what was in it");
	close(fd[0]);
	close(fd[1]);
	check(!reclaim(16 * MIB, BLOCK) && !ram[16 * MIB],
	      "RECLAIM when the user is gone");
}

static uint64_t next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

static void *toucher(void *opaque)
{
	uint64_t state = 4711 + (uintptr_t)opaque;

	while (!stop)
		ram[24 * MIB + next(&state) % (32 * MIB)]++;
	return NULL;
}

/* Random ranges of 16 blocks, by a book of what should be. */
static void fuzz(void)
{
	static bool gone[16];
	uint64_t state = 88172645463325252ull;
	unsigned int wrong_answers = 0, busy = 0;
	pthread_t thread[2];

	for (uintptr_t i = 0; i < 2; i++)
		if (pthread_create(&thread[i], NULL, toucher, (void *)i))
			fatal("pthread_create");
	for (int i = 0; i < ROUNDS; i++) {
		unsigned int first = next(&state) % 13;
		unsigned int nr = 1 + next(&state) % 3;
		bool out = next(&state) & 1, fits = true;
		int err;

		for (unsigned int p = first; fits && p < first + nr; p++)
			fits = gone[p] != out;
		err = range(out ? COLINUX_IOC_RELEASE : COLINUX_IOC_RECLAIM,
			    24 * MIB + first * BLOCK, nr * BLOCK);
		busy += err == EBUSY;
		wrong_answers += fits ? err && err != EBUSY : err != EINVAL;
		for (unsigned int p = first; !err && p < first + nr; p++)
			gone[p] = out;
	}
	stop = true;
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	check(!wrong_answers, "random ranges, with others touching them");
	printf("# %u of %u were busy\n", busy, ROUNDS);
	busy = 0;
	for (unsigned int p = 0; p < 16; p++)
		if (gone[p])
			busy += reclaim(24 * MIB + p * BLOCK, BLOCK) != 0;
	check(!busy, "all of them come back");
}

/* Closing with pages gone, mapped by a child, and with a page in a pipe. */
static void closing(void)
{
	struct iovec iov = { (void *)(ram + 20 * MIB), PAGE };
	int fd[2], status;
	pid_t child;

	if (pipe(fd) || vmsplice(fd[1], &iov, 1, 0) != (ssize_t)PAGE)
		fatal("vmsplice");
	check(!release(20 * MIB, 4 * MIB), "RELEASE of 4 MiB");
	child = fork();
	if (!child) {
		/* The child's descriptor may map, but not call. */
		/* Whatever is there: no SIGBUS. */
		(void)*(volatile uint8_t *)(ram + 20 * MIB);
		_exit(range(COLINUX_IOC_RELEASE, 40 * MIB, BLOCK) == EPERM ?
			      0 : 1);
	}
	check(waitpid(child, &status, 0) == child && !status,
	      "another process: EPERM, and sees the hole");
	munmap((void *)ram, SIZE);
	check(!close(vm), "close with pages gone");
	close(fd[0]);
	close(fd[1]);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	new_vm();
	wrong();
	once();
	in_use();
	fuzz();
	closing();
	printf("1..%u\n", tests);
	return failed != 0;
}
