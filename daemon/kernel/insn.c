// SPDX-License-Identifier: GPL-2.0
/* Instruction lengths and kinds, through Zydis. */
#include <Zydis/Zydis.h>

#include "insn.h"

static const ZydisMnemonic plain[] = {
	ZYDIS_MNEMONIC_ADD, ZYDIS_MNEMONIC_AND, ZYDIS_MNEMONIC_CMP,
	ZYDIS_MNEMONIC_LEA, ZYDIS_MNEMONIC_MOV, ZYDIS_MNEMONIC_MOVSX,
	ZYDIS_MNEMONIC_MOVSXD, ZYDIS_MNEMONIC_MOVZX, ZYDIS_MNEMONIC_OR,
	ZYDIS_MNEMONIC_PUSH, ZYDIS_MNEMONIC_SUB, ZYDIS_MNEMONIC_TEST,
	ZYDIS_MNEMONIC_XOR,
};

static const ZydisDecoder *decoder(void)
{
	static _Thread_local ZydisDecoder instance;
	static _Thread_local bool ready;

	if (!ready) {
		ZydisDecoderInit(&instance, ZYDIS_MACHINE_MODE_LONG_64,
				 ZYDIS_STACK_WIDTH_64);
		ready = true;
	}
	return &instance;
}

bool insn_decode(struct bytes code, uint64_t addr, struct insn *out)
{
	ZydisDecodedInstruction z;
	size_t length = code.size < 15 ? code.size : 15;

	if (!length || ZYAN_FAILED(ZydisDecoderDecodeInstruction(
			       decoder(), NULL, code.data, length, &z)))
		return false;
	memset(out, 0, sizeof(*out));
	out->length = z.length;
	out->pause = z.mnemonic == ZYDIS_MNEMONIC_PAUSE && z.length == 2;
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		if (z.mnemonic == plain[i])
			out->plain = !(z.attributes & ZYDIS_ATTRIB_HAS_LOCK);
	if (z.raw.imm[0].is_relative) {
		out->branches = true;
		out->target = addr + z.length + z.raw.imm[0].value.s;
	}
	return true;
}
