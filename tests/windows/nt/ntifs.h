/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The part of NT's documented x86-64 interface that colinux.sys uses, in our
 * own words: for the fake NT of the unit tests (native calling convention)
 * and, with NT_SHIM, for the module that loads the PE file into a Linux kernel
 * (Microsoft's).  layout.t checks sizes and offsets against mingw's DDK.
 *
 * Members that colinux.sys does not touch are there as padding only.
 */
#ifndef TESTS_WINDOWS_NTIFS_H
#define TESTS_WINDOWS_NTIFS_H

#ifdef NT_SHIM
#define NTAPI __attribute__((ms_abi))
#else
#define NTAPI
#endif
#define NTSYSAPI
#define NTKERNELAPI
#define VOID void
#ifndef NULL
#define NULL ((void *)0)
#endif
#ifndef TRUE
#define TRUE 1
#define FALSE 0
#endif

#ifndef NT_SHIM
void *memset(void *to, int value, __SIZE_TYPE__ n);
void *memcpy(void *to, const void *from, __SIZE_TYPE__ n);
void *memmove(void *to, const void *from, __SIZE_TYPE__ n);
#endif

typedef unsigned char UCHAR, BOOLEAN, KIRQL;
typedef signed char CCHAR;
typedef char KPROCESSOR_MODE;
typedef short CSHORT;
typedef unsigned short USHORT;
typedef int LONG, NTSTATUS, *PLONG;
typedef unsigned int ULONG, *PULONG, ACCESS_MASK, DWORD;
typedef long long LONGLONG;
typedef unsigned long long ULONGLONG, ULONG_PTR, SIZE_T, *PSIZE_T, PFN_NUMBER;
typedef PFN_NUMBER *PPFN_NUMBER;
typedef ULONG_PTR KAFFINITY, KSPIN_LOCK, *PKSPIN_LOCK;
typedef void *PVOID, *HANDLE, **PHANDLE, *PSECURITY_DESCRIPTOR;
typedef unsigned short WCHAR, *PWSTR;
typedef const unsigned short *PCWSTR;
typedef const char *PCSTR;
typedef int POOL_TYPE, MEMORY_CACHING_TYPE, EVENT_TYPE, WAIT_TYPE,
	KWAIT_REASON, KDPC_IMPORTANCE, LOCK_OPERATION;

typedef union {
	struct {
		ULONG LowPart;
		LONG HighPart;
	} u;
	LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER, PHYSICAL_ADDRESS;

typedef struct _LIST_ENTRY {
	struct _LIST_ENTRY *Flink, *Blink;
} LIST_ENTRY, *PLIST_ENTRY;

typedef struct {
	USHORT Length, MaximumLength;
	PWSTR Buffer;
} UNICODE_STRING, *PUNICODE_STRING;

/* ---- dispatcher objects ---- */

typedef struct {
	UCHAR Type, Absolute, Size, Inserted;
	LONG SignalState;
	LIST_ENTRY WaitListHead;
} DISPATCHER_HEADER;

typedef struct {
	DISPATCHER_HEADER Header;
} KEVENT, *PKEVENT;

typedef struct {
	DISPATCHER_HEADER Header;
	LIST_ENTRY MutantListEntry;
	PVOID OwnerThread;
	UCHAR Abandoned, ApcDisable;
} KMUTEX, *PKMUTEX;

typedef struct {
	DISPATCHER_HEADER Header;
	ULONGLONG DueTime;
	LIST_ENTRY TimerListEntry;
	struct _KDPC *Dpc;
	ULONG Processor, Period;
} KTIMER, *PKTIMER;

typedef VOID NTAPI KDEFERRED_ROUTINE(struct _KDPC *dpc, PVOID context, PVOID a,
				     PVOID b);
typedef struct _KDPC {
	UCHAR Type, Importance;
	USHORT Number;
	LIST_ENTRY DpcListEntry;
	KDEFERRED_ROUTINE *DeferredRoutine;
	PVOID DeferredContext, SystemArgument1, SystemArgument2, DpcData;
} KDPC, *PKDPC;

typedef struct {
	PVOID pad[6];
} KWAIT_BLOCK, *PKWAIT_BLOCK, KAPC_STATE, *PKAPC_STATE;

typedef struct _ETHREAD *PETHREAD;
typedef struct _EPROCESS *PEPROCESS, *PKPROCESS;
typedef struct _OBJECT_TYPE *POBJECT_TYPE;

typedef struct {
	USHORT Group;
	UCHAR Number, Reserved;
} PROCESSOR_NUMBER, *PPROCESSOR_NUMBER;

enum { NotificationEvent, SynchronizationEvent };
enum { WaitAll, WaitAny };
enum { KernelMode, UserMode };
enum { Executive, UserRequest = 6 };
enum { LowImportance, MediumImportance, HighImportance };

#define APC_LEVEL		1
#define DISPATCH_LEVEL		2
#define IO_NO_INCREMENT		0

/* ---- memory ---- */

typedef struct _MDL {
	struct _MDL *Next;
	CSHORT Size, MdlFlags;
	PVOID Process, MappedSystemVa, StartVa;
	ULONG ByteCount, ByteOffset;
} MDL, *PMDL;

typedef struct {
	PHYSICAL_ADDRESS BaseAddress;
	LARGE_INTEGER NumberOfBytes;
} PHYSICAL_MEMORY_RANGE, *PPHYSICAL_MEMORY_RANGE;

#define PAGE_SHIFT_NT		12
#ifndef PAGE_SIZE
#define PAGE_SIZE		4096
#endif
#define MDL_PAGES_LOCKED	2
#define NonPagedPool		0
#define MmNonCached		0
#define MmCached		1
#define NormalPagePriority	16
#define MEM_RESERVE		0x2000
#define MEM_RELEASE		0x8000
#define MEM_TOP_DOWN		0x100000
#define PAGE_NOACCESS		1
#define NtCurrentProcess()	((HANDLE)-1ll)
#define MmGetMdlPfnArray(mdl)	((PPFN_NUMBER)((mdl) + 1))
#define MmGetMdlByteCount(mdl)	((mdl)->ByteCount)

/* ---- I/O ---- */

typedef struct _DRIVER_OBJECT DRIVER_OBJECT, *PDRIVER_OBJECT;
typedef struct _DEVICE_OBJECT DEVICE_OBJECT, *PDEVICE_OBJECT;
typedef struct _FILE_OBJECT FILE_OBJECT, *PFILE_OBJECT;
typedef struct _IRP IRP, *PIRP;

typedef NTSTATUS NTAPI DRIVER_DISPATCH(PDEVICE_OBJECT device, PIRP irp);
typedef VOID NTAPI DRIVER_CANCEL(PDEVICE_OBJECT device, PIRP irp);
typedef VOID NTAPI DRIVER_UNLOAD(PDRIVER_OBJECT driver);
typedef VOID NTAPI KSTART_ROUTINE(PVOID context);
typedef VOID NTAPI CREATE_PROCESS_NOTIFY_ROUTINE(HANDLE parent, HANDLE pid,
						 BOOLEAN create);

#define IRP_MJ_CREATE		0
#define IRP_MJ_CLOSE		2
#define IRP_MJ_DEVICE_CONTROL	14
#define IRP_MJ_CLEANUP		18

struct _DRIVER_OBJECT {
	CSHORT Type, Size;
	PDEVICE_OBJECT DeviceObject;
	ULONG Flags;
	PVOID DriverStart;
	ULONG DriverSize;
	PVOID DriverSection, DriverExtension;
	UNICODE_STRING DriverName;
	PVOID HardwareDatabase, FastIoDispatch, DriverInit, DriverStartIo;
	DRIVER_UNLOAD *DriverUnload;
	DRIVER_DISPATCH *MajorFunction[28];
};

struct _DEVICE_OBJECT {
	CSHORT Type;
	USHORT Size;
	LONG ReferenceCount;
	PDRIVER_OBJECT DriverObject;
};

struct _FILE_OBJECT {
	CSHORT Type, Size;
	PDEVICE_OBJECT DeviceObject;
	PVOID Vpb, FsContext, FsContext2, SectionObjectPointer,
		PrivateCacheMap;
	NTSTATUS FinalStatus;
	PFILE_OBJECT RelatedFileObject;
	UCHAR Flags8[8];
	ULONG Flags, pad;
	UNICODE_STRING FileName;
};

typedef struct {
	UCHAR MajorFunction, MinorFunction, Flags, Control;
	union {
		struct {
			ULONG OutputBufferLength, pad0, InputBufferLength,
				pad1, IoControlCode, pad2;
			PVOID Type3InputBuffer;
		} DeviceIoControl;
	} Parameters;
	PDEVICE_OBJECT DeviceObject;
	PFILE_OBJECT FileObject;
	PVOID CompletionRoutine, Context;
} IO_STACK_LOCATION, *PIO_STACK_LOCATION;

struct _IRP {
	CSHORT Type;
	USHORT Size;
	PMDL MdlAddress;
	ULONG Flags;
	union {
		PVOID SystemBuffer;
	} AssociatedIrp;
	LIST_ENTRY ThreadListEntry;
	struct {
		NTSTATUS Status;
		ULONG_PTR Information;
	} IoStatus;
	CCHAR RequestorMode;
	BOOLEAN PendingReturned;
	CCHAR StackCount, CurrentLocation;
	BOOLEAN Cancel;
	KIRQL CancelIrql;
	CCHAR ApcEnvironment;
	UCHAR AllocationFlags;
	PVOID UserIosb, UserEvent, Overlay[2];
	DRIVER_CANCEL *CancelRoutine;
	PVOID UserBuffer;
	union {
		struct {
			PVOID DriverContext[4];
			PETHREAD Thread;
			PVOID AuxiliaryBuffer;
			LIST_ENTRY ListEntry;
			PIO_STACK_LOCATION CurrentStackLocation;
			PFILE_OBJECT OriginalFileObject;
			PVOID pad;
		} Overlay;
	} Tail;
};

typedef struct {
	UCHAR MajorFunctionCode, RetryCount;
	USHORT DumpDataSize, NumberOfStrings, StringOffset, EventCategory;
	NTSTATUS ErrorCode;
	ULONG UniqueErrorValue;
	NTSTATUS FinalStatus;
	ULONG SequenceNumber, IoControlCode;
	LARGE_INTEGER DeviceOffset;
	ULONG DumpData[1];
} IO_ERROR_LOG_PACKET;

#define ERROR_LOG_MAXIMUM_SIZE	240

#define IoGetCurrentIrpStackLocation(irp) \
	((irp)->Tail.Overlay.CurrentStackLocation)

static inline DRIVER_CANCEL *IoSetCancelRoutine(PIRP irp,
						DRIVER_CANCEL *routine)
{
	return __atomic_exchange_n(&irp->CancelRoutine, routine,
				   __ATOMIC_SEQ_CST);
}

typedef struct {
	ULONG dwOSVersionInfoSize, dwMajorVersion, dwMinorVersion,
		dwBuildNumber, dwPlatformId;
	WCHAR szCSDVersion[128];
} RTL_OSVERSIONINFOW;

#define FILE_DEVICE_SECURE_OPEN		0x100
#define OBJ_KERNEL_HANDLE		0x200
#define WRITE_DAC			0x40000
#define SYNCHRONIZE			0x100000
#define EVENT_MODIFY_STATE		2
#define THREAD_ALL_ACCESS		0x1fffff
#define FILE_ALL_ACCESS			0x1f01ff
#define DACL_SECURITY_INFORMATION	4
#define SE_DACL_PRESENT			0x0004
#define SE_DACL_PROTECTED		0x1000
#define SE_SELF_RELATIVE		0x8000
#define RTL_REGISTRY_ABSOLUTE		0
#define REG_SZ				1

#define NT_SUCCESS(status)	((NTSTATUS)(status) >= 0)
#define STATUS_SUCCESS			((NTSTATUS)0)
#define STATUS_WAIT_0			((NTSTATUS)0)
#define STATUS_USER_APC			((NTSTATUS)0xc0)
#define STATUS_OBJECT_TYPE_MISMATCH	((NTSTATUS)0xc0000024)
#define STATUS_TIMEOUT			((NTSTATUS)0x102)
#define STATUS_ALERTED			((NTSTATUS)0x101)
#define STATUS_UNSUCCESSFUL		((NTSTATUS)0xc0000001)
#define STATUS_INVALID_INFO_CLASS	((NTSTATUS)0xc0000003)
#define STATUS_ACCESS_VIOLATION		((NTSTATUS)0xc0000005)
#define STATUS_INVALID_HANDLE		((NTSTATUS)0xc0000008)
#define STATUS_NO_MEMORY		((NTSTATUS)0xc0000017)
#define STATUS_OBJECT_TYPE_MISMATCH	((NTSTATUS)0xc0000024)
#define STATUS_OBJECT_NAME_NOT_FOUND	((NTSTATUS)0xc0000034)
#define STATUS_INSUFFICIENT_RESOURCES	((NTSTATUS)0xc000009a)
#define STATUS_NOT_SUPPORTED		((NTSTATUS)0xc00000bb)

#define CONTAINING_RECORD(p, type, member) \
	((type *)((char *)(p) - __builtin_offsetof(type, member)))
#define KeInitializeSpinLock(lock)	(*(lock) = 0)

static inline void InitializeListHead(PLIST_ENTRY head)
{
	head->Flink = head->Blink = head;
}

static inline void InsertTailList(PLIST_ENTRY head, PLIST_ENTRY e)
{
	e->Flink = head;
	e->Blink = head->Blink;
	head->Blink->Flink = e;
	head->Blink = e;
}

static inline BOOLEAN RemoveEntryList(PLIST_ENTRY e)
{
	e->Blink->Flink = e->Flink;
	e->Flink->Blink = e->Blink;
	return e->Flink == e->Blink;
}

#define PsGetCurrentProcess IoGetCurrentProcess

/* ---- functions: exactly the driver's imports (imports) ---- */

NTAPI ULONG DbgPrint(PCSTR fmt, ...);
NTAPI PVOID ExAllocatePoolWithTag(POOL_TYPE type, SIZE_T size, ULONG tag);
NTAPI VOID ExFreePool(PVOID p);
NTAPI VOID ExFreePoolWithTag(PVOID p, ULONG tag);
NTAPI ULONG ExSetTimerResolution(ULONG units, BOOLEAN set);
extern POBJECT_TYPE *ExEventObjectType;
NTAPI VOID IoAcquireCancelSpinLock(KIRQL *irql);
NTAPI VOID IoReleaseCancelSpinLock(KIRQL irql);
NTAPI PVOID IoAllocateErrorLogEntry(PVOID object, UCHAR size);
NTAPI VOID IoWriteErrorLogEntry(PVOID entry);
NTAPI PMDL IoAllocateMdl(PVOID va, ULONG size, BOOLEAN secondary,
			 BOOLEAN quota, PIRP irp);
NTAPI VOID IoFreeMdl(PMDL mdl);
NTAPI NTSTATUS IoCreateDevice(PDRIVER_OBJECT driver, ULONG extension,
			      PUNICODE_STRING name, ULONG type,
			      ULONG characteristics, BOOLEAN exclusive,
			      PDEVICE_OBJECT *device);
NTAPI VOID IoDeleteDevice(PDEVICE_OBJECT device);
NTAPI NTSTATUS IoCreateSymbolicLink(PUNICODE_STRING link,
				    PUNICODE_STRING name);
NTAPI NTSTATUS IoDeleteSymbolicLink(PUNICODE_STRING link);
NTAPI PEPROCESS IoGetCurrentProcess(void);
NTAPI VOID IofCompleteRequest(PIRP irp, CCHAR boost);
NTAPI KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK lock);
NTAPI VOID KeReleaseSpinLock(PKSPIN_LOCK lock, KIRQL irql);
NTAPI BOOLEAN KeCancelTimer(PKTIMER timer);
NTAPI VOID KeClearEvent(PKEVENT event);
NTAPI NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE mode, BOOLEAN alertable,
				      PLARGE_INTEGER interval);
