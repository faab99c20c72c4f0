#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The box itself: what the other tests and the demo rely on.

. "$(dirname "$0")/../lib/tap.sh"
cd "$(dirname "$0")/../.." || exit
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/shared"
echo inside >"$work/shared/from-outside"

box()
{
	STATUS=0
	box/run --timeout 400 --log "$work/log" "$@" >"$work/out" \
		2>"$work/err" </dev/null || STATUS=$?
	OUT=$(<"$work/out")
	ERR=$(<"$work/err")
}

box --no-data -- true		# makes what is not in the cache yet

box --share "$work/shared" --env "GREETING=two words" --smp 2 -- '
	cat /share/shared/from-outside
	echo outside >/share/shared/from-inside
	echo "$GREETING"; nproc; id -u
	grep -qw cx16 /proc/cpuinfo || echo no cx16
	echo complaint >&2
	test -e /colinux/Makefile && ! touch /colinux/box/x 2>/dev/null &&
		echo tree is read-only
	head -c 3000000 /dev/zero | tr "\0" x
	exit 7'
is "$STATUS" 7 "exit status"
like "$OUT" '^inside$' "a share can be read"
is "$(cat "$work/shared/from-inside" 2>&1)" outside "a share can be written"
like "$OUT" '^two words$' "environment"
like "$OUT" '^2$' "number of CPUs"
like "$OUT" '^no cx16$' "no CMPXCHG16B, which QEMU 7.2 does wrong"
like "$OUT" '^tree is read-only$' "the tree at /colinux"
is "$(tail -n 1 <<<"$OUT" | tr -d '\n' | wc -c)" 3000000 "output is complete"
is "$ERR" complaint "stderr is apart"

box --no-data --host-kernel 6.12 -- uname -r
is "$OUT $STATUS" "$(scripts/kernel version 6.12) 0" "the other host kernel"

# KASLR_FLAG of boot_params' loadflags.
placed='echo $(($(od -An -t u1 -j 0x211 -N 1 /sys/kernel/boot_params/data) & 2))'
box --no-data -- "$placed"
is "$OUT $STATUS" "0 0" "a kernel where it was linked"
box --no-data --kaslr -- "$placed"
is "$OUT $STATUS" "2 0" "--kaslr: one that places itself at random"

box --no-data --icount -- 'nproc; kill -9 $$'
is "$OUT $STATUS" "1 137" "counted instructions; a command that is killed"

box --no-data -- 'echo before; echo c >/proc/sysrq-trigger; sleep 1000'
is "$OUT $STATUS" "before 125" "a panic of the host ends the run"
like "$ERR" 'sysrq triggered crash' "the console's end is shown"

box --no-data --timeout 20 -- sleep 1000
is "$STATUS" 124 "time limit"
like "$ERR" 'not finished after 20 s.*: CPU 0 at [0-9a-f]{16}.*, CPU 1 at' \
	"its message, and where the CPUs were"

box --no-data --boot-timeout 2 --qemu-arg=-S -- true
is "$STATUS" 125 "a machine that does not get to the command"
is "$(grep -c 'not booted after 2 s: CPU 0 at 0000fff0, CPU 1 at' <<<"$ERR")" 3 \
	"it was started again, twice"

STATUS=0
OUT=$(tests/lib/converse --size 30x90 100 box/run --no-data -- \
	'tty; stty size; until stty size | grep 100; do sleep 0.1; done
	read -r x; echo "got $x"; exit 5' \
	<<-'END'
	expect /dev/hvc0
	expect 30 90
	size 40x100
	expect 40 100
	send something
	expect got something
	end
END
) || STATUS=$?
is "$STATUS" 5 "with a terminal"

box --no-data --systemd --append 'quiet' -- systemctl is-system-running --wait
is "$OUT $STATUS" "running 0" "host with systemd"

done_testing
