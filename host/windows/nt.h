/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The NT kernel as this driver sees it: the DDK's declarations, a few that
 * the DDK lacks, and the functions younger than NT 5.2 that are looked up at
 * run time (routines.c).
 *
 * Nothing here or in the other files may use the KPCR or other structures that
 * Microsoft does not document for all versions; where there is no other way on
 * an old NT the place says so.
 */
#ifndef HOST_WINDOWS_NT_H
#define HOST_WINDOWS_NT_H

#include <ntifs.h>

#define POOL_TAG	0x496c6f63	/* "colI", as the debugger shows it */

/* Values of flags that the DDK at hand may lack (WDK documentation). */
#define NT_POOL_NX		512		/* NonPagedPoolNx, NT 6.2 */
#define NT_MDL_NO_EXECUTE	0x40000000	/* MdlMappingNoExecute, NT 6.2 */
#define NT_MM_REQUIRE_CHUNKS	0x20	/* MM_ALLOCATE_REQUIRE_CONTIGUOUS_CHUNKS */
#define NT_MM_FULLY_REQUIRED	0x04	/* MM_ALLOCATE_FULLY_REQUIRED, NT 6.0 */
#define NT_TIMER_HIGH_RES	4		/* EX_TIMER_HIGH_RESOLUTION */

/* ZwQuerySystemInformation() classes. */
#define NT_PERFORMANCE		2
#define NT_CODE_INTEGRITY	103	/* since NT 6.0 */
#define NT_ISOLATED_USER_MODE	165	/* since NT 10.0 */
#define NT_CI_HVCI		0x400	/* CODEINTEGRITY_OPTION_HVCI_KMCI_ENABLED */

/* The beginning of SYSTEM_PERFORMANCE_INFORMATION; it grows with NT. */
struct nt_performance {
	ULONGLONG idle, bytes[3];
	ULONG operations[3];
	ULONG available_pages;
	UCHAR rest[512 - 48];
};
_Static_assert(__builtin_offsetof(struct nt_performance, available_pages) == 44,
	       "SYSTEM_PERFORMANCE_INFORMATION");

struct nt_code_integrity {
	ULONG length;
	ULONG options;
};

/* Bytes of the answer to NT_ISOLATED_USER_MODE. */
struct nt_isolated_user_mode {
	UCHAR flags;		/* bit 0 secure kernel runs, bit 1 HVCI */
	UCHAR rest[15];
};

/* mingw's DDK does not declare it. */
NTSYSAPI NTSTATUS NTAPI ZwQuerySystemInformation(ULONG class, PVOID buffer,
						 ULONG size, PULONG needed);

/*
 * Exports that the DDK replaces by inline functions, which read the KPCR or
 * write CR8 behind the kernel's back.
 */
NTSYSAPI PETHREAD NTAPI nt_current_thread(VOID) __asm__("KeGetCurrentThread");
NTSYSAPI KIRQL NTAPI nt_raise_irql(KIRQL irql) __asm__("KfRaiseIrql");
NTSYSAPI VOID NTAPI nt_lower_irql(KIRQL irql) __asm__("KeLowerIrql");

typedef VOID NTAPI nt_timer_callback(PVOID timer, PVOID context);

/* Since NT 6.0 and later; NULL where the system does not have it. */
struct nt_routines {
	/* NT 6.1: all processor groups. */
	ULONG(NTAPI *current_processor)(PPROCESSOR_NUMBER number);
	NTSTATUS(NTAPI *set_target_processor)(PKDPC dpc,
					      PPROCESSOR_NUMBER number);
	NTSTATUS(NTAPI *processor_from_index)(ULONG index,
					      PPROCESSOR_NUMBER number);
	/* NT 6.2 */
	VOID(NTAPI *precise_time)(PLARGE_INTEGER time);
	/* NT 6.3: timers finer than the clock interrupt. */
	PVOID(NTAPI *allocate_timer)(nt_timer_callback *callback, PVOID context,
				     ULONG attributes);
	BOOLEAN(NTAPI *set_timer)(PVOID timer, LONGLONG due, LONGLONG period,
				  PVOID parameters);
	BOOLEAN(NTAPI *cancel_timer)(PVOID timer, PVOID parameters);
	BOOLEAN(NTAPI *delete_timer)(PVOID timer, BOOLEAN cancel, BOOLEAN wait,
				     PVOID parameters);
	/* What the version allows. */
	POOL_TYPE pool;		/* NonPagedPoolNx if there is one */
	ULONG map_flags;	/* added to a mapping's priority */
	BOOLEAN contiguous_chunks;	/* NT_MM_REQUIRE_CHUNKS is known */
	BOOLEAN cancel_by_apc;	/* programs have no CancelIoEx() */
};
extern struct nt_routines nt;

/* A constant UNICODE_STRING. */
#define NT_STRING(s)                                                     \
	{                                                                \
		.Length = sizeof(s) - 2, .MaximumLength = sizeof(s),     \
		.Buffer = (PWSTR)(s)                                     \
	}

/* guard.S */
/*
 * Call fn(arg) and return what it returns, or STATUS_UNHANDLED_EXCEPTION if it
 * raises an exception.  fn may hold no lock. IRQL: fn's.
 */
NTSTATUS NTAPI nt_guarded(NTSTATUS(NTAPI *fn)(void *arg), void *arg);

#endif