NTAPI VOID KeFlushQueuedDpcs(void);
NTAPI PETHREAD KeGetCurrentThread(void);
NTAPI VOID KeInitializeDpc(PKDPC dpc, KDEFERRED_ROUTINE *routine,
			   PVOID context);
NTAPI VOID KeInitializeEvent(PKEVENT event, EVENT_TYPE type, BOOLEAN state);
NTAPI VOID KeInitializeMutex(PKMUTEX mutex, ULONG level);
NTAPI VOID KeInitializeTimer(PKTIMER timer);
NTAPI BOOLEAN KeInsertQueueDpc(PKDPC dpc, PVOID a, PVOID b);
NTAPI VOID KeLowerIrql(KIRQL irql);
NTAPI KIRQL KfRaiseIrql(KIRQL irql);
NTAPI LARGE_INTEGER KeQueryPerformanceCounter(PLARGE_INTEGER frequency);
NTAPI LONG KeReleaseMutex(PKMUTEX mutex, BOOLEAN wait);
NTAPI BOOLEAN KeRemoveQueueDpc(PKDPC dpc);
NTAPI LONG KeSetEvent(PKEVENT event, LONG increment, BOOLEAN wait);
NTAPI VOID KeSetImportanceDpc(PKDPC dpc, KDPC_IMPORTANCE importance);
NTAPI VOID KeSetTargetProcessorDpc(PKDPC dpc, CCHAR number);
NTAPI BOOLEAN KeSetTimer(PKTIMER timer, LARGE_INTEGER due, PKDPC dpc);
NTAPI VOID KeStackAttachProcess(PKPROCESS process, PKAPC_STATE state);
NTAPI VOID KeUnstackDetachProcess(PKAPC_STATE state);
NTAPI NTSTATUS KeWaitForMultipleObjects(ULONG n, PVOID objects[],
					WAIT_TYPE type, KWAIT_REASON reason,
					KPROCESSOR_MODE mode,
					BOOLEAN alertable,
					PLARGE_INTEGER timeout,
					PKWAIT_BLOCK blocks);
