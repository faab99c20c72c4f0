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

# Guests that are none, until descriptor 9 is closed.
mkdir frames
mapfile -t CASES < <("$TOP/tests/exec/hostile" frames "$WORK/box/out")
vms=(vm late=busy mute=mute "good=$WORK/frames/good"
	"nonsense=$WORK/frames/nonsense")
for i in $(seq ${#CASES[@]}); do
	vms+=("evil$i=$WORK/frames/$i")
done
mkfifo alive
exec 9<>alive
"$TOP/tests/exec/fake-vm" "$COLINUX_RUN" "$AGENT" "${vms[@]}" <alive \
	>vms-ready 2>vms-log 9>&- &
for _ in $(seq 600); do
	[ -s vms-ready ] && break
	sleep 0.1
done
[ -s vms-ready ] || bail "fake-vm does not start: $(cat vms-log)"

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
run exec vm echo -h --help
is "$STATUS $OUT" "0 -h --help" "the command's own -h and --help"
run exec vm -w -h true
is "$STATUS $ERR" "126 colinux: -h: No such file or directory" \
	"an option's value that looks like one"
for words in -h "vm --help" "-i vm -h true"; do
	# shellcheck disable=SC2086
	run exec $words
	like "$STATUS $OUT" '^0 Usage: colinux exec' "$words: ours"
done
if [ "$(id -u)" = 0 ]; then
	OUT=$(echo in | "$COLINUX" exec -i -u 65534 vm -- sh -c 'cat /dev/stdin
		echo out >/dev/stdout; echo err >/dev/stderr' 2>err) || true
	is "$(echo $OUT $(cat err))" "in out err" \
		"another user can open /dev/stdin, stdout and stderr"
else
	skip "another user can open /dev/stdin, stdout and stderr" "not root"
fi
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
LONG=$(printf '%65536s' '')
run exec vm -e "A=${LONG:2}" -- sh -c 'echo "${#A} ${#1}"' sh "$LONG"
is "$STATUS $OUT" "0 65534 65536" "the longest words"
run exec vm true a "$LONG."
is "$STATUS $ERR" "125 colinux: word 3 of the command is too long: 65537 \
bytes, at most 65536 can be sent" "a word that is too long"
run exec vm -e A=1 -e "A=$LONG" true
is "$STATUS $ERR" "125 colinux: -e number 2 is too long: 65538 bytes, at most \
65536 can be sent" "a variable that is too long"
run cp vm:"$LONG." .
is "$STATUS $ERR" "2 colinux: the guest's path is too long: 65537 bytes, at \
most 4095 can be sent; see: colinux cp --help" "a path that is too long"

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
# Its input is no terminal: the end of it is Ctrl-D.
# to_terminal INPUT COMMAND...: output in $OUT, without what is NUL.
to_terminal()
{
	local input=$1
	shift
	STATUS=0
	OUT=$(printf "$input" | timeout -s KILL 30 "$COLINUX" exec -t vm "$@" 2>&1 |
		tr -d '\r\0'; exit "${PIPESTATUS[1]}") || STATUS=$?
}
to_terminal 'foo\n' cat
is "$STATUS" 0 "the end after a line" || diag "$OUT"
to_terminal foo cat
is "$STATUS" 0 "the end after an unfinished line" || diag "$OUT"
like "$OUT" foo "which is read"
to_terminal '' cat
is "$STATUS" 0 "the end of nothing" || diag "$OUT"
# With the mode changed before the end comes, or afterwards.
RAW="stty raw -echo; touch $WORK/raw; "'echo is raw
	while [ "$(dd bs=1 count=1 2>/dev/null | od -An -tx1)" != " 04" ]; do :; done
	echo end'
to_terminal foo sh -c "$RAW"
like "$STATUS $OUT" '^0 .*$' "the end in raw mode"
like "$OUT" '^end$' "is a character"
mkfifo input
rm raw
timeout -s KILL 30 "$COLINUX" exec -t vm -- sh -c "$RAW" <input >out 2>&1 &
PID=$!
exec 8>input
appears raw
exec 8>&-
STATUS=0
wait "$PID" || STATUS=$?
is "$STATUS" 0 "the end when it is raw" || diag "$(cat out)"
to_terminal 'echo a\nsleep 0.1\necho b$((1 + 1))\n' bash --norc -i
is "$STATUS" 0 "the end of a shell that edits its lines" || diag "$OUT"
like "$OUT" 'b2$' "after all of its commands"

# The guest needs a while; or does not answer; or is gone.
run exec late echo up
is "$STATUS $OUT" "0 up" "a guest that is starting"
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
mkdir contents
run cp vm:"$WORK/tree/." contents
is "$STATUS $ERR" "0 " "the contents of one of the guest"
try "are the same" diff -r --no-dereference -x fifo tree contents
run cp vm:"$WORK/tree/sub/" contents/sub/deep
try "a directory that is named with a slash" test -f contents/sub/deep/sub/data
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
ADDRESS=/sys/class/net/lo/address
run cp vm:$ADDRESS .
try "a file shorter than its size" cmp address $ADDRESS
run cp $ADDRESS vm:"$WORK/other"
try "to the guest, too" cmp other $ADDRESS

# --- A guest that is not to be trusted ---

# Nothing appears but what was asked for, in "in".
for i in $(seq ${#CASES[@]}); do
	IFS=$'\t' read -r asked name <<<"${CASES[i - 1]}"
	rm -rf box
	mkdir -p box/in
	run cp "evil$i:/x/$asked" box/in
	is "$STATUS" 1 "$name: refused" || diag "$ERR"
	is "$(cd box && find . -mindepth 1 ! -path ./in ! -path "./in/$asked" \
		! -path "./in/$asked/*")" "" "$name: nothing else"
	unlike "$ERR" $'\x1b|\xc2\x9b' "$name: a message for people"
	[[ $name != another* ]] || is "$ERR" "colinux: box/in: asked for a, the other \
side sends other" "$name: both names are said"
done

# A link that was there before is replaced, not written through.
rm -rf box
mkdir -p box/in
ln -s ../out box/in/a
run cp good:/a box/in
is "$STATUS $(cat box/in/a)" "0 good" "a link that is there is replaced"
try "and not followed" test ! -e box/out
is "$(stat -c %a box/in/a)" 755 "no set-user-ID from a guest"

# exec: nonsense instead of an answer.
run exec nonsense --timeout 1 true
is "$STATUS" 125 "nonsense instead of an agent"
done_testing
