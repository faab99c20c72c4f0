#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# exec and cp of colinux.exe under Wine, with the VM's vsock device and its
# pipe, and the real agent as a process of this machine (vsock_guest.c).

. "$(dirname "$0")/wine.sh"

[ -e "$top/build/nt/vsock-guest.exe" ] ||
	skip_all "no colinux.exe: scripts/windows-libs has not been run"
cd "$top"
tmp=$(mktemp -d)
helpers=()
trap '{ kill -KILL "${helpers[@]}"; wait; } 2>/dev/null; rm -rf "$tmp"' EXIT
wine_ready

COLINUX_RUN=$(windows_path "$tmp")\\rün
export COLINUX_RUN
mkdir "$tmp/frames"
mapfile -t cases < <(tests/exec/hostile "$tmp/frames" "$tmp/box/out")
# An input that never ends.
mkfifo "$tmp/alive"

# until_true COMMAND...: within two minutes.
until_true()
{
	local i
	for ((i = 0; i < 1200; i++)); do
		! "$@" || return 0
		sleep 0.1
	done
	return 1
}

tests/windows/agent_peer.py build/guest/colinux-agent "$tmp/frames" \
	0<>"$tmp/alive" >"$tmp/port" &
helpers+=($!)
until_true test -s "$tmp/port" || bail "agent_peer.py does not start"
"$wine" "$top/build/nt/vsock-guest.exe" vm "$(cat "$tmp/port")" \
	0<>"$tmp/alive" >"$tmp/ready" 2>/dev/null &
helpers+=($!)
until_true test -s "$tmp/ready" || bail "vsock-guest.exe does not start"
is "$(tr -d '\r' <"$tmp/ready")" ready "a vsock device and its pipe"

# --- exec ---
exe colinux.exe exec vm -- sh -c 'echo out; echo err >&2; exit 7'
is "$rc $out $err" "7 out err" "status, output, error"
exe colinux.exe exec vm /nowhere/program
is "$rc $err" "127 colinux: /nowhere/program: No such file or directory" \
	"no such file"
exe colinux.exe exec vm no-such-program
is "$rc" 127 "nothing of that name in PATH"
exe colinux.exe exec vm -u nobody-of-that-name true
like "$rc $err" '^125 .*no such user or group: nobody-of-that-name$' \
	"no such user"
exe colinux.exe exec nothing true
like "$rc $err" '^125 colinux: no guest called nothing' "no such guest"
exe colinux.exe exec vm
is "$rc" 125 "no command"
exe colinux.exe exec -e 'B=x ÿ' vm -- sh -c 'echo "$B"'
is "$out" "x ÿ" "a variable, in UTF-8"
exe colinux.exe exec vm -- sh -c 'kill -KILL $$'
is "$rc" 137 "ended by a signal"
exe colinux.exe exec vm cat
is "$rc $out" "0 " "no input without -i"
exe colinux.exe exec vm -- seq 1 3000
is "$out" "$(seq 3000)" "the last output of a command is there"
exe colinux.exe exec -t vm -- sh -c 'tty; stty size'
like "$out" '^/dev/pts/' "a terminal"
like "$out" '^24 80' "... of a size"
dd if=/dev/urandom of="$tmp/data" bs=1M count=8 status=none
is "$(timeout 120 "$wine" build/nt/colinux.exe exec -i vm cat <"$tmp/data" \
	2>/dev/null | md5sum)" "$(md5sum <"$tmp/data")" \
	"8 MB through a command, from a file"
is "$(timeout 120 cat "$tmp/data" | timeout 120 "$wine" build/nt/colinux.exe \
	exec -i vm cat 2>/dev/null | md5sum)" "$(md5sum <"$tmp/data")" \
	"... and from a pipe"
exe colinux.exe exec -i vm -- sh -c 'exec <&-; echo x'
is "$rc $out" "0 x" "input that nobody reads"
# Several at once, and what is left behind by one that is killed.
"$wine" build/nt/colinux.exe exec vm -- sh -c "exec 2>/dev/null
	trap 'touch $tmp/hup; exit' HUP; touch $tmp/waits
	while :; do sleep 0.05; done" >/dev/null 2>&1 </dev/null &
client=$!
try "a command that runs" until_true test -e "$tmp/waits"
exe colinux.exe exec vm echo beside
is "$rc $out" "0 beside" "... does not hold up another"
{ kill -KILL "$client"; wait "$client"; } 2>/dev/null
try "... and gets SIGHUP when its client has died" until_true test -e "$tmp/hup"
done_testing
