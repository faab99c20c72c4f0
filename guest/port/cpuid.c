// SPDX-License-Identifier: GPL-2.0
/*
 * What CPU the guest kernel believes to have: the real one without what
 * belongs to the host (interrupt controller, memory types, power, performance
 * monitoring, virtualization, resource control) and without state that the
 * passage does not switch.  User space executes CPUID itself and sees all.
 *
 * Bit numbers: Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E.
 */
#include "port.h"

enum { EAX, EBX, ECX, EDX };

#define BIT(n) (1u << (n))
#define ANY 0xffffffffu	/* every subleaf */

/* A register of a leaf: what is left of it, what is added. */
struct rule {
	u32 leaf, subleaf;
	unsigned int reg;
	u32 clear, set;
};

static const struct rule rules[] = {
	/*
	 * DTES64, MONITOR, DS_CPL, VMX, SMX, EST, TM2, SDBG, XTPR, PDCM, DCA,
	 * X2APIC, TSC_DEADLINE off.  HYPERVISOR keeps drivers away from MSRs.
	 */
	{ 1, ANY, ECX, BIT(2) | BIT(3) | BIT(4) | BIT(5) | BIT(6) | BIT(7) |
	  BIT(8) | BIT(11) | BIT(14) | BIT(15) | BIT(18) | BIT(21) | BIT(24),
	  BIT(31) },
	/* APIC, MTRR, MCA, PSN, DS, ACPI, HTT, TM, PBE. */
	{ 1, ANY, EDX, BIT(9) | BIT(12) | BIT(14) | BIT(18) | BIT(21) |
	  BIT(22) | BIT(28) | BIT(29) | BIT(31), 0 },
	{ 5, ANY, EAX, ~0u, 0 },	/* MONITOR/MWAIT */
	{ 5, ANY, EBX, ~0u, 0 },
	{ 5, ANY, ECX, ~0u, 0 },
	{ 5, ANY, EDX, ~0u, 0 },
	/* TSC_ADJUST, SGX, PQM, MPX, PQE, PT. */
	{ 7, 0, EBX, BIT(1) | BIT(2) | BIT(12) | BIT(14) | BIT(15) | BIT(25),
	  0 },
	/* WAITPKG, SHSTK, TME, KL, BUS_LOCK, ENQCMD, SGX_LC, PKS. */
	{ 7, 0, ECX, BIT(5) | BIT(7) | BIT(13) | BIT(23) | BIT(24) | BIT(29) |
	  BIT(30) | BIT(31), 0 },
	/*
	 * UINTR, SRBDS_CTRL, RTM_ALWAYS_ABORT, TSX_FORCE_ABORT, HYBRID,
	 * PCONFIG, ARCH_LBR, IBT, AMX (3), CORE_CAPABILITIES.
	 */
	{ 7, 0, EDX, BIT(5) | BIT(9) | BIT(11) | BIT(13) | BIT(15) | BIT(18) |
	  BIT(19) | BIT(20) | BIT(22) | BIT(24) | BIT(25) | BIT(30), 0 },
	/* ARCHPERFMON, FRED, LKGS, WRMSRNS, AMX_FP16, HRESET, LAM, MSRLIST. */
	{ 7, 1, EAX, BIT(8) | BIT(17) | BIT(18) | BIT(19) | BIT(21) | BIT(22) |
	  BIT(26) | BIT(27), 0 },
	{ 7, 1, EBX, BIT(0), 0 },		/* PPIN */
	/* AMX_COMPLEX, USER_MSR, UIRET_UIF, CET_SSS. */
	{ 7, 1, EDX, BIT(8) | BIT(15) | BIT(17) | BIT(18), 0 },
	/* Extended state: no MPX (3, 4), no AMX (17, 18). */
	{ 0xd, 0, EAX, BIT(3) | BIT(4) | BIT(17) | BIT(18), 0 },
	{ 0xd, 1, EAX, BIT(4), 0 },		/* XFD */
	{ 0xd, 1, ECX, ~0u, 0 },		/* no supervisor state */
	{ 0xd, 1, EDX, ~0u, 0 },
	/*
	 * SVM, EXTAPIC, OSVW, IBS, SKINIT, WDT, LWP, NODEID_MSR, TOPOEXT,
	 * PERFCTR_CORE, PERFCTR_NB, PERFTSC, PERFCTR_LLC, MWAITX.
	 */
	{ 0x80000001, ANY, ECX, BIT(2) | BIT(3) | BIT(9) | BIT(10) | BIT(12) |
	  BIT(13) | BIT(15) | BIT(19) | BIT(22) | BIT(23) | BIT(24) | BIT(27) |
	  BIT(28) | BIT(29), 0 },
	/* APIC, MTRR, MCA, MP. */
	{ 0x80000001, ANY, EDX, BIT(9) | BIT(12) | BIT(14) | BIT(19), 0 },
	/* Power and RAS: only the invariant TSC. */
	{ 0x80000007, ANY, EAX, ~0u, 0 },
	{ 0x80000007, ANY, EBX, ~0u, 0 },
	{ 0x80000007, ANY, ECX, ~0u, 0 },
	{ 0x80000007, ANY, EDX, ~0u, BIT(8) },
	/* IRPERF, MBE, PPIN, VIRT_SSBD, CPPC. */
	{ 0x80000008, ANY, EBX, BIT(1) | BIT(6) | BIT(23) | BIT(25) | BIT(27),
	  0 },
};

