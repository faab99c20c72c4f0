// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's paravirtualization table (CONFIG_PARAVIRT_XXL), but for MSRs:
 * control registers with bits of the host, halting, delays.
 *
 * The kernel patches calls through the table into direct calls, so what is set
 * here before apply_alternatives() is final.
 */
#include "port.h"

extern char pv_ops[] KERNEL("pv_ops");
extern char pv_info[] KERNEL("pv_info");
extern char cpu_tlbstate[] KERNEL("cpu_tlbstate");
void native_write_cr0(unsigned long value) KERNEL("native_write_cr0");
void native_write_cr4(unsigned long value) KERNEL("native_write_cr4");

EXPECT_FUNC("native_write_cr0 void(unsigned long)");
EXPECT_FUNC("native_write_cr4 void(unsigned long)");
EXPECT_MEMBER_IF("pv_cpu_ops.io_delay void(void)");
EXPECT_MEMBER_IF("pv_cpu_ops.wbinvd void(void)");
EXPECT_MEMBER("pv_cpu_ops.write_cr0 void(unsigned long)");
EXPECT_MEMBER("pv_cpu_ops.write_cr4 void(unsigned long)");
EXPECT_MEMBER("pv_cpu_ops.cpuid void(unsigned int *,unsigned int *,"
	      "unsigned int *,unsigned int *)");
EXPECT_MEMBER("pv_irq_ops.safe_halt void(void)");
EXPECT_MEMBER("pv_irq_ops.halt void(void)");

#define CPUID_MCE	(1u << 7)	/* leaf 1, EDX */

/* CR4.MCE stays set, or a machine check would reset the machine. */
static unsigned long cr4_host_bits;

/* Caches are the host's to disable. */
static void filter_cr0(unsigned long value)
{
	native_write_cr0(value & ~(CR0_CD | CR0_NW));
}

static void filter_cr4(unsigned long value)
{
	/* The host may turn VMX on (KVM), then it cannot be turned off. */
	native_write_cr4(value | cr4_host_bits | (read_cr4() & CR4_VMXE));
}

/*
 * The kernel writes its shadow of CR4 back without asking the table when it
 * flushes the TLB, so the bit must be in the shadow from the start.
 */
static void init_cr4(void)
{
	u32 eax = 1, ebx, ecx = 0, edx;
	unsigned long shadow = this_cpu_offset() + (unsigned long)cpu_tlbstate +
			       OFFSET("tlb_state.cr4");

	native_cpuid(&eax, &ebx, &ecx, &edx);
	if (!(edx & CPUID_MCE))
		return;
	cr4_host_bits = CR4_MCE;
	write_cr4(read_cr4() | CR4_MCE);
	*(unsigned long *)shadow |= CR4_MCE;
}

void port_pv_init(void)
{
	char *cpu = pv_ops + OFFSET("paravirt_patch_template.cpu");
	char *irq = pv_ops + OFFSET("paravirt_patch_template.irq");

	init_cr4();
	MEMBER(void *, cpu, "pv_cpu_ops.cpuid") = port_cpuid;
	MEMBER(void *, cpu, "pv_cpu_ops.write_cr0") = filter_cr0;
	MEMBER(void *, cpu, "pv_cpu_ops.write_cr4") = filter_cr4;
	/* Gone in 7.x. */
	set_if_present(cpu, OFFSET_IF("pv_cpu_ops.io_delay"), port_nothing);
	set_if_present(cpu, OFFSET_IF("pv_cpu_ops.wbinvd"), port_nothing);
	MEMBER(void *, irq, "pv_irq_ops.safe_halt") = port_safe_halt;
	MEMBER(void *, irq, "pv_irq_ops.halt") = port_halt;
	MEMBER(const char *, pv_info, "pv_info.name") = "coLinux";
}
