// SPDX-License-Identifier: GPL-2.0
/* bzImage and its compressors: whole, cut short, damaged. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../daemon/kernel/bzimage.h"
#include "../virtio/tap.h"
#include "fake_kernel.h"

#define PLAIN_SIZE (3u << 20)
#define LIMIT (64u << 20)
#define MUTATIONS 400

static const char *const names[] = { "plain", "gzip", "xz", "zstd", "lz4" };

/* Something that compresses well, but not to nothing. */
static struct bytes make_plain(void)
{
	uint8_t *data = malloc(PLAIN_SIZE);
	uint64_t state = 1;

	if (!data)
		die("out of memory");
	for (size_t i = 0; i < PLAIN_SIZE; i++)
		data[i] = i % 64 < 4 ? fake_random(&state) : i >> 6;
	memcpy(data, "\177ELF", 4);
	return (struct bytes){ data, PLAIN_SIZE };
}

static void test_packing(struct bytes plain, enum fake_packing packing)
{
	struct blob packed = fake_pack(plain, packing);
	struct blob out = { 0 };
	struct error error = { "" };
	uint8_t *copy = malloc(packed.size);
	unsigned int refused = 0;
	uint64_t state = packing;

	check(!decompress(blob_bytes(&packed), "test", LIMIT, 0, &out,
			  &error) &&
		      out.size == plain.size &&
		      !memcmp(out.data, plain.data, plain.size),
	      "%s: round trip (%s)", names[packing], error.text);
	free(out.data);
	check(!decompress(blob_bytes(&packed), "test", LIMIT, plain.size, &out,
			  &error) && out.size == plain.size,
	      "%s: with the size known", names[packing]);
	free(out.data);
	check(decompress(blob_bytes(&packed), "test", PLAIN_SIZE / 2, 0, &out,
			 &error) == -1,
	      "%s: more than the limit is refused: %s", names[packing],
	      error.text);
	for (size_t i = 0; i < 64; i++) {
		struct bytes cut = { packed.data, packed.size / 65 * i };

		if (decompress(cut, "test", LIMIT, 0, &out, &error))
			refused++;
		else
			free(out.data);
	}
	/* lz4 has no end mark: a cut between blocks goes unnoticed. */
	check(refused == 64 || packing == FAKE_LZ4,
	      "%s: 64 truncations, %u refused", names[packing], refused);
	for (int i = 0; i < MUTATIONS / 4; i++) {
		size_t size = fake_damage(blob_bytes(&packed), copy, &state);

		if (!decompress((struct bytes){ copy, size }, "test",
				2 * PLAIN_SIZE, 0, &out, &error))
			free(out.data);
	}
	check(true, "%s: %d mutations", names[packing], MUTATIONS / 4);
	free(copy);
	free(packed.data);
}

static void test_unknown(void)
{
	struct blob out;
	struct error error = { "" };

	check(decompress((struct bytes){ (uint8_t *)"BZh91AY", 8 }, "k", LIMIT,
			 0, &out, &error) == -1 &&
		      strstr(error.text, "bzip2"),
	      "bzip2 is refused by name: %s", error.text);
	check(decompress((struct bytes){ (uint8_t *)"hello, world", 12 }, "k",
			 LIMIT, 0, &out, &error) == -1,
	      "unknown compression: %s", error.text);
	check(decompress((struct bytes){ NULL, 0 }, "k", LIMIT, 0, &out,
			 &error) == -1, "nothing at all: %s", error.text);
	check(file_read("/nonexistent/file", LIMIT, &out, &error) == -1 &&
		      strstr(error.text, "/nonexistent/file"),
	      "missing file: %s", error.text);
	check(file_read("/", LIMIT, &out, &error) == -1,
	      "a directory: %s", error.text);
}

