// SPDX-License-Identifier: GPL-2.0
/*
 * Messages: standard error is the kernel's console from the start.
 */
#include "say.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "sys.h"

#define CONSOLE		2

void say_list(const char *first, ...)
{
	char line[512] = "colinux-init: ";
	size_t used = strlen(line), n;
	const char *s;
	va_list args;

	va_start(args, first);
	for (s = first; s; s = va_arg(args, const char *)) {
		n = strlen(s);
		if (n > sizeof(line) - 1 - used)
			n = sizeof(line) - 1 - used;
		memcpy(line + used, s, n);
		used += n;
	}
	va_end(args);
	line[used++] = '\n';
	sys_write(CONSOLE, line, used);
}

void die_now(void)
{
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
