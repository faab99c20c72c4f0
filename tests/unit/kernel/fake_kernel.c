// SPDX-License-Identifier: GPL-2.0
/* Building a small kernel image: see fake_kernel.h. */
#include <stdio.h>
#include <stdlib.h>

#include "../virtio/tap.h"
#include "fake_btf.h"
#include "fake_kernel.h"

#define TEXT_SIZE 0x40000	/* code, kallsyms, BTF, notes */
#define DATA_FILE 0x2000
#define DATA_MEMORY 0x5000
#define FILE_TEXT 0x1000
#define FILE_DATA (FILE_TEXT + TEXT_SIZE)
#define FILLERS 1200
#define SYMBOLS_MAX 2048
#define TOKEN_FILLER 200

struct builder {
	const struct fake_options *options;
	uint8_t *text, *data;
	uint32_t code;		/* end of the code so far */
	struct fake_symbol *symbols;
	unsigned int nr;
};

static void add_symbol(struct builder *b, const char *name, uint64_t addr,
		       char type)
{
	struct fake_symbol *s = &b->symbols[b->nr++];

	if (b->nr > SYMBOLS_MAX)
		die("too many symbols");
	s->addr = addr;
	s->type = type;
	snprintf(s->name, sizeof(s->name), "%s", name);
}

/* Append a function; the gap to the next is int3. */
static uint64_t add_code(struct builder *b, const char *name,
			 const void *bytes, uint32_t length)
{
	uint64_t addr;

	b->code = round_up(b->code, 16);
	addr = FAKE_TEXT + b->code;
	memcpy(b->text + b->code, bytes, length);
	b->code += length;
	add_symbol(b, name, addr, 'T');
	return addr;
}

static void put_branch(uint8_t *p, uint8_t opcode, uint64_t from, uint64_t to)
{
	p[0] = opcode;
	put32(p + 1, (uint32_t)(to - (from + 5)));
}

static void add_stubs(struct builder *b, uint64_t spurious)
{
	unsigned int stride = b->options->ibt ? 16 : 8;
	uint8_t stubs[20 * 16];
	uint64_t addr = FAKE_TEXT + round_up(b->code, 16);

	/* Before 5.17 nops between them. */
	memset(stubs, b->options->layout == FAKE_OLD && !b->options->ibt ?
	       0x90 : 0xcc, sizeof(stubs));
	for (unsigned int i = 0; i < 20; i++) {
		uint8_t *p = stubs + i * stride;

		if (b->options->ibt) {
			memcpy(p, "\xf3\x0f\x1e\xfa", 4);
			p += 4;
		}
		p[0] = 0x6a;
		p[1] = 0xec + i;
		put_branch(p + 2, 0xe9, addr + (p + 2 - stubs), spurious);
	}
	if (b->options->bad_stub)
		stubs[7 * stride + 7] ^= 1;
	add_code(b, "spurious_entries_start", stubs, 20 * stride);
}

static void build_code(struct builder *b)
{
	uint8_t code[32];
	uint64_t fentry, spurious, at;
	char name[32];

	memset(b->text, 0xcc, 0x8000);
	add_symbol(b, "_text", FAKE_TEXT, 'T');
	memset(code, 0x90, sizeof(code));
	add_code(b, "startup_64", code, 16);
	fentry = add_code(b, "__fentry__", "\xc3", 1);
	spurious = add_code(b, "asm_spurious_interrupt", code, 16);
	add_code(b, "asm_common_interrupt", code, 16);
	add_stubs(b, spurious);
	/* push %rbp; mov %rsp,%rbp; pause; mov $0x90f3,%eax; pop; ret */
	add_code(b, "native_queued_spin_lock_slowpath",
		 "\x55\x48\x89\xe5\xf3\x90\xb8\xf3\x90\0\0\x5d\xc3", 13);
	add_code(b, "delay_tsc", "\xf3\x90\xc3", 3);
	add_symbol(b, "__entry_text_start", FAKE_TEXT + round_up(b->code, 16),
		   'T');
	add_code(b, "entry_code", "\xf3\x90\xc3", 3);
	b->code = round_up(b->code, 16);
	add_symbol(b, "__entry_text_end", FAKE_TEXT + b->code, 'T');
	/* push %rbp; mov %rsp,%rbp; sub $16,%rsp; leave; ret */
	add_code(b, "plain_function",
		 "\x55\x48\x89\xe5\x48\x83\xec\x10\xc9\xc3\x90\x90\x90\x90"
		 "\x90\x90", 16);
	/* The same behind endbr64 and ftrace's call. */
	memcpy(code, "\xf3\x0f\x1e\xfa", 4);
	at = FAKE_TEXT + round_up(b->code, 16);
	put_branch(code + 4, 0xe8, at + 4, fentry);
	memcpy(code + 9, "\x55\x48\x89\xe5\x48\x83\xec\x10\xc9\xc3", 10);
	add_code(b, "traced_function", code, 19);
	/* Begins with a call of something else. */
	at = FAKE_TEXT + round_up(b->code, 16);
	memset(code, 0x90, sizeof(code));
	put_branch(code, 0xe8, at, spurious);
	add_code(b, "calling_function", code, 16);
	/* Jumps back to its second instruction: xor; dec; jne -4; ret. */
	add_code(b, "looping_function",
		 "\x31\xc0\x83\xe9\x01\x75\xfb\xc3\x90\x90\x90\x90\x90\x90"
		 "\x90\x90", 16);
	/* mov $0x8000,%edx; mov $0x8000,%r8d; mov $0x8001,%ecx; ret */
	add_code(b, "counting_function",
		 "\xba\0\x80\0\0\x41\xb8\0\x80\0\0\xb9\1\x80\0\0\xc3", 17);
	add_code(b, "twin", "\xc3", 1);
	add_code(b, "twin", "\xc3", 1);
	for (unsigned int i = 0; i < FILLERS; i++) {
		snprintf(name, sizeof(name), "filler_%u", i);
		add_code(b, name, "\xc3", 1);
	}
	b->code = round_up(b->code, 0x1000);
	if (b->code > 0x8000)
		die("too much code");
	add_symbol(b, "_etext", FAKE_TEXT + b->code, 'T');
}

