// SPDX-License-Identifier: GPL-2.0
/*
 * Sizes, offsets and values of NT's declarations, as lines "@name number" in
 * assembly text: compiled with the DDK's headers and with ours by nt-static.t.
 */
#include <ntifs.h>

#define NUMBER(name, value) \
	__asm__ volatile("\n@" name " %c0" ::"i"((long long)(value)))
#define SIZE(type)	NUMBER(#type, sizeof(type))
#define AT(type, member) \
	NUMBER(#type "." #member, __builtin_offsetof(type, member))
#define VALUE(name)	NUMBER(#name, name)

void layout(void);
void layout(void)
{
	SIZE(LARGE_INTEGER);
	SIZE(UNICODE_STRING);
	AT(UNICODE_STRING, Buffer);
	SIZE(DISPATCHER_HEADER);
	AT(DISPATCHER_HEADER, SignalState);
	SIZE(KEVENT);
	SIZE(KMUTEX);
	SIZE(KTIMER);
	SIZE(KDPC);
	SIZE(KWAIT_BLOCK);
	SIZE(KAPC_STATE);
	SIZE(KSPIN_LOCK);
	SIZE(PROCESSOR_NUMBER);
	SIZE(MDL);
	AT(MDL, MdlFlags);
	AT(MDL, ByteCount);
	SIZE(PHYSICAL_MEMORY_RANGE);
	AT(PHYSICAL_MEMORY_RANGE, NumberOfBytes);
	SIZE(DRIVER_OBJECT);
	AT(DRIVER_OBJECT, DeviceObject);
	AT(DRIVER_OBJECT, DriverUnload);
	AT(DRIVER_OBJECT, MajorFunction);
	AT(FILE_OBJECT, FsContext);
	AT(FILE_OBJECT, RelatedFileObject);
	AT(FILE_OBJECT, FileName);
	SIZE(IO_STACK_LOCATION);
	AT(IO_STACK_LOCATION, Parameters.DeviceIoControl.OutputBufferLength);
	AT(IO_STACK_LOCATION, Parameters.DeviceIoControl.InputBufferLength);
	AT(IO_STACK_LOCATION, Parameters.DeviceIoControl.IoControlCode);
	AT(IO_STACK_LOCATION, DeviceObject);
	AT(IO_STACK_LOCATION, FileObject);
	SIZE(IRP);
	AT(IRP, AssociatedIrp.SystemBuffer);
	AT(IRP, IoStatus.Status);
	AT(IRP, IoStatus.Information);
	AT(IRP, RequestorMode);
	AT(IRP, PendingReturned);
	AT(IRP, Cancel);
	AT(IRP, CancelIrql);
	AT(IRP, CancelRoutine);
	AT(IRP, UserBuffer);
	AT(IRP, Tail.Overlay.DriverContext);
	AT(IRP, Tail.Overlay.Thread);
	AT(IRP, Tail.Overlay.CurrentStackLocation);
	SIZE(IO_ERROR_LOG_PACKET);
	AT(IO_ERROR_LOG_PACKET, NumberOfStrings);
	AT(IO_ERROR_LOG_PACKET, StringOffset);
	AT(IO_ERROR_LOG_PACKET, ErrorCode);
	SIZE(RTL_OSVERSIONINFOW);
	VALUE(ERROR_LOG_MAXIMUM_SIZE);
	VALUE(IRP_MJ_CREATE);
	VALUE(IRP_MJ_CLOSE);
	VALUE(IRP_MJ_CLEANUP);
	VALUE(IRP_MJ_DEVICE_CONTROL);
	VALUE(KernelMode);
	VALUE(UserMode);
	VALUE(Executive);
	VALUE(UserRequest);
	VALUE(NotificationEvent);
	VALUE(SynchronizationEvent);
	VALUE(WaitAll);
	VALUE(WaitAny);
	VALUE(HighImportance);
	VALUE(APC_LEVEL);
	VALUE(DISPATCH_LEVEL);
	VALUE(IO_NO_INCREMENT);
	VALUE(MDL_PAGES_LOCKED);
	VALUE(NonPagedPool);
	VALUE(MmCached);
	VALUE(NormalPagePriority);
	VALUE(MEM_RESERVE);
	VALUE(MEM_RELEASE);
	VALUE(MEM_TOP_DOWN);
	VALUE(PAGE_NOACCESS);
	VALUE(FILE_DEVICE_SECURE_OPEN);
	VALUE(OBJ_KERNEL_HANDLE);
	VALUE(WRITE_DAC);
	VALUE(SYNCHRONIZE);
	VALUE(EVENT_MODIFY_STATE);
	VALUE(FILE_ALL_ACCESS);
	VALUE(DACL_SECURITY_INFORMATION);
	VALUE(SE_DACL_PRESENT);
	VALUE(SE_DACL_PROTECTED);
	VALUE(SE_SELF_RELATIVE);
	VALUE(RTL_REGISTRY_ABSOLUTE);
	VALUE(REG_SZ);
	VALUE(STATUS_USER_APC);
	VALUE(STATUS_NO_MEMORY);
	VALUE(STATUS_INVALID_HANDLE);
	VALUE(STATUS_OBJECT_NAME_NOT_FOUND);
	VALUE(STATUS_INSUFFICIENT_RESOURCES);
	VALUE(STATUS_NOT_SUPPORTED);
}
