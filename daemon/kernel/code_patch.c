// SPDX-License-Identifier: GPL-2.0
/*
 * Changes to the kernel's code and page tables: what the bytes must look like
 * before, and what they become.  Facts about the kernel that are used here
 * are named beside the checks.
 */
#include <inttypes.h>
#include <stdio.h>

#include "code_patch.h"
#include "insn.h"

#define JUMP_LENGTH 5
#define ENDBR64 "\xf3\x0f\x1e\xfa"
#define ENDBR_LENGTH 4
#define OPCODE_CALL 0xe8
#define OPCODE_JUMP 0xe9
#define OPCODE_PUSH8 0x6a
#define OPCODE_MOV_IMM 0xb8	/* + register */
#define PREFIX_REX_B 0x41
#define OPCODE_INT3 0xcc
#define OPCODE_NOP 0x90
/* Functions that are replaced are short; this bounds the reading. */
#define FUNCTION_MAX 16384
/* IDT_ALIGN: 8, or 16 with CONFIG_X86_KERNEL_IBT. */
#define STUB_MAX 16
/* System vectors are at the top: fewer than 64 of them in all versions. */
#define VECTOR_MIN 0xc0

/* x86 page table bits (SDM 4.5). */
#define PRESENT (1ull << 0)
#define WRITABLE (1ull << 1)
#define ACCESSED (1ull << 5)
#define DIRTY (1ull << 6)
#define LARGE (1ull << 7)
#define NO_EXECUTE (1ull << 63)

/* The five bytes of a jump; false when the target is out of reach. */
static bool encode_jump(uint64_t from, uint64_t target, uint8_t *out)
{
	int64_t distance = (int64_t)(target - (from + JUMP_LENGTH));

	if (distance != (int32_t)distance)
		return false;
	out[0] = OPCODE_JUMP;
	put32(out + 1, (uint32_t)distance);
	return true;
}

/* Target of the call or jump with a 32-bit distance at p. */
static uint64_t branch_target(const uint8_t *p, uint64_t addr)
{
	return addr + JUMP_LENGTH + (int64_t)(int32_t)get32(p + 1);
}

static uint64_t function_length(const struct kallsyms *syms, uint64_t addr)
{
	long i = kallsyms_at(syms, addr);

	if (i < 0 || i + 1 >= (long)syms->nr)
		return 0;
	return syms->syms[i + 1].addr - addr;
}

/*
 * May the bytes at `at` be overwritten?  The kernel patches its own code at
 * boot and later; it must find what it expects.  So only instructions that it
 * never patches may go, and nothing may jump into the middle of ours.
 */
static bool can_overwrite(struct bytes code, uint64_t addr, size_t at)
{
	struct insn insn;

	for (size_t i = at; i < at + JUMP_LENGTH; i += insn.length) {
		struct bytes rest;

		if (!bytes_slice(code, i, code.size - i, &rest) ||
		    !insn_decode(rest, addr + i, &insn) || !insn.plain)
			return false;
	}
	for (size_t i = 0; i < code.size;) {
		struct bytes rest = { code.data + i, code.size - i };

		if (!insn_decode(rest, addr + i, &insn)) {
			i++;
			continue;
		}
		if (insn.branches && insn.target > addr + at &&
		    insn.target < addr + at + JUMP_LENGTH)
			return false;
		i += insn.length;
	}
	return true;
}

int code_patch_jump(const struct guest_image *image, const char *function,
		    uint64_t target, struct patch_list *patches,
		    struct error *error)
{
	uint8_t bytes[FUNCTION_MAX], jump[JUMP_LENGTH];
	uint64_t addr, length, fentry;
	struct bytes code;
	size_t at = 0;

	if (kallsyms_unique(&image->syms, function, &addr, error))
		return -1;
	length = function_length(&image->syms, addr);
	if (length < 16 || length > FUNCTION_MAX ||
	    !image_read(image, addr, bytes, length))
		return error_set(error, "function %s has a length of %" PRIu64
				 " bytes and cannot be replaced", function,
				 length);
	code = (struct bytes){ bytes, length };
	if (!memcmp(bytes, ENDBR64, ENDBR_LENGTH))
		at = ENDBR_LENGTH;
	/* ftrace rewrites its call at boot: leave it in place. */
	if (bytes[at] == OPCODE_CALL) {
		if (kallsyms_unique(&image->syms, "__fentry__", &fentry,
				    error))
			return -1;
		if (branch_target(bytes + at, addr + at) == fentry)
			at += JUMP_LENGTH;
	}
	if (!can_overwrite(code, addr, at))
		return error_set(error,
				 "function %s does not begin with code that "
				 "can be replaced (%02x %02x %02x %02x %02x)",
				 function, bytes[at], bytes[at + 1],
				 bytes[at + 2], bytes[at + 3], bytes[at + 4]);
	if (!encode_jump(addr + at, target, jump))
		return error_set(error, "function %s is out of reach",
				 function);
	return patch_add(patches, addr + at, jump, JUMP_LENGTH, error);
}

int code_patch_immediate(const struct guest_image *image, const char *function,
			 uint32_t old, uint32_t new,
			 struct patch_list *patches, struct error *error)
{
	uint8_t bytes[FUNCTION_MAX];
	uint64_t addr, length;
	unsigned int found = 0;
	struct insn insn;

