#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Stock kernels boot a BusyBox initrd, run, and power off.

. "$(dirname "$0")/../lib/box.sh"
in_box --kaslr --timeout 600

for series in $SERIES; do
	initrd "$series" 'cat /proc/uptime; sleep 1; cat /proc/uptime;
		i=0; while [ $i -lt 100 ]; do /bin/true; i=$((i+1)); done;
		echo forks $i; (exit 5)'
	is "$STATUS" 0 "$series: powers off"
	like "$OUT" "^colinux-initrd: Linux ${series//./\\.}\\." \
		"$series: is the kernel that was asked for"
	like "$OUT" '^colinux-initrd: status 5' "$series: runs a command"
	like "$OUT" '^forks 100' "$series: fork load"
	no_trouble "$OUT" "$series"
	is "$(grep -E '^[0-9]+\.[0-9]+ [0-9]+\.[0-9]+$' <<<"$OUT" |
		awk 'NR == 1 { a = $1 }
		NR == 2 { print ($1 - a > 0.95 && $1 - a < 10) ? "yes" : $0 }')" \
		yes "$series: a second takes a second"
done

initrd 6.1 "$SAY_CR4" cpus=2
follows_mce "$OUT" "another vCPU"

host_is_healthy
done_testing
