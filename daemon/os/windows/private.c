/* SPDX-License-Identifier: GPL-2.0 */
/* Directories, locks and pipes that are ours alone: see os.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "nt.h"

#include <aclapi.h>
#include <sddl.h>

/*
 * The system, the administrators and the user, whose SID follows; nothing is
 * inherited.  "The owner" (OW) would do, but NT 5.2 does not know it.
 */
#define PRIVATE L"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;%ls)"
#define SID_TEXT 200	/* of the longest */

/* `colinux ps` may hold a lock for an instant: who wants it tries again. */
#define LOCK_TRIES 10
#define LOCK_PAUSE_MS 20

/* Our user, as a token tells it; to be freed. */
static TOKEN_USER *user_of(HANDLE token)
{
	DWORD size = 0;
	TOKEN_USER *user;

	GetTokenInformation(token, TokenUser, NULL, 0, &size);
	user = malloc(size ? size : 1);
	if (user && GetTokenInformation(token, TokenUser, user, size, &size))
		return user;
	free(user);
	return NULL;
}

static TOKEN_USER *own_user(void)
{
	TOKEN_USER *user = NULL;
	HANDLE token;

	if (OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) {
		user = user_of(token);
		CloseHandle(token);
	}
	return user;
}

/* Does it belong to us, the administrators or the system? */
static bool owned(const wchar_t *path)
{
	PSECURITY_DESCRIPTOR descriptor = NULL;
	TOKEN_USER *user = own_user();
	PSID owner = NULL;
	bool ours;

	GetNamedSecurityInfoW((LPWSTR)path, SE_FILE_OBJECT,
			      OWNER_SECURITY_INFORMATION, &owner, NULL, NULL,
			      NULL, &descriptor);
	ours = owner && (IsWellKnownSid(owner, WinBuiltinAdministratorsSid) ||
			 IsWellKnownSid(owner, WinLocalSystemSid) ||
			 (user && EqualSid(owner, user->User.Sid)));
	if (descriptor)
		LocalFree(descriptor);
	free(user);
	return ours;
}

/* Does its volume keep access lists at all?  FAT does not. */
static bool keeps_lists(const wchar_t *path)
{
	wchar_t root[MAX_PATH];
	DWORD flags;

	return !GetVolumePathNameW(path, root, MAX_PATH) ||
	       !GetVolumeInformationW(root, NULL, 0, NULL, NULL, &flags, NULL,
				      0) ||
	       (flags & FILE_PERSISTENT_ACLS);
}

bool nt_private_attributes(SECURITY_ATTRIBUTES *attributes)
{
	wchar_t text[sizeof(PRIVATE) / sizeof(wchar_t) + SID_TEXT];
	TOKEN_USER *user = own_user();
	wchar_t *sid = NULL;
	bool good;
	int length;

	*attributes = (SECURITY_ATTRIBUTES){ .nLength = sizeof(*attributes) };
	good = user && ConvertSidToStringSidW(user->User.Sid, &sid);
	free(user);
	if (!good)
		return false;
	length = _snwprintf(text, sizeof(text) / sizeof(text[0]), PRIVATE, sid);
	LocalFree(sid);
	if (length < 0 || (size_t)length >= sizeof(text) / sizeof(text[0])) {
		SetLastError(ERROR_INVALID_SID);
		return false;
	}
	return ConvertStringSecurityDescriptorToSecurityDescriptorW(
		text, SDDL_REVISION_1, &attributes->lpSecurityDescriptor, NULL);
}

static int make_private(const wchar_t *wide, const char *path,
			struct error *error)
{
	SECURITY_ATTRIBUTES attributes;
	int result = 0;
	DWORD code;

	if (!nt_private_attributes(&attributes))
		return error_set(error, "%s: %s", path,
				 nt_message(GetLastError()));
	if (!CreateDirectoryW(wide, &attributes)) {
		code = GetLastError();
		if (code != ERROR_ALREADY_EXISTS)
			result = error_set(error, "%s: cannot make the "
					   "directory: %s", path,
					   nt_message(code));
		else if (!owned(wide))
			/* Without lists it is everybody's, as all is there. */
			result = !keeps_lists(wide) ? 0 :
				error_set(error, "%s: is not a directory of "
					  "this user; remove it", path);
		else if (!SetFileSecurityW(wide, DACL_SECURITY_INFORMATION,
					   attributes.lpSecurityDescriptor))
			result = error_set(error, "%s: cannot make it private: "
					   "%s", path,
					   nt_message(GetLastError()));
	}
	LocalFree(attributes.lpSecurityDescriptor);
	return result;
}

int os_private_directory(const char *path, struct error *error)
{
	wchar_t *wide = nt_wide(path);
	int result;

	if (!wide)
		return error_set(error, "out of memory");
	result = make_private(wide, path, error);
	free(wide);
	return result;
}

/*
 * Who has it open for writing has the lock: nobody else may, until he closes it or
 * ends.  (Locks on ranges of a file would do on NT.  On ReactOS whoever closes the
 * file frees everybody's.)
 */
static HANDLE open_lock(const char *path, DWORD how)
{
	wchar_t *wide = nt_wide(path);
	HANDLE file = INVALID_HANDLE_VALUE;

	if (wide)
		file = CreateFileW(wide, GENERIC_READ | GENERIC_WRITE,
				   FILE_SHARE_READ | FILE_SHARE_DELETE, NULL,
				   how, 0, NULL);
	free(wide);
	return file;
}

int os_lock_file(const char *path, struct error *error)
{
	HANDLE file;
	DWORD code;

	for (int i = 0; i < LOCK_TRIES; i++) {
		file = open_lock(path, OPEN_ALWAYS);
		if (file != INVALID_HANDLE_VALUE)
			return nt_number(file);
		code = GetLastError();
		/* Removed by one that ends at this moment. */
		if (code == ERROR_ACCESS_DENIED)
			break;
		if (code != ERROR_SHARING_VIOLATION)
			return error_set(error, "%s: %s", path,
					 nt_message(code));
		Sleep(LOCK_PAUSE_MS);
	}
	return OS_LOCK_HELD;
}

void os_unlock_file(int handle)
{
	CloseHandle(nt_handle(handle));
}

bool os_file_is_locked(const char *path)
{
	HANDLE file = open_lock(path, OPEN_EXISTING);

	if (file == INVALID_HANDLE_VALUE)
		return GetLastError() == ERROR_SHARING_VIOLATION;
	CloseHandle(file);
	return false;
}

bool os_peer_allowed(uv_os_fd_t pipe)
{
	TOKEN_USER *user = own_user(), *other = NULL;
	HANDLE process = NULL, token;
	bool allowed = false;
	ULONG id;

	if (GetNamedPipeClientProcessId(pipe, &id))
		process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE,
				      id);
	if (process && OpenProcessToken(process, TOKEN_QUERY, &token)) {
		other = user_of(token);
		CloseHandle(token);
	}
	if (user && other)
		allowed = EqualSid(user->User.Sid, other->User.Sid) ||
			  IsWellKnownSid(other->User.Sid, WinLocalSystemSid);
	if (process)
		CloseHandle(process);
	free(user);
	free(other);
	/* The pipe's own list admits writers of ours and administrators. */
	return allowed || os_is_root();
}
