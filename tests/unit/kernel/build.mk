# SPDX-License-Identifier: GPL-2.0
# Tests of the guest kernel image loader.

KERNEL_TEST := $(addprefix tests/unit/kernel/,fake_btf.c fake_file.c \
	fake_kernel.c) tests/unit/virtio/tap.c $(KERNEL_SRCS) daemon/error.c

$(foreach t,btf file kallsyms,$(eval $(call unit_test,kernel-$(t),\
	tests/unit/kernel/$(t)_test.c $(KERNEL_TEST),$(KERNEL_LIBS))))
