/* SPDX-License-Identifier: GPL-2.0 */
/* Error messages: see error.h. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "error.h"

int error_set(struct error *error, const char *format, ...)
{
	va_list args;

	if (!error)
		return -1;
	va_start(args, format);
	vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	return -1;
}

int error_prefix(struct error *error, const char *format, ...)
{
	char old[ERROR_TEXT];
	va_list args;
	int used;

	if (!error)
		return -1;
	memcpy(old, error->text, sizeof(old));
	va_start(args, format);
	used = vsnprintf(error->text, sizeof(error->text), format, args);
	va_end(args);
	if (used < 0 || (size_t)used >= sizeof(error->text))
		return -1;
	/* The precision tells gcc that cutting is meant. */
	snprintf(error->text + used, sizeof(error->text) - used, ": %.*s",
		 (int)sizeof(error->text) - used, old);
	return -1;
}
