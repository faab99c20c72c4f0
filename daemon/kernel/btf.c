// SPDX-License-Identifier: GPL-2.0
/*
 * BTF: the type table, names, and questions about sizes, offsets and values.
 * Rendering types as text is in btf_print.c.  Damaged data makes a question
 * fail, it never makes it run long: every walk has a budget.
 */
#include <stdio.h>
#include <stdlib.h>

#include "btf.h"

#define BTF_MAGIC 0xeb9f
#define BTF_HEADER 24
#define BTF_TYPE_SIZE 12
#define BTF_TYPES_MAX (8u << 20)
/* Typedefs of typedefs, members of members, arrays of arrays. */
#define DEPTH 32
/* Members looked at in one question. */
#define BUDGET 200000
#define NAME_LENGTH 256

/* One thing that has a name: a type, or an enumerator in one. */
struct named {
	uint32_t next;		/* index + 1 of the next in the same slot */
	uint32_t type;
	uint32_t value;		/* of an enumerator: its position */
	uint32_t name;
};

struct btf {
	const struct btf *base;
	const char *file;
	struct bytes types, strings;
	uint32_t first_id;	/* number of the first type here */
	uint32_t nr;		/* types here */
	uint32_t first_string;	/* offset of the first string here */
	uint32_t *at;		/* offset of each type */
	struct named *named;
	uint32_t nr_named, room_named;
	uint32_t *slots;
	uint32_t nr_slots;
};

static uint32_t hash_name(const char *name)
{
	uint32_t hash = 2166136261u;	/* FNV-1a */

	while (*name)
		hash = (hash ^ (uint8_t)*name++) * 16777619u;
	return hash;
}

const char *btf_string(const struct btf *btf, uint32_t offset)
{
	while (btf->base && offset < btf->first_string)
		btf = btf->base;
	offset -= btf->first_string;
	/* The last byte is known to be NUL. */
	if (offset >= btf->strings.size)
		return "";
	return (const char *)btf->strings.data + offset;
}

/* Bytes that follow the fixed part of a type. */
static uint32_t detail_size(enum btf_kind kind, uint32_t nr)
{
	switch (kind) {
	case BTF_INT:
	case BTF_VAR:
	case BTF_DECL_TAG:
		return 4;
	case BTF_ARRAY:
		return 12;
	case BTF_STRUCT:
	case BTF_UNION:
	case BTF_DATASEC:
	case BTF_ENUM64:
		return 12 * nr;
	case BTF_ENUM:
	case BTF_FUNC_PROTO:
		return 8 * nr;
	default:
		return 0;
	}
}

bool btf_get(const struct btf *btf, uint32_t id, struct btf_type *out)
{
	const uint8_t *p;
	uint32_t info;

	if (id == 0) {
		*out = (struct btf_type){ .name = "void", .kind = BTF_VOID };
		return true;
	}
	while (btf->base && id < btf->first_id)
		btf = btf->base;
	if (id - btf->first_id >= btf->nr)
		return false;
	p = btf->types.data + btf->at[id - btf->first_id];
	info = get32(p + 4);
	out->name = btf_string(btf, get32(p));
	out->kind = info >> 24 & 31;
	out->flag = info >> 31;
	out->nr = info & 0xffff;
	out->size_or_type = get32(p + 8);
	out->detail = p + BTF_TYPE_SIZE;
	return true;
}

static bool add_named(struct btf *btf, uint32_t type, uint32_t value,
		      uint32_t name)
{
	struct named *entry;

	if (btf->nr_named == btf->room_named) {
		uint32_t room = btf->room_named ? btf->room_named * 2 : 4096;
		struct named *more = realloc(btf->named,
					     room * sizeof(*more));

		if (!more)
			return false;
		btf->named = more;
		btf->room_named = room;
	}
	entry = &btf->named[btf->nr_named++];
	*entry = (struct named){ .type = type, .value = value, .name = name };
	return true;
}

