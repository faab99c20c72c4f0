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
mapfile -t names < <(tests/windows/hostile_names "$tmp/frames")
# An input that never ends.
mkfifo "$tmp/alive"

tests/windows/agent_peer.py build/guest/colinux-agent "$tmp/frames" \
	0<>"$tmp/alive" >"$tmp/port" &
helpers+=($!)
wait_for 120 test -s "$tmp/port" || bail "agent_peer.py does not start"
"$wine" "$top/build/nt/vsock-guest.exe" vm "$(cat "$tmp/port")" \
	0<>"$tmp/alive" >"$tmp/ready" 2>/dev/null &
helpers+=($!)
wait_for 120 test -s "$tmp/ready" || bail "vsock-guest.exe does not start"
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
# A console (Wine's, on a terminal): its size, raw mode.
rc=0
tests/lib/converse --size 30x100 60 "$wine" build/nt/colinux.exe exec -t vm sh \
	>"$tmp/tty" 2>&1 <<'END' || rc=$?
send PS1='ready>'; stty size
expect 30 100
expect ready>
send trap 'echo in''tr; exit 5' INT; echo wa''its; while :; do sleep 0.1; done
expect waits
type \x03
expect intr
end
END
is "$rc" 5 "a console, its size, Ctrl-C" || diag "$(cat "$tmp/tty")"
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
try "a command that runs" wait_for 120 test -e "$tmp/waits"
exe colinux.exe exec vm echo beside
is "$rc $out" "0 beside" "... does not hold up another"
{ kill -KILL "$client"; wait "$client"; } 2>/dev/null
try "... and gets SIGHUP when its client has died" wait_for 120 test -e "$tmp/hup"

# --- cp ---
mkdir -p "$tmp/tree/sub/deep" "$tmp/tree/däta"
printf 'text\n' >"$tmp/tree/file"
: >"$tmp/tree/empty"
dd if=/dev/urandom of="$tmp/tree/sub/data" bs=64k count=20 status=none
truncate -s 20M "$tmp/tree/holes"
printf end >>"$tmp/tree/holes"
chmod 444 "$tmp/tree/sub/data"
touch -d 2001-02-03T04:05:06.789 "$tmp/tree/sub/deep" "$tmp/tree/file"
# look DIRECTORY: what Windows keeps of it; times to 100 ns.
look()
{
	(cd "$1" && find . -type f -printf '%T@ %p %s\n' |
		sed 's/^\([0-9]*\.[0-9]\{7\}\)[0-9]*/\1/' | sort)
}
wtmp=$(windows_path "$tmp")
exe colinux.exe cp "vm:$tmp/tree" "$wtmp\\there"
is "$rc $err" "0 " "a tree from the guest"
try "... its contents" diff -r "$tmp/tree" "$tmp/there"
is "$(look "$tmp/there")" "$(look "$tmp/tree")" "... times and sizes"
is "$(stat -c %a "$tmp/there/sub/data")" 444 "... what is read-only"
exe colinux.exe cp "vm:$tmp/tree" "$wtmp/there"
try "into a directory that is there, with slashes" \
	diff -r "$tmp/tree" "$tmp/there/tree"
exe colinux.exe cp "vm:$tmp/tree/sub" "$wtmp\\there\\tree"
is "$rc $err" "0 " "read-only files are replaced"
exe colinux.exe cp "$wtmp\\tree" "vm:$tmp/back"
is "$rc $err" "0 " "a tree to the guest"
try "... its contents" diff -r "$tmp/tree" "$tmp/back"
is "$(look "$tmp/back")" "$(look "$tmp/tree")" "... times and sizes"
is "$(stat -c %a "$tmp/back/file" "$tmp/back/sub/data" "$tmp/back/sub" | xargs)" \
	"644 444 755" "... permissions"
exe colinux.exe cp "$wtmp\\tree\\." "vm:$tmp/back"
try "the contents of a directory" test ! -e "$tmp/back/tree" -a "$rc" = 0
(cd "$tmp" && timeout 120 "$wine" "$top/build/nt/colinux.exe" cp tree/file \
	"vm:$tmp/new" >/dev/null 2>&1 </dev/null)
is "$(cat "$tmp/new")" text "a file by a relative path, under another name"
exe colinux.exe cp "vm:$tmp/nowhere" "$wtmp\\x"
is "$rc $err" "1 colinux: vm:$tmp/nowhere: No such file or directory" \
	"no such file in the guest"
exe colinux.exe cp 'C:\nowhere' vm:/tmp
is "$rc $err" "1 colinux: C:/nowhere: No such file or directory" \
	"no such file here"
exe colinux.exe cp "vm:$tmp/tree/file" "$wtmp\\nowhere\\x"
is "$rc $err" "1 colinux: ${wtmp//\\//}/nowhere/x: No such file or directory" \
	"no such directory here"
exe colinux.exe cp "vm:$tmp/tree/file" "$wtmp\\tree\\file:stream"
like "$rc $err" '^1 .*file:stream: left out: Windows cannot have' \
	"a stream of a file is no target"
exe colinux.exe cp "vm:$tmp/tree" "$wtmp\\new"
is "$rc" 1 "a directory does not replace a file"

# A guest that is not to be trusted: nothing appears but what was asked for, in
# "in".
# hostile FRAMES ASKED NAME: copy these.
hostile()
{
	rm -rf "$tmp/box"
	mkdir -p "$tmp/box/in"
	exe colinux.exe cp "vm:/frames/$1/$2" "$wtmp\\box\\in"
	is "$rc" 1 "$3: refused" || diag "$err"
	unlike "$err" $'\x1b' "... a message for people"
}
for i in "${!cases[@]}"; do
	IFS=$'\t' read -r asked name <<<"${cases[i]}"
	hostile "$((i + 1))" "$asked" "$name"
	is "$(cd "$tmp/box" && find . -mindepth 1 ! -path ./in \
		! -path "./in/$asked" ! -path "./in/$asked/*")" "" \
		"... and nothing else"
done
for i in "${!names[@]}"; do
	hostile "w$((i + 1))" tree "${names[i]#*$'\t'}"
	# Names may be no text.
	LC_ALL=C like "$err" '^colinux: .*box/in/tree/.*: left out: ' \
		"... and named"
	# shellcheck disable=SC2086
	is "$(cd "$tmp/box/in" && find . -mindepth 1 | sort | xargs)" \
		"$(printf './tree/%s\n' '' good ${names[i]%%$'\t'*} |
			sed 's,/$,,' | sort | xargs)" \
		"... and what can be is there"
done
done_testing
