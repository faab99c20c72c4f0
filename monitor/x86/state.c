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

static const struct {
	u32 msr;
	u32 feature;
} switched[] = {
	{ MSR_STAR, ALWAYS },
	{ MSR_LSTAR, ALWAYS },
	{ MSR_CSTAR, ALWAYS },
	{ MSR_SYSCALL_MASK, ALWAYS },
	{ MSR_FS_BASE, ALWAYS },
	{ MSR_KERNEL_GS_BASE, ALWAYS },
	{ MSR_SYSENTER_CS, ALWAYS },
	{ MSR_SYSENTER_ESP, ALWAYS },
	{ MSR_SYSENTER_EIP, ALWAYS },
	{ MSR_EFER, ALWAYS },
	{ MSR_TSC_AUX, FEATURE(rdtscp) },
	{ MSR_SPEC_CTRL, FEATURE(spec_ctrl) },
	{ MSR_XSS, FEATURE(xss) },
	{ MSR_XFD, FEATURE(xfd) },	/* as it was at XSAVE, or XRSTOR faults */
	{ MSR_XFD_ERR, FEATURE(xfd) },
};

#define NR_SWITCHED	(sizeof(switched) / sizeof(switched[0]))
_Static_assert(NR_SWITCHED <= CONTEXT_MSRS, "room for every switched MSR");

static bool present(const struct cpu_features *f, u32 feature)
{
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
		f->spec_ctrl = d >> 26 & 1;
	}
	if (f->xsave) {
		cpuid(0xd, 0, &a, &b, &c, &d);
		f->xsave_size = c;
		cpuid(0xd, 1, &a, &b, &c, &d);
		f->xss = a >> 3 & 1;
		f->xfd = a >> 4 & 1;
	}
	cpuid(0x80000000, 0, &max_ext, &b, &c, &d);
	cpuid(0x80000001, 0, &a, &b, &c, &d);
	f->rdtscp = d >> 27 & 1;
	f->amd_efer = c >> 2 & 1;	/* SVM */
	f->phys_bits = 36;
	if (max_ext >= 0x80000008) {
		cpuid(0x80000008, 0, &a, &b, &c, &d);
		f->phys_bits = a & 0xff;
		f->spec_ctrl |= b >> 14 & 1;	/* AMD IBRS */
		f->spec_ctrl |= b >> 15 & 1;	/* AMD STIBP */
		f->spec_ctrl |= b >> 24 & 1;	/* AMD SSBD */
	}
	f->la57 = (read_cr4() & CR4_LA57) != 0;
}

int cpu_check(const char **why)
{
	u16 cs;

	__asm__("mov %%cs, %0" : "=r"(cs));
	if (read_cr4() & CR4_FRED)
		*why = "the host kernel uses FRED event delivery; boot it with fred=off";
	else if ((cs & 3) != 0)
		*why = "the host kernel does not run in ring 0 (Xen PV guest?)";
	else if (cs >= COLINUX_PASSAGE_TR)
		*why = "the host's code segment selector is out of range";
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
	c->guest.xcr0 = 1;
	for (u32 i = 0; i < NR_SWITCHED; i++)
		if (switched[i].msr == MSR_EFER)
			c->guest.msr[i] = rdmsr(MSR_EFER) & ~EFER_SVME;
}

int cpu_context_init(struct cpu_context *c)
{
	u64 aligned;

	__builtin_memset(c, 0, sizeof(*c));
	read_features(&c->features);
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
	__asm__ volatile("xrstor64 %0" ::"m"(*c->xstate), "a"(~0u), "d"(~0u));
	if (c->guest.xcr0 != c->host.xcr0)
		xsetbv(0, c->guest.xcr0);
}

static void save_xstate(struct cpu_context *c)
{
	if (!c->features.xsave) {
		__asm__ volatile("fxsave64 %0" : "=m"(*c->xstate));
		return;
	}
	c->guest.xcr0 = xgetbv(0);
	if (c->guest.xcr0 != c->host.xcr0)
		xsetbv(0, c->guest.xcr0 | c->host.xcr0);
	__asm__ volatile("xsave64 %0"
			 : "+m"(*c->xstate)
			 : "a"(~0u), "d"(~0u));
	if (c->guest.xcr0 != c->host.xcr0)
		xsetbv(0, c->host.xcr0);
}

static void load_debug(const struct cpu_state *s)
{
	__asm__ volatile("mov %0, %%dr0" ::"r"(s->dr[0]));
	__asm__ volatile("mov %0, %%dr1" ::"r"(s->dr[1]));
	__asm__ volatile("mov %0, %%dr2" ::"r"(s->dr[2]));
	__asm__ volatile("mov %0, %%dr3" ::"r"(s->dr[3]));
	__asm__ volatile("mov %0, %%dr6" ::"r"(s->dr6));
}

static void save_debug(struct cpu_state *s)
{
	__asm__ volatile("mov %%dr0, %0" : "=r"(s->dr[0]));
	__asm__ volatile("mov %%dr1, %0" : "=r"(s->dr[1]));
	__asm__ volatile("mov %%dr2, %0" : "=r"(s->dr[2]));
	__asm__ volatile("mov %%dr3, %0" : "=r"(s->dr[3]));
	__asm__ volatile("mov %%dr6, %0" : "=r"(s->dr6));
}

void cpu_context_load(struct cpu_context *c, const struct colinux_side *guest)
{
	for (u32 i = 0; i < NR_SWITCHED; i++) {
		u64 value = c->guest.msr[i];

		if (!present(&c->features, switched[i].feature))
			continue;
		c->host.msr[i] = rdmsr(switched[i].msr);
		/* KVM turns SVM on and off per CPU: follow the host. */
		if (switched[i].msr == MSR_EFER)
			value = (value & ~EFER_SVME) |
				(c->host.msr[i] & EFER_SVME);
		if (value != c->host.msr[i])
			wrmsr(switched[i].msr, value);
	}
	/* XRSTOR may load PKRU as well: the host's value comes first. */
	if (c->features.pku)
		c->host.pkru = rdpkru();
	load_xstate(c);
	if (c->features.pku)
		wrpkru(c->guest.pkru);
	if (guest->dr7 != DR7_DISARMED || read_dr7() != DR7_DISARMED) {
		save_debug(&c->host);
		load_debug(&c->guest);
	}
}

void cpu_context_save(struct cpu_context *c, const struct colinux_side *guest)
{
	if (guest->dr7 != DR7_DISARMED || read_dr7() != DR7_DISARMED) {
		save_debug(&c->guest);
		load_debug(&c->host);
	}
	if (c->features.pku) {
		c->guest.pkru = rdpkru();
		wrpkru(c->host.pkru);
	}
	save_xstate(c);
	for (u32 i = 0; i < NR_SWITCHED; i++) {
		if (!present(&c->features, switched[i].feature))
			continue;
		c->guest.msr[i] = rdmsr(switched[i].msr);
		if (c->guest.msr[i] != c->host.msr[i])
			wrmsr(switched[i].msr, c->host.msr[i]);
	}
}

void cpu_fix_guest_cr4(struct colinux_side *guest)
{
	/* #MC must reach the host; VMXE cannot be cleared in VMX operation. */
	const u64 follow = CR4_MCE | CR4_VMXE | CR4_LA57;

	guest->cr4 = (guest->cr4 & ~follow) | (read_cr4() & follow);
}
