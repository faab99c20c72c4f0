// SPDX-License-Identifier: GPL-2.0
/*
 * kallsyms: decode the compressed symbol table of a vmlinux.
 *
 * The image has no symbols that say where the table is, so it is found by
 * what it must look like, and every part must agree with the others.  Facts
 * are from scripts/kallsyms.c and kernel/kallsyms.c of Linux 5.10 to 7.2.
 *
 *   num_syms     u32
 *   names        num_syms times { length (1 or 2 bytes), tokens }
 *   markers      u32 for each 256th symbol: its offset in names
 *   seqs         3 bytes a symbol, only in the middle one of old layouts
 *   token_table  256 strings
 *   token_index  u16 each: offset of string i in token_table
 *
 * Before 6.4, offsets (an s32 a symbol) and relative_base (u64) precede
 * num_syms; from 6.4 they follow token_index; from 7.x an offset is relative
 * to its own place and there is no base.  All parts are aligned to 8 bytes,
 * in 7.x to 4.
 */
#include <stdlib.h>

#include "kallsyms.h"

#define TOKENS 256
#define TOKEN_MAX 128		/* longest expanded token we believe */
#define NAME_MAX_LENGTH 1024	/* KSYM_NAME_LEN is 512 */
#define SHORT_TOKEN 16		/* copied in one piece, whatever its length */
#define SYMS_MIN 1000
#define SYMS_MAX (4u << 20)
#define NO_SYMBOL UINT32_MAX
/* 7.0 lists symbols of .modinfo, behind what is loaded. */
#define BEHIND_MAX (16u << 20)
#define KERNEL_HALF 0xffffffff80000000ull
/* Where names can be before token_table: nothing known is above 4 MiB. */
#define NAMES_REACH (32u << 20)

/* Everything that was found out about one candidate. */
struct table {
	struct bytes area;	/* the segment's bytes */
	uint64_t vaddr;		/* of area.data[0] */
	unsigned int align;
	uint32_t token_index, token_table, markers, names, num_at;
	uint32_t nr;
	const char *token[TOKENS];
	uint8_t token_length[TOKENS];
	uint32_t names_end;
};

static uint64_t align_to(uint64_t value, unsigned int align)
{
	return (value + align - 1) & ~(uint64_t)(align - 1);
}

/* Is there a token index at this place?  Offsets from 0, ascending. */
static bool looks_like_index(const uint8_t *p)
{
	uint16_t last = 0;

	if (get16(p) != 0)
		return false;
	for (unsigned int i = 1; i < TOKENS; i++) {
		uint16_t this = get16(p + 2 * i);

		if (this < last + 2 || this > last + TOKEN_MAX)
			return false;
		last = this;
	}
	return true;
}

/* Do the strings that the index describes begin at `table`? */
static bool check_tokens(struct table *t, uint32_t table)
{
	const uint8_t *index = t->area.data + t->token_index;
	const uint8_t *strings = t->area.data + table;
	size_t length;

	for (unsigned int i = 0; i < TOKENS; i++) {
		uint32_t at = get16(index + 2 * i);
		size_t room = t->token_index - table - at;

		length = strnlen((const char *)strings + at, room);
		if (length == 0 || length == room)
			return false;
		if (i + 1 < TOKENS &&
		    at + length + 1 != get16(index + 2 * i + 2))
			return false;
		for (size_t c = 0; c < length; c++)
			if (strings[at + c] <= ' ' || strings[at + c] > 126)
				return false;
		if (length > UINT8_MAX)
			return false;
		t->token[i] = (const char *)strings + at;
		t->token_length[i] = length;
	}
	/* The last string ends where the padding before the index begins. */
	length = get16(index + 2 * (TOKENS - 1)) +
		 strlen(t->token[TOKENS - 1]) + 1;
	if (align_to(table + length, t->align) != t->token_index)
		return false;
	t->token_table = table;
	return true;
}

static bool find_tokens(struct table *t)
{
	uint32_t last = get16(t->area.data + t->token_index + 510);

	for (uint32_t length = 2; length <= TOKEN_MAX + 8; length++) {
		if (last + length > t->token_index)
			return false;
		if ((t->token_index - last - length) % t->align)
			continue;
		if (check_tokens(t, t->token_index - last - length))
			return true;
	}
	return false;
}

