# SPDX-License-Identifier: GPL-2.0
#
# Modules for guests to load: build/tests/hurt/SERIES/hurt.ko, with which they
# hurt themselves, and build/tests/hostile/SERIES/hostile.ko, a hostile driver.
# objtool does not understand the former; without objtool nobody patches return
# thunks, which 6.12 warns of.

# guard_module NAME SERIES
define guard_module
$(B)/tests/$(1)/$(2)/$(1).ko: tests/guard/$(1)/$(1).c $(wildcard include/colinux/*.h) \
		tests/guard/build.mk
	@mkdir -p $$(@D)
	@cp $$< $$(@D)/
	@echo 'obj-m := $(1).o' > $$(@D)/Kbuild
	@echo 'OBJECT_FILES_NON_STANDARD_$(1).o := y' >> $$(@D)/Kbuild
	@echo 'CFLAGS_$(1).o := -mfunction-return=keep -I$$$$(COLINUX)/include' >> $$(@D)/Kbuild
	$$(call kbuild,$(2))
unit-tests: $(B)/tests/$(1)/$(2)/$(1).ko
endef
$(foreach m,hurt hostile,$(foreach k,6.1 6.12,$(eval $(call guard_module,$(m),$(k)))))

# Where the port's hypercall will be: its text has a fixed address.
$(B)/tests/hostile/call: $(B)/port/port.o include/colinux/layout.h
	@mkdir -p $(@D)
	@nm $< | awk '$$3 == "port_hypercall" { print $$1 }' | \
		sed 's/^0*/0x/' | xargs printf '0x%x\n' > $@
unit-tests: $(B)/tests/hostile/call
