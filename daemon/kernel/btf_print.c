// SPDX-License-Identifier: GPL-2.0
/*
 * BTF types as text, in C's notation without names, so that an expected
 * prototype can be written down by a programmer and compared.
 */
#include <stdio.h>
#include <string.h>

#include "btf.h"

#define TEXT 512
#define DEPTH 24
#define PARAMETERS_MAX 16

/* BTF has gcc's spelling; people write the other one. */
static const struct {
	const char *gcc, *usual;
} spellings[] = {
	{ "long unsigned int", "unsigned long" },
	{ "long int", "long" },
	{ "long long unsigned int", "unsigned long long" },
	{ "long long int", "long long" },
	{ "short unsigned int", "unsigned short" },
	{ "short int", "short" },
	{ "_Bool", "bool" },
};

static const char *usual_name(const char *name)
{
	for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++)
		if (!strcmp(name, spellings[i].gcc))
			return spellings[i].usual;
	return name;
}

static bool fits(int length)
{
	return length >= 0 && length < TEXT;
}

static bool declare(const struct btf *btf, uint32_t id, const char *inner,
		    char *out, int depth);

/* A name, with what it qualifies or declares behind it. */
static bool base_type(const char *prefix, const char *name, const char *inner,
		      char *out)
{
	/* "int(void)" for a function, but "int (*)(void)" and "int [2]". */
	bool blank = *inner && (*inner != '(' || inner[1] == '*');

	return fits(snprintf(out, TEXT, "%s%s%s%s", prefix,
			     *name ? name : "{...}", blank ? " " : "", inner));
}

static bool declare_function(const struct btf *btf,
			     const struct btf_type *proto, const char *inner,
			     char *out, int depth)
{
	char text[TEXT], parameter[TEXT];
	int used = snprintf(text, TEXT, "%s(%s", inner,
			    proto->nr ? "" : "void");

	if (!fits(used) || proto->nr > PARAMETERS_MAX)
		return false;
	for (unsigned int i = 0; i < proto->nr; i++) {
		uint32_t id = get32(proto->detail + 8 * i + 4);

		if (!id) /* by convention, a last parameter of type 0 */
			strcpy(parameter, "...");
		else if (!declare(btf, id, "", parameter, depth + 1))
			return false;
		used += snprintf(text + used, TEXT - used, "%s%s",
				 i ? "," : "", parameter);
		if (!fits(used))
			return false;
	}
	used += snprintf(text + used, TEXT - used, ")");
	return fits(used) &&
	       declare(btf, proto->size_or_type, text, out, depth + 1);
}

static bool declare_pointer(const struct btf *btf, uint32_t target,
			    const char *inner, char *out, int depth)
{
	char text[TEXT];
	struct btf_type type;
	bool brackets;

	if (!btf_get(btf, target, &type))
		return false;
	brackets = type.kind == BTF_FUNC_PROTO || type.kind == BTF_ARRAY;
	if (!fits(snprintf(text, TEXT, brackets ? "(*%s)" : "*%s", inner)))
		return false;
	return declare(btf, target, text, out, depth + 1);
}

/* const and volatile go in front of a name, but behind a star. */
static bool declare_qualified(const struct btf *btf, const char *qualifier,
			      uint32_t target, const char *inner, char *out,
			      int depth)
{
	char text[TEXT];
	struct btf_type type;

	if (!btf_get(btf, target, &type))
		return false;
	if (type.kind == BTF_PTR)
		return fits(snprintf(text, TEXT, "%s%s%s", qualifier,
				     *inner ? " " : "", inner)) &&
		       declare(btf, target, text, out, depth + 1);
	return declare(btf, target, inner, text, depth + 1) &&
	       fits(snprintf(out, TEXT, "%s %s", qualifier, text));
}

