#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The driver's calls with hostile arguments; VMs that come and go, some of them
# killed while they run: the host stays healthy and has all of its memory back.

. "$(dirname "$0")/lib.sh"
in_box --no-data --timeout 400 --smp 2

host_facts
OUT=$(/colinux/build/tests/passage/ioctl "$GUESTS/spin.bin" 2>&1)
is $? 0 "calls with hostile arguments"
diag "$(grep -v '^ok' <<<"$OUT")"

try "only with the right to load modules" \
	sh -c '! setpriv --bounding-set -sys_module --inh-caps -sys_module \
		sh -c "exec 3<>/dev/colinux" 2>/dev/null'

exec 3<>/dev/colinux
try "the driver stays while it is open" sh -c '! rmmod colinux 2>/dev/null'
exec 3>&-

# 50 VMs.  The host's slabs, page tables and logs move by some pages; one page
# lost for each VM would be 200 kB.
"$RUN" "$GUESTS/hello.bin" >/dev/null
before=$(mem_free)
for i in $(seq 50); do
	"$RUN" "$GUESTS/bad.bin" >/dev/null
done
after=$(mem_free)
diag "free memory: $before kB before, $after kB after 50 VMs"
try "50 VMs leave no memory behind" test $((before - after)) -lt 200

# Killed while two guests run, at many moments.  A killed process leaves more of
# the host's own behind (its exit record, delayed frees), a VM would be 8 MB.
before=$(mem_free)
for i in $(seq 20); do
	"$RUN" "$GUESTS/spin.bin" "$GUESTS/nmi.bin" >"$WORK/spin" 2>&1 &
	wait_for 20 grep -q spinning "$WORK/spin"
	kill -9 $!
	wait $! 2>/dev/null
done
after=$(mem_free)
diag "free memory: $before kB before, $after kB after 40 kills"
try "40 killed VMs leave no memory behind" test $((before - after)) -lt 1000

# A guest that computes alone leaves its CPU for nothing else, and the limit's work is
# for the way to user space. Unseen, it is done when run's own limit interrupts.
began=$SECONDS
(ulimit -S -t 2; exec "$RUN" -t 60 "$GUESTS/spin.bin") >"$WORK/spin" 2>&1
is $? $((128 + $(kill -l XCPU))) "a limit of CPU time ends a guest that computes"
took=$((SECONDS - began))
try "in time: after $took s" test $took -lt 30

# To the frozen processes and no further, for a second.
if echo freezer 2>/dev/null >/sys/power/pm_test; then
	echo 1 >/sys/module/suspend/parameters/pm_test_delay
	"$RUN" "$GUESTS/spin.bin" >"$WORK/spin" 2>&1 &
	wait_for 20 grep -q spinning "$WORK/spin"
	try "no suspend while there is a guest" \
		sh -c '! echo freeze 2>/dev/null >/sys/power/state'
	like "$(dmesg)" "no suspend while there are guests: run\[$!\]" \
		"the log says whose it is"
	kill -9 $!
	wait $! 2>/dev/null
	try "but afterwards" sh -c 'echo freeze >/sys/power/state'
	echo none >/sys/power/pm_test
else
	skip "no suspend while there is a guest" "no pm_test on this host"
fi

one_run "guests still run" hello
host_is_healthy
done_testing