/* Length of the entry at p, its size field skipped; 0 = none there. */
static unsigned int name_length(const struct table *t, uint32_t *at)
{
	const uint8_t *p = bytes_at(t->area, *at, 2);
	unsigned int length;

	if (!p)
		return 0;
	length = p[0];
	*at += 1;
	if (length & 0x80) {
		length = (length & 0x7f) | p[1] << 7;
		*at += 1;
	}
	return length;
}

/* The first character of a name is its type letter, as in nm. */
static bool type_is_plausible(char c)
{
	static const bool plausible[256] = {
		['A'] = true, ['a'] = true, ['B'] = true, ['b'] = true,
		['C'] = true, ['c'] = true, ['D'] = true, ['d'] = true,
		['G'] = true, ['g'] = true, ['i'] = true, ['N'] = true,
		['n'] = true, ['R'] = true, ['r'] = true, ['S'] = true,
		['s'] = true, ['T'] = true, ['t'] = true, ['U'] = true,
		['u'] = true, ['V'] = true, ['v'] = true, ['W'] = true,
		['w'] = true,
	};

	return plausible[(uint8_t)c];
}

/* Walk the names and find that everything after them fits. */
static bool check_names(struct table *t)
{
	uint32_t at = t->names, end = t->token_table;
	uint32_t nr_markers = (t->nr + 255) / 256;
	const uint8_t *p;
	uint64_t after;

	for (uint32_t i = 0; i < t->nr; i++) {
		unsigned int length = name_length(t, &at);

		if (length == 0 || length > end - at)
			return false;
		if (!type_is_plausible(t->token[t->area.data[at]][0]))
			return false;
		at += length;
		if (at >= end)
			return false;
	}
	t->names_end = at;
	t->markers = align_to(at, t->align);
	after = t->markers + 4ull * nr_markers;
	if (after > t->token_table)
		return false;
	/* 6.2 and 6.3 (and 6.1 stable) have seqs_of_names in between. */
	if (align_to(after, t->align) != t->token_table &&
	    align_to(align_to(after, t->align) + 3ull * t->nr, t->align) !=
		    t->token_table)
		return false;

	at = t->names;
	p = t->area.data + t->markers;
	for (uint32_t i = 0; i < t->nr; i++) {
		unsigned int length;

		if (i % 256 == 0 && get32(p + i / 256 * 4) != at - t->names)
			return false;
		length = name_length(t, &at);
		at += length;
	}
	return true;
}

static bool find_names(struct table *t)
{
	uint32_t low = t->token_table > NAMES_REACH
			       ? t->token_table - NAMES_REACH : 0;

	low = align_to(low, t->align);
	for (uint32_t at = t->token_table; at >= low + t->align;) {
		at -= t->align;
		t->nr = get32(t->area.data + at);
		if (t->nr < SYMS_MIN || t->nr > SYMS_MAX)
			continue;
		t->num_at = at;
		t->names = align_to(at + 4, t->align);
		if (check_names(t))
			return true;
	}
	return false;
}

/*
 * The name at *at, and how long it is.  `out` has NAME_MAX_LENGTH + SHORT_TOKEN
 * bytes.  There are two hundred thousand names of eight tokens: no calls here.
 * Behind each token is at least the table of their index, 512 bytes.
 */
static size_t expand_name(const struct table *t, uint32_t *at, char *out)
{
	unsigned int length = name_length(t, at);
	const uint8_t *codes = t->area.data + *at;
	size_t used = 0;

	*at += length;
	for (; length; length--, codes++) {
		const char *token = t->token[*codes];
		size_t piece = t->token_length[*codes];

		if (used + piece >= NAME_MAX_LENGTH)
			continue;
		if (piece <= SHORT_TOKEN)
			memcpy(out + used, token, SHORT_TOKEN);
		else
			memcpy(out + used, token, piece);
		used += piece;
	}
	out[used] = 0;
	return used;
}

static uint32_t hash_name(const char *name)
{
	uint32_t hash = 2166136261u;	/* FNV-1a */

	while (*name)
		hash = (hash ^ (uint8_t)*name++) * 16777619u;
	return hash;
}

static uint32_t hash_slots(unsigned int nr)
{
	uint32_t slots = 1024;

	while (slots < nr)
		slots *= 2;
	return slots;
}

