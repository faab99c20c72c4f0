// SPDX-License-Identifier: GPL-2.0
/*
 * Unpacked kernels in the cache directory: xz takes four thousand
 * million instructions for a Debian kernel, reading the result forty.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "../os.h"
#include "cache.h"

/* Behind the kernel, so that the kernel is where a blob begins. */
#define TRAILER_MAGIC 0x31786e696c6d76ull	/* "vmlinx1" */

struct trailer {
	uint64_t magic;
	uint64_t packed_size, packed_hash;
	uint64_t hash;			/* of the kernel */
};

/*
 * FNV-1a by words of eight bytes, folded so that high bits count as well.
 * Against accidents; against others there is os_file_is_own().
 */
static uint64_t hash_words(struct bytes b)
{
	uint64_t hash = 14695981039346656037ull ^ b.size;
	size_t at;

	for (at = 0; at + 8 <= b.size; at += 8) {
		hash = (hash ^ get64(b.data + at)) * 1099511628211ull;
		hash ^= hash >> 32;
	}
	for (; at < b.size; at++)
		hash = (hash ^ b.data[at]) * 1099511628211ull;
	return hash;
}

static bool read_own(const char *path, size_t limit, struct blob *out)
{
	FILE *file = os_fopen(path, "rb");
	struct stat st;

	if (!file)
		return false;
	out->data = NULL;
	/* The directory may be another user's (sudo with XDG_CACHE_HOME). */
	if (!fstat(fileno(file), &st) && os_file_is_own(fileno(file)) &&
	    (uint64_t)st.st_size <= limit)
		out->data = malloc(st.st_size + 1);
	if (out->data)
		out->size = fread(out->data, 1, st.st_size, file);
	fclose(file);
	return out->data;
}

/* Is a file the unpacked form of that payload?  Then cut the trailer off. */
static bool is_unpacked(struct blob *file, const struct trailer *wanted)
{
	struct trailer found;

	if (file->size < sizeof(found))
		return false;
	memcpy(&found, file->data + file->size - sizeof(found), sizeof(found));
	if (found.magic != wanted->magic ||
	    found.packed_size != wanted->packed_size ||
	    found.packed_hash != wanted->packed_hash)
		return false;
	file->size -= sizeof(found);
	return found.hash == hash_words(blob_bytes(file));
}

int unpack_cached(struct bytes payload, const char *what, size_t limit,
		  size_t hint, const char *directory, struct blob *out,
		  struct error *error)
{
	struct trailer trailer = {
		.magic = TRAILER_MAGIC,
		.packed_size = payload.size,
		.packed_hash = hash_words(payload),
	};
	char path[PATH_MAX];
	int length;

	if (!directory)
		return decompress(payload, what, limit, hint, out, error);
	length = snprintf(path, sizeof(path), "%s/vmlinux-%016" PRIx64,
			  directory, trailer.packed_hash);
	if (length < 0 || (size_t)length >= sizeof(path))
		return decompress(payload, what, limit, hint, out, error);
	if (read_own(path, limit + sizeof(trailer), out)) {
		if (is_unpacked(out, &trailer))
			return 0;
		free(out->data);
		out->data = NULL;
	}
	if (decompress(payload, what, limit, hint, out, error))
		return -1;
	trailer.hash = hash_words(blob_bytes(out));
	os_save_file(directory, path, (struct iovec[]){
		{ out->data, out->size }, { &trailer, sizeof(trailer) } }, 2);
	return 0;
}
