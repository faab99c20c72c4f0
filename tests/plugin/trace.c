// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU TCG plugin: which instructions that touch a machine's devices or
 * state are executed while a coLinux guest has the CPU.
 *
 * Host and guest are told apart by the guest's copy of the passage: its first
 * instruction ends the guest's turn, the last one of its way in begins it.
 * Every such instruction is written down once, when it is executed for the
 * first time, as "KIND ADDRESS"; WRMSR as "WRMSR ADDRESS MSR" for every MSR;
 * accesses to device memory as "MMIO ADDRESS DEVICE".
 *
 * Arguments: out=FILE, in=ADDRESS (repeatable), off=ADDRESS.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "qemu.h"

#define MAX_CPUS	64
#define MAX_IN		4
#define RCX		2	/* gdb's number */
#define PAGE		4096
#define SEEN_BITS	16

/* Not translated yet at the address it follows: look when it runs. */
struct site {
	const char *kind;
	uint64_t address, next;
	int msr;
	struct site *link;
};

struct cpu {
	int in_guest;
	const struct site *msr;	/* the last WRMSR, not looked at yet */
} __attribute__((aligned(64)));

__attribute__((visibility("default"))) int qemu_plugin_version =
	QEMU_PLUGIN_VERSION;

static struct cpu cpus[MAX_CPUS];
static uint64_t way_in[MAX_IN], way_out;
static unsigned int nr_in;
static FILE *out;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct site *sites[1 << 10];	/* by the address behind them */
static uint64_t seen[1 << SEEN_BITS];	/* hashes of lines written */
static uint64_t turns;

static uint64_t hash(uint64_t a, uint64_t b)
{
	uint64_t h = (a ^ b * 0x9e3779b97f4a7c15) * 0xff51afd7ed558ccd;

	return (h ^ h >> 33) | 1;
}

/* True the first time. Lock held. */
static bool first(uint64_t key)
{
	uint64_t i = key >> (64 - SEEN_BITS);

	for (unsigned int n = 0; n < 1 << SEEN_BITS; n++) {
		if (seen[i] == key)
			return false;
		if (!seen[i]) {
			seen[i] = key;
			return true;
		}
		i = (i + 1) & ((1 << SEEN_BITS) - 1);
	}
	return false;
}

static void turn_begins(unsigned int cpu, void *data)
{
	uint64_t n;

	(void)data;
	cpus[cpu].in_guest = 1;
	n = __atomic_add_fetch(&turns, 1, __ATOMIC_RELAXED);
	if (!(n & (n - 1))) {		/* a sign of life */
		pthread_mutex_lock(&lock);
		fprintf(out, "TURNS %" PRIu64 "\n", n);
		fflush(out);
		pthread_mutex_unlock(&lock);
	}
}

static void turn_ends(unsigned int cpu, void *data)
{
	(void)data;
	cpus[cpu].in_guest = 0;
}

static void executed(unsigned int cpu, void *data)
{
	const struct site *s = data;

	if (!cpus[cpu].in_guest)
		return;
	if (s->msr) {
		cpus[cpu].msr = s;	/* RCX is known at the next block */
		return;
	}
	pthread_mutex_lock(&lock);
	if (first(hash(s->address, (uint64_t)(uintptr_t)s->kind))) {
		fprintf(out, "%s %" PRIx64 "\n", s->kind, s->address);
		fflush(out);
	}
	pthread_mutex_unlock(&lock);
}

static uint32_t read_rcx(unsigned int cpu)
{
	static struct byte_array *bytes;
	uint32_t value = 0;

	if (!bytes)
		bytes = g_byte_array_new();
	g_byte_array_set_size(bytes, 0);
	if (x86_cpu_gdb_read_register(qemu_get_cpu((int)cpu), bytes, RCX) >= 4)
		memcpy(&value, bytes->data, sizeof(value));
	return value;
}

/* The block behind a WRMSR, which ends one: RCX is unchanged. */
static void behind_msr(unsigned int cpu, void *data)
{
	const struct site *s = cpus[cpu].msr;
	uint32_t rcx;

	if (!cpus[cpu].in_guest || !s ||
	    s->next != (uint64_t)(uintptr_t)data)
		return;
	cpus[cpu].msr = NULL;
	pthread_mutex_lock(&lock);
	rcx = read_rcx(cpu);
	if (first(hash(s->address, rcx + 1))) {
		fprintf(out, "%s %" PRIx64 " %x\n", s->kind, s->address, rcx);
		fflush(out);
	}
	pthread_mutex_unlock(&lock);
}

static void memory(unsigned int cpu, qemu_plugin_meminfo_t info, uint64_t va,
		   void *data)
{
	struct qemu_plugin_hwaddr *hw;
	const char *device;
	uint64_t at = (uint64_t)(uintptr_t)data;

	if (!cpus[cpu].in_guest)
		return;
	hw = qemu_plugin_get_hwaddr(info, va);
	if (!hw || !qemu_plugin_hwaddr_is_io(hw))
		return;
	device = qemu_plugin_hwaddr_device_name(hw);
	pthread_mutex_lock(&lock);
	if (first(hash(at, va / PAGE + 7))) {
		fprintf(out, "MMIO %" PRIx64 " %s at %" PRIx64 "\n", at,
			device ? device : "?", va);
		fflush(out);
	}
	pthread_mutex_unlock(&lock);
}