static int expand_all(const struct table *t, struct kallsyms *k,
		      struct error *error)
{
	const size_t most = NAME_MAX_LENGTH + SHORT_TOKEN;
	size_t room = 8u << 20, used = 0;
	uint32_t at = t->names;
	uint32_t *start = calloc(t->nr, sizeof(*start));

	k->nr = t->nr;
	k->syms = calloc(t->nr, sizeof(*k->syms));
	k->strings = malloc(room);
	if (!k->syms || !k->strings || !start)
		goto no_memory;
	for (uint32_t i = 0; i < t->nr; i++) {
		if (used + most > room) {
			char *more = realloc(k->strings, room * 2);

			if (!more)
				goto no_memory;
			k->strings = more;
			room *= 2;
		}
		/* The type is in front of the name. */
		start[i] = used + 1;
		used += expand_name(t, &at, k->strings + used) + 1;
		k->syms[i].type = k->strings[start[i] - 1];
	}
	for (uint32_t i = 0; i < t->nr; i++)
		k->syms[i].name = k->strings + start[i];
	free(start);
	return 0;
no_memory:
	free(start);
	return error_set(error, "out of memory for kernel symbols");
}

static int build_hash(struct kallsyms *k, struct error *error)
{
	uint32_t slots = hash_slots(k->nr);

	k->hash = malloc(slots * sizeof(*k->hash));
	if (!k->hash)
		return error_set(error, "out of memory for kernel symbols");
	for (uint32_t i = 0; i < slots; i++)
		k->hash[i] = NO_SYMBOL;
	for (uint32_t i = k->nr; i-- > 0;) {
		uint32_t slot = hash_name(k->syms[i].name) & (slots - 1);

		k->syms[i].next = k->hash[slot];
		k->hash[slot] = i;
	}
	return 0;
}

enum layout { SIGNED_OFFSETS, UNSIGNED_OFFSETS, PREL32_OFFSETS };

static uint64_t decode_address(const struct table *t, enum layout layout,
			       uint32_t offsets, uint64_t base, uint32_t i)
{
	uint32_t raw = get32(t->area.data + offsets + 4 * i);
	int32_t value = (int32_t)raw;

	switch (layout) {
	case SIGNED_OFFSETS:
		/* CONFIG_KALLSYMS_ABSOLUTE_PERCPU */
		return value >= 0 ? (uint64_t)value : base - 1 - value;
	case UNSIGNED_OFFSETS:
		return base + raw;
	case PREL32_OFFSETS:
		return t->vaddr + offsets + 4ull * i + (int64_t)value;
	}
	return 0;
}

/*
 * Take one reading of the offsets and see that it makes sense: kernel
 * addresses ascend, and _text is where the first segment begins.
 */
static bool try_layout(const struct table *t, const struct elf *vmlinux,
		       enum layout layout, uint64_t offsets, uint64_t base,
		       struct kallsyms *k)
{
	uint64_t last = 0, lowest = UINT64_MAX, highest = 0;
	const struct ksym *text;
	unsigned int count;

	if (offsets % t->align || !bytes_at(t->area, offsets, 4ull * t->nr))
		return false;
	for (unsigned int i = 0; i < vmlinux->nr_segments; i++) {
		const struct elf_segment *s = &vmlinux->segments[i];

		if (s->type != PT_LOAD || s->vaddr < KERNEL_HALF)
			continue;
		if (s->vaddr < lowest)
			lowest = s->vaddr;
		if (s->vaddr + s->memsz > highest)
			highest = s->vaddr + s->memsz;
	}
	for (uint32_t i = 0; i < t->nr; i++) {
		uint64_t addr = decode_address(t, layout, offsets, base, i);

		if (addr < KERNEL_HALF) {
			/* Zero-based per-CPU symbols and small constants. */
			if (addr >= KERNEL_HALF / 2 || layout == PREL32_OFFSETS)
				return false;
		} else if (addr < last) {
			return false;
		} else {
			last = addr;
		}
		k->syms[i].addr = addr;
	}
	text = kallsyms_find(k, "_text", &count);
	return text && count == 1 && text->addr == lowest &&
	       last <= highest + BEHIND_MAX;
}

static bool find_addresses(const struct table *t, const struct elf *vmlinux,
			   struct kallsyms *k)
{
	uint64_t after = align_to(t->token_index + 2 * TOKENS, t->align);
	uint64_t base_at = align_to(after + 4ull * t->nr, 8);
	uint64_t size = align_to(4ull * t->nr, 8);
	const uint8_t *p = bytes_at(t->area, base_at, 8);

