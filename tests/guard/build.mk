# SPDX-License-Identifier: GPL-2.0
#
# build/tests/hurt/SERIES/hurt.ko, with which guests hurt themselves.  objtool
# does not understand it; without objtool nobody patches return thunks, which
# 6.12 warns of.

define hurt_module
$(B)/tests/hurt/$(1)/hurt.ko: tests/guard/hurt/hurt.c tests/guard/build.mk
	@mkdir -p $$(@D)
	@cp $$< $$(@D)/
	@echo 'obj-m := hurt.o' > $$(@D)/Kbuild
	@echo 'OBJECT_FILES_NON_STANDARD_hurt.o := y' >> $$(@D)/Kbuild
	@echo 'CFLAGS_hurt.o := -mfunction-return=keep' >> $$(@D)/Kbuild
	$$(call kbuild,$(1))
unit-tests: $(B)/tests/hurt/$(1)/hurt.ko
endef
$(foreach k,6.1 6.12,$(eval $(call hurt_module,$(k))))
