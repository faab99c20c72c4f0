/* SPDX-License-Identifier: GPL-2.0 */
/* Running other programs and waiting for them. */
#ifndef DAEMON_PROGRAM_H
#define DAEMON_PROGRAM_H

#include <stdbool.h>

#include "error.h"

/* Is there a program of that name in PATH (or the system's directories)? */
bool program_exists(const char *name);

/*
 * Run arguments[0] (NULL at the end of the list) with `input` as its standard
 * input (NULL = nothing to read); its output goes where ours goes.  Waits for
 * its end, also when we are interrupted: then it is, too.  0, or -1 with a
 * message when it could not run or failed.
 */
int program_run(const char *const arguments[], const char *input,
		struct error *error);

#endif
