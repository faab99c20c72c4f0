// SPDX-License-Identifier: GPL-2.0
/*
 * Choosing the modules that a guest needs before it has a root file system,
 * and packing them with /colinux-init into an initrd.
 *
 * Where a module is comes from modules.dep, or from modules.order where
 * depmod has not run (an unpacked package); what it depends on comes from the
 * module itself.  Names are compared as the kernel does: '-' equals '_'.
 */
#include <stdio.h>
#include <stdlib.h>

#include "../os.h"
#include "cpio.h"
#include "elf64.h"
#include "kernel.h"

#define MODULE_MAX (64u << 20)
#define INIT_MAX (64u << 20)
#define LIST_MAX (16u << 20)
#define PATH_LENGTH 4096
#define DEPTH 16

/* The order is that of loading. */
const char *const guest_modules_base[] = {
	"virtio", "virtio_ring", "virtio_console", "virtio_blk",
	"?virtio_rng", "?virtio_balloon", NULL,
};

/*
 * crc32c is asked for by ext4 by its crypto name, which only modprobe could
 * follow; newer kernels have it elsewhere.
 */
const char *const guest_modules_disk[] = {
	"?crc32c_generic", "?crc32c_intel", "ext4", NULL,
};

const char *const guest_modules_net[] = { "virtio_net", NULL };

struct packer {
	const char *directory;
	const char *release;
	struct blob available;	/* modules.dep or modules.order */
	struct blob builtin;	/* modules.builtin */
	struct guest_module *modules;
	unsigned int nr;
	struct cpio cpio;
	char list[GUEST_MODULES_MAX * 96];
	size_t list_size;
};

/* Name of the module in a path: the last part, up to the first dot. */
static size_t module_name(const char *path, size_t length, char *out,
			  size_t room)
{
	size_t start = length, used = 0;

	while (start && path[start - 1] != '/')
		start--;
	while (start < length && path[start] != '.' && used + 1 < room) {
		out[used++] = path[start] == '-' ? '_' : path[start];
		start++;
	}
	out[used] = 0;
	return used;
}

/*
 * Find a module in a list of paths, one a line, each ended by ':' or the end
 * of the line.  The path as it stands there, or false.
 */
static bool find_path(const struct blob *list, const char *name, char *path,
		      size_t room)
{
	const char *at = (const char *)list->data;
	const char *end = at + list->size;
	char found[64];

	while (at < end) {
		const char *line_end = memchr(at, '\n', end - at);
		const char *stop;

		if (!line_end)
			line_end = end;
		stop = memchr(at, ':', line_end - at);
		if (!stop)
			stop = line_end;
		module_name(at, stop - at, found, sizeof(found));
		if (!strcmp(found, name) && (size_t)(stop - at) < room) {
			memcpy(path, at, stop - at);
			path[stop - at] = 0;
			return true;
		}
		at = line_end + 1;
	}
	return false;
}

/* Read a module, whatever suffix its file has. */
static int read_module(const struct packer *p, const char *relative,
		       struct blob *out, struct error *error)
{
	static const char *const suffixes[] = { "", ".xz", ".zst", ".gz" };
	char path[2 * PATH_LENGTH];
	size_t length;
	FILE *file;

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s%s", p->directory, relative,
			 suffixes[i]);
		file = os_fopen(path, "rb");
		if (!file)
			continue;
		fclose(file);
		return file_read_plain(path, MODULE_MAX, out, error);
	}
	length = strlen(p->directory);
	return error_set(error, "%s%s%s: the module is missing; install the "
			 "package of kernel %s again", p->directory,
			 length && p->directory[length - 1] == '/' ? "" : "/",
			 relative, p->release);
}

/* The value of NAME=value in a .modinfo section, or "". */
static const char *modinfo(const struct elf *elf, const char *name)
{
	const struct elf_section *s = elf_section(elf, ".modinfo");
	size_t length = strlen(name);
	uint64_t at = 0;

	while (s && at < s->data.size) {
		const char *text = bytes_string(s->data, at);

		if (!text)
			break;
		if (!strncmp(text, name, length) && text[length] == '=')
			return text + length + 1;
		at += strlen(text) + 1;
	}
	return "";
}

static bool is_packed(const struct packer *p, const char *name)
{
	for (unsigned int i = 0; i < p->nr; i++)
		if (!strcmp(p->modules[i].name, name))
			return true;
	return false;
}

static int pack_module(struct packer *p, const char *name, bool optional,
		       int depth, struct error *error);

static int pack_dependencies(struct packer *p, const struct elf *elf,
			     int depth, struct error *error)
{
	const char *at = modinfo(elf, "depends");
	char name[64];

	while (*at) {
		size_t length = strcspn(at, ",");

		module_name(at, length, name, sizeof(name));
		if (*name && pack_module(p, name, false, depth + 1, error))
			return -1;
		at += length;
		at += *at == ',';
	}
	return 0;
}

