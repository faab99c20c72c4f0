// SPDX-License-Identifier: GPL-2.0
/*
 * The block engine of NT (daemon/os/windows/disk_*.c) on a file: run by exe.t
 * under Wine, in an empty directory.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../daemon/disk/disk.h"
#include "../../daemon/os/windows/nt.h"

#include <winioctl.h>

#define FILE_NAME "disk-\xc3\xa4.raw"
#define SIZE (1024 * 1024 + 100)	/* with a ragged end */

static int count, failed;
static int nr_done, last_error;

static void ok(bool good, const char *name)
{
	printf("%sok %d - %s\n", good ? "" : "not ", ++count, name);
	failed += !good;
}

static void done(struct disk_request *request, int error)
{
	(void)request;
	nr_done++;
	last_error = error;
}

/* Submit and wait as a device's thread does; the error. */
static int perform(struct disk *disk, struct disk_request *request)
{
	int before = nr_done;
	bool signalled;

	request->done = done;
	disk_submit(disk, request);
	disk_kick(disk);
	while (nr_done == before) {
		os_event_wait(&disk->event_fd, 1, &signalled);
		os_event_clear(disk->event_fd);
		disk_reap(disk);
	}
	return last_error;
}

static int transfer(struct disk *disk, enum disk_op op, uint64_t offset,
		    void *memory, size_t length, size_t piece, bool durable)
{
	struct iovec iov[64];
	struct disk_request request = {
		.op = op,
		.offset = offset,
		.length = length,
		.iov = iov,
		.durable = durable,
	};

	while (length) {
		size_t part = length < piece ? length : piece;

		iov[request.nr_iov++] = (struct iovec){ memory, part };
		memory = (char *)memory + part;
		length -= part;
	}
	return perform(disk, &request);
}

static int range(struct disk *disk, enum disk_op op, uint64_t offset,
		 uint64_t length, bool unmap)
{
	struct disk_request request = {
		.op = op,
		.offset = offset,
		.length = length,
		.unmap = unmap,
		.durable = op == DISK_ZERO,
	};

	return perform(disk, &request);
}

static void make_file(void)
{
	FILE *file = _wfopen(L"disk-\u00e4.raw", L"wb");

	if (!file || _chsize(_fileno(file), SIZE) || fclose(file))
		exit(1);
}

static void fill(uint8_t *bytes, size_t length, unsigned int seed)
{
	while (length--)
		*bytes++ = seed = seed * 1103515245 + 12345;
}

static bool all_zero(const uint8_t *bytes, size_t length)
{
	while (length--)
		if (*bytes++)
			return false;
	return true;
}

static void test_transfers(struct disk *disk, uint8_t *out, uint8_t *in)
{
	fill(out, 65536, 1);
	ok(!transfer(disk, DISK_WRITE, 4096, out, 65536, 4096, false) &&
	   !transfer(disk, DISK_READ, 4096, in, 65536, 65536, false) &&
	   !memcmp(out, in, 65536), "16 pieces written, read in one");
	fill(out, 4096, 2);
	ok(!transfer(disk, DISK_WRITE, 512, out + 1, 2048, 100, true) &&
	   !transfer(disk, DISK_READ, 512, in + 3, 2048, 77, false) &&
	   !memcmp(out + 1, in + 3, 2048), "odd pieces at odd addresses");
	memset(in, 0xff, 1024);
	ok(!transfer(disk, DISK_READ, 1024 * 1024, in, 512, 512, false) &&
	   all_zero(in, 512), "what the file's last block lacks is zeros");
	ok(!range(disk, DISK_FLUSH, 0, 0, false), "flush");
	ok(!range(disk, DISK_ZERO, 8192, 8192, true) &&
	   !transfer(disk, DISK_READ, 4096, in, 16384, 4096, false) &&
	   !all_zero(in, 4096) && all_zero(in + 4096, 8192) &&
	   !all_zero(in + 12288, 4096), "zeros, and only there");
	ok(!range(disk, DISK_DISCARD, 65536, 4096, false), "discard");
}

/* As many as a queue holds, all at once. */
static void test_many(struct disk *disk, uint8_t *out, uint8_t *in)
{
	static struct disk_request requests[DISK_DEPTH];
	static struct iovec iov[DISK_DEPTH];
	bool signalled;

	fill(out, DISK_DEPTH * 512, 3);
	for (int pass = 0; pass < 2; pass++) {
		nr_done = 0;
		for (int i = 0; i < DISK_DEPTH; i++) {
			iov[i] = (struct iovec){ (pass ? in : out) + i * 512,
						 512 };
			requests[i] = (struct disk_request){
				.op = pass ? DISK_READ : DISK_WRITE,
				.offset = i * 512, .length = 512,
				.iov = &iov[i], .nr_iov = 1, .done = done,
			};
			disk_submit(disk, &requests[i]);
		}
		while (nr_done < DISK_DEPTH) {
			os_event_wait(&disk->event_fd, 1, &signalled);
			os_event_clear(disk->event_fd);
			disk_reap(disk);
		}
	}
	ok(!memcmp(out, in, DISK_DEPTH * 512), "256 requests at a time");
}