/*
 * Leaves that read as zero: thermal, performance monitoring, second topology,
 * RDT, SGX, PT, key locker, hybrid, PCONFIG, LBR, AMX, HRESET, TDX; SVM, IBS,
 * LWP, cache and node topology, SEV, QoS, PMU v2, MKTME, topology.
 */
static const u32 hidden_leaves[] = {
	6, 9, 0xa, 0xf, 0x10, 0x12, 0x14, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e,
	0x1f, 0x20, 0x21, 0x23,
	0x8000000a, 0x8000001b, 0x8000001c, 0x8000001d, 0x8000001e,
	0x8000001f, 0x80000020, 0x80000022, 0x80000023, 0x80000026,
};

#define HYPERVISOR_LEAVES	0x40000000	/* .. 0x4fffffff */

static bool hidden(u32 leaf)
{
	if (leaf >> 28 == HYPERVISOR_LEAVES >> 28)
		return 1;
	for (unsigned int i = 0; i < ARRAY_SIZE(hidden_leaves); i++)
		if (hidden_leaves[i] == leaf)
			return 1;
	return 0;
}

/* Bits that an APIC ID needs: log2(n), rounded up. */
static u32 id_bits(u32 n)
{
	return n > 1 ? 32 - (u32)__builtin_clz(n - 1) : 0;
}

/* One package, one thread per core, APIC ID = vCPU number. */
static void topology(u32 leaf, u32 subleaf, u32 *r)
{
	u32 nr = boot_info->nr_vcpus, cpu = port_cpu(), bits = id_bits(nr);

	switch (leaf) {
	case 1:		/* EBX: initial APIC ID, logical IDs; HTT */
		r[EBX] = (r[EBX] & 0xff00) | cpu << 24 | (1u << bits) << 16;
		if (nr > 1)
			r[EDX] |= BIT(28);
		break;
	case 4:		/* EAX: cores per package, sharing; each cache private */
		if (r[EAX] & 0x1f)
			r[EAX] = (r[EAX] & 0x3fff) | ((1u << bits) - 1) << 26;
		break;
	case 0xb:	/* level 0: threads, level 1: cores */
		r[EAX] = subleaf == 1 ? bits : 0;
		r[EBX] = subleaf == 1 ? nr : subleaf == 0;
		r[ECX] = subleaf < 2 ? subleaf | (subleaf + 1) << 8 : subleaf;
		r[EDX] = cpu;
		break;
	case 0x80000008: /* ECX: cores - 1, size of the APIC ID */
		r[ECX] = (r[ECX] & ~0xf0ffu) | bits << 12 | (nr - 1);
		break;
	}
}

void port_cpuid(u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	u32 leaf = *eax, subleaf = *ecx;
	u32 r[4] = { leaf, 0, subleaf, 0 };

	if (hidden(leaf)) {
		*eax = *ebx = *ecx = *edx = 0;
		return;
	}
	native_cpuid(&r[EAX], &r[EBX], &r[ECX], &r[EDX]);
	for (unsigned int i = 0; i < ARRAY_SIZE(rules); i++) {
		const struct rule *rule = &rules[i];

		if (rule->leaf == leaf &&
		    (rule->subleaf == ANY || rule->subleaf == subleaf))
			r[rule->reg] = (r[rule->reg] & ~rule->clear) |
				       rule->set;
	}
	topology(leaf, subleaf, r);
	*eax = r[EAX];
	*ebx = r[EBX];
	*ecx = r[ECX];
	*edx = r[EDX];
}

/*
 * Linux feature numbers (asm/cpufeatures.h; user-visible in /proc/cpuinfo
 * order and unchanged since 2.6.28): the TSC is what the host says it is.
 */
#define FEATURE_CONSTANT_TSC	(3 * 32 + 8)
#define FEATURE_TSC_RELIABLE	(3 * 32 + 23)
#define FEATURE_NONSTOP_TSC	(3 * 32 + 24)
#define FEATURE_TSC_KNOWN_FREQ	(3 * 32 + 31)

extern u32 cpu_caps_set[] KERNEL("cpu_caps_set");

void port_cpuid_init(void)
{
	static const u8 features[] = {
		FEATURE_CONSTANT_TSC, FEATURE_TSC_RELIABLE,
		FEATURE_NONSTOP_TSC, FEATURE_TSC_KNOWN_FREQ,
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(features); i++)
		cpu_caps_set[features[i] / 32] |= BIT(features[i] % 32);
}
