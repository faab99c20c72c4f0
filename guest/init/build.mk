# SPDX-License-Identifier: GPL-2.0
#
# /colinux-init: a static program for the guest, without a C library.

INIT_SRCS := $(addprefix guest/init/,start.S agent.c alias.c block.c cmdline.c \
	dir.c live.c \
	handover.c main.c modules.c root.c say.c string.c superblock.c)
INIT_OBJS := $(patsubst guest/init/%,$(B)/guest/init/%.o,$(INIT_SRCS))
# No runtime here: no stack protector (its canary is in the TLS area), no
# position independence, and no loop turned into a call of memset by itself.
INIT_CFLAGS := $(CSTD) -Os -g -ffreestanding -fno-pic -fno-stack-protector \
	-fno-asynchronous-unwind-tables -fcf-protection=none \
	-fno-tree-loop-distribute-patterns -ffunction-sections \
	-mno-sse -mno-avx -U_FORTIFY_SOURCE
INIT_LDFLAGS := -static -no-pie -nostdlib -Wl,--gc-sections -Wl,-s \
	-Wl,-z,noseparate-code -Wl,--build-id=none

ALL += $(B)/guest/colinux-init
-include $(INIT_OBJS:.o=.d)

$(B)/guest/init/%.o: guest/init/%
	@mkdir -p $(@D)
	$(CC) $(INIT_CFLAGS) $(WARN) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(B)/guest/colinux-init: $(INIT_OBJS)
	$(CC) $(INIT_LDFLAGS) -o $@ $^
