/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The block devices there are, from sysfs, and what is on them.
 */
#ifndef INIT_BLOCK_H
#define INIT_BLOCK_H

#include <stdbool.h>

#include "cmdline.h"
#include "superblock.h"

struct block_device {
	char name[64];		/* "vda1": /dev/NAME is its node */
	char classic[64];	/* "cobd0p1", empty if it is not a cobd */
	unsigned int major, minor;
	unsigned int partition;	/* 0 = a whole disk */
	char disk[64];		/* the whole disk that it belongs to */
};

/*
 * Call `each` for every block device until it returns true; returns whether it
 * did.  Needs /sys and /dev.
 */
bool for_each_block_device(bool (*each)(const struct block_device *device,
					void *data), void *data);

/* File system on a device; false if it cannot be read or is not known. */
bool block_fs(const struct block_device *device, struct disk_names *names);

/* Partition table entry of a device; false if it is not a partition. */
bool block_partition(const struct block_device *device,
		     struct disk_names *names);

/* Does this device answer to root=? */
bool block_matches(const struct block_device *device,
		   const struct root_spec *spec);

/* Give every cobd its classic name as a symbolic link in /dev. */
void make_aliases(void);

#endif
