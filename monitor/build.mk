# SPDX-License-Identifier: GPL-2.0
#
# The monitor on its own, strict, by both compilers: it must not depend on a
# host, and the passage's offsets must be the same for ELF and PE.

MINGW ?= x86_64-w64-mingw32-gcc
MONITOR_CFLAGS := $(CSTD) -O2 $(WARN) -ffreestanding -mgeneral-regs-only \
	-mno-red-zone -fno-stack-protector -Iinclude -I$(B)/monitor
MONITOR_C := $(wildcard monitor/*.c) \
	$(filter-out monitor/x86/offsets.c,$(wildcard monitor/x86/*.c))
MONITOR_H := $(wildcard monitor/*.h monitor/x86/*.h include/colinux/*.h)
MONITOR_ELF := $(patsubst %.c,$(B)/monitor-elf/%.o,$(MONITOR_C)) \
	$(B)/monitor-elf/monitor/x86/passage.o
MONITOR_PE := $(patsubst $(B)/monitor-elf/%,$(B)/monitor-pe/%,$(MONITOR_ELF))

$(B)/monitor-elf/%.o: %.c $(MONITOR_H) $(B)/monitor/passage-offsets.h
	@mkdir -p $(@D)
	$(CC) $(MONITOR_CFLAGS) -c -o $@ $<

$(B)/monitor-pe/%.o: %.c $(MONITOR_H) $(B)/monitor/passage-offsets.h
	@mkdir -p $(@D)
	$(MINGW) $(MONITOR_CFLAGS) -c -o $@ $<

$(B)/monitor-elf/%.o: %.S $(B)/monitor/passage-offsets.h
	@mkdir -p $(@D)
	$(CC) -I$(B)/monitor -c -o $@ $<

$(B)/monitor-pe/%.o: %.S $(B)/monitor/passage-offsets.h
	@mkdir -p $(@D)
	$(MINGW) -I$(B)/monitor -c -o $@ $<

# Fails when the two compilers disagree on a structure.
$(B)/monitor-pe/offsets-agree: monitor/x86/offsets.c $(B)/monitor/passage-offsets.h
	@mkdir -p $(@D)
	scripts/offsets $(MINGW) $< $(CPPFLAGS) > $@.h
	cmp $@.h $(B)/monitor/passage-offsets.h
	touch $@

.PHONY: monitor
monitor: $(MONITOR_ELF) $(MONITOR_PE) $(B)/monitor-pe/offsets-agree
