// SPDX-License-Identifier: GPL-2.0
/*
 * What colinux.exe finds instead of \\.\colinux in a test under Wine, where
 * there is no driver: daemon/os/windows/driver.c with a "guest" that writes to
 * its console, checks what was loaded, and powers off, or sleeps in a request
 * until it is interrupted (FAKE_GUEST=sleep).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <colinux/hypercall.h>
#include <colinux/layout.h>

#include "../../daemon/os/windows/nt.h"
#include "../../daemon/os/windows/setup.h"

/* Where guest RAM is in this machine that is none. */
#define MACHINE 0x40000000ull

struct os_driver {
	HANDLE pipe;		/* a read of it never ends */
	char *ram;
	uint64_t size;
	struct colinux_vcpu_setup setup;
	unsigned int step;
	int64_t last;		/* result of the last hypercall */
};

struct os_driver *os_driver_open(struct error *error)
{
	struct os_driver *driver = calloc(1, sizeof(*driver));
	char name[64];

	snprintf(name, sizeof(name), "\\\\.\\pipe\\colinux-fake-%lu-%p",
		 GetCurrentProcessId(), (void *)driver);
	driver->pipe = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX |
					FILE_FLAG_OVERLAPPED, 0, 1, 64, 64, 0,
					NULL);
	if (driver->pipe == INVALID_HANDLE_VALUE) {
		error_set(error, "fake: %s", nt_message(GetLastError()));
		free(driver);
		return NULL;
	}
	return driver;
}

void os_driver_close(struct os_driver *driver)
{
	if (!driver)
		return;
	CloseHandle(driver->pipe);
	if (driver->ram)
		VirtualFree(driver->ram, 0, MEM_RELEASE);
	free(driver);
}

/* Block as VCPU_RUN does, until it is cancelled or an APC comes. */
static int sleep_in_request(struct os_driver *driver)
{
	OVERLAPPED overlapped = { 0 };
	DWORD got;

	overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
	nt_call_begin(driver->pipe, &overlapped);
	ConnectNamedPipe(driver->pipe, &overlapped);
	if (GetLastError() == ERROR_IO_PENDING) {
		if (WaitForSingleObjectEx(overlapped.hEvent, INFINITE, TRUE) ==
		    WAIT_IO_COMPLETION)
			CancelIo(driver->pipe);
		GetOverlappedResult(driver->pipe, &overlapped, &got, TRUE);
	}
	nt_call_end();
	CloseHandle(overlapped.hEvent);
	return -EINTR;
}

static void print(struct os_driver *driver, struct colinux_run *run)
{
	uint64_t at = driver->size - COLINUX_PAGE_SIZE;
	char *text = driver->ram + at;

	/* e_entry of vmlinux and the first page table: both in its RAM. */
	snprintf(text, COLINUX_PAGE_SIZE, "fake guest: %s, last %lld\n",
		 driver->setup.rip && driver->setup.cr3 >= MACHINE &&
		 driver->setup.cr3 < MACHINE + driver->size ?
			 "loaded" : "not loaded", (long long)driver->last);
	run->exit = COLINUX_RUN_HYPERCALL;
	run->nr = COLINUX_HC_CONSOLE;
	run->args[0] = 0;
	run->args[1] = MACHINE + at;
	run->args[2] = strlen(text);
}

static int run(struct os_driver *driver, struct colinux_run *run)
{
	const char *how = getenv("FAKE_GUEST");

	driver->last = run->ret;
	switch (driver->step++) {
	case 0:
		print(driver, run);
		return 0;
	case 1:
		/* Unknown: the guest gets Linux's ENOSYS. */
		run->exit = COLINUX_RUN_HYPERCALL;
		run->nr = 999;
		return 0;
	case 2:
		print(driver, run);
		return 0;
	}
	if (how && !strcmp(how, "sleep"))
		return sleep_in_request(driver);
	run->exit = COLINUX_RUN_HYPERCALL;
	run->nr = COLINUX_HC_END;
	run->args[0] = how && !strcmp(how, "panic") ? COLINUX_END_PANIC :
						       COLINUX_END_POWEROFF;
	return 0;
}

int os_driver_call(struct os_driver *driver, unsigned int nr, void *argument)
{
	struct colinux_version *version = argument;
	struct colinux_create *create = argument;
	struct colinux_get_extents *get = argument;

	switch (nr) {
	case COLINUX_IOC_VERSION:
		version->levels = 4;
		version->tsc_khz = 2000000;
		version->pat = 0x0007040600070406ull;
		strcpy(version->build, "fake");
		return 0;
	case COLINUX_IOC_CREATE:
		driver->size = create->memory;
		driver->ram = VirtualAlloc(NULL, create->memory,
					   MEM_COMMIT | MEM_RESERVE,
					   PAGE_READWRITE);
		create->nr_extents = 1;
		return driver->ram ? 0 : -ENOMEM;
	case COLINUX_IOC_GET_EXTENTS:
		*(struct colinux_extent *)(uintptr_t)get->table =
			(struct colinux_extent){ MACHINE, driver->size };
		return 0;
	case COLINUX_IOC_VCPU_SETUP:
		driver->setup = *(struct colinux_vcpu_setup *)argument;
		driver->step = 0;
		return 0;
	case COLINUX_IOC_VCPU_RUN:
		if (((struct colinux_run *)argument)->vcpu)
			return -EINVAL;
		return run(driver, argument);
	default:
		return 0;
	}
}

void *os_driver_map(struct os_driver *driver, uint64_t size,
		    struct error *error)
{
	(void)size;
	(void)error;
	return driver->ram;
}

int os_driver_memory_fd(struct os_driver *driver)
{
	(void)driver;
	return -1;
}

void os_driver_unmap(void *base, uint64_t size)
{
	(void)base;
	(void)size;
}

void os_driver_describe(char *text, size_t room)
{
	snprintf(text, room, "fake");
}
