#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# `colinux image create`: what it makes, plain and with a partition table, boots
# and lets its root log in.  Made outside the box, where packages come from.

TOP=$(cd "$(dirname "$0")/../.." && pwd -P)
IMAGES=$TOP/build/images
. "$(dirname "$0")/../lib/box.sh"

create()
{
	"$TOP/build/colinux" image create "$IMAGES/$1" --size 1G --modules \
		"$("$TOP/scripts/kernel" modules "$2")" "${@:3}" \
		>"$IMAGES/$1.log" 2>&1 && return
	diag "$(<"$IMAGES/$1.log")"
	bail "image create $1"
}

if [ -z "${IN_BOX:-}" ]; then
	[ "$(id -u)" = 0 ] || skip_all "making an image needs root"
	rm -rf "$IMAGES"
	mkdir -p "$IMAGES"
	create plain.img 6.1
	create disk.img 6.12 --partition --hostname parted \
		--root-password 'two words'
fi
in_box --timeout 600 --share "images=$IMAGES"

# boot NAME SERIES ROOT DEVICE HOST PASSWORD: log in, look around, power off.
boot()
{
	local basics password=
	mapfile -t basics < <(words "$2")
	[ -z "$6" ] || password="expect Password:
send $6"
	STATUS=0
	"$(dirname "$0")/../lib/converse" 150 colinux run "${basics[@]}" \
		"name=$1" mem=512 loglevel=5 \
		"cobd0=/share/images/$1.img" "root=$3" rw >"$LOG/$1" 2>&1 <<-END || STATUS=$?
		expect $5 login: 
		send root
		$password
		expect root@$5:[^#]*# 
		send findmnt -no SOURCE /; modprobe dummy; echo loaded-\$?
		expect loaded-0
		expect root@$5:[^#]*# 
		send systemctl is-system-running --wait
		expect (running|degraded)\r
		expect root@$5:[^#]*# 
		send poweroff
		end
	END
	OUT=$(plain "$LOG/$1")
	is "$STATUS" 0 "$1: log in, load a module, power off" ||
		diag "$(tail -n 40 "$LOG/$1")"
	like "$OUT" "^$4\$" "$1: the root file system is $4"
	like "$OUT" '^running$' "$1: systemd reaches running"
	no_trouble "$OUT" "$1"
	rm -f "/share/images/$1.img"
}

boot plain 6.1 /dev/cobd0 /dev/vda colinux ''
boot disk 6.12 /dev/cobd0p1 /dev/vda1 parted 'two words'

host_is_healthy
done_testing
