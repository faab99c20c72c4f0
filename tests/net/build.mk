# SPDX-License-Identifier: GPL-2.0
# build/tests/net/fsx, which the tests give to guests.

$(B)/tests/net/fsx: tests/net/fsx.c
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) $(WARN) $(CPPFLAGS) -static -o $@ $<

unit-tests: $(B)/tests/net/fsx
