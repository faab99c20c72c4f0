# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Guests with several vCPUs: BusyBox and tests/smp/guest.c as /guest.

. "$(dirname "${BASH_SOURCE[0]}")/../lib/box.sh"

ONE_VCPU=
PROGRAM=/colinux/build/tests/smp/guest

# smp_initrd [FILE]: the archive with both, and with FILE, once.
smp_initrd()
{
	mkdir -p "$WORK/root"
	cp "$PROGRAM" "$WORK/root/guest"
	[ -z "${1:-}" ] || cp "$1" "$WORK/root"
	(cd "$WORK/root" && find . | cpio --quiet -o -H newc) |
		cat "$INITRD" - >"$WORK/smp.cpio"
	INITRD=$WORK/smp.cpio
}

# smp SERIES CPUS COMMAND [OPTION...]: as initrd(), with that many vCPUs.
smp()
{
	local series=$1 cpus=$2 command=$3
	shift 3
	initrd "$series" "$command" "cpus=$cpus" "$@"
}

# value NAME: what the guest printed behind "NAME ".
value()
{
	sed -n "s/^$1 //p" <<<"$OUT" | head -n 1
}

# between LOW VALUE HIGH: integers.
between()
{
	[ -n "$2" ] && [ "$1" -le "$2" ] && [ "$2" -le "$3" ]
}