static bool declare(const struct btf *btf, uint32_t id, const char *inner,
		    char *out, int depth)
{
	char text[TEXT];
	struct btf_type type;

	if (depth > DEPTH || !btf_get(btf, id, &type))
		return false;
	switch (type.kind) {
	case BTF_VOID:
	case BTF_INT:
	case BTF_FLOAT:
	case BTF_TYPEDEF:
		return base_type("", usual_name(type.name), inner, out);
	case BTF_STRUCT:
		return base_type("struct ", type.name, inner, out);
	case BTF_UNION:
		return base_type("union ", type.name, inner, out);
	case BTF_FWD:
		return base_type(type.flag ? "union " : "struct ", type.name,
				 inner, out);
	case BTF_ENUM:
	case BTF_ENUM64:
		return base_type("enum ", type.name, inner, out);
	case BTF_PTR:
		return declare_pointer(btf, type.size_or_type, inner, out,
				       depth);
	case BTF_CONST:
		return declare_qualified(btf, "const", type.size_or_type,
					 inner, out, depth);
	case BTF_VOLATILE:
		return declare_qualified(btf, "volatile", type.size_or_type,
					 inner, out, depth);
	case BTF_RESTRICT:
	case BTF_TYPE_TAG:
		return declare(btf, type.size_or_type, inner, out, depth + 1);
	case BTF_ARRAY:
		return fits(snprintf(text, TEXT, "%s[%u]", inner,
				     get32(type.detail + 8))) &&
		       declare(btf, get32(type.detail), text, out, depth + 1);
	case BTF_FUNC_PROTO:
		return declare_function(btf, &type, inner, out, depth);
	default:
		return false;
	}
}

int btf_function(const struct btf_set *set, const char *name, char *out,
		 size_t room, struct error *error)
{
	char text[TEXT], first[TEXT] = "";

	for (unsigned int i = 0; i < set->nr; i++) {
		uint32_t cursor = 0, id;
		struct btf_type type;

		while ((id = btf_next_named(set->list[i], BTF_FUNC, name,
					    &cursor))) {
			if (!btf_get(set->list[i], id, &type) ||
			    !declare(set->list[i], type.size_or_type, "", text,
				     0))
				return error_set(error,
						 "%s: damaged prototype in "
						 "BTF", name);
			if (*first && strcmp(first, text))
				return error_set(error,
						 "the kernel has several "
						 "functions called %s: %s and "
						 "%s", name, first, text);
			strcpy(first, text);
		}
		if (!*first)
			continue;
		if (strlen(first) >= room)
			return error_set(error, "%s: prototype too long", name);
		strcpy(out, first);
		return 1;
	}
	error_set(error, "the kernel's BTF does not describe function %s",
		  name);
	return 0;
}

/* The prototype of the function that a member points to; 0 = it does not. */
static uint32_t pointed_function(const struct btf_member *member,
				 struct btf_type *proto)
{
	struct btf_type type;

	if (btf_get(member->btf, member->type, &type) &&
	    type.kind == BTF_PTR &&
	    btf_get(member->btf, type.size_or_type, proto) &&
	    proto->kind == BTF_FUNC_PROTO)
		return type.size_or_type;
	return 0;
}

int btf_member_type(const struct btf_member *member, char *out, size_t room,
		    struct error *error)
{
	struct btf_type proto;
	uint32_t function = pointed_function(member, &proto);
	char text[TEXT];

	if (!declare(member->btf, function ? function : member->type, "", text,
		     0) ||
	    strlen(text) >= room)
		return error_set(error, "a member's type cannot be rendered");
	strcpy(out, text);
	return 1;
}

int btf_member_params(const struct btf_member *member, uint64_t *nr,
		      struct error *error)
{
	struct btf_type proto;

	if (!pointed_function(member, &proto))
		return error_set(error, "a member points to no function");
	*nr = proto.nr;
	return 1;
}

bool btf_same_type(const char *a, const char *b, size_t b_length)
{
	const char *end = b + b_length;

	for (;;) {
		while (*a == ' ')
			a++;
		while (b < end && *b == ' ')
			b++;
		if (!*a || b == end)
			return !*a && b == end;
		if (*a++ != *b++)
			return false;
	}
}
