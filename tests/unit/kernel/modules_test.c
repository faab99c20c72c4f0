// SPDX-License-Identifier: GPL-2.0
/* Packing modules and /colinux-init into an initrd. */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "../../../daemon/kernel/cpio.h"
#include "../../../daemon/kernel/kernel.h"
#include "../virtio/tap.h"
#include "fake_kernel.h"

static char directory[64] = "/tmp/colinux-pack-XXXXXX";
static char init_path[96];
static const char *objects;
static struct error error;

/* One entry of an archive. */
struct entry {
	char name[64];
	unsigned int mode, links;
	struct bytes contents;
};

static unsigned int hex(const uint8_t *p)
{
	char digits[9] = "";

	memcpy(digits, p, 8);
	return strtoul(digits, NULL, 16);
}

/* Read the entry at *at as the kernel's init/initramfs.c does. */
static bool next_entry(struct bytes archive, uint64_t *at, struct entry *out)
{
	const uint8_t *h = bytes_at(archive, *at, 110);
	const uint8_t *name;
	unsigned int size, name_size;

	if (!h || memcmp(h, "070701", 6) || *at % 4)
		return false;
	size = hex(h + 6 + 6 * 8);
	name_size = hex(h + 6 + 11 * 8);
	name = bytes_at(archive, *at + 110, name_size);
	if (!name || name_size > sizeof(out->name) || name[name_size - 1])
		return false;
	strcpy(out->name, (const char *)name);
	out->mode = hex(h + 6 + 8);
	out->links = hex(h + 6 + 4 * 8);
	*at = round_up(*at + 110 + name_size, 4);
	if (!bytes_slice(archive, *at, size, &out->contents))
		return false;
	*at = round_up(*at + size, 4);
	return true;
}

static bool find_entry(const struct blob *archive, const char *name,
		       struct entry *out)
{
	uint64_t at = 0;

	while (next_entry(blob_bytes(archive), &at, out))
		if (!strcmp(out->name, name))
			return true;
	return false;
}

static bool holds(const struct entry *entry, const char *text)
{
	return entry->contents.size == strlen(text) &&
	       !memcmp(entry->contents.data, text, strlen(text));
}

/* Put a module into the directory, compressed or not. */
static void install(const char *object, const char *path,
		    enum fake_packing packing)
{
	struct blob plain, packed;
	char from[512], to[256];

	snprintf(from, sizeof(from), "%s/module-%s.o", objects, object);
	snprintf(to, sizeof(to), "%s/%s", directory, path);
	if (file_read(from, 1 << 20, &plain, &error))
		die(error.text);
	packed = fake_pack(blob_bytes(&plain), packing);
	fake_write(to, blob_bytes(&packed));
	free(plain.data);
	free(packed.data);
}

static void write_text(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	fake_write(path, (struct bytes){ (const uint8_t *)text,
					 strlen(text) });
}

static void test_cpio(void)
{
	struct cpio cpio = { 0 };
	struct entry entry;
	uint64_t at = 0;

	cpio_directory(&cpio, "d", 0755);
	cpio_file(&cpio, "d/file", 0640,
		  (struct bytes){ (const uint8_t *)"hello", 5 });
	cpio_file(&cpio, "empty", 0600, (struct bytes){ NULL, 0 });
	check(!cpio_finish(&cpio, &error) && cpio.out.size % 4 == 0,
	      "archive written");
	check(next_entry(blob_bytes(&cpio.out), &at, &entry) &&
		      !strcmp(entry.name, "d") && entry.mode == 040755 &&
		      entry.links == 2, "directory");
	check(next_entry(blob_bytes(&cpio.out), &at, &entry) &&
		      !strcmp(entry.name, "d/file") && entry.mode == 0100640 &&
		      holds(&entry, "hello"), "file");
	check(next_entry(blob_bytes(&cpio.out), &at, &entry) &&
		      !strcmp(entry.name, "empty") && !entry.contents.size,
	      "empty file");
	check(next_entry(blob_bytes(&cpio.out), &at, &entry) &&
		      !strcmp(entry.name, "TRAILER!!!") && at == cpio.out.size,
	      "trailer");
	free(cpio.out.data);
}

