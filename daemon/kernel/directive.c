// SPDX-License-Identifier: GPL-2.0
/*
 * Directives of the port object: parsed here one string at a time; each
 * either holds or refuses the kernel with a line that names what was expected
 * and what was found.  The byte-level ones are in code_patch.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "code_patch.h"
#include "directive.h"

#define WORD 256
#define TYPE_TEXT 512

int patch_add(struct patch_list *patches, uint64_t addr, const void *bytes,
	      unsigned int length, struct error *error)
{
	struct patch *patch;

	if (patches->nr == patches->room) {
		unsigned int room = patches->room ? patches->room * 2 : 64;
		struct patch *more = realloc(patches->list,
					     room * sizeof(*more));

		if (!more)
			return error_set(error, "out of memory for patches");
		patches->list = more;
		patches->room = room;
	}
	patch = &patches->list[patches->nr++];
	patch->addr = addr;
	patch->length = length;
	memcpy(patch->bytes, bytes, length);
	return 0;
}

void patch_free(struct patch_list *patches)
{
	free(patches->list);
	memset(patches, 0, sizeof(*patches));
}

/* Take the next word off a directive; false at its end. */
static bool next_word(const char **at, char *word)
{
	size_t length;

	*at += strspn(*at, " \t");
	length = strcspn(*at, " \t");
	if (!length || length >= WORD)
		return false;
	memcpy(word, *at, length);
	word[length] = 0;
	*at += length;
	return true;
}

/* Does one of "A | B | C" equal the type? */
static bool matches(const char *found, const char *alternatives)
{
	for (;;) {
		size_t length = strcspn(alternatives, "|");

		if (btf_same_type(found, alternatives, length))
			return true;
		if (!alternatives[length])
			return false;
		alternatives += length + 1;
	}
}

static bool matches_number(uint64_t found, const char *alternatives)
{
	for (;;) {
		char *end;
		uint64_t value = strtoull(alternatives, &end, 0);

		if (end != alternatives && value == found)
			return true;
		alternatives = strchr(end, '|');
		if (!alternatives)
			return false;
		alternatives++;
	}
}

/* "SYMBOL", "SYMBOL+NUMBER" or "SYMBOL+STRUCT.MEMBER" as an address. */
static int find_place(const struct link_names *names, const char *place,
		      uint64_t *addr, struct error *error)
{
	const char *plus = strchr(place, '+');
	char symbol[WORD];
	struct btf_member member;
	size_t length = plus ? (size_t)(plus - place) : strlen(place);

	memcpy(symbol, place, length);
	symbol[length] = 0;
	if (kallsyms_unique(names->syms, symbol, addr, error))
		return -1;
	if (!plus)
		return 0;
	plus++;
	if (*plus >= '0' && *plus <= '9') {
		*addr += strtoull(plus, NULL, 0);
		return 0;
	}
	if (btf_find_member(&names->btf, plus, &member, error) != 1)
		return -1;
	if (member.bit_size || member.bit_offset % 8)
		return error_set(error, "%s is a bit field", plus);
	*addr += member.bit_offset / 8;
	return 0;
}

struct context {
	const struct guest_image *image;
	const struct link_names *names;
	const struct linked_port *port;
	struct patch_list *patches;
	struct error *error;
};

/*
 * Handlers: the rest of the directive after its verb.  0, or -1 with error
 * set.  `optional` is the verb's '?': what does not exist is not looked at.
 */
static int expect_func(const struct context *c, const char *rest,
		       bool optional)
{
	char name[WORD], found[TYPE_TEXT];
	unsigned int count;
	int ret;

	if (!next_word(&rest, name))
		return error_set(c->error, "a name is missing");
	/* An optional one may be a packed module's: its BTF answers then. */
	if (!optional && !kallsyms_find(c->names->syms, name, &count))
		return error_set(c->error, "the kernel has no function %s",
				 name);
	ret = btf_function(&c->names->btf, name, found, sizeof(found),
			   c->error);
	if (ret == 0 && optional)
		return 0;
	if (ret != 1)
		return -1;
	if (!matches(found, rest))
		return error_set(c->error, "function %s: expected%s, found %s",
				 name, rest, found);
	return 0;
}

