#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# colinux exec and cp with the real agent as a process of this machine: what
# needs no guest.  A guest that sends what it should not cannot write outside
# the target of a copy.

. "$(dirname "$0")/../lib/tap.sh"
TOP=$(cd "$(dirname "$0")/../.." && pwd -P)
COLINUX=$TOP/build/colinux
AGENT=$TOP/build/guest/colinux-agent
[ -x "$COLINUX" ] && [ -x "$AGENT" ] || skip_all "not built"

WORK=$(mktemp -d /tmp/colinux-exec-XXXXXX)
export COLINUX_RUN=$WORK/run
mkdir -m 700 "$COLINUX_RUN"
cd "$WORK" || exit
trap 'exec 9>&-; rm -rf "$WORK"' EXIT

# vm NAME [MODE]: a guest that is none, until descriptor 9 is closed.
mkfifo alive
exec 9<>alive
vm()
{
	"$TOP/tests/exec/fake-vm" "$COLINUX_RUN" "$1" "$AGENT" "${2:-}" \
		<alive >"ready-$1" 2>"log-$1" 9>&- &
	for _ in $(seq 600); do
		[ -s "ready-$1" ] && return
		sleep 0.1
	done
	bail "fake-vm does not start: $(cat "log-$1")"
}

# run ARGUMENT...: colinux with its output, error and status.
run()
{
	STATUS=0
	timeout 60 "$COLINUX" "$@" >out 2>err </dev/null || STATUS=$?
	OUT=$(cat out)
	ERR=$(cat err)
}

# appears FILE: within 60 seconds.
appears()
{
	for _ in $(seq 600); do
		[ -e "$1" ] && return
		sleep 0.1
	done
	return 1
}

vm vm
run exec vm -- sh -c 'echo out; echo err >&2; exit 7'
is "$STATUS $OUT $ERR" "7 out err" "status, output, error"
run exec vm /nowhere/program
is "$STATUS $ERR" "127 colinux: /nowhere/program: No such file or directory" \
	"no such file"
run exec vm no-such-program
is "$STATUS" 127 "nothing of that name in PATH"
run exec vm /etc/passwd
is "$STATUS" 126 "no program"
run exec vm -w /nowhere true
is "$STATUS $ERR" "126 colinux: /nowhere: No such file or directory" \
	"no such directory"
run exec vm -u nobody-of-that-name true
is "$STATUS" 125 "no such user"
like "$ERR" 'no such user or group: nobody-of-that-name$' "its name"
run exec nothing true
is "$STATUS" 125 "no such guest"
run exec vm
is "$STATUS" 125 "no command"
run exec vm -e novalue true
is "$STATUS" 125 "no variable"
run exec -e A=1 -e 'B=x y' -e A=2 vm -- sh -c 'echo "$A $B $-"'
like "$OUT" '^2 x y' "variables, options before the name"
run exec vm -- sh -c 'kill -KILL $$'
is "$STATUS" 137 "ended by a signal"
printf '#no interpreter\necho script "$@"\n' >script
chmod 755 script
run exec vm "$WORK/script" a b
is "$OUT" "script a b" "a script without an interpreter"
run exec vm cat
is "$STATUS $OUT" "0 " "no input without -i"
run exec vm -- sh -c 'sleep 100 & echo done'
is "$STATUS $OUT" "0 done" "a process left behind does not hold it up"
run exec vm -- sh -c 'i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i + 1)); done'
is "$OUT" "$(seq 0 2999)" "the last output of a command is there"
run exec vm -- seq "$(seq -s ' ' 2 2)" 1 4
is "$OUT" "$(seq 2 1 4)" "words"

dd if=/dev/urandom of=data bs=1M count=20 status=none
is "$("$COLINUX" exec -i vm cat <data | md5sum)" "$(md5sum <data)" \
	"20 MB through a command"
is "$("$COLINUX" exec -i vm -- sh -c 'exec <&-; sleep 0.3; echo x' <data)" x \
	"input that nobody reads"
STATUS=0
"$COLINUX" exec vm yes | head -n 1 >out || STATUS=$?
is "$(cat out)" y "output that nobody reads any longer"
"$COLINUX" exec vm -- sh -c 'trap "exit 9" USR1; echo $$ >pid.new
	mv pid.new '"$WORK"'/pid; while :; do sleep 0.05; done' 2>err &
