// SPDX-License-Identifier: GPL-2.0
/*
 * Files below an open directory, on NT: tree/fcntl.h.  Names are looked up by
 * NT itself, relative to the directory's handle, and are not Win32's: neither
 * "..", devices nor drives mean anything in them, and no link is followed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "nt.h"

#include <winioctl.h>
#include <winternl.h>

#include "tree_names.h"

/* 100 ns from 1601 to 1970. */
#define EPOCH 116444736000000000ll
#define NAME_SURROGATE 0x20000000u
#define SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
/* The ends of a search. */
#define NO_MORE_FILES ((NTSTATUS)0x80000006)
#define NO_SUCH_FILE ((NTSTATUS)0xC000000F)
/* A gap from here on is worth a hole. */
#define HOLE 65536

/* Of ntdll, since the first NT; what winternl.h lacks. */
NTSYSAPI NTSTATUS NTAPI NtQueryDirectoryFile(HANDLE file, HANDLE event,
	PIO_APC_ROUTINE apc, PVOID context, PIO_STATUS_BLOCK status,
	PVOID information, ULONG length, FILE_INFORMATION_CLASS class,
	BOOLEAN single, PUNICODE_STRING name, BOOLEAN restart);
NTSYSAPI NTSTATUS NTAPI NtSetInformationFile(HANDLE file,
	PIO_STATUS_BLOCK status, PVOID information, ULONG length,
	FILE_INFORMATION_CLASS class);

#include "tree/fcntl.h"

static int fail(DWORD code)
{
	errno = nt_errno(code);
	return -1;
}

static int fail_status(NTSTATUS status)
{
	return fail(RtlNtStatusToDosError(status));
}

/* --- Opening --- */

HANDLE nt_open_below(int directory, const char *name, ACCESS_MASK access,
		     ULONG disposition, ULONG options, LONG *result)
{
	wchar_t *wide = nt_wide(strcmp(name, ".") ? name : "");
	UNICODE_STRING string;
	OBJECT_ATTRIBUTES attributes;
	IO_STATUS_BLOCK status;
	HANDLE file = INVALID_HANDLE_VALUE;

	*result = STATUS_NO_MEMORY;
	if (!wide)
		return file;
	RtlInitUnicodeString(&string, wide);
	InitializeObjectAttributes(&attributes, &string, OBJ_CASE_INSENSITIVE,
				   nt_handle(directory), NULL);
	*result = NtCreateFile(&file, access | SYNCHRONIZE |
			       FILE_READ_ATTRIBUTES, &attributes, &status,
			       NULL, FILE_ATTRIBUTE_NORMAL, SHARE_ALL,
			       disposition, options |
			       FILE_SYNCHRONOUS_IO_NONALERT |
			       FILE_OPEN_FOR_BACKUP_INTENT, NULL, 0);
	free(wide);
	return *result < 0 ? INVALID_HANDLE_VALUE : file;
}

static HANDLE open_existing(int directory, const char *name,
			    ACCESS_MASK access, bool follow)
{
	HANDLE file;
	wchar_t *wide;
	LONG result;

	if (directory != AT_FDCWD) {
		/* Below a directory links are never followed. */
		file = nt_open_below(directory, name, access, FILE_OPEN,
				     FILE_OPEN_REPARSE_POINT, &result);
		if (file == INVALID_HANDLE_VALUE)
			fail_status(result);
		return file;
	}
	wide = nt_wide(name);
	file = CreateFileW(wide, access | FILE_READ_ATTRIBUTES, SHARE_ALL,
			   NULL, OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS |
			   (follow ? 0 : FILE_FLAG_OPEN_REPARSE_POINT), NULL);
	if (file == INVALID_HANDLE_VALUE)
		fail(GetLastError());
	free(wide);
	return file;
}