	if (kallsyms_unique(&image->syms, function, &addr, error))
		return -1;
	length = function_length(&image->syms, addr);
	if (length > FUNCTION_MAX || !image_read(image, addr, bytes, length))
		return error_set(error, "function %s has a length of %" PRIu64
				 " bytes and cannot be changed", function,
				 length);
	for (uint64_t i = 0; i < length; i += insn.length) {
		struct bytes rest = { bytes + i, length - i };
		uint8_t number[4];
		unsigned int at;

		if (!insn_decode(rest, addr + i, &insn))
			break;
		/* mov $imm32, %r32: [41] b8+r imm32 */
		at = bytes[i] == PREFIX_REX_B;
		if (insn.length != at + 5 ||
		    (bytes[i + at] & 0xf8) != OPCODE_MOV_IMM ||
		    get32(bytes + i + at + 1) != old)
			continue;
		put32(number, new);
		if (patch_add(patches, addr + i + at + 1, number,
			      sizeof(number), error))
			return -1;
		found++;
	}
	if (!found)
		return error_set(error, "function %s does not move 0x%x into a "
				 "register", function, old);
	return 0;
}

/*
 * One stub; returns where its jump is in it, or -1 when it is different.
 * idtentry.h: [endbr64] .byte 0x6a, vector; jmp asm_...; padding: int3, and
 * before 5.17 nop.
 */
static int check_stub(const uint8_t *stub, unsigned int stride, uint64_t addr,
		      unsigned int vector, uint64_t old)
{
	unsigned int at = 0;

	if (stride == STUB_MAX) {
		if (memcmp(stub, ENDBR64, ENDBR_LENGTH))
			return -1;
		at = ENDBR_LENGTH;
	}
	if (stub[at] != OPCODE_PUSH8 || stub[at + 1] != vector)
		return -1;
	at += 2;
	if (stub[at] != OPCODE_JUMP ||
	    branch_target(stub + at, addr + at) != old)
		return -1;
	for (unsigned int i = at + JUMP_LENGTH; i < stride; i++)
		if (stub[i] != OPCODE_INT3 && stub[i] != OPCODE_NOP)
			return -1;
	return at;
}

int code_patch_stubs(const struct guest_image *image, const char *array,
		     const char *old, const char *new,
		     struct patch_list *patches, struct error *error)
{
	uint8_t stub[STUB_MAX], jump[JUMP_LENGTH];
	unsigned int stride, vector;
	uint64_t addr, from, to;

	if (kallsyms_unique(&image->syms, array, &addr, error) ||
	    kallsyms_unique(&image->syms, old, &from, error) ||
	    kallsyms_unique(&image->syms, new, &to, error))
		return -1;
	if (!image_read(image, addr, stub, STUB_MAX))
		return error_set(error, "%s is not in the kernel image",
				 array);
	stride = memcmp(stub, ENDBR64, ENDBR_LENGTH) ? STUB_MAX / 2 : STUB_MAX;
	/* FIRST_SYSTEM_VECTOR differs; the first stub says what it is. */
	vector = stub[stride == STUB_MAX ? ENDBR_LENGTH + 1 : 1];
	if (vector < VECTOR_MIN)
		return error_set(error, "%s begins with vector 0x%02x, 0x%02x "
				 "or more is expected", array, vector,
				 VECTOR_MIN);
	for (; vector < 256; vector++, addr += stride) {
		int at = -1;

		if (image_read(image, addr, stub, stride))
			at = check_stub(stub, stride, addr, vector, from);
		if (at < 0)
			return error_set(error,
					 "%s: the stub of vector 0x%02x is not "
					 "push 0x%02x; jmp %s (%02x %02x %02x "
					 "%02x)", array, vector, vector, old,
					 stub[0], stub[1], stub[2], stub[3]);
		if (!encode_jump(addr + at, to, jump))
			return error_set(error, "%s is out of reach", new);
		if (patch_add(patches, addr + at, jump, JUMP_LENGTH, error))
			return -1;
	}
	return 0;
}

/*
 * No _PAGE_GLOBAL: with KPTI, what is global can be seen from user mode, and
 * these pages are used in the kernel's page tables only.  Text is not
 * writable, data not executable: the kernel's W+X check looks at both.
 */
int code_patch_fixmap(const struct guest_image *image, uint64_t text_machine,
		      uint64_t data_machine, struct patch_list *patches,
		      struct error *error)
{
	const struct {
		unsigned int index;
		uint64_t value;
	} entries[] = {
		{ COLINUX_PORT_TEXT_INDEX,
		  text_machine | PRESENT | ACCESSED | LARGE },
		{ COLINUX_PORT_DATA_INDEX,
		  data_machine | PRESENT | WRITABLE | ACCESSED | DIRTY |
			  LARGE | NO_EXECUTE },
	};
	uint64_t table;
	uint8_t bytes[8];

	if (kallsyms_unique(&image->syms, "level2_fixmap_pgt", &table, error))
		return -1;
	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		uint64_t place = table + 8ull * entries[i].index;

		if (!image_read(image, place, bytes, sizeof(bytes)))
			return error_set(error, "level2_fixmap_pgt is not in "
					 "the kernel image");
		if (get64(bytes))
			return error_set(error,
					 "level2_fixmap_pgt[%u]: expected 0, "
					 "found 0x%" PRIx64, entries[i].index,
					 get64(bytes));
		put64(bytes, entries[i].value);
		if (patch_add(patches, place, bytes, sizeof(bytes), error))
			return -1;
	}
	return 0;
}