static void test_pack(const char *what)
{
	static const char *const wanted[] = {
		"a", "builtin_one", "?missing", "c", NULL,
	};
	struct guest_pack pack;
	struct entry entry;

	if (!check(!guest_pack_build(directory, "1.0", wanted, init_path,
				     init_path, &pack, &error),
		   "%s: packed %s", what, error.text))
		return;
	check(pack.nr_modules == 4 && !strcmp(pack.modules[0].name, "d") &&
		      !strcmp(pack.modules[1].name, "b_two") &&
		      !strcmp(pack.modules[2].name, "c") &&
		      !strcmp(pack.modules[3].name, "a"),
	      "%s: dependencies first, each once", what);
	check(find_entry(&pack.cpio, "colinux/modules", &entry) &&
		      holds(&entry, "/colinux/d.ko\n/colinux/b_two.ko\n"
				    "/colinux/c.ko\n/colinux/a.ko\n"),
	      "%s: list in load order", what);
	check(find_entry(&pack.cpio, "colinux/a.ko", &entry) &&
		      !memcmp(entry.contents.data, "\177ELF", 4),
	      "%s: decompressed", what);
	check(find_entry(&pack.cpio, "colinux-init", &entry) &&
		      entry.mode == 0100755 && holds(&entry, "#!init"),
	      "%s: /colinux-init", what);
	check(find_entry(&pack.cpio, "colinux-agent", &entry) &&
		      entry.mode == 0100755 && holds(&entry, "#!init"),
	      "%s: /colinux-agent", what);
	check(pack.modules[1].btf_size == 14 && !pack.modules[0].btf_size,
	      "%s: BTF kept where there is some", what);
	guest_pack_park(&pack);
	check(!pack.cpio.data && pack.packed.data &&
		      !guest_pack_unpark(&pack, &error) &&
		      !guest_pack_unpark(&pack, &error) &&
		      find_entry(&pack.cpio, "colinux-init", &entry) &&
		      holds(&entry, "#!init") &&
		      !memcmp(pack.cpio.data + pack.modules[1].btf_offset,
			      "not really BTF", 14),
	      "%s: the same after it was parked", what);
	guest_pack_park(&pack);
	guest_pack_free(&pack);
}

static void test_refusals(void)
{
	struct guest_pack pack;

#define REFUSED(directory_, name, init, message)			\
	check(guest_pack_build(directory_, "1.0",			\
			       (const char *const[]){ name, NULL }, init, \
			       NULL, &pack, &error) == -1 &&			\
		      strstr(error.text, message),			\
	      "refused: %s", error.text)
	REFUSED(directory, "nowhere", init_path, "no module nowhere");
	REFUSED(directory, "needy", init_path, "no module nowhere");
	REFUSED(directory, "loop", init_path, "circle");
	REFUSED(directory, "gone", init_path, "the module is missing");
	REFUSED(directory, "junk", init_path, "not a 64-bit ELF");
	REFUSED(directory, "builtin_one", "/nonexistent/init",
		"/nonexistent/init");
	REFUSED("/nonexistent", "a", init_path, "no module a");
	REFUSED(NULL, "a", init_path, "kernel 1.0");
#undef REFUSED
	check(!guest_pack_build(NULL, "1.0",
				(const char *const[]){ "?a", NULL }, init_path,
				NULL, &pack, &error),
	      "nothing needed, no directory");
	guest_pack_free(&pack);
}

int main(int argc, char **argv)
{
	char here[512], path[600], command[128];

	(void)argc;
	snprintf(here, sizeof(here), "%s", argv[0]);
	snprintf(path, sizeof(path), "%s/kernel", dirname(here));
	objects = path;
	if (!mkdtemp(directory))
		die(directory);
	snprintf(init_path, sizeof(init_path), "%s/init", directory);
	write_text("init", "#!init");
	write_text("junk.ko", "this is not a module at all, not even ELF");
	write_text("modules.builtin", "kernel/builtin-one.ko\n");
	install("a", "a.ko.xz", FAKE_XZ);
	install("b", "b-two.ko.zst", FAKE_ZSTD);
	install("c", "c.ko.gz", FAKE_GZIP);
	install("d", "d.ko", FAKE_PLAIN);
	install("loop", "loop.ko", FAKE_PLAIN);
	install("needy", "needy.ko", FAKE_PLAIN);

	test_cpio();
	write_text("modules.order", "a.ko\nb-two.ko\nc.ko\nd.ko\n");
	test_pack("modules.order");
	write_text("modules.dep",
		   "a.ko.xz: b-two.ko.zst c.ko.gz\nb-two.ko.zst: d.ko\n"
		   "c.ko.gz:\nd.ko:\nloop.ko: loop.ko\nneedy.ko:\ngone.ko:\n"
		   "junk.ko:");
	test_pack("modules.dep");
	test_refusals();

	snprintf(command, sizeof(command), "rm -rf %s", directory);
	if (system(command))
		note("cannot remove %s", directory);
	return done();
}
