// SPDX-License-Identifier: GPL-2.0
/*
 * Which names of a guest a directory of Windows can have.  NT itself would
 * take more of them than its programs could open or remove again.
 */
#include <stdlib.h>
#include <string.h>

#include <colinux/agent.h>

#include "tree_names.h"

#include <winternl.h>

#include "../../../agent/tree_internal.h"

/* Devices in every directory, whatever follows a dot. */
static bool is_device(const char *name)
{
	static const char *const words[] = {
		"CON", "PRN", "AUX", "NUL", "CLOCK$", "CONIN$", "CONOUT$",
	};
	/* With a digit: 0 to 9, and the superscripts 1 to 3. */
	static const char *const ports[] = { "COM", "LPT" };
	size_t length = strcspn(name, ".");

	while (length && name[length - 1] == ' ')
		length--;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (length == strlen(words[i]) &&
		    !_strnicmp(name, words[i], length))
			return true;
	for (size_t i = 0; i < 2; i++) {
		if (length < 4 || _strnicmp(name, ports[i], 3))
			continue;
		if (length == 4 && name[3] >= '0' && name[3] <= '9')
			return true;
		if (length == 5 && name[3] == '\xc2' &&
		    memchr("\xb9\xb2\xb3", name[4], 3))
			return true;
	}
	return false;
}

bool nt_name_valid(const char *name)
{
	size_t length = strlen(name);

	for (const char *at = name; *at; at++)
		if ((unsigned char)*at < ' ' || strchr("\\/:*?\"<>|", *at))
			return false;
	return length && name[length - 1] != '.' && name[length - 1] != ' ' &&
	       MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, name, -1,
				   NULL, 0) && !is_device(name);
}

/* Does the name find a file of another name: in capitals, or a short one? */
static bool finds_other(int directory, const char *name)
{
	wchar_t *wide, found[256] = L"";
	bool other = false;
	HANDLE again;
	LONG result;

	/* A handle has one search in its life. */
	again = nt_open_below(directory, ".", FILE_LIST_DIRECTORY, FILE_OPEN,
			      FILE_DIRECTORY_FILE, &result);
	wide = nt_wide(name);
	if (again != INVALID_HANDLE_VALUE && wide)
		other = nt_next_name(nt_number(again), wide, found) > 0 &&
			wcscmp(found, wide);
	free(wide);
	if (again != INVALID_HANDLE_VALUE)
		CloseHandle(again);
	return other;
}

const char *tree_refusal(int directory, uint32_t type, const char *name)
{
	if (!nt_name_valid(name))
		return "left out: Windows cannot have a file of this name";
	if (type == COLINUX_AGENT_LINK)
		return "left out: a symbolic link, which needs rights on "
		       "Windows";
	if (type == COLINUX_AGENT_FIFO)
		return "left out: Windows has no FIFOs in directories";
	if (finds_other(directory, name))
		return "left out: on Windows this is another name of a file "
		       "that is there";
	return NULL;
}
