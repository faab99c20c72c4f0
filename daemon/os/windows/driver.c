/* SPDX-License-Identifier: GPL-2.0 */
/* The driver on NT: DeviceIoControl() on \\.\colinux, why it may not open. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nt.h"
#include "setup.h"

#define DEVICE "\\\\.\\colinux"

struct os_driver {
	HANDLE file;
};

/* Each thread's event for its calls; closed with the thread. */
static DWORD event_slot = FLS_OUT_OF_INDEXES;
static uv_once_t once = UV_ONCE_INIT;

static void NTAPI free_event(void *event)
{
	if (event)
		CloseHandle(event);
}

static void init(void)
{
	event_slot = FlsAlloc(free_event);
}

static HANDLE thread_event(void)
{
	HANDLE event = FlsGetValue(event_slot);

	if (!event) {
		event = CreateEventW(NULL, TRUE, FALSE, NULL);
		FlsSetValue(event_slot, event);
	}
	return event;
}

static int open_error(DWORD code, struct error *error)
{
	char why[ERROR_TEXT - 80];

	switch (code) {
	case ERROR_FILE_NOT_FOUND:
		if (nt_driver_refusal(why, sizeof(why)))
			return error_set(error, DEVICE ": the driver refuses "
					 "this host: %s", why);
		return error_set(error, DEVICE ": the driver is not loaded; "
				 "run as administrator: colinux driver install");
	case ERROR_ACCESS_DENIED:
		return error_set(error, DEVICE ": needs an elevated "
				 "administrator: a guest runs in ring 0 and is "
				 "trusted like a driver");
	default:
		return error_set(error, DEVICE ": %s", nt_message(code));
	}
}

struct os_driver *os_driver_open(struct error *error)
{
	struct os_driver *driver = malloc(sizeof(*driver));

	uv_once(&once, init);
	if (!driver) {
		error_set(error, "out of memory");
		return NULL;
	}
	driver->file = CreateFileW(L"\\\\.\\colinux",
				   GENERIC_READ | GENERIC_WRITE, 0, NULL,
				   OPEN_EXISTING, FILE_FLAG_OVERLAPPED, NULL);
	if (driver->file == INVALID_HANDLE_VALUE) {
		open_error(GetLastError(), error);
		free(driver);
		return NULL;
	}
	return driver;
}

void os_driver_close(struct os_driver *driver)
{
	if (!driver)
		return;
	CloseHandle(driver->file);
	free(driver);
}

static const DWORD sizes[] = {
	[COLINUX_IOC_VERSION] = sizeof(struct colinux_version),
	[COLINUX_IOC_CREATE] = sizeof(struct colinux_create),
	[COLINUX_IOC_GET_EXTENTS] = sizeof(struct colinux_get_extents),
	[COLINUX_IOC_VCPU_SETUP] = sizeof(struct colinux_vcpu_setup),
	[COLINUX_IOC_VCPU_RUN] = sizeof(struct colinux_run),
	[COLINUX_IOC_SET_IRQ] = sizeof(struct colinux_set_irq),
	[COLINUX_IOC_IRQFD] = sizeof(struct colinux_event),
	[COLINUX_IOC_DOORBELL] = sizeof(struct colinux_event),
	[COLINUX_IOC_KICK] = sizeof(struct colinux_kick),
	[COLINUX_IOC_STATS] = sizeof(struct colinux_stats),
	[COLINUX_IOC_MAP] = sizeof(struct colinux_map),
	[COLINUX_IOC_RELEASE] = sizeof(struct colinux_range),
	[COLINUX_IOC_RECLAIM] = sizeof(struct colinux_range),
};

static int call_error(DWORD code)
{
	if (code == ERROR_OPERATION_ABORTED)
		return -EINTR;
	if ((code & ~0x40000fffu) == (COLINUX_NT_WARNING(0) & ~0x40000fffu))
		return -nt_errno_of_linux(code & 0xfff);
	return -nt_errno(code);
}

int os_driver_call(struct os_driver *driver, unsigned int nr, void *argument)
{
	OVERLAPPED overlapped = { 0 };
	DWORD got = 0, code = 0;

	if (nr >= sizeof(sizes) / sizeof(sizes[0]))
		return -ENOSYS;
	overlapped.hEvent = thread_event();
	if (!overlapped.hEvent)
		return -ENOMEM;
	/* Only this one sleeps. */
	if (nr == COLINUX_IOC_VCPU_RUN)
		nt_call_begin(driver->file, &overlapped);
	if (!DeviceIoControl(driver->file, COLINUX_NT_CODE(nr), argument,
			     sizes[nr], argument, sizes[nr], NULL,
			     &overlapped))
		code = GetLastError();
	if (code == ERROR_IO_PENDING || !code)
		code = GetOverlappedResult(driver->file, &overlapped, &got,
					   TRUE) ? 0 : GetLastError();
	if (nr == COLINUX_IOC_VCPU_RUN)
		nt_call_end();
	return code ? call_error(code) : 0;
}

void *os_driver_map(struct os_driver *driver, uint64_t size,
		    struct error *error)
{
	struct colinux_map map = { 0 };
	int result = os_driver_call(driver, COLINUX_IOC_MAP, &map);

	if (result >= 0 && map.size == size)
		return (void *)(uintptr_t)map.address;
	error_set(error, "cannot map the guest's memory: %s",
		  result < 0 ? strerror(-result) : "its size has changed");
	return NULL;
}

int os_driver_memory_fd(struct os_driver *driver)
{
	/* For other processes, of which there are none (os_lacks()). */
	(void)driver;
	return -1;
}

void os_driver_unmap(void *base, uint64_t size)
{
	/* The driver's: it goes with the VM. */
	(void)base;
	(void)size;
}

void os_driver_describe(char *text, size_t room)
{
	struct error error;
	struct os_driver *driver = os_driver_open(&error);
	struct colinux_version version = {
		.abi_version = COLINUX_ABI_VERSION,
	};
	int result;

	if (!driver) {
		snprintf(text, room, "%s", error.text);
		return;
	}
	result = os_driver_call(driver, COLINUX_IOC_VERSION, &version);
	version.build[sizeof(version.build) - 1] = '\0';
	if (result < 0)
		snprintf(text, room, DEVICE ": another version (ABI %u, this "
			 "command has %u)", version.abi_version,
			 COLINUX_ABI_VERSION);
	else
		snprintf(text, room, DEVICE ": ready, %s, ABI %u, %u-level "
			 "paging, TSC %llu kHz", version.build,
			 version.abi_version, version.levels,
			 (unsigned long long)version.tsc_khz);
	os_driver_close(driver);
}