NTAPI NTSTATUS KeWaitForSingleObject(PVOID object, KWAIT_REASON reason,
				     KPROCESSOR_MODE mode, BOOLEAN alertable,
				     PLARGE_INTEGER timeout);
NTAPI PMDL MmAllocatePagesForMdlEx(PHYSICAL_ADDRESS low, PHYSICAL_ADDRESS high,
				   PHYSICAL_ADDRESS skip, SIZE_T total,
				   MEMORY_CACHING_TYPE cache, ULONG flags);
NTAPI VOID MmFreePagesFromMdl(PMDL mdl);
NTAPI PHYSICAL_ADDRESS MmGetPhysicalAddress(PVOID va);
NTAPI PPHYSICAL_MEMORY_RANGE MmGetPhysicalMemoryRanges(void);
NTAPI PVOID MmGetSystemRoutineAddress(PUNICODE_STRING name);
NTAPI PVOID MmMapIoSpace(PHYSICAL_ADDRESS at, SIZE_T size,
			 MEMORY_CACHING_TYPE cache);
NTAPI VOID MmUnmapIoSpace(PVOID address, SIZE_T size);
NTAPI PVOID MmMapLockedPagesSpecifyCache(PMDL mdl, KPROCESSOR_MODE mode,
					 MEMORY_CACHING_TYPE cache,
					 PVOID address, ULONG bugcheck,
					 ULONG priority);
