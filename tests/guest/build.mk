# SPDX-License-Identifier: GPL-2.0
#
# build/tests/guest/checks: one static program, for guests and their hosts.

GUEST_CHECKS := $(wildcard tests/guest/checks/*.c)
GUEST_CHECKS_DIR := $(B)/tests/guest

$(GUEST_CHECKS_DIR)/compat32: tests/guest/checks/compat32.S
	@mkdir -p $(@D)
	$(CC) -m32 -nostdlib -static -no-pie -Wl,--build-id=none -o $@ $<

$(GUEST_CHECKS_DIR)/checks: $(GUEST_CHECKS) tests/guest/checks/checks.h \
		$(GUEST_CHECKS_DIR)/compat32
	@mkdir -p $(@D)
	$(CC) $(CSTD) -O1 -g0 -Wall -Wextra -Werror -static -pthread \
		-Wa,-I$(GUEST_CHECKS_DIR) -o $@ $(GUEST_CHECKS)

unit-tests: $(GUEST_CHECKS_DIR)/checks
