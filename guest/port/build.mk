# SPDX-License-Identifier: GPL-2.0
# The freestanding guest port: one relocatable object for every kernel.
PORT_SRCS := $(wildcard guest/port/*.c guest/port/*.S)
PORT_OBJS := $(patsubst guest/port/%,$(B)/port/obj/%.o,$(PORT_SRCS))
PORT_CFLAGS := $(CSTD) -O2 $(WARN) -Iinclude -ffreestanding -fno-builtin \
	-U__linux__ -nostdinc -isystem $(shell $(CC) -print-file-name=include) \
	-mcmodel=kernel -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only \
	-fno-stack-protector -fno-asynchronous-unwind-tables -fno-unwind-tables \
	-fcf-protection=branch -fno-jump-tables -fno-strict-aliasing \
	-fno-delete-null-pointer-checks -fno-common \
	-fno-tree-loop-distribute-patterns -falign-functions=16

ALL += $(B)/port/port.o

$(B)/port/obj/%.o: guest/port/%
	@mkdir -p $(@D)
	$(CC) $(PORT_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/port/port.o: $(PORT_OBJS)
	$(LD) -r -o $@ $^

-include $(PORT_OBJS:.o=.d)
