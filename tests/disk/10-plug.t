#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Disks that come, grow and go while a guest runs and reads another one; disks
# that are in use; what cannot be added.

. "$(dirname "$0")/../lib/box.sh"
in_box --smp 2 --timeout 900

CYCLES=${SOAK:+20}
CYCLES=${CYCLES:-3}
truncate -s 64M load.img fs.img
head -c 1M /dev/urandom >pattern
cat pattern pattern >load.img
mke2fs -q -t ext4 fs.img
# Where the kernel has put disk cobd1, when it has.
FIND="d=\$(ls /sys/devices/platform/cobd1/virtio*/block 2>/dev/null) &&
	[ -b /dev/\$d ]"

for series in $SERIES; do
	start_initrd guest "$series" "
		(while :; do dd if=/dev/vda of=/dev/null bs=64k iflag=direct;
			done) >/dev/null 2>&1 &
		echo ready; n=0;
		while [ \$n -lt $CYCLES ]; do
			until $FIND; do usleep 20000; done;
			echo cycle \$n \$(head -c 8 /dev/\$d);
			echo guest-\$n | dd of=/dev/\$d bs=512 seek=8 conv=fsync 2>/dev/null;
			echo written \$n;
			while [ -e /sys/devices/platform/cobd1 ]; do usleep 20000; done;
			n=\$((n + 1)); done;
		until $FIND; do usleep 20000; done;
		mkdir -p /m; mount -t ext4 /dev/\$d /m; echo mounted;
		until [ \$(cat /sys/block/\$d/size) = 196608 ]; do usleep 20000; done;
		echo kept >/m/kept; sync; echo grown;
		(while echo x >>/m/x && sync /m/x; do :; done) 2>/dev/null;
		echo pulled out; umount -l /m; [ -e /sys/devices/platform/cobd1 ] || echo it is gone" \
		"cobd0=$WORK/load.img,ro"
	try "$series: the guest is ready" wait_text 150 guest '^ready'
	for ((n = 0; n < CYCLES; n++)); do
		{ printf 'disk-%03d' $n; head -c 1048568 /dev/zero; } >disk.img
		OUT=$(colinux disk add guest cobd1=disk.img 2>&1)
		ok $? "$series: a disk comes ($n)" || diag "$OUT"
		try "$series: the guest has written to it" \
			wait_text 60 guest "^written $n"
		OUT=$(colinux disk remove guest cobd1 2>&1)
		ok $? "$series: and goes" || diag "$OUT"
		is "$(dd if=disk.img bs=512 skip=8 count=1 status=none |
			tr -d '\0')" "guest-$n" "$series: what was written"
	done
	is "$(tr -d '\r' <"$LOG/guest" | grep '^cycle' | tail -n 1)" \
		"cycle $((n - 1)) $(printf 'disk-%03d' $((n - 1)))" \
		"$series: what was read"

	truncate -s 64M fs.img
	mke2fs -q -F -t ext4 fs.img
	colinux disk add guest "cobd1=$WORK/fs.img"
	try "$series: a disk is mounted" wait_text 60 guest '^mounted'
	OUT=$(colinux disk add guest cobd1=disk.img 2>&1)
	like "$OUT" 'cobd1 is there already' "$series: twice the same number"
	OUT=$(colinux disk add guest "cobd2=$WORK/fs.img" 2>&1)
	like "$OUT" 'in use by another disk or guest' "$series: twice the same file"
	OUT=$(colinux disk add guest cobd2=/dev/null 2>&1)
	like "$OUT" 'neither a regular file' "$series: what is no disk"
	OUT=$(colinux disk remove guest cobd1 2>&1)
	is $? 1 "$series: a disk in use stays"
	like "$OUT" 'in use in the guest: unmount it' "$series: as it says"
	like "$(colinux disk list guest)" '^cobd1: block, .*fs.img, 64 MiB' \
		"$series: disk list"
	OUT=$(colinux disk resize guest cobd1 32M 2>&1)
	like "$OUT" 'can only be made larger' "$series: it cannot be cut"
	is "$(colinux disk resize guest cobd1 96M)" '100663296 bytes' \
		"$series: it grows"
	try "$series: and the guest sees that" wait_text 60 guest '^grown'
	OUT=$(colinux disk remove guest cobd1 --force 2>&1)
	ok $? "$series: it is pulled out under load" || diag "$OUT"
	ended 60 "$PID"
	is "$STATUS" 0 "$series: the guest powers off"
	OUT=$(tr -d '\r' <"$LOG/guest")
	like "$OUT" '^pulled out' "$series: its writers got errors"
	like "$OUT" "^it is gone" "$series: the disk is gone"
	no_trouble "$(grep -v 'EXT4-fs.*vdb' <<<"$OUT")" "$series"
	e2fsck -fp fs.img >/dev/null
	is "$(debugfs -R 'cat kept' fs.img 2>/dev/null)" kept \
		"$series: what was synced is on it"
done

host_is_healthy
done_testing
