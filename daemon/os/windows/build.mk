# SPDX-License-Identifier: GPL-2.0
#
# colinux.exe, where the cross compiler and its libraries are
# (scripts/windows-libs): the shared sources of the daemon, and this directory
# where they differ.

NT_CC := x86_64-w64-mingw32-gcc
WINDOWS_LIBS := $(if $(shell command -v $(NT_CC)),\
	$(shell scripts/windows-libs --have))
NT_DAEMON_SRCS := $(addprefix daemon/,agent.c client.c client_console.c command.c \
	config.c config_keys.c console.c control.c error.c exec.c image.c machine.c \
	machine_devices.c machine_disks.c machine_ports.c machine_vsock.c \
	memory.c paths.c program.c protocol.c \
	runtime.c serial_parse.c session.c session_disks.c standard_io.c stats.c terminal.c \
	vcpu.c) \
	$(addprefix daemon/builtin/,check.c console.c cp.c disk.c disk_add.c exec.c image.c \
	info.c inspect.c memory.c \
	ps.c run.c start.c stats.c stop.c version.c) \
	$(addprefix daemon/kernel/,bootparams.c btf.c btf_print.c bzimage.c \
	cache.c code_patch.c cpio.c directive.c elf64.c file.c image.c insn.c \
	kallsyms.c link.c load.c modules.c pagetable.c pause.c) \
	$(addprefix daemon/virtio/,balloon.c blk.c console.c device.c net.c rng.c virtio.c \
	virtqueue.c vsock.c vsock_stream.c) \
	$(addprefix agent/,channel.c tree_path.c tree_receive.c tree_send.c) \
	$(addprefix daemon/net/,frame.c options.c slirp_stack.c) \
	daemon/disk/format_name.c \
	$(addprefix daemon/os/windows/,channel_pipe.c commands.c disk_io.c \
	disk_open.c event.c exec_host.c file.c files.c interrupt.c keeper.c \
	linux_errno.c machine_served.c net_slirp.c nt52.c private.c process.c \
	sandbox.c scm.c serial.c serial_open.c setup_driver.c setup_service.c \
	socket.c text.c tree_files.c tree_names.c x11.c)
# Of which the tests have a fake.
NT_DRIVER_SRCS := daemon/os/windows/driver.c
# Format strings are checked by the Linux build.  The headers show what Windows 7
# has, which is libuv's least; nt52.c is there for the rest.
NT_DAEMON_CFLAGS := $(CSTD) -O2 -g $(WARN) -Wno-format -D_GNU_SOURCE \
	-D_FILE_OFFSET_BITS=64 -D__USE_MINGW_ANSI_STDIO=1 \
	-D_WIN32_WINNT=0x0601 -DWINVER=0x0601 -DWIN32_LEAN_AND_MEAN \
	-DZYDIS_STATIC_BUILD -DZYCORE_STATIC_BUILD -DLZMA_API_STATIC -DLIBSLIRP_STATIC \
	-Iinclude -Idaemon/os/windows/posix -isystem $(WINDOWS_LIBS)/include
# ntdll exports much of what others do: it comes behind them.
NT_DAEMON_LDLIBS := -L$(WINDOWS_LIBS)/lib -luv -llzma -lzstd -llz4 -lz \
	-lZydis -lslirp -lws2_32 -liphlpapi -luserenv -lpsapi -ladvapi32 -luser32 \
	-lshell32 -ldbghelp -lole32 -lpthread \
	-lmingw32 -lmoldname -lmingwex -lmsvcrt -lkernel32 -lntdll
NT_DAEMON_OBJS := $(patsubst %.c,$(B)/nt/%.o,$(NT_DAEMON_SRCS))
NT_DRIVER_OBJS := $(patsubst %.c,$(B)/nt/%.o,$(NT_DRIVER_SRCS))

