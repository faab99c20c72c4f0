#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Boot after boot, and the memory is back every time.

. "$(dirname "$0")/../lib/box.sh"
in_box --timeout 4000

boots=30
[ -z "$SOAK" ] || boots=100

# One of each first: what the host allocates once (slabs, page cache).
for series in $SERIES; do
	initrd "$series" true
done
before=$(mem_free)
good=0
trouble=
for ((i = 0; i < boots; i++)); do
	series=6.1
	[ $((i % 2)) = 0 ] || series=6.12
	initrd "$series" true
	if [ "$STATUS" = 0 ] && grep -q '^colinux-initrd: status 0' <<<"$OUT"
	then
		good=$((good + 1))
	else
		diag "boot $i ($series): status $STATUS"
		diag "$(tail -n 20 <<<"$OUT")"
	fi
	trouble+=$(grep -E "$TROUBLE" <<<"$OUT")
done
is "$good" "$boots" "$boots boots in a row"
is "$trouble" "" "none has warnings"

# A guest has 256 MB; slabs that grow are the noise.
after=$(mem_free)
diag "free memory: $before kB before, $after kB after $boots guests"
try "the memory is back" test $((before - after)) -lt 512

host_is_healthy
done_testing
