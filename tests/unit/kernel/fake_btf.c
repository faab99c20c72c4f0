// SPDX-License-Identifier: GPL-2.0
/* Writing BTF by hand: see fake_btf.h. */
#include <stdlib.h>

#include "fake_btf.h"

#define HEADER 24

void fake_btf_init(struct fake_btf *btf, uint32_t nr, uint32_t strings)
{
	memset(btf, 0, sizeof(*btf));
	btf->nr = nr;
	btf->first_string = strings;
	btf->strings_size = 1;	/* offset 0 is the empty string */
}

uint32_t fake_btf_string(struct fake_btf *btf, const char *text)
{
	uint32_t at = btf->strings_size;

	if (!*text)
		return 0;
	if (at + strlen(text) + 1 > sizeof(btf->strings))
		abort();
	memcpy(btf->strings + at, text, strlen(text) + 1);
	btf->strings_size += strlen(text) + 1;
	return btf->first_string + at;
}

void fake_btf_u32(struct fake_btf *btf, uint32_t value)
{
	if (btf->types_size + 4 > sizeof(btf->types))
		abort();
	put32(btf->types + btf->types_size, value);
	btf->types_size += 4;
}

uint32_t fake_btf_type(struct fake_btf *btf, const char *name,
		       enum btf_kind kind, bool flag, uint32_t nr,
		       uint32_t size_or_type)
{
	fake_btf_u32(btf, fake_btf_string(btf, name));
	fake_btf_u32(btf, (uint32_t)flag << 31 | (uint32_t)kind << 24 | nr);
	fake_btf_u32(btf, size_or_type);
	return ++btf->nr;
}

void fake_btf_member(struct fake_btf *btf, const char *name, uint32_t type,
		     uint32_t bits)
{
	fake_btf_u32(btf, fake_btf_string(btf, name));
	fake_btf_u32(btf, type);
	fake_btf_u32(btf, bits);
}

uint32_t fake_btf_function(struct fake_btf *btf, const char *name,
			   uint32_t result, const uint32_t *parameters)
{
	uint32_t nr = 0, proto;

	while (parameters[nr] != UINT32_MAX)
		nr++;
	proto = fake_btf_type(btf, "", BTF_FUNC_PROTO, false, nr, result);
	for (uint32_t i = 0; i < nr; i++) {
		fake_btf_u32(btf, fake_btf_string(btf, parameters[i] ? "p"
								     : ""));
		fake_btf_u32(btf, parameters[i]);
	}
	if (!*name)
		return proto;
	return fake_btf_type(btf, name, BTF_FUNC, false, 1, proto);
}

struct blob fake_btf_finish(const struct fake_btf *btf)
{
	struct blob out = {
		.size = HEADER + btf->types_size + btf->strings_size,
	};
	uint8_t *p = calloc(1, out.size);

	if (!p)
		abort();
	out.data = p;
	p[0] = 0x9f;
	p[1] = 0xeb;
	p[2] = 1;
	put32(p + 4, HEADER);
	put32(p + 8, 0);
	put32(p + 12, btf->types_size);
	put32(p + 16, btf->types_size);
	put32(p + 20, btf->strings_size);
	memcpy(p + HEADER, btf->types, btf->types_size);
	memcpy(p + HEADER + btf->types_size, btf->strings, btf->strings_size);
	return out;
}

/*
 *	struct inner { int a; union { long b; char c[4]; }; };
 *	struct foo {
 *		struct inner first;		at 0
 *		const char *name;		at 16
 *		struct { unsigned x : 3, y : 5; };	at 24, bits 192, 195
 *		struct inner pair[2];		at 32
 *		int (*op)(struct foo *, unsigned long);	at 64
 *		u32 word;			at 72
 *	};	size 80
 *	struct x86_platform_ops { long pad; void (*set_legacy_features)(void); }
 *	two different struct twin; typedef struct foo foo_t;
 *	enum { RED = 1, GREEN = -2 }; enum64 { BIG = 1 << 40 };
 */
