// SPDX-License-Identifier: GPL-2.0
/*
 * Opening a kernel: everything that can be known from the image alone, and
 * whether the loader can deal with it.  Does not know guest memory.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "../os.h"
#include "image.h"

#define KERNEL_FILE_MAX (256u << 20)
/* The kernel must lie in the 1 GiB of its own mapping (KERNEL_IMAGE_SIZE). */
#define KERNEL_SIZE_MAX (1u << 30)
#define NOTE_BUILD_ID 3

/* The loaded segment that contains a range; NULL = none. */
static const struct elf_segment *find_segment(const struct guest_image *image,
					      uint64_t vaddr, size_t length)
{
	for (unsigned int i = 0; i < image->elf.nr_segments; i++) {
		const struct elf_segment *s = &image->elf.segments[i];

		if (s->type == PT_LOAD && vaddr >= s->vaddr &&
		    vaddr - s->vaddr <= s->memsz &&
		    length <= s->memsz - (vaddr - s->vaddr))
			return s;
	}
	return NULL;
}

bool image_read(const struct guest_image *image, uint64_t vaddr, void *out,
		size_t length)
{
	const struct elf_segment *s = find_segment(image, vaddr, length);
	uint64_t offset, present;

	if (!s)
		return false;
	offset = vaddr - s->vaddr;
	present = offset < s->data.size ? s->data.size - offset : 0;
	if (present > length)
		present = length;
	memset(out, 0, length);
	if (present)
		memcpy(out, s->data.data + offset, present);
	return true;
}

bool image_ram_offset(const struct guest_image *image, uint64_t vaddr,
		      size_t length, uint64_t *offset)
{
	const struct elf_segment *s = find_segment(image, vaddr, length);
	uint64_t at;

	if (!s)
		return false;
	at = s->paddr - image->paddr + (vaddr - s->vaddr);
	if (at > image->size || length > image->size - at)
		return false;
	*offset = COLINUX_KERNEL_OFFSET + at;
	return true;
}

/* "6.1.0-56-amd64 (builder) #1 ...": up to the first blank. */
static int read_release(struct guest_image *image, struct error *error)
{
	size_t length = strcspn(image->bzimage.version, " ");

	if (!length || length >= sizeof(image->release) ||
	    strchr(image->bzimage.version, '/'))
		return error_set(error, "%s: strange version string",
				 image->path);
	memcpy(image->release, image->bzimage.version, length);
	image->release[length] = 0;
	return 0;
}

/* Extent of the image in physical memory, as it was linked. */
static int measure(struct guest_image *image, struct error *error)
{
	uint64_t low = UINT64_MAX, high = 0;

	if (image->elf.type != ET_EXEC)
		return error_set(error, "%s: its vmlinux is not an executable",
				 image->path);
	for (unsigned int i = 0; i < image->elf.nr_segments; i++) {
		const struct elf_segment *s = &image->elf.segments[i];

		if (s->type != PT_LOAD)
			continue;
		if (s->paddr < low)
			low = s->paddr;
		if (s->paddr + s->memsz > high)
			high = s->paddr + s->memsz;
	}
	if (low >= high || high - low > KERNEL_SIZE_MAX ||
	    low % COLINUX_PMD_SIZE)
		return error_set(error, "%s: its segments are not those of a "
				 "kernel", image->path);
	image->paddr = low;
	image->size = high - low;
	if (image->elf.entry < low || image->elf.entry >= high)
		return error_set(error, "%s: its entry point is outside",
				 image->path);
	return 0;
}

/*
 * What follows _end (.init.scratch, 4 MiB) is used with AMD's memory
 * encryption only, which a guest never sees.
 */
static int trim(struct guest_image *image, struct error *error)
{
	uint64_t end, offset;

	if (kallsyms_unique(&image->syms, "_end", &end, error))
		return error_prefix(error, "%s", image->path);
	if (!image_ram_offset(image, end - 1, 1, &offset))
		return error_set(error, "%s: _end is outside of the image",
				 image->path);
	image->size = offset + 1 - COLINUX_KERNEL_OFFSET;
	if (image->elf.entry - image->paddr >= image->size)
		return error_set(error, "%s: its entry point is behind _end",
				 image->path);
	return 0;
}

static void read_build_id(struct guest_image *image, struct bytes notes)
{
	uint64_t at = 0;

	for (;;) {
		const uint8_t *h = bytes_at(notes, at, 12);
		const uint8_t *name, *value;
		uint32_t name_size, size;

		if (!h)
			return;
		name_size = get32(h);
		size = get32(h + 4);
		name = bytes_at(notes, at + 12, name_size);
		at += 12 + round_up(name_size, 4);
		value = bytes_at(notes, at, size);
		at += round_up(size, 4);
		if (!name || !value)
			return;
		if (get32(h + 8) != NOTE_BUILD_ID || name_size != 4 ||
		    memcmp(name, "GNU", 4) || size > 32)
			continue;
		for (uint32_t i = 0; i < size; i++)
			snprintf(image->build_id + 2 * i, 3, "%02x", value[i]);
		return;
	}
}

