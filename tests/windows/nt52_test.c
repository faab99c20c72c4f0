// SPDX-License-Identifier: GPL-2.0
/*
 * What daemon/os/windows/nt52.c puts in the place of newer functions of NT: run
 * by exe.t under Wine, with FAKE_NT=5.2, and with Wine's own for the comparison.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../daemon/os/windows/nt.h"
#include "../unit/virtio/tap.h"

#define THREADS 8
#define ROUNDS 1000
#define ITEMS 5000
/* Nothing here takes that long, however slow the machine. */
#define LONG_MS 120000

static void start(uv_thread_t *threads, int nr, uv_thread_cb function)
{
	for (intptr_t i = 0; i < nr; i++)
		if (uv_thread_create(&threads[i], function, (void *)i))
			die("no thread");
}

/* false: they hang. */
static bool join_all(uv_thread_t *threads, int nr)
{
	return WaitForMultipleObjects(nr, threads, TRUE, LONG_MS) ==
	       WAIT_OBJECT_0;
}

/* --- Locks --- */

static SRWLOCK lock = SRWLOCK_INIT;
/* Guarded by lock, and equal: */
static volatile long left, right;
static volatile LONG broken, readers, most_readers;

static void writer(void *opaque)
{
	(void)opaque;
	for (int i = 0; i < ROUNDS; i++) {
		AcquireSRWLockExclusive(&lock);
		if (readers)
			broken = 1;
		left++;
		if (i % 50 == 0)
			SwitchToThread();
		right++;
		ReleaseSRWLockExclusive(&lock);
	}
}

static void reader(void *opaque)
{
	LONG now;

	(void)opaque;
	for (int i = 0; i < ROUNDS; i++) {
		AcquireSRWLockShared(&lock);
		now = InterlockedIncrement(&readers);
		if (now > most_readers)
			most_readers = now;
		if (left != right)
			broken = 1;
		if (i % 50 == 0)
			SwitchToThread();
		InterlockedDecrement(&readers);
		ReleaseSRWLockShared(&lock);
	}
}

static void test_locks(void)
{
	uv_thread_t threads[2 * THREADS];

	start(threads, THREADS, writer);
	start(threads + THREADS, THREADS, reader);
	check(join_all(threads, 2 * THREADS), "%d writers and readers get the "
	      "lock", 2 * THREADS);
	check(!broken && left == THREADS * ROUNDS && right == left,
	      "one writer at a time, and no reader with it");
	note("up to %ld readers at a time", (long)most_readers);
	check(!lock.Ptr, "the lock is free in the end");
}

static void try_both(void *opaque)
{
	int *got = opaque;

	*got = 0;
	if (TryAcquireSRWLockShared(&lock)) {
		*got |= 1;
		ReleaseSRWLockShared(&lock);
	}
	if (TryAcquireSRWLockExclusive(&lock)) {
		*got |= 2;
		ReleaseSRWLockExclusive(&lock);
	}
}

/* What another thread would get: 1 a reader's place, 2 the lock. */
static int tries(void)
{
	uv_thread_t thread;
	int got = -1;

	if (uv_thread_create(&thread, try_both, &got))
		die("no thread");
	uv_thread_join(&thread);
	return got;
}

static void test_try(void)
{
	check(tries() == 3, "a free lock can be taken either way");
	AcquireSRWLockShared(&lock);
	check(tries() == 1, "beside a reader there is room for readers only");
	ReleaseSRWLockShared(&lock);
	AcquireSRWLockExclusive(&lock);
	check(tries() == 0, "beside a writer for nobody");
	ReleaseSRWLockExclusive(&lock);
}

/* --- Conditions --- */

static CRITICAL_SECTION section;
static CONDITION_VARIABLE filled = CONDITION_VARIABLE_INIT,
			  emptied = CONDITION_VARIABLE_INIT;
/* Guarded by section: */
static int full, sent, taken, waiting, released;

/* One place: each item needs a waking in both directions. */
static void producer(void *opaque)
{
	(void)opaque;
	EnterCriticalSection(&section);
	while (sent < ITEMS) {
		if (full) {
			SleepConditionVariableCS(&emptied, &section, INFINITE);
			continue;
		}
		full = 1;
		sent++;
		WakeConditionVariable(&filled);
	}
	/* The others are to see the end. */
	WakeAllConditionVariable(&emptied);
	LeaveCriticalSection(&section);
}

