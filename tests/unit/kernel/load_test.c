// SPDX-License-Identifier: GPL-2.0
/*
 * A whole kernel, built here, put into memory: every byte that the loader is
 * responsible for, every refusal, and damaged kernels and ports.
 */
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../daemon/kernel/image.h"
#include "../virtio/tap.h"
#include "fake_kernel.h"
#include "guest_ram.h"

#define KERNEL_MUTATIONS 1500
#define PORT_MUTATIONS 3000

static char directory[64] = "/tmp/colinux-load-XXXXXX";
static char kernel_path[96];
static const char *objects;
static struct error error;

static struct blob read_object(const char *name)
{
	struct blob out;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s.o", objects, name);
	if (file_read(path, 16 << 20, &out, &error))
		die(error.text);
	return out;
}

static struct guest_image *open_fake(const struct fake_options *options,
				     struct fake_kernel *fake)
{
	struct blob packed, file;
	struct guest_image *image;

	fake_kernel_build(options, fake);
	packed = fake_pack(blob_bytes(&fake->vmlinux), FAKE_PLAIN);
	file = fake_bzimage(blob_bytes(&packed));
	fake_write(kernel_path, blob_bytes(&file));
	free(packed.data);
	free(file.data);
	image = guest_image_open(kernel_path, &error);
	if (!image)
		die(error.text);
	return image;
}

/* ---- what a good load leaves in memory ---- */

static void check_code(const struct guest_ram *ram,
		       const struct fake_kernel *fake, bool ibt)
{
	const uint8_t *p = ram_kernel(ram, fake,
				      "native_queued_spin_lock_slowpath");
	uint64_t addr, common;
	bool good = true;

	check(!memcmp(p, "\x55\x48\x89\xe5\xcd\x1b\xb8\xf3\x90\0\0\x5d\xc3",
		      13), "pause becomes int 0x1b, an operand does not");
	check(!memcmp(ram_kernel(ram, fake, "delay_tsc"), "\xf3\x90", 2),
	      "an excluded function keeps its pause");
	check(!memcmp(ram_kernel(ram, fake, "entry_code"), "\xf3\x90", 2),
	      "entry code keeps its pause");

	common = fake_kernel_symbol(fake, "asm_common_interrupt");
	addr = fake_kernel_symbol(fake, "spurious_entries_start");
	p = ram_kernel(ram, fake, "spurious_entries_start");
	for (unsigned int i = 0; i < 20; i++) {
		unsigned int at = i * (ibt ? 16 : 8) + (ibt ? 4 : 0);

		good &= p[at] == 0x6a && p[at + 1] == 0xec + i &&
			p[at + 2] == 0xe9 &&
			addr + at + 7 + (int32_t)get32(p + at + 3) == common;
	}
	check(good, "20 stubs lead to common_interrupt");
}

static void check_jumps(const struct guest_ram *ram,
			const struct fake_kernel *fake)
{
	const uint8_t *p = ram_kernel(ram, fake, "plain_function");
	uint64_t addr = fake_kernel_symbol(fake, "plain_function");
	uint64_t target = addr + 5 + (int64_t)(int32_t)get32(p + 1);
	const uint8_t *port = ram_virtual(ram, target);

	check(p[0] == 0xe9 && !memcmp(port, "\xf3\x0f\x1e\xfa\xc3", 5),
	      "a function jumps to the port");
	p = ram_kernel(ram, fake, "traced_function");
	addr = fake_kernel_symbol(fake, "traced_function");
	check(!memcmp(p, "\xf3\x0f\x1e\xfa\xe8", 5) && p[9] == 0xe9 &&
		      addr + 14 + (int64_t)(int32_t)get32(p + 10) == target,
	      "behind endbr64 and the call of __fentry__");
}

static void check_immediate(const struct guest_ram *ram,
			    const struct fake_kernel *fake)
{
	check(!memcmp(ram_kernel(ram, fake, "counting_function"),
		      "\xba\0\2\0\0\x41\xb8\0\2\0\0\xb9\1\x80\0\0\xc3", 17),
	      "numbers that a function moves into registers");
}

