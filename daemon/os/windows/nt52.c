/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What libuv, libslirp, winpthreads and we call and NT 5.2 does not export:
 * found by name at run time, and done with what 5.2 has where it is missing.
 *
 * Each function here is defined in the place of the import library's, under the
 * name and under `__imp_` of it, through which calls of a dllimport go.
 */
#include "nt.h"

#include <psapi.h>

#define NEWER(name) \
	void *const newer_##name __asm__("__imp_" #name) = own_##name; \
	__asm__(".text\n.globl " #name "\n" #name ":\n" \
		"\tjmp *__imp_" #name "(%rip)\n")

/* The real ones; NULL on NT 5.2. */
static struct {
	__typeof__(AcquireSRWLockExclusive) *lock, *lock_shared, *unlock,
		*unlock_shared;
	__typeof__(TryAcquireSRWLockExclusive) *try_lock, *try_lock_shared;
	__typeof__(WakeConditionVariable) *wake, *wake_all;
	__typeof__(SleepConditionVariableCS) *condition_wait;
	__typeof__(CancelIoEx) *cancel;
	__typeof__(CancelSynchronousIo) *cancel_synchronous;
	__typeof__(CreateSymbolicLinkW) *symlink;
	__typeof__(GetFileInformationByHandleEx) *get_information;
	__typeof__(SetFileInformationByHandle) *set_information;
	__typeof__(SetFileCompletionNotificationModes) *notify;
	__typeof__(GetFinalPathNameByHandleW) *path_of;
	__typeof__(GetNamedPipeClientProcessId) *client_of;
	__typeof__(GetTickCount64) *ticks;
	__typeof__(K32GetProcessMemoryInfo) *memory_of;
} real;

/*
 * Who waits for a lock or a condition, in the order of arrival.  Locks are
 * numbers: -1 taken, n taken by n readers, 0 free.
 */
struct waiter {
	const volatile void *key;
	HANDLE event;
	bool woken;		/* and off the list */
	struct waiter *next;
};

static CRITICAL_SECTION guard;	/* of the list and of the locks' numbers */
static struct waiter *waiters;

#define FIND(field, name) \
	real.field = (__typeof__(real.field))(void *)GetProcAddress(dll, name)

static void find_locks(HMODULE dll)
{
	FIND(lock, "AcquireSRWLockExclusive");
	FIND(lock_shared, "AcquireSRWLockShared");
	FIND(unlock, "ReleaseSRWLockExclusive");
	FIND(unlock_shared, "ReleaseSRWLockShared");
	FIND(try_lock, "TryAcquireSRWLockExclusive");
	FIND(try_lock_shared, "TryAcquireSRWLockShared");
	/* 6.0 has all but the last two: then all of them are ours. */
	if (!real.try_lock || !real.try_lock_shared)
		real.lock = NULL;
	FIND(wake, "WakeConditionVariable");
	FIND(wake_all, "WakeAllConditionVariable");
	FIND(condition_wait, "SleepConditionVariableCS");
}

/* Before other constructors and main(). */
__attribute__((constructor(101))) static void find_all(void)
{
	HMODULE dll = GetModuleHandleW(L"kernel32.dll");

	InitializeCriticalSection(&guard);
	find_locks(dll);
	FIND(cancel, "CancelIoEx");
	FIND(cancel_synchronous, "CancelSynchronousIo");
	FIND(symlink, "CreateSymbolicLinkW");
	FIND(get_information, "GetFileInformationByHandleEx");
	FIND(set_information, "SetFileInformationByHandle");
	FIND(notify, "SetFileCompletionNotificationModes");
	FIND(path_of, "GetFinalPathNameByHandleW");
	FIND(client_of, "GetNamedPipeClientProcessId");
	FIND(ticks, "GetTickCount64");
	FIND(memory_of, "K32GetProcessMemoryInfo");
}

static BOOL lacking(void)
{
	SetLastError(ERROR_CALL_NOT_IMPLEMENTED);
	return FALSE;
}

/* --- Waiting --- */

/* With the guard: the caller waits from now on, even before it does. */
static void join(struct waiter *waiter, const volatile void *key)
{
	struct waiter **at = &waiters;

	waiter->key = key;
	waiter->woken = false;
	waiter->next = NULL;
	while (*at)
		at = &(*at)->next;
	*at = waiter;
}

/* With the guard. */
static void leave(struct waiter *waiter)
{
	struct waiter **at = &waiters;

	while (*at && *at != waiter)
		at = &(*at)->next;
	if (*at)
		*at = waiter->next;
}

/* With the guard: the first `most` who wait for that. */
static void wake(const volatile void *key, unsigned int most)
{
	struct waiter *next;

	for (struct waiter *waiter = waiters; waiter && most; waiter = next) {
		next = waiter->next;
		if (waiter->key != key)
			continue;
		leave(waiter);
		waiter->woken = true;
		/* It needs the guard before it goes on: the event is there. */
		SetEvent(waiter->event);
		most--;
	}
}

/* --- Locks --- */

static VOID WINAPI own_InitializeSRWLock(SRWLOCK *lock)
{
	lock->Ptr = NULL;
}

/* With the guard. */
static bool take(SRWLOCK *lock, bool shared)
{
	intptr_t holders = (intptr_t)lock->Ptr;

	if (holders < 0 || (holders && !shared))
		return false;
	lock->Ptr = (void *)(shared ? holders + 1 : -1);
	return true;
}

static bool try_take(SRWLOCK *lock, bool shared)
{
	bool taken;

	EnterCriticalSection(&guard);
	taken = take(lock, shared);
	LeaveCriticalSection(&guard);
	return taken;
}

static void acquire(SRWLOCK *lock, bool shared)
{
	struct waiter waiter = { .event = NULL };

	if (try_take(lock, shared))
		return;
	while (!(waiter.event = CreateEventW(NULL, FALSE, FALSE, NULL)))
		SwitchToThread();
	EnterCriticalSection(&guard);
	while (!take(lock, shared)) {
		join(&waiter, lock);
		LeaveCriticalSection(&guard);
		WaitForSingleObject(waiter.event, INFINITE);
		EnterCriticalSection(&guard);
	}
	LeaveCriticalSection(&guard);
	CloseHandle(waiter.event);
}

static void release(SRWLOCK *lock, bool shared)
{
	intptr_t holders;

	EnterCriticalSection(&guard);
	holders = shared ? (intptr_t)lock->Ptr - 1 : 0;
	lock->Ptr = (void *)holders;
	/* All of them: the next may be several readers. */
	if (!holders)
		wake(lock, UINT_MAX);
	LeaveCriticalSection(&guard);
}

static VOID WINAPI own_AcquireSRWLockExclusive(SRWLOCK *lock)
{
	if (real.lock)
		real.lock(lock);
	else
		acquire(lock, false);
}

static VOID WINAPI own_AcquireSRWLockShared(SRWLOCK *lock)
{
	if (real.lock)
		real.lock_shared(lock);
	else
		acquire(lock, true);
}

static VOID WINAPI own_ReleaseSRWLockExclusive(SRWLOCK *lock)
{
	if (real.lock)
		real.unlock(lock);
	else
		release(lock, false);
}

static VOID WINAPI own_ReleaseSRWLockShared(SRWLOCK *lock)
{
	if (real.lock)
		real.unlock_shared(lock);
	else
		release(lock, true);
}

static BOOLEAN WINAPI own_TryAcquireSRWLockExclusive(SRWLOCK *lock)
{
	return real.lock ? real.try_lock(lock) : try_take(lock, false);
}

static BOOLEAN WINAPI own_TryAcquireSRWLockShared(SRWLOCK *lock)
{
	return real.lock ? real.try_lock_shared(lock) : try_take(lock, true);
}

/* --- Conditions --- */

static VOID WINAPI own_InitializeConditionVariable(CONDITION_VARIABLE *condition)
{
	condition->Ptr = NULL;
}

static VOID WINAPI own_WakeConditionVariable(CONDITION_VARIABLE *condition)
{
	if (real.condition_wait) {
		real.wake(condition);
		return;
	}
	EnterCriticalSection(&guard);
	wake(condition, 1);
	LeaveCriticalSection(&guard);
}

static VOID WINAPI own_WakeAllConditionVariable(CONDITION_VARIABLE *condition)
{
	if (real.condition_wait) {
		real.wake_all(condition);
		return;
	}
	EnterCriticalSection(&guard);
	wake(condition, UINT_MAX);
	LeaveCriticalSection(&guard);
}

static BOOL WINAPI own_SleepConditionVariableCS(CONDITION_VARIABLE *condition,
						CRITICAL_SECTION *section,
						DWORD ms)
{
	struct waiter waiter;

	if (real.condition_wait)
		return real.condition_wait(condition, section, ms);
	waiter.event = CreateEventW(NULL, FALSE, FALSE, NULL);
	if (!waiter.event)
		return FALSE;
	/* On the list before the section is left: no waking is missed. */
	EnterCriticalSection(&guard);
	join(&waiter, condition);
	LeaveCriticalSection(&guard);
	LeaveCriticalSection(section);
	WaitForSingleObject(waiter.event, ms);
	EnterCriticalSection(&guard);
	if (!waiter.woken)
		leave(&waiter);
	LeaveCriticalSection(&guard);
	CloseHandle(waiter.event);
	EnterCriticalSection(section);
	if (!waiter.woken)
		SetLastError(ERROR_TIMEOUT);
	return waiter.woken;
}

/* --- Requests --- */

/*
 * All requests of the calling thread for that file, instead of one of any
 * thread's: libuv and serial.c call it from the thread that made them, and
 * when none is wanted any longer.
 */
static BOOL WINAPI own_CancelIoEx(HANDLE file, OVERLAPPED *overlapped)
{
	return real.cancel ? real.cancel(file, overlapped) : CancelIo(file);
}

static VOID NTAPI no_function(ULONG_PTR argument)
{
	(void)argument;
}

void nt_cancel(HANDLE thread, HANDLE file, OVERLAPPED *overlapped, bool *queued)
{
	if (real.cancel)
		real.cancel(file, overlapped);
	else if (!*queued)
		/* It is there until the driver has seen it. */
		*queued = QueueUserAPC(no_function, thread, 0);
}

static BOOL WINAPI own_CancelSynchronousIo(HANDLE thread)
{
	return real.cancel_synchronous ? real.cancel_synchronous(thread) :
					 lacking();
}

/* --- Files --- */

static BOOLEAN WINAPI own_CreateSymbolicLinkW(LPCWSTR path, LPCWSTR target,
					      DWORD flags)
{
	return real.symlink ? real.symlink(path, target, flags) : lacking();
}

static BOOL WINAPI
own_GetFileInformationByHandleEx(HANDLE file, FILE_INFO_BY_HANDLE_CLASS class,
				 LPVOID data, DWORD size)
{
	return real.get_information ?
		real.get_information(file, class, data, size) : lacking();
}

static BOOL WINAPI
own_SetFileInformationByHandle(HANDLE file, FILE_INFO_BY_HANDLE_CLASS class,
			       LPVOID data, DWORD size)
{
	FILE_END_OF_FILE_INFO *end = data;

	if (real.set_information)
		return real.set_information(file, class, data, size);
	if (class != FileEndOfFileInfo || size != sizeof(*end))
		return lacking();
	/* Overlapped requests have a position of their own. */
	return SetFilePointerEx(file, end->EndOfFile, NULL, FILE_BEGIN) &&
	       SetEndOfFile(file);
}

static BOOL WINAPI own_SetFileCompletionNotificationModes(HANDLE file,
							  UCHAR flags)
{
	return real.notify ? real.notify(file, flags) : lacking();
}

static DWORD WINAPI own_GetFinalPathNameByHandleW(HANDLE file, LPWSTR path,
						  DWORD room, DWORD flags)
{
	return real.path_of ? real.path_of(file, path, room, flags) :
			      (DWORD)lacking();
}

static BOOL WINAPI own_GetNamedPipeClientProcessId(HANDLE pipe, PULONG id)
{
	return real.client_of ? real.client_of(pipe, id) : lacking();
}

/* --- The rest --- */

static ULONGLONG WINAPI own_GetTickCount64(void)
{
	LARGE_INTEGER now, hz;

	if (real.ticks)
		return real.ticks();
	QueryPerformanceCounter(&now);
	QueryPerformanceFrequency(&hz);
	return now.QuadPart / hz.QuadPart * 1000 +
	       now.QuadPart % hz.QuadPart * 1000 / hz.QuadPart;
}

static BOOL WINAPI own_K32GetProcessMemoryInfo(HANDLE process,
					       PPROCESS_MEMORY_COUNTERS memory,
					       DWORD size)
{
	return real.memory_of ? real.memory_of(process, memory, size) :
				lacking();
}

static PCSTR WSAAPI own_inet_ntop(INT family, const VOID *address, PSTR text,
				  size_t room)
{
	int error = uv_inet_ntop(family, address, text, room);

	if (error)
		WSASetLastError(error == UV_ENOSPC ? ERROR_INVALID_PARAMETER :
						     WSAEAFNOSUPPORT);
	return error ? NULL : text;
}

static INT WSAAPI own_inet_pton(INT family, PCSTR text, PVOID address)
{
	int error = uv_inet_pton(family, text, address);

	if (error != UV_EAFNOSUPPORT)
		return !error;
	WSASetLastError(WSAEAFNOSUPPORT);
	return -1;
}

NEWER(InitializeSRWLock);
NEWER(AcquireSRWLockExclusive);
NEWER(AcquireSRWLockShared);
NEWER(ReleaseSRWLockExclusive);
NEWER(ReleaseSRWLockShared);
NEWER(TryAcquireSRWLockExclusive);
NEWER(TryAcquireSRWLockShared);
NEWER(InitializeConditionVariable);
NEWER(WakeConditionVariable);
NEWER(WakeAllConditionVariable);
NEWER(SleepConditionVariableCS);
NEWER(CancelIoEx);
NEWER(CancelSynchronousIo);
NEWER(CreateSymbolicLinkW);
NEWER(GetFileInformationByHandleEx);
NEWER(SetFileInformationByHandle);
NEWER(SetFileCompletionNotificationModes);
NEWER(GetFinalPathNameByHandleW);
NEWER(GetNamedPipeClientProcessId);
NEWER(GetTickCount64);
NEWER(K32GetProcessMemoryInfo);
NEWER(inet_ntop);
NEWER(inet_pton);
