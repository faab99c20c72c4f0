// SPDX-License-Identifier: GPL-2.0
/*
 * Io*, Ob*, Ps*, Rtl*, Zw* that are not in ke.c and mm.c, and the table of all
 * imports.
 */
#include <linux/sched/signal.h>
#include <linux/spinlock.h>
#include "shim.h"

struct shim_counts counts;
/* The exported variable: what is in it is the type, on NT. */
#define EVENT_TYPE ((void *)1)
POBJECT_TYPE *ExEventObjectType = EVENT_TYPE;

static const struct {
	const char *name;
	atomic_t *n;
} all[] = {
	{ "pool blocks", &counts.pool },
	{ "MDLs", &counts.mdls },
	{ "page frames", &counts.frames },
	{ "mappings", &counts.mappings },
	{ "references", &counts.references },
	{ "threads", &counts.threads },
	{ "devices", &counts.devices },
	{ "links", &counts.links },
	{ "notify routines", &counts.notifies },
	{ "timer resolutions", &counts.resolutions },
	{ "timers", &counts.timers },
};

int counts_text(char *text, size_t room)
{
	int length = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		length += scnprintf(text + length, room - length, "%s%d %s",
				    i ? ", " : "", atomic_read(all[i].n),
				    all[i].name);
	length += scnprintf(text + length, room - length, "\n");
	return length;
}

unsigned int counts_report(void)
{
	unsigned int left = 0;

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		int n = atomic_read(all[i].n);

		if (n)
			pr_err("ntshim: %d %s not given back\n", n,
			       all[i].name);
		left += n != 0;
	}
	return left;
}

/* ---- I/O ---- */

NTAPI NTSTATUS IoCreateDevice(PDRIVER_OBJECT driver, ULONG extension,
			      PUNICODE_STRING name, ULONG type,
			      ULONG characteristics, BOOLEAN exclusive,
			      PDEVICE_OBJECT *device)
{
	*device = kzalloc(sizeof(**device), GFP_KERNEL);
	if (!*device)
		return STATUS_INSUFFICIENT_RESOURCES;
	(*device)->DriverObject = driver;
	driver->DeviceObject = *device;
	atomic_inc(&counts.devices);
	return STATUS_SUCCESS;
}

NTAPI VOID IoDeleteDevice(PDEVICE_OBJECT device)
{
	kfree(device);
	atomic_dec(&counts.devices);
}

NTAPI NTSTATUS IoCreateSymbolicLink(PUNICODE_STRING link, PUNICODE_STRING name)
{
	atomic_inc(&counts.links);
	return STATUS_SUCCESS;
}

NTAPI NTSTATUS IoDeleteSymbolicLink(PUNICODE_STRING link)
{
	atomic_dec(&counts.links);
	return STATUS_SUCCESS;
}

NTAPI VOID IofCompleteRequest(PIRP irp, CCHAR boost)
{
	irp->PendingReturned = TRUE;	/* main.c checks: completed once */
}

NTAPI PVOID IoAllocateErrorLogEntry(PVOID object, UCHAR size)
{
	return size > ERROR_LOG_MAXIMUM_SIZE ? NULL :
					       kmalloc(size, GFP_ATOMIC);
}

NTAPI VOID IoWriteErrorLogEntry(PVOID entry)
{
	IO_ERROR_LOG_PACKET *p = entry;
	const WCHAR *w = entry + p->StringOffset;
	char text[ERROR_LOG_MAXIMUM_SIZE];
	unsigned int i;

	for (i = 0; w[i] && i < sizeof(text) - 1; i++)
		text[i] = (char)w[i];
	text[i] = 0;
	pr_notice("colinux.sys: event %x: %s\n", (u32)p->ErrorCode, text);
	kfree(entry);
}

NTAPI ULONG DbgPrint(PCSTR fmt, ...)
{
	return 0;	/* the event log has it, too */
}

/* ---- objects ---- */

