// SPDX-License-Identifier: GPL-2.0
/*
 * Finding the kernel's `pause` instructions.  Code is decoded function by
 * function, with the symbol table's boundaries, so that data and padding
 * between functions cannot put the decoder out of step.
 *
 * Not every pause may become an interrupt: the tables below say which not,
 * and why.  The slow paths of spinlocks are not among them on purpose: they
 * are where a guest CPU waits for another one that is not running.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "../os.h"
#include "file.h"
#include "insn.h"
#include "pause.h"

/*
 * Code between these symbols is left alone altogether: entry and noinstr code
 * runs where nothing may interrupt (wrong GS base, no RCU), init code is
 * outside of .text anyway.
 */
static const struct {
	const char *start, *end;
} excluded_ranges[] = {
	{ "__entry_text_start", "__entry_text_end" },
	{ "__noinstr_text_start", "__noinstr_text_end" },
};

/*
 * Functions that are left alone, by the beginning of their names.  The gate
 * returns with iretq, which unblocks NMIs, so what an NMI or a machine check
 * runs must not take it; and the last code of a crashing kernel should depend
 * on nothing.
 *
 * vprintk_emit and __printk_cpu_sync_wait stay in: both wait for another CPU
 * with interrupts off, and NMI code takes a path without them.
 */
static const char *const excluded[] = {
	/* NMIs and machine checks. */
	"nmi_", "__nmi_", "default_do_nmi", "exc_nmi", "unknown_nmi",
	"pci_serr_", "io_check_", "mce_", "__mce_", "do_machine_check",
	"exc_machine_check", "apei_", "ghes_", "panic_smp_self_stop",
	/* Crash dump, kexec, and stopping the others for it. */
	"crash_", "__crash_", "kexec_", "machine_kexec", "relocate_kernel",
	"kdump_", "native_machine_crash", "native_stop_other_cpus",
	"native_nmi_stop", "stop_this_cpu",
	/* Loops whose length is the point. */
	"delay_", "__delay", "io_delay", "calibrate_", "native_calibrate_",
	"pit_", "quick_pit",
	/* Microcode: the other CPUs stand still in an NMI meanwhile. */
	"microcode", "__microcode", "ucode_", "load_late", "__wait_for_cpus",
	"wait_for_cpus", "wait_for_ctrl", "load_primary", "load_secondary",
	"kick_offline",
	/* Code patching: its int3 handler may interrupt an NMI. */
	"text_poke", "smp_text_poke", "poke_int3", "exc_int3", "ftrace_",
	"arch_ftrace", "__kprobe", "kprobe_",
	/* The local APIC, which NMI code uses to raise irq_work. */
	"apic_", "native_apic_", "default_send_IPI", "__default_send_IPI",
	"x2apic_", "__x2apic_", "acpi_wakeup_cpu",
	/* Speculation traps: never executed. */
	"__x86_indirect_", "__x86_return_thunk", "__static_call_text_end",
};

static bool is_pause_here(const struct elf *vmlinux, uint64_t addr)
{
	for (unsigned int i = 0; i < vmlinux->nr_segments; i++) {
		const struct elf_segment *s = &vmlinux->segments[i];
		const uint8_t *p;

		if (s->type != PT_LOAD || addr < s->vaddr)
			continue;
		p = bytes_at(s->data, addr - s->vaddr, PAUSE_LENGTH);
		if (p)
			return !memcmp(p, PAUSE_OLD, PAUSE_LENGTH);
	}
	return false;
}

bool pause_is_excluded(const char *function)
{
	for (size_t i = 0; i < sizeof(excluded) / sizeof(excluded[0]); i++)
		if (!strncmp(function, excluded[i], strlen(excluded[i])))
			return true;
	return false;
}

/* The bytes of .text and where they run. */
static bool find_text(const struct elf *vmlinux, const struct kallsyms *syms,
		      struct bytes *text, uint64_t *addr)
{
	const struct ksym *start = kallsyms_find(syms, "_text", NULL);
	const struct ksym *end = kallsyms_find(syms, "_etext", NULL);

