// SPDX-License-Identifier: GPL-2.0
/*
 * Open files for another process (os.h) on NT: pipes carry none.  Who has one
 * tells the number of its handle in a line, "PROCESS COUNT HANDLE... TEXT", and
 * who reads that takes a duplicate out of the process at the pipe's other end.
 */
#include <errno.h>
#include <io.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nt.h"

const bool os_sockets_carry_files = false;

int os_send_files(int socket, const char *text, const int *fds, int nr)
{
	char line[1024];
	int length = snprintf(line, sizeof(line), "%lu %d",
			      GetCurrentProcessId(), nr);

	for (int i = 0; i < nr && length < (int)sizeof(line); i++)
		length += snprintf(line + length, sizeof(line) - length,
				   " %d", fds[i]);
	if (length < (int)sizeof(line))
		length += snprintf(line + length, sizeof(line) - length,
				   " %s\n", text);
	if (length >= (int)sizeof(line))
		return -EINVAL;
	return _write(socket, line, length) == length ? 0 : -EIO;
}

int os_receive_files(int socket, char *text, size_t room, int *fds, int most)
{
	(void)socket;
	(void)room;
	(void)fds;
	(void)most;
	text[0] = '\0';
	return 0;
}

/*
 * The process at the other end of a pipe of ours; NULL: it is gone.  NT before 6.0
 * does not say whose it is (nt52.c): then it is the one that was told, by who
 * may write there, which is us or an administrator.
 */
static HANDLE peer_of(HANDLE pipe, ULONG told)
{
	HANDLE process;
	ULONG id = told;

	if (!GetNamedPipeClientProcessId(pipe, &id) &&
	    GetLastError() != ERROR_CALL_NOT_IMPLEMENTED)
		return NULL;
	process = OpenProcess(PROCESS_DUP_HANDLE, FALSE, id);
	/* While it has its end open nobody else has its number. */
	if (process && !PeekNamedPipe(pipe, NULL, 0, NULL, NULL, NULL)) {
		CloseHandle(process);
		process = NULL;
	}
	return process;
}

/* Files and disks only; -1: it is none. */
static int take_one(HANDLE process, int number)
{
	HANDLE file;

	if (!DuplicateHandle(process, nt_handle(number), GetCurrentProcess(),
			     &file, 0, FALSE, DUPLICATE_SAME_ACCESS))
		return -1;
	if (GetFileType(file) == FILE_TYPE_DISK)
		return nt_number(file);
	CloseHandle(file);
	return -1;
}

int os_told_files(uv_os_fd_t socket, char *line, char *text, size_t room,
		  int *fds, int most)
{
	char *at = line;
	ULONG told = strtoul(at, &at, 10);
	long count = strtol(at, &at, 10);
	HANDLE process = peer_of(socket, told);
	int nr = 0;

	text[0] = '\0';
	if (!process)
		return 0;
	while (count > 0 && count <= most && nr < count) {
		/* Of a handle 0 and below there is none. */
		long number = strtol(at, &at, 10);

		fds[nr] = number > 0 && number <= INT32_MAX ?
				  take_one(process, number) : -1;
		if (fds[nr] == -1)
			break;
		nr++;
	}
	CloseHandle(process);
	if (nr != count || *at != ' ') {
		os_close_files(fds, nr);
		return 0;
	}
	snprintf(text, room, "%s", at + 1);
	return nr;
}

void os_close_files(const int *fds, int nr)
{
	for (int i = 0; i < nr; i++)
		CloseHandle(nt_handle(fds[i]));
}
