/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Opening, locking and measuring disk images and devices on NT: see disk.h.
 * Devices: \\.\PhysicalDrive1, \\.\E:, \Device\Harddisk1\Partition2.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk.h"

#include <winioctl.h>

#define SECTOR 512u
#define LARGEST_BLOCK 4096u

/* \\.\NAME, \\?\NAME or \Device\NAME: no file. */
static bool is_device_path(const char *path)
{
	return !strncmp(path, "\\\\.\\", 4) ||
	       !_strnicmp(path, "\\Device\\", 8) ||
	       !_strnicmp(path, "\\\\?\\Global", 10);
}

static int open_error(const char *path, bool read_only, DWORD code,
		      struct error *error)
{
	const char *remedy = "check the path";

	switch (code) {
	case ERROR_ACCESS_DENIED:
	case ERROR_WRITE_PROTECT:
		remedy = read_only ? "change its permissions, or run as "
				     "administrator" :
				     "change its permissions, run as "
				     "administrator, or use it read-only (,ro)";
		break;
	case ERROR_SHARING_VIOLATION:
		return error_set(error, "%s: in use by another disk, guest or "
				 "program: stop that, use a copy, or use it "
				 "read-only (,ro) in all", path);
	}
	return error_set(error, "%s: %s: %s", path, nt_message(code), remedy);
}

/*
 * The share mode is the lock: readers with readers, a writer with nobody.  A
 * device's other handles are the system's own.
 */
static int open_file(const struct disk_options *options, int *image,
		     struct error *error)
{
	const bool is_device = is_device_path(options->path);
	wchar_t *wide = nt_wide_path(options->path);
	DWORD access = GENERIC_READ, share = FILE_SHARE_READ;
	DWORD flags = FILE_FLAG_OVERLAPPED;
	HANDLE file;

	if (!options->read_only)
		access |= GENERIC_WRITE;
	if (!options->read_only && !is_device)
		share = 0;
	if (is_device)
		share |= FILE_SHARE_WRITE;
	/* Devices are never cached; saying so makes them check alignment. */
	if (options->direct || is_device)
		flags |= FILE_FLAG_NO_BUFFERING;
	if (!wide)
		return error_set(error, "%s: out of memory", options->path);
	file = CreateFileW(wide, access, share, NULL, OPEN_EXISTING, flags,
			   NULL);
	if (file != INVALID_HANDLE_VALUE && is_device && !options->read_only &&
	    !nt_disk_flushes(file)) {
		CloseHandle(file);
		file = CreateFileW(wide, access, share, NULL, OPEN_EXISTING,
				   flags | FILE_FLAG_WRITE_THROUGH, NULL);
	}
	free(wide);
	if (file == INVALID_HANDLE_VALUE)
		return open_error(options->path, options->read_only,
				  GetLastError(), error);
	*image = nt_number(file);
	if (is_device || GetFileType(file) == FILE_TYPE_DISK)
		return 0;
	return error_set(error, "%s: neither a file nor a disk: give a raw "
			 "disk image", options->path);
}

int disk_files_open(const struct disk_options *options,
		    struct disk_files *files, struct error *error)
{
	*files = (struct disk_files){ .image = -1, .server = -1 };
	if (!open_file(options, &files->image, error))
		return 0;
	disk_files_close(files);
	return -1;
}

void disk_files_close(struct disk_files *files)
{
	if (files->image != -1)
		CloseHandle(nt_handle(files->image));
	files->image = -1;
}

/* They become the disk's own. */
static int use_files(struct disk *disk, const struct disk_options *options,
		     struct error *error)
{
	struct disk_files files;

	disk->is_device = is_device_path(options->path);
	if (options->files)
		files = *options->files;
	else if (disk_files_open(options, &files, error) < 0)
		return -1;
	disk->fd = files.image;
	return 0;
}

