#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Guests on two CPUs: CPUs that come and go on either side while the guest
# works, and clocks that agree between its CPUs (15-clock.t: with the host's).

. "$(dirname "$0")/lib.sh"
in_box --kaslr --smp 2 --timeout 3000
smp_initrd

HOST_CPU=/sys/devices/system/cpu/cpu1/online
CYCLES=3
CLOCK=8
[ -z "$SOAK" ] || CYCLES=20 CLOCK=600

# What the guest does: clocks while the host's CPU comes and goes, its own CPU
# off and on under load, and whether all still works.
command='echo runs; /guest clock CLOCK;
	(while /guest lock 4 20; do :; done) >/dev/null &
	i=0; while [ $i -lt CYCLES ]; do
		for c in /sys/devices/system/cpu/cpu[1-9]*; do
			echo 0 >$c/online && cat /sys/devices/system/cpu/online;
		done;
		for c in /sys/devices/system/cpu/cpu[1-9]*; do
			echo 1 >$c/online;
		done;
		echo cycle $(cat /sys/devices/system/cpu/online);
		i=$((i+1));
	done; kill $!; /guest tlb 2 20'
command=${command//CYCLES/$CYCLES}
command=${command//CLOCK/$CLOCK}

# host_cycles: this machine's second CPU off and on.
host_cycles()
{
	local i
	for ((i = 0; i < CYCLES; i++)); do
		echo 0 >"$HOST_CPU" || return
		echo 1 >"$HOST_CPU" || return
	done
	is "$(cat /sys/devices/system/cpu/online)" 0-1 \
		"$1: the host's CPU goes and comes $i times"
}

# works SERIES [CPUS]
works()
{
	local cpus=${2:-2}
	start_initrd "$1" "$1" "$command" ${2:+cpus="$2"}
	try "$1: runs" wait_text 400 "$1" '^runs'
	host_cycles "$1"
	ended $((600 + CLOCK + CYCLES * 10)) "$PID"
	is "$STATUS" 0 "$1, $cpus vCPUs: powers off"
	OUT=$(tr -d '\r' <"$LOG/$1")
	like "$OUT" "^clock: ok: $cpus CPUs" "$1: clocks never run backwards"
	is "$(grep -c "^cycle 0-$((cpus - 1))\$" <<<"$OUT")" "$CYCLES" \
		"$1: the guest's CPUs go and come"
	like "$OUT" '^0$' "$1: until one is left"
	like "$OUT" '^tlb: ok$' "$1: no stale translations"
	no_trouble "$OUT" "$1"
}

# backtraces SERIES: a CPU that asks, one that computes and one that is idle say
# where they are, which on a PC takes an NMI.
backtraces()
{
	initrd "$1" '(while :; do :; done) & echo l >/proc/sysrq-trigger;
		kill $!; dmesg' cpus=3
	is "$STATUS" 0 "$1: powers off"
	is "$(grep -Eo 'NMI backtrace for cpu [0-9]' <<<"$OUT" | sort -u |
		grep -c .)" 3 "$1: all CPUs say where they are"
}

works 6.1
works 6.12 4
backtraces 6.1
backtraces 6.12
host_is_healthy
done_testing
