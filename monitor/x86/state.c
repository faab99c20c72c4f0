// SPDX-License-Identifier: GPL-2.0
/*
 * Register state that C switches on the host side, outside the passage:
 * MSRs, extended state, debug registers.  None of it matters to host interrupt
 * handlers (they run with the guest's values in a light switch), all of it to
 * the host's threads.
 */
#include "cpu.h"
#include "../host.h"

/* MSRs of the full switch; `feature` = offset of a bool, or ALWAYS. */
#define ALWAYS		(~0u)
#define FEATURE(f)	((u32)__builtin_offsetof(struct cpu_features, f))

enum { FS_BASE, KERNEL_GS_BASE, FIRST_OTHER };	/* indexes below */

static const struct {
	u32 msr;
	u32 feature;
	u32 changes;	/* without a write by its owner: a feature, or 0 */
} switched[] = {
	[FS_BASE] = { MSR_FS_BASE, ALWAYS, ALWAYS },
	[KERNEL_GS_BASE] = { MSR_KERNEL_GS_BASE, ALWAYS, ALWAYS },
	{ MSR_STAR, ALWAYS, 0 },
	{ MSR_LSTAR, ALWAYS, 0 },
	{ MSR_CSTAR, ALWAYS, 0 },
	{ MSR_SYSCALL_MASK, ALWAYS, 0 },
	{ MSR_SYSENTER_CS, ALWAYS, 0 },
	{ MSR_SYSENTER_ESP, ALWAYS, 0 },
	{ MSR_SYSENTER_EIP, ALWAYS, 0 },
	/* KVM turns SVM on and off per CPU. */
	{ MSR_EFER, ALWAYS, FEATURE(svm) },
	{ MSR_TSC_AUX, FEATURE(rdtscp), 0 },
	{ MSR_XSS, FEATURE(xss), 0 },
	/* Per thread; XFD as it was at XSAVE, or XRSTOR faults. */
	{ MSR_XFD, FEATURE(xfd), ALWAYS },
	{ MSR_XFD_ERR, FEATURE(xfd), ALWAYS },
};

#define NR_SWITCHED	(sizeof(switched) / sizeof(switched[0]))
_Static_assert(NR_SWITCHED <= CONTEXT_MSRS, "room for every switched MSR");

#define XSTATE_HEADER		512	/* SDM vol. 1, 13.4.2 */
#define XSTATE_HEADER_SIZE	64
#define XSTATE_FIRST		2	/* component that is not in the legacy area */
#define XSTATE_LAST		62

static bool present(const struct cpu_features *f, u32 feature)
{
	/* Offset 0 is `never`: false. */
	return feature == ALWAYS || *((const bool *)f + feature);
}

static u64 xgetbv(u32 i)
{
	u32 lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(i));
	return (u64)hi << 32 | lo;
}

static void xsetbv(u32 i, u64 v)
{
	__asm__ volatile("xsetbv" ::"c"(i), "a"((u32)v), "d"((u32)(v >> 32)));
}

static u32 rdpkru(void)
{
	u32 a, d;

	__asm__ volatile("rdpkru" : "=a"(a), "=d"(d) : "c"(0));
	return a;
}

static void wrpkru(u32 v)
{
	__asm__ volatile("wrpkru" ::"a"(v), "c"(0), "d"(0));
}

/*
 * What may be set in SPEC_CTRL (SDM vol. 4, MSR 48H); 0 = no such MSR.  EDX of
 * CPUID leaf 7: IBRS, STIBP, SSBD; its subleaf 2: PSFD, IPRED_DIS, RRSBA_DIS,
 * DDPD, BHI_DIS.
 */
static u32 spec_ctrl_bits(u32 edx)
{
	u32 a, b, c, d, bits = (edx >> 26 & 1) | (edx >> 27 & 1) << 1 |
			       (edx >> 31 & 1) << 2;

	cpuid(7, 0, &a, &b, &c, &d);
	if (!a)
		return bits;
	cpuid(7, 2, &a, &b, &c, &d);
	if (d & 1)
		bits |= 1 << 7;
	if (d >> 1 & 1)
		bits |= 3 << 3;
	if (d >> 2 & 1)
		bits |= 3 << 5;
	if (d >> 3 & 1)
		bits |= 1 << 8;
	if (d >> 4 & 1)
		bits |= 1 << 10;
	return bits;
}

