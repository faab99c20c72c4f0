// SPDX-License-Identifier: GPL-2.0
/*
 * Functions that NT 5.2 does not export, found by name at run time, and what
 * its version allows.  The driver's static imports are all in NT 5.2
 * (tests/windows/imports).
 */
#include "driver.h"

struct nt_routines nt;

/* PASSIVE_LEVEL. */
static void *find(PCWSTR name, ULONG bytes)
{
	UNICODE_STRING string = {
		.Length = (USHORT)bytes,
		.MaximumLength = (USHORT)bytes,
		.Buffer = (PWSTR)name,
	};

	return MmGetSystemRoutineAddress(&string);
}

#define FIND(field, name) \
	nt.field = (__typeof__(nt.field))find(name, sizeof(name) - 2)

void nt_find_routines(void)
{
	RTL_OSVERSIONINFOW version = {
		.dwOSVersionInfoSize = sizeof(version),
	};
	ULONG v = 0x0502;

	if (NT_SUCCESS(RtlGetVersion(&version)))
		v = version.dwMajorVersion << 8 | version.dwMinorVersion;
	nt.pool = v >= 0x0602 ? (POOL_TYPE)NT_POOL_NX : NonPagedPool;
	nt.map_flags = v >= 0x0602 ? NT_MDL_NO_EXECUTE : 0;
	nt.contiguous_chunks = v >= 0x0601;
	nt.cancel_by_apc = v < 0x0600;

	FIND(current_processor, L"KeGetCurrentProcessorNumberEx");
	FIND(set_target_processor, L"KeSetTargetProcessorDpcEx");
	FIND(processor_from_index, L"KeGetProcessorNumberFromIndex");
	FIND(precise_time, L"KeQuerySystemTimePrecise");
	FIND(allocate_timer, L"ExAllocateTimer");
	FIND(set_timer, L"ExSetTimer");
	FIND(cancel_timer, L"ExCancelTimer");
	FIND(delete_timer, L"ExDeleteTimer");
	/* Each group is used whole or not at all. */
	if (!nt.set_target_processor || !nt.processor_from_index)
		nt.set_target_processor = NULL;
	if (!nt.set_timer || !nt.cancel_timer || !nt.delete_timer)
		nt.allocate_timer = NULL;
}
