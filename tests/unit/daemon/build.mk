# SPDX-License-Identifier: GPL-2.0
# Tests of the command and the VM process, with a fake driver, a fake loader
# and fake devices.
DAEMON_TEST := $(DAEMON_COMMON) $(NET_SRCS) $(SLIRP_SRCS) daemon/memory.c \
	daemon/disk/format.c daemon/disk/format_name.c daemon/os/linux/event.c \
	daemon/os/linux/rights.c \
	tests/unit/virtio/tap.c \
	$(addprefix tests/unit/daemon/,fake_driver.c fake_parts.c)
DAEMON_TEST_LIBS := libuv libseccomp xau $(NET_LIBS)

$(eval $(call unit_test,daemon-machine,tests/unit/daemon/machine_test.c \
	$(DAEMON_TEST),$(DAEMON_TEST_LIBS)))
$(eval $(call unit_test,daemon-session,$(addprefix tests/unit/daemon/, \
	session_test.c child.c) $(DAEMON_TEST),$(DAEMON_TEST_LIBS)))
$(eval $(call unit_test,daemon-config,tests/unit/daemon/config_test.c \
	tests/unit/virtio/tap.c $(addprefix daemon/,config.c config_keys.c \
	error.c disk/format.c disk/format_name.c net/options.c \
	os/linux/file.c os/linux/process.c \
	os/linux/rights.c serial_open.c serial_parse.c serial.c),\
	libuv))
$(eval $(call unit_test,daemon-console,tests/unit/daemon/console_test.c \
	$(DAEMON_TEST),$(DAEMON_TEST_LIBS)))
$(eval $(call unit_test,daemon-control,tests/unit/daemon/control_test.c \
	$(DAEMON_TEST),$(DAEMON_TEST_LIBS)))
$(eval $(call unit_test,daemon-stats,tests/unit/daemon/stats_test.c \
	tests/unit/virtio/tap.c daemon/stats.c,))
$(eval $(call unit_test,daemon-interrupt,tests/unit/daemon/interrupt_test.c \
	tests/unit/virtio/tap.c daemon/os/linux/interrupt.c,libuv))
