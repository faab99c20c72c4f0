// SPDX-License-Identifier: GPL-2.0
/*
 * colinux.sys: loading, unloading, the device and its requests.  Checks sizes
 * and codes; instance.c does the rest.
 *
 * Whoever may open the device can run code in ring 0: administrators and the
 * system only, as with loading a driver.
 */
#include "driver.h"

#define DEVICE_NAME	L"\\Device\\colinux"
#define LINK_NAME	L"\\DosDevices\\colinux"

PDRIVER_OBJECT driver_object;

static const UNICODE_STRING device_name = NT_STRING(DEVICE_NAME);
static const UNICODE_STRING link_name = NT_STRING(LINK_NAME);

/*
 * D:P(A;;FA;;;SY)(A;;FA;;;BA), self-relative ([MS-DTYP] 2.4.6): full access
 * for LocalSystem and the Administrators, nothing for others.
 */
static const struct {
	UCHAR revision, sbz1;
	USHORT control;
	ULONG owner, group, sacl, dacl;
	struct {
		UCHAR revision, sbz1;
		USHORT size, count, sbz2;
	} acl;
	struct {
		UCHAR type, flags;
		USHORT size;
		ULONG mask;
		UCHAR sid_revision, sub_authorities, authority[6];
		ULONG sub_authority;
	} system;
	struct {
		UCHAR type, flags;
		USHORT size;
		ULONG mask;
		UCHAR sid_revision, sub_authorities, authority[6];
		ULONG sub_authority[2];
	} administrators;
} security = {
	.revision = 1,
	.control = SE_SELF_RELATIVE | SE_DACL_PRESENT | SE_DACL_PROTECTED,
	.dacl = 20,
	.acl = { .revision = 2, .size = 8 + 20 + 24, .count = 2 },
	.system = {
		.size = 20, .mask = FILE_ALL_ACCESS, .sid_revision = 1,
		.sub_authorities = 1, .authority = { 0, 0, 0, 0, 0, 5 },
		.sub_authority = 18,
	},
	.administrators = {
		.size = 24, .mask = FILE_ALL_ACCESS, .sid_revision = 1,
		.sub_authorities = 2, .authority = { 0, 0, 0, 0, 0, 5 },
		.sub_authority = { 32, 544 },
	},
};
_Static_assert(sizeof(security) == 20 + 8 + 20 + 24, "security descriptor");

/* PASSIVE_LEVEL to DISPATCH_LEVEL. */
static NTSTATUS complete(PIRP irp, NTSTATUS status, ULONG_PTR information)
{
	irp->IoStatus.Status = status;
	irp->IoStatus.Information = information;
	IofCompleteRequest(irp, IO_NO_INCREMENT);
	return status;
}

/* PASSIVE_LEVEL, in the opening process. */
static NTSTATUS NTAPI on_create(PDEVICE_OBJECT device, PIRP irp)
{
	PFILE_OBJECT file = IoGetCurrentIrpStackLocation(irp)->FileObject;

	(void)device;
	/* There is nothing below the device. */
	if (file->FileName.Length || file->RelatedFileObject)
		return complete(irp, STATUS_OBJECT_NAME_NOT_FOUND, 0);
	file->FsContext = instance_new();
	return complete(irp,
			file->FsContext ? STATUS_SUCCESS :
					  STATUS_INSUFFICIENT_RESOURCES,
			0);
}

/* PASSIVE_LEVEL, in the process that closed the last handle. */
static NTSTATUS NTAPI on_cleanup(PDEVICE_OBJECT device, PIRP irp)
{
	(void)device;
	instance_close(IoGetCurrentIrpStackLocation(irp)->FileObject->FsContext);
	return complete(irp, STATUS_SUCCESS, 0);
}

/* PASSIVE_LEVEL, any process; no other request of the file is left. */
static NTSTATUS NTAPI on_close(PDEVICE_OBJECT device, PIRP irp)
{
	(void)device;
	instance_free(IoGetCurrentIrpStackLocation(irp)->FileObject->FsContext);
	return complete(irp, STATUS_SUCCESS, 0);
}

/* Function of a control code of ours; ~0 if it is none. */
static u32 function_of(ULONG code)
{
	u32 function = (code >> 2 & 0xfff) - 0x800;

	return code == COLINUX_NT_CODE(function) ? function : ~0u;
}

