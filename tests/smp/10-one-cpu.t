#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# More vCPUs than CPUs: one CPU, whose time is counted in instructions, so that
# times are the guests' and not those of the machine that runs the test.

. "$(dirname "$0")/lib.sh"
in_box --smp 1 --icount --timeout 900
smp_initrd

# boots SERIES CPUS
boots()
{
	smp "$1" "$2" "grep -c ^processor /proc/cpuinfo;
		echo uptime \$(cut -d. -f1 /proc/uptime);
		/guest lock $2 20; /guest tlb $2 10"
	is "$STATUS" 0 "$1, $2 vCPUs: powers off"
	like "$OUT" "^$2\$" "$1, $2 vCPUs: all are there"
	try "$1, $2 vCPUs: up within 3 s" between 0 "$(value uptime)" 2
	like "$OUT" '^lock: [0-9]+$' "$1, $2 vCPUs: contended locks"
	like "$OUT" '^tlb: ok$' "$1, $2 vCPUs: no stale translations"
	no_trouble "$OUT" "$1, $2 vCPUs"
}

# Two vCPUs share a CPU: half of the time of each is stolen.
steals()
{
	smp "$1" 2 'head -n 1 /proc/stat; /guest burn 2 1; head -n 1 /proc/stat'
	is "$(awk '$1 == "cpu" { for (i = 2; i <= 9; i++) n[i] = $i - n[i] }
		END { all = n[2] + n[3] + n[4] + n[5] + n[9]
		st = all ? 100 * n[9] / all : 0
		print (st > 25 && st < 75 ? "half" : st "%") }' <<<"$OUT")" \
		half "$1: steal time"
}

# The process is stopped for longer than the guest's watchdogs wait, while one
# vCPU works and the other sleeps.
is_stopped()
{
	local before after
	start_initrd stopped "$1" 'while :; do /guest times; sleep 1;
		done & /guest burn 1 34' cpus=2
	wait_text 60 stopped '^times: ' || :
	before=$(grep -c '^times: ' "$LOG/stopped")
	kill -STOP "$PID"
	sleep 30	# the passing of time is what is tried here
	kill -CONT "$PID"
	wait_for 60 more_times "$before"
	ended 120 "$PID"
	is "$STATUS" 0 "$1: goes on after a stop of 30 s"
	no_trouble "$(cat "$LOG/stopped")" "$1: stopped"
	after=$(tr -d '\r' <"$LOG/stopped" | awk '/^times: / {
		if (last && $6 - last > most) most = $6 - last; last = $6 }
		END { printf "%d", most / 1e9 }')
	try "$1: the guest's clock has seen it" between 29 "$after" 35
}

# The same when both sleep, so that no time is stolen from either, with grace
# periods under way and an alarm after 3 s.
sleeps_when_stopped()
{
	local i
	start_initrd idle "$1" 'i=0; while [ $i -lt 250 ]; do ls >/dev/null;
		sleep 0.02; i=$((i+1)); done' cpus=2 \
		rcupdate.rcu_cpu_stall_timeout=3
	wait_text 60 idle '^colinux-initrd: Linux' || :
	for i in 0.21 0.43 0.62; do
		sleep "$i"	# the passing of time again
		kill -STOP "$PID"
		sleep 5
		kill -CONT "$PID"
	done
	ended 120 "$PID"
	is "$STATUS" 0 "$1: goes on after stops while it was idle"
	no_trouble "$(grep -v stall_timeout "$LOG/idle")" "$1: idle"
}

more_times()
{
	[ "$(grep -c '^times: ' "$LOG/stopped")" -gt $(($1 + 2)) ]
}

# Timers while both vCPUs work: never early, late by less than a tick of the
# host (4 ms) as a rule.
sleeps()
{
	smp "$1" 2 '/guest burn 2 1 & /guest sleep 50 5000000'
	like "$OUT" '^sleep: ok' "$1: sleeps are not too short"
	try "$1: nor longer than by a tick of the host" between 0 \
		"$(sed -n 's/^sleep: .*median \([0-9]*\),.*/\1/p' <<<"$OUT")" \
		4000000
	diag "$(grep '^sleep:' <<<"$OUT")"
}

if [ "$SOAK" ]; then
	for series in $SERIES; do
		for cpus in 1 2 4 8; do
			boots "$series" "$cpus"
		done
		steals "$series"
		is_stopped "$series"
		sleeps_when_stopped "$series"
		sleeps "$series"
	done
else
	boots 6.1 8
	boots 6.12 4
	steals 6.12
	is_stopped 6.1
	sleeps_when_stopped 6.1
	sleeps 6.12
fi
host_is_healthy
done_testing