/* A symbolic link, a junction and the like; not a file kept elsewhere. */
static bool is_link(HANDLE file, DWORD attributes)
{
	struct { ULONG attributes, tag; } information;
	IO_STATUS_BLOCK status;

	if (!(attributes & FILE_ATTRIBUTE_REPARSE_POINT))
		return false;
	/* FileAttributeTagInformation */
	return NtQueryInformationFile(file, &status, &information,
				      sizeof(information),
				      (FILE_INFORMATION_CLASS)35) < 0 ||
	       information.tag & NAME_SURROGATE;
}

static int status_of(HANDLE file, struct tree_stat *status)
{
	BY_HANDLE_FILE_INFORMATION information;
	int64_t time;

	memset(status, 0, sizeof(*status));
	if (GetFileType(file) != FILE_TYPE_DISK) {
		status->st_mode = S_IFCHR;
		return 0;
	}
	if (!GetFileInformationByHandle(file, &information))
		return fail(GetLastError());
	time = ((int64_t)information.ftLastWriteTime.dwHighDateTime << 32 |
		information.ftLastWriteTime.dwLowDateTime) - EPOCH;
	status->st_mtim.tv_sec = time / 10000000;
	status->st_mtim.tv_nsec = time % 10000000 * 100;
	if (status->st_mtim.tv_nsec < 0) {
		status->st_mtim.tv_sec--;
		status->st_mtim.tv_nsec += 1000000000;
	}
	if (is_link(file, information.dwFileAttributes)) {
		status->st_mode = S_IFLNK | 0777;
	} else if (information.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) {
		/* Read-only means something else for them. */
		status->st_mode = S_IFDIR | 0755;
	} else {
		status->st_mode = S_IFREG | 0644;
		if (information.dwFileAttributes & FILE_ATTRIBUTE_READONLY)
			status->st_mode &= ~0222u;
		status->st_size = (int64_t)information.nFileSizeHigh << 32 |
				  information.nFileSizeLow;
	}
	return 0;
}

static int open_directory(int directory, const char *name, bool follow)
{
	const ACCESS_MASK access = FILE_LIST_DIRECTORY | FILE_TRAVERSE;
	HANDLE file = open_existing(directory, name,
				    access | FILE_WRITE_ATTRIBUTES, follow);
	struct tree_stat status;

	/* One may read what is not one's own: its times stay as they are. */
	if (file == INVALID_HANDLE_VALUE && errno == EACCES)
		file = open_existing(directory, name, access, follow);
	if (file == INVALID_HANDLE_VALUE)
		return -1;
	if (!status_of(file, &status) && S_ISDIR(status.st_mode))
		return nt_number(file);
	CloseHandle(file);
	errno = S_ISLNK(status.st_mode) ? ELOOP : ENOTDIR;
	return -1;
}

int tree_openat(int directory, const char *name, int flags)
{
	struct tree_stat status;
	HANDLE file;
	LONG result;

	if (flags & O_DIRECTORY)
		return open_directory(directory, name, !(flags & O_NOFOLLOW));
	if (flags & O_CREAT) {
		file = nt_open_below(directory, name, FILE_WRITE_DATA |
				     FILE_WRITE_ATTRIBUTES, FILE_CREATE,
				     FILE_NON_DIRECTORY_FILE, &result);
		return file == INVALID_HANDLE_VALUE ? fail_status(result) :
						      nt_number(file);
	}
	file = open_existing(directory, name, FILE_READ_DATA,
			     !(flags & O_NOFOLLOW));
	if (file == INVALID_HANDLE_VALUE)
		return -1;
	if (!status_of(file, &status) && S_ISREG(status.st_mode))
		return nt_number(file);
	CloseHandle(file);
	errno = ELOOP;
	return -1;
}

int tree_close(int fd)
{
	return CloseHandle(nt_handle(fd)) ? 0 : fail(GetLastError());
}

int tree_fstat(int fd, struct tree_stat *status)
{
	return status_of(nt_handle(fd), status);
}

