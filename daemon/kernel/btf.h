/* SPDX-License-Identifier: GPL-2.0 */
/*
 * BPF Type Format (Documentation/bpf/btf.rst): the structure layouts and
 * function prototypes that a kernel describes itself with.
 */
#ifndef DAEMON_KERNEL_BTF_H
#define DAEMON_KERNEL_BTF_H

#include "elf64.h"

struct btf;

/*
 * Read a .BTF section.  base: NULL for vmlinux, the vmlinux BTF for a module,
 * whose types build on it.  raw and base must outlive the result.
 * NULL with error set when it is damaged; btf_free() when done.
 */
struct btf *btf_parse(struct bytes raw, const char *name,
		      const struct btf *base, struct error *error);
void btf_free(struct btf *btf);

/* Several BTFs in order of preference; the first that knows a name answers. */
struct btf_set {
	const struct btf *const *list;
	unsigned int nr;
};

/* A structure member, found by its path. */
struct btf_member {
	const struct btf *btf;
	uint32_t type;
	uint64_t bit_offset;	/* from the start of the outermost structure */
	uint32_t bit_size;	/* 0 = not a bit field */
};

/*
 * Every query: 1 = answered, 0 = there is no such name, -1 = the question has
 * no single answer (ambiguous or damaged); error is set for 0 and -1.
 */

/* Size in bytes of a struct, union or typedef. */
int btf_sizeof(const struct btf_set *set, const char *name, uint64_t *size,
	       struct error *error);

/*
 * "STRUCT.MEMBER.MEMBER...": through anonymous structs and unions, and into
 * the first element of arrays.
 */
int btf_find_member(const struct btf_set *set, const char *path,
		    struct btf_member *out, struct error *error);

/* Size in bytes of a member's type. */
int btf_member_size(const struct btf_member *member, uint64_t *size,
		    struct error *error);

/* Value of an enumerator of any enum. */
int btf_enum_value(const struct btf_set *set, const char *name, int64_t *value,
		   struct error *error);

/*
 * Prototype of a function as "int(struct foo *,unsigned long)": no names, no
 * space after commas; "void(void)" without arguments.
 */
int btf_function(const struct btf_set *set, const char *name, char *out,
		 size_t room, struct error *error);

/*
 * Type of a member as C writes it without a name; for a pointer to a function
 * the prototype of that function.
 */
int btf_member_type(const struct btf_member *member, char *out, size_t room,
		    struct error *error);

/* How many parameters the function has that a member points to. */
int btf_member_params(const struct btf_member *member, uint64_t *nr,
		      struct error *error);

/* Equal but for white space? */
bool btf_same_type(const char *a, const char *b, size_t b_length);

/* Number of types, for people. */
unsigned int btf_nr_types(const struct btf *btf);

/* ---- for btf_print.c ---- */

enum btf_kind {
	BTF_VOID = 0, BTF_INT = 1, BTF_PTR = 2, BTF_ARRAY = 3, BTF_STRUCT = 4,
	BTF_UNION = 5, BTF_ENUM = 6, BTF_FWD = 7, BTF_TYPEDEF = 8,
	BTF_VOLATILE = 9, BTF_CONST = 10, BTF_RESTRICT = 11, BTF_FUNC = 12,
	BTF_FUNC_PROTO = 13, BTF_VAR = 14, BTF_DATASEC = 15, BTF_FLOAT = 16,
	BTF_DECL_TAG = 17, BTF_TYPE_TAG = 18, BTF_ENUM64 = 19,
};

struct btf_type {
	const char *name;
	enum btf_kind kind;
	bool flag;
	uint16_t nr;			/* members, parameters, values */
	uint32_t size_or_type;
	const uint8_t *detail;		/* what follows, checked to be there */
};

/* Type by number; false when there is none. */
bool btf_get(const struct btf *btf, uint32_t id, struct btf_type *out);
/* String by offset; "" when there is none. */
const char *btf_string(const struct btf *btf, uint32_t offset);
/* All ids of a function name: calls until it returns 0. */
uint32_t btf_next_named(const struct btf *btf, enum btf_kind kind,
			const char *name, uint32_t *cursor);

#endif
