#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Guests on two CPUs: CPUs that come and go on either side while the guest
# works, and clocks that agree between its CPUs and with the host.

. "$(dirname "$0")/lib.sh"
in_box --smp 2 --timeout 3000
smp_initrd

HOST_CLOCK=/sys/devices/system/clocksource/clocksource0/current_clocksource
HOST_CPU=/sys/devices/system/cpu/cpu1/online
CYCLES=3
CLOCK=8
[ -z "$SOAK" ] || CYCLES=20 CLOCK=600

# What the guest does: clocks while the host's CPU comes and goes, its own CPU
# off and on under load, and whether all still works.
command='/guest times; /guest clock CLOCK;
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
	done; kill $!; /guest tlb 2 20; /guest times'
command=${command//CYCLES/$CYCLES}
command=${command//CLOCK/$CLOCK}

# clocks FILE: the guest's clocks against the host's, both by the TSC: "OK" when
# they are less than 1 ms from where they were, "wall OK" when they name the
# same second.  The bar is for 10 minutes; the raw clock, which nobody corrects,
# is compared by its rate.
clocks()
{
	python3 - "$WORK/host-times" "$1" <<'PY'
import sys
def times(path):
    with open(path, errors="replace") as f:
        lines = [l.split()[1:] for l in f if l.startswith("times: ")]
    first, last = [list(map(int, l)) for l in (lines[0], lines[-1])]
    return first, last
(h1, h2), (g1, g2) = times(sys.argv[1]), times(sys.argv[2])
for name, i in ("raw", 2), ("real", 3), ("mono", 4):
    rate = (h2[i] - h1[i]) / (h2[0] - h1[0])
    drift = (g2[i] - g1[i] - (g2[0] - g1[0]) * rate) / 1e6
    seconds = (g2[i] - g1[i]) / 1e9
    if name == "raw":
        drift *= 600 / seconds
    print(f"# {name}: {drift:.4f} ms, over {seconds:.1f} s", file=sys.stderr)
    print(name, "OK" if abs(drift) < 1 else f"{drift} ms")
for g in g1, g2:
    hz = (h2[0] - h1[0]) / (h2[3] - h1[3])
    off = (g[3] - h1[3] - (g[0] - h1[0]) / hz) / 1e6
    print(f"# wall clock off by {off:.3f} ms", file=sys.stderr)
    print("wall", "OK" if abs(off) < 1000 else f"off by {off} ms")
PY
}

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
	"$PROGRAM" times >"$WORK/host-times"
	start_initrd "$1" "$1" "$command" ${2:+cpus="$2"}
	try "$1: runs" wait_text 400 "$1" '^times: '
	host_cycles "$1"
	ended $((600 + CLOCK + CYCLES * 10)) "$PID"
	"$PROGRAM" times >>"$WORK/host-times"
	is "$STATUS" 0 "$1, $cpus vCPUs: powers off"
	OUT=$(tr -d '\r' <"$LOG/$1")
	like "$OUT" "^clock: ok: $cpus CPUs" "$1: clocks never run backwards"
	is "$(grep -c "^cycle 0-$((cpus - 1))\$" <<<"$OUT")" "$CYCLES" \
		"$1: the guest's CPUs go and come"
	like "$OUT" '^0$' "$1: until one is left"
	like "$OUT" '^tlb: ok$' "$1: no stale translations"
	no_trouble "$OUT" "$1"
	like "$(clocks "$LOG/$1" | sort | uniq -c | xargs)" '2 wall OK$' \
		"$1: the wall clock is the host's"
	like "$(clocks "$LOG/$1" | sort | uniq -c | xargs)" \
		'1 mono OK.* 1 real OK ' "$1: clocks run as the host's"
	if [ "$(cat "$HOST_CLOCK")" = tsc ]; then
		like "$(clocks "$LOG/$1" | sort | uniq -c | xargs)" \
			'1 raw OK ' "$1: the raw clock, too"
	else
		skip "$1: the raw clock, too" \
			"the host's is not the TSC: $(cat "$HOST_CLOCK")"
	fi
}

works 6.1
works 6.12 4
host_is_healthy
done_testing
