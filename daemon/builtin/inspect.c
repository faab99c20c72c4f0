// SPDX-License-Identifier: GPL-2.0
/*
 * `colinux inspect`: what the loader makes of a kernel, without a driver or a
 * guest.  It also links the port object, so that one can tell whether a kernel
 * can be handled before it is needed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "../command.h"
#include "../kernel/image.h"
#include "../kernel/link.h"
#include "../os.h"
#include "../paths.h"

#define PORT_MAX (16u << 20)
/* A guest of this size, somewhere in memory, for the trial. */
#define TRIAL_MEMORY (256ull << 20)
#define TRIAL_MACHINE 0x100000000ull
#define TRIAL_TSC_KHZ 2000000
#define TRIAL_PAT 0x0407050600070106ull	/* Linux's own table */

static int usage(void)
{
	fprintf(stderr, "usage: colinux inspect KERNEL [--port FILE] "
			"[--modules DIRECTORY] [--symbol NAME]\n");
	return 2;
}

static void describe(const struct guest_image *image)
{
	printf("version      %s\n", image->bzimage.version);
	printf("build-id     %s\n", *image->build_id ? image->build_id : "-");
	printf("protocol     %u.%02u, header of %u bytes\n",
	       image->bzimage.protocol >> 8, image->bzimage.protocol & 0xff,
	       image->bzimage.header_size);
	printf("image        %" PRIu64 " KiB in memory, entry at +0x%" PRIx64
	       "\n", image->size >> 10, image->elf.entry - image->paddr);
	printf("contiguous   %" PRIu64 " MiB for a guest of 256 MiB\n",
	       guest_image_contiguous(image, TRIAL_MEMORY, 0) >> 20);
	printf("symbols      %u (layout %s)\n", image->syms.nr,
	       image->syms.layout);
	printf("types        %u\n", btf_nr_types(image->btf));
	printf("pause sites  %u, %u left alone%s\n", image->sites.nr,
	       image->sites.left, image->sites.cached ? " (from cache)" : "");
	printf("HZ           %u\n", image->hz);
}

static void describe_symbol(const struct guest_image *image, const char *name)
{
	const struct btf_set set = { (const struct btf *const[]){ image->btf },
				     1 };
	struct error error = { "" };
	unsigned int count;
	const struct ksym *sym = kallsyms_find(&image->syms, name, &count);
	char proto[1024];

	if (!sym)
		printf("%s: not there\n", name);
	else if (count > 1)
		printf("%s: %u of them\n", name, count);
	else if (btf_function(&set, name, proto, sizeof(proto), &error) == 1)
		printf("%s: 0x%" PRIx64 " %c %s\n", name, sym->addr, sym->type,
		       proto);
	else
		printf("%s: 0x%" PRIx64 " %c\n", name, sym->addr, sym->type);
}

/* Load it into memory that nobody will run. */
static int try_load(struct guest_image *image, const char *port_path,
		    const struct guest_pack *pack, struct error *error)
{
	const struct colinux_extent extent = { TRIAL_MACHINE, TRIAL_MEMORY };
	struct load_request request = {
		.extents = &extent,
		.nr_extents = 1,
		.levels = 4,
		.tsc_khz = TRIAL_TSC_KHZ,
		.pat = TRIAL_PAT,
		.nr_vcpus = 1,
		.port_name = port_path,
		.pack = pack,
	};
	struct load_result *result = calloc(1, sizeof(*result));
	uint8_t *ram = malloc(TRIAL_MEMORY);
	struct blob port = { 0 };
	int ret = -1;

	if (!ram || !result) {
		error_set(error, "out of memory");
	} else if (!file_read(port_path, PORT_MAX, &port, error)) {
		request.ram = ram;
		request.port = blob_bytes(&port);
		ret = guest_image_load(image, &request, result, error);
		if (!ret)
			printf("parameters   %s\n", result->cmdline);
	}
	free(port.data);
	free(ram);
	free(result);
	return ret;
}

static int pack_modules(const struct guest_image *image, const char *directory,
			struct guest_pack *pack, struct error *error)
{
	const char *const *const lists[] = {
		guest_modules_base, guest_modules_net, guest_modules_disk,
	};
	const char *wanted[GUEST_MODULES_MAX];
	size_t nr = 0;

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const char *const *name = lists[i]; *name; name++)
			wanted[nr++] = *name;
	wanted[nr] = NULL;
	/* Only the modules matter here, not what would start them. */
	if (guest_pack_build(directory, image->release, wanted, NULL, NULL,
			     pack, error))
		return -1;
	printf("modules     ");
	for (unsigned int i = 0; i < pack->nr_modules; i++)
		printf(" %s", pack->modules[i].name);
	printf("%s\n", pack->nr_modules ? "" : " all built in");
	return 0;
}

int cmd_inspect(int argc, char **argv)
{
	const char *kernel = NULL, *port = NULL, *modules = NULL;
	char found[4096], installed[4096];
	struct guest_pack pack = { 0 };
	struct guest_image *image;
	struct error error = { "" };
	int first_symbol = 0, ret = 0;

	for (int i = 1; i < argc; i++) {
		bool more = i + 1 < argc;

		if (!strcmp(argv[i], "--port") && more) {
			port = argv[++i];
		} else if (!strcmp(argv[i], "--modules") && more) {
			modules = argv[++i];
		} else if (!strcmp(argv[i], "--symbol") && more) {
			first_symbol = first_symbol ? first_symbol : i;
			i++;
		} else if (argv[i][0] == '-' || kernel) {
			return usage();
		} else {
			kernel = argv[i];
		}
	}
	if (!kernel)
		return usage();
	image = guest_image_open(kernel, &error);
	if (!image) {
		fprintf(stderr, "colinux: %s\n", error.text);
		return 1;
	}
	describe(image);
	for (int i = first_symbol; i && i + 1 < argc; i++)
		if (!strcmp(argv[i], "--symbol"))
			describe_symbol(image, argv[++i]);
	/* Where a guest would take them from. */
	if (!port && path_find(PATH_PORT, found, sizeof(found)))
		port = found;
	os_modules_directory(image->release, installed, sizeof(installed));
	if (!modules && os_file_kind(installed) == OS_FILE_DIRECTORY)
		modules = installed;
	if (modules)
		ret = pack_modules(image, modules, &pack, &error);
	if (!ret && port)
		ret = try_load(image, port, &pack, &error);
	if (ret)
		printf("cannot be handled: %s\n", error.text);
	else if (port)
		printf("can be handled\n");
	guest_pack_free(&pack);
	guest_image_close(image);
	return ret ? 1 : 0;
}
