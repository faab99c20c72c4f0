// SPDX-License-Identifier: GPL-2.0
/*
 * A small static linker for one relocatable object: places its sections in
 * the port's two regions, resolves names against the kernel, relocates.
 * Knows nothing of guest RAM; what it produces is copied there by load.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "link.h"

/* Sections that are marked for loading but that nobody reads in a guest. */
static bool is_loaded(const struct elf_section *s)
{
	if (!(s->flags & SHF_ALLOC) || !s->size)
		return false;
	if (s->type != SHT_PROGBITS && s->type != SHT_NOBITS)
		return false;
	return strncmp(s->name, ".colinux.", 9) &&
	       strncmp(s->name, ".eh_frame", 9) &&
	       strncmp(s->name, ".note", 5) && strcmp(s->name, ".comment");
}

/* Give each section its place; the order is that of the file. */
static int place_sections(struct linked_port *port, struct error *error)
{
	const char *name = port->elf.name;
	uint64_t text = 0, data = 0;

	port->section_addr = calloc(port->elf.nr_sections,
				    sizeof(*port->section_addr));
	if (!port->section_addr)
		return error_set(error, "%s: out of memory", name);
	for (unsigned int i = 0; i < port->elf.nr_sections; i++) {
		const struct elf_section *s = &port->elf.sections[i];
		bool writable = s->flags & SHF_WRITE;
		uint64_t *used = writable ? &data : &text;
		uint64_t room = writable ? LINK_DATA_MAX : LINK_TEXT_MAX;
		uint64_t align = s->align ? s->align : 1;

		if (!is_loaded(s))
			continue;
		if (align > COLINUX_PAGE_SIZE || (align & (align - 1)))
			return error_set(error,
					 "%s: section %s has an alignment of "
					 "%" PRIu64, name, s->name, align);
		*used = round_up(*used, align);
		if (s->size > room || *used > room - s->size)
			return error_set(error,
					 "%s: section %s does not fit: the port"
					 " has %" PRIu64 " bytes of %s", name,
					 s->name, room,
					 writable ? "data" : "text");
		port->section_addr[i] =
			(writable ? COLINUX_PORT_DATA_VA +
					    COLINUX_PORT_LINK_DATA
				  : COLINUX_PORT_TEXT_VA +
					    COLINUX_PORT_LINK_TEXT) + *used;
		*used += s->size;
	}
	port->text_size = text;
	port->data_size = data;
	port->text = calloc(1, text + 1);
	port->data = calloc(1, data + 1);
	if (!port->text || !port->data)
		return error_set(error, "%s: out of memory", name);
	return 0;
}

/* Where the contents of a loaded section are built. */
static uint8_t *section_memory(const struct linked_port *port, unsigned int i)
{
	uint64_t addr = port->section_addr[i];

	if (port->elf.sections[i].flags & SHF_WRITE)
		return port->data + (addr - COLINUX_PORT_DATA_VA -
				     COLINUX_PORT_LINK_DATA);
	return port->text + (addr - COLINUX_PORT_TEXT_VA -
			     COLINUX_PORT_LINK_TEXT);
}

/* A question about a member, in several name spaces. */
static int resolve_member(const struct link_names *names, const char *path,
			  char what, uint64_t *value, struct error *error)
{
	struct btf_member member;
	int ret = btf_find_member(&names->btf, path, &member, error);

	if (ret != 1)
		return ret;
	switch (what) {
	case 'o':
		if (member.bit_size || member.bit_offset % 8)
			return error_set(error,
					 "%s is a bit field: use bitoffset.",
					 path);
		*value = member.bit_offset / 8;
		return 1;
	case 'b':
		*value = member.bit_offset;
		return 1;
	case 'w':
		*value = member.bit_size;
		return 1;
	case 'p':
		return btf_member_params(&member, value, error);
	default:
		return btf_member_size(&member, value, error);
	}
}

static int resolve_kernel(const struct link_names *names, const char *symbol,
			  uint64_t *value, struct error *error)
{
	unsigned int count;

	if (!kallsyms_find(names->syms, symbol, &count)) {
		error_set(error, "the kernel has no symbol %s", symbol);
		return 0;
	}
	return kallsyms_unique(names->syms, symbol, value, error) ? -1 : 1;
}

