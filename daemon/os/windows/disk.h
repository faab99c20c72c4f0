/* SPDX-License-Identifier: GPL-2.0 */
/* Between disk_open.c and disk_io.c; owners of disks use daemon/disk/disk.h. */
#ifndef DAEMON_OS_WINDOWS_DISK_H
#define DAEMON_OS_WINDOWS_DISK_H

#include "nt.h"

#include "../../disk/disk.h"

/* disk_uring and disk_pool are other hosts'; an nt_disk is what pool points to. */
struct nt_disk;

/*
 * Whether what drives the open file knows flushes: NT's file system for raw
 * disks need not (ReactOS').  Then it is to be opened FILE_FLAG_WRITE_THROUGH,
 * and a flush has nothing to do.
 */
bool nt_disk_flushes(HANDLE file);

/* Start the machinery for disk->fd (a handle). NULL with errno. */
struct nt_disk *nt_disk_new(struct disk *disk);
/* Nothing may be in flight. */
void nt_disk_free(struct nt_disk *io);

#endif
