# SPDX-License-Identifier: GPL-2.0
#
# The program that the SMP tests run in guests.
$(B)/tests/smp/guest: tests/smp/guest.c
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) $(WARN) -D_GNU_SOURCE -static -o $@ $< -lpthread
unit-tests: $(B)/tests/smp/guest