static bool index_type(struct btf *btf, uint32_t index, const uint8_t *p)
{
	uint32_t info = get32(p + 4), id = btf->first_id + index;
	uint32_t step = 0;

	switch (info >> 24 & 31) {
	case BTF_STRUCT:
	case BTF_UNION:
	case BTF_TYPEDEF:
	case BTF_FUNC:
		if (!get32(p))
			return true;
		return add_named(btf, id, 0, get32(p));
	case BTF_ENUM:
		step = 8;
		break;
	case BTF_ENUM64:
		step = 12;
		break;
	default:
		return true;
	}
	for (uint32_t i = 0; i < (info & 0xffff); i++)
		if (!add_named(btf, id, i,
			       get32(p + BTF_TYPE_SIZE + i * step)))
			return false;
	return true;
}

/* Find where each type is. */
static const char *index_types(struct btf *btf)
{
	uint32_t room = btf->types.size / BTF_TYPE_SIZE + 1;
	uint64_t at = 0;

	if (room > BTF_TYPES_MAX)
		return "too many types";
	btf->at = malloc(room * sizeof(*btf->at));
	if (!btf->at)
		return "out of memory";
	while (at < btf->types.size) {
		const uint8_t *p = bytes_at(btf->types, at, BTF_TYPE_SIZE);
		uint32_t info, size;

		if (!p)
			return "truncated type";
		info = get32(p + 4);
		if ((info >> 24 & 31) > BTF_ENUM64)
			return "unknown kind of type";
		size = BTF_TYPE_SIZE +
		       detail_size(info >> 24 & 31, info & 0xffff);
		if (!bytes_at(btf->types, at, size))
			return "truncated type";
		btf->at[btf->nr] = at;
		if (!index_type(btf, btf->nr, p))
			return "out of memory";
		btf->nr++;
		at += size;
	}
	return NULL;
}

static const char *index_names(struct btf *btf)
{
	btf->nr_slots = 1024;
	while (btf->nr_slots < btf->nr_named)
		btf->nr_slots *= 2;
	btf->slots = calloc(btf->nr_slots, sizeof(*btf->slots));
	if (!btf->slots)
		return "out of memory";
	for (uint32_t i = btf->nr_named; i-- > 0;) {
		const char *name = btf_string(btf, btf->named[i].name);
		uint32_t slot = hash_name(name) & (btf->nr_slots - 1);

		btf->named[i].next = btf->slots[slot];
		btf->slots[slot] = i + 1;
	}
	return NULL;
}

struct btf *btf_parse(struct bytes raw, const char *name,
		      const struct btf *base, struct error *error)
{
	const uint8_t *h = bytes_at(raw, 0, BTF_HEADER);
	const char *failure = NULL;
	uint64_t header;
	struct btf *btf;

	/* Magic, version 1, no flags. */
	if (!h || get16(h) != BTF_MAGIC || h[2] != 1 || h[3] != 0) {
		error_set(error, "%s: no type information (BTF) of a known "
			  "version", name);
		return NULL;
	}
	btf = calloc(1, sizeof(*btf));
	if (!btf) {
		error_set(error, "%s: out of memory", name);
		return NULL;
	}
	btf->base = base;
	btf->file = name;
	btf->first_id = base ? base->first_id + base->nr : 1;
	btf->first_string = base ? base->first_string + base->strings.size : 0;
	header = get32(h + 4);
	if (!bytes_slice(raw, header + get32(h + 8), get32(h + 12),
			 &btf->types) ||
	    !bytes_slice(raw, header + get32(h + 16), get32(h + 20),
			 &btf->strings) ||
	    btf->strings.size == 0 ||
	    btf->strings.data[btf->strings.size - 1] != 0)
		failure = "truncated";
	if (!failure)
		failure = index_types(btf);
	if (!failure)
		failure = index_names(btf);
	if (failure) {
		error_set(error, "%s: damaged BTF: %s", name, failure);
		btf_free(btf);
		return NULL;
	}
	return btf;
}

void btf_free(struct btf *btf)
{
	if (!btf)
		return;
	free(btf->at);
	free(btf->named);
	free(btf->slots);
	free(btf);
}

unsigned int btf_nr_types(const struct btf *btf)
{
	return btf->nr;
}

