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

/*
 * CR4.MCE as the host has it, which the boot vCPU began with.  Set, a machine
 * check must find a handler, or it resets the machine; clear, the host has none
 * and expects just that.
 */
static unsigned long host_mce;

/* Caches are the host's to disable. */
static void filter_cr0(unsigned long value)
{
	native_write_cr0(value & ~(CR0_CD | CR0_NW));
}

static void filter_cr4(unsigned long value)
{
	/* The host may turn VMX on (KVM), then it cannot be turned off. */
	native_write_cr4((value & ~CR4_MCE) | host_mce |
			 (read_cr4() & CR4_VMXE));
}

/*
 * The kernel writes its shadow of CR4 back without asking the table when it
 * flushes the TLB, so the bit must be in the shadow from the start.  A kernel
 * without CONFIG_X86_MCE has started other CPUs without it.
 */
void port_pv_cpu(void)
{
	unsigned long shadow = this_cpu_offset() + (unsigned long)cpu_tlbstate +
			       OFFSET("tlb_state.cr4");

	*(unsigned long *)shadow |= host_mce;
	write_cr4(read_cr4() | host_mce);
}

void port_pv_init(void)
{
	char *cpu = pv_ops + OFFSET("paravirt_patch_template.cpu");
	char *irq = pv_ops + OFFSET("paravirt_patch_template.irq");

	host_mce = read_cr4() & CR4_MCE;
	port_pv_cpu();
	MEMBER(void *, cpu, "pv_cpu_ops.cpuid") = port_cpuid;
	MEMBER(void *, cpu, "pv_cpu_ops.write_cr0") = filter_cr0;
	MEMBER(void *, cpu, "pv_cpu_ops.write_cr4") = filter_cr4;
	/* Gone in 7.x. */
	set_if_present(cpu, OFFSET_IF("pv_cpu_ops.io_delay"), port_nothing);
	set_if_present(cpu, OFFSET_IF("pv_cpu_ops.wbinvd"), port_nothing);
	MEMBER(void *, irq, "pv_irq_ops.safe_halt") = port_idle();
	MEMBER(void *, irq, "pv_irq_ops.halt") = port_halt;
	MEMBER(const char *, pv_info, "pv_info.name") = "coLinux";
}
