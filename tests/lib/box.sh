# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For tests of the whole: "in_box OPTIONS" at the top of a test file starts the
# file again inside the box, once, with these options of box/run; everything
# after it runs there, as root on the host, and its output is the test's TAP.
#
# build/box/NAME of the test keeps what the guests said and the host's console.
#
# What follows are helpers for use inside: waiting with limits, guests in the
# background, and the checks at the end that host and guest are healthy.

. "$(dirname "${BASH_SOURCE[0]}")/tap.sh"

DATA=${COLINUX_DATA:-/usr/lib/colinux}
INITRD=$DATA/busybox.cpio.gz
DEBIAN=$DATA/debian.img
SERIES="6.1 6.12"
WORK=/var/tmp/test
LOG=/share/log

# Kernel messages that no run may leave behind, on either side.
TROUBLE='WARNING:|BUG:|Oops|general protection|Call Trace|rcu: INFO:|rcu.*stall'
TROUBLE+='|soft lockup|hard LOCKUP|hung_task|blocked for more than'
TROUBLE+='|insecure W\+X|unchecked MSR|scheduling while atomic|UBSAN|KASAN'
TROUBLE+='|clocksource.*unstable|irq .*: nobody cared|corrupt|EXT4-fs error'
TROUBLE+='|due to MTRR override'

# in_box OPTION...: continue inside the box; the caller's file is known by its
# path in the tree.
in_box()
{
	local file top name
	[ -z "${IN_BOX:-}" ] || { setup_inside; return; }
	file=$(realpath "$0")
	top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
	name=$top/build/box/$(basename "${LOG_NAME:-$file}" .t)
	rm -rf "$name"
	mkdir -p "$name"
	exec "$top/box/run" --env IN_BOX=1 --env "SOAK=${COLINUX_SOAK:-}" \
		--log "$name/console.log" --share "log=$name" \
		${HOST_KERNEL:+--host-kernel "$HOST_KERNEL"} "$@" \
		-- "/colinux${file#"$top"}"
}

setup_inside()
{
	mkdir -p "$WORK"
	cd "$WORK" || exit
	dmesg --clear
	modprobe colinux || bail "the driver does not load"
}

kernel_of()
{
	echo "$DATA/kernels/$1/vmlinuz"
}

# wait_text LIMIT NAME REGEX: until $LOG/NAME has a line like that.
wait_text()
{
	wait_for "$1" grep -Eqs -- "$3" "$LOG/$2"
}

# plain FILE: what it says without what moves the cursor and sets colours.
plain()
{
	tr -d '\r' <"$1" | sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g'
}

# guest LIMIT OPTION...: a guest in the foreground, output and status in $OUT
# and $STATUS; status 124 when it did not end in time.
guest()
{
	local limit=$1
	shift
	STATUS=0
	timeout -k 5 "$limit" colinux run "$@" </dev/null >"$LOG/out" 2>&1 ||
		STATUS=$?
	OUT=$(tr -d '\r' <"$LOG/out")
}

# words SERIES: what every guest of that kernel needs, one word a line.  One
# vCPU, for boxes share the machine; tests/smp/ has more.
words()
{
	printf '%s\n' "kernel=$(kernel_of "$1")" ${ONE_VCPU-cpus=1} \
		"modules=$(realpath "$DATA/kernels/$1/modules")"
}

# one_line TEXT: kernel parameters have no line ends.
one_line()
{
	tr -s '\n\t ' ' ' <<<"$1"
}

# initrd SERIES COMMAND [OPTION...]: BusyBox does COMMAND, without double
# quotes in it, and powers off.
initrd()
{
	local series=$1 basics command
	command=$(one_line "$2")
	shift 2
	mapfile -t basics < <(words "$series")
	guest 120 "${basics[@]}" "initrd=$INITRD" mem=256 \
		"colinux.test=$command" "$@"
}

