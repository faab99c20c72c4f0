#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make soak: guests of more than 4 GB, above and below 4 GB, all of it used.

. "$(dirname "$0")/../lib/box.sh"
[ "${COLINUX_SOAK:-}${SOAK:-}" ] || skip_all "only in make soak"
in_box --mem 10240 --timeout 2400
. "$(dirname "$0")/lib.sh"

image=$(with_pattern)
for series in $SERIES; do
	mapfile -t basics < <(words "$series")
	guest 900 "${basics[@]}" "initrd=$image" mem=7G \
		'colinux.test=/pattern 6300 2; cat /proc/iomem'
	is "$STATUS" 0 "$series: 7 GB"
	like "$OUT" '^pattern: 6300 MB, 0 wrong' "$series: all is its own"
	like "$OUT" 'Linux.* [67][0-9]{6} kB' "$series: the kernel has it"
	like "$OUT" 'BIOS-e820: .mem 0x0000000[1-9a-f][0-9a-f]{8}' \
		"$series: memory above 4 GB"
	no_trouble "$OUT" "$series"
done

start_initrd large 6.12 'echo up; while :; do sleep 100000; done' mem=7G
wait_text 200 large '^up'
wait_for 60 colinux memory large 7168 >/dev/null 2>&1
full=$(mem_free)
try "gives up 4 GB" colinux memory large 3072 --timeout 600
diag "$full kB free, then $(mem_free)"
try "the host has it" test "$(($(mem_free) - full))" -gt $((4090 * 1024 - 20000))
try "has it back" colinux memory large 7168 --timeout 600
is "$(field large guest)" 7168 "7 GB again"
colinux kill large >/dev/null
ended 20 "$PID"
no_trouble "$(<"$LOG/large")" "balloon of 4 GB"

host_is_healthy
done_testing
