#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Whole guests on colinux.sys in ring 0: the unmodified colinux command boots
# stock kernels to a shell and Debian to a login, on block and console devices,
# with the interrupts and clocks of the NT driver.

. "$(dirname "$0")/lib.sh"
[ "${COLINUX_SOAK:-}${SOAK:-}" ] ||
	skip_all "only in make soak: takes five minutes, nt-life.t is the short form"
in_box --timeout 900 --smp 2 --mem 2048

nt_host
for series in ${SOAK:+6.12} 6.1; do
	before=$(cut -d. -f1 /proc/uptime)
	initrd "$series" 'cat /proc/uptime; sleep 1; cat /proc/uptime;
		i=0; while [ $i -lt 100 ]; do /bin/true; i=$((i+1)); done;
		echo forks $i; (exit 5)'
	is "$STATUS" 0 "$series: powers off" || diag "$OUT"
	like "$OUT" "^colinux-initrd: Linux ${series//./\\.}\\." \
		"$series: is the kernel that was asked for"
	like "$OUT" '^colinux-initrd: status 5' "$series: runs a command"
	like "$OUT" '^forks 100' "$series: fork load"
	no_trouble "$OUT" "$series"
	diag "$series: $(($(cut -d. -f1 /proc/uptime) - before)) s"
done

nt_unload "stock kernels"

# Debian on a block device, with a network.
nt_host
series=6.12
cp --sparse=always "$DEBIAN" root.img
mapfile -t basics < <(words "$series")
STATUS=0
"$(dirname "$0")/../lib/converse" 300 colinux run "${basics[@]}" name=debian \
	mem=512 cobd0=root.img eth0=slirp root=/dev/cobd0 rw \
	>"$LOG/debian" 2>&1 <<-END || STATUS=$?
	expect colinux login: 
	send root
	expect root@colinux:[^#]*# 
	send uname -r; systemctl is-system-running --wait
	expect \n(running|degraded)\r
	expect root@colinux:[^#]*# 
	send ip -brief link; dmesg; poweroff
	end
END
OUT=$(tr -d '\r' <"$LOG/debian" | sed 's/\x1b\[[0-9;?]*[a-zA-Z]//g')
is "$STATUS" 0 "Debian: log in, work, power off" ||
	diag "$(tail -n 40 "$LOG/debian")"
like "$OUT" '^running$' "Debian: systemd reaches running"
like "$OUT" '^eth0 ' "Debian: a network interface"
no_trouble "$OUT" "Debian"
try "Debian: the file system is clean" \
	sh -c "e2fsck -fn root.img >$LOG/fsck 2>&1"
nt_unload "Debian"

nt_healthy
done_testing
