/* SPDX-License-Identifier: GPL-2.0 */
/* Between the files of `colinux disk`. */
#ifndef DAEMON_BUILTIN_DISK_H
#define DAEMON_BUILTIN_DISK_H

#include "../error.h"
#include "../runtime.h"

/* "cobd3" -> 3, or -1. */
int disk_number(const char *name);
/* Says it; an exit status. */
int disk_failed(const struct error *error);
/* disk_add.c: "cobd3=FILE" for a guest that runs; an exit status. */
int disk_add(const struct runtime *runtime, const char *word);

#endif