static void check_port(const struct guest_ram *ram,
		       const struct fake_kernel *fake)
{
	const uint64_t text = COLINUX_PORT_TEXT_VA + COLINUX_PORT_LINK_TEXT;
	const uint64_t data = COLINUX_PORT_DATA_VA + COLINUX_PORT_LINK_DATA;
	const uint8_t *p = ram_virtual(ram, text);
	uint64_t value[14];
	uint64_t plain = fake_kernel_symbol(fake, "plain_function");

	memcpy(value, ram_virtual(ram, data), sizeof(value));
	check(!memcmp(p, "\xf3\x0f\x1e\xfa\x48\xc7\xc0", 7) &&
		      get32(p + 7) ==
			      (uint32_t)fake_kernel_symbol(fake,
							   "x86_platform"),
	      "port: kernel address as a signed 32-bit value");
	check(get32(p + 14) == 72, "port: offset in an instruction");
	check(p[18] == 0xe8 &&
		      text + 23 + (int64_t)(int32_t)get32(p + 19) == plain,
	      "port: call into the kernel");
	check(text + 30 + (int64_t)(int32_t)get32(p + 26) == data,
	      "port: its data by RIP");
	check(value[0] == fake_kernel_symbol(fake, "jiffies_64") &&
		      value[1] == 80 && (int64_t)value[2] == -2 &&
		      value[3] == 32 && value[4] == 195 && value[5] == 5 &&
		      value[6] == 40,
	      "port: address, sizeof, enum, size, bits, nested offset");
	check(value[7] == 0 && value[8] == UINT64_MAX &&
		      value[9] == UINT64_MAX, "port: weak and absent");
	check(value[10] == data + 128, "port: bss follows data");
	check(data + 11 * 8 + value[11] == text, "port: 64-bit relative");
	check(value[12] == 2 && value[13] == UINT64_MAX,
	      "port: how many parameters");
	check(get32(ram_virtual(ram, data + 112)) == 64,
	      "port: 32-bit value");
	check(get64(ram_virtual(ram, text + 64)) == text,
	      "port: read-only data behind text");
	check(get64(ram_kernel(ram, fake, "x86_platform") + 8) == text,
	      "the preset pointer leads to port_start");
}

static void check_boot_info(const struct guest_ram *ram)
{
	struct colinux_boot_info info;

	memcpy(&info, ram->ram + COLINUX_PORT_DATA_OFFSET, sizeof(info));
	check(info.magic == COLINUX_BOOT_MAGIC &&
		      info.abi_version == COLINUX_ABI_VERSION &&
		      info.nr_vcpus == 2 && info.nr_devices == 3 &&
		      info.tsc_khz == 2500000 && info.host_pat == 0x1234 &&
		      info.port_machine == ram->extents[0].machine &&
		      info.data_machine ==
			      ram->extents[0].machine + COLINUX_PMD_SIZE &&
		      !info.irq_pending[0] && !info.irq_pending[63],
	      "boot information");
}

static void check_boot_params(const struct guest_ram *ram,
			      const struct load_result *result)
{
	const uint8_t *p = ram_machine(ram, result->vcpu.rsi);
	const char *line = (const char *)ram_machine(
		ram, get32(p + 0x228) | (uint64_t)get32(p + 0x0c8) << 32);
	const uint8_t *initrd = ram_machine(
		ram, get32(p + 0x218) | (uint64_t)get32(p + 0x0c0) << 32);

	check(get16(p + 0x1fe) == 0xaa55 && !memcmp(p + 0x202, "HdrS", 4) &&
		      p[0x210] == 0xff && p[0x211] == 1 &&
		      get32(p + 0x23c) == 4 && p[0x1ef] == 0,
	      "boot_params: header, loader, no KASLR, subarch, sentinel");
	check(!strcmp(line, "lpj=10000000 console=hvc0 one two "
			    "rdinit=/colinux-init user=1 -- init words") &&
		      !strcmp(line, result->cmdline),
	      "command line: %s", result->cmdline);
	check(get32(p + 0x21c) == 11 && !memcmp(initrd, "12345\0\0\0abc", 11),
	      "initrds in a row, each at a multiple of 4");
	check(p[0x1e8] == ram->nr + 1 && ram_e820_matches(ram, p),
	      "e820: %u entries, port reserved, sorted", p[0x1e8]);
}