static int add_module(struct packer *p, const char *name,
		      const struct elf *elf, struct error *error)
{
	const struct elf_section *btf = elf_section(elf, ".BTF");
	struct guest_module *module;
	char path[128];
	size_t contents;

	if (p->nr == GUEST_MODULES_MAX)
		return error_set(error, "more than %u modules for the initrd",
				 GUEST_MODULES_MAX);
	module = &p->modules[p->nr++];
	snprintf(module->name, sizeof(module->name), "%s", name);
	snprintf(path, sizeof(path), "colinux/%s.ko", name);
	contents = cpio_file(&p->cpio, path, 0644, elf->file);
	/* If it builds on the kernel's alone. */
	if (btf && btf->data.size && !elf_section(elf, ".BTF.base")) {
		module->btf_offset = contents +
				     (btf->data.data - elf->file.data);
		module->btf_size = btf->data.size;
	}
	p->list_size += snprintf(p->list + p->list_size,
				 sizeof(p->list) - p->list_size, "/%s\n", path);
	return 0;
}

/* Dependencies first, then the module itself. */
static int pack_module(struct packer *p, const char *name, bool optional,
		       int depth, struct error *error)
{
	char relative[PATH_LENGTH];
	struct blob file;
	struct elf elf;
	int ret;

	if (is_packed(p, name) ||
	    find_path(&p->builtin, name, relative, sizeof(relative)))
		return 0;
	if (depth > DEPTH)
		return error_set(error, "module %s: its dependencies go in a "
				 "circle", name);
	if (!find_path(&p->available, name, relative, sizeof(relative))) {
		if (optional)
			return 0;
		return error_set(error,
				 "%s%sthere is no module %s and it is not "
				 "built in; install the package of kernel %s "
				 "or give its module directory with modules=",
				 p->directory, *p->directory ? ": " : "", name,
				 p->release);
	}
	if (read_module(p, relative, &file, error))
		return -1;
	ret = elf_parse(blob_bytes(&file), relative, &elf, error);
	if (!ret) {
		ret = pack_dependencies(p, &elf, depth, error) ||
		      add_module(p, name, &elf, error) ? -1 : 0;
		elf_free(&elf);
	}
	free(file.data);
	return ret;
}

/* A file of the module directory, empty when it is not there. */
static void read_list(const struct packer *p, const char *name,
		      struct blob *out)
{
	char path[PATH_LENGTH];

	snprintf(path, sizeof(path), "%s/%s", p->directory, name);
	if (file_read(path, LIST_MAX, out, NULL))
		*out = (struct blob){ 0 };
}

static int pack_program(struct packer *p, const char *name, const char *path,
			struct error *error)
{
	struct blob file;

	if (!path)
		return 0;
	if (file_read(path, INIT_MAX, &file, error))
		return -1;
	cpio_file(&p->cpio, name, 0755, blob_bytes(&file));
	free(file.data);
	return 0;
}

static int pack_all(struct packer *p, const char *const wanted[],
		    const char *init_path, const char *agent_path,
		    struct error *error)
{
	char name[64];

	cpio_directory(&p->cpio, "colinux", 0755);
	for (; *wanted; wanted++) {
		bool optional = **wanted == '?';

		snprintf(name, sizeof(name), "%s", *wanted + optional);
		if (pack_module(p, name, optional, 0, error))
			return -1;
	}
	cpio_file(&p->cpio, "colinux/modules", 0644,
		  (struct bytes){ (uint8_t *)p->list, p->list_size });
	if (pack_program(p, "colinux-init", init_path, error) ||
	    pack_program(p, "colinux-agent", agent_path, error))
		return -1;
	return cpio_finish(&p->cpio, error);
}

int guest_pack_build(const char *directory, const char *release,
		     const char *const wanted[], const char *init_path,
		     const char *agent_path, struct guest_pack *pack,
		     struct error *error)
{
	struct packer *p = calloc(1, sizeof(*p));
	int ret = -1;

	memset(pack, 0, sizeof(*pack));
	if (!p)
		return error_set(error, "out of memory for the initrd");
	p->directory = directory ? directory : "";
	p->release = release;
	p->modules = calloc(GUEST_MODULES_MAX, sizeof(*p->modules));
	if (!p->modules) {
		error_set(error, "out of memory for the initrd");
	} else {
		read_list(p, "modules.builtin", &p->builtin);
		read_list(p, "modules.dep", &p->available);
		if (!p->available.size) {
			free(p->available.data);
			read_list(p, "modules.order", &p->available);
		}
		ret = pack_all(p, wanted, init_path, agent_path, error);
	}
	pack->cpio = p->cpio.out;
	pack->modules = p->modules;
	pack->nr_modules = p->nr;
	if (ret)
		guest_pack_free(pack);
	free(p->available.data);
	free(p->builtin.data);
	free(p);
	return ret;
}

void guest_pack_park(struct guest_pack *pack)
{
	if (!pack->cpio.data ||
	    compress_blob(blob_bytes(&pack->cpio), &pack->packed, NULL))
		return;
	free(pack->cpio.data);
	pack->cpio.data = NULL;
}

int guest_pack_unpark(struct guest_pack *pack, struct error *error)
{
	if (!pack->packed.data)
		return 0;
	if (decompress(blob_bytes(&pack->packed), "our initrd",
		       pack->cpio.size, pack->cpio.size, &pack->cpio, error))
		return -1;
	free(pack->packed.data);
	pack->packed.data = NULL;
	return 0;
}

void guest_pack_free(struct guest_pack *pack)
{
	free(pack->packed.data);
	free(pack->modules);
	free(pack->cpio.data);
	memset(pack, 0, sizeof(*pack));
}