PID=$!
appears pid
kill -USR1 "$PID"
STATUS=0
wait "$PID" || STATUS=$?
is "$STATUS" 9 "SIGUSR1 is passed on"

"$COLINUX" exec vm -- sh -c "exec 2>/dev/null; trap 'touch $WORK/hup; exit' HUP
	touch $WORK/waits; while :; do sleep 0.05; done" 2>err &
PID=$!
appears waits
{ kill -KILL "$PID"; wait "$PID"; } 2>/dev/null
try "a command whose client has died gets SIGHUP" appears hup

# A terminal.
run exec -t vm -- sh -c 'tty; stty size; echo last words'
like "$OUT" '^/dev/pts/' "a terminal"
like "$OUT" '^24 80' "of a size"
like "$OUT" '^last words' "and all that was written to it"
STATUS=0
"$TOP/tests/lib/converse" --size 30x100 30 "$COLINUX" exec -t vm sh \
	>tty 2>&1 <<'END' || STATUS=$?
send PS1='ready>'; stty size
expect 30 100
expect ready>
size 20x70
send trap 'echo in''tr; exit 5' INT; while ! [ "$(stty size)" = "20 70" ]; do :; done; echo re''sized; while :; do sleep 0.1; done
expect resized
type \x03
expect intr
end
END
is "$STATUS" 5 "its size changes, Ctrl-C" || diag "$(cat tty)"

# The guest needs a while; or does not answer; or is gone.
vm late busy
run exec late echo up
is "$STATUS $OUT" "0 up" "a guest that is starting"
vm mute mute
run exec mute --timeout 1 true
is "$STATUS $ERR" \
	"125 colinux: mute: no answer from the guest's agent: it does not answer" \
	"a guest that does not answer"

# --- Copies ---

mkdir -p tree/sub/deep
ln -s nowhere tree/link
printf 'text\n' >tree/file
: >tree/empty
truncate -s 100M tree/holes
printf end >>tree/holes
dd if=/dev/urandom of=tree/sub/data bs=64k count=3 status=none
touch -d 2001-02-03T04:05:06.789 tree/sub/deep tree/file
chmod 600 tree/file
chmod 1777 tree/sub
mkfifo tree/fifo
look() { (cd "$1" && find . -printf '%p %y %m %U %G %T@ %s %l\n' | sort); }
run cp vm:"$WORK/tree" there
is "$STATUS $ERR" "0 " "a tree from the guest"
is "$(look there | sed 's/^\(.\/sub d\) 777/\1 1777/')" "$(look tree)" \
	"all of it"
try "its contents" diff -r --no-dereference -x fifo tree there
is "$(($(du -sk there | cut -f1) < 1000))" 1 "holes stay holes"
run cp tree vm:"$WORK/back"
is "$STATUS $(look back)" "0 $(look tree)" "a tree to the guest"
run cp tree vm:"$WORK/back"
try "into a directory that is there" diff -r --no-dereference -x fifo tree back/tree
run cp tree/. vm:"$WORK/back"
is "$STATUS" 0 "the contents of a directory"
try "are not a directory more" test ! -e back/back
run cp tree/file vm:"$WORK/new"
is "$STATUS $(cat new)" "0 text" "a file under another name"
run cp vm:"$WORK/nowhere" x
is "$STATUS $ERR" "1 colinux: vm:$WORK/nowhere: No such file or directory" \
	"no such file in the guest"
run cp nowhere vm:/tmp
is "$STATUS $ERR" "1 colinux: nowhere: No such file or directory" \
	"no such file here"
run cp vm:"$WORK/tree/file" nowhere/x
is "$STATUS $ERR" "1 colinux: nowhere/x: No such file or directory" \
	"no such directory here"
run cp tree/file vm:"$WORK/new/"
is "$STATUS" 1 "a file is no directory"
run cp tree/file vm:"$WORK/tree/sub/deep/x/"
is "$STATUS" 1 "a directory that is not there"
run cp tree vm:"$WORK/new"
like "$ERR" "^colinux: vm:$WORK/new: cannot enter|cannot make" \
	"a directory does not replace a file"
run cp vm:/dev/null here
is "$STATUS $ERR" "1 colinux: vm:/dev/null: left out: a device or socket" \
	"a device"
