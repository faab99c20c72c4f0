# SPDX-License-Identifier: GPL-2.0
# The colinux command and VM process.  os/linux is this host's side of os.h.
DAEMON_SRCS += $(addprefix daemon/,client.c client_console.c config.c \
	config_keys.c console.c control.c error.c image.c machine.c main.c \
	paths.c program.c protocol.c runtime.c session.c standard_io.c terminal.c vcpu.c)
DAEMON_SRCS += $(addprefix daemon/builtin/,check.c console.c image.c info.c \
	ps.c run.c start.c stop.c version.c)
DAEMON_SRCS += $(addprefix daemon/os/linux/,driver.c interrupt.c process.c \
	sandbox.c)
DAEMON_LIBS += libuv libseccomp