static void build_data(struct builder *b)
{
	add_symbol(b, "level2_fixmap_pgt", FAKE_DATA, 'D');
	put64(b->data + 8 * 507, 0x1234067);
	if (b->options->busy_fixmap)
		put64(b->data + 8 * 509, 1);
	add_symbol(b, "x86_platform", FAKE_DATA + 0x1000, 'D');
	if (b->options->busy_hook)
		put64(b->data + 0x1008, FAKE_TEXT + 0x10);
	add_symbol(b, "jiffies_64", FAKE_DATA + 0x1040, 'D');
	put64(b->data + 0x1040, (uint32_t)(-300 * FAKE_HZ));
	add_symbol(b, "some_bss", FAKE_DATA + 0x3000, 'b');
	add_symbol(b, "_end", FAKE_DATA + DATA_MEMORY, 'B');
	/* Of .modinfo, which is not loaded. */
	if (b->options->layout == FAKE_PREL32)
		add_symbol(b, "__UNIQUE_ID_license_1",
			   FAKE_DATA + DATA_MEMORY + 0x100, 'd');
}

static int compare_symbols(const void *a, const void *b)
{
	const struct fake_symbol *x = a, *y = b;

	if (x->addr != y->addr)
		return x->addr < y->addr ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* kallsyms: tables of one layout at `at`; returns their end. */
struct tables {
	struct builder *b;
	uint32_t at;
	unsigned int align;
	uint32_t markers[SYMBOLS_MAX / 256 + 1];
};

static void align_tables(struct tables *t)
{
	t->at = round_up(t->at, t->align);
}

static void put_offsets(struct tables *t)
{
	struct builder *b = t->b;

	align_tables(t);
	for (unsigned int i = 0; i < b->nr; i++, t->at += 4) {
		uint64_t addr = b->symbols[i].addr, value;

		if (b->options->layout == FAKE_PREL32)
			value = addr - (FAKE_TEXT + t->at);
		else if (b->options->no_percpu)
			value = addr - FAKE_TEXT;
		else if (addr < FAKE_TEXT)
			value = addr;
		else
			value = FAKE_TEXT - 1 - addr;
		put32(b->text + t->at, (uint32_t)value);
	}
	if (b->options->layout == FAKE_PREL32)
		return;
	align_tables(t);
	put64(b->text + t->at, FAKE_TEXT);
	t->at += 8;
}

static void put_names(struct tables *t)
{
	struct builder *b = t->b;
	uint32_t start;

	align_tables(t);
	put32(b->text + t->at, b->nr);
	t->at += 4;
	align_tables(t);
	start = t->at;
	for (unsigned int i = 0; i < b->nr; i++) {
		const char *name = b->symbols[i].name;
		uint8_t *length = b->text + t->at++;

		if (i % 256 == 0)
			t->markers[i / 256] = t->at - 1 - start;
		b->text[t->at++] = b->symbols[i].type;
		while (*name) {
			if (!strncmp(name, "filler_", 7)) {
				b->text[t->at++] = TOKEN_FILLER;
				name += 7;
			} else {
				b->text[t->at++] = *name++;
			}
		}
		*length = b->text + t->at - length - 1;
	}
	align_tables(t);
	for (unsigned int i = 0; i < (b->nr + 255) / 256; i++, t->at += 4)
		put32(b->text + t->at, t->markers[i]);
}

static void put_seqs(struct tables *t)
{
	align_tables(t);
	memset(t->b->text + t->at, 0x11, 3 * t->b->nr);
	t->at += 3 * t->b->nr;
}

static void put_tokens(struct tables *t)
{
	uint8_t *text = t->b->text;
	uint32_t start, index[256];

	align_tables(t);
	start = t->at;
	for (unsigned int i = 0; i < 256; i++) {
		char token[8] = { i };

		if (i == TOKEN_FILLER)
			strcpy(token, "filler_");
		else if (i <= ' ' || i > 126)
			snprintf(token, sizeof(token), "_%u", i);
		index[i] = t->at - start;
		strcpy((char *)text + t->at, token);
		t->at += strlen(token) + 1;
	}
	align_tables(t);
	for (unsigned int i = 0; i < 256; i++, t->at += 2) {
		text[t->at] = index[i];
		text[t->at + 1] = index[i] >> 8;
	}
}

static uint32_t put_kallsyms(struct builder *b, uint32_t at)
{
	struct tables t = {
		.b = b,
		.at = at,
		.align = b->options->layout == FAKE_PREL32 ? 4 : 8,
	};
	bool old = b->options->layout == FAKE_OLD ||
		   b->options->layout == FAKE_OLD_SEQS;

	if (old)
		put_offsets(&t);
	put_names(&t);
	if (b->options->layout == FAKE_OLD_SEQS)
		put_seqs(&t);
	put_tokens(&t);
	if (!old) {
		put_offsets(&t);
		put_seqs(&t);
	}
	return t.at;
}

static void put_segment(uint8_t *p, uint32_t type, uint64_t offset,
			uint64_t vaddr, uint64_t size, uint64_t memory)
{
	put32(p, type);
	put32(p + 4, 7);
	put64(p + 8, offset);
	put64(p + 16, vaddr);
	put64(p + 24, vaddr - FAKE_TEXT + FAKE_PHYSICAL);
	put64(p + 32, size);
	put64(p + 40, memory);
	put64(p + 48, 0x200000);
}

static void put_elf_header(uint8_t *p, unsigned int segments)
{
	memcpy(p, "\177ELF\2\1\1", 7);
	p[16] = 2;	/* ET_EXEC */
	p[18] = 62;	/* EM_X86_64 */
	put32(p + 20, 1);
	put64(p + 24, FAKE_PHYSICAL + 0);
	put64(p + 32, 64);
	p[52] = 64;
	p[54] = 56;
	p[56] = segments;
	p[58] = 64;
}

void fake_kernel_build(const struct fake_options *options,
		       struct fake_kernel *out)
{
	static const uint8_t note[] = "\4\0\0\0\x14\0\0\0\3\0\0\0GNU\0"
				      "0123456789abcdefghi";
	struct builder b = { .options = options };
	static struct fake_btf btf;
	struct blob raw;
	uint32_t at;

	out->vmlinux.size = FILE_DATA + DATA_FILE;
	out->vmlinux.data = calloc(1, out->vmlinux.size);
	b.symbols = calloc(SYMBOLS_MAX, sizeof(*b.symbols));
	if (!out->vmlinux.data || !b.symbols)
		die("out of memory");
	b.text = out->vmlinux.data + FILE_TEXT;
	b.data = out->vmlinux.data + FILE_DATA;

	build_code(&b);
	build_data(&b);
	if (!options->no_percpu && options->layout != FAKE_PREL32)
		add_symbol(&b, "current_task", 0x1fb80, 'A');
	fake_btf_kernel(&btf);
	raw = fake_btf_finish(&btf);
	at = round_up(b.code, 16);
	add_symbol(&b, "__start_BTF", FAKE_TEXT + at, 'R');
	add_symbol(&b, "__stop_BTF", FAKE_TEXT + at + raw.size, 'R');
	memcpy(b.text + at, raw.data, raw.size);
	at += raw.size;
	free(raw.data);
	at = round_up(at, 16);
	memcpy(b.text + at, note, sizeof(note));
	put_segment(out->vmlinux.data + 64 + 2 * 56, 4, FILE_TEXT + at,
		    FAKE_TEXT + at, sizeof(note), sizeof(note));
	at += sizeof(note);
	qsort(b.symbols, b.nr, sizeof(*b.symbols), compare_symbols);
	at = put_kallsyms(&b, at);
	if (at > TEXT_SIZE)
		die("too many tables");

	put_elf_header(out->vmlinux.data, 3);
	put_segment(out->vmlinux.data + 64, 1, FILE_TEXT, FAKE_TEXT, TEXT_SIZE,
		    TEXT_SIZE);
	put_segment(out->vmlinux.data + 64 + 56, 1, FILE_DATA, FAKE_DATA,
		    DATA_FILE, DATA_MEMORY);
	out->symbols = b.symbols;
	out->nr = b.nr;
}

void fake_kernel_free(struct fake_kernel *kernel)
{
	free(kernel->vmlinux.data);
	free(kernel->symbols);
}

uint64_t fake_kernel_symbol(const struct fake_kernel *kernel, const char *name)
{
	for (unsigned int i = 0; i < kernel->nr; i++)
		if (!strcmp(kernel->symbols[i].name, name))
			return kernel->symbols[i].addr;
	die(name);
}
