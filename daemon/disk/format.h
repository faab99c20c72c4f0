/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a disk is given as: a raw image or device, an image of another format,
 * or an address of a server.  Reads the beginning of a file, no more.
 *
 * What is in a disk belongs to the guest, so it never decides: a raw image in
 * which the guest has written the header of a qcow2 image stays raw.  Another
 * format is used if the user names it, or the suffix of the file does; then
 * the header must be that of such an image.
 */
#ifndef DAEMON_DISK_FORMAT_H
#define DAEMON_DISK_FORMAT_H

#include <stdbool.h>

#include "../error.h"

enum disk_format {
	DISK_RAW = 0,
	DISK_QCOW2,
	DISK_VHDX,
	DISK_VHD,
	DISK_VMDK,
	DISK_VDI,
	DISK_FORMATS,
};

/* Name for users and configurations: "qcow2". */
const char *disk_format_name(enum disk_format format);
/* Name of QEMU's block driver. */
const char *disk_format_driver(enum disk_format format);
/* The format that the suffix of a file says; DISK_RAW if none. */
int disk_format_by_suffix(const char *path);
/* The format of that name, or -1. */
int disk_format_find(const char *name);

/* How an address is reached. */
enum disk_scheme {
	DISK_FILE = 0,		/* no address: a path */
	DISK_NBD,		/* nbd://HOST[:PORT]/EXPORT */
	DISK_NBD_UNIX,		/* nbd+unix:///EXPORT?socket=PATH */
	DISK_HTTP,		/* http:// or https://, read-only */
};

enum disk_scheme disk_scheme_of(const char *path);

/*
 * The format of a file, open as fd: that of `name`, "" = by the suffix of its
 * path.  `backed`: the user has named a backing file.  -1 when it is not what
 * it should be, or refers to other files of its own accord.
 */
int disk_format_choose(const char *path, int fd, const char *name, bool backed,
		       struct error *error);

/*
 * May the guest want to mount this as a squashfs, EROFS or ISO 9660 file
 * system?  Looks into files; what it cannot see it believes of what is
 * read-only.
 */
bool disk_format_may_be_live(const char *path, bool read_only);

#endif