	if (p && (try_layout(t, vmlinux, SIGNED_OFFSETS, after, get64(p), k) ||
		  try_layout(t, vmlinux, UNSIGNED_OFFSETS, after, get64(p),
			     k))) {
		k->layout = "6.4 and later";
		return true;
	}
	if (try_layout(t, vmlinux, PREL32_OFFSETS, after, 0, k)) {
		k->layout = "7.x (place-relative)";
		return true;
	}
	if (t->num_at < 8 + size)
		return false;
	p = t->area.data + t->num_at - 8;
	if (try_layout(t, vmlinux, SIGNED_OFFSETS, t->num_at - 8 - size,
		       get64(p), k) ||
	    try_layout(t, vmlinux, UNSIGNED_OFFSETS, t->num_at - 8 - size,
		       get64(p), k)) {
		k->layout = "before 6.4";
		return true;
	}
	return false;
}

/* 1 = decoded, 0 = not here, -1 = error. */
static int search_segment(const struct elf *vmlinux,
			  const struct elf_segment *s, unsigned int align,
			  struct kallsyms *out, struct error *error)
{
	struct table t = { .area = s->data, .vaddr = s->vaddr,
			   .align = align };

	if (s->data.size < 2 * TOKENS || s->data.size > UINT32_MAX / 2)
		return 0;
	for (uint32_t at = 0; at <= s->data.size - 2 * TOKENS; at += align) {
		if (!looks_like_index(s->data.data + at))
			continue;
		t.token_index = at;
		if (!find_tokens(&t) || !find_names(&t))
			continue;
		if (expand_all(&t, out, error) || build_hash(out, error)) {
			kallsyms_free(out);
			return -1;
		}
		if (find_addresses(&t, vmlinux, out))
			return 1;
		kallsyms_free(out);
	}
	return 0;
}

int kallsyms_decode(const struct elf *vmlinux, struct kallsyms *out,
		    struct error *error)
{
	memset(out, 0, sizeof(*out));
	for (unsigned int align = 8; align >= 4; align /= 2) {
		for (unsigned int i = 0; i < vmlinux->nr_segments; i++) {
			const struct elf_segment *s = &vmlinux->segments[i];
			int ret;

			if (s->type != PT_LOAD || s->vaddr < KERNEL_HALF)
				continue;
			ret = search_segment(vmlinux, s, align, out, error);
			if (ret)
				return ret < 0 ? -1 : 0;
		}
	}
	return error_set(error,
			 "%s: no kernel symbol table (CONFIG_KALLSYMS) of a "
			 "known layout", vmlinux->name);
}

void kallsyms_free(struct kallsyms *k)
{
	free(k->syms);
	free(k->strings);
	free(k->hash);
	memset(k, 0, sizeof(*k));
}

const struct ksym *kallsyms_find(const struct kallsyms *k, const char *name,
				 unsigned int *count)
{
	uint32_t i = k->hash[hash_name(name) & (hash_slots(k->nr) - 1)];
	const struct ksym *found = NULL;

	if (count)
		*count = 0;
	for (; i != NO_SYMBOL; i = k->syms[i].next) {
		if (strcmp(k->syms[i].name, name))
			continue;
		if (found && found->addr == k->syms[i].addr)
			continue;
		if (count)
			*count += 1;
		if (!found)
			found = &k->syms[i];
	}
	return found;
}

int kallsyms_unique(const struct kallsyms *k, const char *name,
		    uint64_t *addr, struct error *error)
{
	unsigned int count;
	const struct ksym *sym = kallsyms_find(k, name, &count);

	if (!sym)
		return error_set(error, "the kernel has no symbol %s", name);
	if (count > 1)
		return error_set(error,
				 "the kernel has %u symbols called %s, one is "
				 "expected", count, name);
	*addr = sym->addr;
	return 0;
}

long kallsyms_at(const struct kallsyms *k, uint64_t addr)
{
	long low = -1, high = k->nr;

	while (high - low > 1) {
		long mid = low + (high - low) / 2;

		if (k->syms[mid].addr <= addr)
			low = mid;
		else
			high = mid;
	}
	return low;
}
