# SPDX-License-Identifier: GPL-2.0
#
# colinux.sys, where the cross compiler is.  Nothing of a C runtime is linked;
# the imports are checked against tests/windows/imports.

MINGW ?= x86_64-w64-mingw32-gcc
MINGW_PREFIX ?= x86_64-w64-mingw32-
MINGW_DDK ?= /usr/x86_64-w64-mingw32/include/ddk
WINDOWS_SRCS := $(wildcard host/windows/*.c) $(MONITOR_SRCS)
WINDOWS_OBJS := $(patsubst %.c,$(B)/host-windows/%.o,$(WINDOWS_SRCS)) \
	$(B)/host-windows/host/windows/guard.o \
	$(B)/host-windows/monitor/x86/passage.o \
	$(B)/host-windows/resource.o
WINDOWS_H := $(wildcard host/windows/*.h monitor/*.h monitor/x86/*.h \
	include/colinux/*.h) $(B)/host-windows/messages.h $(OFFSETS)
WINDOWS_CFLAGS := $(CSTD) -O2 $(WARN) -ffreestanding -mgeneral-regs-only \
	-mno-red-zone -fno-stack-protector -fno-strict-aliasing -fno-ident \
	-fno-tree-loop-distribute-patterns \
	-Iinclude -Imonitor -I$(B)/monitor -I$(B)/host-windows \
	-isystem $(MINGW_DDK)

$(B)/host-windows/messages.h: host/windows/messages.mc
	@mkdir -p $(@D)
	$(MINGW_PREFIX)windmc -b -h $(@D) -r $(@D) $<

$(B)/host-windows/resource.o: host/windows/resource.rc \
		$(B)/host-windows/messages.h
	$(MINGW_PREFIX)windres -I$(@D) -o $@ $<

$(B)/host-windows/%.o: %.c $(WINDOWS_H)
	@mkdir -p $(@D)
	$(MINGW) $(WINDOWS_CFLAGS) -c -o $@ $<

$(B)/host-windows/%.o: %.S $(OFFSETS)
	@mkdir -p $(@D)
	$(MINGW) -I$(B)/monitor -c -o $@ $<

# Drivers are always relocated, but ReactOS' loader, which loads those that start
# with the system, first tries the lower half of the image base as an address of
# memory, which it may not have mapped; 64 KiB, as the old DDKs have it, is in use.
$(B)/host-windows/colinux.sys: $(WINDOWS_OBJS)
	$(MINGW) -nostdlib -Wl,--subsystem,native:5.2 -Wl,--entry,DriverEntry \
		-Wl,--dynamicbase,--nxcompat,--enable-reloc-section \
		-Wl,--image-base,0x10000 -Wl,--major-os-version,5 \
		-Wl,--minor-os-version,2 \
		-Wl,--no-insert-timestamp -Wl,-Map,$(@:.sys=.map) \
		-o $@ $^ -lntoskrnl -lhal

ifneq ($(shell command -v $(MINGW)),)
ALL += $(B)/host-windows/colinux.sys
endif
