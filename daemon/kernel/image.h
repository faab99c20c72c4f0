/* SPDX-License-Identifier: GPL-2.0 */
/* A guest kernel that has been read: shared by the files of this directory. */
#ifndef DAEMON_KERNEL_IMAGE_H
#define DAEMON_KERNEL_IMAGE_H

#include "btf.h"
#include "bzimage.h"
#include "elf64.h"
#include "kallsyms.h"
#include "kernel.h"
#include "pause.h"

struct guest_image {
	char *path;
	char release[128];
	char build_id[64 + 1];
	struct kept_file file;
	/* While it is parked only the header of bzimage and sites are there. */
	bool parked;
	struct bzimage bzimage;
	struct elf elf;
	struct kallsyms syms;
	struct btf *btf;
	struct pause_sites sites;
	uint64_t paddr;		/* lowest physical address, as linked */
	uint64_t size;		/* bytes of RAM from there to _end */
	unsigned int hz;	/* CONFIG_HZ */
};

/*
 * Read a parked image again.  0, or -1 with error set: it cannot be read, or is
 * another one by now; it stays parked then.
 */
int image_unpark(struct guest_image *image, struct error *error);

/*
 * Bytes of the image as it will be before the kernel runs, bss zero.
 * False when not all of them belong to one segment.
 */
bool image_read(const struct guest_image *image, uint64_t vaddr, void *out,
		size_t length);

/* Offset in guest RAM of something in the image; false when not inside. */
bool image_ram_offset(const struct guest_image *image, uint64_t vaddr,
		      size_t length, uint64_t *offset);

#endif
