/* SPDX-License-Identifier: GPL-2.0 */
/* A kernel module as far as the packer looks: MODULE_a depends on b and c. */
	.section .modinfo, "a", @progbits
	.asciz	"license=GPL"
#if defined(MODULE_a)
	.asciz	"depends=b-two,c"
#elif defined(MODULE_b)
	.asciz	"depends=d"
	.section .BTF, "", @progbits
	.ascii	"not really BTF"
#elif defined(MODULE_c)
	.asciz	"depends="
#elif defined(MODULE_d)
	.asciz	"depends=builtin_one"
#elif defined(MODULE_loop)
	.asciz	"depends=loop"
#elif defined(MODULE_needy)
	.asciz	"depends=nowhere"
#endif