run cp a b
is "$STATUS" 2 "no guest is named"
run cp vm:/proc/version version
try "a file without a size" cmp version /proc/version

# --- A guest that is not to be trusted ---

# hostile NAME PYTHON: `cp` gets these frames; nothing appears but in "in".
number=0
hostile()
{
	local name=$1
	number=$((number + 1))
	rm -rf box
	mkdir -p box/in
	python3 - "$2" >frames <<'END'
import struct
import sys


def frame(kind, payload=b""):
    return struct.pack("<II", kind, len(payload)) + payload


def entry(kind, name, mode=0o755, size=0):
    return frame(kind, struct.pack("<IIIIqQ", mode, 0, 0, 0, 0, size) + name)


def data(text, at=0):
    return frame(45, struct.pack("<Q", at) + text)


DIR, FILE, FIFO, LINK, UP, END = 40, 41, 42, 43, frame(44), frame(46)
TREE = entry(DIR, b"tree")
EVIL = data(b"evil") + END
sys.stdout.buffer.write(frame(2, struct.pack("<I", 1)) +
                        eval(sys.argv[1]) + frame(48))
END
	vm "evil$number" "$WORK/frames"
	run cp "evil$number:/x" box/in
	is "$STATUS" 1 "$name: refused" || diag "$ERR"
	is "$(cd box && find . | grep -v '^./in\|^.$')" "" \
		"$name: nothing outside"
}

hostile "dot dot" 'TREE + entry(FILE, b"../../out") + EVIL + UP'
hostile "dot dot alone" 'TREE + entry(DIR, b"..") + entry(FILE, b"out") + EVIL + UP + UP'
hostile "dot" 'TREE + entry(DIR, b".") + UP + UP'
hostile "absolute" "entry(FILE, b\"$WORK/box/out\") + EVIL"
hostile "no name" 'TREE + entry(FILE, b"") + EVIL + UP'
hostile "NUL" 'TREE + entry(FILE, b"a\0b") + EVIL + UP'
hostile "a link and then a directory of its name" \
	'TREE + entry(LINK, b"l\0../..") + entry(DIR, b"l") + entry(FILE, b"out") + EVIL + UP + UP'
try "what is in the link's place is not followed" test ! -e box/out
hostile "a file through a link" \
	'TREE + entry(LINK, b"l\0../../out") + entry(FILE, b"l/x") + EVIL + UP'
hostile "out of the target" 'TREE + UP + UP + entry(FILE, b"out") + EVIL'
hostile "two first entries" 'entry(FILE, b"a") + EVIL + entry(FILE, b"b") + EVIL'
hostile "data without a file" 'data(b"x")'
hostile "an offset that cannot be" 'entry(FILE, b"a") + data(b"x", 2**63) + END'
hostile "129 directories" 'TREE * 129'
hostile "a frame without end" 'struct.pack("<II", 41, 2**31) + b"x" * 100'
hostile "a name of 300 bytes" 'entry(FILE, b"n" * 300) + EVIL'
hostile "a link without a target" 'entry(LINK, b"l")'
hostile "half a tree" 'TREE + entry(FILE, b"a") + data(b"x")'
hostile "an escape for the terminal" 'frame(47, b"\x1b[2J")'
unlike "$ERR" $'\x1b' "an escape for the terminal: not shown"

# A link that was there before is replaced, not written through.
rm -rf box
mkdir -p box/in
ln -s ../out box/in/a
python3 -c 'import struct, sys
e = struct.pack("<IIIIqQ", 0o6755, 0, 0, 0, 0, 4) + b"a"
d = struct.pack("<Q", 0) + b"good"
f = lambda t, p=b"": struct.pack("<II", t, len(p)) + p
sys.stdout.buffer.write(f(2, struct.pack("<I", 1)) + f(41, e) + f(45, d) +
                        f(46) + f(48))' >frames
vm good "$WORK/frames"
run cp good:/a box/in
is "$STATUS $(cat box/in/a)" "0 good" "a link that is there is replaced"
try "and not followed" test ! -e box/out
is "$(stat -c %a box/in/a)" 755 "no set-user-ID from a guest"

# exec: nonsense instead of an answer.
printf 'AAAAAAAAAAAAAAAAAAAA' >frames
vm nonsense "$WORK/frames"
run exec nonsense --timeout 1 true
is "$STATUS" 125 "nonsense instead of an agent"
done_testing
