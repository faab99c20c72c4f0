# SPDX-License-Identifier: GPL-2.0
#
# Programs of the memory tests, static: for guests and for the host in the box.

$(B)/tests/memory/%: tests/memory/%.c tests/memory/build.mk
	@mkdir -p $(@D)
	$(CC) $(CSTD) -O2 $(WARN) $(CPPFLAGS) -static -o $@ $< -lpthread
unit-tests: $(addprefix $(B)/tests/memory/,pattern fragment \
	blocks release)