NTAPI NTSTATUS ObOpenObjectByPointer(PVOID object, ULONG attributes,
				     PVOID access_state, ACCESS_MASK access,
				     POBJECT_TYPE type, KPROCESSOR_MODE mode,
				     PHANDLE handle)
{
	*handle = NULL;		/* ZwClose() knows */
	return access == WRITE_DAC ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

NTAPI NTSTATUS ObReferenceObjectByHandle(HANDLE handle, ACCESS_MASK access,
					 POBJECT_TYPE type,
					 KPROCESSOR_MODE mode, PVOID *object,
					 PVOID information)
{
	if (mode == KernelMode) {
		/* The thread that was just made; the handle's turns into it. */
		*object = handle;
	} else if (type != EVENT_TYPE) {
		return STATUS_OBJECT_TYPE_MISMATCH;
	} else {
		*object = event_from_fd((int)(long)handle,
					access & SYNCHRONIZE);
		if (IS_ERR(*object))
			return STATUS_INVALID_HANDLE;
	}
	atomic_inc(&counts.references);
	return STATUS_SUCCESS;
}

NTAPI NTSTATUS ZwClose(HANDLE handle)
{
	return STATUS_SUCCESS;
}

NTAPI LONGLONG ObfReferenceObject(PVOID object)
{
	atomic_inc(&counts.references);
	return 1;
}

NTAPI LONGLONG ObfDereferenceObject(PVOID object)
{
	atomic_dec(&counts.references);
	if (object == current->signal)
		return 1;	/* a process */
	if (is_fd_event(object))
		event_put(object);
	else if (is_thread(object))
		thread_put(object);
	return 0;
}

NTAPI NTSTATUS ZwSetSecurityObject(HANDLE handle, ULONG information,
				   PSECURITY_DESCRIPTOR descriptor)
{
	const USHORT *control = descriptor + 2;

	return *control & SE_DACL_PRESENT ? STATUS_SUCCESS :
					    STATUS_UNSUCCESSFUL;
}

/* ---- processes ---- */

NTAPI PEPROCESS IoGetCurrentProcess(void)
{
	return (PEPROCESS)current->signal;
}

NTAPI HANDLE PsGetCurrentProcessId(void)
{
	return (HANDLE)(long)current->tgid;
}

NTAPI NTSTATUS PsSetCreateProcessNotifyRoutine(
	CREATE_PROCESS_NOTIFY_ROUTINE *routine, BOOLEAN remove)
{
	if (remove)
		atomic_dec(&counts.notifies);
	else
		atomic_inc(&counts.notifies);
	return STATUS_SUCCESS;
}

NTAPI VOID KeStackAttachProcess(PKPROCESS process, PKAPC_STATE state)
{
}

NTAPI VOID KeUnstackDetachProcess(PKAPC_STATE state)
{
}

/* main.c passes kernel memory only. */
NTAPI VOID ProbeForWrite(PVOID address, SIZE_T size, ULONG alignment)
{
}

NTAPI int __C_specific_handler(PVOID record, PVOID frame, PVOID context,
			       PVOID dispatcher);
NTAPI int __C_specific_handler(PVOID record, PVOID frame, PVOID context,
			       PVOID dispatcher)
{
	return 1;
}

/* ---- the rest ---- */

NTAPI NTSTATUS RtlGetVersion(RTL_OSVERSIONINFOW *version)
{
	version->dwMajorVersion = old_nt ? 5 : 10;
	version->dwMinorVersion = old_nt ? 2 : 0;
	return STATUS_SUCCESS;
}

NTAPI NTSTATUS RtlDeleteRegistryValue(ULONG relative, PCWSTR path, PCWSTR name)
{
	return STATUS_OBJECT_NAME_NOT_FOUND;
}

NTAPI NTSTATUS RtlWriteRegistryValue(ULONG relative, PCWSTR path, PCWSTR name,
				     ULONG type, PVOID data, ULONG size)
{
	return STATUS_SUCCESS;
}

NTAPI NTSTATUS ZwQuerySystemInformation(ULONG class, PVOID buffer, ULONG size,
					PULONG needed)
{
	/* SYSTEM_PERFORMANCE_INFORMATION.AvailablePages */
	if (class != 2 || size < 344)
		return STATUS_INVALID_INFO_CLASS;
	memset(buffer, 0, size);
	((ULONG *)buffer)[11] = si_mem_available();
	return STATUS_SUCCESS;
}

NTAPI ULONG KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER number);
NTAPI NTSTATUS KeGetProcessorNumberFromIndex(ULONG i, PPROCESSOR_NUMBER number);
NTAPI NTSTATUS KeSetTargetProcessorDpcEx(PKDPC dpc, PPROCESSOR_NUMBER number);
NTAPI VOID KeQuerySystemTimePrecise(PLARGE_INTEGER time);
NTAPI PVOID ExAllocateTimer(VOID (NTAPI *callback)(PVOID, PVOID), PVOID context,
			    ULONG attributes);