static void check_tables(const struct guest_ram *ram, uint64_t cr3,
			 unsigned int levels)
{
	uint64_t text = ram->extents[0].machine;
	bool good = true;
	uint64_t pa;

	for (unsigned int i = 0; i < ram->nr; i++)
		for (uint64_t at = 0; at < ram->extents[i].size; at += 0x1000)
			good &= ram_walk(ram, cr3, levels,
					 ram->extents[i].machine + at, &pa) &&
				pa == ram->extents[i].machine + at;
	check(good, "%u levels: every page of memory is mapped to itself",
	      levels);
	check(ram_walk(ram, cr3, levels, COLINUX_PORT_TEXT_VA + 0x1234, &pa) &&
		      pa == text + 0x1234 &&
		      ram_walk(ram, cr3, levels,
			       COLINUX_PORT_DATA_VA + 0x1fffff, &pa) &&
		      pa == text + 0x3fffff,
	      "%u levels: the port's pages at their addresses", levels);
	check(!ram_walk(ram, cr3, levels, ram->extents[0].machine - 1, &pa) &&
		      !ram_walk(ram, cr3, levels, 0, &pa) &&
		      !ram_walk(ram, cr3, levels, FAKE_TEXT, &pa),
	      "%u levels: nothing else", levels);
}

static void check_fixmap(const struct guest_ram *ram,
			 const struct fake_kernel *fake)
{
	const uint8_t *p = ram_kernel(ram, fake, "level2_fixmap_pgt");
	uint64_t text = get64(p + 8 * 508), data = get64(p + 8 * 509);

	check(text == (ram->extents[0].machine | 0xa1),
	      "fixmap 508: present, accessed, large, not writable");
	check(data == ((ram->extents[0].machine + 0x200000) | 0xe3 |
		       1ull << 63),
	      "fixmap 509: writable, dirty, no execute");
	check(get64(p + 8 * 507) == 0x1234067, "fixmap 507 as it was");
}

static void test_load(const struct fake_options *options, unsigned int levels)
{
	struct blob port = read_object("good");
	struct load_result result;
	struct fake_kernel fake;
	struct guest_image *image = open_fake(options, &fake);
	struct guest_ram ram;
	struct load_request request;
	uint8_t *copy;
	size_t size;

	ram_init(&ram, 3);
	request = ram_request(&ram, &port, levels);
	/* What the loader must not touch, and what it must clear. */
	memset(ram.ram, 0x5a, ram.size);
	if (!check(!guest_image_load(image, &request, &result, &error),
		   "loaded: %s", error.text))
		return;
	check_code(&ram, &fake, options->ibt);
	check_jumps(&ram, &fake);
	check_immediate(&ram, &fake);
	check_port(&ram, &fake);
	check_boot_info(&ram);
	check_boot_params(&ram, &result);
	check_tables(&ram, result.vcpu.cr3, levels);
	check_fixmap(&ram, &fake);
	check(result.vcpu.rip == ram.extents[0].machine +
					 COLINUX_KERNEL_OFFSET &&
		      result.vcpu.vcpu == 0 && result.vcpu.rsp % 16 == 0,
	      "vCPU 0 begins at the kernel's entry point");
	check(ram_all(&ram, 0, COLINUX_PORT_LINK_TEXT, 0x5a) &&
		      ram_all(&ram, 0x200000 + COLINUX_VCPU_AREAS,
			      COLINUX_PORT_HEAP - COLINUX_VCPU_AREAS, 0x5a),
	      "passage page, vCPU areas and device pages are left alone");
	check(ram_all(&ram, 0x200000 + COLINUX_PORT_HEAP,
		      COLINUX_PORT_HEAP_SIZE, 0) &&
		      ram_all(&ram, COLINUX_KERNEL_OFFSET + 0x202000, 0x3000,
			      0),
	      "the port's heap and the kernel's bss are zero");

	/*
	 * A reboot: memory is dirty, the image was given up and its file has no
	 * name any more; the result must be the same.
	 */
	guest_image_park(image);
	unlink(kernel_path);
	size = ram.size;
	copy = malloc(size);
	memcpy(copy, ram.ram, size);
	memset(ram.ram + COLINUX_KERNEL_OFFSET, 0xee, 0x300000);
	check(!guest_image_load(image, &request, &result, &error) &&
		      !memcmp(copy, ram.ram, COLINUX_KERNEL_OFFSET +
						     image->size),
	      "loaded again, the same");
	free(copy);
	free(port.data);
	ram_free(&ram);
	guest_image_close(image);
	fake_kernel_free(&fake);
}

