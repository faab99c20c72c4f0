// SPDX-License-Identifier: GPL-2.0
/*
 * Real kernels: COLINUX_TEST_KERNELS is a list of vmlinuz files, separated by
 * colons.  What the loader reads is compared with what the kernel says of
 * itself elsewhere: the table of exported symbols, the System.map beside it
 * (Debian's is empty), the sizes of its structures.
 */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../../../daemon/kernel/image.h"
#include "../virtio/tap.h"
#include "fake_kernel.h"

#define RAM_SIZE (128ull << 20)
#define RAM_MACHINE 0x140000000ull
#define MUTATIONS 12
/* A System.map that is only a note has a few hundred bytes. */
#define MAP_MIN 100000

static struct error error;
static const char *port_path;

/* Does the table have that name for that address?  Others may share it. */
static bool has_symbol(const struct guest_image *image, const char *name,
		       uint64_t addr)
{
	unsigned int count;
	const struct ksym *sym = kallsyms_find(&image->syms, name, &count);

	if (!sym || count == 1)
		return sym && sym->addr == addr;
	for (uint32_t i = 0; i < image->syms.nr; i++)
		if (image->syms.syms[i].addr == addr &&
		    !strcmp(image->syms.syms[i].name, name))
			return true;
	return false;
}

/* struct kernel_symbol: three place-relative offsets, the second is a name. */
static void count_exports(const struct guest_image *image, const char *name,
			  unsigned int *good, unsigned int *bad)
{
	const struct elf_section *s = elf_section(&image->elf, name);

	for (uint64_t at = 0; s && at + 12 <= s->data.size; at += 12) {
		uint64_t addr = s->addr + at +
				(int64_t)(int32_t)get32(s->data.data + at);
		uint64_t text = s->addr + at + 4 +
				(int64_t)(int32_t)get32(s->data.data + at + 4);
		char symbol[256];

		if (image_read(image, text, symbol, sizeof(symbol)) &&
		    memchr(symbol, 0, sizeof(symbol)) &&
		    has_symbol(image, symbol, addr))
			*good += 1;
		else
			*bad += 1;
	}
}

static void check_exports(const struct guest_image *image)
{
	unsigned int good = 0, bad = 0;

	/* One table from 7.x. */
	count_exports(image, "__ksymtab", &good, &bad);
	count_exports(image, "__ksymtab_gpl", &good, &bad);
	check(good > 5000 && !bad, "exports: %u symbols equal, %u differ",
	      good, bad);
}

static void check_system_map(const struct guest_image *image,
			     const char *kernel)
{
	const char *base = strrchr(kernel, '/');
	char path[4096], line[1024];
	unsigned int good = 0, bad = 0;
	FILE *map;

	base = base ? base + 1 : kernel;
	snprintf(path, sizeof(path), "%.*sSystem.map-%s",
		 (int)(base - kernel), kernel, image->release);
	map = fopen(path, "r");
	if (map) {
		fseek(map, 0, SEEK_END);
		if (ftell(map) < MAP_MIN) {
			fclose(map);
			map = NULL;
		} else {
			rewind(map);
		}
	}
	if (!map) {
		skip("System.map", "there is none, or only a note");
		return;
	}
	while (fgets(line, sizeof(line), map)) {
		unsigned long addr;
		char type, name[512];
		unsigned int count;

		if (sscanf(line, "%lx %c %511s", &addr, &type, name) != 3)
			continue;
		/* kallsyms leaves some out; what it has must be equal. */
		if (!kallsyms_find(&image->syms, name, &count) || count > 1)
			continue;
		if (kallsyms_find(&image->syms, name, NULL)->addr == addr)
			good++;
		else
			bad++;
	}
	fclose(map);
	check(good > 10000 && !bad, "System.map: %u symbols equal, %u differ",
	      good, bad);
}

/* Every member of every structure lies inside it. */
static void check_types(const struct guest_image *image)
{
	unsigned int members = 0, outside = 0, functions = 0, silent = 0;
	unsigned int homeless = 0;
	const struct btf *list[1] = { image->btf };
	struct btf_set set = { list, 1 };
	struct btf_type type;
	char text[512];

	for (uint32_t id = 1; btf_get(image->btf, id, &type); id++) {
		if (type.kind == BTF_FUNC) {
			int ret = btf_function(&set, type.name, text,
					       sizeof(text), &error);

			functions += ret == 1;
			silent += ret == 0;
			homeless += !kallsyms_find(&image->syms, type.name,
						   NULL);
		}
		if (type.kind != BTF_STRUCT && type.kind != BTF_UNION)
			continue;
		for (uint32_t i = 0; i < type.nr; i++) {
			const uint8_t *p = type.detail + 12 * i;
			struct btf_member m = { image->btf, get32(p + 4), 0,
						0 };
			uint64_t bits = get32(p + 8), size;

			if (type.flag)
				bits &= 0xffffff;
			if (btf_member_size(&m, &size, &error) != 1)
				continue;
			members++;
			outside += !type.flag &&
				   bits / 8 + size > type.size_or_type;
		}
	}
	check(members > 50000 && !outside, "%u members, %u outside", members,
	      outside);
	check(functions > 10000 && !silent, "%u prototypes rendered",
	      functions);
	check(homeless < functions / 100, "%u functions without a symbol",
	      homeless);
}

