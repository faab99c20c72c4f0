#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Disks of a guest: read-only ones, host block devices, errors, discard, a
# whole disk with partitions.

. "$(dirname "$0")/../lib/box.sh"
in_box --timeout 1200

cat >inside <<'EOF_INSIDE'
#!/bin/sh
echo "ro $(cat /sys/block/vdb/ro) size $(cat /sys/block/vdb/size)"
dd if=/dev/urandom of=/dev/vdb bs=4096 count=1 2>/dev/null; echo "write $?"
echo "scheduler $(cat /sys/block/vdb/queue/scheduler)"
echo "begin $(head -c 16 /dev/vdb)"
dd if=/dev/vdc of=/dev/null bs=4096 count=256 2>/dev/null; echo "good $?"
dd if=/dev/vdc of=/dev/null bs=4096 skip=256 count=1 iflag=direct
echo "bad $?"
dd if=/dev/zero of=/dev/vdc bs=4096 seek=256 count=1 oflag=direct conv=fsync
echo "badw $?"
dd if=/dev/zero of=/dev/vdc bs=4096 seek=512 count=4 oflag=direct
echo "after $?"
blkdiscard /dev/vdd; echo "discard $?"
blkdiscard -z -o 1M -l 1M /dev/vdd; echo "zeroes $?"
cmp -n 67108864 /dev/vdd /dev/zero && echo "all zero"
sync
poweroff -f
EOF_INSIDE
chmod +x inside
cp --sparse=always "$DEBIAN" root.img
mkdir -p mnt
mount -o loop root.img mnt
cp inside mnt/inside
umount mnt

{ printf 'sixteen letters!'; head -c 1048560 /dev/zero; } >readonly.img
head -c 4194304 /dev/zero >under.img
modprobe dm-mod
under=$(losetup -f --show under.img)
# One bad page at 1 MiB.  There is no udev to make the node.
export DM_DISABLE_UDEV=1
dmsetup create bad <<-END
	0 2048 linear $under 0
	2048 8 error
	2056 6136 linear $under 2056
END
# Through the host's page cache a write fails when it is flushed; without, at
# once.
direct=
for series in $SERIES; do
	mapfile -t basics < <(words "$series")
	head -c 67108864 /dev/urandom >full.img
	guest 150 "${basics[@]}" mem=256 cobd0=root.img cobd1=readonly.img,ro \
		"cobd2=/dev/mapper/bad$direct" cobd3=full.img root=/dev/cobd0 rw \
		init=/inside
	is "$STATUS" 0 "$series: the guest ends well"
	like "$OUT" '^ro 1 size 2048' "$series: read-only and its size"
	like "$OUT" '^scheduler \[none\]' "$series: no scheduler but the host's"
	like "$OUT" '^begin sixteen letters!' "$series: what is in it"
	like "$OUT" '^write 1' "$series: cannot be written"
	is "$(head -c 16 readonly.img)" 'sixteen letters!' \
		"$series: was not written"
	like "$OUT" '^good 0' "$series: host block device"
	like "$OUT" '^bad 1' "$series: a read error reaches the guest"
	like "$OUT" '^badw 1' "$series: a write error reaches the guest"
	like "$OUT" 'Input/output error' "$series: as EIO"
	like "$OUT" '^after 0' "$series: the disk works after it"
	like "$OUT" '^discard 0' "$series: discard"
	like "$OUT" '^all zero' "$series: discarded blocks are zero"
	try "$series: the image has become sparse" \
		test "$(stat -c %b full.img)" -lt 16384
	direct=,direct
done
dmsetup remove bad
losetup -d "$under"

# A whole disk with a partition table, as made by any installer.
truncate -s 2200M whole.img
echo 'start=2048, type=83' | sfdisk -q whole.img
dd if=root.img of=whole.img bs=1M seek=1 conv=notrunc,sparse status=none
for root in /dev/vda1 /dev/cobd0p1; do
	guest 150 "${basics[@]}" mem=256 cobd0=whole.img "root=$root" rw \
		init=/usr/bin/findmnt
	like "$OUT" '/dev/vda1 +ext4' "root=$root is the first partition"
done

host_is_healthy
done_testing