int tree_fstatat(int directory, const char *name, struct tree_stat *status,
		 int flags)
{
	HANDLE file = open_existing(directory, name, 0,
				    !(flags & AT_SYMLINK_NOFOLLOW));
	int result;

	if (file == INVALID_HANDLE_VALUE)
		return -1;
	result = status_of(file, status);
	CloseHandle(file);
	/* As long a name as this cannot be said. */
	if (!result && directory != AT_FDCWD && strlen(name) > 255) {
		errno = ENAMETOOLONG;
		result = -1;
	}
	return result;
}

/* --- Contents --- */

ssize_t tree_pread(int fd, void *bytes, size_t length, uint64_t at)
{
	OVERLAPPED overlapped = {
		.Offset = (DWORD)at, .OffsetHigh = (DWORD)(at >> 32),
	};
	DWORD done;

	if (ReadFile(nt_handle(fd), bytes, (DWORD)length, &done, &overlapped))
		return done;
	return GetLastError() == ERROR_HANDLE_EOF ? 0 : fail(GetLastError());
}

/* What is written behind the end, or the end put there, leaves a hole. */
static void make_sparse(int fd, uint64_t at)
{
	LARGE_INTEGER size;
	DWORD got;

	/* Not on all file systems: then the hole has zeros in it. */
	if (GetFileSizeEx(nt_handle(fd), &size) &&
	    at > (uint64_t)size.QuadPart + HOLE)
		DeviceIoControl(nt_handle(fd), FSCTL_SET_SPARSE, NULL, 0, NULL,
				0, &got, NULL);
}

ssize_t tree_pwrite(int fd, const void *bytes, size_t length, uint64_t at)
{
	OVERLAPPED overlapped = {
		.Offset = (DWORD)at, .OffsetHigh = (DWORD)(at >> 32),
	};
	DWORD done;

	make_sparse(fd, at);
	if (WriteFile(nt_handle(fd), bytes, (DWORD)length, &done, &overlapped))
		return done;
	return fail(GetLastError());
}

int tree_ftruncate(int fd, uint64_t size)
{
	LARGE_INTEGER end = { .QuadPart = size };
	IO_STATUS_BLOCK status;
	NTSTATUS result;

	make_sparse(fd, size);
	/* FileEndOfFileInformation */
	result = NtSetInformationFile(nt_handle(fd), &status, &end,
				      sizeof(end), (FILE_INFORMATION_CLASS)20);
	return result < 0 ? fail_status(result) : 0;
}

int64_t tree_lseek(int fd, int64_t at, int whence)
{
	FILE_ALLOCATED_RANGE_BUFFER range = {
		.FileOffset.QuadPart = at,
		.Length.QuadPart = INT64_MAX - at,
	}, found;
	DWORD got;

	/* With room for one of more it fails with what there was room for. */
	if (!DeviceIoControl(nt_handle(fd), FSCTL_QUERY_ALLOCATED_RANGES,
			     &range, sizeof(range), &found, sizeof(found),
			     &got, NULL) && GetLastError() != ERROR_MORE_DATA)
		return fail(GetLastError());
	if (got < sizeof(found) || found.FileOffset.QuadPart < 0 ||
	    found.Length.QuadPart <= 0 ||
	    found.Length.QuadPart > INT64_MAX - found.FileOffset.QuadPart) {
		errno = ENXIO;
		return -1;
	}
	if (whence == SEEK_DATA)
		return found.FileOffset.QuadPart > at ?
			       found.FileOffset.QuadPart : at;
	return found.FileOffset.QuadPart > at ? at :
		found.FileOffset.QuadPart + found.Length.QuadPart;
}

/* --- What is said about them --- */

int tree_fchmod(int fd, uint32_t mode)
{
	FILE_BASIC_INFORMATION basic = { .FileAttributes = 0 };
	IO_STATUS_BLOCK status;
	struct tree_stat now;
	NTSTATUS result;

	if (status_of(nt_handle(fd), &now) < 0)
		return -1;
	if (!S_ISREG(now.st_mode) || mode & 0200)
		return 0;
	basic.FileAttributes = FILE_ATTRIBUTE_READONLY;
	result = NtSetInformationFile(nt_handle(fd), &status, &basic,
				      sizeof(basic), FileBasicInformation);
	return result < 0 ? fail_status(result) : 0;
}