static void check_facts(const struct guest_image *image)
{
	const struct btf *list[1] = { image->btf };
	struct btf_set set = { list, 1 };
	struct btf_member member;
	uint64_t size = 0;
	char text[512] = "";

	check(btf_sizeof(&set, "list_head", &size, &error) == 1 && size == 16,
	      "struct list_head has 16 bytes");
	check(btf_find_member(&set, "list_head.prev", &member, &error) == 1 &&
		      member.bit_offset == 64, "list_head.prev is at 8");
	check(btf_find_member(&set, "boot_params.hdr.setup_data", &member,
			      &error) == 1 &&
		      member.bit_offset == 0x250 * 8,
	      "boot_params.hdr.setup_data is at 0x250");
	check(btf_find_member(&set, "boot_params.e820_table", &member,
			      &error) == 1 &&
		      member.bit_offset == 0x2d0 * 8,
	      "boot_params.e820_table is at 0x2d0");
	check(btf_function(&set, "kfree", text, sizeof(text), &error) == 1 &&
		      !strcmp(text, "void(const void *)"),
	      "kfree is %s", text);
	check(image->hz == 250 || image->hz == 100 || image->hz == 300 ||
		      image->hz == 1000, "HZ is %u", image->hz);
}

static void check_sites(const struct guest_image *image)
{
	bool good = true, slowpath = false, excluded = false;
	uint8_t code[2];

	for (unsigned int i = 0; i < image->sites.nr; i++) {
		uint64_t addr = image->sites.addr[i];
		const char *name =
			image->syms.syms[kallsyms_at(&image->syms, addr)].name;

		good &= image_read(image, addr, code, 2) &&
			!memcmp(code, PAUSE_OLD, 2);
		slowpath |= !strcmp(name, "native_queued_spin_lock_slowpath");
		excluded |= !strcmp(name, "delay_tsc") ||
			    !strcmp(name, "default_do_nmi");
	}
	check(good && image->sites.nr > 100, "%u pause sites, all f3 90",
	      image->sites.nr);
	check(slowpath && !excluded,
	      "spinlock slow path among them, delays and NMIs not");
}

static void check_load(struct guest_image *image)
{
	const struct colinux_extent extent = { RAM_MACHINE, RAM_SIZE };
	struct load_request request = {
		.extents = &extent,
		.nr_extents = 1,
		.levels = 4,
		.tsc_khz = 3000000,
		.pat = 0x0407050600070106,
		.nr_vcpus = 1,
		.port_name = port_path,
	};
	struct load_result *result = calloc(1, sizeof(*result));
	struct blob port;

	if (file_read(port_path, 16 << 20, &port, &error)) {
		skip("load with the port", "the port has not been built");
		free(result);
		return;
	}
	request.ram = calloc(1, RAM_SIZE);
	request.port = blob_bytes(&port);
	if (!request.ram || !result)
		die("out of memory");
	check(!guest_image_load(image, &request, result, &error),
	      "loaded with the port: %s", result->cmdline);
	if (!*result->cmdline)
		note("%s", error.text);
	check(result->vcpu.rip - RAM_MACHINE - COLINUX_KERNEL_OFFSET ==
		      image->elf.entry - image->paddr, "entry point");
	free(request.ram);
	free(result);
	free(port.data);
}

/* The reader of the symbol table, on a damaged real one. */
static void check_damage(struct guest_image *image)
{
	struct bytes whole = blob_bytes(&image->bzimage.vmlinux);
	uint8_t *copy = malloc(whole.size);
	unsigned int decoded = 0;
	uint64_t state = 17;

	if (!copy)
		die("out of memory");
	for (int i = 0; i < MUTATIONS; i++) {
		size_t size = fake_damage(whole, copy, &state);
		struct kallsyms syms;
		struct elf elf;

		if (elf_parse((struct bytes){ copy, size }, "damaged", &elf,
			      &error))
			continue;
		if (!kallsyms_decode(&elf, &syms, &error)) {
			decoded++;
			kallsyms_free(&syms);
		}
		elf_free(&elf);
	}
	check(true, "%d mutations, %u still readable", MUTATIONS, decoded);
	free(copy);
}

static void test_kernel(const char *path)
{
	struct guest_image *image;
	clock_t start = clock();

	image = guest_image_open(path, &error);
	if (!check(image != NULL, "%s: %s", path,
		   image ? guest_image_release(image) : error.text))
		return;
	note("opened in %ld ms (with ASan), %u symbols, layout %s",
	     (long)((clock() - start) * 1000 / CLOCKS_PER_SEC), image->syms.nr,
	     image->syms.layout);
	check(strlen(guest_image_build_id(image)) == 40, "build-id %s",
	      guest_image_build_id(image));
	check_exports(image);
	check_system_map(image, path);
	check_types(image);
	check_facts(image);
	check_sites(image);
	check_load(image);
	check_damage(image);
	guest_image_close(image);
}

int main(int argc, char **argv)
{
	const char *list = getenv("COLINUX_TEST_KERNELS");
	char cache[] = "/tmp/colinux-real-XXXXXX";
	char here[512], path[600], kernel[4096], command[64];

	(void)argc;
	snprintf(here, sizeof(here), "%s", argv[0]);
	snprintf(path, sizeof(path), "%s/../port/port.o", dirname(here));
	port_path = path;
	if (!list || !*list) {
		skip("real kernels", "COLINUX_TEST_KERNELS is not set");
		return done();
	}
	if (!mkdtemp(cache))
		die(cache);
	setenv("XDG_CACHE_HOME", cache, 1);
	while (*list) {
		size_t length = strcspn(list, ":");

		if (length && length < sizeof(kernel)) {
			memcpy(kernel, list, length);
			kernel[length] = 0;
			test_kernel(kernel);
		}
		list += length + (list[length] == ':');
	}
	snprintf(command, sizeof(command), "rm -rf %s", cache);
	if (system(command))
		note("cannot remove %s", cache);
	return done();
}
