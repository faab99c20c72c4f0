# SPDX-License-Identifier: GPL-2.0
# Tests of the portable monitor against a fake host and a fake CPU.

MONITOR_TEST := $(addprefix tests/unit/monitor/,fake_cpu.c fake_host.c) \
	tests/unit/virtio/tap.c $(addprefix monitor/,control.c hypercall.c \
	run.c vcpu.c vm.c watchdog.c x86/descriptors.c x86/pagetable.c \
	x86/splitlock.c)

# fake_cpu.h takes the place of monitor/x86/cpu.h.
$(B)/asan/monitor/%.o $(B)/asan/tests/unit/monitor/%.o: \
	CPPFLAGS += -include tests/unit/monitor/fake_cpu.h -Imonitor

$(foreach t,run hypercall vm watchdog pagetable splitlock,$(eval $(call unit_test,monitor-$(t),\
	tests/unit/monitor/$(t)_test.c $(MONITOR_TEST),)))
