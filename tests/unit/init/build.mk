# SPDX-License-Identifier: GPL-2.0

$(eval $(call unit_test,init,tests/unit/init/init_test.c \
	$(addprefix guest/init/,alias.c cmdline.c superblock.c),))
