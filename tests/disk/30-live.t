#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Roots that cannot be written: a squashfs image, and a live CD with one in it,
# under an overlay in memory; without the overlay.

. "$(dirname "$0")/../lib/box.sh"
. "$(dirname "$0")/root.sh"
in_box --smp 2 --timeout 900 --mem 3072

busybox_root tree <<'END'
echo "root $(sed -n 's, / .*,,p' /proc/mounts | tail -n 1)"
cat /hello
echo "memory" >/hello 2>/dev/null || echo "refused"
mkdir /new 2>/dev/null && echo "to $(cat /hello)"
rm -rf /cd 2>/dev/null && [ ! -e /cd ] && echo "removed"
grep -c " /colinux-" /proc/mounts
END
echo "from the disk" >tree/hello
mksquashfs tree root.squashfs -quiet -no-progress -comp gzip
mkdir -p cd/live
cp root.squashfs cd/live/filesystem.squashfs
genisoimage -quiet -r -allow-limited-size -o live.iso cd
SUM=$(cat root.squashfs live.iso | md5sum)

for series in $SERIES; do
	mapfile -t basics < <(words "$series")
	for disk in "cobd0=root.squashfs,ro" "scsi0=cdrom,live.iso"; do
		guest 150 "${basics[@]}" mem=256 "$disk" root=/dev/cobd0
		name="$series: ${disk#*=}"
		is "$STATUS" 0 "$name: boots and powers off"
		like "$OUT" '^root overlay' "$name: an overlay"
		like "$OUT" '^from the disk' "$name: what is on the disk"
		like "$OUT" '^to memory' "$name: can be changed"
		like "$OUT" '^removed' "$name: and removed"
		like "$OUT" '^0$' "$name: nothing else is mounted"
		no_trouble "$OUT" "$name"
	done
done
guest 150 "${basics[@]}" mem=256 cobd0=root.squashfs,ro root=/dev/cobd0 \
	colinux.overlay=off
like "$OUT" '^root /dev/' "colinux.overlay=off: the disk itself"
like "$OUT" '^refused' "colinux.overlay=off: cannot be changed"
is "$(cat root.squashfs live.iso | md5sum)" "$SUM" "nothing was written"

# The long form: Debian with systemd.
if [ -n "$SOAK" ]; then
	mkdir mnt
	mount -o loop,ro "$DEBIAN" mnt
	mksquashfs mnt debian.squashfs -quiet -no-progress -comp lzo
	umount mnt
	"$(dirname "$0")/../lib/converse" 400 colinux run "${basics[@]}" \
		mem=768 loglevel=5 cobd0=debian.squashfs,ro root=/dev/cobd0 \
		>"$LOG/debian" 2>&1 <<-'END'
		expect colinux login: 
		send root
		expect root@colinux:[^#]*# 
		send systemctl is-system-running --wait
		expect [\r\n](running|degraded)\r
		expect root@colinux:[^#]*# 
		send touch /made && poweroff
		end
	END
	ok $? "a live Debian boots"
	no_trouble "$(plain "$LOG/debian")" "a live Debian"
fi

host_is_healthy
done_testing
