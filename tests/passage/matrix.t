#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# make soak: bare-metal guests on every kind of host; guests-*.t are the short
# form.  One check a host; the failing lines of a host are shown.

. "$(dirname "$0")/lib.sh"

if [ "${IN_BOX:-}" ]; then
	setup_inside
	host_facts
	all_guests
	host_is_healthy
	done_testing
fi
[ "${COLINUX_SOAK:-}" ] || skip_all "only in make soak"

top=$(cd "$(dirname "$0")/../.." && pwd -P)
for kernel in $SERIES; do
	for cpu in max max,-la57 qemu64; do
		for pti in on off; do
			for smp in 1 2; do
				out=$("$top/box/run" --no-data --timeout 400 \
					--env IN_BOX=1 --host-kernel "$kernel" \
					--cpu "$cpu" --append "pti=$pti" \
					--smp "$smp" --log \
					"$top/build/box/matrix.log" -- \
					/colinux/tests/passage/matrix.t 2>&1)
				status=$?
				ok "$status" "$kernel, $cpu, pti=$pti, $smp CPUs" ||
					diag "$(grep -v '^ok' <<<"$out")"
			done
		done
	done
done
done_testing
