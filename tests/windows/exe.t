#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# colinux.exe under Wine: all that needs no driver; and with a fake one
# (fake_device.c), whole runs of a stock kernel that is loaded but not run.

. "$(dirname "$0")/wine.sh"

[ -e "$top/build/nt/colinux.exe" ] ||
	skip_all "no colinux.exe: scripts/windows-libs has not been run"
cd "$top"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
wine_ready

kernel=$(scripts/kernel image 6.1)
modules=$(scripts/kernel modules 6.1)
wkernel=$(windows_path "$kernel")
wmodules=$(windows_path "$modules")

exe colinux.exe version
is "$rc $out" "0 $(build/colinux version)" "version, as on Linux"
exe colinux.exe help
like "$out" '^  driver .*' "help has NT's commands"
exe colinux.exe inspect "$wkernel" --modules "$wmodules" \
	--port "$(windows_path "$PWD/build/port/port.o")"
out=$(sed 's/ (from cache)$//' <<<"$out")
is "$out" "$(build/colinux inspect "$kernel" --modules "$modules" \
	--port build/port/port.o | sed 's/ (from cache)$//')" \
	"inspect knows of a stock kernel what it knows on Linux"
like "$out" '^can be handled' "and that it can be a guest"
is "$(build/colinux help | grep -c '^  driver')" 0 "which Linux has not"

# --- Configurations ---
dir=$tmp/dé
mkdir "$dir"
truncate -s 1M "$dir/disk ä.img"
wdir=$(windows_path "$dir")
words='kernel="%s"\r\n# a comment\r\nmem=128\r\ncobd0="%s\\disk ä.img",ro\r\nro\r\n'
# shellcheck disable=SC2059
printf "$words" "$wkernel" "$wdir" >"$dir/utf8.conf"
{ printf '\xef\xbb\xbf'; cat "$dir/utf8.conf"; } >"$dir/bom.conf"
{ printf '\xff\xfe'; iconv -t UTF-16LE "$dir/utf8.conf"; } >"$dir/utf16.conf"
iconv -t CP1252 "$dir/utf8.conf" >"$dir/ansi.conf"
for encoding in utf8 bom utf16; do
	exe colinux.exe check "$wdir\\$encoding.conf"
	is "$rc $(grep '^cobd0' <<<"$out")" \
		"0 cobd0 $wdir\\disk ä.img, read-only, /dev/vda in the guest" \
		"check: CRLF, Windows paths, $encoding"
done
# Wine's code page is that of its locale.
LC_ALL=C exe colinux.exe check "$wdir\\ansi.conf"
like "$out$err" 'disk .+\.img' "check: another code page is read"
exe colinux.exe check "@$wdir\\utf8.conf" cobd1='C:\missing.img'
is "$rc" 2 "check: a missing image"
like "$err" 'cobd1=C:\\missing\.img: ' "... is named"

# --- What NT lacks ---
for word in cofs0='C:\x' vhost-user=blk,x ttys0=pty eth0=tuntap,tap0 \
	vsock=connect vsock=vhost; do
	exe colinux.exe check kernel=x initrd=y "$word"
	is "$rc $(grep -c "^colinux: ${word%%=*}=.* [Ww]indows" <<<"$err")" "2 1" \
		"$word is refused, and why"
done
exe colinux.exe check kernel=x initrd=y vsock=on
unlike "$err" '^colinux: vsock=' "vsock=on is what it is anyway"
exe colinux.exe check kernel=x initrd=y eth0=bridge,br0
like "$err" '^colinux: eth0=: tuntap, bridge and macvtap are .*; use slirp' \
	"eth0=bridge: what to use instead"
{ cat "$dir/utf8.conf"; echo eth0=slirp,,tcp:2222:22; } >"$dir/net.conf"
exe colinux.exe check "$wdir\\net.conf"
like "$out" 'eth0=slirp,,tcp:2222:22: network card 0: addresses translated' "eth0=slirp"
exe colinux.exe check kernel=x initrd=y eth0=slirp,,tcp:2222
like "$err" '^colinux: eth0: tcp:2222 is no redirection' "... checked"
exe colinux.exe image create "$wdir\\new.img"
is "$rc" 1 "image create is refused"
like "$err" 'Debian' "... and where it is done"
exe colinux.exe run "@$wdir\\utf8.conf" "modules=$wmodules" "port=$(windows_path \
	build/port/port.o)" "colinux-init=$(windows_path build/guest/colinux-init)"
