# SPDX-License-Identifier: GPL-2.0
# Tests of network cards and their back-ends.

NET_TEST := $(addprefix tests/unit/virtio/,guest.c tap.c) $(VIRTIO_SRCS) \
	$(VIRTIO_OS_SRCS) \
	$(DISK_SRCS) $(DISK_OS_SRCS) $(NET_SRCS) daemon/error.c

$(eval $(call unit_test,net-options,tests/unit/net/options_test.c \
	tests/unit/virtio/tap.c daemon/net/options.c daemon/error.c,))
$(eval $(call unit_test,net-frame,tests/unit/net/frame_test.c \
	tests/unit/virtio/tap.c daemon/net/frame.c,))
$(eval $(call unit_test,net-device,tests/unit/net/net_test.c $(NET_TEST),\
	$(VIRTIO_LIBS) libuv))
$(eval $(call unit_test,net-slirp,tests/unit/net/slirp_test.c \
	tests/unit/virtio/tap.c $(NET_SRCS) $(SLIRP_SRCS) daemon/error.c \
	$(addprefix daemon/builtin/,macvtap.c slirp.c) $(addprefix daemon/os/linux/,rights.c \
	sandbox.c),\
	$(NET_LIBS) libseccomp))
$(eval $(call unit_test,vhost-user,tests/unit/net/vhost_user_test.c \
	$(NET_TEST),$(VIRTIO_LIBS) libuv))
$(eval $(call unit_test,serial,tests/unit/net/serial_test.c \
	tests/unit/virtio/tap.c $(addprefix daemon/,serial.c serial_open.c \
	serial_parse.c error.c os/linux/rights.c),))
$(eval $(call unit_test,vhost-servers,tests/unit/net/servers_test.c \
	$(NET_TEST),$(VIRTIO_LIBS) libuv))
$(eval $(call unit_test,keeper,tests/unit/net/keeper_test.c \
	tests/unit/virtio/tap.c $(addprefix daemon/,keeper.c builtin/keep.c \
	error.c os/linux/child.c),))
