// SPDX-License-Identifier: GPL-2.0
/*
 * Putting a guest into memory.  First everything is decided and checked in
 * memory of our own (struct plan), then it is written.
 *
 *   COLINUX_KERNEL_OFFSET   kernel image, up to _end
 *   boot                    boot_params, command line, a stack for the entry
 *                           code, setup_data, page tables
 *   initrd                  all of them in a row
 *
 * What lies behind the image is ordinary RAM for the kernel: it has copied or
 * left all of it (the initrd apart, which it reserves) before it allocates.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "bootparams.h"
#include "code_patch.h"
#include "directive.h"
#include "image.h"
#include "link.h"
#include "pagetable.h"

/* xloadflags of the setup header: the kernel can run on 5-level tables. */
#define XLOADFLAGS (0x236 - SETUP_HEADER_OFFSET)
#define XLF_5LEVEL (1 << 5)

/* The boot area: offsets from its start. */
#define BOOT_PARAMS 0
#define BOOT_CMDLINE 0x1000
#define BOOT_STACK_END 0x3000
#define BOOT_SETUP_DATA 0x3000
#define CMDLINE_MAX 4096	/* room between cmdline and stack: a page */

struct plan {
	const struct guest_image *image;
	const struct load_request *request;
	struct btf *module_btf[GUEST_MODULES_MAX];
	const struct btf *btf[GUEST_MODULES_MAX + 1];
	struct link_names names;
	struct linked_port port;
	struct patch_list patches;
	struct page_tables tables;
	struct e820_entry *e820;
	unsigned int nr_e820;
	char cmdline[CMDLINE_MAX];
	uint8_t *boot;		/* the boot area without the tables */
	size_t boot_size;
	uint64_t boot_offset, initrd_offset, initrd_size;
	uint64_t memory;	/* bytes of guest RAM */
};

/* Pages for tables that extents anywhere in memory may need. */
static uint64_t table_pages(uint64_t memory)
{
	return memory / COLINUX_PMD_SIZE + 64;
}

uint64_t guest_image_contiguous(const struct guest_image *image,
				uint64_t memory, uint64_t initrd_size)
{
	uint64_t setup_data = memory / COLINUX_PMD_SIZE * 20 + 4096;
	uint64_t boot = BOOT_SETUP_DATA + round_up(setup_data, 4096) +
			table_pages(memory) * COLINUX_PAGE_SIZE;

	return round_up(COLINUX_KERNEL_OFFSET + image->size + boot +
				initrd_size + 2 * COLINUX_PAGE_SIZE,
			COLINUX_PMD_SIZE);
}

/* Machine address of an offset in extent 0. */
static uint64_t machine(const struct plan *plan, uint64_t offset)
{
	return plan->request->extents[0].machine + offset;
}

static int check_request(struct plan *plan, struct error *error)
{
	const struct load_request *r = plan->request;

	for (unsigned int i = 0; i < r->nr_extents; i++)
		plan->memory += r->extents[i].size;
	plan->e820 = e820_build(r->extents, r->nr_extents, &plan->nr_e820,
				error);
	if (!plan->e820)
		return -1;
	if (r->levels == 5 &&
	    !(plan->image->bzimage.header[XLOADFLAGS] & XLF_5LEVEL))
		return error_set(error,
				 "%s: the host uses 5-level page tables, which "
				 "this kernel does not know; boot the host with "
				 "no5lvl", plan->image->path);
	if (!r->nr_vcpus || r->nr_vcpus > COLINUX_MAX_VCPUS)
		return error_set(error, "%u vCPUs: 1 to %u are possible",
				 r->nr_vcpus, COLINUX_MAX_VCPUS);
	if (r->nr_devices > COLINUX_MAX_DEVICES)
		return error_set(error, "%u devices: at most %u are possible",
				 r->nr_devices, COLINUX_MAX_DEVICES);
	if (r->pack && r->pack->nr_modules > GUEST_MODULES_MAX)
		return error_set(error, "%u modules: at most %u are possible",
				 r->pack->nr_modules, GUEST_MODULES_MAX);
	if (!r->tsc_khz)
		return error_set(error, "the frequency of the TSC is unknown");
	return 0;
}