is "$rc" 1 "run without the driver"
like "$err" 'colinux: \\\\\.\\colinux: the driver is not loaded; .*install' \
	"... says what to do"

# --- Driver and services, with Wine's service manager ---
driver=$(windows_path build/host-windows/colinux.sys)
exe colinux.exe driver install --dry-run "$driver"
is "$rc $out" "0 would install the driver colinux: $driver, started now and by \
the guests' services" "driver install --dry-run"
exe colinux.exe driver status
is "$rc $out" "1 driver not installed" "... has done nothing"
exe colinux.exe driver install --no-start "$driver"
is "$rc" 0 "driver install --no-start"
unlike "$err" 'Secure Boot' "... says nothing of Secure Boot, which is off"
exe colinux.exe --status-driver
is "$rc $out" "0 driver stopped" "... and its classic status"
exe colinux.exe service install --dry-run deb "$wdir\\utf8.conf"
is "$rc" 0 "service install --dry-run"
like "$out" 'service run deb "Z:.*utf8\.conf"$' "... shows the command line"
exe colinux.exe --install-service deb "@$wdir\\utf8.conf"
is "$rc" 0 "service install, by its classic name"
exe colinux.exe service install deb "$wdir\\utf8.conf"
is "$rc" 1 "... only once"
exe colinux.exe service status deb
is "$rc $out" "0 service colinux-deb stopped" "service status"
exe colinux.exe service remove --all
is "$rc" 0 "service remove --all"
exe colinux.exe service status deb
is "$rc $out" "1 service colinux-deb not installed" "... has removed it"
exe colinux.exe driver remove
is "$rc" 0 "driver remove"
state='HKLM\System\CurrentControlSet\Control\SecureBoot\State'
"$wine" reg add "$state" /v UEFISecureBootEnabled /t REG_DWORD /d 1 /f \
	>/dev/null 2>&1
exe colinux.exe driver install --no-start "$driver"
like "$err" 'Secure Boot is on' "driver install where Secure Boot is on says so"
exe colinux.exe driver remove
"$wine" reg delete "$state" /f >/dev/null 2>&1

# --- Whole runs, with a fake driver ---
COLINUX_DATA=$(windows_path build)
COLINUX_RUN=$wdir\\run
export COLINUX_DATA COLINUX_RUN
guest=("kernel=$wkernel" "modules=$wmodules" mem=128
	"cobd0=$wdir\\disk ä.img" root=/dev/cobd0 eth0=slirp,02:00:00:00:00:07
	"ttys0=file:$wdir\\serial.txt")