static void test_opening(void)
{
	struct disk_options options = { .path = FILE_NAME };
	struct disk *one, *two;
	struct error error;

	one = disk_open(&options, &error);
	two = disk_open(&options, &error);
	ok(one && !two && strstr(error.text, "in use"),
	   "a second writer is refused");
	options.read_only = true;
	two = disk_open(&options, &error);
	ok(!two, "and so is a reader beside a writer");
	disk_close(one);
	one = disk_open(&options, &error);
	two = disk_open(&options, &error);
	ok(one && two, "readers live together");
	disk_close(one);
	disk_close(two);
	options.path = "missing.raw";
	ok(!disk_open(&options, &error) && strstr(error.text, "missing.raw"),
	   "a missing file is named");
	options.path = "\\\\.\\PhysicalDrive77";
	ok(!disk_open(&options, &error) && strstr(error.text, "Drive77"),
	   "and so is a missing disk");
	options.path = ".";
	ok(!disk_open(&options, &error), "a directory is no disk");
}

static void test_direct(uint8_t *out, uint8_t *in)
{
	struct disk_options options = { .path = FILE_NAME, .direct = true };
	struct error error;
	struct disk *disk = disk_open(&options, &error);

	ok(disk && disk->block_size == 4096, "without the cache: blocks of 4k");
	if (!disk)
		return;
	fill(out, 16384, 4);
	ok(!transfer(disk, DISK_WRITE, 4096, out + 1, 8192, 4096, false) &&
	   !transfer(disk, DISK_READ, 4096, in, 8192, 1000, false) &&
	   !memcmp(out + 1, in, 8192), "unaligned memory goes by a buffer");
	disk_close(disk);
}

/* --- Files of another process (files.c), which is this one here --- */

static int told(HANDLE pipe, const char *words, int *fds, char *text)
{
	char line[200];

	snprintf(line, sizeof(line), "%lu %s", GetCurrentProcessId(), words);
	return os_told_files(pipe, line, text, 100, fds, 2);
}

static void test_told(void)
{
	static const char name[] = "\\\\.\\pipe\\colinux-told-test";
	HANDLE server = CreateNamedPipeA(name, PIPE_ACCESS_DUPLEX, 0, 1, 64, 64,
					 0, NULL);
	HANDLE client = CreateFileA(name, GENERIC_READ | GENERIC_WRITE, 0, NULL,
				    OPEN_EXISTING, 0, NULL);
	struct disk_options options = { .path = FILE_NAME, .read_only = true };
	struct disk_files files = { .image = -1 };
	char words[100], text[100];
	struct error error;
	int fds[2] = { -1, -1 };

	ok(!disk_files_open(&options, &files, &error), "files: opened");
	snprintf(words, sizeof(words), "1 %d a b", files.image);
	ok(told(server, words, fds, text) == 1 && fds[0] != files.image &&
	   !strcmp(text, "a b"), "files: told");
	disk_files_close(&files);
	files.image = fds[0];
	options.files = &files;
	disk_close(disk_open(&options, &error));
	ok(!GetHandleInformation((HANDLE)(intptr_t)fds[0], &(DWORD){ 0 }),
	   "files: the duplicate was a disk's own");
	snprintf(words, sizeof(words), "1 %d pipe", (int)(intptr_t)client);
	ok(!told(server, words, fds, text) && !*text, "files: a pipe is none");
	ok(!told(server, "1 99996 x", fds, text) &&
	   !told(server, "1 0 x", fds, text) &&
	   !told(server, "1 -1 x", fds, text) &&
	   !told(server, "1 4294967296 x", fds, text) &&
	   !told(server, "3 4 8 12 x", fds, text) &&
	   !told(server, "-1 x", fds, text) && !told(server, "1", fds, text) &&
	   !told(server, "", fds, text) &&
	   !os_told_files(server, (char[]){ "" }, text, 100, fds, 2),
	   "files: what tells of none");
	CloseHandle(client);
	ok(!told(server, "1 4 x", fds, text), "files: nobody is there");
	CloseHandle(server);
}

/*
 * --- A device, which is a file under \\.\, of whose driver the test says what
 * it knows ---
 */

