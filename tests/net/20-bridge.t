#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Two guests with two CPUs, and a pair of queues for each, and the host on one
# bridge, by vhost-net: ping, data both ways with checksums, the cable; the
# interfaces are gone at the end.  Then one on a TAP interface without vhost-net.

. "$(dirname "$0")/../lib/box.sh"
in_box --smp 2 --mem 1536 --timeout 600

modprobe -a tun bridge || bail "the host has no TAP devices"
modprobe vhost_net || skip_all "the host has no vhost-net"
SIZE=4
dd if=/dev/urandom of=data bs=1M count=$SIZE status=none
SUM=$(md5sum <data | cut -d' ' -f1)
ip link add br0 type bridge
ip addr add 10.9.0.1/24 dev br0
ip link set br0 up

# peer NAME NUMBER THEN: a guest at 10.9.0.NUMBER.
peer()
{
	start_initrd "$1" 6.1 "ip addr add 10.9.0.$2/24 dev eth0;
		ip link set eth0 up; echo up;
		until ping -c 1 -W 1 10.9.0.1 >/dev/null; do :; done; $3" \
		eth0=bridge,br0 cpus=2
}

# both HOW REGEX: the test proper; REGEX is in the description of the card.
both()
{
	local a b
	peer a 11 "httpd -p 80 -h /; echo ready; nc -l -p 99 >/dev/null;
		ip link set eth0 down"
	a=$PID
	try "$1: the first guest is there" wait_text 120 a '^ready'
	peer b 12 "ping -c 2 -W 5 10.9.0.11;
		nc 10.9.0.1 7000 | tee /tmp/data | md5sum;
		until nc 10.9.0.1 7001 </tmp/data; do :; done;
		wget -q -O - http://10.9.0.11/init | md5sum; md5sum </init;
		echo carrier \$(cat /sys/class/net/eth0/carrier);
		until [ \$(cat /sys/class/net/eth0/carrier) = 0 ]; do :; done;
		echo unplugged;
		until [ \$(cat /sys/class/net/eth0/carrier) = 1 ]; do :; done;
		echo plugged"
	b=$PID
	socat -u FILE:data TCP-LISTEN:7000,reuseaddr
	socat -u TCP-LISTEN:7001,reuseaddr CREATE:back
	is "$(md5sum <back | cut -d' ' -f1)" "$SUM" "$1: data to the host"
	like "$(colinux info b)" "$2" "$1: the kernel does it, or not"
	try "$1: it has a carrier" wait_text 120 b '^carrier 1'
	local tap
	tap=$(colinux info b | sed -n 's/.*network, \([^ ]*\) in br0.*/\1/p')
	ip link set "$tap" down
	try "$1: unplugged" wait_text 60 b '^unplugged'
	ip link set "$tap" up
	try "$1: plugged in again" wait_text 60 b '^plugged'
	ended 30 "$b"
	is "$STATUS" 0 "$1: the second guest powers off"
	echo | socat -u - TCP:10.9.0.11:99
	ended 30 "$a"
	is "$STATUS" 0 "$1: the first guest powers off"
	OUT=$(tr -d '\r' <"$LOG/b")
	like "$OUT" "2 packets received" "$1: guests ping each other"
	like "$OUT" "^$SUM" "$1: data from the host"
	is "$(grep -Ec "^$(grep -Eo '^[0-9a-f]{32}' <<<"$OUT" | tail -n 1)" \
		<<<"$OUT")" 2 "$1: data from guest to guest"
	no_trouble "$(cat "$LOG/a" "$LOG/b")" "$1: guests"
	is "$(ls /sys/class/net/br0/brif)" "" "$1: the interfaces are gone"
}

both vhost-net 'by vhost-net, 2 of 2 queues'

# Frames through the process, on an interface of its own with an address.
rmmod vhost_net
rm -f /dev/vhost-net
modprobe macvtap
ip link add v0 type veth peer name v1
ip addr add 10.7.0.1/24 dev v1
ip addr add fd07::1/64 dev v1 nodad
ip link set v0 up
ip link set v1 up
start_initrd c 6.1 "ip addr add 10.8.0.2/24 dev eth0; ip link set eth0 up;
	until ping -c 1 -W 1 10.8.0.1 >/dev/null; do :; done;
	nc 10.8.0.1 7000 | tee /tmp/data | md5sum; until nc 10.8.0.1 7001 </tmp/data; do :; done;
	ip addr add 10.7.0.2/24 dev eth1; ip link set eth1 up;
	ping -c 2 -W 5 10.7.0.1 | tail -n 2;
	ip -6 addr add fd07::2/64 dev eth1; echo six; nc -l -p 98 >/dev/null" \
	cpus=1 eth1=macvtap,v0 \
	eth0=tuntap,tap7,02:00:00:00:00:07,10.8.0.1
socat -u FILE:data TCP-LISTEN:7000,reuseaddr
like "$(colinux info c)" 'tap7, 02:00:00:00:00:07, up' "tuntap: its description"
socat -u TCP-LISTEN:7001,reuseaddr CREATE:back
is "$(md5sum <back | cut -d' ' -f1)" "$SUM" "tuntap: data both ways"
# An address that the host's end of the card does not know.
try "macvtap: an address of the guest's own" wait_text 60 c '^six'
found() { ping -c 1 -W 1 fd07::2 >/dev/null; }
try "macvtap: its neighbours find it" wait_for 30 found
guest 30 "kernel=$(kernel_of 6.1)" "initrd=$INITRD" eth0=tuntap,tap7 \
	"modules=$(realpath "$DATA/kernels/6.1/modules")"
is "$STATUS" 1 "tuntap: an interface that is in use"
like "$OUT" 'eth0: another guest or program has the TAP interface tap7' \
	"tuntap: is called that"
echo | socat -u - TCP:10.7.0.2:98
ended 30 "$PID"
is "$STATUS" 0 "tuntap: the guest powers off"
OUT=$(tr -d '\r' <"$LOG/c")
like "$OUT" "^$SUM" "tuntap: data from the host"
like "$OUT" "2 packets received" "macvtap: ping"
gone() { ! ip -br link | grep -q '^co.*@v0'; }
try "macvtap: the interface is gone" wait_for 10 gone
no_trouble "$OUT" "tuntap: guest"

ip link add link v0 name co020000000009 type macvtap
guest 30 "kernel=$(kernel_of 6.1)" "initrd=$INITRD" \
	eth0=macvtap,v0,02:00:00:00:00:09 \
	"modules=$(realpath "$DATA/kernels/6.1/modules")"
is "$STATUS" 1 "a macvtap interface that somebody has left behind"
like "$OUT" 'eth0: .*`ip link del co020000000009`' "and what to do"

guest 30 "kernel=$(kernel_of 6.1)" "initrd=$INITRD" eth0=bridge,br7 \
	"modules=$(realpath "$DATA/kernels/6.1/modules")"
is "$STATUS" 1 "a bridge that is not there"
like "$OUT" "eth0: cannot put colinux[0-9]+ into bridge br7: .*ip link add br7" \
	"and what to do"
host_is_healthy
done_testing
