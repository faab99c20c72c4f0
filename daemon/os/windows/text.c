/* SPDX-License-Identifier: GPL-2.0 */
/* Text and errors between UTF-8, UTF-16 and Windows' numbers: see nt.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nt.h"

wchar_t *nt_wide(const char *text)
{
	int length = MultiByteToWideChar(CP_UTF8, 0, text, -1, NULL, 0);
	wchar_t *wide = malloc(((size_t)length + 1) * sizeof(*wide));

	if (wide) {
		wide[0] = 0;
		MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, length);
	}
	return wide;
}

wchar_t *nt_wide_path(const char *path)
{
	static const char native[] = "\\\\?\\GLOBALROOT";
	char *full;
	wchar_t *wide;

	/* Classic: \Device\Harddisk0\Partition1, which Win32 does not open. */
	if (_strnicmp(path, "\\Device\\", 8))
		return nt_wide(path);
	full = malloc(sizeof(native) + strlen(path));
	if (!full)
		return NULL;
	strcpy(full, native);
	strcat(full, path);
	wide = nt_wide(full);
	free(full);
	return wide;
}

char *nt_utf8(const wchar_t *text)
{
	int length = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL,
					 NULL);
	char *bytes = malloc((size_t)length + 1);

	if (bytes) {
		bytes[0] = '\0';
		WideCharToMultiByte(CP_UTF8, 0, text, -1, bytes, length, NULL,
				    NULL);
	}
	return bytes;
}

bool nt_environment(const char *name, char *value, size_t room)
{
	size_t length = room;

	return !uv_os_getenv(name, value, &length) && *value;
}

int nt_errno(DWORD code)
{
	switch (code) {
	case ERROR_FILE_NOT_FOUND:
	case ERROR_PATH_NOT_FOUND:
	case ERROR_INVALID_NAME:
	case ERROR_BAD_NETPATH:
	case ERROR_BAD_PATHNAME:
		return ENOENT;
	case ERROR_ACCESS_DENIED:
	case ERROR_WRITE_PROTECT:
		return EACCES;
	case ERROR_FILE_EXISTS:
	case ERROR_ALREADY_EXISTS:
		return EEXIST;
	case ERROR_DIRECTORY:
		return ENOTDIR;
	case ERROR_SHARING_VIOLATION:
	case ERROR_LOCK_VIOLATION:
		return EBUSY;
	case ERROR_NOT_ENOUGH_MEMORY:
	case ERROR_OUTOFMEMORY:
	case ERROR_NO_SYSTEM_RESOURCES:
	case ERROR_WORKING_SET_QUOTA:
		return ENOMEM;
	case ERROR_DISK_FULL:
		return ENOSPC;
	case ERROR_INVALID_PARAMETER:
		return EINVAL;
	default:
		return EIO;
	}
}

const char *nt_message(DWORD code)
{
	static _Thread_local char text[300];
	wchar_t wide[256] = L"";
	char *bytes;
	DWORD length;

	length = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM |
				FORMAT_MESSAGE_IGNORE_INSERTS, NULL, code, 0,
				wide, 256, NULL);
	while (length && (wide[length - 1] <= ' ' || wide[length - 1] == '.'))
		wide[--length] = 0;
	bytes = nt_utf8(wide);
	snprintf(text, sizeof(text), "%.250s (error %lu)",
		 bytes && *bytes ? bytes : "failed", code);
	free(bytes);
	return text;
}

bool nt_beside_program(const char *name, char *path, size_t room)
{
	size_t length = room;
	char *slash;

	if (uv_exepath(path, &length) < 0)
		return false;
	slash = strrchr(path, '\\');
	if (!slash || slash + 1 + strlen(name) >= path + room)
		return false;
	strcpy(slash + 1, name);
	return true;
}
