// SPDX-License-Identifier: GPL-2.0
/*
 * The PE32+ loader: maps sections, relocates, resolves imports, sets page
 * protections as the section headers ask.  Refuses what NT would refuse.
 */
#include <linux/kernel_read_file.h>
#include <linux/vmalloc.h>
#include "shim.h"

/* "Microsoft PE and COFF Specification". */
struct coff_header {
	u16 machine, sections;
	u32 time, symbols, nr_symbols;
	u16 optional_size, characteristics;
} __packed;

struct directory {
	u32 rva, size;
} __packed;

struct optional_header {
	u16 magic;
	u8 linker[2];
	u32 code_size, data_size, bss_size, entry, code_base;
	u64 image_base;
	u32 section_alignment, file_alignment;
	u16 versions[6];
	u32 win32_version, image_size, headers_size, checksum;
	u16 subsystem, dll_characteristics;
	u64 stack_heap[4];
	u32 loader_flags, nr_directories;
	struct directory directories[16];
} __packed;

struct section {
	char name[8];
	u32 size, rva, file_size, file_offset, relocs, lines;
	u16 nr_relocs, nr_lines;
	u32 flags;
} __packed;

struct import {
	u32 names, time, forward, dll, slots;
} __packed;

#define MACHINE_AMD64	0x8664
#define MAGIC_PE32PLUS	0x20b
#define SUBSYSTEM_NATIVE 1
#define DIR_IMPORT	1
#define DIR_RELOC	5
#define RELOC_NONE	0
#define RELOC_DIR64	10
#define SEC_EXECUTE	0x20000000
#define SEC_WRITE	0x80000000

static int relocate(u8 *base, u32 size, const struct directory *dir, u64 delta)
{
	u32 at = dir->rva, end = dir->rva + dir->size;

	if (end < at || end > size)
		return -ENOEXEC;
	while (at + 8 <= end) {
		u32 page = *(u32 *)(base + at);
		u32 bytes = *(u32 *)(base + at + 4);

		if (bytes < 8 || bytes > end - at)
			return -ENOEXEC;
		for (u32 i = 8; i + 2 <= bytes; i += 2) {
			u16 r = *(u16 *)(base + at + i);
			u32 rva = page + (r & 0xfff);

			if (r >> 12 == RELOC_NONE)
				continue;
			if (r >> 12 != RELOC_DIR64 || rva > size - 8)
				return -ENOEXEC;
			*(u64 *)(base + rva) += delta;
		}
		at += bytes;
	}
	return 0;
}

static int resolve(u8 *base, u32 size, const struct directory *dir)
{
	int missing = 0;

	for (struct import *im = (void *)(base + dir->rva); im->names; im++) {
		u64 *name = (u64 *)(base + im->names);
		u64 *slot = (u64 *)(base + im->slots);

		for (; *name; name++, slot++) {
			const char *text = (char *)base + (u32)*name + 2;
			void *found = *name >> 63 ? NULL : find_import(text);

			if (!found) {
				pr_err("ntshim: no %s of %s\n", text,
				       base + im->dll);
				missing++;
			}
			*slot = (u64)found;
		}
	}
	return missing ? -ENOENT : 0;
}

static int protect(u8 *base, const struct section *s)
{
	unsigned long at = (unsigned long)base + s->rva;
	int pages = PAGE_ALIGN(s->size) / PAGE_SIZE;

	if (s->flags & SEC_EXECUTE && s->flags & SEC_WRITE)
		return -ENOEXEC;
	if (!(s->flags & SEC_WRITE) && shim_set_memory_ro(at, pages))
		return -ENOMEM;
	if (s->flags & SEC_EXECUTE && shim_set_memory_x(at, pages))
		return -ENOMEM;
	return 0;
}

static int load(const u8 *file, size_t file_size, struct image *image)
{
	const struct coff_header *coff;
	const struct optional_header *opt;
	const struct section *sec;
	u32 pe = *(const u32 *)(file + 0x3c);
	u8 *base;
	int err;

	if (file_size < 0x400 || pe > 0x200 || memcmp(file + pe, "PE\0\0", 4))
		return -ENOEXEC;
	coff = (const void *)(file + pe + 4);
	opt = (const void *)(coff + 1);
	sec = (const void *)((u8 *)opt + coff->optional_size);
	if (coff->machine != MACHINE_AMD64 || opt->magic != MAGIC_PE32PLUS ||
	    opt->subsystem != SUBSYSTEM_NATIVE ||
	    opt->section_alignment != PAGE_SIZE ||
	    opt->image_size > 16 << 20)
		return -ENOEXEC;
	image->size = PAGE_ALIGN(opt->image_size);
	base = vzalloc(image->size);
	if (!base)
		return -ENOMEM;
	image->base = base;
	memcpy(base, file, opt->headers_size);
	for (u32 i = 0; i < coff->sections; i++) {
		u32 n = min(sec[i].size, sec[i].file_size);

		if (sec[i].rva + n > image->size ||
		    sec[i].file_offset + (u64)n > file_size)
			return -ENOEXEC;
		memcpy(base + sec[i].rva, file + sec[i].file_offset, n);
	}
	err = relocate(base, (u32)image->size, &opt->directories[DIR_RELOC],
		       (u64)base - opt->image_base);
	if (err)
		return err;
	err = resolve(base, (u32)image->size, &opt->directories[DIR_IMPORT]);
	if (err)
		return err;
	for (u32 i = 0; i < coff->sections; i++) {
		err = protect(base, &sec[i]);
		if (err)
			return err;
	}
	image->entry = base + opt->entry;
	pr_info("ntshim: image at %px, entry %px\n", base, image->entry);
	return 0;
}

int image_load(const char *path, struct image *image)
{
	void *file = NULL;
	ssize_t size;
	int err;

	memset(image, 0, sizeof(*image));
	size = kernel_read_file_from_path(path, 0, &file, 16 << 20, NULL,
					  READING_MODULE);
	if (size < 0)
		return (int)size;
	err = load(file, size, image);
	vfree(file);
	if (err)
		image_unload(image);
	return err;
}

void image_unload(struct image *image)
{
	int pages = (int)(image->size / PAGE_SIZE);
	unsigned long at = (unsigned long)image->base;

	if (!image->base)
		return;
	shim_set_memory_nx(at, pages);
	shim_set_memory_rw(at, pages);
	vfree(image->base);
	image->base = NULL;
}
