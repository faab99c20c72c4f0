# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# For what runs in the box: the ways to run a second Linux.  Every contestant
# boots the same initrd (the native one is a chroot of its tree), sees the same
# disk and does one shell command.  Wants series and vcpus set.

DATA=${COLINUX_DATA:-/usr/lib/colinux}
OUT=/share/bench
TOOLS=/colinux/build/bench/loads.gz
TCP=/colinux/build/bench/tcp
GUEST_MEMORY=512
# The benchmarks' file system, where QEMU and User-Mode Linux are.
ROOT=/mnt
BENCH_DISK=
# The file that fio reads and writes, or empty; see prepare_fio().
FIO_FILE=
FIO_MIB=256
# Programs are where they are on the box's host (box/run): at random they need more
# page tables, and forks more.
MAPS=norandmaps
# More words for colinux and for QEMU.
COLINUX_MORE=() QEMU_MORE=()
servers=()

say()
{
	echo "bench: $*" >&2
}

mount_bench()
{
	local disk
	for disk in /sys/block/vd*; do
		[ "$(cat "$disk/serial")" = bench ] || continue
		BENCH_DISK=/dev/${disk##*/}
		mount -o ro,noload "$BENCH_DISK" "$ROOT" &&
			mount --rbind /dev "$ROOT/dev" &&
			mount -t proc proc "$ROOT/proc" &&
			mount -t sysfs sys "$ROOT/sys" &&
			mount -t tmpfs tmp "$ROOT/tmp" &&
			mount --rbind /colinux "$ROOT/colinux" &&
			mount --bind / "$ROOT/host"
		return
	done
	say "no disk named bench"
	return 1
}

# prepare_fio ram|disk: FIO_FILE, in an ext4 file system on a RAM disk or on the
# box's root disk.
prepare_fio()
{
	local where=/var/tmp
	if [ "$1" = ram ]; then
		where=/run/ram
		if [ ! -d "$where" ]; then
			modprobe brd rd_nr=1 "rd_size=$(((FIO_MIB + 32) * 1024))"
			mke2fs -q -t ext4 -O ^has_journal /dev/ram0 &&
				mkdir "$where" && mount /dev/ram0 "$where" &&
				mkdir -p "$ROOT/host$where" &&
				mount --bind "$where" "$ROOT/host$where" ||
				return
		fi
	fi
	FIO_FILE=$where/fio/file
	[ -f "$FIO_FILE" ] && return
	mkdir -p "$where/fio"
	# Written, so that no contestant has to allocate.
	dd if=/dev/zero "of=$FIO_FILE" bs=1M "count=$FIO_MIB" oflag=direct \
		status=none
}

# server COMMAND...: in the background until stop_servers.
server()
{
	"$@" >>"$OUT/servers.log" 2>&1 &
	servers+=($!)
}

stop_servers()
{
	[ ${#servers[@]} = 0 ] && return
	kill "${servers[@]}"
	wait "${servers[@]}"
	servers=()
} 2>/dev/null

# until_there SOCKET
until_there()
{
	wait_for 60 test -S "$1"
}

# The file for fio as a guest's disk, by QEMU's storage daemon, whose thread is as
# patient as that of a disk of ours.
storage_daemon()
{
	local socket=/run/blk.sock
	rm -f $socket
	server chrt --batch 0 qemu-storage-daemon --blockdev \
		"driver=file,node-name=f,filename=$FIO_FILE,cache.direct=on,aio=io_uring" \
		--export "type=vhost-user-blk,id=e,node-name=f,writable=on,addr.type=unix,addr.path=$socket"
	until_there $socket
	COLINUX_MORE=("vhost-user=blk,$socket")
	FIO_FILE=
}

# serve_tcp [COMMAND...]: the other end of TCP streams, on the last CPU.
serve_tcp()
{
	server "$@" taskset -c "$(($(nproc) - 1))" "$TCP" serve 7100
}

# native_net MIB: streams over the host's veth pair, an end on the first CPU, the
# other on the last one.
native_net()
{
	local way
	veth_pair
	serve_tcp ip netns exec b
	until ip netns exec a ping -c 1 -W 1 10.6.0.2 >/dev/null; do :; done
	for way in send receive; do
		ip netns exec a taskset -c 0 "$TCP" $way net-$way 10.6.0.2 7100 \
			"$1" 3 || return
	done
}

# tap1, 10.8.0.1.
tap_device()
{
	[ -e /sys/class/net/tap1 ] && return
	modprobe -a tun vhost_net
	ip tuntap add tap1 mode tap multi_queue
	ip addr add 10.8.0.1/24 dev tap1
	ip link set tap1 up
}

native_linux()
{
	local root=/tmp/native
	if [ ! -d "$root" ]; then
		mkdir -p "$root"
		gzip -dc "$TOOLS" | (cd "$root" && cpio -id --quiet)
		chroot "$root" /bin/busybox --install -s /bin
		mount --bind /dev "$root/dev"
		mount -t proc proc "$root/proc"
		mount -t tmpfs tmp "$root/tmp"
		mkdir -p "$root/fio"
	fi
	if [ -n "$FIO_FILE" ]; then
		umount "$root/fio" 2>/dev/null
		mount --bind "$(dirname "$FIO_FILE")" "$root/fio"
	fi
	# It has as many CPUs as the guests.
	taskset -c "0-$((vcpus - 1))" chroot "$root" sh -c "$1"
}

# qemu_linux ACCELERATOR CPU COMMAND: Debian's QEMU, the host's kernel.
# Wants limit set.
qemu_linux()
{
	local kernel accel=$1 model=$2 command=$3 disks=()
	[ -z "$BENCH_DISK" ] || disks=(-drive "if=none,id=bench,format=raw,\
readonly=on,file=$BENCH_DISK" -device virtio-blk-pci,drive=bench)
	[ -z "$FIO_FILE" ] || disks+=(-drive "if=none,id=fio,format=raw,cache=none,\
aio=io_uring,file=/host$FIO_FILE" -device virtio-blk-pci,drive=fio)
	kernel=/host$(readlink "$DATA/kernels/$series/vmlinuz")
	chroot "$ROOT" timeout "$limit" qemu-system-x86_64 -nodefaults \
		-no-user-config -display none -no-reboot -machine pc -accel "$accel" \
		-cpu "$model" -smp "$vcpus" -m "$GUEST_MEMORY" \
		-kernel "$kernel" -initrd "$TOOLS" -serial stdio \
		"${disks[@]}" "${QEMU_MORE[@]}" \
		-append "console=ttyS0 quiet $MAPS colinux.test=\"$command\""
}

now()
{
	date +%s%N
}

# say_boot START: pass lines on; behind the first one of the initrd's /init say
# how long that took, in nanoseconds.
say_boot()
{
	local line
	while IFS= read -r line; do
		echo "$line"
		[[ $line != "colinux-initrd: Linux"* ]] ||
			echo "load boot $(($(now) - $1))"
	done
}

# contestant NAME LIMIT COMMAND: run the command, LIMIT seconds at most; status 0
# if it said that it had succeeded.
contestant()
{
	local name=$1 limit=$2 command=$3 said status start
	start=$(now)
	said=$(mktemp)
	case $name in
	native)
		native_linux "$command; echo colinux-initrd: status \$?" ;;
	colinux | colinux-poll)
		[ "$name" = colinux ] || COLINUX_MORE+=(haltpoll=200)
		timeout "$limit" colinux run name=bench \
			"kernel=$DATA/kernels/$series/vmlinuz" \
			"modules=$(realpath "$DATA/kernels/$series/modules")" \
			"initrd=$TOOLS" "mem=$GUEST_MEMORY" "cpus=$vcpus" \
			${BENCH_DISK:+"cobd0=$BENCH_DISK,ro"} \
			${FIO_FILE:+"cobd1=$FIO_FILE,direct"} quiet "$MAPS" \
			"${COLINUX_MORE[@]}" \
			"colinux.test=$command" ;;
	uml)
		# It has one CPU, always.
		timeout "$limit" chroot "$ROOT" env TMPDIR=/dev/shm \
			HOME=/tmp linux.uml \
			"mem=${GUEST_MEMORY}M" "initrd=$TOOLS" con=null \
			con0=fd:0,fd:1 ${BENCH_DISK:+"ubd0r=$BENCH_DISK"} \
			${FIO_FILE:+"ubd1=/host$FIO_FILE"} quiet "$MAPS" \
			"colinux.test=\"$command\"" ;;
	kvm)
		modprobe kvm-amd &&
			qemu_linux kvm host "$command" ;;
	tcg)
		qemu_linux tcg,thread=multi max,-erms,-fsrm,-cx16 "$command" ;;
	esac </dev/null 2>&1 | sed -u 's,\r,,g' | say_boot "$start" | tee "$said"
	grep -q '^colinux-initrd: status 0' "$said"
	status=$?
	rm -f "$said"
	return "$status"
}
