// SPDX-License-Identifier: GPL-2.0
/*
 * NMIs and machine checks that strike while the guest runs: they are the
 * host's, and so is the decision what they mean.
 */
#include "port.h"

#define NMI_FLAG_FIRST	1	/* Linux: asm/nmi.h */

extern char x86_platform[] KERNEL("x86_platform");
int register_nmi(unsigned int type, void *action)
	KERNEL("__register_nmi_handler");

EXPECT_FUNC("__register_nmi_handler int(unsigned int,struct nmiaction *)");
EXPECT_MEMBER("nmiaction.handler nmi_handler_t");
EXPECT_MEMBER("x86_platform_ops.get_nmi_reason unsigned char(void)");
EXPECT_FUNC("do_machine_check void(struct pt_regs *)");
PATCH("jump do_machine_check = port_machine_check");

/* Instead of reading port 0x61. */
static unsigned char no_reason(void)
{
	return 0;
}

static void forward(u32 reason, struct pt_regs *regs)
{
	port_forward_event(reason, MEMBER(unsigned long, regs, "pt_regs.ip"),
			   MEMBER(unsigned long, regs, "pt_regs.flags"));
}

static int nmi(unsigned int type, struct pt_regs *regs)
{
	(void)type;
	forward(COLINUX_EXIT_NMI, regs);
	return 1;
}

void port_machine_check(struct pt_regs *regs)
{
	forward(COLINUX_EXIT_MCE, regs);
}

void port_nmi_init(void)
{
	char *action = port_alloc(SIZEOF("nmiaction"), 8);
	char *list = action + OFFSET("nmiaction.list");

	MEMBER(char *, list, "list_head.next") = list;
	MEMBER(char *, list, "list_head.prev") = list;
	MEMBER(void *, action, "nmiaction.handler") = nmi;
	MEMBER(const char *, action, "nmiaction.name") = "colinux";
	MEMBER(unsigned long, action, "nmiaction.flags") = NMI_FLAG_FIRST;
	/* The host may take its time: no "took too long" messages. */
	MEMBER(u64, action, "nmiaction.max_duration") = ~0ull;
	MEMBER(void *, x86_platform, "x86_platform_ops.get_nmi_reason") =
		no_reason;
	if (register_nmi((unsigned int)ENUM("NMI_LOCAL"), action))
		port_die("port: the NMI handler was refused\n");
}
