// SPDX-License-Identifier: GPL-2.0
/*
 * Machines on which the driver must not run, each with a sentence for the
 * event log and for the user (value "Refused" of the service's registry key).
 *
 * A driver that Secure Boot or code integrity does not accept is never loaded:
 * those cases are explained by the installer and `colinux driver status`.
 */
#include "driver.h"
#include "cpu.h"
#include "x86/context.h"

#define CR4_CET		(1ull << 23)
#define MSR_S_CET	0x6a2		/* SDM vol. 4 */
#define S_CET_SH_STK	1
#define REASON_CHARS	160

/* Memory integrity: page tables and code belong to the secure kernel. */
static bool hvci(void)
{
	struct nt_code_integrity ci = { .length = sizeof(ci) };
	struct nt_isolated_user_mode ium = { 0 };

	if (NT_SUCCESS(ZwQuerySystemInformation(NT_CODE_INTEGRITY, &ci,
						sizeof(ci), NULL)) &&
	    ci.options & NT_CI_HVCI)
		return true;
	return NT_SUCCESS(ZwQuerySystemInformation(
		       NT_ISOLATED_USER_MODE, &ium, sizeof(ium), NULL)) &&
	       ium.flags & 2;
}

/* Virtualization-based security: MSRs and control registers are guarded. */
static bool vbs(void)
{
	struct nt_isolated_user_mode ium = { 0 };

	return NT_SUCCESS(ZwQuerySystemInformation(
		       NT_ISOLATED_USER_MODE, &ium, sizeof(ium), NULL)) &&
	       ium.flags & 1;
}

static bool cpuid_bit(u32 leaf, u32 sub, u32 reg, u32 bit)
{
	u32 r[4];

	cpu_cpuid(leaf & 0x80000000, 0, r);
	if (r[0] < leaf)
		return false;
	cpu_cpuid(leaf, sub, r);
	return r[reg] >> bit & 1;
}

const char *refusal(void)
{
	const char *why = NULL;

	if (hvci())
		return "memory integrity (HVCI) is on: turn it off under Windows Security, Device security, Core isolation, and restart";
	if (vbs())
		return "virtualization-based security runs: turn it off (Device Guard policy, Credential Guard) and restart";
	if (!cpuid_bit(1, 0, 3, 4))
		return "this CPU has no time-stamp counter";
	if (!cpuid_bit(1, 0, 3, 24))
		return "this CPU has no FXSAVE";
	if (cpu_check(&why))
		return why;
	if (cpu_cr4() & CR4_CET && cpu_rdmsr(MSR_S_CET) & S_CET_SH_STK)
		return "kernel-mode hardware-enforced stack protection is on: turn it off under Windows Security, Device security, Core isolation, and restart";
	return NULL;
}

void publish_refusal(PUNICODE_STRING registry_path, const char *why)
{
	static const WCHAR name[] = L"Refused";
	WCHAR path[256], text[REASON_CHARS];
	u32 n;

	/* RtlWriteRegistryValue() wants a NUL, UNICODE_STRING has none. */
	n = registry_path->Length / sizeof(WCHAR);
	if (n >= sizeof(path) / sizeof(path[0]))
		return;
	memcpy(path, registry_path->Buffer, n * sizeof(WCHAR));
	path[n] = 0;
	if (!why) {
		RtlDeleteRegistryValue(RTL_REGISTRY_ABSOLUTE, path, name);
		return;
	}
	for (n = 0; why[n] && n < REASON_CHARS - 1; n++)
		text[n] = (u8)why[n];
	text[n++] = 0;
	RtlWriteRegistryValue(RTL_REGISTRY_ABSOLUTE, path, name, REG_SZ, text,
			      n * sizeof(WCHAR));
}