/* The most that XSAVES may write, with every component. */
static u32 compacted_size(void)
{
	u32 size = XSTATE_HEADER + XSTATE_HEADER_SIZE, a, b, c, d;

	for (u32 i = XSTATE_FIRST; i <= XSTATE_LAST; i++) {
		cpuid(0xd, i, &a, &b, &c, &d);
		size += (a + 63) & ~63u;
	}
	return size;
}

static void read_features(struct cpu_features *f)
{
	u32 a, b, c, d, max, max_ext;

	__builtin_memset(f, 0, sizeof(*f));
	cpuid(0, 0, &max, &b, &c, &d);
	cpuid(1, 0, &a, &b, &c, &d);
	/* As the host uses it: OSXSAVE, not just XSAVE. */
	f->xsave = c >> 27 & 1;
	if (max >= 7) {
		cpuid(7, 0, &a, &b, &c, &d);
		f->pku = c >> 4 & 1;	/* OSPKE */
		f->spec_ctrl = spec_ctrl_bits(d);
	}
	if (f->xsave) {
		cpuid(0xd, 0, &a, &b, &c, &d);
		f->xsave_size = c;
		cpuid(0xd, 1, &a, &b, &c, &d);
		f->xss = a >> 3 & 1;
		f->xfd = a >> 4 & 1;
		if (f->xss && f->xsave_size < compacted_size())
			f->xsave_size = compacted_size();
	}
	cpuid(0x80000000, 0, &max_ext, &b, &c, &d);
	cpuid(0x80000001, 0, &a, &b, &c, &d);
	f->rdtscp = d >> 27 & 1;
	f->svm = c >> 2 & 1;
	f->phys_bits = 36;
	if (max_ext >= 0x80000008) {
		cpuid(0x80000008, 0, &a, &b, &c, &d);
		f->phys_bits = a & 0xff;
		/* AMD: IBRS, STIBP, SSBD, PSFD. */
		f->spec_ctrl |= (b >> 14 & 1) | (b >> 15 & 1) << 1 |
				(b >> 24 & 1) << 2 | (b >> 28 & 1) << 7;
	}
	f->la57 = (read_cr4() & CR4_LA57) != 0;
}

int cpu_check(const char **why)
{
	struct colinux_dtr idtr;
	u16 cs, tr;

	__asm__("mov %%cs, %0" : "=r"(cs));
	__asm__("str %0" : "=r"(tr));
	__asm__("sidt %0" : "=m"(idtr.limit));
	if (read_cr4() & CR4_FRED)
		*why = "the host kernel uses FRED event delivery; boot it with fred=off";
	else if ((cs & 3) != 0)
		*why = "the host kernel does not run in ring 0 (Xen PV guest?)";
	else if (cs >= COLINUX_PASSAGE_TR || tr >= COLINUX_PASSAGE_TR)
		*why = "the host's code or task selector is out of range";
	else if (idtr.limit != 256 * 16 - 1)
		*why = "the host's interrupt table has not 256 gates";
	else
		return 0;
	return -CO_EOPNOTSUPP;
}

void cpu_context_reset(struct cpu_context *c)
{
	__builtin_memset(&c->guest, 0, sizeof(c->guest));
	if (c->xstate)
		__builtin_memset(c->xstate, 0, c->features.xsave_size);
	/* FCW and MXCSR after reset (SDM vol. 1, 13.6). */
	if (c->xstate) {
		*(u16 *)c->xstate = 0x37f;
		*(u32 *)(c->xstate + 24) = 0x1f80;
	}
	c->compacted = false;
	c->guest.xcr0 = 1;
	for (u32 i = 0; i < NR_SWITCHED; i++) {
		if (switched[i].msr == MSR_EFER)
			c->guest.msr[i] = rdmsr(MSR_EFER) & ~EFER_SVME;
		if (switched[i].msr == MSR_XSS)
			c->xss_index = i;
	}
}

