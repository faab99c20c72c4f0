/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Classic coLinux device names.  Users know cobd0, cobd1, ... from the
 * configuration file; the kernel's virtio driver calls the same disks vda,
 * vdb, ... in the order of their discovery.
 */
#ifndef INIT_ALIAS_H
#define INIT_ALIAS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The classic name of a block device.  `path` is its place in sysfs, such as
 * "../../devices/platform/cobd0/virtio1/block/vda/vda1": the transport names a
 * device's parent after its tag.  `partition` is 0 for a whole disk, which
 * gives "cobd0"; 1 gives "cobd0p1".  False if the device is not a cobd.
 */
bool classic_name(const char *path, unsigned int partition, char *name,
		  size_t size);

#endif
