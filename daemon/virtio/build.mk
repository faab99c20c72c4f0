# SPDX-License-Identifier: GPL-2.0
# Devices of the guest, and guest memory that they translate through.

VIRTIO_SRCS := daemon/memory.c daemon/virtio/balloon.c daemon/virtio/blk.c daemon/virtio/console.c \
	daemon/virtio/device.c daemon/virtio/net.c daemon/virtio/rng.c \
	daemon/virtio/types.c daemon/virtio/vhost.c daemon/virtio/vhost_net.c \
	daemon/virtio/vhost_user.c daemon/virtio/vhost_user_socket.c \
	daemon/virtio/vhost_vsock.c \
	daemon/virtio/virtio.c \
	daemon/virtio/virtqueue.c daemon/os/linux/event.c \
	daemon/os/linux/rights.c \
	daemon/virtio/vsock.c daemon/virtio/vsock_stream.c
# Which tests of these need, and the VM process has anyway.
VIRTIO_OS_SRCS := daemon/os/linux/socket.c
VIRTIO_LIBS := liburing

DAEMON_SRCS += $(VIRTIO_SRCS)
DAEMON_LIBS += $(VIRTIO_LIBS)
