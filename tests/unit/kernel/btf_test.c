// SPDX-License-Identifier: GPL-2.0
/* BTF: layouts, values, prototypes, modules, damage. */
#include <stdlib.h>

#include "../virtio/tap.h"
#include "fake_btf.h"
#include "fake_kernel.h"

#define MUTATIONS 3000

static struct error error;

static void check_offset(const struct btf_set *set, const char *path,
			 int64_t expected, unsigned int bits)
{
	struct btf_member member = { 0 };
	int ret = btf_find_member(set, path, &member, &error);

	check(expected < 0 ? ret == expected + 1
			   : ret == 1 &&
			     (int64_t)member.bit_offset == expected &&
			     member.bit_size == bits,
	      "%s: %s", path,
	      ret == 1 ? "found" : error.text);
}

#define ABSENT (-1)	/* the query returns 0 */
#define AMBIGUOUS (-2)	/* the query returns -1 */

static void check_type(const struct btf_set *set, const char *path,
		       const char *expected)
{
	struct btf_member member;
	char text[512] = "";
	int ret = btf_find_member(set, path, &member, &error) == 1 &&
		  btf_member_type(&member, text, sizeof(text), &error) == 1;

	check(ret && !strcmp(text, expected), "%s is %s", path, text);
}

static void check_function(const struct btf_set *set, const char *name,
			   const char *expected)
{
	char text[512] = "";
	int ret = btf_function(set, name, text, sizeof(text), &error);

	check(expected ? ret == 1 && !strcmp(text, expected) : ret == 0,
	      "%s is %s", name, ret == 1 ? text : error.text);
}

static void check_value(const struct btf_set *set, const char *name,
			int64_t expected)
{
	int64_t value = 0;

	check(btf_enum_value(set, name, &value, &error) == 1 &&
		      value == expected,
	      "enumerator %s = %lld", name, (long long)value);
}

static void test_queries(const struct btf_set *set)
{
	struct btf_member member;
	uint64_t size = 0;
	int64_t value;

	check_offset(set, "foo.first", 0, 0);
	check_offset(set, "foo.first.a", 0, 0);
	check_offset(set, "foo.first.b", 64, 0);
	check_offset(set, "foo.first.c", 64, 0);
	check_offset(set, "foo.pair.b", 256 + 64, 0);
	check_offset(set, "foo.x", 192, 3);
	check_offset(set, "foo.y", 195, 5);
	check_offset(set, "foo_t.word", 576, 0);
	check_offset(set, "foo.missing", ABSENT, 0);
	check_offset(set, "foo.name.a", ABSENT, 0);
	check_offset(set, "missing.a", ABSENT, 0);
	check_offset(set, "foo", AMBIGUOUS, 0);
	check_offset(set, "foo..a", ABSENT, 0);
	check_offset(set, "twin.here", AMBIGUOUS, 0);
	check_offset(set, "twin.only", 0, 0);
	check_type(set, "foo.op", "int(struct foo *,unsigned long)");
	check_type(set, "foo.name", "const char *");
	check_type(set, "foo.pair", "struct inner [2]");
	check_type(set, "foo.word", "u32");
	check_type(set, "x86_platform_ops.set_legacy_features", "void(void)");
	check_function(set, "plain_function",
		       "int(struct foo *,unsigned long)");
	check_function(set, "printer", "int(const char *,...)");
	check_function(set, "nothing", "void(void)");
	check_function(set, "taker",
		       "void(int (*)(struct foo *,unsigned long),u32,"
		       "struct twin)");
	check_function(set, "missing", NULL);
	check_value(set, "RED", 1);
	check_value(set, "GREEN", -2);
	check_value(set, "BIG", 1ll << 40);
	check(btf_enum_value(set, "BLUE", &value, &error) == 0,
	      "no such enumerator: %s", error.text);
	check(btf_sizeof(set, "foo", &size, &error) == 1 && size == 80,
	      "sizeof struct");
	check(btf_sizeof(set, "u32", &size, &error) == 1 && size == 4,
	      "sizeof typedef");
	check(btf_sizeof(set, "twin", &size, &error) == -1,
	      "sizeof, ambiguous: %s", error.text);
	check(btf_find_member(set, "foo.pair", &member, &error) == 1 &&
		      btf_member_size(&member, &size, &error) == 1 &&
		      size == 32, "size of an array member");
}

static void test_compare(void)
{
	check(btf_same_type("int(struct foo *,unsigned long)",
			    " int(struct foo*, unsigned long) ", 33),
	      "types are equal but for blanks");
	check(!btf_same_type("int(void)", "int(void*)", 10), "types differ");
	check(!btf_same_type("int(void)", "int(void", 8), "one is shorter");
}

