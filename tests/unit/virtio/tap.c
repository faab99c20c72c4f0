// SPDX-License-Identifier: GPL-2.0
/* Test Anything Protocol for the unit tests; see tap.h. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

static int nr, failed;

bool check_at(bool ok, const char *file, int line, const char *format, ...)
{
	va_list args;

	printf("%sok %d - ", ok ? "" : "not ", ++nr);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	if (!ok) {
		printf("# at %s:%d\n", file, line);
		failed++;
	}
	fflush(stdout);
	return ok;
}

void skip(const char *what, const char *why)
{
	printf("ok %d - %s # SKIP %s\n", ++nr, what, why);
}

void note(const char *format, ...)
{
	va_list args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

int done(void)
{
	printf("1..%d\n", nr);
	return failed ? 1 : 0;
}

void die(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}
