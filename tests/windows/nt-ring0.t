#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# colinux.sys itself, the PE file, in ring 0 of a Linux host that gives it the
# NT functions: passage, interrupts through NT's dispatch interrupt, kicks,
# timers, events, mappings, clean-up; as on a new NT and as on NT 5.2.

. "$(dirname "$0")/lib.sh"
in_box --kaslr --no-data --timeout 560 --smp 2 --cpu max

# calls WHERE: the requests one by one.
calls()
{
	OUT=$("$NT/calls" 2>&1)
	ok $? "$1: the driver's calls" || diag "$OUT"
}

# killed WHERE: kill -9 with a guest in its loop.
killed()
{
	"$RUN" -t 100 "$GUESTS/alternate.bin" "$GUESTS/alternate.bin" \
		"$GUESTS/irq.bin" >/dev/null 2>&1 &
	wait_for 20 grep -q Dirty "/proc/$!/smaps"
	kill -9 $!
	wait $! 2>/dev/null
	is $? 137 "$1: killed in the middle"
}

nt_host
all_guests
calls "a new NT"
killed "a new NT"
for _ in $(seq 20); do
	"$RUN" "$GUESTS/hello.bin" >/dev/null || ok 1 "one of 20 runs"
done
nt_unload "a new NT, 20 guests"

nt_host old_nt=1
all_guests
calls "NT 5.2"
killed "NT 5.2"
nt_unload "NT 5.2"

nt_healthy
done_testing
