#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# An unmodified Debian with systemd: reaches "running", loads stock modules,
# can be logged in to, restarts itself and powers off.

. "$(dirname "$0")/../lib/box.sh"
in_box --kaslr --timeout 1500 --mem 3072

MODULES="loop dummy veth bridge tun overlay nf_tables xfs btrfs fuse dm_mod
	br_netfilter nbd zram"

for series in $SERIES; do
	cp --sparse=always "$DEBIAN" root.img
	mapfile -t basics < <(words "$series")
	STATUS=0
	# The prompt is "root@colinux:~# ".
	tests=$(dirname "$0")/../lib
	# Of the kernel's messages warnings and worse: others split the prompt.
	"$tests/converse" 240 colinux run "${basics[@]}" name=debian mem=512 \
		loglevel=5 cobd0=root.img root=/dev/cobd0 rw >"$LOG/$series" 2>&1 <<-END || STATUS=$?
		expect colinux login: 
		send root
		expect root@colinux:[^#]*# 
		send uname -r; systemctl is-system-running --wait
		expect \n(running|degraded)\r
		expect root@colinux:[^#]*# 
		send systemctl --failed --no-legend | cat
		expect root@colinux:[^#]*# 
		send for m in $(echo $MODULES); do modprobe \$m && echo loaded \$m; done
		expect root@colinux:[^#]*# 
		send dmesg >/var/log/dmesg.test; mkfs.ext4 -q /dev/zram0 2>&1; sync
		expect root@colinux:[^#]*# 
		send dmesg; echo boot-\$(cat /proc/sys/kernel/random/boot_id); reboot
		expect boot-[0-9a-f]
		expect colinux login: 
		send root
		expect root@colinux:[^#]*# 
		send ls -l /var/log/dmesg.test; findmnt -n /; poweroff
		end
	END
	OUT=$(plain "$LOG/$series")
	is "$STATUS" 0 "$series: log in, work, restart, log in, power off" ||
		diag "$(tail -n 40 "$LOG/$series")"
	like "$OUT" '^running$' "$series: systemd reaches running"
	is "$(grep -c '^loaded ' <<<"$OUT")" "$(wc -w <<<"$MODULES")" \
		"$series: stock modules load"
	no_trouble "$OUT" "$series"
	try "$series: the file system is clean" \
		sh -c "e2fsck -fn root.img >$LOG/$series.fsck 2>&1"
done

host_is_healthy
done_testing