exe colinux-fake.exe run "${guest[@]}"
is "$rc $out" "0 fake guest: loaded, last 0
fake guest: loaded, last -38" "a kernel is loaded; the guest hears Linux errno"
like "$err" 'cobd0: block, .*disk ä.img, 1 MiB, overlapped' "... has a disk"
like "$err" 'eth0: network, slirp, 02:00:00:00:00:07, up' "... a card"
like "$err" '^colinux: ttys0: file:.*serial\.txt' "... a serial port"
FAKE_GUEST=panic exe colinux-fake.exe run -q "${guest[@]}"
is "$rc" 100 "a panic's exit status"
FAKE_GUEST=sleep exe colinux-fake.exe start name=one "${guest[@]}"
like "$rc $out" '^0 one [0-9]+$' "start"
exe colinux-fake.exe ps
like "$out" '^one +[0-9]+ running .* 128M' "ps, through the control pipe"
FAKE_GUEST=sleep exe colinux-fake.exe run name=one "${guest[@]}"
like "$err" 'one is running already' "a name is taken once"
exe colinux-fake.exe run name=two "${guest[@]}"
like "$err" 'cobd0: .* in use by another' "... and so is a disk"
exe colinux-fake.exe memory one
like "$out" '^size 128$' "memory: what the guest has"
exe colinux-fake.exe memory one 96
like "$rc $err" '^1 colinux: the guest has no balloon driver' \
	"... its kernel, which does not run, has no balloon"
exe colinux-fake.exe disk list one
like "$out" '^cobd0: block, .*disk ä.img, 1 MiB' "disk list"
exe colinux-fake.exe disk resize one cobd0 3M
is "$rc $out $(stat -c %s "$dir/disk ä.img")" "0 3145728 bytes 3145728" \
	"disk resize grows the file"
truncate -s 4M "$dir/disk ä.img"
exe colinux-fake.exe disk refresh one cobd0
is "$rc $out" "0 4194304 bytes" "disk refresh: it has grown"
exe colinux-fake.exe disk add one cobd1=x.img
like "$rc $err" '^1 colinux: x.img: ' "disk add: a file that is not there"
exe colinux-fake.exe disk add one "cobd1=$wdir\\disk ä.img"
like "$rc $err" '^1 colinux: .*disk ä.img: in use' "... one that is in use"
exe colinux-fake.exe disk add one cobd1=x.qcow2
like "$rc $err" '^2 colinux: .*raw' "... a format that is Linux'"
truncate -s 2M "$dir/more.img"
# add_more NAME: a second disk.  These guests have no driver that would take it:
# the answer is at their end.
add_more()
{
	local i
	timeout 180 "$wine" build/nt/colinux-fake.exe disk add "$1" \
		"cobd1=$wdir\\more.img" >"$tmp/add" 2>&1 </dev/null &
	adder=$!
	for ((i = 0; i < 60; i++)); do
		exe colinux-fake.exe disk list "$1"
		! grep -q '^cobd1' <<<"$out" || break
	done
}
add_more one
like "$out" '^cobd1: block, .*more.img, 2 MiB, overlapped' "disk add: the file came along"
exe colinux-fake.exe disk add one "cobd2=$wdir\\more.img"
like "$err" 'more.img: in use' "... and is the guest's alone"
exe colinux-fake.exe disk remove one cobd9
like "$rc $err" '^1 colinux: there is no cobd9' "disk remove reaches the guest"
exe colinux-fake.exe exec one --timeout 2 true
like "$rc $err" "^125 colinux: one: no answer from the guest's agent: " \
	"exec, by a pipe to the VM's process: its guest has none"
exe colinux-fake.exe kill one
is "$rc" 0 "kill gets a vCPU out of its request"
rc=0
wait "$adder" || rc=$?
is "$rc" 1 "... and disk add is told"
exe colinux-fake.exe ps
unlike "$out" '^one' "... and the process is gone"
like "$(cat "$dir/run/one/log")" 'colinux kill' "the log says so"

# --- The same on NT 5.2: nt52.c has what that lacks ---
for nt in 5.2 newest; do
	FAKE_NT=$nt exe nt52-test.exe
	is "$rc $(grep -c '^ok' <<<"$out")" "0 21" \
		"locks, conditions and the rest, NT $nt" || diag "$out"
done
export FAKE_NT=5.2
FAKE_GUEST=sleep exe colinux-fake.exe start name=old "${guest[@]}"
like "$rc $out" '^0 old [0-9]+$' "start on NT 5.2"
exe colinux-fake.exe ps
like "$out" '^old +[0-9]+ running .* 128M' "ps there"
exe colinux-fake.exe disk resize old cobd0 5M
is "$rc $out $(stat -c %s "$dir/disk ä.img")" "0 5242880 bytes 5242880" \
	"disk resize there"
