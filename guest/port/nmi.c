// SPDX-License-Identifier: GPL-2.0
/*
 * NMIs and machine checks that strike while the guest runs: they are the
 * host's, and so is the decision what they mean.
 *
 * A kernel without CONFIG_X86_MCE has no gate for machine checks.  There they
 * enter through the gate of NMIs, which bears being entered in any state but
 * its own first instructions, and are told apart by what the CPU says.
 */
#include "port.h"

#define NMI_FLAG_FIRST	1	/* Linux: asm/nmi.h */
#define CPUID_MCA	(1u << 14)	/* leaf 1, EDX */
#define MSR_MCG_STATUS	0x17a	/* SDM vol. 3, 17.3.1.2: set by each one */
#define MCG_STATUS_MCIP	(1u << 2)

extern char x86_platform[] KERNEL("x86_platform");
int register_nmi(unsigned int type, void *action)
	KERNEL("__register_nmi_handler");

EXPECT_FUNC("__register_nmi_handler int(unsigned int,struct nmiaction *)");
EXPECT_MEMBER("nmiaction.handler nmi_handler_t");
EXPECT_MEMBER("x86_platform_ops.get_nmi_reason unsigned char(void)");
EXPECT_FUNC_IF("do_machine_check void(struct pt_regs *)");
PATCH("jump? do_machine_check = port_machine_check");

extern char machine_check[] KERNEL("do_machine_check") weak;

/* Machine checks come as NMIs. */
static bool shared_gate;

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
	bool checked = shared_gate &&
		       (rdmsr(MSR_MCG_STATUS) & MCG_STATUS_MCIP);

	(void)type;
	forward(checked ? COLINUX_EXIT_MCE : COLINUX_EXIT_NMI, regs);
	return 1;
}

void port_machine_check(struct pt_regs *regs)
{
	forward(COLINUX_EXIT_MCE, regs);
}

/* The host may have CR4.MCE set, so there has to be a gate (see pv.c). */
void port_machine_check_gate(void)
{
	u32 eax = 1, ebx, ecx = 0, edx;

	if (machine_check)
		return;
	port_irq_share_gate(VECTOR_MC, VECTOR_NMI);
	native_cpuid(&eax, &ebx, &ecx, &edx);
	shared_gate = edx & CPUID_MCA;
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