int tree_futimens(int fd, const struct timespec times[2])
{
	FILE_BASIC_INFORMATION basic = { .FileAttributes = 0 };
	IO_STATUS_BLOCK status;
	int64_t seconds = times[1].tv_sec;
	NTSTATUS result;

	/* 0 leaves it alone; and what is before 1601 is nothing here. */
	if (seconds > -EPOCH / 10000000 && seconds < INT64_MAX / 20000000)
		basic.LastWriteTime.QuadPart = EPOCH + seconds * 10000000 +
					       times[1].tv_nsec / 100;
	result = NtSetInformationFile(nt_handle(fd), &status, &basic,
				      sizeof(basic), FileBasicInformation);
	return result < 0 ? fail_status(result) : 0;
}

/* --- Directories --- */

int tree_mkdirat(int directory, const char *name)
{
	LONG result;
	HANDLE file = nt_open_below(directory, name, 0, FILE_CREATE,
				    FILE_DIRECTORY_FILE, &result);

	if (file == INVALID_HANDLE_VALUE)
		return fail_status(result);
	CloseHandle(file);
	return 0;
}

int tree_unlinkat(int directory, const char *name)
{
	FILE_BASIC_INFORMATION basic = {
		.FileAttributes = FILE_ATTRIBUTE_NORMAL,
	};
	BOOLEAN gone = TRUE;
	IO_STATUS_BLOCK status;
	NTSTATUS result;
	HANDLE file = nt_open_below(directory, name, DELETE |
				    FILE_WRITE_ATTRIBUTES, FILE_OPEN,
				    FILE_NON_DIRECTORY_FILE |
				    FILE_OPEN_REPARSE_POINT, &result);

	if (file == INVALID_HANDLE_VALUE)
		return fail_status(result);
	/* What is read-only cannot be removed. */
	NtSetInformationFile(file, &status, &basic, sizeof(basic),
			     FileBasicInformation);
	/* FileDispositionInformation */
	result = NtSetInformationFile(file, &status, &gone, sizeof(gone),
				      (FILE_INFORMATION_CLASS)13);
	CloseHandle(file);
	return result < 0 ? fail_status(result) : 0;
}

int nt_next_name(int directory, const wchar_t *which, wchar_t name[256])
{
	struct {
		ULONG next, index, length;
		wchar_t name[256];
	} entry;
	UNICODE_STRING string;
	IO_STATUS_BLOCK status;
	NTSTATUS result;

	if (which)
		RtlInitUnicodeString(&string, which);
	/* FileNamesInformation */
	result = NtQueryDirectoryFile(nt_handle(directory), NULL, NULL, NULL,
				      &status, &entry, sizeof(entry),
				      (FILE_INFORMATION_CLASS)12, TRUE,
				      which ? &string : NULL, FALSE);
	if (result == NO_MORE_FILES || result == NO_SUCH_FILE)
		return 0;
	if (result < 0)
		return fail_status(result);
	if (entry.length >= 256 * sizeof(wchar_t))
		entry.length = 255 * sizeof(wchar_t);
	memcpy(name, entry.name, entry.length);
	name[entry.length / sizeof(wchar_t)] = 0;
	return 1;
}

ssize_t tree_getdents(int fd, void *buffer, size_t room)
{
	struct dirent64 *entry = buffer;
	wchar_t wide[256];
	int found = nt_next_name(fd, NULL, wide);
	size_t length;
	char *name;

	if (found <= 0)
		return found;
	name = nt_utf8(wide);
	length = sizeof(*entry) + (name ? strlen(name) : 0) + 1;
	if (!name || length > room) {
		free(name);
		errno = ENOMEM;
		return -1;
	}
	strcpy(entry->d_name, name);
	free(name);
	entry->d_reclen = (length + 7) & ~7u;
	return entry->d_reclen;
}

int tree_lacks(int directory, ...)
{
	(void)directory;
	errno = ENOTSUP;
	return -1;
}
