# SPDX-License-Identifier: GPL-2.0
# Disk images and the engines that read and write them.

DISK_SRCS := daemon/disk/engine.c daemon/disk/format.c \
	daemon/disk/format_name.c daemon/disk/image.c \
	daemon/disk/nbd.c daemon/disk/nbd_link.c daemon/disk/perform.c \
	daemon/disk/pool.c daemon/disk/server.c daemon/disk/unflushed.c \
	daemon/disk/uring.c
# What a process beside the VM needs of the system.
DISK_OS_SRCS := $(addprefix daemon/os/linux/,confine.c files.c process.c)

DAEMON_SRCS += $(DISK_SRCS) daemon/os/linux/confine.c
