# SPDX-License-Identifier: GPL-2.0
# A QEMU plugin that sees what guests execute.

$(B)/tests/plugin/trace.so: tests/plugin/trace.c tests/plugin/qemu.h
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) $(WARN) $(CPPFLAGS) -fPIC -fvisibility=hidden \
		-shared -o $@ $< -lpthread

ALL += $(B)/tests/plugin/trace.so
