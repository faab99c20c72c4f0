# SPDX-License-Identifier: GPL-2.0
#
# /colinux-agent: a static program for the guest, without a C library; built as
# /colinux-init is (guest/init/build.mk).  agent/ is the part that the command
# shares.

AGENT_SHARED := $(addprefix agent/,channel.c channel_socket.c relay.c \
	tree_path.c tree_receive.c tree_refusal.c tree_send.c)
AGENT_SRCS := $(addprefix guest/agent/,start.S command.c libc.c main.c \
	session.c user.c x11.c) $(AGENT_SHARED) guest/init/string.c
AGENT_OBJS := $(patsubst %,$(B)/guest/agent/obj/%.o,$(AGENT_SRCS))

ALL += $(B)/guest/colinux-agent
-include $(AGENT_OBJS:.o=.d)

$(B)/guest/agent/obj/%.o: %
	@mkdir -p $(@D)
	$(CC) $(INIT_CFLAGS) $(WARN) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(B)/guest/colinux-agent: $(AGENT_OBJS)
	$(CC) $(INIT_LDFLAGS) -o $@ $^