static int expect_member(const struct context *c, const char *rest,
			 bool optional)
{
	char path[WORD], found[TYPE_TEXT];
	struct btf_member member;
	int ret;

	if (!next_word(&rest, path))
		return error_set(c->error, "a name is missing");
	ret = btf_find_member(&c->names->btf, path, &member, c->error);
	if (ret == 0 && optional)
		return 0;
	if (ret != 1 ||
	    btf_member_type(&member, found, sizeof(found), c->error) != 1)
		return -1;
	if (!matches(found, rest))
		return error_set(c->error, "member %s: expected%s, found %s",
				 path, rest, found);
	return 0;
}

static int expect_size(const struct context *c, const char *rest,
		       bool optional)
{
	char name[WORD];
	struct btf_member member;
	uint64_t size;
	int ret;

	if (!next_word(&rest, name))
		return error_set(c->error, "a name is missing");
	if (strchr(name, '.')) {
		ret = btf_find_member(&c->names->btf, name, &member, c->error);
		if (ret == 1)
			ret = btf_member_size(&member, &size, c->error);
	} else {
		ret = btf_sizeof(&c->names->btf, name, &size, c->error);
	}
	if (ret == 0 && optional)
		return 0;
	if (ret != 1)
		return -1;
	if (!matches_number(size, rest))
		return error_set(c->error, "size of %s: expected%s, found "
				 "%" PRIu64, name, rest, size);
	return 0;
}

static int expect_symbol(const struct context *c, const char *rest,
			 bool optional)
{
	char name[WORD];
	uint64_t addr;

	(void)optional;
	if (!next_word(&rest, name))
		return error_set(c->error, "a name is missing");
	return kallsyms_unique(c->names->syms, name, &addr, c->error);
}

/* The 8 bytes at PLACE hold what is expected. */
static int check_pointer(const struct context *c, const char *place,
			 const char *symbol, uint64_t *addr)
{
	uint64_t expected = 0;
	uint8_t old[8];

	if (find_place(c->names, place, addr, c->error))
		return -1;
	if (symbol && *symbol >= '0' && *symbol <= '9')
		expected = strtoull(symbol, NULL, 0);
	else if (symbol && kallsyms_unique(c->names->syms, symbol, &expected,
					   c->error))
		return -1;
	if (!image_read(c->image, *addr, old, sizeof(old)))
		return error_set(c->error, "%s is not in the kernel image",
				 place);
	if (get64(old) != expected)
		return error_set(c->error,
				 "%s: expected %s (0x%" PRIx64 "), found "
				 "0x%" PRIx64, place, symbol ? symbol : "0",
				 expected, get64(old));
	return 0;
}

static int expect_zero(const struct context *c, const char *rest,
		       bool optional)
{
	char place[WORD];
	uint64_t addr;

	(void)optional;
	if (!next_word(&rest, place))
		return error_set(c->error, "a name is missing");
	return check_pointer(c, place, NULL, &addr);
}

static int expect_value(const struct context *c, const char *rest,
			bool optional)
{
	char place[WORD], equals[WORD], symbol[WORD];
	uint64_t addr;

	(void)optional;
	if (!next_word(&rest, place) || !next_word(&rest, equals) ||
	    strcmp(equals, "=") || !next_word(&rest, symbol))
		return error_set(c->error, "expected PLACE = SYMBOL");
	return check_pointer(c, place, symbol, &addr);
}

/* PLACE = PORTSYMBOL [(was KERNELSYMBOL)] */
static int preset(const struct context *c, const char *rest)
{
	char place[WORD], equals[WORD], symbol[WORD], was[WORD], old[WORD];
	uint64_t addr, value;
	uint8_t bytes[8];
	bool has_old;

	if (!next_word(&rest, place) || !next_word(&rest, equals) ||
	    strcmp(equals, "=") || !next_word(&rest, symbol))
		return error_set(c->error, "expected PLACE = PORTSYMBOL");
	has_old = next_word(&rest, was);
	if (has_old && (strcmp(was, "(was") || !next_word(&rest, old) ||
			old[strlen(old) - 1] != ')'))
		return error_set(c->error, "expected (was SYMBOL)");
	if (has_old)
		old[strlen(old) - 1] = 0;
	if (check_pointer(c, place, has_old ? old : NULL, &addr) ||
	    link_symbol(c->port, symbol, &value, c->error))
		return -1;
	put64(bytes, value);
	return patch_add(c->patches, addr, bytes, sizeof(bytes), c->error);
}

