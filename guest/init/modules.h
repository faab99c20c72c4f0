/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The kernel modules that the loader packed beside this program.
 */
#ifndef INIT_MODULES_H
#define INIT_MODULES_H

#include <stdbool.h>

/* One absolute path (and module parameters, if any) a line, in load order. */
#define MODULE_LIST	"/colinux/modules"

/*
 * Load the listed modules; a module that is already there is fine, one that
 * fails is reported and skipped.  Loaded files are removed, their memory is
 * needed elsewhere.  `verbose` prints a line for each.
 */
void load_modules(bool verbose);

#endif
