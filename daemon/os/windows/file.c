/* SPDX-License-Identifier: GPL-2.0 */
/* Files by UTF-8 paths, and the encodings of text files: see os.h. */
#include <fcntl.h>
#include <io.h>
#include <stdlib.h>
#include <string.h>

#include "nt.h"

FILE *os_fopen(const char *path, const char *mode)
{
	wchar_t *wide = nt_wide_path(path), *how = nt_wide(mode);
	FILE *file = wide && how ? _wfopen(wide, how) : NULL;

	free(wide);
	free(how);
	return file;
}

bool os_cache_directory(char *path, size_t room)
{
	char base[MAX_PATH * 4];
	int length;

	if (!nt_environment("LOCALAPPDATA", base, sizeof(base)))
		return false;
	length = snprintf(path, room, "%s\\colinux", base);
	return length > 0 && (size_t)length < room;
}

void os_save_file(const char *directory, const char *path,
		  const struct iovec *pieces, unsigned int nr)
{
	wchar_t *folder = nt_wide(directory), *to = nt_wide(path);
	wchar_t temporary[MAX_PATH];
	FILE *file;
	bool written;

	if (folder && to) {
		CreateDirectoryW(folder, NULL);
		if (GetTempFileNameW(folder, L"col", 0, temporary)) {
			file = _wfopen(temporary, L"wb");
			written = file;
			for (unsigned int i = 0; written && i < nr; i++)
				written = fwrite(pieces[i].iov_base, 1,
						 pieces[i].iov_len, file) ==
					  pieces[i].iov_len;
			if (file && fclose(file))
				written = false;
			if (!written ||
			    !MoveFileExW(temporary, to,
					 MOVEFILE_REPLACE_EXISTING))
				DeleteFileW(temporary);
		}
	}
	free(folder);
	free(to);
}

int os_open_read(const char *path)
{
	wchar_t *wide = nt_wide_path(path);
	int fd = wide ? _wopen(wide, _O_RDONLY | _O_BINARY | _O_NOINHERIT) : -1;

	free(wide);
	return fd;
}

ssize_t os_read_at(int fd, void *bytes, size_t length, uint64_t offset)
{
	/* _read() takes no more than INT_MAX at a time. */
	unsigned int part = length > 1u << 30 ? 1u << 30 : length;

	if (_lseeki64(fd, offset, SEEK_SET) < 0)
		return -1;
	return _read(fd, bytes, part);
}

bool os_file_is_own(int fd)
{
	/* Others cannot write to %LOCALAPPDATA%, where caches are. */
	(void)fd;
	return true;
}

/* Replace the text by what this UTF-16 is in UTF-8. */
static bool take_wide(char **text, size_t *length, const wchar_t *wide,
		      int nr)
{
	int size = WideCharToMultiByte(CP_UTF8, 0, wide, nr, NULL, 0, NULL,
				       NULL);
	char *bytes = malloc((size_t)size + 1);

	if (!bytes)
		return false;
	WideCharToMultiByte(CP_UTF8, 0, wide, nr, bytes, size, NULL, NULL);
	free(*text);
	*text = bytes;
	*length = size;
	return true;
}

bool os_text_to_utf8(char **text, size_t *length)
{
	const unsigned char *t = (const unsigned char *)*text;
	wchar_t *wide;
	bool done;
	int nr;

	/* Notepad's "Unicode". */
	if (*length >= 2 && t[0] == 0xff && t[1] == 0xfe)
		return take_wide(text, length, (const wchar_t *)(*text + 2),
				 (int)(*length / 2 - 1));
	if (*length >= 3 && !memcmp(t, "\xef\xbb\xbf", 3)) {
		*length -= 3;
		memmove(*text, *text + 3, *length);
		return true;
	}
	if (!*length || MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS,
					    *text, (int)*length, NULL, 0))
		return true;
	/* Older editors: the system's code page. */
	nr = MultiByteToWideChar(CP_ACP, 0, *text, (int)*length, NULL, 0);
	wide = malloc(((size_t)nr + 1) * sizeof(*wide));
	if (!wide)
		return false;
	MultiByteToWideChar(CP_ACP, 0, *text, (int)*length, wide, nr);
	done = take_wide(text, length, wide, nr);
	free(wide);
	return done;
}