static int read_btf(struct guest_image *image, struct error *error)
{
	const struct elf_section *s = elf_section(&image->elf, ".BTF");
	const struct elf_segment *segment;
	struct bytes raw = { 0 };
	uint64_t start, stop;

	if (s) {
		raw = s->data;
	} else if (!kallsyms_unique(&image->syms, "__start_BTF", &start,
				    NULL) &&
		   !kallsyms_unique(&image->syms, "__stop_BTF", &stop, NULL) &&
		   stop > start) {
		segment = find_segment(image, start, stop - start);
		if (!segment ||
		    !bytes_slice(segment->data, start - segment->vaddr,
				 stop - start, &raw))
			raw.size = 0;
	}
	if (!raw.size)
		return error_set(error, "%s: has no type information: it needs "
				 "CONFIG_DEBUG_INFO_BTF", image->path);
	image->btf = btf_parse(raw, image->path, NULL, error);
	return image->btf ? 0 : -1;
}

/*
 * jiffies start five minutes before they wrap around 32 bits, to find bugs
 * (INITIAL_JIFFIES, include/linux/jiffies.h): -300 * HZ.
 */
static int read_hz(struct guest_image *image, struct error *error)
{
	uint8_t bytes[8];
	uint64_t addr, before;

	if (kallsyms_unique(&image->syms, "jiffies_64", &addr, error))
		return error_prefix(error, "%s", image->path);
	if (!image_read(image, addr, bytes, sizeof(bytes)))
		return error_set(error, "%s: jiffies_64 is outside",
				 image->path);
	before = (1ull << 32) - get64(bytes);
	if (before % 300 || before / 300 < 24 || before / 300 > 10000)
		return error_set(error, "%s: CONFIG_HZ cannot be told from "
				 "jiffies_64 (0x%" PRIx64 ")", image->path,
				 get64(bytes));
	image->hz = before / 300;
	return 0;
}

/* Everything but the pause sites. */
static int understand(struct guest_image *image, struct error *error)
{
	if (read_release(image, error) ||
	    elf_parse(blob_bytes(&image->bzimage.vmlinux), image->path,
		      &image->elf, error) ||
	    measure(image, error) ||
	    kallsyms_decode(&image->elf, &image->syms, error) ||
	    trim(image, error) || read_btf(image, error) ||
	    read_hz(image, error))
		return -1;
	for (unsigned int i = 0; i < image->elf.nr_segments; i++)
		if (image->elf.segments[i].type == PT_NOTE)
			read_build_id(image, image->elf.segments[i].data);
	return 0;
}

/* cache: see bzimage_parse(). */
static int read_image(struct guest_image *image, const char *cache,
		      struct error *error)
{
	struct blob file;
	int ret;

	if (file_reread(&image->file, &file, error))
		return -1;
	ret = bzimage_parse(blob_bytes(&file), image->path, cache,
			    &image->bzimage, error);
	free(file.data);
	return ret ? ret : understand(image, error);
}

struct guest_image *guest_image_open(const char *path, struct error *error)
{
	struct guest_image *image = calloc(1, sizeof(*image));
	char cache[PATH_MAX];

	if (!image) {
		error_set(error, "%s: out of memory", path);
		return NULL;
	}
	image->file.fd = -1;
	image->path = strdup(path);
	if (!image->path)
		error_set(error, "%s: out of memory", path);
	if (!image->path ||
	    file_keep(image->path, KERNEL_FILE_MAX, &image->file, error) ||
	    read_image(image, os_cache_directory(cache, sizeof(cache)) ?
		       cache : NULL, error) ||
	    pause_find_cached(&image->elf, &image->syms, image->build_id, NULL,
			      &image->sites, error)) {
		guest_image_close(image);
		return NULL;
	}
	return image;
}

void guest_image_park(struct guest_image *image)
{
	btf_free(image->btf);
	image->btf = NULL;
	kallsyms_free(&image->syms);
	elf_free(&image->elf);
	bzimage_free(&image->bzimage);
	image->parked = true;
}

/* The sites are those of this very kernel: they are found once. */
int image_unpark(struct guest_image *image, struct error *error)
{
	struct guest_image before = *image;

	if (!image->parked)
		return 0;
	memset(image->build_id, 0, sizeof(image->build_id));
	image->parked = false;
	/* The sandbox opens no files. */
	if (!read_image(image, NULL, error)) {
		if (image->size == before.size &&
		    !strcmp(image->build_id, before.build_id) &&
		    pause_are_here(&image->elf, &image->sites))
			return 0;
		error_set(error, "%s: is another kernel than the one that the "
			  "guest started with: stop the guest and start it "
			  "again", image->path);
	}
	guest_image_park(image);
	/* What it was, so that the right file will do. */
	*image = before;
	return -1;
}

void guest_image_close(struct guest_image *image)
{
	if (!image)
		return;
	guest_image_park(image);
	pause_free(&image->sites);
	file_forget(&image->file);
	free(image->path);
	free(image);
}

const char *guest_image_release(const struct guest_image *image)
{
	return image->release;
}

const char *guest_image_build_id(const struct guest_image *image)
{
	return image->build_id;
}
