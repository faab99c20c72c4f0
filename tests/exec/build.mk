# SPDX-License-Identifier: GPL-2.0
# A program that talks to X servers, for guests without any libraries.
X_PROGRAM := $(B)/tests/exec/x-program

ALL += $(X_PROGRAM)

$(X_PROGRAM): tests/exec/x-program.c
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) $(WARN) -D_GNU_SOURCE -static -o $@ $<