/* 1 = resolved, 0 = the kernel has no such thing, -1 = error. */
static int resolve_name(const struct link_names *names, const char *name,
			uint64_t *value, uint64_t *absent,
			struct error *error)
{
	static const struct {
		const char *space;
		char what;
	} members[] = {
		{ "offset.", 'o' },
		{ "bitoffset.", 'b' },
		{ "bitsize.", 'w' },
		{ "membersize.", 's' },
		{ "params.", 'p' },
	};

	*absent = (uint64_t)-1;
	if (!strncmp(name, "kernel.", 7)) {
		*absent = 0;
		return resolve_kernel(names, name + 7, value, error);
	}
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		size_t length = strlen(members[i].space);

		if (!strncmp(name, members[i].space, length))
			return resolve_member(names, name + length,
					      members[i].what, value, error);
	}
	if (!strncmp(name, "sizeof.", 7))
		return btf_sizeof(&names->btf, name + 7, value, error);
	if (!strncmp(name, "enum.", 5))
		return btf_enum_value(&names->btf, name + 5, (int64_t *)value,
				      error);
	if (!strcmp(name, "_GLOBAL_OFFSET_TABLE_"))
		return error_set(error, "position-independent code: compile "
				 "with -fno-pic -mcmodel=kernel");
	return error_set(error, "undefined symbol %s", name);
}

static int resolve_symbol(struct linked_port *port,
			  const struct link_names *names, unsigned int i,
			  struct error *error)
{
	struct elf_symbol sym;
	uint64_t absent;
	int ret;

	if (elf_get_symbol(&port->elf, port->symtab, i, &sym, error))
		return -1;
	switch (sym.section) {
	case SHN_UNDEF:
		if (i == 0)
			return 0;
		ret = resolve_name(names, sym.name, &port->symbol_addr[i],
				   &absent, error);
		if (ret > 0)
			return 0;
		if (ret < 0 || sym.bind != STB_WEAK)
			return error_prefix(error, "%s", port->elf.name);
		port->symbol_addr[i] = absent;
		return 0;
	case SHN_ABS:
		port->symbol_addr[i] = sym.value;
		return 0;
	case SHN_COMMON:
		return error_set(error,
				 "%s: common symbol %s: compile with "
				 "-fno-common", port->elf.name, sym.name);
	default:
		if (sym.section >= SHN_LORESERVE)
			return error_set(error, "%s: symbol %s has a strange "
					 "section", port->elf.name, sym.name);
		/* Stays 0 in sections that are not loaded. */
		if (port->section_addr[sym.section])
			port->symbol_addr[i] =
				port->section_addr[sym.section] + sym.value;
		return 0;
	}
}

static int resolve_symbols(struct linked_port *port,
			   const struct link_names *names, struct error *error)
{
	unsigned int nr;

	for (unsigned int i = 0; i < port->elf.nr_sections; i++)
		if (port->elf.sections[i].type == SHT_SYMTAB)
			port->symtab = &port->elf.sections[i];
	if (!port->symtab)
		return error_set(error, "%s: no symbol table", port->elf.name);
	nr = elf_nr_symbols(port->symtab);
	port->symbol_addr = calloc(nr + 1, sizeof(*port->symbol_addr));
	if (!port->symbol_addr)
		return error_set(error, "%s: out of memory", port->elf.name);
	for (unsigned int i = 0; i < nr; i++)
		if (resolve_symbol(port, names, i, error))
			return -1;
	return 0;
}

/* Store one relocated value; NULL or what is wrong with it. */
static const char *relocate(uint8_t *place, uint64_t addr, uint32_t type,
			    uint64_t value)
{
	switch (type) {
	case R_X86_64_NONE:
		return NULL;
	case R_X86_64_64:
		put64(place, value);
		return NULL;
	case R_X86_64_PC64:
		put64(place, value - addr);
		return NULL;
	case R_X86_64_32:
		if (value > UINT32_MAX)
			return "does not fit in 32 bits";
		break;
	case R_X86_64_32S:
		if ((int64_t)value != (int32_t)value)
			return "does not fit in 32 bits, signed";
		break;
	case R_X86_64_PC32:
	case R_X86_64_PLT32:
		value -= addr;
		if ((int64_t)value != (int32_t)value)
			return "is out of reach";
		break;
	default:
		return "needs an unknown relocation";
	}
	put32(place, value);
	return NULL;
}

