// SPDX-License-Identifier: GPL-2.0
/*
 * Io*, Ob*, Ps*, Rtl*, Zw* that are not in ke.c and mm.c, and the I/O manager
 * as far as the tests need it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "fake.h"
#include "tap.h"

#define RULE(max)                                                        \
	do {                                                             \
		if (fcpu.irql > (max) || fcpu.irqs_off)                    \
			die(__func__);                                   \
	} while (0)

char last_event[512];
char registry_refused[256];
u8 device_security[256];
DRIVER_OBJECT driver;
__thread IRP *volatile *irp_slot;

/* What an imported variable of that name has in it: the type, on NT. */
static int event_type;
POBJECT_TYPE *ExEventObjectType = (POBJECT_TYPE *)&event_type;
static CREATE_PROCESS_NOTIFY_ROUTINE *notify;

u32 fake_available_pages(void);
bool is_system_thread(PVOID object);
void system_thread_ref(PVOID object);
void system_thread_put(PVOID object);

bool nothing_left(void)
{
	static const struct fake_counts none;

	if (!memcmp(&counts, &none, sizeof(counts)))
		return true;
	note("left: pool %d mdls %d frames %d mappings %d references %d threads %d devices %d links %d notifies %d resolutions %d timers %d handles %d",
	     counts.pool, counts.mdls, counts.frames, counts.mappings,
	     counts.references, counts.threads, counts.devices, counts.links,
	     counts.notifies, counts.resolutions, counts.timers,
	     counts.handles);
	return false;
}

/* ---- devices ---- */

NTSTATUS IoCreateDevice(PDRIVER_OBJECT object, ULONG extension,
			PUNICODE_STRING name, ULONG type, ULONG characteristics,
			BOOLEAN exclusive, PDEVICE_OBJECT *device)
{
	(void)extension, (void)name, (void)exclusive;
	RULE(0);
	if (type != COLINUX_NT_DEVICE_TYPE ||
	    !(characteristics & FILE_DEVICE_SECURE_OPEN))
		die("IoCreateDevice");
	if (!failable_calls())
		return STATUS_INSUFFICIENT_RESOURCES;
	*device = calloc(1, sizeof(**device));
	object->DeviceObject = *device;
	counts.devices++;
	return STATUS_SUCCESS;
}

VOID IoDeleteDevice(PDEVICE_OBJECT device)
{
	RULE(0);
	free(device);
	counts.devices--;
}

NTSTATUS IoCreateSymbolicLink(PUNICODE_STRING link, PUNICODE_STRING name)
{
	(void)link, (void)name;
	RULE(0);
	if (!failable_calls())
		return STATUS_UNSUCCESSFUL;
	counts.links++;
	return STATUS_SUCCESS;
}

NTSTATUS IoDeleteSymbolicLink(PUNICODE_STRING link)
{
	(void)link;
	RULE(0);
	counts.links--;
	return STATUS_SUCCESS;
}

VOID IofCompleteRequest(PIRP irp, CCHAR boost)
{
	(void)boost;
	RULE(DISPATCH_LEVEL);
	if (irp->PendingReturned || irp->CancelRoutine)
		die("an IRP is completed twice, or can still be cancelled");
	irp->PendingReturned = TRUE;
}

PVOID IoAllocateErrorLogEntry(PVOID object, UCHAR size)
{
	RULE(DISPATCH_LEVEL);
	if (!object || size > ERROR_LOG_MAXIMUM_SIZE)
		die("IoAllocateErrorLogEntry");
	return failable_calls() ? malloc(size) : NULL;
}

VOID IoWriteErrorLogEntry(PVOID entry)
{
	IO_ERROR_LOG_PACKET *p = entry;
	const WCHAR *w = (const WCHAR *)((u8 *)entry + p->StringOffset);
	size_t n = 0;

	/* Entries of one sentence follow each other. */
	if (p->NumberOfStrings != 1)
		die("IoWriteErrorLogEntry");
	n = strlen(last_event);
	while (*w && n < sizeof(last_event) - 1)
		last_event[n++] = (char)*w++;
	last_event[n] = 0;
	free(entry);
}

ULONG DbgPrint(PCSTR fmt, ...)
{
	(void)fmt;
	return 0;
}

/* ---- objects ---- */

struct handle_entry {
	KEVENT *event;
	int references;
};
static struct handle_entry handles[64];

HANDLE fake_event(KEVENT **event, bool manual)
{
	for (u64 i = 1; i < 64; i++)
		if (!handles[i].event) {
			handles[i].event = malloc(sizeof(KEVENT));
			KeInitializeEvent(handles[i].event,
					  manual ? NotificationEvent :
						   SynchronizationEvent,
					  FALSE);
			*event = handles[i].event;
			return (HANDLE)(i * 4);
		}
	die("fake_event");
}

