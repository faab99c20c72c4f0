/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random I/O on a file against a copy of it in memory: writes, reads, changes
 * of its size, shared mappings, fsync, the file closed and opened again, moved
 * to another name.  And storms of names: files made, moved and removed.
 *
 *   fsx DIRECTORY OPERATIONS NAMES [SEED]
 *
 * Prints "fsx: ... right" and returns 0, or what differed and 1.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST (256 * 1024)	/* bytes in the file */
#define PIECE (48 * 1024)	/* bytes of one operation */

static uint8_t copy[MOST], buffer[MOST];
static char names[2][4096];
static int current;		/* which of the names the file has */
static size_t size;
static uint64_t state;
static int fd;

/* xorshift64* */
static uint64_t below(uint64_t n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (state * 0x2545f4914f6cdd1dull >> 11) % n;
}

static void __attribute__((noreturn)) fail(const char *what)
{
	printf("fsx: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void compare(const uint8_t *got, size_t offset, size_t length,
		    const char *what)
{
	for (size_t i = 0; i < length; i++)
		if (got[i] != copy[offset + i]) {
			printf("fsx: %s: byte %zu of %zu is %02x, not %02x\n",
			       what, offset + i, size, got[i],
			       copy[offset + i]);
			exit(1);
		}
}

static void open_file(int flags)
{
	fd = open(names[current], O_RDWR | flags, 0600);
	if (fd < 0)
		fail("open");
}

static void grow(size_t to)
{
	if (to > size) {
		memset(copy + size, 0, to - size);
		size = to;
	}
}

static void do_write(void)
{
	size_t offset = below(MOST - PIECE), length = 1 + below(PIECE);

	for (size_t i = 0; i < length; i++)
		buffer[i] = below(256);
	if (pwrite(fd, buffer, length, offset) != (ssize_t)length)
		fail("write");
	grow(offset + length);
	memcpy(copy + offset, buffer, length);
}

static void do_read(void)
{
	size_t offset = below(MOST), length = 1 + below(PIECE);
	size_t there = offset < size ? size - offset : 0;

	if (there > length)
		there = length;
	if (pread(fd, buffer, length, offset) != (ssize_t)there)
		fail("read");
	compare(buffer, offset, there, "read");
}

static void do_truncate(void)
{
	size_t to = below(MOST);

	if (ftruncate(fd, to) < 0)
		fail("truncate");
	grow(to);
	size = to;
}

static void do_map(void)
{
	size_t offset, length;
	uint8_t *map;

	if (!size)
		return;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		fail("mmap");
	offset = below(size);
	length = 1 + below(size - offset < PIECE ? size - offset : PIECE);
	compare(map + offset, offset, length, "mapping");
	for (size_t i = 0; i < length; i++)
		map[offset + i] = copy[offset + i] = below(256);
	if (below(2) && msync(map, size, MS_SYNC) < 0)
		fail("msync");
	munmap(map, size);
}

static void do_move(void)
{
	if (rename(names[current], names[!current]) < 0)
		fail("rename");
	current = !current;
}

static void do_reopen(void)
{
	if (fsync(fd) < 0 || close(fd) < 0)
		fail("close");
	open_file(0);
}

static void check_size(void)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		fail("fstat");
	if ((size_t)st.st_size != size) {
		printf("fsx: the size is %lld, not %zu\n",
		       (long long)st.st_size, size);
		exit(1);
	}
}

static void storm(const char *directory, unsigned int nr)
{
	char from[4200], to[4200];

	for (unsigned int i = 0; i < nr; i++) {
		snprintf(from, sizeof(from), "%s/storm.%u", directory, i);
		snprintf(to, sizeof(to), "%s/moved.%u", directory, i / 2);
		close(open(from, O_CREAT | O_EXCL | O_WRONLY, 0600));
		/* Every other one replaces the one before. */
		if (rename(from, to) < 0)
			fail(from);
	}
	for (unsigned int i = 0; i < (nr + 1) / 2; i++) {
		snprintf(to, sizeof(to), "%s/moved.%u", directory, i);
		if (unlink(to) < 0 || !access(to, F_OK))
			fail(to);
	}
}

int main(int argc, char **argv)
{
	static void (*const operations[])(void) = {
		do_write, do_write, do_write, do_read, do_read, do_read,
		do_truncate, do_map, do_map, do_move, do_reopen,
	};
	unsigned long nr;

	if (argc < 4)
		return 2;
	nr = strtoul(argv[2], NULL, 10);
	state = argc > 4 ? strtoull(argv[4], NULL, 10) : 1;
	for (int i = 0; i < 2; i++)
		snprintf(names[i], sizeof(names[i]), "%s/fsx.%d", argv[1], i);
	open_file(O_CREAT | O_TRUNC);
	for (unsigned long i = 0; i < nr; i++) {
		operations[below(sizeof(operations) /
				 sizeof(operations[0]))]();
		check_size();
	}
	do_reopen();
	if (pread(fd, buffer, MOST, 0) != (ssize_t)size)
		fail("last read");
	compare(buffer, 0, size, "last read");
	unlink(names[current]);
	storm(argv[1], strtoul(argv[3], NULL, 10));
	printf("fsx: %lu operations, right\n", nr);
	return 0;
}