void fake_btf_kernel(struct fake_btf *b)
{
	uint32_t i, l, ul, c, u, u32_t, inner, uni, array, pair, cc, pcc, bits;
	uint32_t foo, pfoo, op, pop, vfn, pvfn, ui;

	fake_btf_init(b, 0, 0);
	i = fake_btf_type(b, "int", BTF_INT, false, 0, 4);
	fake_btf_u32(b, 1 << 24 | 32);
	l = fake_btf_type(b, "long int", BTF_INT, false, 0, 8);
	fake_btf_u32(b, 1 << 24 | 64);
	ul = fake_btf_type(b, "long unsigned int", BTF_INT, false, 0, 8);
	fake_btf_u32(b, 64);
	c = fake_btf_type(b, "char", BTF_INT, false, 0, 1);
	fake_btf_u32(b, 8);
	ui = fake_btf_type(b, "unsigned int", BTF_INT, false, 0, 4);
	fake_btf_u32(b, 32);
	u32_t = fake_btf_type(b, "u32", BTF_TYPEDEF, false, 0, ui);
	array = fake_btf_type(b, "", BTF_ARRAY, false, 0, 0);
	fake_btf_u32(b, c);
	fake_btf_u32(b, i);
	fake_btf_u32(b, 4);
	uni = fake_btf_type(b, "", BTF_UNION, false, 2, 8);
	fake_btf_member(b, "b", l, 0);
	fake_btf_member(b, "c", array, 0);
	inner = fake_btf_type(b, "inner", BTF_STRUCT, false, 2, 16);
	fake_btf_member(b, "a", i, 0);
	fake_btf_member(b, "", uni, 64);
	cc = fake_btf_type(b, "", BTF_CONST, false, 0, c);
	pcc = fake_btf_type(b, "", BTF_PTR, false, 0, cc);
	bits = fake_btf_type(b, "", BTF_STRUCT, true, 2, 4);
	fake_btf_member(b, "x", ui, 3u << 24 | 0);
	fake_btf_member(b, "y", ui, 5u << 24 | 3);
	pair = fake_btf_type(b, "", BTF_ARRAY, false, 0, 0);
	fake_btf_u32(b, inner);
	fake_btf_u32(b, i);
	fake_btf_u32(b, 2);
	/* The prototype refers to foo, which follows it by three. */
	foo = b->nr + 4;
	pfoo = fake_btf_type(b, "", BTF_PTR, false, 0, foo);
	op = fake_btf_function(b, "", i, (uint32_t[]){ pfoo, ul, UINT32_MAX });
	pop = fake_btf_type(b, "", BTF_PTR, false, 0, op);
	foo = fake_btf_type(b, "foo", BTF_STRUCT, false, 6, 80);
	fake_btf_member(b, "first", inner, 0);
	fake_btf_member(b, "name", pcc, 128);
	fake_btf_member(b, "", bits, 192);
	fake_btf_member(b, "pair", pair, 256);
	fake_btf_member(b, "op", pop, 512);
	fake_btf_member(b, "word", u32_t, 576);
	fake_btf_type(b, "foo_t", BTF_TYPEDEF, false, 0, foo);
	vfn = fake_btf_function(b, "", 0, (uint32_t[]){ UINT32_MAX });
	pvfn = fake_btf_type(b, "", BTF_PTR, false, 0, vfn);
	fake_btf_type(b, "x86_platform_ops", BTF_STRUCT, false, 2, 16);
	fake_btf_member(b, "pad", l, 0);
	fake_btf_member(b, "set_legacy_features", pvfn, 64);
	fake_btf_type(b, "twin", BTF_STRUCT, false, 1, 4);
	fake_btf_member(b, "here", i, 0);
	u = fake_btf_type(b, "twin", BTF_STRUCT, false, 2, 8);
	fake_btf_member(b, "only", i, 0);
	fake_btf_member(b, "here", i, 32);
	fake_btf_type(b, "colours", BTF_ENUM, true, 2, 4);
	fake_btf_u32(b, fake_btf_string(b, "RED"));
	fake_btf_u32(b, 1);
	fake_btf_u32(b, fake_btf_string(b, "GREEN"));
	fake_btf_u32(b, (uint32_t)-2);
	fake_btf_type(b, "", BTF_ENUM64, false, 1, 8);
	fake_btf_u32(b, fake_btf_string(b, "BIG"));
	fake_btf_u32(b, 0);
	fake_btf_u32(b, 1 << 8);
	fake_btf_function(b, "plain_function", i,
			  (uint32_t[]){ pfoo, ul, UINT32_MAX });
	fake_btf_function(b, "printer", i, (uint32_t[]){ pcc, 0, UINT32_MAX });
	fake_btf_function(b, "nothing", 0, (uint32_t[]){ UINT32_MAX });
	fake_btf_function(b, "taker", 0, (uint32_t[]){ pop, u32_t, u,
						       UINT32_MAX });
}
