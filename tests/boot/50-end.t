#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Ways to end: panic, oops, restart, signals, kill -9 at any moment.  The host
# stays healthy and gets its memory back.

. "$(dirname "$0")/../lib/box.sh"
in_box --timeout 1200

forever='echo up; while :; do usleep 10000; done'

# with_oops SERIES: an initrd that has /oops.ko as well; its name.
with_oops()
{
	mkdir -p tree
	cp "/colinux/build/tests/oops/$1/oops.ko" tree/
	{
		cat "$INITRD"
		(cd tree && echo oops.ko | cpio --quiet -o -H newc | gzip)
	} >"oops-$1.img"
	echo "oops-$1.img"
}

for series in $SERIES; do
	initrd "$series" 'echo c >/proc/sysrq-trigger'
	is "$STATUS" 100 "$series: panic is status 100"
	like "$OUT" 'Kernel panic - not syncing: sysrq triggered crash' \
		"$series: its text is shown"

	# An oops ends the process that made it, not the guest.
	initrd "$series" 'insmod /oops.ko; echo insmod $?; echo still here' \
		"initrd=$(with_oops "$series")"
	is "$STATUS" 0 "$series: powers off after an oops"
	like "$OUT" 'Oops: 0002' "$series: the oops is shown"
	like "$OUT" '^still here' "$series: the guest goes on after it"
	initrd "$series" 'insmod /oops.ko' oops=panic \
		"initrd=$(with_oops "$series")"
	is "$STATUS" 100 "$series: oops=panic is status 100"

	start_initrd again "$series" 'reboot -f'
	try "$series: restarts itself" wait_for 100 sh -c \
		"[ \$(grep -c '^colinux-initrd: Linux' $LOG/again) -ge 2 ]"
	kill_hard "$PID"
	no_trouble "$(<"$LOG/again")" "$series: restart"
done

before=$(mem_free)
start_initrd orderly 6.1 "$forever"
wait_text 100 orderly '^up'
kill -TERM "$PID"
ended 60 "$PID"
is "$STATUS" 0 "SIGTERM powers off"

for signal in TERM INT HUP; do
	# A guest that does not do what it is asked for.
	start_initrd "$signal" 6.1 "mkdir /sbin; ln -s /bin/true /sbin/poweroff;
		$forever"
	wait_text 100 "$signal" '^up'
	kill "-$signal" "$PID"
	try "SIG$signal is answered" wait_text 20 "$signal" 'asking the guest'
	kill "-$signal" "$PID"
	ended 20 "$PID"
	is "$STATUS" 101 "SIG$signal twice ends it"
done

# An init that is only starting: it does what it is asked for the second time.
for series in $SERIES; do
	start_initrd "early-$series" "$series" "mkdir /sbin;
		echo '#!/bin/sh' >/sbin/poweroff;
		echo '[ -e /tmp/asked ] && /bin/poweroff -f; >/tmp/asked' \
			>>/sbin/poweroff;
		chmod +x /sbin/poweroff; $forever"
	wait_text 100 "early-$series" '^up'
	try "$series: asked again, it powers off" \
		colinux stop "early-$series" --timeout 60
	ended 20 "$PID"
	is "$STATUS" 0 "$series: its status is 0"
done

start_initrd victim 6.12 "$forever"
wait_text 100 victim '^up'
try "colinux kill" sh -c "colinux kill victim >$LOG/kill"
ended 20 "$PID"
is "$STATUS" 101 "its status is 101"

# At any moment: while loading, in early boot, at work, when idle.
for moment in 0 0.3 1 2 4 8; do
	start_initrd "at$moment" 6.1 "$forever"
	sleep "$moment"
	kill_hard "$PID"
	is "$STATUS" 137 "kill -9 after $moment s"
done
# The kernel frees some of it later, from RCU and its workers.
memory_is_back()
{
	after=$(mem_free)
	[ $((before - after)) -lt 512 ]
}
try "the memory is back" wait_for 60 memory_is_back
diag "free memory: $before kB before, $after kB after"

initrd 6.1 'echo fine'
like "$OUT" '^fine' "guests still boot"

host_is_healthy
done_testing
