# SPDX-License-Identifier: GPL-2.0
#
# colinux.ko for each host kernel.  Kbuild wants its sources in one directory:
# build/host-linux/SERIES/ gets files that include ours, one each.
#
#   HOST_KERNELS   series to build for (scripts/kernel knows their headers)

HOST_KERNELS ?= 6.1 6.1-cloud 6.12
OFFSETS := $(B)/monitor/passage-offsets.h
MONITOR_SRCS := $(wildcard monitor/*.c) \
	$(filter-out monitor/x86/offsets.c,$(wildcard monitor/x86/*.c))
HOST_LINUX_SRCS := $(wildcard host/linux/*.c)
HOST_LINUX_DEPS := $(MONITOR_SRCS) $(HOST_LINUX_SRCS) monitor/x86/passage.S \
	$(wildcard monitor/*.h monitor/x86/*.h host/linux/*.h include/colinux/*.h)

$(OFFSETS): monitor/x86/offsets.c include/colinux/passage.h scripts/offsets
	@mkdir -p $(@D)
	scripts/offsets $(CC) $< $(CPPFLAGS) > $@

# host_module SERIES
define host_module
$(B)/host-linux/$(1)/colinux.ko: $(HOST_LINUX_DEPS) $(OFFSETS) host/linux/Kbuild host/linux/build.mk
	@mkdir -p $$(@D)
	@rm -f $$(@D)/[mh]_*
	@for f in $(MONITOR_SRCS) monitor/x86/passage.S; do \
		echo "#include \"$(CURDIR)/$$$$f\"" > \
			$$(@D)/m_$$$$(basename $$$$f); done
	@for f in $(HOST_LINUX_SRCS); do \
		echo "#include \"$(CURDIR)/$$$$f\"" > \
			$$(@D)/h_$$$$(basename $$$$f); done
	@ln -sf $(CURDIR)/host/linux/Kbuild $$(@D)/Kbuild
	$$(call kbuild,$(1))
ALL += $(B)/host-linux/$(1)/colinux.ko
endef
$(foreach k,$(HOST_KERNELS),$(eval $(call host_module,$(k))))
