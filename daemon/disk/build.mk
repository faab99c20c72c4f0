# SPDX-License-Identifier: GPL-2.0
# Disk images and the engines that read and write them.

DISK_SRCS := daemon/disk/engine.c daemon/disk/image.c daemon/disk/perform.c \
	daemon/disk/pool.c daemon/disk/uring.c

DAEMON_SRCS += $(DISK_SRCS)