add_more old
like "$out" '^cobd1: block, .*more.img, 2 MiB, overlapped' "disk add there"
exe colinux-fake.exe kill old
is "$rc" 0 "kill gets a vCPU out there, too"
wait "$adder"
exe colinux-fake.exe ps
unlike "$out" '^old' "... and the process is gone"
unset FAKE_NT

# --- The block engine ---
(cd "$tmp" && timeout 180 "$wine" "$top/build/nt/disk-test.exe") \
	>"$tmp/disk" 2>/dev/null </dev/null
ok $? "the block engine: $(grep -c '^ok' "$tmp/disk") of 25 checks" ||
	diag "$(grep -v '^ok' "$tmp/disk")"

# --- The balloon ---
timeout 180 "$wine" build/nt/balloon-test.exe >"$tmp/balloon" 2>/dev/null \
	</dev/null
ok $? "the balloon: $(grep -c '^ok' "$tmp/balloon") of 68 checks" ||
	diag "$(grep -v '^ok' "$tmp/balloon")"

# --- Network ---
(cd "$tmp" && timeout 180 "$top/tests/windows/net_peer.py" "$wine" \
	"$top/build/nt/net-test.exe") >"$tmp/net" 2>/dev/null </dev/null
ok $? "network by slirp: $(grep -c '^ok' "$tmp/net") of 10 checks" ||
	diag "$(grep -v '^ok' "$tmp/net")"

# --- Serial ports ---
for nt in newest 5.2; do
	mkdir "$tmp/serial-$nt"
	(cd "$tmp/serial-$nt" && FAKE_NT=$nt timeout 180 \
		"$top/tests/windows/serial_peer.py" "$wine" \
		"$top/build/nt/serial-test.exe" "$WINEPREFIX/dosdevices") \
		>"$tmp/serial" 2>/dev/null </dev/null
	ok $? "serial ports, NT $nt: $(grep -c '^ok' "$tmp/serial") of 21 \
checks" || diag "$(grep -v '^ok' "$tmp/serial")"
done

# --- The installer ---
if [ -e build/nt/colinux-setup.exe ]; then
	unset COLINUX_DATA COLINUX_RUN
	home="$WINEPREFIX/drive_c/Program Files/coLinux"
	exe colinux-setup.exe /S
	is "$rc" 0 "the installer"
	is "$(cd "$home" && ls | xargs)" "LICENSE.txt README.txt colinux-agent colinux-init \
colinux-port.o colinux.exe colinux.sys example.conf signing.txt uninstall.exe" \
		"... its files"
	try "... the driver is that of this tree" \
		cmp "$home/colinux.sys" build/host-windows/colinux.sys
	exe colinux.exe driver status
	is "$out" "driver stopped" "... the driver is installed, not started"
	is "$(find "$WINEPREFIX/drive_c/ProgramData" -path '*coLinux*.lnk' |
		wc -l)" 4 "... the start menu"
	timeout 180 "$wine" "$home/colinux.exe" info >"$tmp/info" 2>&1
	like "$(cat "$tmp/info")" '^port .*coLinux.colinux-port\.o' \
		"... the program finds what belongs to it"
	# It copies itself away and goes on there.
	timeout 180 "$wine" "$home/uninstall.exe" /S >/dev/null 2>&1
	for ((i = 0; i < 600; i++)); do
		[ -d "$home" ] || break
		sleep 0.2
	done
	is "$(ls "$home" 2>/dev/null | xargs)" "" "uninstall removes all"
	exe colinux.exe driver status
	is "$out" "driver not installed" "... and the driver"
else
	skip "the installer" "makensis (package nsis) is not installed"
fi
done_testing
