#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Hostile drivers by libFuzzer against the devices of the VM process: 20,000
# inputs, 1,000,000 with COLINUX_SOAK=1.  What it learned is kept in the cache.

. "$(dirname "$0")/../lib/tap.sh"
TOP=$(cd "$(dirname "$0")/../.." && pwd -P)
CORPUS=${COLINUX_CACHE:-$HOME/.cache/colinux}/fuzz/virtio
INPUTS=20000
[ -z "${COLINUX_SOAK:-}" ] || INPUTS=1000000
WORK=$TOP/build/fuzz

command -v clang >/dev/null ||
	bail "no clang: run scripts/deps as root"
MAKEFLAGS='' make -s -C "$TOP" fuzz || bail "the fuzzer does not build"
mkdir -p "$CORPUS"
STATUS=0
"$WORK/virtio" -runs="$INPUTS" -max_len=1024 -timeout=20 -rss_limit_mb=4096 \
	-print_final_stats=1 -artifact_prefix="$WORK/found-" "$CORPUS" \
	>"$WORK/log" 2>&1 || STATUS=$?
is "$STATUS" 0 "$INPUTS inputs, no crash, nothing undefined, no hang" ||
	diag "$(tail -n 60 "$WORK/log")"
DONE=$(sed -n 's/^stat::number_of_executed_units: *//p' "$WORK/log")
diag "$(grep -E '^stat::' "$WORK/log" | tr '\n' ' ')"
try "as many were done" test "${DONE:-0}" -ge "$INPUTS"
done_testing
