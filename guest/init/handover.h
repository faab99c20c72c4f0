/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Making way for the distribution's own first program.
 */
#ifndef INIT_HANDOVER_H
#define INIT_HANDOVER_H

#include "cmdline.h"

/* Mount /dev, /proc and /sys of the initramfs, with a console on 0, 1, 2. */
void mount_kernel_fs(void);

/* (Re)open the console where a standard descriptor is missing. */
void open_console(void);

/*
 * The distribution's initrd goes on: leave it the bare initramfs that it
 * expects and run `path`.  Returns a negative errno if that cannot be run.
 */
int run_initrd(const char *path, char **argv, char **envp);

/*
 * The file system on NEW_ROOT becomes "/" and the initramfs goes; run init=
 * or one of the usual places.  Does not return; dies if there is no init.
 */
__attribute__((noreturn))
void switch_root(const struct boot_options *options, char **argv, char **envp);

#endif
