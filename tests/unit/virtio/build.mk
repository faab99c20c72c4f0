# SPDX-License-Identifier: GPL-2.0
# Tests of guest memory, the virtio bus, its devices and the disk engines.

VIRTIO_TEST := $(addprefix tests/unit/virtio/,guest.c tap.c) $(VIRTIO_SRCS) \
	$(VIRTIO_OS_SRCS) \
	$(DISK_SRCS) $(DISK_OS_SRCS) $(NET_SRCS) daemon/error.c

$(eval $(call unit_test,virtio-memory,tests/unit/virtio/memory_test.c \
	$(VIRTIO_TEST),$(VIRTIO_LIBS) libuv))
$(eval $(call unit_test,virtio-queue,tests/unit/virtio/virtqueue_test.c \
	$(VIRTIO_TEST),$(VIRTIO_LIBS) libuv))
$(eval $(call unit_test,virtio-balloon,tests/unit/virtio/balloon_test.c \
	$(VIRTIO_TEST),$(VIRTIO_LIBS) libuv))
$(eval $(call unit_test,virtio-blk,$(addprefix tests/unit/virtio/,blk_test.c \
	blkdev.c) $(VIRTIO_TEST),$(VIRTIO_LIBS) libuv))
$(eval $(call unit_test,virtio-bus,tests/unit/virtio/bus_test.c \
	$(VIRTIO_TEST),$(VIRTIO_LIBS) libuv))
$(eval $(call unit_test,disk-server,$(addprefix tests/unit/virtio/,\
	server_test.c blkdev.c) $(VIRTIO_TEST),$(VIRTIO_LIBS) libuv))
$(eval $(call unit_test,virtio-plug,tests/unit/virtio/plug_test.c \
	$(VIRTIO_TEST),$(VIRTIO_LIBS) libuv))
$(eval $(call unit_test,virtio-console,tests/unit/virtio/console_test.c \
	$(VIRTIO_TEST),$(VIRTIO_LIBS) libuv))
$(eval $(call unit_test,virtio-fault,$(addprefix tests/unit/virtio/,\
	fault_test.c blkdev.c) $(VIRTIO_TEST),$(VIRTIO_LIBS) libuv))
$(eval $(call unit_test,virtio-fuzz,$(addprefix tests/unit/virtio/,fuzz_test.c \
	blkdev.c) $(VIRTIO_TEST),$(VIRTIO_LIBS) libuv))
$(eval $(call unit_test,virtio-hostdev,$(addprefix tests/unit/virtio/,\
	hostdev_test.c blkdev.c) $(VIRTIO_TEST),$(VIRTIO_LIBS) libuv))

$(eval $(call unit_test,virtio-vsock,tests/unit/virtio/vsock_test.c \
	$(VIRTIO_TEST),$(VIRTIO_LIBS)))

# The threaded tests under ThreadSanitizer; not part of `make unit`, since it
# cannot be combined with ASan.  -Wno-tsan: it does not model fences, which
# here only order words of guest memory that are atomic anyway.
VIRTIO_TSAN := $(addprefix $(B)/tsan/virtio-,blk bus console fault)

$(VIRTIO_TSAN): $(B)/tsan/virtio-%: tests/unit/virtio/%_test.c \
		tests/unit/virtio/blkdev.c $(VIRTIO_TEST)
	@mkdir -p $(@D)
	$(CC) $(CSTD) -O1 -g -fsanitize=thread -Wno-tsan $(WARN) $(CPPFLAGS) \
		-o $@ $^ $(call pkg_libs,$(VIRTIO_LIBS)) -lpthread

.PHONY: virtio-tsan
virtio-tsan: $(VIRTIO_TSAN)
	prove --exec 'setarch -R' $^

# Coverage-guided fuzzing, by clang's libFuzzer (tests/fuzz); not part of all.

CLANG ?= clang
FUZZ := $(B)/fuzz/virtio

$(FUZZ): tests/fuzz/virtio_fuzz.c tests/unit/virtio/blkdev.c $(VIRTIO_TEST)
	@mkdir -p $(@D)
	$(CLANG) $(CSTD) -O1 -g -Wall -Wextra -Werror $(CPPFLAGS) \
		-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-o $@ $(filter %.c,$^) $(call pkg_libs,$(VIRTIO_LIBS)) -lpthread

.PHONY: fuzz
fuzz: $(FUZZ)
