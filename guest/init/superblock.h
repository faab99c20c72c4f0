/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Names that are written on a disk: file system UUID and LABEL, partition
 * PARTUUID and PARTLABEL.  Only what a root= needs: there is no blkid here.
 */
#ifndef INIT_SUPERBLOCK_H
#define INIT_SUPERBLOCK_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes from the start of a device that hold everything that is looked at. */
#define DISK_HEAD	(68 * 1024)

struct disk_names {
	char type[16];		/* file system type for mount(2) */
	char uuid[40];		/* lower case, empty if there is none */
	char label[260];
};

/*
 * Recognise a file system from the first `len` bytes of its device.  False,
 * and everything empty, if it is none that is known here.
 */
bool identify_fs(const unsigned char *head, size_t len,
		 struct disk_names *names);

/*
 * UUID and label of partition `nr` (1, 2, ...) from the first `len` bytes of
 * the whole disk: GPT, or MBR (UUID made of the disk's signature, as the
 * kernel does).  `type` stays empty.
 */
bool identify_partition(const unsigned char *head, size_t len,
			unsigned int nr, struct disk_names *names);

#endif