/* ---- refusals ---- */

static const struct {
	const char *name;
	const char *message;
} bad_ports[] = {
	{ "absent_symbol", "no symbol no_such" },
	{ "ambiguous_symbol", "2 symbols called twin" },
	{ "absent_member", "no member foo.none" },
	{ "ambiguous_member", "several structures" },
	{ "bit_field", "foo.x is a bit field" },
	{ "no_space", "undefined symbol memcpy" },
	{ "wrong_func", "expected int(void) | long(void), found "
			"int(struct foo *,unsigned long)" },
	{ "no_function", "a member points to no function" },
	{ "absent_func", "no function no_such" },
	{ "wrong_member", "member foo.op: expected void(void), found int(" },
	{ "wrong_size", "size of foo: expected 81, found 80" },
	{ "not_zero", "expected 0 (0x0), found 0x1234067" },
	{ "wrong_value", "x86_platform: expected plain_function (0xffffffff81" },
	{ "unknown_directive", "unknown directive \"hope plain_function\"" },
	{ "unterminated", ".colinux.expect does not end with a zero" },
	{ "preset_target", "does not define nothing_here" },
	{ "preset_was", "expected plain_function (0xffffffff81" },
	{ "preset_outside", "_end+8 is not in the kernel image" },
	{ "jump_calling", "calling_function does not begin with" },
	{ "jump_looping", "looping_function does not begin with" },
	{ "jump_absent", "no symbol no_such" },
	{ "immediate_missing", "plain_function does not move 0x8000 into a" },
	{ "immediate_absent", "no symbol no_such" },
	{ "immediate_number", "0x8000, many: not 32-bit numbers" },
	{ "overflow", "kernel.x86_platform (relocation type 10) does not fit" },
	{ "far", "is out of reach" },
	{ "got", "compile with -fno-pic" },
	{ "narrow", "(relocation type 12) needs an unknown relocation" },
	{ "common", "common symbol shared" },
	{ "big_data", ".data does not fit" },
	{ "big_text", ".text does not fit" },
	{ "unloaded", "in a section that is not loaded" },
};

static bool is_one_line(const char *text)
{
	return *text && !strchr(text, '\n');
}

static void test_bad_ports(void)
{
	struct fake_options options = { .layout = FAKE_NEW };
	struct fake_kernel fake;
	struct guest_image *image = open_fake(&options, &fake);
	struct load_request request;
	struct load_result result;
	struct guest_ram ram;

	ram_init(&ram, 1);
	for (size_t i = 0; i < sizeof(bad_ports) / sizeof(bad_ports[0]); i++) {
		char name[64];
		struct blob port;

		snprintf(name, sizeof(name), "bad-%s", bad_ports[i].name);
		port = read_object(name);
		request = ram_request(&ram, &port, 4);
		memset(ram.ram, 0x5a, ram.size);
		check(guest_image_load(image, &request, &result, &error) ==
				      -1 &&
			      strstr(error.text, bad_ports[i].message) &&
			      is_one_line(error.text) &&
			      ram_all(&ram, 0, ram.size, 0x5a),
		      "refused, nothing written: %s", error.text);
		free(port.data);
	}
	ram_free(&ram);
	guest_image_close(image);
	fake_kernel_free(&fake);
}

