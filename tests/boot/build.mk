# SPDX-License-Identifier: GPL-2.0
#
# build/tests/oops/SERIES/oops.ko, which the boot tests give to guests.

define oops_module
$(B)/tests/oops/$(1)/oops.ko: tests/boot/oops/oops.c tests/boot/build.mk
	@mkdir -p $$(@D)
	@cp $$< $$(@D)/
	@echo 'obj-m := oops.o' > $$(@D)/Kbuild
	$$(call kbuild,$(1))
unit-tests: $(B)/tests/oops/$(1)/oops.ko
endef
$(foreach k,6.1 6.12,$(eval $(call oops_module,$(k))))