/* PASSIVE_LEVEL, in the calling process. VCPU_RUN blocks. */
static NTSTATUS NTAPI on_control(PDEVICE_OBJECT device, PIRP irp)
{
	PIO_STACK_LOCATION at = IoGetCurrentIrpStackLocation(irp);
	u32 function =
		function_of(at->Parameters.DeviceIoControl.IoControlCode);
	u32 size = function == ~0u ? 0 : call_size(function);
	int err;

	(void)device;
	if (!size)
		return complete(irp,
				(NTSTATUS)COLINUX_NT_ERROR(CO_ENOTTY), 0);
	if (at->Parameters.DeviceIoControl.InputBufferLength != size ||
	    at->Parameters.DeviceIoControl.OutputBufferLength != size)
		return complete(irp,
				(NTSTATUS)COLINUX_NT_ERROR(CO_EINVAL), 0);
	err = instance_call(at->FileObject->FsContext, function,
			    irp->AssociatedIrp.SystemBuffer, irp);
	if (!err)
		return complete(irp, STATUS_SUCCESS, size);
	/* VERSION says what it has even when it refuses. */
	if (err == -CO_EPROTO)
		return complete(irp,
				(NTSTATUS)COLINUX_NT_WARNING(CO_EPROTO), size);
	return complete(irp, (NTSTATUS)COLINUX_NT_ERROR(-err), 0);
}

/* PASSIVE_LEVEL; no file is open. */
static VOID NTAPI unload(PDRIVER_OBJECT driver)
{
	IoDeleteSymbolicLink((PUNICODE_STRING)&link_name);
	instances_exit();
	apic_exit();
	IoDeleteDevice(driver->DeviceObject);
}

/* What IoCreateDeviceSecure() of wdmsec.lib does. PASSIVE_LEVEL. */
static NTSTATUS protect(PDEVICE_OBJECT device)
{
	HANDLE handle;
	NTSTATUS status;

	status = ObOpenObjectByPointer(device, OBJ_KERNEL_HANDLE, NULL,
				       WRITE_DAC, NULL, KernelMode, &handle);
	if (!NT_SUCCESS(status))
		return status;
	status = ZwSetSecurityObject(handle, DACL_SECURITY_INFORMATION,
				     (PSECURITY_DESCRIPTOR)&security);
	ZwClose(handle);
	return status;
}

/* PASSIVE_LEVEL. The device takes no opens before DriverEntry() returns. */
static NTSTATUS make_device(PDRIVER_OBJECT driver)
{
	PDEVICE_OBJECT device;
	NTSTATUS status;

	status = IoCreateDevice(driver, 0, (PUNICODE_STRING)&device_name,
				COLINUX_NT_DEVICE_TYPE,
				FILE_DEVICE_SECURE_OPEN, FALSE, &device);
	if (!NT_SUCCESS(status))
		return status;
	status = protect(device);
	if (!NT_SUCCESS(status))
		goto no_link;
	status = apic_init();
	if (!NT_SUCCESS(status))
		goto no_link;
	status = instances_init();
	if (!NT_SUCCESS(status))
		goto no_instances;
	status = IoCreateSymbolicLink((PUNICODE_STRING)&link_name,
				      (PUNICODE_STRING)&device_name);
	if (NT_SUCCESS(status))
		return status;
	instances_exit();
no_instances:
	apic_exit();
no_link:
	IoDeleteDevice(device);
	return status;
}

NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path);

/* PASSIVE_LEVEL, in the system process. */
NTSTATUS NTAPI DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
	const char *why;
	NTSTATUS status;

	driver_object = driver;
	nt_find_routines();
	why = refusal();
	publish_refusal(path, why);
	if (why) {
		host_log(0, "%s", why);
		return STATUS_NOT_SUPPORTED;
	}
	clock_init();
	driver->MajorFunction[IRP_MJ_CREATE] = on_create;
	driver->MajorFunction[IRP_MJ_CLEANUP] = on_cleanup;
	driver->MajorFunction[IRP_MJ_CLOSE] = on_close;
	driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = on_control;
	driver->DriverUnload = unload;
	status = make_device(driver);
	if (!NT_SUCCESS(status))
		host_log(0, "the device cannot be made: status %x",
			 (u32)status);
	return status;
}