static void test_bad_kernel(const struct fake_options *options,
			    const char *message)
{
	struct blob port = read_object("good");
	struct fake_kernel fake;
	struct guest_image *image = open_fake(options, &fake);
	struct load_request request;
	struct load_result result;
	struct guest_ram ram;

	ram_init(&ram, 1);
	request = ram_request(&ram, &port, 4);
	check(guest_image_load(image, &request, &result, &error) == -1 &&
		      strstr(error.text, message),
	      "kernel refused: %s", error.text);
	ram_free(&ram);
	free(port.data);
	guest_image_close(image);
	fake_kernel_free(&fake);
}

static void test_bad_requests(void)
{
	struct blob port = read_object("good");
	struct fake_options options = { .layout = FAKE_NEW };
	struct fake_kernel fake;
	struct guest_image *image = open_fake(&options, &fake);
	struct load_request request;
	struct load_result result;
	struct guest_ram ram;
	struct bytes initrd = { image->bzimage.vmlinux.data, 128 << 10 };
	char *line = malloc(5000);

#define REFUSED(message)						\
	check(guest_image_load(image, &request, &result, &error) == -1 && \
		      strstr(error.text, message), "refused: %s", error.text); \
	request = ram_request(&ram, &port, 4)

	ram_init(&ram, 2);
	request = ram_request(&ram, &port, 4);
	request.nr_vcpus = 0;
	REFUSED("0 vCPUs");
	request.nr_vcpus = COLINUX_MAX_VCPUS + 1;
	REFUSED("65 vCPUs");
	request.nr_devices = COLINUX_MAX_DEVICES + 1;
	REFUSED("devices");
	request.tsc_khz = 0;
	REFUSED("TSC");
	request.levels = 3;
	REFUSED("4 or 5");
	request.nr_extents = 0;
	REFUSED("too small");
	request.port = (struct bytes){ port.data, 100 };
	REFUSED("damaged");
	request.port = blob_bytes(&fake.vmlinux);
	REFUSED("not a relocatable");
	memset(line, 'x', 4999);
	line[4999] = 0;
	request.cmdline = line;
	REFUSED("command line");
	line[2040] = 0;
	request.cmdline = line;
	REFUSED("takes 2047");
	image->bzimage.header[0x236 - 0x1f1] = 1;
	request.levels = 5;
	REFUSED("5-level");
	ram.extents[1].machine = ram.extents[0].machine + 0x200000;
	REFUSED("overlap");
	ram.extents[1].machine = 0x7fff1000;
	REFUSED("units of 2 MiB");
	ram.extents[0].size = 0x600000;
	ram.extents[1].machine = 0x40000000;
	request.initrds = &initrd;
	request.nr_initrds = 1;
	REFUSED("give the guest more memory");
#undef REFUSED
	free(line);
	ram_free(&ram);
	free(port.data);
	guest_image_close(image);
	fake_kernel_free(&fake);
}

static void test_many_extents(void)
{
	struct blob port = read_object("good");
	struct fake_options options = { .layout = FAKE_NEW };
	struct fake_kernel fake;
	struct guest_image *image = open_fake(&options, &fake);
	struct load_request request;
	struct load_result result;
	struct guest_ram ram;
	const uint8_t *p;

	ram_init(&ram, 200);
	request = ram_request(&ram, &port, 4);
	check(!guest_image_load(image, &request, &result, &error),
	      "200 extents: %s", error.text);
	p = ram_machine(&ram, result.vcpu.rsi);
	check(p[0x1e8] == 128 && ram_e820_matches(&ram, p),
	      "128 entries in boot_params, 73 in setup_data");
	check_tables(&ram, result.vcpu.cr3, 4);
	check(guest_image_contiguous(image, ram.size, 0) <=
			      ram.extents[0].size &&
		      guest_image_contiguous(image, ram.size, 1 << 20) >=
			      COLINUX_KERNEL_OFFSET + image->size + (1 << 20),
	      "the contiguous size that was asked for is enough");
	ram_free(&ram);
	free(port.data);
	guest_image_close(image);
	fake_kernel_free(&fake);
}

