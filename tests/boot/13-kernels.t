#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Stock kernels that no host here runs, as guests with one vCPU and two: they
# boot a BusyBox initrd, read a disk, get an address, lose and regain a CPU, and
# power off.  In `make check` Debian's cloud kernels; in `make soak` all that
# scripts/kernel knows, Ubuntu's and the newest of the next Debian.

. "$(dirname "$0")/../lib/box.sh"
if [ -z "${IN_BOX:-}" ]; then
	cd "$(dirname "$0")/../.." || exit
	kernels="6.1-cloud 6.12-cloud"
	[ -z "${COLINUX_SOAK:-}" ] ||
		kernels="6.1-cloud $(scripts/kernel list guests)"
	options=()
	for kernel in $kernels; do
		options+=(--share "$kernel=$(scripts/kernel root "$kernel")") ||
			bail "no kernel $kernel"
	done
	in_box --timeout 3000 "${options[@]}" --env "KERNELS=$kernels"
fi
setup_inside

mkdir files
{
	cat <<'EOF'
echo "said the disk"
ip link set eth0 up
printf '#!/bin/sh\n[ -z "$ip" ] || echo "address $ip"\n' >/tmp/script
chmod +x /tmp/script
udhcpc -i eth0 -n -q -s /tmp/script
online=/sys/devices/system/cpu/cpu1/online
if [ -e $online ]; then
	echo 0 >$online
	echo "without it $(nproc)"
	echo 1 >$online
fi
echo "processors $(nproc)"
start=$(cut -d. -f1 /proc/uptime)
sleep 2
echo "slept $(($(cut -d. -f1 /proc/uptime) - start))"
i=0
while [ $i -lt 100 ]; do
	/bin/true
	i=$((i + 1))
done
echo "forks $i"
dmesg -c
EOF
	echo "[ ! -e \$online ] || { $SAY_CR4; }"
	echo "exit 5"
} >files/job
truncate -s 8M disk
mke2fs -q -t ext4 -d files disk

# boots KERNEL VCPUS.  Quiet, for a real-time kernel prints beside what its programs
# do; the job shows all messages in the end.
boots()
{
	local root=/share/$1 what="$1, $2 vCPU" release
	release=$(cat "$root/release")
	guest 200 "kernel=$root/boot/vmlinuz-$release" \
		"modules=$root/lib/modules/$release" "initrd=$INITRD" mem=384 \
		"cpus=$2" "cobd0=$PWD/disk,ro" eth0=slirp quiet \
		"colinux.test=mkdir /d; mount -t ext4 -o ro /dev/cobd0 /d; sh /d/job"
	is "$STATUS" 0 "$what: powers off"
	like "$OUT" "^colinux-initrd: Linux ${release//[.+]/.}," \
		"$what: is the kernel that was asked for"
	like "$OUT" '^said the disk' "$what: reads a disk"
	like "$OUT" '^address 10\.' "$what: gets an address"
	like "$OUT" "^processors $2" "$what: has $2"
	if [ "$2" -gt 1 ]; then
		like "$OUT" '^without it 1' "$what: goes on without one"
		follows_mce "$OUT" "$what"
	fi
	# Those before 6.5 do not ask.
	case $release in
	5.* | 6.1.*) ;;
	*) like "$OUT" 'MTRRs set to read-only' "$what: memory is write-back" ;;
	esac
	like "$OUT" '^slept [2-9]$' "$what: two seconds take two seconds"
	like "$OUT" '^forks 100' "$what: fork load"
	like "$OUT" '^colinux-initrd: status 5' "$what: runs a command"
	no_trouble "$OUT" "$what"
}

for kernel in $KERNELS; do
	boots "$kernel" 1
	boots "$kernel" 2
done
host_is_healthy
done_testing
