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
# same second.  What the host's said at a TSC value lies between what it said
# before and behind (host-times).  "straight" when the TSC's rate was constant by
# the host's clock, within 1 ms in all: an emulator's TSC may gain with each
# reading by another CPU, and what follows a clock by such a TSC comes behind.  The
# bar is for 10 minutes; the raw clock, which nobody corrects, is compared by its
# rate.
clocks()
{
	python3 - "$WORK/host-times" "$1" <<'PY'
import bisect, sys
def times(path):
    with open(path, errors="replace") as f:
        lines = [l.split()[1:] for l in f if l.startswith("times: ")]
    return [list(map(int, l)) for l in lines if len(l) == 5]
host, guest = sorted(times(sys.argv[1])), times(sys.argv[2])
g1, g2 = guest[0], guest[-1]
def host_at(tsc, i):
    n = bisect.bisect([h[0] for h in host], tsc)
    a, b = host[n - 1], host[n]
    return a[i] + (b[i] - a[i]) * (tsc - a[0]) / (b[0] - a[0])
straight = [h[4] - host[0][4] - (h[0] - host[0][0]) *
            (host[-1][4] - host[0][4]) / (host[-1][0] - host[0][0])
            for h in host]
bent = (max(straight) - min(straight)) / 1e6
print(f"# the host's clock is within {bent:.3f} ms of straight by the TSC, "
      f"{len(host)} times", file=sys.stderr)
if bent < 1:
    print("straight")
for name, i in ("raw", 2), ("real", 3), ("mono", 4):
    drift = (g2[i] - g1[i] - host_at(g2[0], i) + host_at(g1[0], i)) / 1e6
    seconds = (g2[i] - g1[i]) / 1e9
    if name == "raw":
        drift *= 600 / seconds
    print(f"# {name}: {drift:.4f} ms, over {seconds:.1f} s", file=sys.stderr)
    print(name, "OK" if abs(drift) < 1 else f"{drift} ms")
for g in g1, g2:
    off = (g[3] - host_at(g[0], 3)) / 1e6
    print(f"# wall clock off by {off:.3f} ms", file=sys.stderr)
    print("wall", "OK" if abs(off) < 1000 else f"off by {off} ms")
PY
}

# What the host's clock says, until it is killed.
host_times()
{
	while "$PROGRAM" times; do
		sleep 5
	done
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
	local cpus=${2:-2} sampler said
	"$PROGRAM" times >"$WORK/host-times"
	host_times >>"$WORK/host-times" &
	sampler=$!
	start_initrd "$1" "$1" "$command" ${2:+cpus="$2"}
	try "$1: runs" wait_text 400 "$1" '^times: '
	host_cycles "$1"
	ended $((600 + CLOCK + CYCLES * 10)) "$PID"
	kill "$sampler"
	wait "$sampler" 2>/dev/null
	"$PROGRAM" times >>"$WORK/host-times"
	is "$STATUS" 0 "$1, $cpus vCPUs: powers off"
	OUT=$(tr -d '\r' <"$LOG/$1")
	like "$OUT" "^clock: ok: $cpus CPUs" "$1: clocks never run backwards"
	is "$(grep -c "^cycle 0-$((cpus - 1))\$" <<<"$OUT")" "$CYCLES" \
		"$1: the guest's CPUs go and come"
	like "$OUT" '^0$' "$1: until one is left"
	like "$OUT" '^tlb: ok$' "$1: no stale translations"
	no_trouble "$OUT" "$1"
	said=$(clocks "$LOG/$1" | sort | uniq -c | xargs)
	like "$said" '2 wall OK$' "$1: the wall clock is the host's"
	if [[ $said == *" 1 straight "* ]]; then
		like "$said" '1 mono OK.* 1 real OK ' \
			"$1: clocks run as the host's"
	else
		skip "$1: clocks run as the host's" \
			"the rate of this machine's TSC is not constant"
	fi
	if [ "$(cat "$HOST_CLOCK")" = tsc ]; then
		like "$said" '1 raw OK ' "$1: the raw clock, too"
	else
		skip "$1: the raw clock, too" \
			"the host's is not the TSC: $(cat "$HOST_CLOCK")"
	fi
}

works 6.1
works 6.12 4
host_is_healthy
done_testing