/* ---- damage ---- */

static void test_kernel_mutations(void)
{
	struct fake_options options = { .layout = FAKE_NEW };
	struct blob port = read_object("good");
	struct fake_kernel fake;
	struct blob file;
	struct guest_ram ram;
	unsigned int opened = 0, loaded = 0;
	uint64_t state = 11;
	uint8_t *copy;

	fake_kernel_build(&options, &fake);
	file = fake_bzimage(blob_bytes(&fake.vmlinux));
	copy = malloc(file.size);
	ram_init(&ram, 1);
	for (int i = 0; i < KERNEL_MUTATIONS; i++) {
		struct load_request request = ram_request(&ram, &port, 4);
		size_t skip = i % 2 ? 1024 + 0x40 : 0;
		struct load_result result;
		struct guest_image *image;
		size_t size;

		/* Half of them aim at the ELF file inside. */
		memcpy(copy, file.data, skip);
		size = fake_damage((struct bytes){ file.data + skip,
						   file.size - skip },
				   copy + skip, &state);
		fake_write(kernel_path, (struct bytes){ copy, skip + size });
		image = guest_image_open(kernel_path, &error);
		if (!image)
			continue;
		opened++;
		/* A damaged size may need more room than there is. */
		if (guest_image_contiguous(image, ram.size, 4096) <=
			    ram.extents[0].size &&
		    !guest_image_load(image, &request, &result, &error))
			loaded++;
		guest_image_close(image);
	}
	check(opened > 0 && loaded > 0,
	      "%d damaged kernels: %u opened, %u loaded", KERNEL_MUTATIONS,
	      opened, loaded);
	free(copy);
	free(file.data);
	free(port.data);
	ram_free(&ram);
	fake_kernel_free(&fake);
}

static void test_port_mutations(void)
{
	struct fake_options options = { .layout = FAKE_OLD };
	struct blob port = read_object("good");
	uint8_t *copy = malloc(port.size);
	struct fake_kernel fake;
	struct guest_image *image = open_fake(&options, &fake);
	struct guest_ram ram;
	unsigned int loaded = 0;
	uint64_t state = 12;

	ram_init(&ram, 1);
	for (int i = 0; i < PORT_MUTATIONS; i++) {
		struct load_request request = ram_request(&ram, &port, 4);
		struct load_result result;
		/* Section headers are at the end of the file. */
		size_t skip = i % 2 ? port.size - 24 * 64 : 0;
		size_t size;

		memcpy(copy, port.data, skip);
		size = fake_damage((struct bytes){ port.data + skip,
						   port.size - skip },
				   copy + skip, &state);
		request.port = (struct bytes){ copy, skip + size };
		if (!guest_image_load(image, &request, &result, &error))
			loaded++;
	}
	check(loaded > 0, "%d damaged ports: %u loaded", PORT_MUTATIONS,
	      loaded);
	free(copy);
	free(port.data);
	ram_free(&ram);
	guest_image_close(image);
	fake_kernel_free(&fake);
}

/* ---- an image that changes while it is parked ---- */

