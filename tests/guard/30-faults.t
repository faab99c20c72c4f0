#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A guest kernel that runs out of its stack ends with what it says of that.

. "$(dirname "$0")/lib.sh"
in_box --timeout 500

for series in $SERIES; do
	initrd "$series" 'insmod /hurt.ko how=overflow' \
		"initrd=$(with_hurt "$series")"
	is "$STATUS" 100 "$series: a stack overflow is status 100"
	like "$OUT" 'stack guard page was hit' "$series: it is told"
	like "$OUT" 'Kernel panic' "$series: as a panic"
	initrd "$series" 'insmod /hurt.ko how=stack' \
		"initrd=$(with_hurt "$series")"
	is "$STATUS" 100 "$series: a double fault is status 100"
	like "$OUT" 'double fault' "$series: it is told"
done

host_is_healthy
done_testing
