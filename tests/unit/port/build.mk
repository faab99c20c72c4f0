# SPDX-License-Identifier: GPL-2.0

$(eval $(call unit_test,port_clock,tests/unit/port/clock_test.c,))
$(eval $(call unit_test,port_idle,tests/unit/port/idle_test.c,))