static void test_changed(void)
{
	struct fake_options options = { .layout = FAKE_NEW };
	struct blob port = read_object("good"), original;
	struct fake_kernel fake;
	struct guest_image *image = open_fake(&options, &fake);
	struct load_request request;
	struct load_result result;
	struct guest_ram ram;
	uint8_t *at;

	ram_init(&ram, 1);
	request = ram_request(&ram, &port, 4);
	if (file_read(kernel_path, 16 << 20, &original, &error))
		die(error.text);
	guest_image_park(image);
	fake_write(kernel_path, (struct bytes){ original.data, 3000 });
	check(guest_image_load(image, &request, &result, &error) == -1 &&
		      strstr(error.text, "truncated"),
	      "cut short meanwhile: %s", error.text);
	/* Another build-id: its 20 bytes are in the file as they are. */
	at = memmem(original.data, original.size, "GNU\0", 4);
	at[4] ^= 1;
	fake_write(kernel_path, blob_bytes(&original));
	check(guest_image_load(image, &request, &result, &error) == -1 &&
		      strstr(error.text, "another kernel"),
	      "another kernel meanwhile: %s", error.text);
	at[4] ^= 1;
	fake_write(kernel_path, blob_bytes(&original));
	check(!guest_image_load(image, &request, &result, &error),
	      "the old one again: loads");
	free(original.data);
	free(port.data);
	ram_free(&ram);
	guest_image_close(image);
	fake_kernel_free(&fake);
}

/* ---- the cache of pause sites ---- */

static void test_cache(void)
{
	struct fake_options options = { .layout = FAKE_NEW };
	struct fake_kernel fake;
	struct guest_image *image = open_fake(&options, &fake);
	struct blob cache;
	char path[256];
	uint64_t state = 13;
	unsigned int nr = image->sites.nr, wrong = 0;

	check(nr == 1 && image->sites.left == 2, "one site, two left alone");
	snprintf(path, sizeof(path), "%s/colinux/pause-%s", directory,
		 guest_image_build_id(image));
	guest_image_close(image);
	image = guest_image_open(kernel_path, &error);
	check(image && image->sites.cached && image->sites.nr == nr,
	      "the second time from the cache");
	guest_image_close(image);
	if (file_read(path, 1 << 20, &cache, &error))
		die(error.text);
	for (size_t i = 0; i < cache.size; i++) {
		cache.data[i] ^= 1 << fake_random(&state) % 8;
		fake_write(path, blob_bytes(&cache));
		image = guest_image_open(kernel_path, &error);
		wrong += !image || image->sites.nr != nr ||
			 image->sites.addr[0] !=
				 fake_kernel_symbol(&fake,
						    "native_queued_spin_"
						    "lock_slowpath") + 4;
		guest_image_close(image);
		free(cache.data);
		if (file_read(path, 1 << 20, &cache, &error))
			die(error.text);
	}
	check(!wrong, "a damaged cache file is never believed");
	free(cache.data);
	fake_kernel_free(&fake);
}

static void clean_up(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", directory);
	if (system(command))
		note("cannot remove %s", directory);
}

int main(int argc, char **argv)
{
	char here[512], path[600];

	(void)argc;
	snprintf(here, sizeof(here), "%s", argv[0]);
	snprintf(path, sizeof(path), "%s/kernel", dirname(here));
	objects = path;
	if (!mkdtemp(directory))
		die(directory);
	setenv("XDG_CACHE_HOME", directory, 1);
	snprintf(kernel_path, sizeof(kernel_path), "%s/vmlinuz", directory);

	for (int layout = 0; layout < FAKE_LAYOUTS; layout++)
		test_load(&(struct fake_options){ .layout = layout,
						  .ibt = layout % 2 },
			  layout < 2 ? 4 : 5);
	test_bad_ports();
	test_bad_kernel(&(struct fake_options){ .bad_stub = true },
			"the stub of vector 0xf3 is not push 0xf3");
	test_bad_kernel(&(struct fake_options){ .busy_fixmap = true },
			"level2_fixmap_pgt[509]: expected 0, found 0x1");
	test_bad_kernel(&(struct fake_options){ .busy_hook = true },
			"expected 0 (0x0), found 0xffffffff81000010");
	test_bad_requests();
	test_many_extents();
	test_changed();
	test_cache();
	test_kernel_mutations();
	test_port_mutations();
	clean_up();
	return done();
}
