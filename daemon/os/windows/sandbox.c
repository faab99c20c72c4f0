/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Giving up rights on NT: the privileges of the token.  There is no filter of
 * system calls that a process puts on itself and that leaves it its files.
 */
#include <stdlib.h>

#include "nt.h"

/* Remove all privileges for good, but that of walking through directories. */
static bool remove_privileges(HANDLE token)
{
	TOKEN_PRIVILEGES *privileges;
	DWORD size = 0, kept = 0;
	LUID walk;
	bool done = false;

	GetTokenInformation(token, TokenPrivileges, NULL, 0, &size);
	privileges = malloc(size ? size : 1);
	if (privileges &&
	    LookupPrivilegeValueW(NULL, L"SeChangeNotifyPrivilege", &walk) &&
	    GetTokenInformation(token, TokenPrivileges, privileges, size,
				&size)) {
		for (DWORD i = 0; i < privileges->PrivilegeCount; i++) {
			LUID_AND_ATTRIBUTES one = privileges->Privileges[i];

			if (one.Luid.LowPart == walk.LowPart &&
			    one.Luid.HighPart == walk.HighPart)
				continue;
			one.Attributes = SE_PRIVILEGE_REMOVED;
			privileges->Privileges[kept++] = one;
		}
		privileges->PrivilegeCount = kept;
		done = AdjustTokenPrivileges(token, FALSE, privileges, 0, NULL,
					     NULL);
	}
	free(privileges);
	return done;
}

int os_drop_driver_rights(struct error *error)
{
	/* They go with all others, in os_enter_sandbox(). */
	(void)error;
	return 0;
}

int os_enter_sandbox(bool connect, struct error *error)
{
	HANDLE token;
	bool done = false;

	(void)connect;
	if (OpenProcessToken(GetCurrentProcess(),
			     TOKEN_QUERY | TOKEN_ADJUST_PRIVILEGES, &token)) {
		done = remove_privileges(token);
		CloseHandle(token);
	}
	return done ? 0 : error_set(error, "cannot give up privileges: %s; "
				    "sandbox=off does without",
				    nt_message(GetLastError()));
}