int cpu_context_init(struct cpu_context *c)
{
	u64 aligned;

	__builtin_memset(c, 0, sizeof(*c));
	read_features(&c->features);
	c->host_cpu = -1;
	if (!c->features.xsave)
		c->features.xsave_size = 512;	/* FXSAVE */
	c->xstate_bytes = c->features.xsave_size + 63;
	c->xstate_raw = host_zalloc(c->xstate_bytes);
	if (!c->xstate_raw)
		return -CO_ENOMEM;
	aligned = (addr_of(c->xstate_raw) + 63) & ~63ull;
	c->xstate = ptr_at(aligned);
	cpu_context_reset(c);
	return 0;
}

void cpu_context_free(struct cpu_context *c)
{
	if (c->xstate_raw)
		host_zfree(c->xstate_raw, c->xstate_bytes);
	c->xstate_raw = NULL;
	c->xstate = NULL;
}

/*
 * In the standard format as long as the guest has no supervisor components
 * (XSS = 0: stock kernels, whose CPUID shows none), else compacted.  The MSRs
 * are the guest's.
 */
static void load_xstate(struct cpu_context *c)
{
	if (!c->features.xsave) {
		__asm__ volatile("fxrstor64 %0" ::"m"(*c->xstate));
		return;
	}
	c->host.xcr0 = xgetbv(0);
	/* SSE can be used without its bit in XCR0 (SDM vol. 1, 13.1). */
	if (c->guest.xcr0 != c->host.xcr0)
		xsetbv(0, c->guest.xcr0 | c->host.xcr0);
	if (c->compacted)
		__asm__ volatile("xrstors64 %0" ::"m"(*c->xstate), "a"(~0u),
				 "d"(~0u));
	else
		__asm__ volatile("xrstor64 %0" ::"m"(*c->xstate), "a"(~0u),
				 "d"(~0u));
	if (c->guest.xcr0 != c->host.xcr0)
		xsetbv(0, c->guest.xcr0);
}

static void save_xstate(struct cpu_context *c)
{
	bool compacted = c->features.xss && c->guest.msr[c->xss_index];

	if (!c->features.xsave) {
		__asm__ volatile("fxsave64 %0" : "=m"(*c->xstate));
		return;
	}
	c->guest.xcr0 = xgetbv(0);
	if (c->guest.xcr0 != c->host.xcr0)
		xsetbv(0, c->guest.xcr0 | c->host.xcr0);
	/* XSAVE leaves XCOMP_BV alone (SDM vol. 1, 13.7). */
	if (compacted != c->compacted)
		__builtin_memset(c->xstate + XSTATE_HEADER, 0,
				 XSTATE_HEADER_SIZE);
	c->compacted = compacted;
	if (compacted)
		__asm__ volatile("xsaves64 %0"
				 : "+m"(*c->xstate)
				 : "a"(~0u), "d"(~0u));
	else
		__asm__ volatile("xsave64 %0"
				 : "+m"(*c->xstate)
				 : "a"(~0u), "d"(~0u));
	if (c->guest.xcr0 != c->host.xcr0)
		xsetbv(0, c->host.xcr0);
}

