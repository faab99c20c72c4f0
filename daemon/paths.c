/* SPDX-License-Identifier: GPL-2.0 */
/* Search path of coLinux's own files: see paths.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "config.h"
#include "os.h"
#include "paths.h"

static const struct {
	const char *what;
	const char *names[3];	/* below a directory of the search path */
	const char *remedy;
} kinds[] = {
	[PATH_PORT] = { "port object",
			{ "port/port.o", "colinux-port.o" },
			"set COLINUX_DATA to its directory or give port=FILE" },
	[PATH_INIT] = { "colinux-init",
			{ "guest/colinux-init", "colinux-init" },
			"set COLINUX_DATA to its directory or give "
			"colinux-init=FILE" },
	[PATH_AGENT] = { "colinux-agent",
			 { "guest/colinux-agent", "colinux-agent" },
			 "set COLINUX_DATA to its directory or give vsock=off" },
	[PATH_INITRD] = { "BusyBox initrd",
			  { "initrd.img", "busybox.cpio.gz",
			    "guest/initrd.img" },
			  "give initrd=FILE" },
	[PATH_IMAGE] = { "default image",
			 { "debian.img", "images/debian.img" },
			 "make one: colinux image create debian.img" },
};

static bool find_below(enum path_kind kind, const char *directory,
		       char *path, size_t room)
{
	int length;

	for (size_t i = 0; i < sizeof(kinds[0].names) / sizeof(char *); i++) {
		if (!kinds[kind].names[i])
			break;
		length = snprintf(path, room, "%s/%s", directory,
				  kinds[kind].names[i]);
		if (length > 0 && (size_t)length < room &&
		    os_file_kind(path) == OS_FILE_REGULAR)
			return true;
	}
	return false;
}

/* The directory of the running binary. */
static bool own_directory(char *path, size_t room)
{
	size_t length = room;
	char *slash;

	if (uv_exepath(path, &length) < 0)
		return false;
	for (slash = path + length; slash > path; slash--)
		if (os_is_slash(*slash)) {
			*slash = '\0';
			return true;
		}
	return false;
}

bool path_find(enum path_kind kind, char *path, size_t room)
{
	const char *list = getenv("COLINUX_DATA");
	const char separators[] = { os_list_separator, '\0' };
	char directory[CONFIG_PATH];

	while (list && *list) {
		size_t length = strcspn(list, separators);

		if (length && length < sizeof(directory)) {
			memcpy(directory, list, length);
			directory[length] = '\0';
			if (find_below(kind, directory, path, room))
				return true;
		}
		list += length;
		list += *list == os_list_separator;
	}
	if (own_directory(directory, sizeof(directory)) &&
	    find_below(kind, directory, path, room))
		return true;
	for (const char *const *d = os_data_directories; *d; d++)
		if (find_below(kind, *d, path, room))
			return true;
	return false;
}

int path_need(enum path_kind kind, char *path, size_t room,
	      struct error *error)
{
	if (path_find(kind, path, room))
		return 0;
	return error_set(error, "no %s found (%s); %s", kinds[kind].what,
			 kinds[kind].names[0], kinds[kind].remedy);
}

const char *path_what(enum path_kind kind)
{
	return kinds[kind].what;
}
