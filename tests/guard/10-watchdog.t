#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Guests that keep interrupts off: they are ended, with all their vCPUs, and the
# host goes on.  Guests that only look like it are not.  This host has another
# CPU that notices; 20-nmi.t is about one that has not.

. "$(dirname "$0")/lib.sh"
in_box --timeout 600 --smp 2 --cpu max

OUT=$(timeout 120 /colinux/build/tests/passage/run -t 100 -w 2 \
	/colinux/build/tests/passage/guests/stuck.bin 2>&1)
like "$OUT" '^ok 5 - but this is not' "a bare guest that behaves goes on"
like "$OUT" '^# stuck.bin: ended: vCPU 0 has kept interrupts off for [2-9] s' \
	"the same guest is ended when it does not"
is "$(grep -c '^# stuck.bin: ended: vCPU 0' <<<"$OUT")" 2 "with both vCPUs"

for series in $SERIES; do
	[ "$series" = 6.1 ] && cpus=2 || cpus=1
	start_initrd stuck "$series" 'insmod /hurt.ko how=wait seconds=5;
		echo waited $?; rmmod hurt;
		insmod /hurt.ko how=spin; echo not reached' watchdog=2 \
		cpus=$cpus "initrd=$(with_hurt "$series")"
	ended 250 "$PID"
	OUT=$(tr -d '\r' <"$LOG/stuck")
	is "$STATUS" 101 "$series: a stuck guest is status 101"
	like "$OUT" '^waited 0' "$series: interrupts off, but it yields"
	unlike "$OUT" '^not reached' "$series: and then no more"
	like "$OUT" 'vCPU [01] has kept interrupts off for [2-9] s at RIP ffffffff' \
		"$series: the reason is told"
	no_trouble "$OUT" "$series"
done
like "$(dmesg)" 'has kept interrupts off' "and is in the host's log"

host_is_healthy
done_testing