#define SWITCH_DR(n)                                                      \
	do {                                                              \
		__asm__ volatile("mov %%dr" #n ", %0" : "=r"(from->dr[n])); \
		if (from->dr[n] != to->dr[n])                             \
			__asm__ volatile("mov %0, %%dr" #n ::"r"(to->dr[n])); \
	} while (0)
#define DR7_ENABLES(dr7, n) ((dr7) >> 2 * (n) & 3)

/*
 * DR0-3 and 6.  DR7 is disarmed: the passage switches the guest's, the host's
 * stays off as long as the guest's addresses are in the others.  The registers
 * in use by `armed` are the host's already: one of its interrupt handlers armed
 * them (perf does) and the guest's values are those of the last switch.
 */
static void switch_debug(struct cpu_state *from, const struct cpu_state *to,
			 u64 armed)
{
	if (!DR7_ENABLES(armed, 0))
		SWITCH_DR(0);
	if (!DR7_ENABLES(armed, 1))
		SWITCH_DR(1);
	if (!DR7_ENABLES(armed, 2))
		SWITCH_DR(2);
	if (!DR7_ENABLES(armed, 3))
		SWITCH_DR(3);
	SWITCH_DR(6);
}

#define GET_SELECTOR(name, to) \
	__asm__ volatile("mov %%" #name ", %0" : "=m"(to))
#define SET_SELECTOR(name, from) \
	__asm__ volatile("mov %0, %%" #name ::"r"((u32)(from)) : "memory")

/* Selectors that a light switch leaves alone. */
static void read_selectors(struct colinux_side *side)
{
	GET_SELECTOR(ds, side->ds);
	GET_SELECTOR(es, side->es);
	GET_SELECTOR(fs, side->fs);
	GET_SELECTOR(gs, side->gs);
	__asm__ volatile("sldt %0" : "=m"(side->ldtr));
}

/*
 * The host's again, after the guest's.  KERNEL_GS_BASE is the host's already:
 * an NMI between the two SWAPGS is as one in user space.  True: FS and
 * KERNEL_GS bases are the descriptors' now.
 */
static bool load_selectors(const struct colinux_side *host,
			   const struct colinux_side *guest)
{
	if (host->ldtr | guest->ldtr)
		__asm__ volatile("lldt %0" ::"m"(host->ldtr));
	if (host->ds | guest->ds)
		SET_SELECTOR(ds, host->ds);
	if (host->es | guest->es)
		SET_SELECTOR(es, host->es);
	if (host->fs | guest->fs)
		SET_SELECTOR(fs, host->fs);
	if (host->gs | guest->gs)
		__asm__ volatile("swapgs\n\t"
				 "mov %0, %%gs\n\t"
				 "mfence\n\t"
				 "swapgs" ::"r"((u32)host->gs)
				 : "memory");
	return host->fs | guest->fs | host->gs | guest->gs;
}

/* What the passage does not save in the host. IF=0. */
static void read_host(struct colinux_side *host)
{
	const u64 *descriptor;
	u32 slot;

	host->cr0 = read_cr0();
	host->cr4 = read_cr4();
	host->gs_base = (host->cr4 & CR4_FSGSBASE) ? rdgsbase() :
						     rdmsr(MSR_GS_BASE);
	__asm__ volatile("sgdt %0" : "=m"(host->gdtr.limit));
	__asm__ volatile("sidt %0" : "=m"(host->idtr.limit));
	__asm__ volatile("str %0" : "=m"(host->tr));
	GET_SELECTOR(ss, host->ss);
	read_selectors(host);
	slot = (host->tr & TR_MASK) / 8;
	descriptor = ptr_at(host->gdtr.base);
	host->gdt[slot] = descriptor[slot];
	host->gdt[slot + 1] = descriptor[slot + 1];
}

void cpu_spec_ctrl_guest(struct cpu_context *c, u64 value)
{
	if (c->features.spec_ctrl)
		wrmsr(MSR_SPEC_CTRL, value & c->features.spec_ctrl);
}

void cpu_spec_ctrl_host(struct cpu_context *c)
{
	if (c->features.spec_ctrl)
		wrmsr(MSR_SPEC_CTRL, c->spec_ctrl);
}

/*
 * Bases of user space, which user space may change.  `fast`: without MSRs; an
 * NMI between the two SWAPGS does no harm then.
 */
static void read_bases(u64 *msr, bool fast)
{
	if (fast) {
		__asm__ volatile("rdfsbase %0" : "=r"(msr[FS_BASE]));
		__asm__ volatile("swapgs; rdgsbase %0; swapgs"
				 : "=r"(msr[KERNEL_GS_BASE])::"memory");
	} else {
		msr[FS_BASE] = rdmsr(MSR_FS_BASE);
		msr[KERNEL_GS_BASE] = rdmsr(MSR_KERNEL_GS_BASE);
	}
}

static void write_bases(const u64 *msr, bool fast)
{
	if (fast) {
		__asm__ volatile("wrfsbase %0" ::"r"(msr[FS_BASE]));
		__asm__ volatile("swapgs; wrgsbase %0; swapgs" ::"r"(
					 msr[KERNEL_GS_BASE])
				 : "memory");
	} else {
		wrmsr(MSR_FS_BASE, msr[FS_BASE]);
		wrmsr(MSR_KERNEL_GS_BASE, msr[KERNEL_GS_BASE]);
	}
}

/* The other MSRs as they are; `known`: but those that have not changed. */
static void read_msrs(const struct cpu_features *f, u64 *msr, bool known)
{
	for (u32 i = FIRST_OTHER; i < NR_SWITCHED; i++)
		if (present(f, switched[i].feature) &&
		    (!known || present(f, switched[i].changes)))
			msr[i] = rdmsr(switched[i].msr);
}

static void write_msrs(const struct cpu_features *f, const u64 *from,
		       const u64 *to)
{
	for (u32 i = FIRST_OTHER; i < NR_SWITCHED; i++) {
		u64 value = to[i];

		if (!present(f, switched[i].feature))
			continue;
		if (switched[i].msr == MSR_EFER)	/* follow the host */
			value = (value & ~EFER_SVME) | (from[i] & EFER_SVME);
		if (value != from[i])
			wrmsr(switched[i].msr, value);
	}
}

void cpu_context_load(struct cpu_context *c, struct colinux_side *host,
		      struct colinux_vcpu_area *area,
		      const struct host_light *how)
{
	read_host(host);
	cpu_fix_guest_cr4(&area->side);
	area->side.reload = 1;
	c->fast_bases = how->fsgsbase;
	cpu_split_lock_guest(c, how);
	if (c->features.spec_ctrl)
		c->spec_ctrl = how->spec_ctrl_known ? how->spec_ctrl :
						      rdmsr(MSR_SPEC_CTRL);
	read_bases(c->host.msr, c->fast_bases);
	write_bases(c->guest.msr, c->fast_bases);
	read_msrs(&c->features, c->host.msr,
		  how->cpu >= 0 && how->cpu == c->host_cpu);
	c->host_cpu = how->cpu;
	write_msrs(&c->features, c->host.msr, c->guest.msr);
	/* XRSTOR may load PKRU as well: the host's value comes first. */
	if (c->features.pku)
		c->host.pkru = rdpkru();
	load_xstate(c);
	if (c->features.pku)
		wrpkru(c->guest.pkru);
	c->host.dr7 = read_dr7();
	if (c->host.dr7 != DR7_DISARMED)
		write_dr7(DR7_DISARMED);
	switch_debug(&c->host, &c->guest, 0);
	colinux_stuff_rsb();
}

void cpu_context_save(struct cpu_context *c, struct colinux_side *host,
		      struct colinux_vcpu_area *area)
{
	u32 msrs = load_once(area->msrs);
	u64 armed;

	colinux_stuff_rsb();
	armed = read_dr7();
	if (armed != DR7_DISARMED)
		write_dr7(DR7_DISARMED);
	switch_debug(&c->guest, &c->host, armed);
	if ((armed | c->host.dr7) != DR7_DISARMED)
		write_dr7(armed | c->host.dr7);
	if (c->features.pku) {
		c->guest.pkru = rdpkru();
		wrpkru(c->host.pkru);
	}
	read_msrs(&c->features, c->guest.msr, msrs == COLINUX_MSRS_KNOWN);
	if (msrs == COLINUX_MSRS_WRITTEN)
		store_once(area->msrs, COLINUX_MSRS_KNOWN);
	save_xstate(c);
	read_bases(c->guest.msr, c->fast_bases);
	write_bases(c->host.msr, c->fast_bases);
	/* Still set: the guest was not entered, they are not its own. */
	if (!area->side.reload)
		read_selectors(&area->side);
	if (load_selectors(host, &area->side))
		write_bases(c->host.msr, c->fast_bases);
	write_msrs(&c->features, c->guest.msr, c->host.msr);
	cpu_split_lock_host(c);
}

void cpu_fix_guest_cr4(struct colinux_side *guest)
{
	/* #MC must reach the host; VMXE cannot be cleared in VMX operation. */
	const u64 follow = CR4_MCE | CR4_VMXE | CR4_LA57;

	guest->cr4 = (guest->cr4 & ~follow) | (read_cr4() & follow);
}
