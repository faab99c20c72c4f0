#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Two guests at once, one of each kernel, apart from each other.

. "$(dirname "$0")/../lib/box.sh"
in_box --timeout 600 --mem 3072

work='mkfifo /tmp/end; i=0; while [ $i -lt 60 ]; do echo tick $i; /bin/true; usleep 50000;
	i=$((i+1)); done; read end </tmp/end'
start_initrd one 6.1 "$work"
one=$PID
start_initrd two 6.12 "$work"
two=$PID
try "the first runs" wait_text 120 one '^tick 0'
try "the second runs" wait_text 120 two '^tick 0'
like "$(colinux ps)" '\bone\b' "ps names the first"
like "$(colinux ps)" '\btwo\b' "ps names the second"
for name in one two; do
	try "$name ticks 60 times" wait_text 120 $name '^tick 59'
	timeout 60 colinux exec $name -- sh -c 'echo >/tmp/end'
done
ended 120 "$one"
is "$STATUS" 0 "the first powers off"
ended 120 "$two"
is "$STATUS" 0 "the second powers off"
for name in one two; do
	text=$(tr -d '\r' <"$LOG/$name")
	is "$(grep -c '^tick' <<<"$text")" 60 "$name did all of its work"
	no_trouble "$text" "$name"
done
unlike "$(colinux ps)" 'one|two' "ps is empty again"

host_is_healthy
done_testing