/* A control request, to its end.  A Windows error. */
static DWORD control(const struct disk *disk, DWORD code, void *out,
		     DWORD room)
{
	OVERLAPPED overlapped = { 0 };
	DWORD got, result = 0;

	/* Bit 0: the answer is not for the completion port. */
	overlapped.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
	if (!overlapped.hEvent)
		return GetLastError();
	overlapped.hEvent = (HANDLE)((uintptr_t)overlapped.hEvent | 1);
	if (!DeviceIoControl(nt_handle(disk->fd), code, NULL, 0, out, room,
			     NULL, &overlapped) &&
	    GetLastError() != ERROR_IO_PENDING)
		result = GetLastError();
	else if (!GetOverlappedResult(nt_handle(disk->fd), &overlapped, &got,
				      TRUE))
		result = GetLastError();
	CloseHandle((HANDLE)((uintptr_t)overlapped.hEvent & ~(uintptr_t)1));
	return result;
}

/*
 * Windows lets nobody write to the blocks of a volume that it has mounted: it
 * must be ours.  Not a volume: fine, a whole disk is guarded by its volumes.
 */
static int take_volume(struct disk *disk, struct error *error)
{
	DWORD code;

	if (!disk->is_device || disk->read_only)
		return 0;
	code = control(disk, FSCTL_LOCK_VOLUME, NULL, 0);
	if (code == ERROR_ACCESS_DENIED || code == ERROR_SHARING_VIOLATION)
		return error_set(error, "%s: Windows uses this volume: close "
				 "what is open there, or take its drive letter "
				 "away, or use it read-only (,ro)",
				 disk->path);
	if (!code)
		control(disk, FSCTL_DISMOUNT_VOLUME, NULL, 0);
	return 0;
}

static int file_size(const struct disk *disk, uint64_t *bytes,
		     struct error *error)
{
	GET_LENGTH_INFORMATION length;
	LARGE_INTEGER size;
	DWORD code = 0;

	if (disk->is_device) {
		code = control(disk, IOCTL_DISK_GET_LENGTH_INFO, &length,
			       sizeof(length));
		*bytes = length.Length.QuadPart;
	} else if (GetFileSizeEx(nt_handle(disk->fd), &size)) {
		*bytes = size.QuadPart;
	} else {
		code = GetLastError();
	}
	return code ? error_set(error, "%s: no size: %s: check the device",
				disk->path, nt_message(code)) : 0;
}

static void set_size(struct disk *disk, uint64_t bytes)
{
	__atomic_store_n(&disk->bytes, bytes, __ATOMIC_RELAXED);
	/* A last, partial block of a file is there and ends with zeros. */
	disk->capacity = disk->is_device ?
		bytes - bytes % disk->block_size :
		(bytes + disk->block_size - 1) / disk->block_size *
			disk->block_size;
}

static int choose_block_size(struct disk *disk, uint32_t wish,
			     struct error *error)
{
	uint32_t least = disk->direct && !disk->is_device ? LARGEST_BLOCK :
							     SECTOR;
	DISK_GEOMETRY geometry;

	if (wish & (wish - 1) || (wish && wish < SECTOR) ||
	    wish > LARGEST_BLOCK)
		return error_set(error, "%s: block size %" PRIu32 ": use 512, "
				 "1024, 2048 or 4096", disk->path, wish);
	if (disk->is_device && !control(disk, IOCTL_DISK_GET_DRIVE_GEOMETRY,
					&geometry, sizeof(geometry)))
		least = geometry.BytesPerSector;
	if (least > LARGEST_BLOCK || least < SECTOR)
		return error_set(error, "%s: blocks of %" PRIu32 " bytes are "
				 "too large for guests", disk->path, least);
	if (wish && wish < least)
		return error_set(error, "%s: the host wants blocks of %" PRIu32
				 " bytes here: use that", disk->path, least);
	disk->block_size = wish ? wish : least;
	disk->physical_size = LARGEST_BLOCK;
	disk->discard_alignment = LARGEST_BLOCK;
	return 0;
}