# start_initrd NAME SERIES COMMAND [OPTION...]: the same in the background;
# its output goes to $LOG/NAME, $PID is its process.
start_initrd()
{
	local name=$1 series=$2 basics command
	command=$(one_line "$3")
	shift 3
	mapfile -t basics < <(words "$series")
	# Now: what an earlier guest said is not to be found by who waits.
	: >"$LOG/$name"
	colinux run "name=$name" "${basics[@]}" "initrd=$INITRD" mem=256 \
		"colinux.test=$command" "$@" </dev/null >"$LOG/$name" 2>&1 &
	PID=$!
}

# For a guest of two vCPUs or more: the second one says its CR4, when it is asked
# for a backtrace and finds itself in its kernel.  C[R]4: the kernel's messages have
# this command, too.
SAY_CR4='taskset -c 1 dd if=/dev/zero of=/dev/null bs=1M & i=0;
	while [ $i -lt 50 ] && ! dmesg | grep -q C[R]4:; do
		echo l >/proc/sysrq-trigger; i=$((i+1));
	done; kill $!; dmesg | sed -n s/.*C[R]4:/cr4/p | head -n 1'

# follows_mce TEXT NAME: what SAY_CR4 said has MCE (bit 6) set where the host
# handles machine checks, and clear where it does not.
follows_mce()
{
	local cr4
	cr4=$(sed -n 's/^cr4 \([0-9a-f]*\).*/\1/p' <<<"$1" | head -n 1)
	is "${cr4:+$((0x$cr4 >> 6 & 1))}" \
		"$(grep -c '^CONFIG_X86_MCE=y' "/boot/config-$(uname -r)")" \
		"$2: machine checks are on as the host has them"
}

# ended LIMIT PID: wait for a process of ours; its status in $STATUS.
ended()
{
	local watchdog
	rm -f "$WORK/late"
	(sleep "$1" && touch "$WORK/late" && kill -9 "$2") 2>/dev/null &
	watchdog=$!
	STATUS=0
	wait "$2" 2>/dev/null || STATUS=$?
	[ ! -e "$WORK/late" ] || STATUS="not within $1 s"
	kill "$watchdog" 2>/dev/null
	wait "$watchdog" 2>/dev/null
}

# kill_hard PID: end a process of ours with SIGKILL, as ended() does; the shell
# keeps its own words about it.
kill_hard()
{
	{
		kill -9 "$1"
		ended 20 "$1"
	} 2>/dev/null
}

# guest_pid NAME: the guest's VM process.
guest_pid()
{
	colinux ps | awk -v name="$1" '$1 == name { print $2 }'
}

# Name spaces a, 10.6.0.1, and b, 10.6.0.2, and a veth pair between them.
veth_pair()
{
	modprobe veth
	ip netns add a
	ip netns add b
	ip link add v0 netns a type veth peer name v1 netns b
	ip -n a addr add 10.6.0.1/24 dev v0
	ip -n b addr add 10.6.0.2/24 dev v1
	ip -n a link set v0 up
	ip -n b link set v1 up
}

# mem_free: free memory in kB, all of it: MemFree and the pages that wait on the
# lists of each CPU, which are free too and come and go by megabytes.
mem_free()
{
	sync
	echo 3 >/proc/sys/vm/drop_caches
	cat /proc/sys/vm/stat_refresh
	awk '$1 == "nr_free_pages" { pages += $2 } /pagesets/ { lists = 1 }
		/start_pfn/ { lists = 0 }
		lists && $1 == "count:" { pages += $2 }
		END { print pages * 4 }' /proc/zoneinfo
}

# no_trouble TEXT NAME: a kernel's messages are free of trouble.
no_trouble()
{
	unlike "$1" "$TROUBLE" "$2: no warnings"
}

# host_is_healthy: at the end of every file.
host_is_healthy()
{
	no_trouble "$(dmesg)" "host's kernel messages"
	is "$(pgrep -c -x colinux)" 0 "no colinux process is left"
	try "the driver unloads" rmmod colinux
	try "the driver loads again" modprobe colinux
	# 4096 + 8192: an out-of-tree module, not signed; no warning, no oops.
	is "$(cat /proc/sys/kernel/tainted)" 12288 "the host's taint flags"
}
