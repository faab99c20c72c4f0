#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Disks that are no raw files: a root file system in a qcow2 image, whose server
# is killed twice under load; a disk of an NBD server that goes and comes back;
# a CD-ROM; a qcow2 image attached while the guest runs; images that are broken.

. "$(dirname "$0")/../lib/box.sh"
[ -n "${IN_BOX:-}${COLINUX_SOAK:-}" ] || skip_all "minutes long: make soak runs it"
. "$(dirname "$0")/root.sh"
in_box --smp 2 --timeout 3600

busybox_root tree <<'END'
echo "root $(sed -n 's/ext4.*//p' /proc/mounts)"
mount -t iso9660 -o ro /dev/vdc /cd
echo "cd $(cat /cd/hello) ro $(cat /sys/block/vdc/ro)"
dd if=/dev/urandom of=/tmp/d bs=64k count=16 2>/dev/null
n=0
while [ $n -lt 12 ]; do
	dd if=/tmp/d of=/m/f$n bs=64k conv=fsync 2>/dev/null || echo BAD
	dd if=/tmp/d of=/dev/vdb bs=64k seek=$((n * 16)) oflag=direct 2>/dev/null
	dd if=/dev/vdb bs=64k skip=$((n * 16)) count=16 iflag=direct 2>/dev/null |
		cmp - /tmp/d || echo BAD
	n=$((n + 1))
	echo "round $n"
done
echo 3 >/proc/sys/vm/drop_caches
for f in /m/f*; do cmp $f /tmp/d || echo BAD; done
echo "sum $(md5sum </tmp/d)"
until d=$(ls /sys/devices/platform/cobd5/virtio*/block 2>/dev/null) &&
	[ -b /dev/$d ]; do usleep 20000; done
echo "hot $(head -c 9 /dev/$d)"
dd if=/tmp/d of=/dev/$d bs=64k seek=1 conv=fsync 2>/dev/null
echo "written"
while [ -e /sys/devices/platform/cobd5 ]; do usleep 20000; done
echo "removed"
END
mke2fs -q -t ext4 -d tree root.raw 48M
qemu-img convert -q -f raw -O qcow2 root.raw root.qcow2
mkdir cdtree && echo "from the CD" >cdtree/hello
genisoimage -quiet -r -o cd.iso cdtree
truncate -s 32M nbd.img
printf 'plugged\n' >hot.raw
truncate -s 8M hot.raw
qemu-img convert -q -f raw -O qcow2 hot.raw hot.qcow2
serve() { qemu-nbd -f raw -p 10809 -x data --fork -t nbd.img --pid-file nbd.pid; }
serve

mapfile -t basics < <(words 6.1)
colinux run name=guest "${basics[@]}" mem=256 "cobd0=$WORK/root.qcow2" \
	cobd1=nbd://127.0.0.1/data "scsi0=cdrom,$WORK/cd.iso" \
	root=/dev/cobd0 rw </dev/null >"$LOG/guest" 2>&1 &
PID=$!
try "a root in a qcow2 image boots" wait_text 300 guest '^root /dev/root|^root /dev/vda'
for round in 2 6; do
	try "round $round" wait_text 300 guest "^round $round"
	pkill -9 -f '^qemu-storage-daemon'
	ok $? "the image's server is killed"
done
kill -9 "$(cat nbd.pid)"
try "the NBD server comes back" serve
try "everything is written" wait_text 300 guest '^sum'
OUT=$(colinux disk list guest)
like "$OUT" '^cobd0: block, .*root.qcow2, 48 MiB, qcow2, lost 2 times' \
	"disk list: the image"
like "$OUT" '^cobd1: block, nbd://127.0.0.1/data, 32 MiB, NBD, lost 1 times' \
	"disk list: the NBD disk"
OUT=$(colinux disk resize guest cobd0 64M 2>&1)
like "$OUT" 'only raw images' "an image does not grow in use"
OUT=$(colinux disk add guest cobd5=hot.qcow2 2>&1)
ok $? "a qcow2 image comes" || diag "$OUT"
try "the guest has written to it" wait_text 300 guest '^written'
OUT=$(colinux disk remove guest cobd5 2>&1)
ok $? "and goes" || diag "$OUT"
ended 60 "$PID"
is "$STATUS" 0 "the guest powers off"
OUT=$(tr -d '\r' <"$LOG/guest")
unlike "$OUT" '^BAD' "all that was written was read"
like "$OUT" '^cd from the CD ro 1' "a CD-ROM"
like "$OUT" '^hot plugged' "what is in the image that came"
SUM=$(sed -n 's/^sum \([0-9a-f]*\).*/\1/p' <<<"$OUT")
is "$(head -c 1048576 nbd.img | md5sum | cut -c-32)" "$SUM" "the NBD disk"
qemu-img convert -f qcow2 -O raw hot.qcow2 hot.raw
is "$(dd if=hot.raw bs=64k skip=1 count=16 status=none | md5sum | cut -c-32)" \
	"$SUM" "the image that came"
gone() { ! pgrep -f '^qemu-storage-daemon|^colinux --disk' >/dev/null; }
try "servers end with the guest" wait_for 20 gone
qemu-img check -q root.qcow2
STATUS=$?
try "the image is consistent" test $STATUS -eq 0 -o $STATUS -eq 3
no_trouble "$OUT" guest
NBD=$(cat nbd.pid)
kill "$NBD"
gone() { ! kill -0 "$NBD" 2>/dev/null; }
wait_for 20 gone

# One line each, which names the file.
broken()
{
	guest 60 "${basics[@]}" "$1"
	is "$STATUS" 1 "$2: status"
	is "$(grep -c "$2" <<<"$OUT")" 1 "$2: one line" || diag "$OUT"
}
cp root.qcow2 bad.qcow2
printf '\377\377\377\377\377\377' | dd of=bad.qcow2 bs=1 seek=40 conv=notrunc status=none
broken cobd0=bad.qcow2 'bad.qcow2: .*L1 table'
head -c 4096 /dev/zero >none.vhdx
broken cobd0=none.vhdx 'none.vhdx: is no vhdx image'
qemu-img create -q -f qcow2 -F raw -b /etc/shadow leak.qcow2
broken cobd0=leak.qcow2 'leak.qcow2: needs a backing file'
broken cobd0=nbd://127.0.0.1/data 'no NBD server: Connection refused'

# The long form: Debian with systemd, its root in a qcow2 image.
if [ -n "$SOAK" ]; then
	qemu-img convert -q -f raw -O qcow2 "$DEBIAN" debian.qcow2
	"$(dirname "$0")/../lib/converse" 900 colinux run "${basics[@]}" \
		mem=512 loglevel=5 cobd0=debian.qcow2 root=/dev/cobd0 rw \
		>"$LOG/debian" 2>&1 <<-'END'
		expect colinux login: 
		send root
		expect root@colinux:[^#]*# 
		send systemctl is-system-running --wait
		expect [\r\n](running|degraded)\r
		expect root@colinux:[^#]*# 
		send poweroff
		end
	END
	ok $? "Debian boots from a qcow2 image"
	like "$(plain "$LOG/debian")" '^running$' "and runs"
fi

host_is_healthy
done_testing
