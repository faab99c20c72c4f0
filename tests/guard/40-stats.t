#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# colinux stats and /proc/colinux show the same counters, and they count.

. "$(dirname "$0")/../lib/box.sh"
in_box --timeout 400 --smp 2

# counter NAME FIELD FILE: a number of a table or of /proc/colinux.
counter()
{
	awk -v name="$1" -v field="$2" '$1 == name { print $field; exit }' "$3"
}

start_initrd stats 6.12 'cat /proc/colinux; ls -l /proc/colinux; echo up;
	while :; do usleep 10000; done' cpus=2
wait_text 250 stats '^up' || bail "no guest"
tr -d '\r' <"$LOG/stats" | sed -n '/^abi /,/^up/p' >inside
colinux stats stats >first
try "the guest goes on" wait_for 20 sh -c \
	"colinux stats stats | awk '\$1 == \"halts\" { exit \$2 <= $(
	counter halts 2 first) + 100 }'"
colinux stats stats >second
diag "$(<second)"

is "$(counter abi 2 inside)" \
	"$(awk '$2 == "COLINUX_ABI_VERSION" { print $3 }' \
		/colinux/include/colinux/passage.h)" "/proc/colinux: the ABI"
is "$(counter vcpus 2 inside)" 2 "/proc/colinux: vCPUs"
is "$(grep -c '^cpu [01]$' inside)" 2 "/proc/colinux: a part for each vCPU"
like "$(<inside)" '^-r--r--r-- .*/proc/colinux' "/proc/colinux is read-only"
for name in irq hypercalls light full kicks halts timers guest_ns hc.halt \
	hc.timer; do
	a=$(counter "$name" 2 inside) b=$(counter "$name" 2 first)
	c=$(counter "$name" 2 second)
	ok $((!(a > 0 && a <= b && b <= c))) "$name: $a, $b, $c" ||
		diag "$(<inside)"
done
# Counters are read one after the other, while the guest goes on.
all_named()
{
	colinux stats stats >named
	[ "$(awk '$1 ~ /^hc\./ { n += $2 } $1 == "hypercalls" { m = $2 }
		END { print n - m }' named)" = 0 ]
}
try "every hypercall has a name" wait_for 20 all_named || diag "$(<named)"
is "$(awk '$1 ~ /^doorbell[0-9]/ { n += $2 } $1 == "doorbells" { m = $2 }
	END { print n - m }' second)" 0 "every doorbell has a device"
like "$(<second)" '^device0 ' "devices are named"
try "--json is JSON with the same numbers" python3 - <<'END'
import json, subprocess
text = subprocess.run(["colinux", "stats", "stats", "--json"],
                      capture_output=True, text=True, check=True).stdout
answer = json.loads(text)
assert answer["name"] == "stats" and len(answer["cpus"]) == 2, text
assert answer["cpus"][0]["halts"] > 100 and answer["devices"], text
END
colinux stats stats --interval 1 >interval &
watcher=$!
try "--interval repeats" wait_for 30 sh -c '[ $(grep -c ^halts interval) = 3 ]'
colinux kill stats >/dev/null
ended 20 "$watcher"
is "$STATUS" 0 "and ends with the guest"
is "$(awk -v first="$(counter halts 2 second)" '$1 == "halts" { n++
	if (n == 2) print ($2 < first ? "less" : $2) }' interval)" less \
	"the second shows what was added"
ended 20 "$PID"

colinux stats nobody >out 2>&1
like "$(<out)" '^colinux: .*nobody' "no such guest: it is told"
colinux stats --interval 0 x >out 2>&1
is $? 2 "usage errors are status 2"
no_trouble "$(<"$LOG/stats")" guest
host_is_healthy
done_testing
