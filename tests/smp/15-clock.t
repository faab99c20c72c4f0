#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A guest's clocks run as its host's while it sleeps and works, on one CPU whose
# time is counted in instructions: on two the emulator's TSC may gain with each
# reading by the other CPU, and no clock of either side is right then.

. "$(dirname "$0")/lib.sh"
in_box --smp 1 --icount --timeout 2400
smp_initrd

HOST_CLOCK=/sys/devices/system/clocksource/clocksource0/current_clocksource
TURNS=3		# of 20 s
[ -z "$SOAK" ] || TURNS=30

# clocks FILE: the guest's clocks against the host's at the same TSC values: "OK"
# when they are less than 1 ms from where they were, "wall OK" when they name the
# same second.  What the host's said at a TSC value lies between what it said
# before and behind (host-times).  The bar is for 10 minutes; the raw clock, which
# nobody corrects, is compared by its rate.
clocks()
{
	python3 - "$WORK/host-times" "$1" <<'PY'
import bisect, sys
def times(path):
    with open(path, errors="replace") as f:
        lines = [l.split()[1:] for l in f if l.startswith("times: ")]
    return [list(map(int, l)) for l in lines if len(l) == 5]
host, guest = times(sys.argv[1]), times(sys.argv[2])
def host_at(tsc, i):
    n = bisect.bisect([h[0] for h in host], tsc)
    a, b = host[n - 1], host[n]
    return a[i] + (b[i] - a[i]) * (tsc - a[0]) / (b[0] - a[0])
g1 = guest[0]
seconds = (guest[-1][2] - g1[2]) / 1e9
print(f"# {len(guest)} times in {seconds:.1f} s", file=sys.stderr)
for name, i in ("raw", 2), ("real", 3), ("mono", 4):
    drifts = [(g[i] - g1[i] - host_at(g[0], i) + host_at(g1[0], i)) / 1e6
              for g in guest]
    print(f"# {name}: {drifts[-1]:.4f} ms at the end, "
          f"{min(drifts):.4f} to {max(drifts):.4f}", file=sys.stderr)
    if name == "raw":
        worst = drifts[-1] * 600 / seconds
    else:
        worst = max(drifts, key=abs)
    print(name, "OK" if abs(worst) < 1 else f"{worst} ms")
off = max((g[3] - host_at(g[0], 3) for g in guest), key=abs) / 1e6
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

# follows SERIES CPUS
follows()
{
	local sampler said
	"$PROGRAM" times >host-times
	host_times >>host-times &
	sampler=$!
	start_initrd "$1" "$1" "/guest times; i=0;
		while [ \$i -lt $TURNS ]; do sleep 19; /guest burn $2 1;
			/guest times; i=\$((i+1)); done" "cpus=$2"
	ended $((TURNS * 30 + 120)) "$PID"
	kill "$sampler"
	wait "$sampler" 2>/dev/null
	"$PROGRAM" times >>host-times
	is "$STATUS" 0 "$1, $2 vCPUs: powers off"
	no_trouble "$(tr -d '\r' <"$LOG/$1")" "$1"
	said=$(clocks "$LOG/$1")
	like "$said" '^wall OK' "$1: the wall clock is the host's"
	like "$said" '^mono OK' "$1: CLOCK_MONOTONIC runs as the host's"
	like "$said" '^real OK' "$1: CLOCK_REALTIME, too"
	if [ "$(cat "$HOST_CLOCK")" = tsc ]; then
		like "$said" '^raw OK' "$1: CLOCK_MONOTONIC_RAW, too"
	else
		skip "$1: CLOCK_MONOTONIC_RAW, too" \
			"the host's is not the TSC: $(cat "$HOST_CLOCK")"
	fi
}

follows 6.1 1
follows 6.12 2
host_is_healthy
done_testing