NTAPI VOID MmUnmapLockedPages(PVOID address, PMDL mdl);
NTAPI NTSTATUS ObOpenObjectByPointer(PVOID object, ULONG attributes,
				     PVOID access_state, ACCESS_MASK access,
				     POBJECT_TYPE type, KPROCESSOR_MODE mode,
				     PHANDLE handle);
NTAPI NTSTATUS ObReferenceObjectByHandle(HANDLE handle, ACCESS_MASK access,
					 POBJECT_TYPE type,
					 KPROCESSOR_MODE mode, PVOID *object,
					 PVOID information);
NTAPI LONGLONG ObfDereferenceObject(PVOID object);
NTAPI LONGLONG ObfReferenceObject(PVOID object);
NTAPI VOID ProbeForWrite(PVOID address, SIZE_T size, ULONG alignment);
NTAPI NTSTATUS PsCreateSystemThread(PHANDLE handle, ULONG access,
				    PVOID attributes, HANDLE process,
				    PVOID client_id, KSTART_ROUTINE *routine,
				    PVOID context);
NTAPI HANDLE PsGetCurrentProcessId(void);
NTAPI BOOLEAN PsIsThreadTerminating(PETHREAD thread);
NTAPI NTSTATUS PsSetCreateProcessNotifyRoutine(
	CREATE_PROCESS_NOTIFY_ROUTINE *routine, BOOLEAN remove);
