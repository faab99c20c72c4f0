#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The balloon: the host has what the guest gives up, and the guest has it back,
# while both work; a reboot with a full balloon; hosts that give nothing back.

. "$(dirname "$0")/../lib/box.sh"
[ -n "${IN_BOX:-}${COLINUX_SOAK:-}" ] ||
	skip_all "seven minutes: make soak runs it"
in_box --timeout 900
. "$(dirname "$0")/lib.sh"

image=$(with_pattern)
work='echo up; while /pattern 40 2; do :; done; echo broken'

# got BEFORE AFTER MB: free memory has grown by that, as far as it can be told.
got()
{
	diag "$4: $1 kB free, then $2"
	[ $(($2 - $1)) -ge $((($3 - 12) * 1024)) ] &&
		[ $(($2 - $1)) -le $((($3 + 12) * 1024)) ]
}

# The driver's own part, without a guest.
/colinux/build/tests/memory/release >"$LOG/release" 2>&1
is "$?" 0 "RELEASE and RECLAIM keep their promises" ||
	diag "$(grep -v '^ok' "$LOG/release")"
diag "$(grep busy "$LOG/release")"

# has_it: the guest has all of its memory; the host gives up its caches for it.
has_it()
{
	sync
	echo 3 >/proc/sys/vm/drop_caches
	colinux memory "$name" 384 >/dev/null 2>&1
}

# free_now: the host has $small kB, for the guest says that $returned MB are its.
free_now()
{
	small=$(mem_free)
	returned=$(field "$name" returned)
	got "$full" "$small" "$returned" down
}

for series in $SERIES; do
	name=b$series
	start_initrd "$name" "$series" "$work" mem=384 "initrd=$image"
	wait_text 100 "$name" '^up'
	wait_for 60 colinux memory "$name" 384 >/dev/null 2>&1
	full=$(mem_free)
	try "$series: gives up 192 MB" colinux memory "$name" 192 2>/dev/null
	is "$(field "$name" guest)" 192 "$series: the guest has 192 MB"
	# What is a whole block of 2 MiB; the rest stays with the guest, whose
	# compaction moves pages in and out meanwhile.
	try "$series: that much is free on the host" wait_for 60 free_now
	try "$series: the host has some of it ($returned MB)" \
		[ "$returned" -ge 32 ]
	# Nobody has used it.
	try "$series: has it back" wait_for 120 has_it
	try "$series: the host does not" got "$(mem_free)" "$small" "$returned" up
	is "$(field "$name" returned)" 0 "$series: nothing is returned"
	# What the host does with it: user memory and page cache, which move.
	# Best effort: what its kernel put into a block for itself (the slabs of
	# its caches) does not, and whatever left the guest before that block
	# waits behind it.  Then the command says so, and the guest lives on.
	colinux memory "$name" 192 >/dev/null 2>&1
	: >"$LOG/host"
	/colinux/build/tests/memory/pattern 300 1 hold >"$LOG/host" &
	host=$!
	wait_text 60 host 'pattern: 300 MB, 0 wrong'
	dd if=/dev/zero of=/var/tmp/fill bs=1M count=200 2>/dev/null
	kill "$host"
	if out=$(colinux memory "$name" 384 2>&1); then
		is "$(field "$name" returned)" 0 \
			"$series: has it back from a host that used it"
	else
		like "$out" "$name has [0-9]+ MB, not 384: (the host uses|not all)" \
			"$series: not all of it at once, and it says so"
		wait_for 60 has_it ||
			diag "$series: $(colinux memory "$name" |
				grep -E '^(guest|returned) ' | xargs), of 384"
	fi
	rm -f /var/tmp/fill
	guest_log=$LOG/$name
	runs=$(grep -c '^pattern:' "$guest_log")
	more_runs()
	{
		[ "$(grep -c '^pattern:' "$guest_log")" -gt "$((runs + 1))" ]
	}
	try "$series: the guest works on" wait_for 60 more_runs
	unlike "$(<"$LOG/$name")" '[1-9][0-9]* wrong|^broken' \
		"$series: its memory is right"
	out=$(colinux memory "$name" 20 2>&1)
	like "$out" 'can have [0-9]+ to 384 MB' "$series: not too little"
	out=$(colinux memory "$name" 385 2>&1)
	like "$out" 'can have [0-9]+ to 384 MB' "$series: not too much"
	colinux memory "$name" 200 >/dev/null 2>&1
	colinux kill "$name" >/dev/null
	ended 20 "$PID"
	no_trouble "$(<"$LOG/$name")" "$series"
done
try "a full balloon's memory is free once" got "$full" "$(mem_free)" 384 killed

# A guest that restarts has all of its memory again, and is asked again.
mapfile -t basics < <(words 6.1)
try "a guest in the background" sh -c "colinux start name=again \
	${basics[*]} initrd=$INITRD mem=384 >$LOG/start 2>&1"
try "a balloon before the restart" wait_for 60 colinux memory again 256 \
	2>/dev/null
"$(dirname "$0")/../lib/converse" 120 colinux console again \
	>"$LOG/again" 2>&1 <<-'END'
	expect colinux-initrd: Linux
	send reboot -f
	expect colinux-initrd: Linux
	type \x1dd
	end
END
like "$(colinux info again)" '^reboots 1' "it restarts" ||
	diag "$(tail -n 20 "$LOG/again")"
back()
{
	[ "$(field again guest)" = 256 ]
}
try "and is asked for the balloon again" wait_for 60 back
colinux kill again >/dev/null

# Memory that the host cannot move: 2 MiB pages for programs, all of it.
start_initrd stuck 6.1 "$FOREVER" mem=384
wait_text 100 stuck '^up'
wait_for 60 colinux memory stuck 192 >/dev/null 2>&1
echo 3 >/proc/sys/vm/drop_caches
available=$(awk '/^MemAvailable/ { print int($2 / 1024) }' /proc/meminfo)
echo $(((available - 100) / 2)) >/proc/sys/vm/nr_hugepages
diag "$(grep HugePages_Total /proc/meminfo) of $available MB"
out=$(colinux memory stuck 384 --timeout 30 2>&1)
is "$?" 1 "memory that the host cannot give back: status 1"
like "$out" 'stuck has [0-9]+ MB, not 384: ' "it says so"
echo 0 >/proc/sys/vm/nr_hugepages
name=stuck
try "later it can" wait_for 120 has_it
colinux kill stuck >/dev/null
ended 20 "$PID"

host_is_healthy
done_testing