	if (!start || !end || end->addr <= start->addr)
		return false;
	*addr = start->addr;
	for (unsigned int i = 0; i < vmlinux->nr_segments; i++) {
		const struct elf_segment *s = &vmlinux->segments[i];

		if (s->type == PT_LOAD && start->addr >= s->vaddr &&
		    bytes_slice(s->data, start->addr - s->vaddr,
				end->addr - start->addr, text))
			return true;
	}
	return false;
}

static bool in_excluded_range(const struct kallsyms *syms, uint64_t addr)
{
	size_t nr = sizeof(excluded_ranges) / sizeof(excluded_ranges[0]);

	for (size_t i = 0; i < nr; i++) {
		const struct ksym *start =
			kallsyms_find(syms, excluded_ranges[i].start, NULL);
		const struct ksym *end =
			kallsyms_find(syms, excluded_ranges[i].end, NULL);

		if (start && end && addr >= start->addr && addr < end->addr)
			return true;
	}
	return false;
}

/* Is any of the names of this address excluded? */
static bool is_excluded(const struct kallsyms *syms, uint32_t last)
{
	uint64_t addr = syms->syms[last].addr;

	for (uint32_t i = last;; i--) {
		if (syms->syms[i].addr != addr)
			return in_excluded_range(syms, addr);
		if (pause_is_excluded(syms->syms[i].name))
			return true;
		if (!i)
			return in_excluded_range(syms, addr);
	}
}

static bool add_site(struct pause_sites *out, uint64_t addr)
{
	/* Room grows at 0, 64, 128, 256, ... entries. */
	if (!out->nr || (out->nr >= 64 && !(out->nr & (out->nr - 1)))) {
		size_t room = out->nr ? out->nr * 2 : 64;
		uint64_t *more = realloc(out->addr, room * sizeof(*more));

		if (!more)
			return false;
		out->addr = more;
	}
	out->addr[out->nr++] = addr;
	return true;
}

static bool has_pause(const uint8_t *code, size_t size)
{
	const uint8_t *end = code + size;

	while (code < end && (code = memchr(code, PAUSE_OLD[0], end - code))) {
		if (end - code >= PAUSE_LENGTH &&
		    !memcmp(code, PAUSE_OLD, PAUSE_LENGTH))
			return true;
		code++;
	}
	return false;
}

int pause_find(const struct elf *vmlinux, const struct kallsyms *syms,
	       struct pause_sites *out, struct error *error)
{
	uint64_t base, end, addr, next;
	struct bytes text;
	struct insn insn;

	memset(out, 0, sizeof(*out));
	if (!find_text(vmlinux, syms, &text, &base))
		return error_set(error, "%s: has no _text and _etext",
				 vmlinux->name);
	end = base + text.size;
	for (uint32_t i = 0; i + 1 < syms->nr; i++) {
		addr = syms->syms[i].addr;
		next = syms->syms[i + 1].addr;
		if (addr < base || addr >= end || next == addr)
			continue;
		if (next > end)
			next = end;
		/* Most have none: decoding them all takes half a second. */
		if (!has_pause(text.data + (addr - base), next - addr))
			continue;
		while (addr < next) {
			struct bytes code = { text.data + (addr - base),
					      next - addr };

			/* Unknown to the decoder: leave the rest alone. */
			if (!insn_decode(code, addr, &insn))
				break;
			if (insn.pause && is_excluded(syms, i)) {
				out->left++;
			} else if (insn.pause && !add_site(out, addr)) {
				pause_free(out);
				return error_set(error, "out of memory for "
						 "pause sites");
			}
			addr += insn.length;
		}
	}
	if (!out->nr)
		return error_set(error, "%s: no pause instruction in .text",
				 vmlinux->name);
	return 0;
}

bool pause_are_here(const struct elf *vmlinux, const struct pause_sites *sites)
{
	for (unsigned int i = 0; i < sites->nr; i++)
		if (!is_pause_here(vmlinux, sites->addr[i]))
			return false;
	return true;
}

