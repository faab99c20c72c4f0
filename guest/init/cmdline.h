/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What /colinux-init takes from the kernel command line.
 */
#ifndef INIT_CMDLINE_H
#define INIT_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

/* Path of this program, as the loader gives it in rdinit=. */
#define INIT_PATH		"/colinux-init"

struct boot_options {
	char root[256];		/* root=, empty if there is none */
	char rootfstype[64];	/* rootfstype=, one name or a,b,c */
	char rootflags[256];	/* rootflags= */
	char init[256];		/* init=, for the final root */
	char rdinit[256];	/* a second rdinit= of the user's own */
	bool writable;		/* rw given after the last ro */
	bool wait_forever;	/* rootwait */
	unsigned int wait;	/* rootwait=N, rootdelay=N: seconds, 0 = none */
	bool no_overlay;	/* colinux.overlay=off */
	bool debug;		/* colinux.debug */
	bool debug_shell;	/* colinux.debug=shell */
};

/*
 * Parse the text of /proc/cmdline.  As in the kernel, words are separated by
 * blanks, double quotes keep blanks, the last setting wins and "--" ends the
 * kernel's part.  Returns NULL, or the name of the parameter whose value is
 * too long (the others are set all the same).
 */
const char *parse_cmdline(const char *text, struct boot_options *options);

enum root_kind {
	ROOT_NAME,		/* a name below /dev, "vda1" or "cobd0" */
	ROOT_NUMBER,		/* "254:1", or hexadecimal as in "fe01" */
	ROOT_UUID, ROOT_LABEL,	/* of the file system */
	ROOT_PARTUUID, ROOT_PARTLABEL,
};

struct root_spec {
	enum root_kind kind;
	char value[256];	/* without prefix; UUIDs in lower case */
	unsigned int major, minor;	/* ROOT_NUMBER */
};

/*
 * Understand the value of root=.  Names of udev's /dev/disk/by-* directories
 * become what they stand for, since there is no udev here.  False if it is
 * none of the forms.
 */
bool parse_root(const char *root, struct root_spec *spec);

/* rootflags=, split: what mount(2) takes as bits and what it takes as text. */
struct mount_options {
	unsigned long flags;	/* MS_* */
	char data[256];
};

/* Later words win over earlier ones; `writable` is the default for ro/rw. */
void parse_mount_options(const char *text, bool writable,
			 struct mount_options *options);

#endif