/* Append to the command line; words that do not fit are an error later. */
__attribute__((format(printf, 3, 4)))
static void add_words(char *line, size_t *used, const char *format, ...)
{
	va_list args;
	int length;

	if (*used >= CMDLINE_MAX)
		return;
	va_start(args, format);
	length = vsnprintf(line + *used, CMDLINE_MAX - *used, format, args);
	va_end(args);
	*used += length > 0 ? (size_t)length : 0;
}

/*
 * What must be said to a kernel without hardware is the port's business
 * (.colinux.cmdline).  Ours come first: of most parameters the last one
 * counts, and the user's line may end with "-- words for init".
 */
static int build_cmdline(struct plan *plan, struct error *error)
{
	const struct load_request *r = plan->request;
	const struct elf_section *s;
	size_t used = 0;
	uint64_t at = 0;

	/* What calibrate_delay() would find: TSC ticks per jiffy. */
	add_words(plan->cmdline, &used, "lpj=%" PRIu64,
		  r->tsc_khz * 1000 / plan->image->hz);
	s = elf_section(&plan->port.elf, ".colinux.cmdline");
	while (s && at < s->data.size) {
		const char *words = bytes_string(s->data, at);

		if (!words)
			return error_set(error, "%s: .colinux.cmdline does not "
					 "end with a zero",
					 plan->port.elf.name);
		at += strlen(words) + 1;
		if (*words)
			add_words(plan->cmdline, &used, " %s", words);
	}
	/*
	 * After the words above: rdinit= drops those before it that the kernel
	 * did not know and would hand to init (dis_ucode_ldr is one).
	 */
	if (r->colinux_init)
		add_words(plan->cmdline, &used, " rdinit=/colinux-init");
	if (r->cmdline && *r->cmdline)
		add_words(plan->cmdline, &used, " %s", r->cmdline);
	if (used >= CMDLINE_MAX || used > plan->image->bzimage.cmdline_max)
		return error_set(error,
				 "the kernel command line has %zu characters, "
				 "this kernel takes %u", used,
				 plan->image->bzimage.cmdline_max < CMDLINE_MAX
					 ? plan->image->bzimage.cmdline_max
					 : CMDLINE_MAX - 1);
	return 0;
}

/* The types of the modules, behind those of the kernel. */
static int parse_modules(struct plan *plan, const struct guest_pack *pack,
			 struct error *error)
{
	for (unsigned int i = 0; i < pack->nr_modules; i++) {
		const struct guest_module *m = &pack->modules[i];
		const struct bytes btf = { pack->cpio.data + m->btf_offset,
					   m->btf_size };

		if (!btf.size)
			continue;
		plan->module_btf[i] = btf_parse(btf, m->name, plan->image->btf,
						error);
		if (!plan->module_btf[i])
			return -1;
		plan->btf[plan->names.btf.nr++] = plan->module_btf[i];
	}
	return 0;
}

static int link_and_check(struct plan *plan, struct error *error)
{
	const struct load_request *r = plan->request;

	plan->btf[0] = plan->image->btf;
	plan->names.syms = &plan->image->syms;
	plan->names.btf.list = plan->btf;
	plan->names.btf.nr = 1;
	if (r->pack && parse_modules(plan, r->pack, error))
		return -1;
	if (link_port(r->port, r->port_name, &plan->names, &plan->port,
		      error) ||
	    directives_check(plan->image, &plan->names, &plan->port,
			     &plan->patches, error))
		return -1;
	if (code_patch_fixmap(plan->image,
			      machine(plan, COLINUX_PORT_TEXT_OFFSET),
			      machine(plan, COLINUX_PORT_DATA_OFFSET),
			      &plan->patches, error))
		return error_prefix(error, "%s", plan->image->path);
	for (unsigned int i = 0; i < plan->image->sites.nr; i++)
		if (patch_add(&plan->patches, plan->image->sites.addr[i],
			      PAUSE_NEW, PAUSE_LENGTH, error))
			return -1;
	return 0;
}