/* Next entry of that name after *cursor (0 = from the start), or NULL. */
static const struct named *next_entry(const struct btf *btf, const char *name,
				      uint32_t *cursor)
{
	uint32_t i = *cursor ? btf->named[*cursor - 1].next
			     : btf->slots[hash_name(name) &
					  (btf->nr_slots - 1)];

	for (; i; i = btf->named[i - 1].next) {
		if (!strcmp(btf_string(btf, btf->named[i - 1].name), name)) {
			*cursor = i;
			return &btf->named[i - 1];
		}
	}
	return NULL;
}

uint32_t btf_next_named(const struct btf *btf, enum btf_kind kind,
			const char *name, uint32_t *cursor)
{
	const struct named *entry;
	struct btf_type type;

	while ((entry = next_entry(btf, name, cursor)))
		if (btf_get(btf, entry->type, &type) && type.kind == kind)
			return entry->type;
	return 0;
}

/* Follow typedefs and qualifiers to what they stand for. */
static bool strip(const struct btf *btf, uint32_t *id, struct btf_type *type)
{
	for (int depth = 0; depth < DEPTH; depth++) {
		if (!btf_get(btf, *id, type))
			return false;
		switch (type->kind) {
		case BTF_TYPEDEF:
		case BTF_VOLATILE:
		case BTF_CONST:
		case BTF_RESTRICT:
		case BTF_TYPE_TAG:
			*id = type->size_or_type;
			break;
		default:
			return true;
		}
	}
	return false;
}

static bool type_size(const struct btf *btf, uint32_t id, uint64_t *size)
{
	uint64_t count = 1;
	struct btf_type type;

	for (int depth = 0; depth < DEPTH; depth++) {
		if (!strip(btf, &id, &type))
			return false;
		switch (type.kind) {
		case BTF_INT:
		case BTF_STRUCT:
		case BTF_UNION:
		case BTF_ENUM:
		case BTF_ENUM64:
		case BTF_FLOAT:
			return !__builtin_mul_overflow(count,
						       type.size_or_type,
						       size);
		case BTF_PTR:
			return !__builtin_mul_overflow(count, 8, size);
		case BTF_ARRAY:
			if (__builtin_mul_overflow(count,
						   get32(type.detail + 8),
						   &count))
				return false;
			id = get32(type.detail);
			break;
		default:
			return false;
		}
	}
	return false;
}

/* Find a member by name, in anonymous members too. */
static bool search_member(const struct btf *btf, const struct btf_type *parent,
			  const char *name, uint64_t base_bits, int depth,
			  int *budget, struct btf_member *out)
{
	for (uint32_t i = 0; i < parent->nr; i++) {
		const uint8_t *p = parent->detail + 12 * i;
		const char *member = btf_string(btf, get32(p));
		uint32_t id = get32(p + 4), place = get32(p + 8);
		uint64_t bits = base_bits +
				(parent->flag ? place & 0xffffff : place);
		struct btf_type type;

		if (--*budget < 0)
			return false;
		if (!strcmp(member, name)) {
			out->btf = btf;
			out->type = id;
			out->bit_offset = bits;
			out->bit_size = parent->flag ? place >> 24 : 0;
			return true;
		}
		if (*member || depth >= DEPTH || !strip(btf, &id, &type) ||
		    (type.kind != BTF_STRUCT && type.kind != BTF_UNION))
			continue;
		if (search_member(btf, &type, name, bits, depth + 1, budget,
				  out))
			return true;
	}
	return false;
}

/* Resolve ".MEMBER.MEMBER" below a type. */
static bool walk_path(const struct btf *btf, uint32_t id, const char *path,
		      struct btf_member *out)
{
	char name[NAME_LENGTH];
	uint64_t bits = 0;
	int budget = BUDGET;

	while (*path == '.') {
		const char *end = path + 1 + strcspn(path + 1, ".");
		struct btf_type type;

		path++;
		if (end == path || end - path >= NAME_LENGTH)
			return false;
		memcpy(name, path, end - path);
		name[end - path] = 0;
		path = end;
		for (int depth = 0;; depth++) {
			if (depth == DEPTH || !strip(btf, &id, &type))
				return false;
			if (type.kind != BTF_ARRAY)
				break;
			id = get32(type.detail);
		}
		if ((type.kind != BTF_STRUCT && type.kind != BTF_UNION) ||
		    !search_member(btf, &type, name, bits, 0, &budget, out))
			return false;
		bits = out->bit_offset;
		id = out->type;
	}
	return *path == 0;
}