static unsigned int relocation_size(uint32_t type)
{
	switch (type) {
	case R_X86_64_NONE:
		return 0;
	case R_X86_64_64:
	case R_X86_64_PC64:
		return 8;
	default:
		return 4;
	}
}

static int relocate_section(struct linked_port *port,
			    const struct elf_section *relas,
			    struct error *error)
{
	const struct elf_section *target = &port->elf.sections[relas->info];
	uint8_t *memory = section_memory(port, relas->info);
	unsigned int nr_symbols = elf_nr_symbols(port->symtab);
	struct elf_symbol sym;
	struct elf_rela rela;
	const char *failure;

	for (unsigned int i = 0; i < elf_nr_relas(relas); i++) {
		if (elf_get_rela(&port->elf, relas, i, &rela, error))
			return -1;
		if (rela.symbol >= nr_symbols ||
		    rela.offset > target->size ||
		    target->size - rela.offset < relocation_size(rela.type))
			return error_set(error,
					 "%s: damaged relocation in %s",
					 port->elf.name, target->name);
		if (elf_get_symbol(&port->elf, port->symtab, rela.symbol, &sym,
				   error))
			return -1;
		if (sym.section != SHN_UNDEF && sym.section < SHN_LORESERVE &&
		    !port->section_addr[sym.section])
			failure = "is in a section that is not loaded";
		else
			failure = relocate(memory + rela.offset,
					   port->section_addr[relas->info] +
						   rela.offset,
					   rela.type,
					   port->symbol_addr[rela.symbol] +
						   rela.addend);
		if (failure)
			return error_set(error, "%s: %s+0x%" PRIx64
					 ": symbol %s (relocation type %u) %s",
					 port->elf.name, target->name,
					 rela.offset,
					 *sym.name ? sym.name : "(section)",
					 rela.type, failure);
	}
	return 0;
}

int link_port(struct bytes object, const char *name,
	      const struct link_names *names, struct linked_port *port,
	      struct error *error)
{
	memset(port, 0, sizeof(*port));
	if (elf_parse(object, name, &port->elf, error))
		return -1;
	if (port->elf.type != ET_REL)
		return error_set(error, "%s: not a relocatable object", name);
	if (place_sections(port, error) ||
	    resolve_symbols(port, names, error))
		return -1;
	for (unsigned int i = 0; i < port->elf.nr_sections; i++) {
		const struct elf_section *s = &port->elf.sections[i];

		if (port->section_addr[i] && s->data.size)
			memcpy(section_memory(port, i), s->data.data,
			       s->data.size);
	}
	for (unsigned int i = 0; i < port->elf.nr_sections; i++) {
		const struct elf_section *s = &port->elf.sections[i];

		if ((s->type != SHT_RELA && s->type != SHT_REL) ||
		    s->info >= port->elf.nr_sections ||
		    !port->section_addr[s->info])
			continue;
		if (s->type == SHT_REL)
			return error_set(error, "%s: relocations without "
					 "addends", name);
		if (relocate_section(port, s, error))
			return -1;
	}
	return 0;
}

void link_free(struct linked_port *port)
{
	elf_free(&port->elf);
	free(port->section_addr);
	free(port->symbol_addr);
	free(port->text);
	free(port->data);
	memset(port, 0, sizeof(*port));
}

int link_symbol(const struct linked_port *port, const char *name,
		uint64_t *addr, struct error *error)
{
	struct elf_symbol sym;

	for (unsigned int i = 1; i < elf_nr_symbols(port->symtab); i++) {
		if (elf_get_symbol(&port->elf, port->symtab, i, &sym, error))
			return -1;
		if (sym.section == SHN_UNDEF || strcmp(sym.name, name))
			continue;
		if (!port->symbol_addr[i])
			break;
		*addr = port->symbol_addr[i];
		return 0;
	}
	return error_set(error, "%s: does not define %s", port->elf.name,
			 name);
}
