# SPDX-License-Identifier: GPL-2.0
#
# One non-recursive make.  Every directory with something to build has a
# build.mk that adds to the lists below; all output goes to build/.
#
#   DAEMON_SRCS   sources of the colinux command
#   DAEMON_LIBS   pkg-config names that it needs, or -lNAME without one
#   $(eval $(call unit_test,NAME,SOURCES,LIBS))   a user-space unit test

B := build
CC ?= gcc
WARN := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes \
	-Wimplicit-fallthrough -Werror
CFLAGS ?= -O2 -g
CSTD := -std=gnu11
CPPFLAGS += -D_GNU_SOURCE -Iinclude
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all \
	-fno-omit-frame-pointer
PKG_CONFIG ?= pkg-config
pkg_names = $(filter-out -l%,$(1))
pkg_cflags = $(if $(pkg_names),$(shell $(PKG_CONFIG) --cflags $(pkg_names)))
pkg_libs = $(if $(pkg_names),$(shell $(PKG_CONFIG) --libs $(pkg_names))) \
	$(filter -l%,$(1))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

DAEMON_SRCS :=
DAEMON_LIBS :=
UNIT_TESTS :=
ALL :=
CLEAN :=

# unit_test NAME SOURCES LIBS: build/tests/NAME, with ASan and UBSan.
define unit_test
UNIT_TESTS += $(B)/tests/$(1)
$(B)/tests/$(1): $$(patsubst %.c,$(B)/asan/%.o,$(2))
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS) $$(SANITIZE) $$(LDFLAGS) -o $$@ $$^ $$(call pkg_libs,$(3)) -lpthread
-include $$(patsubst %.c,$(B)/asan/%.d,$(2))
endef

# kbuild SERIES: a recipe line that makes the kernel modules of $(@D).  No type
# information for BPF: some of Debian's headers have what it needs, then pahole
# must be there too.
kbuild = +$(MAKE) -C $$(scripts/kernel path $(1)) M=$(CURDIR)/$(@D) \
	COLINUX=$(CURDIR) CFLAGS= CPPFLAGS= CONFIG_DEBUG_INFO_BTF_MODULES= \
	modules

include $(sort $(wildcard */build.mk */*/build.mk */*/*/build.mk))

DAEMON_OBJS := $(patsubst %.c,$(B)/obj/%.o,$(DAEMON_SRCS))
-include $(DAEMON_OBJS:.o=.d)

$(B)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) $(WARN) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(B)/asan/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CSTD) -O1 -g $(SANITIZE) $(WARN) $(CPPFLAGS) -MMD -MP -c -o $@ $<

$(B)/colinux: $(DAEMON_OBJS)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(sort $(DAEMON_LIBS))) -lpthread

.PHONY: all clean unit unit-tests list-tests demo check soak
all: $(if $(DAEMON_SRCS),$(B)/colinux) $(ALL)

# The unit tests alone (no machine in a box).
unit: $(UNIT_TESTS)
	prove --exec '' $(UNIT_TESTS)

unit-tests: $(UNIT_TESTS)

list-tests:
	@echo $(UNIT_TESTS) $(sort $(wildcard tests/*/*.t))

# These set up what is missing themselves, then build and boot.
demo check:
	@scripts/$@

soak:
	@COLINUX_SOAK=1 scripts/check

# help: the targets that people use.
.PHONY: help
help:
	@echo "make             build everything into $(B)/"
	@echo "make demo        a Debian beside a Debian, in the box (sets itself up)"
	@echo "make check       all tests (sets itself up); TESTS=\"FILE...\" for some"
	@echo "make unit        unit tests only"
	@echo "make check-style rules of the tree, headers alone, sparse"
	@echo "make monitor     the portable monitor, by gcc and mingw"
	@echo "make soak        the long versions of the tests"
	@echo "make bench       measurements, into $(B)/bench"
	@echo "make clean       remove $(B)/ (caches are elsewhere)"

clean:
	rm -rf $(B) $(CLEAN)
