#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Timers, signals, futexes, registers under migration, debugging, clocks, 32-bit
# calls, processes, rseq: the same program passes in guests as on their host,
# which runs it at the same time.  In make soak: every kernel with 1 and 2 vCPUs.

. "$(dirname "$0")/../lib/box.sh"
in_box --timeout $((${COLINUX_SOAK:+900} + 500)) --smp 2 --cpu max

CHECKS=/colinux/build/tests/guest/checks

# results FILE: the lines of the checks, without numbers, which depend on CPUs.
results()
{
	tr -d '\r' <"$1" | sed -nE 's/^((not )?ok) [0-9]+ - (.*)/\1 \3/p' |
		sed -E 's/[0-9]+ processes/N processes/'
}

mkdir -p tree
cp "$CHECKS" tree/
{
	cat "$INITRD"
	(cd tree && echo checks | cpio --quiet -o -H newc | gzip)
} >checks.img

"$CHECKS" >native 2>&1
is $? 0 "the host passes" || diag "$(grep -v ^ok native)"
ok $((!($(results native | wc -l) > 40))) "all of it"
diag "$(grep SKIP native)"

[ -n "${SOAK:-}" ] && sets="6.1/1 6.1/2 6.12/1 6.12/2" || sets="6.1/2 6.12/1"
for set in $sets; do
	series=${set%/*}
	# The host moves its own registers about as well.
	(while :; do
		"$CHECKS" registers >beside 2>&1 || cp beside failed
	done) &
	beside=$!
	start_initrd guest "$series" '/checks; echo checks $?' \
		"initrd=checks.img" "cpus=${set#*/}"
	ended 250 "$PID"
	kill "$beside"
	wait "$beside" 2>/dev/null
	OUT=$(tr -d '\r' <"$LOG/guest")
	echo "$OUT" >guest
	is "$STATUS" 0 "$set: it powers off"
	like "$OUT" '^checks 0' "$set: a guest passes" ||
		diag "$(grep '^not ok' guest)"
	is "$(diff <(results native) <(results guest))" "" \
		"$set: the same checks as on the host"
	no_trouble "$OUT" "$set"
done
is "$(cat failed 2>/dev/null)" "" "the host kept its registers all the time"

host_is_healthy
done_testing