# They find the headers of tree/ in the place of POSIX'.
$(addprefix $(B)/nt/agent/,tree_path.o tree_receive.o tree_send.o): \
		NT_DAEMON_CFLAGS := -Idaemon/os/windows/tree $(NT_DAEMON_CFLAGS)

$(B)/nt/%.o: %.c
	@mkdir -p $(@D)
	$(NT_CC) $(NT_DAEMON_CFLAGS) -MMD -MP -c -o $@ $<
-include $(NT_DAEMON_OBJS:.o=.d) $(NT_DRIVER_OBJS:.o=.d) \
	$(B)/nt/daemon/main.d

$(B)/nt/colinux.exe: $(NT_DAEMON_OBJS) $(NT_DRIVER_OBJS) \
		$(B)/nt/daemon/main.o
	$(NT_CC) -static -Wl,--dynamicbase,--nxcompat \
		-Wl,--high-entropy-va,--no-insert-timestamp \
		-Wl,--subsystem,console:5.2 -o $@ $^ $(NT_DAEMON_LDLIBS)

# For tests under Wine: the same without a driver, on an NT that may be said to
# be 5.2; and the block engine.
NT_TEST_OBJS := $(filter-out %/nt52.o,$(NT_DAEMON_OBJS)) \
	$(addprefix $(B)/nt/tests/windows/,nt52_old.o fake_device.o)

$(B)/nt/colinux-fake.exe: $(NT_TEST_OBJS) $(B)/nt/daemon/main.o
	$(NT_CC) -static -o $@ $^ $(NT_DAEMON_LDLIBS)

$(B)/nt/disk-test.exe: $(NT_TEST_OBJS) $(B)/nt/tests/windows/disk_test.o
	$(NT_CC) -static -o $@ $^ $(NT_DAEMON_LDLIBS)

# ... and a network card, with the guest of the unit tests.
$(addprefix $(B)/nt/tests/,unit/virtio/guest.o windows/net_test.o \
		windows/vsock_guest.o): \
		NT_DAEMON_CFLAGS += -include tests/windows/alarm.h
$(B)/nt/net-test.exe: $(NT_TEST_OBJS) $(addprefix $(B)/nt/tests/, \
		windows/net_test.o unit/virtio/guest.o unit/virtio/tap.o)
	$(NT_CC) -static -o $@ $^ $(NT_DAEMON_LDLIBS)

# ... the balloon, by its unit test;
$(B)/nt/balloon-test.exe: $(NT_TEST_OBJS) $(addprefix $(B)/nt/tests/unit/virtio/, \
		balloon_test.o guest.o tap.o)
	$(NT_CC) -static -o $@ $^ $(NT_DAEMON_LDLIBS)

# ... and a vsock device, whose guest is that of the unit tests as well.
$(B)/nt/vsock-guest.exe: $(NT_TEST_OBJS) $(addprefix $(B)/nt/tests/, \
		windows/vsock_guest.o unit/virtio/guest.o unit/virtio/tap.o)
	$(NT_CC) -static -o $@ $^ $(NT_DAEMON_LDLIBS)

$(B)/nt/serial-test.exe: $(NT_TEST_OBJS) $(addprefix $(B)/nt/tests/, \
		windows/serial_test.o unit/virtio/tap.o)
	$(NT_CC) -static -o $@ $^ $(NT_DAEMON_LDLIBS)

$(B)/nt/nt52-test.exe: $(NT_TEST_OBJS) $(addprefix $(B)/nt/tests/, \
		windows/nt52_test.o unit/virtio/tap.o)
	$(NT_CC) -static -o $@ $^ $(NT_DAEMON_LDLIBS)

ifneq ($(WINDOWS_LIBS),)
ALL += $(addprefix $(B)/nt/,colinux-fake.exe disk-test.exe net-test.exe \
	serial-test.exe nt52-test.exe vsock-guest.exe balloon-test.exe)
ALL += $(B)/nt/colinux.exe
endif
