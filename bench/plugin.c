// SPDX-License-Identifier: GPL-2.0
/*
 * count.so: a QEMU TCG plugin that counts executed instructions, all of the
 * machine's, by address, between marks.
 *
 *   -plugin count.so,out=FILE[,from=ADDRESS][,cpus=N][,mark=NAME:HEXBYTES]...
 *
 * A mark is a place in the code, known by its first bytes, wherever it is in
 * memory: the entry of a kernel, or the marker instruction of bench/mark.h.
 * Whenever one is executed, FILE gets "mark NAME TOTAL", TOTAL instructions
 * since the start of the machine.  A mark whose name begins with "begin" clears
 * the counts by address, one with "end" writes them, as "at ADDRESS COUNT"
 * (virtual; the same address in two address spaces is one), and stops that
 * until the next begin.
 *
 * With from=, instructions below that address are not counted, and cost nothing.
 *
 * One virtual CPU only: counters are not atomic.  With cpus= there may be N of
 * them: nothing is counted by address, and TOTAL is followed by the instructions
 * of each.  It must know nothing of what it measures.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin_api.h"

#define MARKS 8
#define MARK_BYTES 32
#define SLOTS (1u << 23)	/* instructions at different addresses */
#define CPUS_MAX 8

struct mark {
	char name[32];
	uint8_t bytes[MARK_BYTES];
	size_t size;
};

struct slot {
	uint64_t address;
	uint64_t count;
};

int qemu_plugin_version = PLUGIN_API_VERSION;

static struct mark marks[MARKS];
static unsigned int marks_nr;
static uint64_t total, from;
static bool counting;
static struct slot *slots;
static uint64_t overflow;
static unsigned int slots_used;
static FILE *out;
/* Each written by its own CPU's thread only. */
static struct {
	uint64_t instructions;
} __attribute__((aligned(64))) cpus[CPUS_MAX];
static unsigned long cpus_nr;

/* The counter of an address; one common counter when there are too many. */
static uint64_t *counter(uint64_t address)
{
	uint64_t at = (address * 0x9e3779b97f4a7c15ull) >> 41;

	while (slots[at].address && slots[at].address != address)
		at = (at + 1) % SLOTS;
	if (!slots[at].address) {
		if (slots_used == SLOTS / 4 * 3)
			return &overflow;
		slots_used++;
		slots[at].address = address;
	}
	return &slots[at].count;
}

static void mark_of_cpus(const struct mark *mark)
{
	char line[32 * CPUS_MAX] = "";
	uint64_t sum = 0;

	for (unsigned long i = 0; i < cpus_nr; i++) {
		sum += cpus[i].instructions;
		sprintf(line + strlen(line), " %" PRIu64, cpus[i].instructions);
	}
	fprintf(out, "mark %s %" PRIu64 "%s\n", mark->name, sum, line);
	fflush(out);
}

static void block_runs(unsigned int cpu, void *instructions)
{
	if (cpu < cpus_nr)
		cpus[cpu].instructions += (uintptr_t)instructions;
}

static void reached(unsigned int cpu, void *data)
{
	struct mark *mark = data;

	(void)cpu;
	if (cpus_nr) {
		mark_of_cpus(mark);
		return;
	}
	fprintf(out, "mark %s %" PRIu64 "\n", mark->name, total);
	if (!strncmp(mark->name, "begin", 5)) {
		counting = true;
		for (size_t i = 0; i < SLOTS; i++)
			slots[i].count = 0;
		overflow = 0;
	} else if (counting && !strncmp(mark->name, "end", 3)) {
		counting = false;
		for (size_t i = 0; i < SLOTS; i++)
			if (slots[i].count)
				fprintf(out, "at %" PRIx64 " %" PRIu64 "\n",
					slots[i].address, slots[i].count);
		if (overflow)
			fprintf(out, "at 0 %" PRIu64 "\n", overflow);
	}
	fflush(out);
}

/* Whether the instructions of a block from `at` on begin with the mark. */
static bool is_mark(const struct mark *mark, const struct qemu_plugin_tb *tb,
		    size_t at, size_t nr)
{
	size_t have = 0;

	for (; have < mark->size && at < nr; at++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, at);
		size_t size = qemu_plugin_insn_size(insn);

		if (size > mark->size - have)
			size = mark->size - have;
		if (memcmp(mark->bytes + have, qemu_plugin_insn_data(insn),
			   size))
			return false;
		have += size;
	}
	return have == mark->size;
}

static void translated(uint64_t id, struct qemu_plugin_tb *tb)
{
	size_t nr = qemu_plugin_tb_n_insns(tb);

	(void)id;
	if (cpus_nr)
		qemu_plugin_register_vcpu_tb_exec_cb(
			tb, block_runs, PLUGIN_CB_NO_REGS, (void *)nr);
	for (size_t i = 0; i < nr; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		for (unsigned int m = 0; m < marks_nr; m++)
			if (is_mark(&marks[m], tb, i, nr))
				qemu_plugin_register_vcpu_insn_exec_cb(
					insn, reached, PLUGIN_CB_NO_REGS,
					&marks[m]);
		if (cpus_nr || qemu_plugin_insn_vaddr(insn) < from)
			continue;
		qemu_plugin_register_vcpu_insn_exec_inline(
			insn, PLUGIN_INLINE_ADD_U64, &total, 1);
		qemu_plugin_register_vcpu_insn_exec_inline(
			insn, PLUGIN_INLINE_ADD_U64,
			counter(qemu_plugin_insn_vaddr(insn)), 1);
	}
}

static void at_exit(uint64_t id, void *data)
{
	(void)id;
	(void)data;
	if (!cpus_nr)
		fprintf(out, "total %" PRIu64 "\n", total);
	fclose(out);
}

static bool add_mark(const char *text)
{
	struct mark *mark = &marks[marks_nr];
	const char *hex = strchr(text, ':');
	unsigned int byte;

	if (marks_nr == MARKS || !hex ||
	    (size_t)(hex - text) >= sizeof(mark->name))
		return false;
	memcpy(mark->name, text, (size_t)(hex - text));
	for (hex++; *hex; hex += 2) {
		if (mark->size == MARK_BYTES || sscanf(hex, "%2x", &byte) != 1 ||
		    !hex[1])
			return false;
		mark->bytes[mark->size++] = (uint8_t)byte;
	}
	marks_nr++;
	return mark->size > 0;
}

int qemu_plugin_install(uint64_t id, const struct qemu_info_t *info, int argc,
			char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		bool good = false;

		if (!strncmp(argv[i], "out=", 4)) {
			out = fopen(argv[i] + 4, "w");
			good = out;
		} else if (!strncmp(argv[i], "from=", 5)) {
			from = strtoull(argv[i] + 5, NULL, 0);
			good = true;
		} else if (!strncmp(argv[i], "cpus=", 5)) {
			cpus_nr = strtoul(argv[i] + 5, NULL, 0);
			good = cpus_nr > 0 && cpus_nr <= CPUS_MAX;
		} else if (!strncmp(argv[i], "mark=", 5)) {
			good = add_mark(argv[i] + 5);
		}
		if (!good) {
			fprintf(stderr, "count.so: %s: cannot use that\n",
				argv[i]);
			return -1;
		}
	}
	slots = calloc(SLOTS, sizeof(*slots));
	if (!out || !slots) {
		fprintf(stderr, "count.so: out=FILE is missing, or memory\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, at_exit, NULL);
	return 0;
}