void pause_free(struct pause_sites *sites)
{
	free(sites->addr);
	memset(sites, 0, sizeof(*sites));
}

/*
 * The cache: header, then nr addresses.  `rules` changes with the tables
 * above, so that an old file is not used with new ones.
 */
#define CACHE_MAGIC 0x31736573756170ull	/* "pauses1" */
#define CACHE_SITES_MAX 65536

struct cache_header {
	uint64_t magic, rules, checksum;
	uint32_t nr, left;
	char build_id[72];
};

static uint64_t checksum(uint64_t hash, const void *data, size_t size)
{
	const uint8_t *p = data;

	while (size--)
		hash = (hash ^ *p++) * 1099511628211ull;	/* FNV-1a */
	return hash;
}

static uint64_t rules(void)
{
	uint64_t hash = 14695981039346656037ull;

	for (size_t i = 0; i < sizeof(excluded) / sizeof(excluded[0]); i++)
		hash = checksum(hash, excluded[i], strlen(excluded[i]) + 1);
	return hash;
}

static bool cache_is_valid(const struct blob *file, const struct elf *vmlinux,
			   const char *build_id, struct cache_header *header,
			   struct pause_sites *out)
{
	const uint8_t *sites;
	uint64_t last = 0;

	if (file->size < sizeof(*header))
		return false;
	memcpy(header, file->data, sizeof(*header));
	sites = file->data + sizeof(*header);
	if (header->magic != CACHE_MAGIC || header->rules != rules() ||
	    !header->nr || header->nr > CACHE_SITES_MAX ||
	    strncmp(header->build_id, build_id, sizeof(header->build_id)) ||
	    file->size != sizeof(*header) + 8ull * header->nr ||
	    header->checksum != checksum(header->nr, sites, 8ull * header->nr))
		return false;
	out->addr = malloc(8ull * header->nr);
	if (!out->addr)
		return false;
	for (uint32_t i = 0; i < header->nr; i++) {
		out->addr[i] = get64(sites + 8ull * i);
		if (out->addr[i] <= last ||
		    !is_pause_here(vmlinux, out->addr[i])) {
			pause_free(out);
			return false;
		}
		last = out->addr[i];
	}
	out->nr = header->nr;
	out->left = header->left;
	out->cached = true;
	return true;
}

/* Best effort: without a cache the next start takes half a second more. */
static void write_sites(const char *directory, const char *path,
			const char *build_id, const struct pause_sites *sites)
{
	struct cache_header header = {
		.magic = CACHE_MAGIC,
		.rules = rules(),
		.checksum = checksum(sites->nr, sites->addr, 8ull * sites->nr),
		.nr = sites->nr,
		.left = sites->left,
	};

	snprintf(header.build_id, sizeof(header.build_id), "%s", build_id);
	os_save_file(directory, path, (struct iovec[]){
		{ &header, sizeof(header) },
		{ sites->addr, 8ull * sites->nr } }, 2);
}

int pause_find_cached(const struct elf *vmlinux, const struct kallsyms *syms,
		      const char *build_id, const char *directory,
		      struct pause_sites *out, struct error *error)
{
	char own[PATH_MAX], path[PATH_MAX];
	struct cache_header header;
	struct blob file;
	bool valid;
	int length;

	memset(out, 0, sizeof(*out));
	if (!directory && os_cache_directory(own, sizeof(own)))
		directory = own;
	if (!directory || !*build_id)
		return pause_find(vmlinux, syms, out, error);
	length = snprintf(path, sizeof(path), "%s/pause-%s", directory,
			  build_id);
	if (length < 0 || (size_t)length >= sizeof(path))
		return pause_find(vmlinux, syms, out, error);
	if (!file_read(path, sizeof(header) + 8 * CACHE_SITES_MAX, &file,
		       NULL)) {
		valid = cache_is_valid(&file, vmlinux, build_id, &header, out);
		free(file.data);
		if (valid)
			return 0;
	}
	if (pause_find(vmlinux, syms, out, error))
		return -1;
	write_sites(directory, path, build_id, out);
	return 0;
}