static DWORD flush_code;	/* what flushes end with; 0: with the file's */
static DWORD opened_with;	/* flags of the last opening */

static FARPROC real(const char *name)
{
	return GetProcAddress(GetModuleHandleW(L"kernel32.dll"), name);
}

static BOOL WINAPI own_FlushFileBuffers(HANDLE file)
{
	SetLastError(flush_code);
	return !flush_code &&
	       ((__typeof__(FlushFileBuffers) *)(void *)
			real("FlushFileBuffers"))(file);
}

static HANDLE WINAPI own_CreateFileW(LPCWSTR path, DWORD access, DWORD share,
				     LPSECURITY_ATTRIBUTES security, DWORD how,
				     DWORD flags, HANDLE like)
{
	opened_with = flags;
	return ((__typeof__(CreateFileW) *)(void *)real("CreateFileW"))(
		path, access, share, security, how, flags, like);
}

static BOOL WINAPI own_DeviceIoControl(HANDLE file, DWORD code, LPVOID in,
				       DWORD in_length, LPVOID out, DWORD room,
				       LPDWORD got, LPOVERLAPPED at)
{
	if (code == IOCTL_DISK_GET_LENGTH_INFO &&
	    room == sizeof(GET_LENGTH_INFORMATION)) {
		((GET_LENGTH_INFORMATION *)out)->Length.QuadPart = 1 << 20;
		at->Internal = 0;
		SetEvent((HANDLE)((uintptr_t)at->hEvent & ~(uintptr_t)1));
		return TRUE;
	}
	return ((__typeof__(DeviceIoControl) *)(void *)real("DeviceIoControl"))(
		file, code, in, in_length, out, room, got, at);
}

#define INSTEAD(name) \
	void *const instead_##name __asm__("__imp_" #name) = own_##name; \
	__asm__(".text\n.globl " #name "\n" #name ":\n" \
		"\tjmp *__imp_" #name "(%rip)\n")

INSTEAD(FlushFileBuffers);
INSTEAD(CreateFileW);
INSTEAD(DeviceIoControl);

static struct disk *open_device(const char *path, DWORD code)
{
	struct disk_options options = { .path = path };
	struct disk *disk;
	struct error error;

	flush_code = code;
	disk = disk_open(&options, &error);
	if (!disk)
		printf("# %s\n", error.text);
	return disk;
}

/* A durable write and a flush of a device whose flushes end so. */
static int device_sync(const char *path, DWORD code, const char **engine,
		       uint8_t *out)
{
	struct disk *disk = open_device(path, code);
	int error;

	if (!disk)
		return -EBADF;
	*engine = disk_engine_name(disk);
	error = transfer(disk, DISK_WRITE, 4096, out, 4096, 4096, true);
	if (!error)
		error = range(disk, DISK_FLUSH, 0, 0, false);
	disk_close(disk);
	return error;
}

static void test_device(uint8_t *out)
{
	char path[MAX_PATH + 20] = "\\\\.\\";
	const char *engine = "";
	int error;

	make_file();
	MoveFileExW(L"disk-\u00e4.raw", L"device.raw", 0);
	GetCurrentDirectoryA(MAX_PATH, path + 4);
	strcat(path, "\\device.raw");
	error = device_sync(path, 0, &engine, out);
	ok(!error && !(opened_with & FILE_FLAG_WRITE_THROUGH) &&
	   !strstr(engine, "through"), "a device that knows flushes");
	error = device_sync(path, ERROR_INVALID_FUNCTION, &engine, out);
	ok(!error && opened_with & FILE_FLAG_WRITE_THROUGH &&
	   strstr(engine, "through"),
	   "one that knows none is written through");
	error = device_sync(path, ERROR_IO_DEVICE, &engine, out);
	ok(error == -EIO && !(opened_with & FILE_FLAG_WRITE_THROUGH),
	   "one that fails at it does not");
	flush_code = 0;
}

int main(void)
{
	struct disk_options options = { .path = FILE_NAME };
	uint8_t *out = malloc(1 << 20), *in = malloc(1 << 20);
	struct error error;
	struct disk *disk;

	make_file();
	disk = disk_open(&options, &error);
	ok(disk && disk->capacity == 1024 * 1024 + 512,
	   "opened; a partial block counts");
	if (disk) {
		test_transfers(disk, out, in);
		test_many(disk, out, in);
		disk_close(disk);
	} else {
		printf("# %s\n", error.text);
	}
	test_opening();
	test_direct(out, in);
	test_told();
	test_device(out);
	printf("1..%d\n", count);
	return failed != 0;
}
