# SPDX-License-Identifier: GPL-2.0
# Tests of guest memory, the virtio bus, its devices and the disk engines.

VIRTIO_TEST := $(addprefix tests/unit/virtio/,guest.c tap.c) $(VIRTIO_SRCS) \
	$(DISK_SRCS) daemon/error.c

$(eval $(call unit_test,virtio-memory,tests/unit/virtio/memory_test.c \
	$(VIRTIO_TEST),$(VIRTIO_LIBS)))
$(eval $(call unit_test,virtio-queue,tests/unit/virtio/virtqueue_test.c \
	$(VIRTIO_TEST),$(VIRTIO_LIBS)))
$(eval $(call unit_test,virtio-blk,$(addprefix tests/unit/virtio/,blk_test.c \
	blkdev.c) $(VIRTIO_TEST),$(VIRTIO_LIBS)))
$(eval $(call unit_test,virtio-bus,tests/unit/virtio/bus_test.c \
	$(VIRTIO_TEST),$(VIRTIO_LIBS)))
$(eval $(call unit_test,virtio-console,tests/unit/virtio/console_test.c \
	$(VIRTIO_TEST),$(VIRTIO_LIBS)))
