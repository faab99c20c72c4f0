# SPDX-License-Identifier: GPL-2.0
# Tests of the guest kernel image loader.

KERNEL_TEST := $(addprefix tests/unit/kernel/,fake_btf.c fake_file.c \
	fake_kernel.c guest_ram.c) tests/unit/virtio/tap.c $(KERNEL_SRCS) \
	daemon/error.c

$(foreach t,btf file kallsyms load modules real,$(eval $(call unit_test,kernel-$(t),\
	tests/unit/kernel/$(t)_test.c $(KERNEL_TEST),$(KERNEL_LIBS))))

# Port objects to be linked by the tests: a good one, and one per mistake.
KERNEL_TEST_BAD := $(shell sed -n 's/.*defined(CASE_\([a-z_]*\)).*/\1/p' \
	tests/unit/kernel/objects/bad.S)
KERNEL_TEST_OBJECTS := $(B)/tests/kernel/good.o \
	$(KERNEL_TEST_BAD:%=$(B)/tests/kernel/bad-%.o)
KERNEL_TEST_MODULES := $(patsubst %,$(B)/tests/kernel/module-%.o,\
	a b c d loop needy)

$(B)/tests/kernel/module-%.o: tests/unit/kernel/objects/module.S
	@mkdir -p $(@D)
	$(CC) -DMODULE_$* -c -o $@ $<

$(B)/tests/kernel/bad-%.o: tests/unit/kernel/objects/bad.S
	@mkdir -p $(@D)
	$(CC) -DCASE_$* -c -o $@ $<

$(B)/tests/kernel/%.o: tests/unit/kernel/objects/%.S
	@mkdir -p $(@D)
	$(CC) -c -o $@ $<

$(B)/tests/kernel-load: | $(KERNEL_TEST_OBJECTS)
$(B)/tests/kernel-modules: | $(KERNEL_TEST_MODULES)
