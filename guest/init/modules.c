// SPDX-License-Identifier: GPL-2.0
/*
 * Loading modules with finit_module(2): no modprobe, no dependency search; the
 * loader has put them in order.
 */
#include "modules.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "say.h"
#include "sys.h"

static void load_module(const char *path, const char *parameters, bool verbose)
{
	int fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	long ret = fd;

	if (fd >= 0) {
		ret = sys_call(__NR_finit_module, fd, parameters, 0, 0, 0);
		sys_close(fd);
		sys_unlinkat(AT_FDCWD, path, 0);
	}
	/* ENODEV is how a driver says that its hardware is not here. */
	if (ret < 0 && ret != -EEXIST && ret != -ENODEV)
		say("module ", path, ": ", error_text(ret),
		    "; what needs it will not work");
	else if (verbose)
		say("module ", path, !ret ? " loaded" :
		    ret == -EEXIST ? " was there" : " is not needed here");
}

/* One line of the list: path, then parameters after a blank. */
static void load_line(char *line, bool verbose)
{
	char *parameters;

	while (*line == ' ' || *line == '\t')
		line++;
	if (!*line || *line == '#')
		return;
	parameters = strchr(line, ' ');
	if (parameters)
		*parameters++ = '\0';
	load_module(line, parameters ? parameters : "", verbose);
}

void load_modules(bool verbose)
{
	static char list[16384];
	char *line, *end;
	size_t used = 0;
	long n;
	int fd;

	fd = sys_openat(AT_FDCWD, MODULE_LIST, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		if (verbose)
			say("no " MODULE_LIST ": nothing to load");
		return;
	}
	while (used < sizeof(list) - 1) {
		n = sys_read(fd, list + used, sizeof(list) - 1 - used);
		if (n <= 0)
			break;
		used += (size_t)n;
	}
	sys_close(fd);
	if (used == sizeof(list) - 1)
		say(MODULE_LIST " is longer than 16 KiB: its end is ignored");
	list[used] = '\0';
	for (line = list; *line; line = end) {
		end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		else
			end = line + strlen(line);
		load_line(line, verbose);
	}
}
