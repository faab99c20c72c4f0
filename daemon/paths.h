/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where coLinux's own files are: the port object, colinux-init, the default
 * images.  In this order: directories of $COLINUX_DATA (separated by ':'),
 * the build tree that the running binary is in, /usr/lib/colinux,
 * /var/lib/colinux.
 */
#ifndef DAEMON_PATHS_H
#define DAEMON_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

enum path_kind {
	PATH_PORT,		/* the port object */
	PATH_INIT,		/* colinux-init */
	PATH_AGENT,		/* colinux-agent */
	PATH_INITRD,		/* BusyBox initrd */
	PATH_IMAGE,		/* default root image */
};

/* Find a file; false when it is nowhere. */
bool path_find(enum path_kind kind, char *path, size_t room);
/* The same, with the message that says what to do. */
int path_need(enum path_kind kind, char *path, size_t room,
	      struct error *error);
/* "port object", for people. */
const char *path_what(enum path_kind kind);

#endif
