/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Finding and mounting the root file system.
 */
#ifndef INIT_ROOT_H
#define INIT_ROOT_H

#include "cmdline.h"

/* Where it is mounted until it becomes "/". */
#define NEW_ROOT	"/colinux-root"

/*
 * Wait for the device of root= and mount it on NEW_ROOT.  Does not return if
 * that fails: says what is missing and dies.
 */
void mount_root(const struct boot_options *options);

#endif