static void test_bzimage(struct bytes plain)
{
	struct blob packed = fake_pack(plain, FAKE_GZIP);
	struct blob file = fake_bzimage(blob_bytes(&packed));
	uint8_t *copy = malloc(file.size);
	struct error error = { "" };
	struct bzimage image;
	uint64_t state = 7;
	unsigned int refused = 0;

	check(!bzimage_parse(blob_bytes(&file), "k", NULL, &image, &error) &&
		      image.vmlinux.size == plain.size &&
		      !memcmp(image.vmlinux.data, plain.data, plain.size),
	      "bzImage: payload (%s)", error.text);
	check(image.header_size == 17 + 0x6a && image.protocol == 0x20f &&
		      image.cmdline_max == 2047 &&
		      !strncmp(image.version, FAKE_RELEASE " ", 11),
	      "bzImage: header");
	bzimage_free(&image);
	for (size_t size = 0; size < file.size; size += 1 + size / 16) {
		if (bzimage_parse((struct bytes){ file.data, size }, "k",
				  NULL, &image, &error))
			refused++;
		else
			bzimage_free(&image);
	}
	check(refused > 50, "bzImage: all %u truncations refused", refused);
	for (int i = 0; i < MUTATIONS; i++) {
		/* The header only: the rest has been damaged above. */
		memcpy(copy, file.data, file.size);
		fake_damage((struct bytes){ file.data + 0x1f1, 0xa0 },
			    copy + 0x1f1, &state);
		bzimage_parse((struct bytes){ copy, file.size }, "k", NULL,
			      &image, &error);
		bzimage_free(&image);
	}
	check(true, "bzImage: %d mutations of the header", MUTATIONS);

	memcpy(copy, file.data, file.size);
	copy[0x236] = 0;
	check(bzimage_parse((struct bytes){ copy, file.size }, "k", NULL,
			    &image, &error) == -1 && strstr(error.text, "64-bit"),
	      "bzImage: 32-bit kernel: %s", error.text);
	copy[0x236] = 1;
	copy[0x206] = 4;
	check(bzimage_parse((struct bytes){ copy, file.size }, "k", NULL,
			    &image, &error) == -1 && strstr(error.text, "2.04"),
	      "bzImage: old protocol: %s", error.text);
	free(copy);
	free(file.data);
	free(packed.data);
}

/* What bzimage_parse() unpacks with that directory as its cache, or nothing. */
static bool unpacks(struct bytes file, struct bytes plain, const char *cache)
{
	struct error error = { "" };
	struct bzimage image;
	bool good = !bzimage_parse(file, "k", cache, &image, &error) &&
		    image.vmlinux.size == plain.size &&
		    !memcmp(image.vmlinux.data, plain.data, plain.size);

	bzimage_free(&image);
	return good;
}

static void test_unpacked(struct bytes plain)
{
	struct blob packed = fake_pack(plain, FAKE_GZIP), kept;
	struct blob file = fake_bzimage(blob_bytes(&packed));
	char directory[] = "/tmp/colinux-cache-XXXXXX", path[512];
	struct error error = { "" };
	struct dirent *entry = NULL;
	struct stat st, again;
	unsigned int wrong = 0;
	uint64_t state = 17;
	DIR *dir;

	if (!mkdtemp(directory) || !(dir = opendir(directory)))
		die(directory);
	check(unpacks(blob_bytes(&file), plain, directory), "cache: empty");
	while ((entry = readdir(dir)) && strncmp(entry->d_name, "vmlinux-", 8))
		;
	if (!entry)
		die("no file in the cache");
	snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
	closedir(dir);
	if (stat(path, &st))
		die(path);
	check(unpacks(blob_bytes(&file), plain, directory) &&
		      !stat(path, &again) && again.st_ino == st.st_ino,
	      "cache: the second time from there");
	if (file_read(path, 1u << 30, &kept, &error))
		die(error.text);
	for (int i = 0; i < 200; i++) {
		size_t at = fake_random(&state) % kept.size;

		/* The end too: the trailer. */
		if (i % 2)
			at = kept.size - 1 - at % 32;
		kept.data[at] ^= 1 << fake_random(&state) % 8;
		fake_write(path, i % 5 ? blob_bytes(&kept) :
			   (struct bytes){ kept.data, at });
		wrong += !unpacks(blob_bytes(&file), plain, directory);
		free(kept.data);
		if (file_read(path, 1u << 30, &kept, &error))
			die(error.text);
	}
	check(!wrong, "cache: damaged files are never believed");
	stat(path, &st);
	chmod(path, 0666);
	check(unpacks(blob_bytes(&file), plain, directory) &&
		      !stat(path, &again) && again.st_ino != st.st_ino,
	      "cache: nor one that others can write to");
	unlink(path);
	rmdir(directory);
	free(kept.data);
	free(file.data);
	free(packed.data);
}

int main(void)
{
	struct bytes plain = make_plain();

	for (int packing = FAKE_GZIP; packing < FAKE_PACKINGS; packing++)
		test_packing(plain, packing);
	test_unknown();
	test_bzimage(plain);
	test_unpacked(plain);
	free((void *)plain.data);
	return done();
}
