// SPDX-License-Identifier: GPL-2.0
/*
 * guard.S in a Windows process, where exceptions, unwind data and
 * __C_specific_handler work as in NT's kernel.  Prints TAP.
 */
#include <windows.h>
#include <stdio.h>

NTSTATUS NTAPI nt_guarded(NTSTATUS(NTAPI *fn)(void *arg), void *arg);

#define RAISED	((NTSTATUS)0xc0000144)	/* STATUS_UNHANDLED_EXCEPTION */

static int count, failed;

static void check(int good, const char *what)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++count, what);
	failed += !good;
}

static NTSTATUS NTAPI returns(void *arg)
{
	return *(NTSTATUS *)arg;
}

static NTSTATUS NTAPI writes(void *arg)
{
	*(volatile int *)arg = 1;
	return 0;
}

static NTSTATUS NTAPI raises(void *arg)
{
	RaiseException((DWORD)(ULONG_PTR)arg, 0, 0, NULL);
	return 0;
}

/* With a frame and saved registers to unwind through. */
static NTSTATUS NTAPI __attribute__((noinline)) deep(void *arg)
{
	volatile char frame[2000];

	for (unsigned int i = 0; i < sizeof(frame); i++)
		frame[i] = (char)i;
	if (frame[100] == 100)
		raises(arg);
	return frame[200];
}

static NTSTATUS NTAPI nested(void *arg)
{
	if (nt_guarded(deep, arg) != RAISED)
		return 1;
	return nt_guarded(writes, NULL);
}

int main(void)
{
	NTSTATUS value = 42;
	int target = 0, keep = 1;

	check(nt_guarded(returns, &value) == 42, "a value is returned");
	check(!nt_guarded(writes, &target) && target == 1, "a good write");
	check(nt_guarded(writes, NULL) == RAISED, "a bad write");
	check(nt_guarded(deep, (void *)0xe0c00001) == RAISED,
	      "through a deeper frame");
	check(nt_guarded(nested, (void *)0xe0c00001) == RAISED,
	      "one inside another");
	check(keep == 1 && value == 42, "the caller's variables are intact");
	printf("1..%d\n", count);
	return failed != 0;
}
