#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The Linux host driver under sparse, on both of its kernels: address spaces,
# locks, constants.  A build of its own, so nothing else is compiled again.

. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
command -v sparse >/dev/null || bail "sparse is not installed: run scripts/deps"

for series in $(scripts/kernel list); do
	module=build/sparse/host-linux/$series/colinux.ko
	rm -rf "$(dirname "$module")"
	# CHECK_CFLAGS of the kernel comes first; bitwise needs no flag here.
	out=$(MAKEFLAGS='' make B=build/sparse C=2 "$module" 2>&1)
	ok $? "$series: the driver builds" || diag "$(tail -n 20 <<<"$out")"
	like "$out" 'CHECK +.*h_main\.c' "$series: sparse has looked at it"
	# Ours only: kernel headers have warnings of their own.
	broken=$(grep -E '^[^ ]*/((host/linux|monitor)/[^ ]*|[mh]_[a-z]+\.c):[0-9]' \
		<<<"$out" | grep -E 'warning|error')
	is "$broken" "" "$series: no complaints"
done
done_testing
