# SPDX-License-Identifier: GPL-2.0
# The benchmarks: a QEMU plugin that counts instructions, and static programs
# that run on every kind of kernel.
BENCH := $(B)/bench/count.so $(B)/bench/mark $(B)/bench/micro $(B)/bench/load \
	$(B)/bench/tcp $(B)/bench/names $(B)/bench/symbols

ALL += $(BENCH)

$(B)/bench/count.so: bench/plugin.c bench/plugin_api.h
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) $(WARN) -fPIC -fvisibility=hidden -shared \
		-o $@ $<

$(B)/bench/mark: bench/mark.c bench/mark.h
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) $(WARN) -static -Wl,-e,bench_start -o $@ $<

$(B)/bench/load: bench/load.c
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) $(WARN) -static -o $@ $<

$(B)/bench/names: bench/names.c
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) $(WARN) -static -o $@ $<

$(B)/bench/tcp: bench/tcp.c bench/mark.h
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) $(WARN) -static -o $@ $<

$(B)/bench/micro: bench/micro.c bench/mark.h
	@mkdir -p $(@D)
	$(CC) $(CSTD) $(CFLAGS) $(WARN) -static -o $@ $<

# The daemon's reader of kernel images, and what it needs.
BENCH_SYMBOLS := bench/symbols.c daemon/error.c daemon/os/linux/file.c \
	$(filter-out %/inspect.c,$(wildcard daemon/kernel/*.c))
BENCH_LIBS := liblzma libzstd zlib liblz4 -lZydis

$(B)/bench/symbols: $(patsubst %.c,$(B)/obj/%.o,$(BENCH_SYMBOLS))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(call pkg_libs,$(BENCH_LIBS))

.PHONY: bench
bench: all
	@bench/run
