/* SPDX-License-Identifier: GPL-2.0 */
/* Services and the driver of this machine: the commands in commands.c. */
#ifndef DAEMON_OS_WINDOWS_SETUP_H
#define DAEMON_OS_WINDOWS_SETUP_H

#include <stdbool.h>
#include <stddef.h>

/* --- setup_driver.c --- */

/* colinux driver install|remove|status */
int cmd_driver(int argc, char **argv);
/*
 * Whether this machine has started by Secure Boot, with which Windows accepts
 * no test signatures.
 */
bool nt_secure_boot(void);
/* Why the driver refused this host when it was started last; false: it did not. */
bool nt_driver_refusal(char *why, size_t room);

/* --- setup_service.c --- */

/* colinux service install|remove|status|run */
int cmd_service(int argc, char **argv);

#endif