void fake_event_close(HANDLE handle)
{
	struct handle_entry *h = &handles[(u64)handle / 4];

	if (h->references)
		die("an event is closed before its references");
	free(h->event);
	h->event = NULL;
}

NTSTATUS ObReferenceObjectByHandle(HANDLE handle, ACCESS_MASK access,
				   POBJECT_TYPE type, KPROCESSOR_MODE mode,
				   PVOID *object, PVOID information)
{
	u64 i = (u64)handle / 4;

	(void)information;
	RULE(0);
	if (mode == KernelMode) {
		system_thread_ref(handle);
		*object = handle;
	} else {
		if (type != (POBJECT_TYPE)&event_type || !(access & EVENT_MODIFY_STATE))
			die("ObReferenceObjectByHandle");
		if (i >= 64 || !handles[i].event)
			return STATUS_INVALID_HANDLE;
		handles[i].references++;
		*object = handles[i].event;
	}
	counts.references++;
	return STATUS_SUCCESS;
}

LONGLONG ObfReferenceObject(PVOID object)
{
	(void)object;
	counts.references++;
	return 0;
}

LONGLONG ObfDereferenceObject(PVOID object)
{
	RULE(DISPATCH_LEVEL);
	counts.references--;
	for (int i = 1; i < 64; i++)
		if (handles[i].event == object) {
			handles[i].references--;
			return 0;
		}
	if (is_system_thread(object))
		system_thread_put(object);
	return 0;
}

#define DEVICE_HANDLE ((HANDLE)0x7777)

NTSTATUS ObOpenObjectByPointer(PVOID object, ULONG attributes,
			       PVOID access_state, ACCESS_MASK access,
			       POBJECT_TYPE type, KPROCESSOR_MODE mode,
			       PHANDLE handle)
{
	(void)access_state, (void)type;
	RULE(0);
	if (object != driver.DeviceObject || attributes != OBJ_KERNEL_HANDLE ||
	    access != WRITE_DAC || mode != KernelMode)
		die("ObOpenObjectByPointer");
	if (!failable_calls())
		return STATUS_UNSUCCESSFUL;
	*handle = DEVICE_HANDLE;
	counts.handles++;
	return STATUS_SUCCESS;
}

NTSTATUS ZwSetSecurityObject(HANDLE handle, ULONG information,
			     PSECURITY_DESCRIPTOR descriptor)
{
	RULE(0);
	if (handle != DEVICE_HANDLE || information != DACL_SECURITY_INFORMATION)
		die("ZwSetSecurityObject");
	if (!failable_calls())
		return STATUS_UNSUCCESSFUL;
	/* Header and ACL: its size is at 22. */
	memcpy(device_security, descriptor,
	       20 + *(const USHORT *)((const u8 *)descriptor + 22));
	return STATUS_SUCCESS;
}

NTSTATUS ZwClose(HANDLE handle)
{
	RULE(0);
	counts.handles--;
	if (handle != DEVICE_HANDLE)
		system_thread_put(handle);
	return STATUS_SUCCESS;
}

/* ---- processes ---- */

PEPROCESS IoGetCurrentProcess(void)
{
	return self->process;
}

HANDLE PsGetCurrentProcessId(void)
{
	return (HANDLE)self->process;
}

NTSTATUS PsSetCreateProcessNotifyRoutine(CREATE_PROCESS_NOTIFY_ROUTINE *routine,
					 BOOLEAN remove)
{
	RULE(0);
	if (remove) {
		counts.notifies--;
		notify = NULL;
		return STATUS_SUCCESS;
	}
	if (!failable_calls())
		return STATUS_INSUFFICIENT_RESOURCES;
	counts.notifies++;
	notify = routine;
	return STATUS_SUCCESS;
}

void fake_process_ends(PEPROCESS process)
{
	PEPROCESS saved = self->process;

	self->process = process;
	notify(NULL, (HANDLE)process, FALSE);
	self->process = saved;
}

VOID KeStackAttachProcess(PKPROCESS process, PKAPC_STATE state)
{
	RULE(DISPATCH_LEVEL);
	*(PEPROCESS *)state = self->process;
	self->process = process;
}

VOID KeUnstackDetachProcess(PKAPC_STATE state)
{
	self->process = *(PEPROCESS *)state;
}

/* ---- the rest ---- */

NTSTATUS RtlGetVersion(RTL_OSVERSIONINFOW *version)
{
	version->dwMajorVersion = fake.version >> 8;
	version->dwMinorVersion = fake.version & 0xff;
	return STATUS_SUCCESS;
}