/* Names of the instructions that we look for (SDM vol. 2); NULL = another. */
static const char *kind_of(const uint8_t *code, size_t size)
{
	unsigned int rex = 0, repeat = 0, modrm;
	size_t i = 0;

	for (; i < size; i++) {
		if (code[i] == 0xf3)
			repeat = 1;
		else if (code[i] != 0x66 && code[i] != 0xf2 &&
			 code[i] != 0xf0 && code[i] != 0x2e &&
			 code[i] != 0x36 && code[i] != 0x3e &&
			 code[i] != 0x26 && (code[i] & 0xfe) != 0x64)
			break;
	}
	if (i < size && (code[i] & 0xf0) == 0x40)
		rex = code[i++];
	if (i >= size)
		return NULL;
	switch (code[i]) {
	case 0xe4: case 0xe5: case 0xec: case 0xed:
		return "IN";
	case 0xe6: case 0xe7: case 0xee: case 0xef:
		return "OUT";
	case 0x6c: case 0x6d:
		return "INS";
	case 0x6e: case 0x6f:
		return "OUTS";
	case 0xf4:
		return "HLT";
	case 0x0f:
		break;
	default:
		return NULL;
	}
	if (i + 1 >= size)
		return NULL;
	modrm = i + 2 < size ? code[i + 2] : 0;
	switch (code[i + 1]) {
	case 0x00:
		return (modrm >> 3 & 7) == 3 ? "LTR" :
		       (modrm >> 3 & 7) == 2 ? "LLDT" : NULL;
	case 0x01:
		if (modrm < 0xc0)
			return (modrm >> 3 & 7) == 2 ? "LGDT" :
			       (modrm >> 3 & 7) == 3 ? "LIDT" :
			       (modrm >> 3 & 7) == 6 ? "LMSW" : NULL;
		if (modrm >= 0xc1 && modrm <= 0xc4)
			return "VMX";
		if (modrm == 0xc8 || modrm == 0xc9)
			return "MWAIT";
		if (modrm == 0xd1)
			return "XSETBV";
		if (modrm >= 0xd8 && modrm <= 0xdf)
			return "SVM";
		return modrm >= 0xf0 && modrm < 0xf8 ? "LMSW" : NULL;
	case 0x06:
		return "CLTS";
	case 0x08:
		return "INVD";
	case 0x09:
		return repeat ? "WBNOINVD" : "WBINVD";
	case 0x22:
		if (rex & 4)
			return "MOV-TO-CR8";
		return (modrm >> 3 & 7) == 0 ? "MOV-TO-CR0" :
		       (modrm >> 3 & 7) == 3 ? "MOV-TO-CR3" : "MOV-TO-CR4";
	case 0x23:
		return "MOV-TO-DR";
	case 0x30:
		return "WRMSR";
	case 0x32:
		return "RDMSR";
	case 0x33:
		return "RDPMC";
	case 0xa2:
		return "CPUID";
	case 0xaa:
		return "RSM";
	default:
		return NULL;
	}
}

static struct site **bucket(uint64_t next)
{
	return &sites[(next ^ next >> 10) & 1023];
}

/* The record of an instruction; one for each place and kind, for ever. */
static struct site *site_at(uint64_t address, size_t size, const char *kind)
{
	struct site **head = bucket(address + size), *s;

	pthread_mutex_lock(&lock);
	for (s = *head; s; s = s->link)
		if (s->address == address && s->kind == kind)
			break;
	if (!s) {
		s = calloc(1, sizeof(*s));
		if (!s)
			abort();
		s->address = address;
		s->next = address + size;
		s->kind = kind;
		s->msr = !strcmp(kind, "WRMSR");
		s->link = *head;
		*head = s;
	}
	pthread_mutex_unlock(&lock);
	return s;
}

static bool follows_msr(uint64_t address)
{
	struct site *s;

	pthread_mutex_lock(&lock);
	for (s = *bucket(address); s; s = s->link)
		if (s->next == address && s->msr)
			break;
	pthread_mutex_unlock(&lock);
	return s != NULL;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	uint64_t start = qemu_plugin_tb_vaddr(tb);

	(void)id;
	if (follows_msr(start))
		qemu_plugin_register_vcpu_tb_exec_cb(tb, behind_msr,
						     QEMU_PLUGIN_CB_R_REGS,
						     (void *)(uintptr_t)start);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
		uint64_t va = qemu_plugin_insn_vaddr(insn);
		size_t size = qemu_plugin_insn_size(insn);
		const char *kind = kind_of(qemu_plugin_insn_data(insn), size);

		if (va == way_out)
			qemu_plugin_register_vcpu_insn_exec_cb(
				insn, turn_ends, QEMU_PLUGIN_CB_NO_REGS, NULL);
		for (unsigned int w = 0; w < nr_in; w++)
			if (va == way_in[w])
				qemu_plugin_register_vcpu_insn_exec_cb(
					insn, turn_begins,
					QEMU_PLUGIN_CB_NO_REGS, NULL);
		if (kind)
			qemu_plugin_register_vcpu_insn_exec_cb(
				insn, executed, QEMU_PLUGIN_CB_NO_REGS,
				site_at(va, size, kind));
		qemu_plugin_register_vcpu_mem_cb(insn, memory,
						 QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_RW,
						 (void *)(uintptr_t)va);
	}
}

__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc,
		    char **argv)
{
	(void)info;
	for (int i = 0; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (!value++)
			return -1;
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(value, "w");
		else if (!strncmp(argv[i], "in=", 3) && nr_in < MAX_IN)
			way_in[nr_in++] = strtoull(value, NULL, 0);
		else if (!strncmp(argv[i], "off=", 4))
			way_out = strtoull(value, NULL, 0);
		else
			return -1;
	}
	if (!out || !nr_in || !way_out)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return 0;
}
