/* SPDX-License-Identifier: GPL-2.0 */
/* Linking the port object against a kernel: docs/port-link.md. */
#ifndef DAEMON_KERNEL_LINK_H
#define DAEMON_KERNEL_LINK_H

#include <colinux/layout.h>

#include "btf.h"
#include "elf64.h"
#include "kallsyms.h"

/* Room for the port in its two regions (layout.h). */
#define LINK_TEXT_MAX (COLINUX_PMD_SIZE - COLINUX_PORT_LINK_TEXT)
#define LINK_DATA_MAX (COLINUX_VCPU_AREAS - COLINUX_PORT_LINK_DATA)

/* What undefined symbols are resolved against. */
struct link_names {
	const struct kallsyms *syms;
	struct btf_set btf;
};

struct linked_port {
	struct elf elf;
	uint64_t *section_addr;	/* 0 = not loaded */
	uint64_t *symbol_addr;
	const struct elf_section *symtab;
	uint8_t *text, *data;	/* contents, as they go into guest RAM */
	size_t text_size, data_size;
};

/*
 * Link the object in memory of our own.  object must outlive the result.
 * 0, or -1 with error set; link_free() when done, after failure as well.
 */
int link_port(struct bytes object, const char *name,
	      const struct link_names *names, struct linked_port *out,
	      struct error *error);
void link_free(struct linked_port *port);

/* Address of a symbol that the port defines.  0, or -1 with error set. */
int link_symbol(const struct linked_port *port, const char *name,
		uint64_t *addr, struct error *error);

#endif
