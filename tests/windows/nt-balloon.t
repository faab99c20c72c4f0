#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The balloon of a guest on colinux.sys in ring 0: the host has the frames that
# the guest gives up, to the last one, and the guest works on and has them back;
# as on a new NT and as on NT 5.2.  The host is Linux, whose kernel may keep
# what it has put into a frame: then the command says so, and the rest is right.

. "$(dirname "$0")/lib.sh"
in_box --timeout 560 --smp 2 --mem 1536
. "$(dirname "$0")/../memory/lib.sh"

series=6.1
image=$(with_pattern)
work='echo up; while /pattern 40 2; do :; done; echo broken'

# frames: what the driver has.
frames()
{
	nt_held | sed 's/.* \([0-9]*\) page frames.*/\1/'
}

# as_many: it has given back what the guest says is returned, but for a page.
as_many()
{
	returned=$(field "$name" returned)
	[ "$(frames)" -eq $((full - returned * 256 + 1)) ]
}

# goes_on: the guest's work, and its memory is right.
goes_on()
{
	local runs
	runs=$(grep -c '^pattern:' "$LOG/$name")
	wait_for 120 more_than "$runs" &&
		! grep -qE '[1-9][0-9]* wrong|^broken' "$LOG/$name"
}

more_than()
{
	[ "$(grep -c '^pattern:' "$LOG/$name")" -gt "$1" ]
}

for old in 0 1; do
	nt="NT $([ "$old" = 1 ] && echo 5.2 || echo 10.0)"
	nt_host "old_nt=$old"
	empty=$(nt_held)
	name=balloon$old
	start_initrd "$name" "$series" "$work" mem=384 "initrd=$image"
	wait_text 100 "$name" '^up'
	wait_for 60 colinux memory "$name" 384 >/dev/null 2>&1
	full=$(frames)
	try "$nt: gives up 192 MB" colinux memory "$name" 192 --timeout 200 \
		2>/dev/null
	is "$(field "$name" guest)" 192 "$nt: the guest has 192 MB"
	# What is a whole block of 2 MiB, and came by itself.
	try "$nt: the host has frames as the guest says" wait_for 60 as_many
	try "$nt: they are some ($returned MB)" [ "$returned" -gt 0 ]
	try "$nt: the guest works on" goes_on
	echo 3 >/proc/sys/vm/drop_caches
	if out=$(colinux memory "$name" 384 --timeout 200 2>&1); then
		is "$(field "$name" returned) $(frames)" "0 $((full + 1))" \
			"$nt: it has all of them back"
	else
		like "$out" "$name has [0-9]+ MB, not 384: (the host uses|not all)" \
			"$nt: not all of them at once, and it says so"
		diag "$(tail -n 3 <<<"$out" | xargs)"
		try "$nt: what it has is the guest's" wait_for 60 as_many
	fi
	try "$nt: the guest works with them" goes_on
	# The end with a balloon that is full.
	colinux memory "$name" 240 >/dev/null 2>&1
	kill -9 "$PID"
	ended 60 "$PID"
	is "$(nt_held)" "$empty" "$nt: kill -9 leaves nothing"
	no_trouble "$(<"$LOG/$name")" "$nt: the guest's messages"
	nt_unload "$nt"
done
nt_healthy
done_testing
