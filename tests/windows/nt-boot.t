#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Whole guests on colinux.sys in ring 0: the unmodified colinux command boots
# stock kernels to a shell and Debian to a login, on block and console devices,
# with the interrupts and clocks of the NT driver.

. "$(dirname "$0")/lib.sh"
in_box --timeout 900 --smp 2 --mem 2048

nt_host
for series in $SERIES; do
	before=$(cut -d. -f1 /proc/uptime)
	initrd "$series" 'cat /proc/uptime; sleep 1; cat /proc/uptime;
		i=0; while [ $i -lt 100 ]; do /bin/true; i=$((i+1)); done;
		echo forks $i; (exit 5)'
	is "$STATUS" 0 "$series: powers off" || diag "$OUT"
	like "$OUT" "^colinux-initrd: Linux ${series//./\\.}\\." \
		"$series: is the kernel that was asked for"
	like "$OUT" '^colinux-initrd: status 5' "$series: runs a command"
	like "$OUT" '^forks 100' "$series: fork load"
	no_trouble "$OUT" "$series"
	diag "$series: $(($(cut -d. -f1 /proc/uptime) - before)) s"
done

nt_unload "two kernels"
nt_healthy
done_testing