static int build_tables(struct plan *plan, struct error *error)
{
	const struct load_request *r = plan->request;

	if (page_tables_init(&plan->tables, r->levels,
			     machine(plan, plan->boot_offset) +
				     plan->boot_size, error))
		return -1;
	for (unsigned int i = 0; i < r->nr_extents; i++) {
		uint64_t addr = r->extents[i].machine;
		uint64_t end = addr + r->extents[i].size;

		for (; addr < end; addr += COLINUX_PMD_SIZE)
			if (page_tables_map(&plan->tables, addr, addr, error))
				return -1;
	}
	if (page_tables_map(&plan->tables, COLINUX_PORT_TEXT_VA,
			    machine(plan, COLINUX_PORT_TEXT_OFFSET), error) ||
	    page_tables_map(&plan->tables, COLINUX_PORT_DATA_VA,
			    machine(plan, COLINUX_PORT_DATA_OFFSET), error))
		return -1;
	return 0;
}

static int build_boot(struct plan *plan, struct error *error)
{
	const struct load_request *r = plan->request;
	size_t setup_data = boot_params_setup_data_size(plan->nr_e820);
	uint64_t end;

	plan->boot_offset = round_up(COLINUX_KERNEL_OFFSET + plan->image->size,
				     COLINUX_PAGE_SIZE);
	plan->boot_size = BOOT_SETUP_DATA +
			  round_up(setup_data, COLINUX_PAGE_SIZE);
	plan->boot = calloc(1, plan->boot_size);
	if (!plan->boot)
		return error_set(error, "out of memory for boot parameters");
	if (build_tables(plan, error))
		return -1;
	plan->initrd_offset = plan->boot_offset + plan->boot_size +
			      (uint64_t)plan->tables.nr * COLINUX_PAGE_SIZE;
	for (unsigned int i = 0; i < r->nr_initrds; i++)
		plan->initrd_size = round_up(plan->initrd_size, 4) +
				    r->initrds[i].size;
	end = plan->initrd_offset + plan->initrd_size;
	if (end > r->extents[0].size)
		return error_set(error,
				 "guest memory begins with %" PRIu64
				 " MiB in one piece; kernel and initrd need %"
				 PRIu64 " MiB: give the guest more memory",
				 (uint64_t)r->extents[0].size >> 20,
				 (end + (1 << 20) - 1) >> 20);

	strcpy((char *)plan->boot + BOOT_CMDLINE, plan->cmdline);
	boot_params_fill(
		&(struct boot_params_request){
			.bzimage = &plan->image->bzimage,
			.e820 = plan->e820,
			.nr_e820 = plan->nr_e820,
			.cmdline_machine =
				machine(plan, plan->boot_offset + BOOT_CMDLINE),
			.initrd_machine = plan->initrd_size
				? machine(plan, plan->initrd_offset) : 0,
			.initrd_size = plan->initrd_size,
			.setup_data_machine = machine(
				plan, plan->boot_offset + BOOT_SETUP_DATA),
		},
		plan->boot + BOOT_PARAMS, plan->boot + BOOT_SETUP_DATA);
	return 0;
}

/* Every patch has a place in RAM: looked up before anything is written. */
static int check_patches(struct plan *plan, struct error *error)
{
	uint64_t offset;

	for (unsigned int i = 0; i < plan->patches.nr; i++) {
		const struct patch *p = &plan->patches.list[i];

		if (!image_ram_offset(plan->image, p->addr, p->length,
				      &offset))
			return error_set(error, "%s: address 0x%" PRIx64
					 " to be patched is outside of the "
					 "image", plan->image->path, p->addr);
	}
	return 0;
}

static void write_kernel(const struct plan *plan)
{
	const struct guest_image *image = plan->image;
	uint8_t *ram = plan->request->ram;
	uint64_t offset;

	memset(ram + COLINUX_KERNEL_OFFSET, 0, image->size);
	for (unsigned int i = 0; i < image->elf.nr_segments; i++) {
		const struct elf_segment *s = &image->elf.segments[i];
		uint64_t at = s->paddr - image->paddr;
		uint64_t size = s->data.size;

		if (s->type != PT_LOAD || at >= image->size)
			continue;
		if (size > image->size - at)
			size = image->size - at;
		memcpy(ram + COLINUX_KERNEL_OFFSET + at, s->data.data, size);
	}
	for (unsigned int i = 0; i < plan->patches.nr; i++) {
		const struct patch *p = &plan->patches.list[i];

		if (image_ram_offset(image, p->addr, p->length, &offset))
			memcpy(ram + offset, p->bytes, p->length);
	}
}

