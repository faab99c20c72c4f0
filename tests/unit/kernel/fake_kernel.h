/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A small kernel image with everything that the loader looks for, so that its
 * tests need no real one and can damage every part of it.
 */
#ifndef KERNEL_TEST_FAKE_KERNEL_H
#define KERNEL_TEST_FAKE_KERNEL_H

#include "../../../daemon/kernel/file.h"

#define FAKE_TEXT 0xffffffff81000000ull
#define FAKE_DATA 0xffffffff81200000ull
#define FAKE_PHYSICAL 0x1000000ull
#define FAKE_RELEASE "6.6.6-fake"
#define FAKE_HZ 250

enum fake_layout {
	FAKE_OLD,		/* kallsyms before 6.4 */
	FAKE_OLD_SEQS,		/* 6.2 and 6.3, 6.1 stable */
	FAKE_NEW,		/* 6.4 and later */
	FAKE_PREL32,		/* 7.x */
	FAKE_LAYOUTS
};

enum fake_packing {
	FAKE_PLAIN, FAKE_GZIP, FAKE_XZ, FAKE_ZSTD, FAKE_LZ4, FAKE_PACKINGS
};

struct fake_options {
	enum fake_layout layout;
	bool no_percpu;		/* kallsyms offsets unsigned */
	bool ibt;		/* stubs with endbr64 */
	bool bad_stub;		/* one of them differs */
	bool busy_fixmap;	/* level2_fixmap_pgt[509] is in use */
	bool busy_hook;		/* the preset pointer is not 0 */
};

struct fake_symbol {
	uint64_t addr;
	char type;
	char name[48];
};

struct fake_kernel {
	struct blob vmlinux;
	struct fake_symbol *symbols;	/* sorted as the kernel sorts them */
	unsigned int nr;
};

/* Never fails: a test that cannot build its image ends. */
void fake_kernel_build(const struct fake_options *options,
		       struct fake_kernel *out);
void fake_kernel_free(struct fake_kernel *kernel);
uint64_t fake_kernel_symbol(const struct fake_kernel *kernel,
			    const char *name);

/* Compress as the kernel's build does, with the size appended. */
struct blob fake_pack(struct bytes plain, enum fake_packing packing);
/* A bzImage around a payload. */
struct blob fake_bzimage(struct bytes payload);

/* Write a file; ends the test on failure. */
void fake_write(const char *path, struct bytes contents);

/* Deterministic pseudo-random numbers. */
uint32_t fake_random(uint64_t *state);
/* Damage a copy of `from` in `to`: flips, overwrites, or cuts.  New size. */
size_t fake_damage(struct bytes from, uint8_t *to, uint64_t *state);

#endif