static int open_all(struct disk *disk, const struct disk_options *options,
		    struct error *error)
{
	uint64_t bytes = 0;

	if (use_files(disk, options, error) || take_volume(disk, error) ||
	    choose_block_size(disk, options->block_size, error) ||
	    file_size(disk, &bytes, error))
		return -1;
	set_size(disk, bytes);
	if (!disk->capacity)
		return error_set(error, "%s: is empty: create an image first",
				 disk->path);
	/* Holes may be made; not everywhere, then zeros are written. */
	if (!disk->is_device && !disk->read_only)
		control(disk, FSCTL_SET_SPARSE, NULL, 0);
	disk->event_fd = os_event_new();
	disk->wait_fd = disk->event_fd;
	if (disk->event_fd != -1)
		disk->pool = (struct disk_pool *)nt_disk_new(disk);
	if (!disk->pool)
		return error_set(error, "%s: no completion port: %s",
				 disk->path, strerror(errno));
	return 0;
}

struct disk *disk_open(const struct disk_options *options,
		       struct error *error)
{
	struct disk *disk = calloc(1, sizeof(*disk));

	if (!disk || !(disk->path = strdup(options->path))) {
		free(disk);
		error_set(error, "%s: out of memory", options->path);
		return NULL;
	}
	disk->fd = -1;
	disk->server = -1;
	disk->event_fd = -1;
	disk->read_only = options->read_only;
	disk->direct = options->direct;
	if (open_all(disk, options, error) < 0) {
		disk_close(disk);
		return NULL;
	}
	return disk;
}

void disk_close(struct disk *disk)
{
	if (!disk)
		return;
	if (disk->pool)
		nt_disk_free((struct nt_disk *)disk->pool);
	os_event_free(disk->event_fd);
	if (disk->fd != -1)
		CloseHandle(nt_handle(disk->fd));
	free(disk->path);
	free(disk);
}

/* Make the file longer; a device is as long as it is. */
static int grow(struct disk *disk, uint64_t size, struct error *error)
{
	FILE_END_OF_FILE_INFO end = { .EndOfFile.QuadPart = size };

	if (disk->is_device)
		return error_set(error, "%s: is no file: grow the device, then "
				 "give no size", disk->path);
	if (size < __atomic_load_n(&disk->bytes, __ATOMIC_RELAXED))
		return error_set(error, "%s: is larger already: a disk does "
				 "not shrink", disk->path);
	if (!SetFileInformationByHandle(nt_handle(disk->fd), FileEndOfFileInfo,
					&end, sizeof(end)))
		return error_set(error, "%s: cannot grow: %s", disk->path,
				 nt_message(GetLastError()));
	return 0;
}

int disk_resize(struct disk *disk, uint64_t size, struct error *error)
{
	uint64_t bytes = 0;

	if ((size && grow(disk, size, error) < 0) ||
	    file_size(disk, &bytes, error))
		return -1;
	if (!bytes)
		return error_set(error, "%s: is empty now: give it a size",
				 disk->path);
	set_size(disk, bytes);
	return 0;
}

bool disk_format_may_be_live(const char *path, bool read_only)
{
	static const struct {
		long at;
		const char *magic;
		size_t length;
	} live[] = {
		{ 0, "hsqs", 4 },
		{ 0x8001, "CD001", 5 },
		{ 1024, "\xe2\xe1\xf5\xe0", 4 },
	};
	bool found = false;
	char magic[8];
	FILE *file;

	/* A device is not read for this. */
	if (is_device_path(path) || os_file_kind(path) != OS_FILE_REGULAR)
		return read_only;
	file = os_fopen(path, "rb");
	for (size_t i = 0; file && i < sizeof(live) / sizeof(live[0]); i++)
		found |= !fseek(file, live[i].at, SEEK_SET) &&
			 fread(magic, 1, live[i].length, file) ==
				 live[i].length &&
			 !memcmp(magic, live[i].magic, live[i].length);
	if (file)
		fclose(file);
	return found;
}