static void consumer(void *opaque)
{
	(void)opaque;
	EnterCriticalSection(&section);
	while (taken < ITEMS) {
		if (!full) {
			SleepConditionVariableCS(&filled, &section, INFINITE);
			continue;
		}
		full = 0;
		taken++;
		WakeConditionVariable(&emptied);
	}
	WakeAllConditionVariable(&filled);
	LeaveCriticalSection(&section);
}

static void test_queue(void)
{
	uv_thread_t threads[THREADS];
	bool ended;

	start(threads, THREADS / 2, producer);
	start(threads + THREADS / 2, THREADS / 2, consumer);
	ended = join_all(threads, THREADS);
	check(ended && taken == ITEMS,
	      "%d of %d items got through: no waking is lost", taken, ITEMS);
}

static void sleeper(void *opaque)
{
	(void)opaque;
	EnterCriticalSection(&section);
	waiting++;
	WakeConditionVariable(&emptied);
	while (!released)
		SleepConditionVariableCS(&filled, &section, INFINITE);
	LeaveCriticalSection(&section);
}

static void test_all(void)
{
	uv_thread_t threads[THREADS];

	start(threads, THREADS, sleeper);
	EnterCriticalSection(&section);
	while (waiting < THREADS)
		SleepConditionVariableCS(&emptied, &section, INFINITE);
	released = 1;
	WakeAllConditionVariable(&filled);
	LeaveCriticalSection(&section);
	check(join_all(threads, THREADS), "WakeAll wakes all");
}

static void test_timeout(void)
{
	uv_thread_t thread;
	BOOL woken;
	DWORD code;

	EnterCriticalSection(&section);
	woken = SleepConditionVariableCS(&filled, &section, 20);
	code = GetLastError();
	check(!woken && code == ERROR_TIMEOUT, "a wait ends when its time is "
	      "over: %d, error %lu", woken, code);
	check(section.RecursionCount == 1, "... with the section");
	/* Who has left must not take the waking of who is there. */
	waiting = released = 0;
	start(&thread, 1, sleeper);
	while (!waiting)
		SleepConditionVariableCS(&emptied, &section, INFINITE);
	released = 1;
	WakeConditionVariable(&filled);
	LeaveCriticalSection(&section);
	check(join_all(&thread, 1), "... and takes no waking with it");
}

/* --- The rest --- */

static void test_cancel(void)
{
	OVERLAPPED overlapped = { 0 };
	DWORD got, code = 0;
	HANDLE pipe;

	pipe = CreateNamedPipeA("\\\\.\\pipe\\colinux-nt52-test",
				PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED, 0, 1,
				64, 64, 0, NULL);
	overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
	if (ConnectNamedPipe(pipe, &overlapped) ||
	    GetLastError() != ERROR_IO_PENDING)
		die("a pipe has a client already");
	check(CancelIoEx(pipe, &overlapped), "CancelIoEx");
	if (!GetOverlappedResult(pipe, &overlapped, &got, TRUE))
		code = GetLastError();
	check(code == ERROR_OPERATION_ABORTED, "... ends the request: %lu",
	      code);
	CloseHandle(overlapped.hEvent);
	CloseHandle(pipe);
}

static void test_time(void)
{
	ULONGLONG before = GetTickCount64(), after;

	Sleep(50);
	after = GetTickCount64();
	/* A tick of NT's clock is up to 16 ms. */
	check(after - before >= 30 && after - before < LONG_MS,
	      "GetTickCount64() counts milliseconds: %llu in 50",
	      after - before);
}

static void test_inet(void)
{
	char text[64] = "";
	unsigned char address[16];

	check(inet_pton(AF_INET, "10.0.2.15", address) == 1 &&
	      !memcmp(address, "\x0a\0\x02\x0f", 4), "inet_pton, IPv4");
	check(inet_ntop(AF_INET, address, text, sizeof(text)) == text &&
	      !strcmp(text, "10.0.2.15"), "inet_ntop: %s", text);
	check(!inet_pton(AF_INET, "10.0.2", address), "... no address");
	check(inet_pton(AF_INET6, "fec0::2", address) == 1 &&
	      address[0] == 0xfe && address[15] == 2, "inet_pton, IPv6");
	check(inet_ntop(AF_INET6, address, text, sizeof(text)) == text &&
	      !strcmp(text, "fec0::2"), "inet_ntop: %s", text);
	check(!inet_ntop(AF_INET, address, text, 4), "... no room");
	check(inet_pton(1234, "1", address) == -1, "... no such family");
}

int main(void)
{
	InitializeCriticalSection(&section);
	test_try();
	test_locks();
	test_queue();
	test_all();
	test_timeout();
	test_cancel();
	test_time();
	test_inet();
	return done();
}