static void write_port(const struct plan *plan)
{
	const struct load_request *r = plan->request;
	uint8_t *text = r->ram + COLINUX_PORT_TEXT_OFFSET;
	uint8_t *data = r->ram + COLINUX_PORT_DATA_OFFSET;
	struct colinux_boot_info info = {
		.magic = COLINUX_BOOT_MAGIC,
		.abi_version = COLINUX_ABI_VERSION,
		.nr_vcpus = r->nr_vcpus,
		.tsc_khz = r->tsc_khz,
		.port_machine = machine(plan, COLINUX_PORT_TEXT_OFFSET),
		.data_machine = machine(plan, COLINUX_PORT_DATA_OFFSET),
		.nr_devices = r->nr_devices,
		.halt_poll_us = r->halt_poll_us,
		.host_pat = r->pat,
	};

	/* int3: nothing should ever run there. */
	memset(text + COLINUX_PORT_LINK_TEXT, 0xcc, LINK_TEXT_MAX);
	memcpy(text + COLINUX_PORT_LINK_TEXT, plan->port.text,
	       plan->port.text_size);
	memset(data, 0, COLINUX_VCPU_AREAS);
	memcpy(data + COLINUX_BOOT_INFO, &info, sizeof(info));
	memcpy(data + COLINUX_PORT_LINK_DATA, plan->port.data,
	       plan->port.data_size);
	memset(data + COLINUX_PORT_HEAP, 0, COLINUX_PORT_HEAP_SIZE);
}

static void write_boot(const struct plan *plan)
{
	const struct load_request *r = plan->request;
	uint8_t *to = r->ram + plan->boot_offset;
	uint64_t used = 0;

	memcpy(to, plan->boot, plan->boot_size);
	memcpy(to + plan->boot_size, plan->tables.pages,
	       (size_t)plan->tables.nr * COLINUX_PAGE_SIZE);
	/* The kernel wants each archive of an initrd at a multiple of 4. */
	to = r->ram + plan->initrd_offset;
	for (unsigned int i = 0; i < r->nr_initrds; i++) {
		uint64_t start = round_up(used, 4);

		memset(to + used, 0, start - used);
		if (r->initrds[i].size)
			memcpy(to + start, r->initrds[i].data,
			       r->initrds[i].size);
		used = start + r->initrds[i].size;
	}
}

static void free_plan(struct plan *plan)
{
	for (unsigned int i = 0; i < GUEST_MODULES_MAX; i++)
		btf_free(plan->module_btf[i]);
	link_free(&plan->port);
	patch_free(&plan->patches);
	page_tables_free(&plan->tables);
	free(plan->e820);
	free(plan->boot);
}

int guest_image_load(struct guest_image *image,
		     const struct load_request *request,
		     struct load_result *result, struct error *error)
{
	struct plan plan = { .image = image, .request = request };

	if (image_unpark(image, error))
		return -1;
	if (check_request(&plan, error) || link_and_check(&plan, error) ||
	    build_cmdline(&plan, error) || build_boot(&plan, error) ||
	    check_patches(&plan, error)) {
		free_plan(&plan);
		return -1;
	}
	write_port(&plan);
	write_kernel(&plan);
	write_boot(&plan);

	memset(result, 0, sizeof(*result));
	result->vcpu.rip = machine(&plan, COLINUX_KERNEL_OFFSET +
					  image->elf.entry - image->paddr);
	result->vcpu.rsp = machine(&plan, plan.boot_offset + BOOT_STACK_END);
	result->vcpu.cr3 = plan.tables.machine;
	result->vcpu.rsi = machine(&plan, plan.boot_offset + BOOT_PARAMS);
	snprintf(result->cmdline, sizeof(result->cmdline), "%s", plan.cmdline);
	free_plan(&plan);
	return 0;
}
