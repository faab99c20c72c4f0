// SPDX-License-Identifier: GPL-2.0
/* ELF64 headers, symbols and relocations: see elf64.h. */
#include <stdlib.h>

#include "elf64.h"

#define EHDR_SIZE 64
#define PHDR_SIZE 56
#define SHDR_SIZE 64
#define SYM_SIZE 24
#define RELA_SIZE 24
#define EM_X86_64 62
#define SHN_XINDEX 0xffff

static int damaged(const struct elf *elf, const char *what,
		   struct error *error)
{
	return error_set(error, "%s: damaged ELF file: %s", elf->name, what);
}

static int parse_segments(struct elf *elf, uint64_t offset, unsigned int nr,
			  struct error *error)
{
	const uint8_t *table = bytes_at(elf->file, offset,
					(uint64_t)nr * PHDR_SIZE);

	if (!table)
		return damaged(elf, "program headers", error);
	elf->segments = calloc(nr + 1, sizeof(*elf->segments));
	if (!elf->segments)
		return error_set(error, "%s: out of memory", elf->name);
	elf->nr_segments = nr;
	for (unsigned int i = 0; i < nr; i++) {
		const uint8_t *p = table + i * PHDR_SIZE;
		struct elf_segment *s = &elf->segments[i];

		s->type = get32(p);
		s->flags = get32(p + 4);
		s->vaddr = get64(p + 16);
		s->paddr = get64(p + 24);
		s->memsz = get64(p + 40);
		if (s->type != PT_LOAD && s->type != PT_NOTE)
			continue;
		if (!bytes_slice(elf->file, get64(p + 8), get64(p + 32),
				 &s->data) ||
		    s->data.size > s->memsz)
			return damaged(elf, "a segment is not in the file",
				       error);
		if (s->vaddr + s->memsz < s->vaddr ||
		    s->paddr + s->memsz < s->paddr)
			return damaged(elf, "a segment wraps around", error);
	}
	return 0;
}

static int parse_sections(struct elf *elf, uint64_t offset, unsigned int nr,
			  unsigned int names, struct error *error)
{
	const uint8_t *table = bytes_at(elf->file, offset,
					(uint64_t)nr * SHDR_SIZE);

	if (!table || names >= nr)
		return damaged(elf, "section headers", error);
	elf->sections = calloc(nr, sizeof(*elf->sections));
	if (!elf->sections)
		return error_set(error, "%s: out of memory", elf->name);
	elf->nr_sections = nr;
	for (unsigned int i = 0; i < nr; i++) {
		const uint8_t *p = table + i * SHDR_SIZE;
		struct elf_section *s = &elf->sections[i];

		s->type = get32(p + 4);
		s->flags = get64(p + 8);
		s->addr = get64(p + 16);
		s->size = get64(p + 32);
		s->link = get32(p + 40);
		s->info = get32(p + 44);
		s->align = get64(p + 48);
		if (s->type == 0 || s->type == SHT_NOBITS)
			continue;
		if (!bytes_slice(elf->file, get64(p + 24), s->size, &s->data))
			return damaged(elf, "a section is not in the file",
				       error);
	}
	for (unsigned int i = 0; i < nr; i++) {
		struct elf_section *s = &elf->sections[i];

		s->name = bytes_string(elf->sections[names].data,
				       get32(table + i * SHDR_SIZE));
		if (!s->name)
			return damaged(elf, "a section without a name", error);
	}
	return 0;
}

int elf_parse(struct bytes file, const char *name, struct elf *elf,
	      struct error *error)
{
	const uint8_t *h = bytes_at(file, 0, EHDR_SIZE);
	unsigned int nr_segments, nr_sections;

	memset(elf, 0, sizeof(*elf));
	elf->file = file;
	elf->name = name;
	/* Class 2 = 64 bits, data 1 = little endian. */
	if (!h || memcmp(h, "\177ELF\2\1\1", 7))
		return error_set(error, "%s: not a 64-bit ELF file", name);
	if (get16(h + 18) != EM_X86_64)
		return error_set(error, "%s: not for x86-64", name);
	elf->type = get16(h + 16);
	elf->entry = get64(h + 24);
	nr_segments = get16(h + 56);
	nr_sections = get16(h + 60);
	if ((nr_segments && get16(h + 54) != PHDR_SIZE) ||
	    (nr_sections && get16(h + 58) != SHDR_SIZE))
		return damaged(elf, "header sizes", error);
	if (parse_segments(elf, get64(h + 32), nr_segments, error) ||
	    (nr_sections && parse_sections(elf, get64(h + 40), nr_sections,
					   get16(h + 62), error))) {
		elf_free(elf);
		return -1;
	}
	return 0;
}

void elf_free(struct elf *elf)
{
	free(elf->segments);
	free(elf->sections);
	elf->segments = NULL;
	elf->sections = NULL;
	elf->nr_segments = 0;
	elf->nr_sections = 0;
}

const struct elf_section *elf_section(const struct elf *elf, const char *name)
{
	for (unsigned int i = 0; i < elf->nr_sections; i++)
		if (!strcmp(elf->sections[i].name, name))
			return &elf->sections[i];
	return NULL;
}

unsigned int elf_nr_symbols(const struct elf_section *symtab)
{
	return symtab->data.size / SYM_SIZE;
}

unsigned int elf_nr_relas(const struct elf_section *rela)
{
	return rela->data.size / RELA_SIZE;
}

int elf_get_symbol(const struct elf *elf, const struct elf_section *symtab,
		   unsigned int index, struct elf_symbol *out,
		   struct error *error)
{
	const uint8_t *p = bytes_at(symtab->data, (uint64_t)index * SYM_SIZE,
				    SYM_SIZE);

	if (!p || symtab->link >= elf->nr_sections)
		return damaged(elf, "symbol table", error);
	out->name = bytes_string(elf->sections[symtab->link].data, get32(p));
	if (!out->name)
		return damaged(elf, "a symbol without a name", error);
	out->bind = p[4] >> 4;
	out->type = p[4] & 15;
	out->section = get16(p + 6);
	out->value = get64(p + 8);
	out->size = get64(p + 16);
	if (out->section == SHN_XINDEX ||
	    (out->section < SHN_LORESERVE &&
	     out->section >= elf->nr_sections))
		return damaged(elf, "a symbol's section", error);
	return 0;
}

int elf_get_rela(const struct elf *elf, const struct elf_section *rela,
		 unsigned int index, struct elf_rela *out,
		 struct error *error)
{
	const uint8_t *p = bytes_at(rela->data, (uint64_t)index * RELA_SIZE,
				    RELA_SIZE);

	if (!p)
		return damaged(elf, "relocations", error);
	out->offset = get64(p);
	out->type = get32(p + 8);
	out->symbol = get32(p + 12);
	out->addend = (int64_t)get64(p + 16);
	return 0;
}
