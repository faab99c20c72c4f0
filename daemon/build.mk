# SPDX-License-Identifier: GPL-2.0
# The colinux command and VM process.  os/linux is this host's side of os.h.

# What the unit tests take as it is, and what they have fakes for.
DAEMON_COMMON := $(addprefix daemon/,agent.c client.c client_console.c command.c \
	config.c config_keys.c console.c control.c error.c exec.c image.c \
	keeper.c machine.c \
	machine_devices.c machine_disks.c machine_ports.c machine_served.c machine_vsock.c \
	serial.c \
	serial_open.c serial_parse.c \
	paths.c program.c protocol.c runtime.c session.c session_disks.c \
	standard_io.c stats.c \
	terminal.c vcpu.c) \
	$(addprefix daemon/builtin/,check.c console.c cp.c disk.c disk_add.c \
	disk_server.c \
	exec.c image.c info.c keep.c \
	macvtap.c memory.c ps.c \
	run.c slirp.c start.c stats.c stop.c version.c) \
	$(addprefix daemon/os/linux/,commands.c exec_host.c file.c files.c \
	guest_socket.c process.c socket.c \
	sandbox.c x11.c) \
	$(addprefix agent/,channel.c channel_socket.c relay.c tree_path.c \
	tree_receive.c tree_refusal.c tree_send.c)
DAEMON_SRCS += $(DAEMON_COMMON) daemon/main.c daemon/builtin/inspect.c \
	$(addprefix daemon/os/linux/,driver.c interrupt.c)
DAEMON_LIBS += libuv libseccomp xau
