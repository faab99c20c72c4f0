# SPDX-License-Identifier: GPL-2.0
# The other ends of network cards.

NET_SRCS := $(addprefix daemon/net/,backend.c frame.c link.c macvtap.c \
	options.c slirp.c tap.c) daemon/os/linux/child.c
# The slirp process, with its sandbox.
SLIRP_SRCS := $(addprefix daemon/net/,slirp_process.c slirp_stack.c)
# Not by pkg-config: that asks for the headers of glib, which nobody uses here.
NET_LIBS := -lslirp

DAEMON_SRCS += $(NET_SRCS) $(SLIRP_SRCS)
DAEMON_LIBS += $(NET_LIBS)