NTAPI NTSTATUS PsTerminateSystemThread(NTSTATUS status);
NTAPI NTSTATUS RtlDeleteRegistryValue(ULONG relative, PCWSTR path,
				      PCWSTR name);
NTAPI NTSTATUS RtlGetVersion(RTL_OSVERSIONINFOW *version);
NTAPI NTSTATUS RtlWriteRegistryValue(ULONG relative, PCWSTR path, PCWSTR name,
				     ULONG type, PVOID data, ULONG size);
NTAPI NTSTATUS ZwAllocateVirtualMemory(HANDLE process, PVOID *base,
				       ULONG_PTR zero_bits, PSIZE_T size,
				       ULONG type, ULONG protect);
NTAPI NTSTATUS ZwFreeVirtualMemory(HANDLE process, PVOID *base, PSIZE_T size,
				   ULONG type);
NTAPI NTSTATUS ZwClose(HANDLE handle);
NTAPI NTSTATUS ZwQuerySystemInformation(ULONG class, PVOID buffer, ULONG size,
					PULONG needed);
NTAPI NTSTATUS ZwSetSecurityObject(HANDLE handle, ULONG information,
				   PSECURITY_DESCRIPTOR descriptor);
NTAPI NTSTATUS ZwYieldExecution(void);

#endif
