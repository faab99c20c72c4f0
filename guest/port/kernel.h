/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How port code names things of a kernel that it was not compiled for.
 *
 * The port object is linked against the running kernel by the loader
 * (daemon/kernel/link.c), which resolves four name spaces of undefined
 * symbols and obeys five sections of text.  This header is the only place
 * that spells them.  It must not know any kernel's layout.
 *
 * A name that is missing in the kernel stops the boot with its name, unless
 * its symbol is weak: then a kernel symbol is 0, an offset, size or enum -1.
 */
#ifndef PORT_KERNEL_H
#define PORT_KERNEL_H

#include <stdbool.h>
#include <colinux/types.h>

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;

#define NULL ((void *)0)
#define EIO 5
#define EBUSY 16
#define ENODEV 19
#define EINVAL 22

#define weak __attribute__((weak))
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* Bind a declaration to a symbol of the kernel: extern int x KERNEL("x"); */
#define KERNEL(name) __asm__("kernel." name)

/* A number that only the loader knows, as an unsigned long. */
#define LINKED(symbol, mode) ({						\
	unsigned long linked_;						\
	__asm__(mode "mov $" symbol ", %0" : "=r" (linked_));		\
	linked_;							\
})

/* Byte offset of "struct.member[.member...]", by BTF. */
#define OFFSET(path) LINKED("offset." path, "")
/* The same, or MISSING when this kernel has no such member. */
#define OFFSET_IF(path) \
	LINKED("offset." path, ".weak offset." path "\n\t")
#define MISSING (~0ul)
/* Size of a structure, value of an enumerator. */
#define SIZEOF(name) LINKED("sizeof." name, "")
#define ENUM(name) LINKED("enum." name, "")
/* The same, or MISSING. */
#define SIZEOF_IF(name) LINKED("sizeof." name, ".weak sizeof." name "\n\t")
#define ENUM_IF(name) LINKED("enum." name, ".weak enum." name "\n\t")

/* How many parameters the function has that a member points to. */
#define PARAMS(path) LINKED("params." path, "")

/* The member at `offset` of the structure at `base`, as an lvalue. */
#define AT(type, base, offset) (*(type *)((char *)(base) + (offset)))
#define MEMBER(type, base, path) AT(type, base, OFFSET(path))

/* Set a pointer that only some kernel versions have: OFFSET_IF(). */
static inline void set_if_present(char *base, unsigned long offset,
				  void *value)
{
	if (offset != MISSING)
		AT(void *, base, offset) = value;
}

/* Add a line of text to a section that the loader reads and drops. */
#define PORT_NOTE(section, text)					\
	__asm__(".pushsection " section ", \"\", @progbits\n\t"		\
		".asciz \"" text "\"\n\t"				\
		".popsection")

/*
 * Prototype that a function ("NAME PROTO") or a pointer member
 * ("STRUCT.MEMBER PROTO") must have; alternatives separated by " | ".
 */
#define EXPECT_FUNC(text) PORT_NOTE(".colinux.expect", "func " text)
/* The same, when there is such a function. */
#define EXPECT_FUNC_IF(text) PORT_NOTE(".colinux.expect", "func? " text)
#define EXPECT_MEMBER(text) PORT_NOTE(".colinux.expect", "member " text)
/* The same, when there is such a member. */
#define EXPECT_MEMBER_IF(text) PORT_NOTE(".colinux.expect", "member? " text)
/* "SYMBOL+STRUCT.MEMBER = PORTSYM": a pointer set in the kernel image. */
#define PRESET(text) PORT_NOTE(".colinux.preset", text)
/*
 * "immediate FUNC OLD = NEW": the number that FUNC moves into registers.
 * "jump FUNC = PORTSYM": FUNC continues in PORTSYM.  The loader writes the
 * jump behind an ENDBR64 and a call of __fentry__, which the kernel checks.
 * "spurious-stubs": spurious_entries_start stubs lead to common_interrupt.
 */
#define PATCH(text) PORT_NOTE(".colinux.patch", text)
/* Words for the kernel's command line, before the user's. */
#define CMDLINE(text) PORT_NOTE(".colinux.cmdline", text)

#endif
