#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# What a guest costs its host when it does nothing: memory beyond its RAM, and
# CPU time.  Instructions are counted, so that the machine's load is not.

. "$(dirname "$0")/../lib/box.sh"
in_box --icount --smp 1 --timeout 900
. "$(dirname "$0")/lib.sh"

# Bars of the whole, per guest: kB, and ns in a second.
MEMORY=5120
IDLE=10000000
SECONDS_QUIET=30

# cpu_time PID...: ns that all their threads have run, of the guest's kernel too.
cpu_time()
{
	local pid
	for pid; do
		cat "/proc/$pid"/task/*/schedstat
	done | awk '{ sum += $1 } END { printf "%.0f", sum }'
}

# cost NAME OPTION...: start a guest; its host memory beyond RAM in $COST, kB.
cost()
{
	local name=$1 before
	shift
	before=$(mem_free)
	start_initrd "$name" 6.1 "$FOREVER" "$@"
	wait_text 200 "$name" '^up' || return
	COST=$((before - $(mem_free) - 256 * 1024))
}

cost first
diag "first guest: $COST kB"
try "a guest takes at most 5 MiB beyond its RAM" test "$COST" -le "$MEMORY"
first=$PID
cost second eth0=slirp
diag "second guest, with slirp: $COST kB"
try "so does one with a network" test "$COST" -le "$MEMORY"
second=$PID
anon=$(awk '/^Pss_Anon/ { print $2 }' "/proc/$second/smaps_rollup")
diag "its process: $anon kB of its own"

before=$(cpu_time "$second")
sleep "$SECONDS_QUIET"
spent=$((($(cpu_time "$second") - before) / SECONDS_QUIET))
diag "CPU time of an idle guest: $spent ns a second"
diag "$(colinux info second | grep ^cpu0)"
try "an idle guest takes at most 1 % of a CPU" \
	test "$before" -gt 0 -a "$spent" -le "$IDLE"

# Statistics come from the guest; the balloon is empty.
is "$(field second guest)" 256 "colinux memory: the guest has all of it"
total=$(field second guest-total)
try "the guest says how much it can use: $total MB" \
	test "${total:-0}" -gt 150 -a "${total:-0}" -lt 256
like "$(colinux info second)" '^guest-available [0-9]+$' \
	"colinux info says so, too"

# The kernel was given up; a restart reads it again.
kill -TERM "$first"
ended 100 "$first"
kill -TERM "$second"
ended 100 "$second"
is "$STATUS" 0 "powered off"
host_is_healthy
done_testing
