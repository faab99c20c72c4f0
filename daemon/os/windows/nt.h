/* SPDX-License-Identifier: GPL-2.0 */
/* Between the files of os/windows/: text, errors, events as numbers. */
#ifndef DAEMON_OS_WINDOWS_NT_H
#define DAEMON_OS_WINDOWS_NT_H

#include <winsock2.h>

#include <windows.h>

#include "../../os.h"

/*
 * Handles are given around as int, as descriptors are elsewhere: NT promises
 * that 32 bits of them are significant, so that 32- and 64-bit processes can
 * share them.
 */
static inline HANDLE nt_handle(int number)
{
	return (HANDLE)(intptr_t)number;
}

static inline int nt_number(HANDLE handle)
{
	return (int)(intptr_t)handle;
}

/* --- text.c --- */

/* UTF-8 to UTF-16, to be freed; NULL when out of memory. */
wchar_t *nt_wide(const char *text);
/* The same for a path: also \Device\... names. */
wchar_t *nt_wide_path(const char *path);
/* UTF-16 to UTF-8, to be freed; NULL when out of memory. */
char *nt_utf8(const wchar_t *text);
/* A value of the environment as UTF-8 in `value`; false: none, too long. */
bool nt_environment(const char *name, char *value, size_t room);
/* errno of a Windows error, for what callers tell apart. */
int nt_errno(DWORD code);
/* "Access is denied (5)", in a buffer of the thread's. */
const char *nt_message(DWORD code);
/* Path of a file beside the running program; false: too long. */
bool nt_beside_program(const char *name, char *path, size_t room);

/* --- private.c --- */

/*
 * Of what only this user may open; lpSecurityDescriptor is freed by
 * LocalFree().  False: GetLastError().
 */
bool nt_private_attributes(SECURITY_ATTRIBUTES *attributes);

/* --- linux_errno.c --- */

/* errno of a number of Linux. */
int nt_errno_of_linux(int number);

/* --- interrupt.c --- */

/* The calling thread goes into a call that os_interrupt() is to get out. */
void nt_call_begin(HANDLE file, OVERLAPPED *overlapped);
void nt_call_end(void);

/* --- nt52.c --- */

/*
 * Get `thread`, which may not be there yet, out of that request of the driver's
 * that sleeps: CancelIoEx(), to be repeated; a queued APC where NT lacks that
 * (5.2), once for all (`queued`, false at first).
 */
void nt_cancel(HANDLE thread, HANDLE file, OVERLAPPED *overlapped,
	       bool *queued);

#endif