NTSTATUS RtlDeleteRegistryValue(ULONG relative, PCWSTR path, PCWSTR name)
{
	(void)relative, (void)path, (void)name;
	RULE(0);
	registry_refused[0] = 0;
	return STATUS_SUCCESS;
}

NTSTATUS RtlWriteRegistryValue(ULONG relative, PCWSTR path, PCWSTR name,
			       ULONG type, PVOID data, ULONG size)
{
	const WCHAR *w = data;
	u32 i = 0;

	(void)relative, (void)path, (void)name;
	RULE(0);
	if (type != REG_SZ || w[size / 2 - 1])
		die("RtlWriteRegistryValue");
	for (; i < size / 2 && i < sizeof(registry_refused) - 1; i++)
		registry_refused[i] = (char)w[i];
	registry_refused[i] = 0;
	return STATUS_SUCCESS;
}

NTSTATUS ZwQuerySystemInformation(ULONG class, PVOID buffer, ULONG size,
				  PULONG needed)
{
	(void)needed;
	RULE(0);
	if (class == NT_PERFORMANCE) {
		struct nt_performance *p = buffer;

		if (size < 344)
			die("SystemPerformanceInformation");
		if (!failable_calls())
			return STATUS_UNSUCCESSFUL;
		p->available_pages = fake_available_pages();
		return STATUS_SUCCESS;
	}
	if (class == NT_CODE_INTEGRITY && fake.version >= 0x600) {
		((struct nt_code_integrity *)buffer)->options =
			fake.ci_options;
		return STATUS_SUCCESS;
	}
	if (class == NT_ISOLATED_USER_MODE && fake.version >= 0xa00) {
		((struct nt_isolated_user_mode *)buffer)->flags =
			fake.isolated_user_mode;
		return STATUS_SUCCESS;
	}
	return STATUS_INVALID_INFO_CLASS;
}

/* ---- requests ---- */

NTSTATUS load_driver(void)
{
	static WCHAR path[] = L"\\Registry\\Machine\\colinux";
	UNICODE_STRING registry = {
		.Length = sizeof(path) - 2, .MaximumLength = sizeof(path),
		.Buffer = path,
	};

	memset(&driver, 0, sizeof(driver));
	last_event[0] = 0;
	return DriverEntry(&driver, &registry);
}

void unload_driver(void)
{
	driver.DriverUnload(&driver);
}

static NTSTATUS send(FILE_OBJECT *file, UCHAR major, ULONG code, void *buffer,
		     ULONG in, ULONG out)
{
	IO_STACK_LOCATION *stack = calloc(1, sizeof(*stack));
	IRP *irp = calloc(1, sizeof(*irp));
	NTSTATUS status;

	stack->MajorFunction = major;
	stack->FileObject = file;
	stack->Parameters.DeviceIoControl.IoControlCode = code;
	stack->Parameters.DeviceIoControl.InputBufferLength = in;
	stack->Parameters.DeviceIoControl.OutputBufferLength = out;
	irp->AssociatedIrp.SystemBuffer = buffer;
	irp->Tail.Overlay.CurrentStackLocation = stack;
	if (irp_slot)
		*irp_slot = irp;
	status = driver.MajorFunction[major](driver.DeviceObject, irp);
	if (irp_slot)
		*irp_slot = NULL;
	if (!irp->PendingReturned || irp->IoStatus.Status != status)
		die("an IRP that is not completed");
	if (fcpu.irql || fcpu.irqs_off || fcpu.fpu_claimed)
		die("the CPU's state after a request");
	free(irp);
	free(stack);
	return status;
}

NTSTATUS request(FILE_OBJECT *file, UCHAR major)
{
	return send(file, major, 0, NULL, 0, 0);
}

FILE_OBJECT *open_device(void)
{
	FILE_OBJECT *file = calloc(1, sizeof(*file));

	if (NT_SUCCESS(request(file, IRP_MJ_CREATE)))
		return file;
	free(file);
	return NULL;
}

void close_device(FILE_OBJECT *file)
{
	request(file, IRP_MJ_CLEANUP);
	request(file, IRP_MJ_CLOSE);
	free(file);
}

NTSTATUS control(FILE_OBJECT *file, ULONG code, void *buffer, ULONG in,
		 ULONG out)
{
	return send(file, IRP_MJ_DEVICE_CONTROL, code, buffer, in, out);
}

int call(FILE_OBJECT *file, u32 function, void *arg)
{
	u32 size = call_size(function);
	u32 status = (u32)control(file, COLINUX_NT_CODE(function), arg, size,
				  size);

	if (!status)
		return 0;
	if ((status & 0xffffff00) == COLINUX_NT_ERROR(0) ||
	    (status & 0xffffff00) == COLINUX_NT_WARNING(0))
		return -(int)(status & 0xff);
	return -1000;
}
