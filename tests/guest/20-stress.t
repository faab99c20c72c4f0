#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# stress-ng in a guest with two vCPUs, with verification, while the host's CPUs
# are under the same load.  In make soak for five minutes.

. "$(dirname "$0")/../lib/box.sh"
[ -n "${IN_BOX:-}${COLINUX_SOAK:-}" ] || skip_all "five minutes: make soak runs it"
in_box --timeout $((${COLINUX_SOAK:+300} + 1200)) --smp 2

[ -n "${SOAK:-}" ] && seconds=300 || seconds=15
series=6.12
stressors="--cpu 2 --vm 2 --vm-bytes 32M --fork 2 --timer 2 --futex 2 --mmap 2
	--mmap-bytes 16M --signal 2 --sigq 2"

# The host's program with its libraries.
{
	cat "$INITRD"
	{
		which stress-ng
		ldd "$(which stress-ng)" | grep -o '/[^ ]*'
	} | sed 's#^/##' | awk -F/ '{
		for (i = 1; i < NF; i++) {
			path = i > 1 ? path "/" $i : $i
			if (!seen[path]++)
				print path
		}
		print
	}' | (cd / && cpio --quiet -L -o -H newc) | gzip -1
} >stress.img

start_initrd stress "$series" "mkdir -p /tmp /dev/shm; cd /tmp;
	/usr/bin/stress-ng $stressors --verify --timeout $seconds
	--metrics-brief; echo stress \$?" cpus=2 mem=512 initrd=stress.img
# The host's load begins when the guest's does: booting is not what is tested.
try "stress-ng begins" wait_text 300 stress 'dispatching hogs'
# shellcheck disable=SC2086
stress-ng $stressors --timeout $((seconds + 60)) >host 2>&1 &
load=$!
wait_for $((seconds + 600)) grep -Eqs '^stress [0-9]|powered off|panic' \
	"$LOG/stress"
ended 120 "$PID"
kill "$load"
wait "$load" 2>/dev/null
out=$(plain "$LOG/stress")
like "$out" '^stress 0$' "stress-ng is content"
diag "$(grep -E 'metrc|info' <<<"$out" | tail -12)"
is "$STATUS" 0 "the guest powers off"
no_trouble "$out" guest

host_is_healthy
done_testing
