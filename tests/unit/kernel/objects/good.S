/* SPDX-License-Identifier: GPL-2.0 */
/* A port object that uses everything that the loader can do. */
	.text
	.globl port_start
port_start:
	endbr64
	mov	$kernel.x86_platform, %rax
	mov	$offset.foo.word, %rcx
	call	kernel.plain_function
	lea	table(%rip), %rdx
	call	inner
	ret
inner:
	ret
	.globl port_function
port_function:
	endbr64
	ret

	.section .rodata
	.balign 64
text_table:
	.quad	port_start, inner

	.data
	.balign 32
	.globl table
table:
	.quad	kernel.jiffies_64
	.quad	sizeof.foo
	.quad	enum.GREEN
	.quad	membersize.foo.pair
	.quad	bitoffset.foo.y
	.quad	bitsize.foo.y
	.quad	offset.foo.pair.b
	.quad	kernel.absent
	.quad	offset.foo.absent
	.quad	enum.ABSENT
	.quad	own_space
	.quad	port_start - .
	.quad	params.foo.op, params.foo.absent
	.long	offset.foo.op
	.weak	kernel.absent, offset.foo.absent, enum.ABSENT, params.foo.absent

	.bss
	.balign 64
own_space:
	.space	128

	.section .colinux.expect, "", @progbits
	.asciz	"func plain_function void(void) | int(struct foo*, unsigned long)"
	.asciz	"func? absent_function void(void)"
	.asciz	"member foo.op int(struct foo *,unsigned long)"
	.asciz	"member? foo.absent int"
	.asciz	"size foo 72 | 80"
	.asciz	"size foo.pair 0x20"
	.asciz	"symbol jiffies_64"
	.asciz	"zero x86_platform+8"
	.asciz	""
	.asciz	"value level2_fixmap_pgt+0xfd8 = 0x1234067"

	.section .colinux.preset, "", @progbits
	.asciz	"x86_platform+x86_platform_ops.set_legacy_features = port_start"

	.section .colinux.patch, "", @progbits
	.asciz	"jump plain_function = port_function"
	.asciz	"jump traced_function = port_function"
	.asciz	"immediate counting_function 0x8000 = 0x200"
	.asciz	"immediate? absent_function 1 = 2"
	.asciz	"jump? absent_function = port_function"
	.asciz	"spurious-stubs"

	.section .colinux.cmdline, "", @progbits
	.asciz	"console=hvc0"
	.asciz	"one two"
