# SPDX-License-Identifier: GPL-2.0
# The guest kernel image loader.
KERNEL_SRCS := $(addprefix daemon/kernel/,bootparams.c btf.c btf_print.c \
	bzimage.c cache.c code_patch.c cpio.c directive.c elf64.c file.c image.c \
	insn.c kallsyms.c link.c load.c modules.c pagetable.c \
	pause.c) daemon/os/linux/file.c
# Zydis 4.0.0 ships no pkg-config file.
KERNEL_LIBS := liblzma libzstd zlib liblz4 -lZydis
DAEMON_SRCS += $(KERNEL_SRCS)
DAEMON_LIBS += $(KERNEL_LIBS)