/* A module that refers to the kernel's types and strings. */
static void test_module(const struct btf *kernel, const struct blob *raw)
{
	static struct fake_btf m;
	const struct btf *list[2] = { kernel };
	struct btf_set set = { list, 2 };
	struct blob module;
	struct btf *btf;

	fake_btf_init(&m, btf_nr_types(kernel), get32(raw->data + 20));
	fake_btf_type(&m, "own", BTF_STRUCT, false, 2, 24);
	fake_btf_member(&m, "number", 1, 0);
	fake_btf_member(&m, "inner", 9, 64);	/* the kernel's struct inner */
	/* A name that is in the kernel's strings: offset 1 = "int". */
	fake_btf_u32(&m, 1);
	fake_btf_u32(&m, (uint32_t)BTF_STRUCT << 24 | 0);
	fake_btf_u32(&m, 12);
	m.nr++;
	fake_btf_function(&m, "own_function", 1,
			  (uint32_t[]){ 2, UINT32_MAX });
	module = fake_btf_finish(&m);
	btf = btf_parse(blob_bytes(&module), "module", kernel, &error);
	check(btf != NULL, "module parsed");
	list[1] = btf;
	check_offset(&set, "own.inner.b", 128, 0);
	check_offset(&set, "foo.word", 576, 0);
	check_function(&set, "own_function", "int(long)");
	btf_free(btf);
	free(module.data);
}

static void ask_everything(const struct btf_set *set)
{
	static const char *const paths[] = {
		"foo.first.b", "foo.x", "foo.op", "foo.pair.c", "twin.here",
		"x86_platform_ops.set_legacy_features", "foo.none",
	};
	static const char *const functions[] = {
		"plain_function", "printer", "nothing", "taker",
	};
	struct btf_member member;
	char text[512];
	uint64_t size;
	int64_t value;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (btf_find_member(set, paths[i], &member, &error) != 1)
			continue;
		btf_member_type(&member, text, sizeof(text), &error);
		btf_member_size(&member, &size, &error);
	}
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		btf_function(set, functions[i], text, sizeof(text), &error);
	btf_sizeof(set, "foo", &size, &error);
	btf_enum_value(set, "BIG", &value, &error);
}

static void test_mutations(const struct blob *raw)
{
	uint8_t *copy = malloc(raw->size);
	unsigned int parsed = 0;
	uint64_t state = 5;

	for (int i = 0; i < MUTATIONS; i++) {
		size_t size = fake_damage(blob_bytes(raw), copy, &state);
		struct btf *btf = btf_parse((struct bytes){ copy, size }, "k",
					    NULL, &error);
		const struct btf *list[1] = { btf };

		if (!btf)
			continue;
		parsed++;
		ask_everything(&(struct btf_set){ list, 1 });
		btf_free(btf);
	}
	check(parsed > MUTATIONS / 10, "%d mutations, %u still parsed",
	      MUTATIONS, parsed);
	parsed = 0;
	for (size_t size = 0; size < raw->size; size++) {
		struct btf *btf = btf_parse((struct bytes){ raw->data, size },
					    "k", NULL, &error);

		parsed += btf != NULL;
		btf_free(btf);
	}
	check(!parsed, "all %zu truncations refused", raw->size);
	free(copy);
}

/* Types that refer to themselves end the question, not the process. */
static void test_circles(void)
{
	static struct fake_btf b;
	struct blob raw;
	struct btf *btf;
	const struct btf *list[1];

	fake_btf_init(&b, 0, 0);
	fake_btf_type(&b, "loop", BTF_TYPEDEF, false, 0, 1);
	fake_btf_type(&b, "foo", BTF_STRUCT, false, 3, 8);
	fake_btf_member(&b, "", 2, 0);
	fake_btf_member(&b, "", 2, 0);
	fake_btf_member(&b, "", 2, 0);
	fake_btf_type(&b, "", BTF_ARRAY, false, 0, 0);
	fake_btf_u32(&b, 3);
	fake_btf_u32(&b, 3);
	fake_btf_u32(&b, 4);
	fake_btf_type(&b, "", BTF_FUNC_PROTO, false, 2, 4);
	fake_btf_u32(&b, 0);
	fake_btf_u32(&b, 4);
	fake_btf_u32(&b, 0);
	fake_btf_u32(&b, 4);
	fake_btf_type(&b, "nothing", BTF_FUNC, false, 0, 4);
	fake_btf_type(&b, "deep", BTF_STRUCT, false, 1, 8);
	fake_btf_member(&b, "array", 3, 0);
	raw = fake_btf_finish(&b);
	btf = btf_parse(blob_bytes(&raw), "k", NULL, &error);
	if (!check(btf != NULL, "circles parsed (%s)", error.text))
		return;
	list[0] = btf;
	check_offset(&(struct btf_set){ list, 1 }, "foo.none", ABSENT, 0);
	check_offset(&(struct btf_set){ list, 1 }, "loop.none", ABSENT, 0);
	check_offset(&(struct btf_set){ list, 1 }, "deep.array.x", ABSENT, 0);
	ask_everything(&(struct btf_set){ list, 1 });
	btf_free(btf);
	free(raw.data);
}

int main(void)
{
	static struct fake_btf kernel;
	const struct btf *list[1];
	struct blob raw;
	struct btf *btf;

	fake_btf_kernel(&kernel);
	raw = fake_btf_finish(&kernel);
	btf = btf_parse(blob_bytes(&raw), "kernel", NULL, &error);
	if (!check(btf != NULL, "parsed (%s)", error.text))
		return done();
	list[0] = btf;
	test_queries(&(struct btf_set){ list, 1 });
	test_compare();
	test_module(btf, &raw);
	btf_free(btf);
	test_mutations(&raw);
	test_circles();
	free(raw.data);
	return done();
}
