/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Port objects that must be refused, one per CASE_...; load_test.c has the
 * message that each must give.
 */
#define EXPECT(text) .section .colinux.expect, "", @progbits; .asciz text
#define PRESET(text) .section .colinux.preset, "", @progbits; .asciz text
#define PATCH(text) .section .colinux.patch, "", @progbits; .asciz text
	.text
	.globl port_start
port_start:
	ret
#if defined(CASE_absent_symbol)
	.data
	.quad	kernel.no_such
#elif defined(CASE_ambiguous_symbol)
	.data
	.weak	kernel.twin
	.quad	kernel.twin
#elif defined(CASE_absent_member)
	mov	$offset.foo.none, %rax
#elif defined(CASE_ambiguous_member)
	mov	$offset.twin.here, %rax
#elif defined(CASE_bit_field)
	mov	$offset.foo.x, %rax
#elif defined(CASE_no_function)
	.data
	.quad	params.foo.word
#elif defined(CASE_no_space)
	call	memcpy
#elif defined(CASE_wrong_func)
	EXPECT("func plain_function int(void) | long(void)")
#elif defined(CASE_absent_func)
	EXPECT("func no_such int(void)")
#elif defined(CASE_wrong_member)
	EXPECT("member foo.op void(void)")
#elif defined(CASE_wrong_size)
	EXPECT("size foo 81")
#elif defined(CASE_not_zero)
	EXPECT("zero level2_fixmap_pgt+0xfd8")
#elif defined(CASE_wrong_value)
	EXPECT("value x86_platform = plain_function")
#elif defined(CASE_unknown_directive)
	EXPECT("hope plain_function")
#elif defined(CASE_unterminated)
	.section .colinux.expect, "", @progbits
	.ascii	"symbol jiffies_64"
#elif defined(CASE_preset_target)
	PRESET("x86_platform+8 = nothing_here")
#elif defined(CASE_preset_was)
	PRESET("x86_platform+8 = port_start (was plain_function)")
#elif defined(CASE_preset_outside)
	PRESET("_end+8 = port_start")
#elif defined(CASE_jump_calling)
	PATCH("jump calling_function = port_start")
#elif defined(CASE_jump_looping)
	PATCH("jump looping_function = port_start")
#elif defined(CASE_jump_absent)
	PATCH("jump no_such = port_start")
#elif defined(CASE_immediate_missing)
	PATCH("immediate plain_function 0x8000 = 0x200")
#elif defined(CASE_immediate_absent)
	PATCH("immediate no_such 0x8000 = 0x200")
#elif defined(CASE_immediate_number)
	PATCH("immediate counting_function 0x8000 = many")
#elif defined(CASE_overflow)
	.data
	.long	kernel.x86_platform
#elif defined(CASE_far)
	call	kernel.x86_platform - 0x7ff00000
#elif defined(CASE_got)
	movq	kernel.x86_platform@GOTPCREL(%rip), %rax
#elif defined(CASE_narrow)
	.data
	.short	kernel.x86_platform
	.quad	0
#elif defined(CASE_common)
	.comm	shared, 8
	mov	$shared, %rax
#elif defined(CASE_big_data)
	.data
	.space	0x80000
#elif defined(CASE_big_text)
	.space	0x200000
#elif defined(CASE_unloaded)
	.section .colinux.note, "", @progbits
words:	.asciz	"words"
	.text
	mov	$words, %rax
#else
#error "no CASE"
#endif
