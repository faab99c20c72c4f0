# SPDX-License-Identifier: GPL-2.0
# The compile job, in a copy of the tree's include/ and daemon/: the devices and
# disks of the VM process, linked into one object.
SRCS := $(wildcard daemon/virtio/*.c daemon/disk/*.c)
devices.o: $(SRCS:.c=.o)
	ld -r -o $@ $^
%.o: %.c
	gcc -std=gnu11 -O1 -D_GNU_SOURCE -Iinclude -c -o $@ $<
