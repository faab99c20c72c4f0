# SPDX-License-Identifier: GPL-2.0
# Rules of the source tree, as tests; part of `make check`.

.PHONY: check-style
check-style:
	prove --exec '' $(sort $(wildcard tests/style/*.t))
