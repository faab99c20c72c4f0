// SPDX-License-Identifier: GPL-2.0
/*
 * Messages: on standard error, which is the kernel's console, or through
 * /dev/kmsg into the kernel's log.
 */
#include "say.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include "sys.h"

#define CONSOLE		2

/* Level "error" of the kernel's log: shown on a quiet console as well. */
static const char start[] = "<3>colinux-init: ";
#define LEVEL_LENGTH	3

/* The line with its level in front; returns its length. */
static size_t compose(char *line, size_t size, const char *first, va_list args)
{
	size_t used = sizeof(start) - 1, n;
	const char *s;

	memcpy(line, start, used);
	for (s = first; s; s = va_arg(args, const char *)) {
		n = strlen(s);
		if (n > size - 1 - used)
			n = size - 1 - used;
		memcpy(line + used, s, n);
		used += n;
	}
	line[used++] = '\n';
	return used;
}

static bool to_log(const char *line, size_t length)
{
	int fd = sys_openat(AT_FDCWD, "/dev/kmsg", O_WRONLY | O_CLOEXEC);
	long n;

	if (fd < 0)
		return false;
	n = sys_write(fd, line, length);
	sys_close(fd);
	return n > 0;
}

static bool to_console(const char *line, size_t length)
{
	return sys_write(CONSOLE, line + LEVEL_LENGTH,
			 length - LEVEL_LENGTH) > 0;
}

void say_list(const char *first, ...)
{
	char line[512];
	va_list args;
	size_t n;

	va_start(args, first);
	n = compose(line, sizeof(line), first, args);
	va_end(args);
	if (!to_console(line, n))
		to_log(line, n);
}

void report_list(const char *first, ...)
{
	char line[512];
	va_list args;
	size_t n;

	va_start(args, first);
	n = compose(line, sizeof(line), first, args);
	va_end(args);
	if (!to_log(line, n))
		to_console(line, n);
}

void die_list(const char *first, ...)
{
	char line[512];
	va_list args;
	size_t n;

	va_start(args, first);
	n = compose(line, sizeof(line), first, args);
	va_end(args);
	if (!to_log(line, n))
		to_console(line, n);
	sys_exit(1);
}

const char *decimal(unsigned long value, char buf[21])
{
	char *to = buf + 20;

	*to = '\0';
	do {
		*--to = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	return to;
}

const char *error_text(long error)
{
	static char other[32] = "error ";
	const char *number;
	char buf[21];

	switch (-error) {
	case EPERM:	return "not permitted";
	case ENOENT:	return "not found";
	case EIO:	return "I/O error";
	case ENXIO:	return "no such device or address";
	case ENOEXEC:	return "not a valid module or program";
	case ENOMEM:	return "out of memory";
	case EACCES:	return "permission denied";
	case EBUSY:	return "busy";
	case ENODEV:	return "no such device or file system type";
	case EINVAL:	return "invalid (wrong file system or options)";
	case EROFS:	return "read-only";
	case ENOTDIR:	return "not a directory";
	case ELOOP:	return "too many symbolic links";
	case EUCLEAN:	return "the file system is damaged";
	case EKEYREJECTED: return "the signature is not accepted";
	default:
		break;
	}
	number = decimal((unsigned long)-error, buf);
	memcpy(other + 6, number, strlen(number) + 1);
	return other;
}
