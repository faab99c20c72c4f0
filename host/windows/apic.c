// SPDX-License-Identifier: GPL-2.0
/* The local APIC: the monitor reads which interrupt is in service. */
#include "driver.h"
#include "cpu.h"

/* SDM vol. 3, 11.4.4, 11.12.1, tables 11-1 and 11-6. */
#define MSR_APIC_BASE		0x1b
#define MSR_X2APIC_ISR		0x810
#define APIC_ISR		0x100
#define APIC_STEP		0x10
#define APIC_BASE_X2APIC	(1ull << 10)
#define APIC_BASE_ADDRESS	0xffffffffff000ull

static void *registers;		/* NULL: x2APIC mode */

NTSTATUS apic_init(void)
{
	u64 base = cpu_rdmsr(MSR_APIC_BASE);
	PHYSICAL_ADDRESS at = { .QuadPart = (LONGLONG)(base & APIC_BASE_ADDRESS) };

	if (base & APIC_BASE_X2APIC)
		return STATUS_SUCCESS;
	registers = MmMapIoSpace(at, PAGE_SIZE, MmNonCached);
	return registers ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

void apic_exit(void)
{
	if (registers)
		MmUnmapIoSpace(registers, PAGE_SIZE);
	registers = NULL;
}

/* Any IRQL, IF=0. */
u32 host_apic_isr(u32 index)
{
	if (!registers)
		return (u32)cpu_rdmsr(MSR_X2APIC_ISR + index);
	return *(volatile u32 *)((u8 *)registers + APIC_ISR +
				 index * APIC_STEP);
}
