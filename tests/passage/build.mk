# SPDX-License-Identifier: GPL-2.0
# Passage tests: a runner for the box's host, and tiny bare-metal guests.

PASSAGE_GUESTS := $(patsubst %.c,$(B)/%.bin,$(wildcard tests/passage/guests/*.c))
GUEST_CFLAGS := -std=gnu11 -O1 $(WARN) -ffreestanding -fno-pic \
	-mcmodel=kernel -mno-red-zone -mgeneral-regs-only -fcf-protection=none \
	-fno-stack-protector -fno-asynchronous-unwind-tables \
	-fno-strict-aliasing -fno-toplevel-reorder

# Linked flat where the loader puts it, the entry first.
$(B)/tests/passage/guests/%.bin: tests/passage/guests/%.c \
		$(wildcard tests/passage/guests/*.h) $(wildcard include/colinux/*.h)
	@mkdir -p $(@D)
	$(CC) $(GUEST_CFLAGS) -Iinclude -c -o $(@:.bin=.o) $<
	ld -nostdlib -N -e entry --no-warn-rwx-segments \
		-T tests/passage/guests/guest.ld -o $(@:.bin=.elf) $(@:.bin=.o)
	objcopy -O binary $(@:.bin=.elf) $@

PASSAGE_H := $(wildcard include/colinux/*.h) tests/passage/run.h \
	tests/passage/guests/service.h
PASSAGE_RUN := $(addprefix tests/passage/,run.c load.c service.c)
PASSAGE_IOCTL := $(addprefix tests/passage/,ioctl.c load.c) \
	tests/unit/virtio/tap.c

$(B)/tests/passage/run: $(PASSAGE_RUN) $(PASSAGE_H)
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) $(WARN) $(CPPFLAGS) -o $@ $(PASSAGE_RUN) -lpthread

# The driver's calls with hostile arguments.
$(B)/tests/passage/ioctl: $(PASSAGE_IOCTL) $(PASSAGE_H) tests/unit/virtio/tap.h
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) $(WARN) $(CPPFLAGS) -Itests/unit/virtio -o $@ \
		$(PASSAGE_IOCTL) -lpthread

ALL += $(PASSAGE_GUESTS) $(B)/tests/passage/run $(B)/tests/passage/ioctl
