/* SPDX-License-Identifier: GPL-2.0 */
/* Between tree_files.c and tree_names.c. */
#ifndef DAEMON_OS_WINDOWS_TREE_NAMES_H
#define DAEMON_OS_WINDOWS_TREE_NAMES_H

#include "nt.h"

/*
 * NtCreateFile() of a name in a directory, "." = itself; INVALID_HANDLE_VALUE
 * and an NTSTATUS in *result.
 */
HANDLE nt_open_below(int directory, const char *name, ACCESS_MASK access,
		     ULONG disposition, ULONG options, LONG *result);
/*
 * The next name of those in a directory, or of the one that `which` finds; the
 * handle's first call says which.  1, 0 = no more, -1 with errno.
 */
int nt_next_name(int directory, const wchar_t *which, wchar_t name[256]);

/* Can Windows' programs have a file of that name? */
bool nt_name_valid(const char *name);

#endif
