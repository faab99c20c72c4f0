# SPDX-License-Identifier: GPL-2.0
# Tests of what command and agent share.

$(eval $(call unit_test,agent-relay,tests/unit/agent/relay_test.c \
	tests/unit/virtio/tap.c agent/relay.c agent/channel_socket.c,))
$(eval $(call unit_test,agent-channel,tests/unit/agent/channel_test.c \
	tests/unit/virtio/tap.c agent/channel.c agent/channel_socket.c,))