NTAPI BOOLEAN ExSetTimer(PVOID timer, LONGLONG due, LONGLONG period,
			 PVOID parameters);
NTAPI BOOLEAN ExCancelTimer(PVOID timer, PVOID parameters);
NTAPI BOOLEAN ExDeleteTimer(PVOID timer, BOOLEAN cancel_it, BOOLEAN wait,
			    PVOID parameters);

#define F(name) { #name, name }

/* Looked up at run time.  The first two cannot be done without here. */
static const struct routine {
	const char *name;
	void *function;
} routines[] = {
	F(KeGetCurrentProcessorNumberEx),
	F(KeQuerySystemTimePrecise),
	F(KeGetProcessorNumberFromIndex),
	F(KeSetTargetProcessorDpcEx),
	F(ExAllocateTimer),
	F(ExSetTimer),
	F(ExCancelTimer),
	F(ExDeleteTimer),
};

NTAPI PVOID MmGetSystemRoutineAddress(PUNICODE_STRING name)
{
	size_t n = old_nt ? 2 : ARRAY_SIZE(routines);

	for (size_t i = 0; i < n; i++) {
		const char *s = routines[i].name;
		size_t len = strlen(s), j = 0;

		while (j < len && name->Length == 2 * len &&
		       name->Buffer[j] == (u8)s[j])
			j++;
		if (j == len)
			return routines[i].function;
	}
	return NULL;
}

static const struct routine imports[] = {
	F(DbgPrint),
	F(ExAllocatePoolWithTag),
	{ "ExEventObjectType", &ExEventObjectType },
	F(ExFreePool),
	F(ExFreePoolWithTag),
	F(ExSetTimerResolution),
	F(IoAcquireCancelSpinLock),
	F(IoAllocateErrorLogEntry),
	F(IoAllocateMdl),
	F(IoCreateDevice),
	F(IoCreateSymbolicLink),
	F(IoDeleteDevice),
	F(IoDeleteSymbolicLink),
	F(IoFreeMdl),
	F(IoGetCurrentProcess),
	F(IoReleaseCancelSpinLock),
	F(IoWriteErrorLogEntry),
	F(IofCompleteRequest),
	F(KeAcquireSpinLockRaiseToDpc),
	F(KeCancelTimer),
	F(KeClearEvent),
	F(KeDelayExecutionThread),
	F(KeFlushQueuedDpcs),
	F(KeGetCurrentThread),
	F(KeInitializeDpc),
	F(KeInitializeEvent),
	F(KeInitializeMutex),
	F(KeInitializeTimer),
	F(KeInsertQueueDpc),
	F(KeLowerIrql),
	F(KeQueryPerformanceCounter),
	F(KeReleaseMutex),
	F(KeReleaseSpinLock),
	F(KeRemoveQueueDpc),
	F(KeSetEvent),
	F(KeSetImportanceDpc),
	F(KeSetTargetProcessorDpc),
	F(KeSetTimer),
	F(KeStackAttachProcess),
	F(KeUnstackDetachProcess),
	F(KeWaitForMultipleObjects),
	F(KeWaitForSingleObject),
	F(KfRaiseIrql),
	F(MmAllocatePagesForMdlEx),
	F(MmFreePagesFromMdl),
	F(MmGetPhysicalAddress),
	F(MmGetPhysicalMemoryRanges),
	F(MmGetSystemRoutineAddress),
	F(MmMapIoSpace),
	F(MmMapLockedPagesSpecifyCache),
	F(MmUnmapIoSpace),
	F(MmUnmapLockedPages),
	F(ObOpenObjectByPointer),
	F(ObReferenceObjectByHandle),
	F(ObfDereferenceObject),
	F(ObfReferenceObject),
	F(ProbeForWrite),
	F(PsCreateSystemThread),
	F(PsGetCurrentProcessId),
	F(PsIsThreadTerminating),
	F(PsSetCreateProcessNotifyRoutine),
	F(PsTerminateSystemThread),
	F(RtlDeleteRegistryValue),
	F(RtlGetVersion),
	F(RtlWriteRegistryValue),
	F(ZwAllocateVirtualMemory),
	F(ZwClose),
	F(ZwFreeVirtualMemory),
	F(ZwQuerySystemInformation),
	F(ZwSetSecurityObject),
	F(ZwYieldExecution),
	F(__C_specific_handler),
};

void *find_import(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(imports); i++)
		if (!strcmp(name, imports[i].name))
			return imports[i].function;
	return NULL;
}