int btf_find_member(const struct btf_set *set, const char *path,
		    struct btf_member *out, struct error *error)
{
	const char *dot = strchr(path, '.');
	char head[NAME_LENGTH];
	struct btf_member found;
	bool known = false;

	if (!dot || dot == path || dot - path >= NAME_LENGTH)
		return error_set(error, "%s: not of the form STRUCT.MEMBER",
				 path);
	memcpy(head, path, dot - path);
	head[dot - path] = 0;
	for (unsigned int i = 0; i < set->nr; i++) {
		const struct btf *btf = set->list[i];
		const struct named *entry;
		uint32_t cursor = 0;
		struct btf_type type;
		bool here = false;

		while ((entry = next_entry(btf, head, &cursor))) {
			if (!btf_get(btf, entry->type, &type) ||
			    (type.kind != BTF_STRUCT &&
			     type.kind != BTF_UNION &&
			     type.kind != BTF_TYPEDEF))
				continue;
			known = true;
			if (!walk_path(btf, entry->type, dot, &found))
				continue;
			if (here && (found.bit_offset != out->bit_offset ||
				     found.bit_size != out->bit_size))
				return error_set(error,
						 "%s: the kernel has several "
						 "structures of that name",
						 path);
			*out = found;
			here = true;
		}
		if (here)
			return 1;
	}
	error_set(error, known ? "the kernel's structure has no member %s"
			       : "the kernel has no structure for %s", path);
	return 0;
}

int btf_member_size(const struct btf_member *member, uint64_t *size,
		    struct error *error)
{
	if (!type_size(member->btf, member->type, size))
		return error_set(error, "a member has no size");
	return 1;
}

int btf_sizeof(const struct btf_set *set, const char *name, uint64_t *size,
	       struct error *error)
{
	for (unsigned int i = 0; i < set->nr; i++) {
		const struct btf *btf = set->list[i];
		const struct named *entry;
		uint32_t cursor = 0;
		struct btf_type type;
		uint64_t this;
		bool here = false;

		while ((entry = next_entry(btf, name, &cursor))) {
			if (!btf_get(btf, entry->type, &type) ||
			    (type.kind != BTF_STRUCT &&
			     type.kind != BTF_UNION &&
			     type.kind != BTF_TYPEDEF) ||
			    !type_size(btf, entry->type, &this))
				continue;
			if (here && this != *size)
				return error_set(error,
						 "the kernel has several "
						 "types called %s", name);
			*size = this;
			here = true;
		}
		if (here)
			return 1;
	}
	error_set(error, "the kernel has no structure %s", name);
	return 0;
}

int btf_enum_value(const struct btf_set *set, const char *name, int64_t *value,
		   struct error *error)
{
	for (unsigned int i = 0; i < set->nr; i++) {
		const struct btf *btf = set->list[i];
		const struct named *entry;
		uint32_t cursor = 0;
		struct btf_type type;
		int64_t this;
		bool here = false;

		while ((entry = next_entry(btf, name, &cursor))) {
			const uint8_t *p;

			if (!btf_get(btf, entry->type, &type))
				continue;
			if (type.kind == BTF_ENUM) {
				p = type.detail + 8 * entry->value;
				/* flag: signed */
				this = type.flag ? (int32_t)get32(p + 4)
						 : (int64_t)get32(p + 4);
			} else if (type.kind == BTF_ENUM64) {
				p = type.detail + 12 * entry->value;
				this = (int64_t)((uint64_t)get32(p + 8) << 32 |
						 get32(p + 4));
			} else {
				continue;
			}
			if (here && this != *value)
				return error_set(error,
						 "the kernel has several "
						 "enumerators called %s",
						 name);
			*value = this;
			here = true;
		}
		if (here)
			return 1;
	}
	error_set(error, "the kernel has no enumerator %s", name);
	return 0;
}
