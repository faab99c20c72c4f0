# SPDX-License-Identifier: GPL-2.0
#
# Proof of the NT driver without NT: ntshim.ko, which runs colinux.sys in a
# Linux kernel.

NTSHIM_SRCS := $(wildcard tests/windows/ntshim/*.c)
NTSHIM := $(B)/tests/windows/ntshim/ntshim.ko

$(NTSHIM): $(NTSHIM_SRCS) $(wildcard tests/windows/ntshim/*.h \
		tests/windows/nt/*.h include/colinux/*.h) \
		tests/windows/ntshim/Kbuild tests/windows/build.mk
	@mkdir -p $(@D)
	@rm -f $(@D)/s_*
	@for f in $(NTSHIM_SRCS); do \
		echo "#include \"$(CURDIR)/$$f\"" > \
			$(@D)/s_$$(basename $$f); done
	@ln -sf $(CURDIR)/tests/windows/ntshim/Kbuild $(@D)/Kbuild
	$(MAKE) -C $$(scripts/kernel path 6.1) M=$(CURDIR)/$(@D) \
		COLINUX=$(CURDIR) CFLAGS= CPPFLAGS= modules

$(B)/tests/windows/calls: tests/windows/calls.c $(wildcard include/colinux/*.h)
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) $(WARN) $(CPPFLAGS) -o $@ $<

ifneq ($(shell command -v $(MINGW)),)
ALL += $(NTSHIM) $(B)/tests/windows/calls
endif