/* FUNCTION = PORTSYMBOL */
static int patch_jump(const struct context *c, const char *rest, bool optional)
{
	char function[WORD], equals[WORD], symbol[WORD];
	uint64_t target;

	if (!next_word(&rest, function) || !next_word(&rest, equals) ||
	    strcmp(equals, "=") || !next_word(&rest, symbol))
		return error_set(c->error, "expected FUNCTION = PORTSYMBOL");
	if (optional && !kallsyms_find(c->names->syms, function, NULL))
		return 0;
	if (link_symbol(c->port, symbol, &target, c->error))
		return -1;
	return code_patch_jump(c->image, function, target, c->patches,
			       c->error);
}

/* FUNCTION OLD = NEW */
static int patch_immediate(const struct context *c, const char *rest,
			   bool optional)
{
	char function[WORD], old[WORD], equals[WORD], new[WORD];
	unsigned long from, to;
	char *end1, *end2;

	if (!next_word(&rest, function) || !next_word(&rest, old) ||
	    !next_word(&rest, equals) || strcmp(equals, "=") ||
	    !next_word(&rest, new))
		return error_set(c->error, "expected FUNCTION OLD = NEW");
	from = strtoul(old, &end1, 0);
	to = strtoul(new, &end2, 0);
	if (*end1 || *end2 || from > UINT32_MAX || to > UINT32_MAX)
		return error_set(c->error, "%s, %s: not 32-bit numbers", old,
				 new);
	if (optional && !kallsyms_find(c->names->syms, function, NULL))
		return 0;
	return code_patch_immediate(c->image, function, from, to, c->patches,
				    c->error);
}

/*
 * The stubs of vectors without a handler lead to common_interrupt, so that
 * they can have one (see entry_64.S and idtentry.h).
 */
static int patch_spurious(const struct context *c, const char *rest,
			  bool optional)
{
	(void)optional;
	if (*rest)
		return error_set(c->error, "spurious-stubs takes no words");
	return code_patch_stubs(c->image, "spurious_entries_start",
				"asm_spurious_interrupt",
				"asm_common_interrupt", c->patches, c->error);
}

static const struct directive {
	const char *section;
	const char *verb;
	int (*run)(const struct context *c, const char *rest, bool optional);
} directives[] = {
	{ ".colinux.expect", "func", expect_func },
	{ ".colinux.expect", "member", expect_member },
	{ ".colinux.expect", "size", expect_size },
	{ ".colinux.expect", "symbol", expect_symbol },
	{ ".colinux.expect", "zero", expect_zero },
	{ ".colinux.expect", "value", expect_value },
	{ ".colinux.patch", "jump", patch_jump },
	{ ".colinux.patch", "immediate", patch_immediate },
	{ ".colinux.patch", "spurious-stubs", patch_spurious },
};

static int run_directive(const struct context *c, const char *section,
			 const char *text)
{
	const char *rest = text;
	char verb[WORD];
	bool optional;

	if (!strcmp(section, ".colinux.preset"))
		return preset(c, text);
	if (!next_word(&rest, verb))
		return error_set(c->error, "empty directive");
	optional = verb[strlen(verb) - 1] == '?';
	if (optional)
		verb[strlen(verb) - 1] = 0;
	for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++)
		if (!strcmp(directives[i].section, section) &&
		    !strcmp(directives[i].verb, verb))
			return directives[i].run(c, rest, optional);
	return error_set(c->error, "unknown directive \"%s\" in %s", text,
			 section);
}

int directives_check(const struct guest_image *image,
		     const struct link_names *names,
		     const struct linked_port *port,
		     struct patch_list *patches, struct error *error)
{
	static const char *const sections[] = {
		".colinux.expect", ".colinux.preset", ".colinux.patch",
	};
	const struct context c = { image, names, port, patches, error };

	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
		const struct elf_section *s =
			elf_section(&port->elf, sections[i]);
		uint64_t at = 0;

		while (s && at < s->data.size) {
			const char *text = bytes_string(s->data, at);

			if (!text)
				return error_set(error, "%s: %s does not end "
						 "with a zero", port->elf.name,
						 s->name);
			at += strlen(text) + 1;
			/* Compilers align strings with zeros. */
			if (!*text)
				continue;
			if (run_directive(&c, sections[i], text))
				return error_prefix(error, "%s", image->path);
		}
	}
	return 0;
}
