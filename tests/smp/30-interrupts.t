#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Device interrupts with two vCPUs: each queue's goes where the guest says, is
# moved while it comes, and outlives its CPU: vCPU 0 too, where Linux lets it go
# (up to 6.4, on Intel CPUs).

. "$(dirname "$0")/lib.sh"
in_box --smp 2 --cpu max,-erms,-fsrm,vendor=GenuineIntel --timeout 900

# In the guest: irqs ROUNDS CPU...: moves and CPUs that go.
cat >irqs <<'END'
rounds=$1
shift
cpus=/sys/devices/system/cpu
count()
{
	awk '/cobd0-req/ { print $2, $3 }' /proc/interrupts
}
read_it()
{
	dd if=/dev/vda bs=64k iflag=direct 2>/dev/null | md5sum
}
irq=$(awk -F: '/cobd0-req/ { print $1 + 0 }' /proc/interrupts)
cd /proc/irq/$irq
grep cobd0 /proc/interrupts
for cpu in 1 2; do
	echo $cpu >smp_affinity
	echo before $cpu $(count)
	read_it >/sums
	echo after $cpu $(count) at $(cat effective_affinity)
done
(while :; do read_it >>/sums; done) &
reader=$!
# Until it has been read twice again.
works()
{
	n=$(wc -l </sums)
	while [ $(wc -l </sums) -lt $((n + 2)) ]; do usleep 50000; done
	echo works $1
}
i=0
while [ $i -lt $rounds ]; do
	echo $((i % 2 + 1)) >smp_affinity
	before=$(count)
	until [ "$(count)" != "$before" ]; do usleep 10000; done
	i=$((i + 1))
done
works moved
echo own $(awk '/^ *(LOC|RES|CAL):/ { print $1, $2, $3 }' /proc/interrupts)
for cpu in $*; do
	echo $((cpu + 1)) >smp_affinity
	echo 0 >$cpus/cpu$cpu/online
	echo online $(cat $cpus/online)
	works "without $cpu"
	if [ $cpu = 0 ]; then
		echo plug now
		while [ ! -e /sys/devices/platform/cobd1 ]; do usleep 20000; done
	fi
	echo 1 >$cpus/cpu$cpu/online
	echo back $(cat $cpus/online)
done
kill $reader
echo sums $(grep -o '^[0-9a-f]*' /sums | sort | uniq)
[ $cpu = 0 ] || exit
echo 0 >$cpus/cpu0/online
echo stop now
sleep 100
END
smp_initrd irqs

N='[1-9][0-9]*'
ROUNDS=${SOAK:+200}
ROUNDS=${ROUNDS:-20}
truncate -s 64M more.img
head -c 1M /dev/urandom >pattern
cat pattern pattern pattern pattern >disk.img
sum=$(md5sum <disk.img | cut -d' ' -f1)

# grown MASK: by how many the interrupt came to each CPU while it was MASK's.
grown()
{
	awk -v mask="$1" '$1 == "before" && $2 == mask { a = $3; b = $4 }
		$1 == "after" && $2 == mask { print $3 - a, $4 - b }' <<<"$OUT"
}

# one_for_all HERE THERE: all but what was under way came to one of them.
one_for_all()
{
	[ "$1" -ge 20 ] && [ "$2" -le 2 ]
}

for series in $SERIES; do
	name=irq$series
	cpus=1
	[ "$series" != 6.1 ] || cpus="1 0"
	start_initrd "$name" "$series" "sh /irqs $ROUNDS $cpus" cpus=2 \
		"cobd0=$WORK/disk.img,ro" cpu0_hotplug
	if [ "$series" = 6.1 ]; then
		try "$series: vCPU 0 goes" wait_text 200 "$name" '^plug now'
		OUT=$(colinux disk add "$name" "cobd1=$WORK/more.img" 2>&1)
		ok $? "$series: a disk comes without it" || diag "$OUT"
		try "$series: it comes back, and goes again" \
			wait_text 200 "$name" '^stop now'
		OUT=$(colinux stop "$name" 2>&1)
		ok $? "$series: the guest stops without it" || diag "$OUT"
	fi
	ended 300 "$PID"
	is "$STATUS" 0 "$series: the guest ends"
	OUT=$(tr -d '\r' <"$LOG/$name")
	diag "$(grep -E 'cobd0-|^after' <<<"$OUT")"
	read -r first second < <(grown 1)
	try "$series: to CPU 0: $first and $second" \
		one_for_all "$first" "$second"
	read -r first second < <(grown 2)
	try "$series: to CPU 1: $first and $second" \
		one_for_all "$second" "$first"
	like "$OUT" ' at 0*1$' "$series: the guest's kernel knows where"
	like "$OUT" '^works moved' "$series: moved $ROUNDS times while it comes"
	like "$OUT" "^own LOC: $N $N RES: ($N|0 $N).* CAL: ($N|0 $N)" \
		"$series: timers and calls of other CPUs are counted" ||
		diag "$(grep ^own <<<"$OUT")"
	for cpu in $cpus; do
		like "$OUT" "^works without $cpu" \
			"$series: the disk works without vCPU $cpu" ||
			diag "$OUT"
	done
	is "$(grep -c '^back 0-1' <<<"$OUT")" "$(wc -w <<<"$cpus")" \
		"$series: they come back"
	like "$OUT" "^sums $sum\$" "$series: all that was read is right"
	no_trouble "$OUT" "$series"
done
host_is_healthy
done_testing
