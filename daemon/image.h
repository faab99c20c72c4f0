/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Making root images: a normal Debian by mmdebstrap, in a file system or a
 * whole disk.  Knows nothing of guests; nothing of coLinux is put inside.
 */
#ifndef DAEMON_IMAGE_H
#define DAEMON_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "error.h"

struct image_options {
	const char *file;
	const char *suite;
	uint64_t size;			/* bytes, multiple of 1 MiB */
	const char *mirror;		/* NULL = the system's default */
	const char *components;		/* of the archive */
	const char *keyring;		/* its keys; NULL = the system's */
	const char *include;		/* more packages, NULL = none */
	const char *kernel_package;	/* NULL = none */
	const char *modules;		/* directory to copy, NULL = none */
	const char *hostname;
	const char *root_password;	/* NULL = empty */
	bool partition;			/* GPT, one partition */
};

/*
 * Are the values such as may be given to the tools?  (They become arguments,
 * never shell text.)
 */
int image_check(const struct image_options *options, struct error *error);

/*
 * Make options->file by way of FILE.tmp and a directory FILE.tmp.d, which are
 * removed again.  Progress goes to stderr.  Takes minutes.
 */
int image_create(const struct image_options *options, struct error *error);

#endif
