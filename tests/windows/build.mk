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
	$(call kbuild,6.1)

$(B)/tests/windows/calls: tests/windows/calls.c $(wildcard include/colinux/*.h)
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) $(WARN) $(CPPFLAGS) -o $@ $<

$(B)/tests/windows/guard.exe: tests/windows/guard_test.c host/windows/guard.S
	@mkdir -p $(@D)
	$(MINGW) $(CSTD) -O1 -Wall -Wextra -Werror -o $@ $^

# The driver's sources, natively, against the fake NT.  vm_create() is wrapped
# so that the test can look at what it made.
NT_TEST_SRCS := $(wildcard host/windows/*.c) monitor/vm.c monitor/vcpu.c monitor/watchdog.c \
	$(wildcard tests/windows/fake/*.c) tests/windows/driver_test.c \
	tests/windows/driver_balloon.c \
	tests/unit/virtio/tap.c
NT_TEST_OBJS := $(patsubst %.c,$(B)/asan-nt/%.o, \
	$(filter-out host/windows/string.c,$(NT_TEST_SRCS)))
NT_TEST_CPPFLAGS := -Iinclude -Imonitor -Ihost/windows -Itests/windows/nt \
	-Itests/windows/fake -Itests/unit/virtio -I$(B)/host-windows -I. \
	-include tests/windows/fake/cpu.h -fshort-wchar

$(B)/asan-nt/%.o: %.c $(B)/host-windows/messages.h
	@mkdir -p $(@D)
	$(CC) $(CSTD) -O1 -g $(SANITIZE) $(WARN) -D_GNU_SOURCE \
		$(NT_TEST_CPPFLAGS) -MMD -MP -c -o $@ $<

$(B)/tests/nt-driver: $(NT_TEST_OBJS)
	@mkdir -p $(@D)
	$(CC) $(SANITIZE) -Wl,--wrap=vm_create -o $@ $^ -lpthread
-include $(NT_TEST_OBJS:.o=.d)

ifneq ($(shell command -v $(MINGW)),)
UNIT_TESTS += $(B)/tests/nt-driver
ALL += $(NTSHIM) $(B)/tests/windows/calls $(B)/tests/windows/guard.exe
endif
