#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# haltpoll=: two vCPUs that answer each other do not give their CPUs to the host in
# between; an idle guest does.

. "$(dirname "$0")/lib.sh"
in_box --smp 2 --timeout 600
cat >ping <<'END'
sum()
{
	awk -v n="$1" '$1 == n { s += $2 }
		END { printf "%s %.0f\n", n, s }' /proc/colinux
}
sum halts
for i in 0 1 2 3 4 5 6 7 8 9; do
	/guest ping $1
	sum halts
done
# Not a wait: what this time costs is measured.
sum guest_ns
sleep $2
sum guest_ns
END
smp_initrd ping

ROUNDS=100
SECONDS_IDLE=5

# ping SERIES [OPTION...]: HALTS of both vCPUs for a hundred rounds, the fewest of ten
# times: another box takes the CPUs away for longer than any vCPU looks.  BUSY, their
# part of the CPUs, per mille, while the guest sleeps.
ping()
{
	local series=$1
	shift
	smp "$series" 2 "sh /ping $ROUNDS $SECONDS_IDLE" "$@"
	is "$STATUS" 0 "$*: powers off"
	no_trouble "$OUT" "$series"
	HALTS=$(awk '$1 == "halts" && before { print $2 - before }
		$1 == "halts" { before = $2 }' <<<"$OUT" | sort -n | head -n 1)
	BUSY=$(awk -v s="$SECONDS_IDLE" '$1 == "guest_ns" { a = b; b = $2 }
		END { printf "%.0f", (b - a) / s / 2 / 1e6 }' <<<"$OUT")
	diag "$series $*: $(value ping:) ns a round, $HALTS halts in a hundred," \
		"idle $BUSY per mille of the CPUs"
}

ping 6.1
try "without: both halt in each round" between 100 "$HALTS" 1000
FEW=$((${HALTS:-0} / 3))
for series in 6.1 6.12; do
	ping "$series" haltpoll=10000
	try "$series: few halts" between 0 "$HALTS" "$FEW"
	try "$series: idle, per mille" between 0 "$BUSY" 200
done
host_is_healthy
done_testing
