#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# A hostile driver in the guest (hostile.ko), for each device in turn: the VM
# process refuses what it asks, each device works again after a reset, another
# guest and the host take no notice.  HOSTILE_SEED=N repeats a run.  Only in
# make soak, in both kernels: on a loaded machine devices look late.

. "$(dirname "$0")/lib.sh"
[ -n "${IN_BOX:-}${COLINUX_SOAK:-}" ] || skip_all "make soak runs it"
VIRTIOFSD=/usr/lib/qemu/virtiofsd
SHARE=()
[ ! -x $VIRTIOFSD ] || SHARE=(--share qemu=/usr/lib/qemu)
in_box --smp 2 --mem 1536 --timeout 3600 "${SHARE[@]}" \
	--env "HOSTILE_SEED=${HOSTILE_SEED:-}"

ROUNDS=2000 KERNELS=$SERIES
SEED=${HOSTILE_SEED:-$((RANDOM * 32768 + RANDOM))}
diag "seed $SEED"
modprobe -a tun vhost_net || bail "the host has no TAP devices"
export COLINUX_VIRTIOFSD=/share/qemu/virtiofsd
CALL=$(cat /colinux/build/tests/hostile/call)
mkdir -p folder
echo "from the host" >folder/hello
DEVICES="cobd0 eth0 eth1 ttys0 rng balloon vsock"
[ ! -x $COLINUX_VIRTIOFSD ] || DEVICES+=" cofs0"

# The other guest: writes, reads and compares until it is told to end.
truncate -s 16M beside.img
start_initrd beside 6.1 "n=0; until read -t 0 x </dev/hvc1; do
	dd if=/dev/urandom of=/tmp/a bs=64k count=8 2>/dev/null;
	dd if=/tmp/a of=/dev/vda bs=64k oflag=direct 2>/dev/null;
	dd if=/dev/vda of=/tmp/b bs=64k count=8 iflag=direct 2>/dev/null;
	cmp /tmp/a /tmp/b || break; n=\$((n + 1)); echo turn \$n; done;
	echo turns \$n" cobd0=beside.img ttys0=unix:beside
BESIDE=$PID
turns() { grep -c '^turn ' "$LOG/beside"; }

cat >tree.sh <<'END'
# driver DEVICE: its place in sysfs.
place() { echo /sys/devices/platform/$1/virtio*; }
for d in $DEVICES; do
	p=$(place $d)
	name=${p##*/}
	driver=$(readlink -f $p/driver)
	[ $d != cofs0 ] || umount /f
	[ ! -e $driver/unbind ] || echo $name >$driver/unbind
	echo "attack $d"
	rounds=$ROUNDS patience=2
	# Its server ends at errors, and is not started again at once.
	[ $d != cofs0 ] || rounds=$((ROUNDS / 10)) patience=500
	insmod /hostile.ko call=$CALL tag=$d seed=$SEED rounds=$rounds \
		patience=$patience
	rmmod hostile
	[ ! -e $driver/bind ] || echo $name >$driver/bind
	echo "bound $d $?"
done 2>&1
dd if=/dev/vda bs=64k iflag=direct 2>/dev/null | md5sum
cat /sys/class/misc/hw_random/rng_current
dd if=/dev/hwrng of=/tmp/r bs=16 count=4 2>/dev/null && echo "random"
for i in 0 1; do
	ip addr add 10.$i.0.2/24 dev eth$i && ip link set eth$i up
done
ip addr del 10.0.0.2/24 dev eth0; ip addr add 10.0.2.15/24 dev eth0
ping -c 2 -W 10 10.0.2.2 >/dev/null && echo "slirp pings"
ping -c 2 -W 10 10.1.0.1 >/dev/null && echo "vhost-net pings"
mount -t virtiofs cofs0 /f && echo "folder $(cat /f/hello)"
echo "over the line" >/dev/hvc1
echo done; read x </dev/hvc1
echo "line $x"
END
dd if=/dev/urandom of=disk.img bs=1M count=4 status=none
ip tuntap add tap1 mode tap multi_queue
ip addr add 10.1.0.1/24 dev tap1
ip link set tap1 up

for series in $KERNELS; do
	mkdir -p tree
	cp "/colinux/build/tests/hostile/$series/hostile.ko" tree.sh tree/
	{
		cat "$INITRD"
		(cd tree && find . -type f | cpio --quiet -o -H newc | gzip)
	} >hostile.img
	rm -f out
	before=$(turns)
	start_initrd hostile "$series" "mkdir -p /f; mount -t virtiofs cofs0 /f;
		DEVICES='$DEVICES' CALL=$CALL SEED=$SEED ROUNDS=$ROUNDS
		sh /tree.sh" initrd=hostile.img cobd0=disk.img eth0=slirp \
		eth1=tuntap,tap1 ttys0=unix:line "cofs0=$PWD/folder" loglevel=7
	ready() { grep -q '^done' "$LOG/hostile" || ! kill -0 "$PID"; }
	wait_for 1500 ready
	for d in $DEVICES; do
		effect="hostile: $d: [0-9]+ rounds.*, [1-9][0-9]* of"
		# A server that believes its driver ends before it has done any.
		[ $d != cofs0 ] || effect+="|virtiofsd has ended: starting it"
		like "$(tr -d '\r' <"$LOG/hostile")" "$effect" \
			"$series: $d: attacked, and has looked at it"
	done
	is "$(colinux exec hostile -- cat /proc/sys/kernel/ostype)" Linux \
		"$series: vsock works again: exec"
	echo good | socat -t 5 - UNIX:line >line.out
	ended 60 "$PID"
	is "$STATUS" 0 "$series: the guest powers off"
	OUT=$(tr -d '\r' <"$LOG/hostile")
	diag "$(grep -o 'hostile: .*' <<<"$OUT")"
	diag "rules of virtio broken:"
	diag "$(grep -o 'broke the rules of virtio ([^)]*)' <<<"$OUT" |
		sort | uniq -c)"
	like "$OUT" 'cobd0: .* broke the rules' "$series: it is told"
	like "$OUT" "^$(md5sum <disk.img | cut -d' ' -f1)" \
		"$series: the disk works again"
	like "$OUT" '^random' "$series: so does the random number generator"
	like "$OUT" '^slirp pings' "$series: the network"
	like "$OUT" '^vhost-net pings' "$series: vhost-net"
	[[ $DEVICES != *cofs0* ]] ||
		like "$OUT" '^folder from the host' "$series: the folder"
	like "$OUT" '^line good' "$series: the serial port"
	no_trouble "$OUT" "$series: guest"
	try "$series: another guest has gone on" [ "$(turns)" -gt "$before" ]
done
echo end | socat -u - UNIX:beside
ended 60 "$BESIDE"
is "$STATUS" 0 "the other guest powers off"
like "$(tr -d '\r' <"$LOG/beside")" '^turns [1-9]' "and had no error"
# Crashes of QEMU 7.2's virtiofsd, which believes its driver, are its own affair:
# it has the rights of a folder's server only, and is started again.
no_trouble "$(dmesg | grep -v ' virtiofsd\[[0-9]*\]')" \
	"host's kernel messages but virtiofsd's"
dmesg --clear
host_is_healthy
done_testing
