/* SPDX-License-Identifier: GPL-2.0 */
/* The x86 boot image format: Documentation/arch/x86/boot.rst. */
#ifndef DAEMON_KERNEL_BZIMAGE_H
#define DAEMON_KERNEL_BZIMAGE_H

#include "file.h"

/* The setup header begins here, in the file and in struct boot_params. */
#define SETUP_HEADER_OFFSET 0x1f1
/* Room for it in boot_params: up to edd_mbr_sig_buffer at 0x290. */
#define SETUP_HEADER_MAX (0x290 - SETUP_HEADER_OFFSET)

struct bzimage {
	uint8_t header[SETUP_HEADER_MAX];	/* as in the file, zero-padded */
	unsigned int header_size;
	unsigned int protocol;			/* 0x020f = 2.15 */
	unsigned int cmdline_max;		/* longest command line, no NUL */
	char version[256];	/* "6.1.0-56-amd64 (builder) #1 SMP ..." */
	struct blob vmlinux;			/* the ELF file */
};

/*
 * Unpack a bzImage file, by way of the directory cache if not NULL (cache.h).
 * 0, or -1 with error set (name is put into it); bzimage_free() when done.
 */
int bzimage_parse(struct bytes file, const char *name, const char *cache,
		  struct bzimage *out, struct error *error);
void bzimage_free(struct bzimage *image);

#endif
