/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A minimal reader of 64-bit little-endian x86-64 ELF files: vmlinux, kernel
 * modules, the port object.  Everything is bounds-checked when it is read.
 */
#ifndef DAEMON_KERNEL_ELF64_H
#define DAEMON_KERNEL_ELF64_H

#include "bytes.h"
#include "../error.h"

/* System V ABI, chapter 4 and 5; x86-64 psABI 4.4. */
enum {
	ET_REL = 1, ET_EXEC = 2,
	PT_LOAD = 1, PT_NOTE = 4,
	SHT_PROGBITS = 1, SHT_SYMTAB = 2, SHT_STRTAB = 3, SHT_RELA = 4,
	SHT_NOTE = 7, SHT_NOBITS = 8, SHT_REL = 9,
	SHF_WRITE = 1, SHF_ALLOC = 2, SHF_EXECINSTR = 4,
	SHN_UNDEF = 0, SHN_LORESERVE = 0xff00, SHN_ABS = 0xfff1,
	SHN_COMMON = 0xfff2,
	STB_LOCAL = 0, STB_GLOBAL = 1, STB_WEAK = 2,
	STT_FUNC = 2, STT_SECTION = 3,
	R_X86_64_NONE = 0, R_X86_64_64 = 1, R_X86_64_PC32 = 2,
	R_X86_64_PLT32 = 4, R_X86_64_32 = 10, R_X86_64_32S = 11,
	R_X86_64_PC64 = 24,
};

struct elf_segment {
	uint32_t type, flags;
	uint64_t vaddr, paddr, memsz;
	struct bytes data;		/* what is in the file */
};

struct elf_section {
	const char *name;
	uint32_t type, link, info;
	uint64_t flags, addr, size, align;
	struct bytes data;		/* empty for SHT_NOBITS */
};

struct elf_symbol {
	const char *name;
	uint8_t bind, type;
	uint16_t section;		/* SHN_* or an index */
	uint64_t value, size;
};

struct elf_rela {
	uint64_t offset;
	uint32_t type, symbol;
	int64_t addend;
};

struct elf {
	struct bytes file;		/* must live as long as this */
	const char *name;		/* for messages; likewise */
	uint16_t type;
	uint64_t entry;
	struct elf_segment *segments;
	unsigned int nr_segments;
	struct elf_section *sections;
	unsigned int nr_sections;
};

/* Read the headers.  0, or -1 with error set; elf_free() when done. */
int elf_parse(struct bytes file, const char *name, struct elf *elf,
	      struct error *error);
void elf_free(struct elf *elf);

/* The first section of that name, or NULL. */
const struct elf_section *elf_section(const struct elf *elf, const char *name);

/* Number of entries of a symbol or relocation table. */
unsigned int elf_nr_symbols(const struct elf_section *symtab);
unsigned int elf_nr_relas(const struct elf_section *rela);

/* Entry `index` of a table; 0, or -1 with error set. */
int elf_get_symbol(const struct elf *elf, const struct elf_section *symtab,
		   unsigned int index, struct elf_symbol *out,
		   struct error *error);
int elf_get_rela(const struct elf *elf, const struct elf_section *rela,
		 unsigned int index, struct elf_rela *out,
		 struct error *error);

#endif
